"""Restored faces back into their photograph, as far as their identity allows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.photo import colour
from restoration.photo.picture import FloatImage
from restoration.quality.faces import Embedding, certainty, cosine, mirror_agreement
from restoration.steps import alignment

BLENDS = (1.0, 0.75, 0.5, 0.25)
"""Shares of the restored face that are tried, in order, until the identity holds."""


@dataclass(frozen=True)
class Likeness:
    """Who a face is before it is restored: its descriptor, and how sure the identity model is of it."""

    descriptor: NDArray[np.float64]
    certainty: float


def likeness(source: FloatImage, matrix: alignment.Matrix, landmarks: alignment.Points, embed: Embedding) -> Likeness:
    """The likeness of a face in a photograph without any restored face.

    :param source: H x W x 3; ``landmarks`` 5 x 2 in its pixels; ``matrix`` the face's alignment.
    """
    region = alignment.face_region(matrix, source.shape[0], source.shape[1])
    marks = landmarks - np.array([region.left, region.top], np.float32)
    gray = gray_bytes(source[region.slices])
    descriptor = embed(gray, marks)
    agreement = mirror_agreement(gray, marks, descriptor, embed)
    return Likeness(descriptor, certainty(alignment.crop(source, matrix), agreement))


@dataclass(frozen=True)
class Candidate:
    """The region's pixels with the restored face in, its share, and the cosine to the face that was there."""

    pixels: FloatImage
    blend: float
    identity: float


@dataclass(frozen=True)
class Site:
    """The place of one face in its photograph, and everything that judging a restoration of it needs.

    ``base`` are the region's pixels now; ``place`` is the part of it that pasting touches, counted from its corner,
    with its ``mask``; ``marks`` are the landmarks counted from the region's corner, ``before`` the descriptor of the
    face in the photograph as it came to the step, whatever was pasted into ``base`` for its neighbours.
    """

    region: alignment.Region
    matrix: alignment.Matrix
    base: FloatImage
    place: alignment.Region
    mask: NDArray[np.float32]
    marks: alignment.Points
    before: NDArray[np.float64]
    embed: Embedding
    bits: Literal[8, 16]
    chroma_from_restorer: bool

    @classmethod
    def at(
        cls,
        canvas: FloatImage,
        matrix: alignment.Matrix,
        landmarks: alignment.Points,
        known: Likeness,
        embed: Embedding,
        bits: Literal[8, 16],
        chroma_from_restorer: bool,
    ) -> Site:
        """The site of a face in ``canvas``, which may hold other restored faces already."""
        region = alignment.face_region(matrix, canvas.shape[0], canvas.shape[1])
        marks = landmarks - np.array([region.left, region.top], np.float32)
        mask = alignment.ellipse_mask(matrix, landmarks, region)
        place = alignment.extent(mask, replace(region, left=0, top=0))
        return cls(
            region=region,
            matrix=matrix,
            base=np.ascontiguousarray(canvas[region.slices]),
            place=place,
            mask=np.ascontiguousarray(mask[place.slices]),
            marks=marks,
            before=known.descriptor,
            embed=embed,
            bits=bits,
            chroma_from_restorer=chroma_from_restorer,
        )

    def gated(self, restored: FloatImage, threshold: float) -> tuple[Candidate | None, tuple[float, ...]]:
        """The candidate with the largest share whose identity reaches the threshold, if any; and every cosine tried.

        :param restored: aligned face, 512 x 512 x 3.
        """
        face = self._in_place(restored)
        tried: list[float] = []
        for share in BLENDS:
            candidate = self._candidate(face, share)
            tried.append(round(candidate.identity, 4))
            if candidate.identity >= threshold:
                return candidate, tuple(tried)
        return None, tuple(tried)

    def at_blend(self, restored: FloatImage, share: float) -> Candidate:
        """The candidate with exactly this share of the restored face."""
        return self._candidate(self._in_place(restored), share)

    def crop_of(self, candidate: Candidate) -> FloatImage:
        """The candidate's face, aligned: what a second pass starts from."""
        return alignment.crop(candidate.pixels, alignment.within(self.matrix, self.region))

    def _in_place(self, restored: FloatImage) -> FloatImage:
        """The restored face at its place in the region; with the photograph's own chroma unless told otherwise.

        A face that is larger in the photograph than 512 pixels keeps the scan's own finer detail and grain: only what
        the restorer changed at its resolution is enlarged.
        """
        local = alignment.within(self.matrix, self.region)
        base = np.ascontiguousarray(self.base[self.place.slices])
        if alignment.scale_of(self.matrix) < 1:
            change = restored - alignment.crop(self.base, local)
            face = base + alignment.uncrop(change, local, self.place)
        else:
            face = alignment.uncrop(restored, local, self.place)
        face = np.asarray(np.clip(face, 0, 1), np.float32)
        return face if self.chroma_from_restorer else with_chroma_of(base, face, self.bits)

    def _candidate(self, face: FloatImage, share: float) -> Candidate:
        pixels = self.base.copy()
        inner = self.place.slices
        pixels[inner] = alignment.blended(self.base[inner], face, self.mask * np.float32(share))
        after = self.embed(gray_bytes(pixels), self.marks)
        return Candidate(pixels, share, cosine(self.before, after))


def with_chroma_of(base: FloatImage, face: FloatImage, bits: Literal[8, 16]) -> FloatImage:
    """The lightness of a restored face with the a*, b* of what was there, H x W x 3 on the grid of ``bits``."""
    chroma = colour.rgb_to_lab(base)[:, :, 1:]
    red, green, blue = (base[:, :, channel] for channel in range(3))
    chroma[(red == green) & (green == blue)] = 0  # a gray photograph's channels stay equal to the last bit
    return colour.keep_luminance(colour.lightness(face), np.ascontiguousarray(chroma), bits=bits)


def gray_bytes(pixels: FloatImage) -> NDArray[np.uint8]:
    """Luma of a picture as 0..255, for the identity model: colour does not count."""
    return np.rint(np.clip(colour.luminance_y(np.ascontiguousarray(pixels)), 0, 1) * 255).astype(np.uint8)


def sharpness(aligned: FloatImage) -> float:
    """Mean squared Sobel gradient of an aligned face's luma (Tenengrad), smoothed so that grain counts little."""
    luma = cv2.GaussianBlur(colour.luminance_y(aligned), (0, 0), 1.0)
    across, down = cv2.Sobel(luma, cv2.CV_32F, 1, 0), cv2.Sobel(luma, cv2.CV_32F, 0, 1)
    return float(np.mean(across * across + down * down, dtype=np.float64))

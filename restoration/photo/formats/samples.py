"""From bands as libvips reads them to sRGB: alpha, white, colour models, and profiles judged by what they do."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Literal

import pyvips

from restoration.photo.formats.icc import colour_space
from restoration.photo.formats.layout import COLOURS, Layout, Model, unsupported

_INTEGERS = {"uchar": 255, "ushort": 65535}
_FLOATS = frozenset({"float", "double"})
_DEEP = frozenset({"ushort", *_FLOATS})
_BRIGHTEST = 16.0
"""Floating-point light beyond this is no photograph's on a scale where 1 is white, but samples on some other scale."""
_SAVE = "save the scan as 8- or 16-bit gray or RGB TIFF or PNG"
_SAME = 128.0
"""Half a level of 8 bits, in 16 bits: a profile that moves no colour farther is sRGB, whatever its name."""
_GRID = 9
_ICC = "icc-profile-data"

Opener = Callable[[], pyvips.Image]
"""Opens the scan anew, to be read once from top to bottom."""


def is_deep(image: pyvips.Image) -> bool:
    """Whether the samples hold more than 8 bits."""
    return image.format in _DEEP


def layout_of(image: pyvips.Image) -> Layout:
    """Layout of what libvips reads from JPEG, PNG, WebP or BMP, where a last band beyond the colours is alpha."""
    if image.interpretation == "cmyk":
        return Layout("cmyk")
    if image.bands > 4:
        raise unsupported(f"{image.bands} channels are", _SAVE)
    model: Model = "rgb" if image.bands > 2 else "gray"
    return Layout(model, alpha=COLOURS[model] if image.bands in {2, 4} else None)


def examined(open_scan: Opener, layout: Layout) -> tuple[Layout, list[str]]:
    """The layout as the samples themselves bear it out, and notes; reads the scan once if that has to be asked.

    Alpha that is 0 everywhere hides nothing on purpose, alpha that is full everywhere hides nothing at all, and a white
    that samples exceed is none.

    :raises PhotoRejected: unsupported_format: floating-point samples that are not on a scale of 0..1.
    """
    image = open_scan()
    if image.format not in _FLOATS | _INTEGERS.keys():
        raise unsupported(f"samples of type {image.format} are", _SAVE)
    notes: list[str] = []
    if image.format in _FLOATS and layout.model in {"gray", "rgb"}:
        _refuse_other_scales(image.extract_band(0, n=COLOURS[layout.model]))
    if layout.white and _most(open_scan().extract_band(0, n=COLOURS[layout.model])) > layout.white:
        notes.append(f"the file says that {layout.white} is white, but holds brighter samples; 65535 was taken")
        layout = replace(layout, white=0)
    if layout.alpha is not None:
        least, most = _range(open_scan().extract_band(layout.alpha))
        if most <= 0:
            notes.append("the file says that every pixel is transparent; its colours were taken as they are")
        if most <= 0 or least >= _INTEGERS.get(image.format, 1):
            layout = replace(layout, alpha=None)
    return layout, notes


def _refuse_other_scales(colours: pyvips.Image) -> None:
    most = _most(colours)
    if most > _BRIGHTEST:
        raise unsupported(f"floating-point samples up to {most:g}, where 1 should be white, are", _SAVE)


def _most(image: pyvips.Image) -> float:
    return _range(image)[1]


def _range(image: pyvips.Image) -> tuple[float, float]:
    """Least and largest sample, in one pass."""
    statistics = image.stats()
    return float(statistics.getpoint(0, 0)[0]), float(statistics.getpoint(1, 0)[0])


def to_srgb(image: pyvips.Image, layout: Layout, profile: bytes, notes: list[str]) -> pyvips.Image:
    """Three bands of sRGB, uchar or ushort as the scan has 8 bits or more; three equal ones for gray.

    Alpha is flattened on white. Floating-point samples without a profile are linear light (as in OpenEXR, and in
    Photoshop's 32 bits). A profile that cannot be used is noted and left out.

    :param profile: ICC profile of the colours; empty if there is none.
    :raises pyvips.Error: the pixels cannot be read.
    """
    colours, opacity = _parts(image, layout)
    if layout.model in {"cielab", "icclab"}:
        picture = _from_lab(_lab(colours, layout.model))
    elif layout.model == "ycbcr":
        picture = _from_ycbcr(colours, layout.ycbcr)
    elif layout.model == "cmyk":
        picture = _from_cmyk(colours, profile)
    else:
        picture = _from_light(colours, profile, notes)
    picture = _as_kind(picture, "ushort" if is_deep(image) else "uchar")
    return picture if opacity is None else _on_white(picture, opacity)


def _parts(image: pyvips.Image, layout: Layout) -> tuple[pyvips.Image, pyvips.Image | None]:
    """The colours with 0 as black and the whole range of their type, and how opaque they are (0..1, or None)."""
    colours = image.extract_band(0, n=COLOURS[layout.model])
    kind = image.format
    most = float(_INTEGERS.get(kind, 1))
    if layout.inverted:
        colours = (most - colours).cast(kind)
    if layout.white:
        colours = (colours * (most / layout.white)).rint().cast(kind)
    if layout.alpha is None:
        return colours, None
    opacity = image.extract_band(layout.alpha) / most
    if layout.premultiplied:
        colours = colours / opacity
        colours = colours.cast(kind) if kind in _FLOATS else colours.rint().cast(kind)
    return colours, opacity


def _on_white(picture: pyvips.Image, opacity: pyvips.Image) -> pyvips.Image:
    white = float(_INTEGERS[picture.format])
    return (white + (picture - white) * opacity).rint().cast(picture.format)


def _as_kind(picture: pyvips.Image, kind: str) -> pyvips.Image:
    """The picture in 8 or 16 bits, rounded."""
    if picture.format == kind:
        return picture
    return (picture / 257).rint().cast("uchar") if kind == "uchar" else (picture * 257).cast("ushort")


def _from_light(colours: pyvips.Image, profile: bytes, notes: list[str]) -> pyvips.Image:
    """Gray or RGB through its profile, if it has one that is not sRGB."""
    gray = colours.bands == 1
    space = "GRAY" if gray and colour_space(profile) == "GRAY" else "RGB"
    curve = _curve_of(profile, space, notes)
    if colours.format in _FLOATS:
        if curve == "none":
            return _tripled(_joined(colours).copy(interpretation="scrgb").colourspace("rgb16"), gray)
        colours = (colours * 65535).rint().cast("ushort")
    if curve != "other":
        return _tripled(colours, gray)
    return _tripled(_transformed(_joined(colours) if space == "RGB" else colours, profile), gray)


def _curve_of(profile: bytes, space: str, notes: list[str]) -> Literal["none", "srgb", "other"]:
    """What the profile does to colours; "none" (and a note) if it cannot be used."""
    if not profile:
        return "none"
    try:
        if colour_space(profile) == space:
            if _farthest(profile, space) > _SAME:
                return "other"
            # libvips takes sRGB in the place of a profile that it cannot use; offered another, it takes that
            if _farthest(profile, space, input_profile="p3") <= _SAME:
                return "srgb"
        why = f"it is no usable {space} profile"
    except pyvips.Error as error:
        why = str(error)
    notes.append(f"the colour profile cannot be used and was left out: {why}")
    return "none"


def _joined(colours: pyvips.Image) -> pyvips.Image:
    return colours.bandjoin([colours, colours]) if colours.bands == 1 else colours


def _tripled(picture: pyvips.Image, gray: bool) -> pyvips.Image:
    """Three bands, equal ones if the picture is gray: rounding in profiles leaves them a level apart."""
    return _joined(picture.extract_band(picture.bands // 2)) if gray else picture


def _farthest(profile: bytes, space: str, **instead: str) -> float:
    """How far a profile moves any colour of a grid from where sRGB has it, in levels of 16 bits.

    :raises pyvips.Error: it cannot be used.
    """
    steps = [round(k * 65535 / (_GRID - 1)) for k in range(_GRID)]
    if space == "GRAY":
        grid, bands = array("H", range(0, 65536, 257)), 1
    else:
        grid, bands = array("H", (value for colour in product(steps, repeat=3) for value in colour)), 3
    probe = pyvips.Image.new_from_memory(grid.tobytes(), len(grid) // bands, 1, bands, "ushort")
    return _most((_transformed(probe, profile, **instead) - probe).abs())


def _transformed(colours: pyvips.Image, profile: bytes, **instead: str) -> pyvips.Image:
    """Gray or RGB through a profile to 16-bit sRGB: relative colorimetric with black point compensation."""
    gray, deep = colours.bands == 1, colours.format == "ushort"
    meaning = ("grey16" if deep else "b-w") if gray else ("rgb16" if deep else "srgb")
    return _to_srgb_by_lcms(_with_profile(colours.copy(interpretation=meaning), profile), embedded=True, **instead)


def _with_profile(image: pyvips.Image, profile: bytes) -> pyvips.Image:
    image.set_type(pyvips.GValue.blob_type, _ICC, profile)
    return image


def _to_srgb_by_lcms(image: pyvips.Image, **source: object) -> pyvips.Image:
    return image.icc_transform("srgb", intent="relative", black_point_compensation=True, depth=16, **source)


def _from_cmyk(inks: pyvips.Image, profile: bytes) -> pyvips.Image:
    """Inks through their own profile, or the one that libvips brings."""
    inks = inks.copy(interpretation="cmyk")
    if colour_space(profile) != "CMYK":
        inks.remove(_ICC)
        return _to_srgb_by_lcms(inks, input_profile="cmyk")
    return _to_srgb_by_lcms(_with_profile(inks, profile), embedded=True, input_profile="cmyk")


def _lab(samples: pyvips.Image, model: Model) -> pyvips.Image:
    """L*, a*, b* as floats. Codes: TIFF 6.0, section 23; Adobe's 16 bits; ICCLab of TIFF's Supplement 2."""
    if samples.format in _FLOATS:
        return samples.copy(interpretation="lab")
    deep = samples.format == "ushort"
    unit = 256.0 if deep else 1.0
    if model == "cielab":
        lightness = samples.extract_band(0) * (100 / (65535 if deep else 255))
        signed = samples.extract_band(1, n=2).copy(format="short" if deep else "char")
    else:
        lightness = samples.extract_band(0) * (100 / (65280 if deep else 255))
        signed = samples.extract_band(1, n=2) - 128 * unit
    return lightness.bandjoin(signed / unit).cast("float").copy(interpretation="lab")


def _from_lab(lab: pyvips.Image) -> pyvips.Image:
    """L*, a*, b* for D50, as profiles and Photoshop have them, to sRGB."""
    return lab.icc_export(output_profile="srgb", intent="relative", black_point_compensation=True, depth=16)


def _from_ycbcr(samples: pyvips.Image, codes: tuple[float, ...]) -> pyvips.Image:
    """8-bit Y, Cb, Cr to RGB (TIFF 6.0, section 21)."""
    red_weight, green_weight, blue_weight, *references = codes
    black, white = references[::2], references[1::2]
    luma, blue, red = (
        (samples.extract_band(band) - black[band]) * (reach / (white[band] - black[band]))
        for band, reach in enumerate((255.0, 127.0, 127.0))
    )
    red = red * (2 - 2 * red_weight) + luma
    blue = blue * (2 - 2 * blue_weight) + luma
    green = (luma - red * red_weight - blue * blue_weight) / green_weight
    return red.bandjoin([green, blue]).rint().cast("uchar")

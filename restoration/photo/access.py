"""A copy of the master for everyday use: JPEG or WebP, 8 bits, with profile and XMP. Same pixels, same bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from restoration.errors import PhotoFailed, ReasonCode
from restoration.photo.picture import Picture

AccessExtension = Literal["jpg", "webp"]
_MOST_SIDE: dict[AccessExtension, int] = {"jpg": 65535, "webp": 16383}
"""The longest side that a format can say: two bytes of JPEG (ITU T.81, B.2.2), 14 bits of WebP."""


@dataclass(frozen=True)
class AccessCopy:
    """An encoded copy, and the ending of its name."""

    data: bytes
    extension: AccessExtension


def access_copy(
    picture: Picture, extension: AccessExtension, *, quality: int, long_side: int, software: str, ai_altered: bool
) -> AccessCopy:
    """The picture in 8 bits and lossy, its long side at most ``long_side`` (0: as it is), and what the format can say.

    :param quality: 1..100, as the format counts it.
    :param software: name and version of the program, for xmp:CreatorTool.
    :param ai_altered: whether a trained model put content into the picture.
    :raises PhotoFailed: encode_failed.
    """
    import pyvips

    from restoration.photo.encode import upright_dpi
    from restoration.photo.tiff import described

    longest = max(picture.width, picture.height)
    wanted = min(long_side or longest, longest, _MOST_SIDE[extension])
    try:
        # WebP has no gray
        image = described(picture, software=software, ai_altered=ai_altered, bits=8, gray_as_gray=extension == "jpg")
        if wanted < longest:
            width, height = (max(1, round(side * wanted / longest)) for side in (picture.width, picture.height))
            image = image.thumbnail_image(width, height=height, size="force", no_rotate=True)
            if min(upright_dpi(picture.info)) > 0:
                image = image.copy(xres=image.xres * width / picture.width, yres=image.yres * height / picture.height)
        data: bytes = (
            image.jpegsave_buffer(Q=quality, interlace=True, optimize_coding=True)
            if extension == "jpg"
            else image.webpsave_buffer(Q=quality, effort=4)
        )
    except pyvips.Error as error:
        raise PhotoFailed(f"libvips cannot encode an access copy: {error}", reason=ReasonCode.ENCODE_FAILED) from error
    return AccessCopy(data, extension)

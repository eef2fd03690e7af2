"""A recipe's ``[output]`` table carried out: the master, and the copy for everyday use."""

from __future__ import annotations

from typing import Literal

from restoration.engine.output_rules import OutputRules
from restoration.photo.access import AccessCopy, AccessExtension, access_copy
from restoration.photo.picture import Picture

_EXTENSIONS: dict[str, AccessExtension] = {"jpeg": "jpg", "webp": "webp"}


def endings(rules: OutputRules) -> tuple[str, str]:
    """Endings of the names of master and access copy, with their dots; the latter empty if there is none."""
    return ".tif" if rules.format == "tiff" else ".png", f".{_EXTENSIONS[rules.access]}" if rules.access else ""


def master_of(
    picture: Picture, rules: OutputRules, software: str, *, ai_altered: bool
) -> tuple[bytes, Literal["png", "tif"]]:
    """The encoded master, and the ending of its name. :raises PhotoFailed: encode_failed."""
    from restoration.photo.encode import encode_png
    from restoration.photo.tiff import encode_tiff

    if rules.format == "tiff":
        return encode_tiff(picture, software=software, ai_altered=ai_altered), "tif"
    return encode_png(picture, software=software, ai_altered=ai_altered), "png"


def access_of(picture: Picture, rules: OutputRules, software: str, *, ai_altered: bool) -> AccessCopy | None:
    """The encoded copy; None if the recipe wants none. :raises PhotoFailed: encode_failed."""
    if not rules.access:
        return None
    return access_copy(
        picture,
        _EXTENSIONS[rules.access],
        quality=rules.access_quality,
        long_side=rules.access_side,
        software=software,
        ai_altered=ai_altered,
    )

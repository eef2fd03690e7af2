"""What people wrote into a scan, as Dublin Core: of each element what the most trusted source in the file says."""

from __future__ import annotations

import re
from collections.abc import Iterator

from restoration.dublin_core import joined
from restoration.photo.formats.blocks import Blocks
from restoration.photo.formats.directories import TiffReader
from restoration.photo.formats.exif import read_exif, read_position
from restoration.photo.formats.iim import read_iim
from restoration.photo.formats.texts import MOST_CHARACTERS, MOST_VALUES, Said, Written, decoded, tidy
from restoration.photo.formats.xmp import read_xmp

TERMS = ("title", "description", "date", "creator", "rights", "coverage", "subject")
"""Elements that are taken from files. Others would be about the file: its format, its identifier, its source."""

_PNG_TERMS = {"Title": "title", "Author": "creator", "Description": "description", "Copyright": "rights"}
_MACHINE_WORDS = re.compile(
    r"(olympus|(konica )?minolta|kodak|samsung|casio|pentax|fujifilm|nikon|canon|sony|hp|panasonic|polaroid)?\s*"
    r"digital (still )?camera|sony dsc|dcim|default|image description|exif[_-]jpeg[_-]picture|ascii|"
    r"(created|edited) with (the )?gimp.*|imagej=.*|\{\"shape\".*|<\?xml.*|<ome.*|"
    r"\S+\.(tiff?|jpe?g|png|psd|psb|bmp|webp|dng)",
    re.IGNORECASE | re.DOTALL,
)
"""What cameras and programs put where a person would write a title or a description; names of files too."""


def read_written(blocks: Blocks, *, position: bool = False) -> Written:
    """Read what a file's blocks say; one that cannot be read is left out with a note, and never stops the scan.

    :param position: whether the place where the file was made (GPS) may be kept.
    """
    said = list(_all_said(blocks))
    machine_days = {day for one in said for day in one.machine_days}
    written = Written(notes=[*blocks.notes, *(note for one in said for note in one.notes)])
    for term in TERMS:
        for one in said:
            if values := _credible(term, one, machine_days):
                written.terms[term] = tidy(joined(term, values[:MOST_VALUES]), lines=term == "description")
                written.sources[term] = one.source
                break
    if position and (point := _position(blocks)):
        places = [place for place in (written.terms.get("coverage"), point) if place]
        written.terms["coverage"] = joined("coverage", places)[:MOST_CHARACTERS]
        written.sources["coverage"] = joined("coverage", [*filter(None, [written.sources.get("coverage")]), "EXIF"])
    return written


def _all_said(blocks: Blocks) -> Iterator[Said]:
    """Sources, the most trusted first."""
    if blocks.xmp:
        try:
            yield read_xmp(blocks.xmp)
        except ValueError as error:
            yield Said("XMP", notes=[f"its XMP packet was left out: {error}"])
    if blocks.iptc:
        yield read_iim(blocks.iptc)
    try:
        reader = _exif_reader(blocks)
        if reader is not None:
            yield read_exif(reader, blocks.directories or (reader.first(),))
    except ValueError as error:
        yield Said("EXIF", notes=[f"its EXIF data were left out: {error}"])
    if blocks.texts:
        yield _png_said(blocks.texts)


def _exif_reader(blocks: Blocks) -> TiffReader | None:
    """:raises ValueError: the block is too short to be one."""
    return TiffReader(memoryview(blocks.exif)) if blocks.exif else blocks.reader


def _png_said(texts: dict[str, tuple[bytes, bool]]) -> Said:
    """PNG's own texts; those of the older kinds are Latin-1 by the standard, and UTF-8 by many programs."""
    said = Said("PNG")
    for keyword, (data, utf8) in texts.items():
        try:
            said.add(_PNG_TERMS[keyword], data.decode("utf-8") if utf8 else decoded(data))
        except ValueError:
            said.notes.append(f"its text {keyword} is in an unknown or wrong encoding and was left out")
    return said


def _credible(term: str, said: Said, machine_days: set[str]) -> list[str]:
    """Values without what machines write, and without days on which the file itself was made."""
    values = said.terms.get(term, [])
    if term in ("title", "description"):
        return [value for value in values if not _MACHINE_WORDS.fullmatch(value)]
    return [value for value in values if value not in machine_days] if term == "date" else values


def _position(blocks: Blocks) -> str:
    """Empty as well where the block cannot be read, which is noted already."""
    try:
        reader = _exif_reader(blocks)
        return read_position(reader, blocks.directories or (reader.first(),)) if reader is not None else ""
    except ValueError:
        return ""

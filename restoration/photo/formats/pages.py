"""Which directories of a TIFF file are photographs of their own, and which directory holds each at full resolution.

Thumbnails, reduced copies, masks and the levels of a pyramid are no pages, whether the file says so or not. Everything
else is one: a page that is taken for a copy by mistake would be a lost photograph, a copy taken for a page is only one
too many.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from restoration.errors import PhotoRejected, ReasonCode
from restoration.photo.formats import directories as tag
from restoration.photo.formats.directories import Directory, TiffReader
from restoration.photo.formats.layout import Facts, unsupported

MOST_DIRECTORIES = 10_000
_MOST_CHILDREN = 64
_REDUCED, _MASK = 1, 4
_CAMERA = frozenset({32803, 34892})
"""Photometric interpretations of sensors: colour filter array, linear raw."""
_THUMBNAIL_SIDE, _THUMBNAIL_FACTOR, _SAME_SHAPE = 512, 4, 0.02
_FEWEST_LEVELS = 2
"""Levels that a pyramid which does not say so must have: one page of half the size may be another photograph."""


@dataclass(frozen=True)
class Page:
    """A photograph of the file: the directory that holds it in full, and the one in the chain that stands for it."""

    full: Directory
    named: Directory


@dataclass(frozen=True)
class Pages:
    """The full-size pages of a file, the photograph that bears the file's name first, the others as the file has them.

    ``lost``: why there is one page more, which cannot be read; None if the chain ends as it should.
    """

    found: list[Page]
    lost: PhotoRejected | None = None

    @property
    def count(self) -> int:
        """Pages in all; a lost one counts, and is the last."""
        return len(self.found) + (self.lost is not None)

    def page(self, number: int) -> Page:
        """A page by its number, from 1.

        :raises PhotoRejected: truncated or corrupt: it is the lost one, or the file has not so many.
        """
        if 1 <= number <= len(self.found):
            return self.found[number - 1]
        if self.lost is not None and number == self.count:
            raise self.lost
        raise PhotoRejected(f"the file has no page {number}; it has {self.count}", reason=ReasonCode.CORRUPT)


def find_pages(reader: TiffReader, facts: Facts) -> Pages:
    """The pages of a file; what was judged without the file's own word is noted in ``facts``.

    :raises PhotoRejected: unsupported_format: a camera's raw file, or a reduced picture alone.
    :raises ValueError: the first directory is damaged.
    """
    first = reader.first()
    chain, lost = _chain(reader, first, facts)
    page = _scan_among(reader, chain, facts)
    found = [Page(page, first), *_further(reader, chain, page, facts)]
    # single scans with a wrong pointer at their end are common, and whole
    pages = Pages(found, lost if len(found) > 1 else None)
    facts.pages = pages.count
    return pages


def _chain(reader: TiffReader, first: Directory, facts: Facts) -> tuple[list[Directory], PhotoRejected | None]:
    """All directories from the first one on, as far as the pointers hold; a broken one is noted.

    The refusal stands for what the broken pointer should lead to; None if it leads back to a page that is there.
    """
    chain, seen = [first], {first.offset}
    while following := chain[-1].following:
        place = f"after page {len(chain)} the file"
        if following in seen:
            facts.notes.append(f"{place} points to a page that is not there; it was left out")
            return chain, None
        if len(chain) == MOST_DIRECTORIES:
            message = f"{place} goes on, and so many pages are not read; split the file"
            return chain, PhotoRejected(message, reason=ReasonCode.TOO_LARGE)
        directory = _whole(reader, following)
        if directory is None:
            facts.notes.append(f"{place} points to a page that is not there; it was left out")
            message = f"{place} points to a page that is not there, or is damaged; scan or upload the file again"
            return chain, PhotoRejected(message, reason=_kind_of_loss(reader, following))
        chain.append(directory)
        seen.add(following)
    return chain, None


def _kind_of_loss(reader: TiffReader, offset: int) -> ReasonCode:
    return ReasonCode.TRUNCATED if offset >= reader.size else ReasonCode.CORRUPT


def _whole(reader: TiffReader, offset: int) -> Directory | None:
    """The directory at an offset; None if there is none with a size."""
    try:
        directory = reader.directory(offset)
        return directory if all(_area(reader, directory)) else None
    except ValueError:
        return None


def _area(reader: TiffReader, directory: Directory) -> tuple[int, int]:
    """Width and height; 0 if a directory does not say."""
    for side in (tag.WIDTH, tag.HEIGHT):
        if side in directory.entries and directory.entries[side].count != 1:
            raise ValueError("a picture's size is not one number")
    return max(0, reader.number(directory, tag.WIDTH, 0)), max(0, reader.number(directory, tag.HEIGHT, 0))


def _children(reader: TiffReader, directory: Directory) -> Iterator[Directory]:
    """SubIFDs that can be read; a broken one is none."""
    entry = directory.entries.get(tag.CHILDREN)
    if entry is None or entry.kind not in {4, 13, 16, 18}:
        return
    for offset in reader.values(directory, tag.CHILDREN, _MOST_CHILDREN):
        child = _whole(reader, int(offset))
        if child is not None:
            yield child


def _scan_among(reader: TiffReader, chain: list[Directory], facts: Facts) -> Directory:
    """The first page at its full resolution, whichever directory holds that."""
    first, later = chain[0], chain[1:]
    children = {page.offset: list(_children(reader, page)) for page in chain}
    everything = [*chain, *(child for page in chain for child in children[page.offset])]
    _refuse_camera_raw(reader, everything)
    own = [child for child in children[first.offset] if not _reduced(reader, child)]
    if _reduced(reader, first):
        whole = [one for one in everything if not _reduced(reader, one)]
        alike = [one for one in whole if _of_one_shape(reader, first, one)]
        candidates = own or alike or whole
        if not candidates:
            raise unsupported("this TIFF file holds a reduced picture alone, which is", "use the scan at its full size")
    else:
        candidates = [child for child in own if _pixels(reader, child) > _pixels(reader, first)]
        candidates += [one for one in later if not _reduced(reader, one) and _is_thumbnail_of(reader, first, one)]
        if not candidates:
            return first
    facts.notes.append("the file begins with a reduced picture; the one at full resolution was read")
    return max(candidates, key=lambda one: _pixels(reader, one))


def _further(reader: TiffReader, chain: list[Directory], page: Directory, facts: Facts) -> list[Page]:
    """The pages beside the first one, each at its full resolution."""
    copies = _copies(reader, chain)
    seen, found, left_out = {page.offset}, [], 0
    for directory in chain[1:]:
        full = _full_size(reader, directory)
        if full is None or full.offset in seen:
            continue
        seen.add(full.offset)
        if directory.offset in copies:
            left_out += 1
        else:
            found.append(Page(full, directory))
    if left_out:
        facts.notes.append(f"{left_out} further pages are much smaller copies of their neighbours; they were left out")
    return found


def _full_size(reader: TiffReader, directory: Directory) -> Directory | None:
    """A directory, or that of its SubIFDs which holds its picture in more pixels; None if it is a copy or a mask."""
    own = [child for child in _children(reader, directory) if not _reduced(reader, child)]
    if not _reduced(reader, directory):
        own = [child for child in own if _pixels(reader, child) > _pixels(reader, directory)] or [directory]
    return max(own, key=lambda one: _pixels(reader, one), default=None)


def _copies(reader: TiffReader, chain: list[Directory]) -> set[int]:
    """Offsets of pages that are copies of a neighbour though they do not say so: thumbnails, levels of a pyramid."""
    pages = [one for one in chain if not _reduced(reader, one)]
    copies = set()
    for left, right in pairwise(pages):
        for small, large in ((left, right), (right, left)):
            if _is_thumbnail_of(reader, small, large):
                copies.add(small.offset)
    run: list[Directory] = []
    for before, one in pairwise(pages):
        run = [*run, one] if _is_half_of(reader, one, before) else []
        if len(run) >= _FEWEST_LEVELS and max(_area(reader, one)) <= _THUMBNAIL_SIDE:
            copies.update(level.offset for level in run)
    return copies


def _refuse_camera_raw(reader: TiffReader, directories: list[Directory]) -> None:
    for one in directories:
        if tag.DNG_VERSION in one.entries or reader.number(one, tag.PHOTOMETRIC, -1) in _CAMERA:
            remedy = "develop it, then save the scan as 8- or 16-bit gray or RGB TIFF or PNG"
            raise unsupported("this is a camera's raw file (DNG or the like), which is", remedy)


def _reduced(reader: TiffReader, directory: Directory) -> bool:
    """Whether a directory says that it is a smaller copy or a mask of another one."""
    kind = reader.number(directory, tag.SUBFILE, 0)
    return bool(kind & (_REDUCED | _MASK)) or reader.number(directory, tag.OLD_SUBFILE, 1) == 2


def _pixels(reader: TiffReader, directory: Directory) -> int:
    width, height = _area(reader, directory)
    return width * height


def _is_thumbnail_of(reader: TiffReader, small: Directory, large: Directory) -> bool:
    """Whether a page is, though it does not say so, a much smaller picture of the same shape as another."""
    (width, height), (large_width, _) = _area(reader, small), _area(reader, large)
    much_smaller = max(width, height) <= _THUMBNAIL_SIDE and large_width >= _THUMBNAIL_FACTOR * width
    return much_smaller and _of_one_shape(reader, small, large)


def _of_one_shape(reader: TiffReader, small: Directory, large: Directory) -> bool:
    """Whether two pictures have the same sides in proportion, but for rounding."""
    (width, height), (large_width, large_height) = _area(reader, small), _area(reader, large)
    scale = large_width / width
    return abs(scale * height - large_height) <= _SAME_SHAPE * large_height + scale


def _is_half_of(reader: TiffReader, small: Directory, large: Directory) -> bool:
    """Whether both sides are half of another's, rounded either way."""
    sides = zip(_area(reader, small), _area(reader, large), strict=True)
    return all(side in {whole // 2, -(-whole // 2)} for side, whole in sides)

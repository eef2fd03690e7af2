"""What the decoding process may say: its lines are read as those of a stranger, since a scan may have taken it over."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from restoration.errors import ReasonCode
from restoration.photo.picture import ScanInfo
from restoration.photo.sandbox.layers import Held, Layer

MOST_BYTES = 1 << 20
"""Of one line."""
_MOST_PAGES = 1_000_000
_MOST_DPI = 100_000.0
_MOST_CHANNELS = 64
_PART_BYTES_A_PIXEL = 32
_PART_BYTES_BESIDE = 1 << 20
"""A part holds at most so many bytes a pixel, beside these, and the blocks of its scan's own bytes."""

Name = Annotated[str, Field(max_length=100)]
Text = Annotated[str, Field(max_length=5000)]
Texts = Annotated[dict[Name, Text], Field(max_length=64)]
Dpi = Annotated[float, Field(ge=0, le=_MOST_DPI)]
Pages = Annotated[int, Field(ge=0, le=_MOST_PAGES)]
Positive = Annotated[int, Field(gt=0, le=1 << 31)]

REASONS = frozenset(
    {
        *(ReasonCode.UNSUPPORTED_FORMAT, ReasonCode.NOT_AN_IMAGE, ReasonCode.TRUNCATED, ReasonCode.CORRUPT),
        *(ReasonCode.TOO_MANY_PIXELS, ReasonCode.TOO_LARGE, ReasonCode.TOO_SMALL, ReasonCode.DECODE_MEMORY),
    }
)
"""Why a scan may be refused by what is inside it; every other reason is somebody else's to give."""


class BadAnswer(ValueError):
    """A line that is no answer to what was asked."""


class _Line(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


L = TypeVar("L", bound=_Line)


class _Ready(_Line):
    layers: Annotated[list[tuple[Name, bool, Text]], Field(max_length=64)]


class Refusal(_Line):
    """A scan that is not read, with the photographs in its file if they could be counted."""

    reason: Name
    detail: Text
    pages: Pages


class Counted(_Line):
    """The photographs of a file."""

    pages: Pages


class Decoded(_Line):
    """Facts of the scan that lies decoded in the shared file; ``extra``: a further channel lies behind it."""

    format: Name
    width: Positive
    height: Positive
    bits: Literal[8, 16]
    channels: Annotated[int, Field(gt=0, le=_MOST_CHANNELS)]
    page: Annotated[int, Field(gt=0, le=_MOST_PAGES)]
    pages: Annotated[int, Field(gt=0, le=_MOST_PAGES)]
    dpi: Dpi
    dpi_down: Dpi
    icc: Text
    orientation: Annotated[int, Field(ge=1, le=8)]
    metadata: Texts
    embedded: Texts
    embedded_from: Texts
    extra: bool = False

    @property
    def info(self) -> ScanInfo:
        """As the rest of the system takes it."""
        return ScanInfo(**self.model_dump(exclude={"extra"}))

    @property
    def pixel_bytes(self) -> int:
        """Length of the decoded picture, of its three channels alone."""
        return 3 * self.plane_bytes

    @property
    def plane_bytes(self) -> int:
        """Length of one channel."""
        return self.width * self.height * (self.bits // 8)

    def most_part_bytes(self, scan_bytes: int) -> int:
        """How long a file of a part of this scan can be at most."""
        return self.width * self.height * _PART_BYTES_A_PIXEL + scan_bytes + _PART_BYTES_BESIDE


def read_ready(line: bytes) -> list[Held]:
    """The first line: what confines the process. :raises BadAnswer: it is something else."""
    try:
        return [Held(Layer(layer), held, detail) for layer, held, detail in _Ready.model_validate_json(line).layers]
    except ValueError as error:
        raise BadAnswer(f"its first line is none: {_words(error)}") from error


def read_counted(line: bytes) -> Counted | Refusal:
    """The answer to how many photographs there are. :raises BadAnswer: it is none."""
    return _read(Counted, line)


def read_decoded(line: bytes, *, page: int, kinds: frozenset[str], max_pixels: int, min_side: int) -> Decoded | Refusal:
    """The answer to a page that was to be decoded, or to be cut from, held to what was asked.

    :param kinds: what its format may be.
    :raises BadAnswer: it is none, or says what cannot be.
    """
    found = _read(Decoded, line)
    if isinstance(found, Refusal):
        return found
    if found.format not in kinds or found.page != page or found.pages < page:
        raise BadAnswer(f"it answered page {found.page} of {found.pages}, {found.format}, which was not asked for")
    if found.width * found.height > max_pixels or min(found.width, found.height) < min_side:
        raise BadAnswer(f"it answered a scan of {found.width} x {found.height} pixels, beyond the limits")
    return found


def _read(kind: type[L], line: bytes) -> L | Refusal:
    """:raises BadAnswer: neither an answer of that kind nor a refusal."""
    try:
        if not line.startswith(b'{"reason"'):
            return kind.model_validate_json(line)
        refused = Refusal.model_validate_json(line)
    except ValidationError as error:
        raise BadAnswer(f"it answered what is no answer: {_words(error)}") from error
    if refused.reason not in REASONS:
        raise BadAnswer(f"it refused the scan as {refused.reason}")
    return refused


def _words(error: ValueError) -> str:
    """The first thing that is wrong, without the line itself, which may be of any kind."""
    if not isinstance(error, ValidationError):
        return str(error)[:200]
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    return f"{'.'.join(map(str, first['loc']))[:60]} {first['msg']}"[:200]

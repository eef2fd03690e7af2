"""IPTC-IIM 4.2 in Photoshop's image resources (8BIM blocks): the few datasets in which people describe a photograph."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from restoration.photo.formats.texts import Said, decoded

MOST_BYTES = 1 << 20

_IPTC = 0x0404
_SIGNATURES = frozenset({b"8BIM", b"MeSa", b"AgHg", b"PHUT", b"DCSR"})
"""Adobe's own, and those of ImageReady, PhotoDeluxe, PhotoUltra and Corel, which lie in the same block."""
_MARKER, _CHARACTER_SET = 0x1C, (1, 90)
_MOST_DATASETS = 10_000

_ENCODINGS = {b"\x1b%G": "utf-8", b"\x1b%/G": "utf-8", b"\x1b%/H": "utf-8", b"\x1b%/I": "utf-8",
              b"\x1b.A": "latin-1", b"\x1b-A": "latin-1", b"\x1b/A": "latin-1"}  # fmt: skip
"""ISO 2022 escapes of 1:90 that are met: UTF-8 (ISO-IR 196 and 190 to 192), and ISO 8859-1 (ISO-IR 100)."""
_TITLE, _HEADLINE, _KEYWORD, _DESCRIPTION, _CREATOR, _RIGHTS = (2, 5), (2, 105), (2, 25), (2, 120), (2, 80), (2, 116)
_DATE, _DIGITIZED = (2, 55), (2, 62)
_PLACE = ((2, 92), (2, 90), (2, 95), (2, 101))
"""Sub-location, city, province or state, country."""


def iptc_of_resources(data: memoryview | bytes) -> bytes:
    """The IPTC block among image resources (Photoshop File Formats Specification); empty if there is none."""
    place = 0
    while place + 12 <= len(data) and bytes(data[place : place + 4]) in _SIGNATURES:
        number, name = int.from_bytes(data[place + 4 : place + 6], "big"), data[place + 6]
        start = place + 6 + (name + 2) // 2 * 2
        size = int.from_bytes(data[start : start + 4], "big")
        if number == _IPTC:
            return bytes(data[start + 4 : start + 4 + min(size, MOST_BYTES)])
        place = start + 4 + size + size % 2
    return b""


def read_iim(data: bytes) -> Said:
    """What the datasets of the records 1 and 2 say, as far as they can be followed."""
    said = Said("IPTC")
    found: dict[tuple[int, int], list[bytes]] = {}
    for number, value in _datasets(data):
        found.setdefault(number, []).append(value)
    decode = _decoder(found.get(_CHARACTER_SET, [b""])[0])

    def texts(number: tuple[int, int]) -> list[str]:
        return [text for value in found.get(number, []) if (text := _text(value, decode, said))]

    said.add("title", *(texts(_TITLE) or texts(_HEADLINE)))
    said.add("description", *texts(_DESCRIPTION))
    said.add("creator", *texts(_CREATOR))
    said.add("rights", *texts(_RIGHTS))
    said.add("subject", *texts(_KEYWORD))
    said.add("coverage", ", ".join(text for number in _PLACE for text in texts(number)[:1]))
    said.add_date(*texts(_DATE))
    said.add_machine_day(*texts(_DIGITIZED))
    return said


def _datasets(data: bytes) -> Iterator[tuple[tuple[int, int], bytes]]:
    """Record and dataset with its bytes, up to the first that is none or not whole (IIM 4.2, chapter 1.5 and 1.6)."""
    place = 0
    for _ in range(_MOST_DATASETS):
        if place + 5 > len(data) or data[place] != _MARKER:
            return
        number = (data[place + 1], data[place + 2])
        size = int.from_bytes(data[place + 3 : place + 5], "big")
        place += 5
        if size & 0x8000:
            digits = size & 0x7FFF
            size = int.from_bytes(data[place : place + digits], "big") if digits <= 4 else len(data)
            place += digits
        if place + size > len(data):
            return
        yield number, data[place : place + size]
        place += size


def _decoder(escape: bytes) -> Callable[[bytes], str]:
    """By the character set that 1:90 names; unnamed and unknown ones by what the bytes are."""
    encoding = _ENCODINGS.get(escape)
    return decoded if encoding is None else lambda value: value.decode(encoding)


def _text(value: bytes, decode: Callable[[bytes], str], said: Said) -> str:
    try:
        return decode(value).strip()
    except ValueError:
        note = "a text of its IPTC data is in an unknown or wrong encoding and was left out"
        if note not in said.notes:
            said.notes.append(note)
        return ""

"""Reading the PDF files that Chromium writes: pages, pictures and text; enough for tests, no more."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from pathlib import Path

_OBJECT = re.compile(rb"(\d+) 0 obj\s(.*?)endobj", re.S)
_SHOWN = re.compile(rb"/(F\d+) [\d.]+ Tf|/ActualText <([0-9A-Fa-f]+)>|<([0-9A-Fa-f]+)>|\b(ET|EMC)\b")


@dataclass(frozen=True)
class Pdf:
    """``boxes``: width and height of each page in points. ``pictures``: pixels of each. ``text``: as it is drawn."""

    boxes: list[tuple[float, float]]
    pictures: list[tuple[int, int]]
    text: str


def read_pdf(path: Path) -> Pdf:
    """Read a file that Chromium wrote."""
    objects = {int(number): body for number, body in _OBJECT.findall(path.read_bytes())}
    pages = [body for body in objects.values() if re.match(rb"<</Type /Page\b", body)]
    pictures = [body for body in objects.values() if b"/Subtype /Image" in body[:200] and b"/SMask" not in body[:40]]
    boxes = [tuple(map(float, re.search(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", page).groups())) for page in pages]
    return Pdf(boxes, [_pixels(body) for body in pictures], "".join(_text(page, objects) for page in pages))


def _pixels(body: bytes) -> tuple[int, int]:
    return int(re.search(rb"/Width (\d+)", body)[1]), int(re.search(rb"/Height (\d+)", body)[1])


def _stream(body: bytes) -> bytes:
    raw = body[body.index(b"stream") + 6 :].lstrip(b"\r\n")
    return zlib.decompressobj().decompress(raw) if b"/FlateDecode" in body[:300] else raw


def _text(page: bytes, objects: dict[int, bytes]) -> str:
    fonts = {name: _font(objects[int(number)], objects) for name, number in re.findall(rb"/(F\d+) (\d+) 0 R", page)}
    content = _stream(objects[int(re.search(rb"/Contents (\d+) 0 R", page)[1])])
    digits, characters, told = 4, {}, False
    said = []
    for name, actual, glyphs, end in _SHOWN.findall(content):
        if name:
            digits, characters = fonts[name]
        elif actual:
            # the text that the glyphs up to the end of this mark stand for
            said.append(bytes.fromhex(actual.decode()).decode("utf-16"))
            told = True
        elif glyphs and not told:
            codes = (int(glyphs[n : n + digits], 16) for n in range(0, len(glyphs), digits))
            said += [characters.get(code, "\ufffd") for code in codes]
        elif end == b"EMC":
            told = False
        elif end:
            said.append(" ")
    return re.sub(r"\s+", " ", "".join(said))


def _font(body: bytes, objects: dict[int, bytes]) -> tuple[int, dict[int, str]]:
    """How many hexadecimal digits a glyph's code has, and which character each code stands for."""
    cmap = _stream(objects[int(re.search(rb"/ToUnicode (\d+) 0 R", body)[1])])
    return 4 if b"/Subtype /Type0" in body else 2, _characters(cmap)


def _characters(cmap: bytes) -> dict[int, str]:
    table = {}
    for block in re.findall(rb"beginbfchar(.*?)endbfchar", cmap, re.S):
        for glyph, code in re.findall(rb"<([0-9A-Fa-f]+)> <([0-9A-Fa-f]+)>", block):
            table[int(glyph, 16)] = bytes.fromhex(code.decode()).decode("utf-16-be")
    for block in re.findall(rb"beginbfrange(.*?)endbfrange", cmap, re.S):
        for first, last, code in re.findall(rb"<([0-9A-Fa-f]+)> <([0-9A-Fa-f]+)> <([0-9A-Fa-f]{4})>", block):
            for step in range(int(last, 16) - int(first, 16) + 1):
                table[int(first, 16) + step] = chr(int(code, 16) + step)
    return table

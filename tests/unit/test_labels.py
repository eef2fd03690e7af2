"""Labels in PNG and JPEG: nothing but the label changes, every reader finds it, odd files are refused."""

from __future__ import annotations

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
import pyvips
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from PIL import Image

from restoration.errors import PublicationError, ReasonCode
from restoration.iptc import COMPOSITE_ITEM, ENHANCED, SOURCE_TYPES, TRAINED
from restoration.photo.encode import encode_png
from restoration.photo.picture import Picture, ScanInfo
from restoration.publish.embedding import JPEG, MAX_JPEG_PACKET, PNG, get_xmp, has_credentials
from restoration.publish.labels import Labels, Region, Step, label, packet, parse, read_labels

SCAN = "ab" * 32
REGIONS = (
    Region("filled-hole", "holes", "찢긴 곳", TRAINED, ("0.80000", "0.00000", "0.20000", "0.1"), COMPOSITE_ITEM),
    Region("filled-scratch", "scratches & <more>", "긁힌 곳", ENHANCED, ("0.00000", "0.50000", "1.00000", "0.00100")),
)


def labels(**more: object) -> Labels:
    facts = {
        "software": "archive-restoration 1.0",
        "identifier": "album/00000001",
        "title": '할머니 \U0001f475 & "Oma" <1912>',
        "statement": "Colours were guessed by a computer.",
        "description": "At the gate. Colours were guessed by a computer.",
        "document_id": "xmp.did:" + "cd" * 32,
        "original_id": f"sha256:{SCAN}",
        "derived_from": f"sha256:{SCAN}",
        "source_type": SOURCE_TYPES + "compositeWithTrainedAlgorithmicMedia",
        "ai_system": "house-colorizer",
        "ai_version": "house-colorizer 1.0",
        "description_ko": "At the gate. 색을 컴퓨터가 추정함.",
        "creator": "Kim",
        "rights": "https://creativecommons.org/publicdomain/mark/1.0/",
        "history": (Step("edited", "archive-restoration 1.0", "step=grade", "2026-11-21T04:00:00+00:00"),),
        "regions": REGIONS,
    }
    return Labels(**(facts | more))


def pixels(seed: int, height: int = 9, width: int = 12, *, deep: bool = False, gray: bool = False) -> np.ndarray:
    rng = np.random.default_rng(seed)
    shape = (height, width) if gray else (height, width, 3)
    return rng.integers(0, 65536 if deep else 256, shape).astype(np.uint16 if deep else np.uint8)


def png(seed: int = 0, **more: object) -> bytes:
    return cv2.imencode(".png", pixels(seed, **more))[1].tobytes()


def jpeg(seed: int = 0, *options: int, **more: object) -> bytes:
    return cv2.imencode(".jpg", pixels(seed, **more), options)[1].tobytes()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """By this test's own reading of the format; every checksum must be right."""
    at, found = 8, []
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert zlib.crc32(kind + body) == struct.unpack_from(">I", data, at + 8 + length)[0]
        found.append((kind, body))
        at += 12 + length
    return found


def segments(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    at, found = 2, []
    while data[at + 1] != 0xDA:
        (length,) = struct.unpack_from(">H", data, at + 2)
        found.append((data[at + 1], data[at + 4 : at + 2 + length]))
        at += 2 + length
    return found, data[at:]


def decoded(data: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)


XMP_KEYWORD = b"XML:com.adobe.xmp\0"
XMP_CHUNK = (b"iTXt", XMP_KEYWORD + b"\0\0\0\0<old/>")
OTHER_TEXT = st.binary(max_size=40).filter(lambda data: not data.startswith(XMP_KEYWORD))
EXTRA = st.lists(st.tuples(st.sampled_from([b"tEXt", b"tIME", b"pHYs", b"iTXt", b"prVt"]), OTHER_TEXT), max_size=4)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 99), st.booleans(), st.booleans(), EXTRA, st.booleans(), EXTRA)
def test_png_keeps_pixels_and_every_other_chunk(seed, deep, gray, before, had_label, after):
    plain = chunks(png(seed, deep=deep, gray=gray))
    old = [XMP_CHUNK] if had_label else []
    made = [plain[0], *before, *old, *plain[1:-1], *after, plain[-1]]
    source = b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*item) for item in made)
    done = label(source, PNG, labels())
    assert np.array_equal(decoded(done), pixels(seed, deep=deep, gray=gray))
    assert [item for item in chunks(done) if not item[1].startswith(XMP_KEYWORD)] == [
        item for item in made if item != XMP_CHUNK
    ]
    assert label(done, PNG, labels()) == done
    assert label(label(source, PNG, labels(title="another")), PNG, labels()) == done
    assert read_labels(done, PNG) == labels()


XMP_HEADERS = (b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0")
OTHER_DATA = st.binary(max_size=40).filter(lambda data: not data.startswith(XMP_HEADERS))
APPS = st.lists(st.tuples(st.sampled_from([0xE2, 0xED, 0xFE, 0xE1]), OTHER_DATA), max_size=4)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 99), st.booleans(), st.booleans(), APPS, st.booleans())
def test_jpeg_keeps_entropy_data_and_every_other_segment(seed, gray, progressive, extra, had_label):
    source = jpeg(seed, cv2.IMWRITE_JPEG_PROGRESSIVE, int(progressive), gray=gray)
    old, rest = segments(source)
    xmp = [(0xE1, XMP_HEADERS[0] + b"<old/>"), (0xE1, XMP_HEADERS[1] + b"more")]
    made = [old[0], *extra, *(xmp if had_label else []), *old[1:]]
    body = b"".join(bytes((0xFF, m)) + struct.pack(">H", len(b) + 2) + b for m, b in made)
    source = b"\xff\xd8" + body + rest
    done = label(source, JPEG, labels())
    found, tail = segments(done)
    assert tail == rest
    assert [item for item in found if not item[1].startswith(XMP_HEADERS)] == [item for item in made if item not in xmp]
    assert np.array_equal(decoded(done), decoded(source))
    assert label(done, JPEG, labels()) == done
    assert read_labels(done, JPEG) == labels()


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60), st.text(max_size=60), st.text(min_size=1, max_size=20))
def test_any_text_is_carried_as_far_as_xml_can(title, rights, model):
    said = labels(title=f"x{title}", rights=rights, ai_system=model, history=(Step("edited", model, title, ""),))
    assert parse(packet(said)) == said.as_written()
    assert packet(said) == packet(said)
    for kind, data in ((PNG, png()), (JPEG, jpeg())):
        assert read_labels(label(data, kind, said), kind) == said.as_written()


def test_characters_that_xml_has_no_way_to_write_become_replacement_characters():
    read = read_labels(label(png(), PNG, labels(title="a\x00b\x1bc\ud800\r\nd")), PNG)
    assert read.title == "a\ufffdb\ufffdc\ufffd\r\nd"


def test_pictures_of_the_engine_keep_colour_space_and_resolution():
    info = ScanInfo("tiff", 12, 9, 16, 3, dpi=300.0)
    grid = pixels(3, deep=True).astype(np.float32) / 65535
    source = encode_png(Picture(grid, info), software="archive-restoration 1.0", ai_altered=True)
    done = label(source, PNG, labels())
    kinds = [kind for kind, _ in chunks(done)]
    assert kinds == [kind for kind, _ in chunks(source)]
    assert kinds[:4] == [b"IHDR", b"sRGB", b"pHYs", b"iTXt"]
    assert np.array_equal(decoded(done), decoded(source))


@pytest.mark.parametrize(("kind", "source"), [(PNG, png()), (JPEG, jpeg())])
def test_other_readers_find_the_label(kind, source):
    done = label(source, kind, labels())
    xmp = pyvips.Image.new_from_buffer(done, "").get("xmp-data")
    assert bytes(xmp) == packet(labels())
    with Image.open(io.BytesIO(done)) as picture:
        raw = picture.info["xmp"]
    assert (raw if isinstance(raw, bytes) else raw.encode()) == packet(labels())
    root = etree.fromstring(xmp)
    names = {"dc": "http://purl.org/dc/elements/1.1/", "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#"}
    assert root.findtext(".//dc:title/rdf:Alt/rdf:li", namespaces=names) == labels().title
    assert b"<Iptc4xmpExt:DigitalSourceType>http://cv.iptc.org/newscodes/digitalsourcetype/comp" in xmp
    assert b"<xmpRights:WebStatement>https://creativecommons.org/publicdomain/mark/1.0/<" in xmp


def test_filled_areas_are_iptc_image_regions():
    iptc, rdf = ("{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}", "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}")
    root = etree.fromstring(packet(labels()))
    hole, scratch = root.findall(f".//{iptc}ImageRegion/{rdf}Bag/{rdf}li")
    boundary = {child.tag.removeprefix(iptc): child.text for child in hole.find(f"{iptc}RegionBoundary")}
    assert boundary == {
        "rbShape": "rectangle", "rbUnit": "relative",
        "rbX": "0.80000", "rbY": "0.00000", "rbW": "0.20000", "rbH": "0.1",
    }  # fmt: skip
    assert hole.findtext(f"{iptc}DigitalSourceType") == SOURCE_TYPES + "trainedAlgorithmicMedia"
    assert scratch.findtext(f"{iptc}DigitalSourceType") == SOURCE_TYPES + "algorithmicallyEnhanced"
    role = f"{iptc}rRole/{rdf}Bag/{rdf}li/{{http://ns.adobe.com/xap/1.0/}}Identifier/{rdf}Bag/{rdf}li"
    assert hole.findtext(role) == "http://cv.iptc.org/newscodes/imageregionrole/compositeImageItem"
    assert scratch.find(f"{iptc}rRole") is None
    assert [li.text for li in scratch.findall(f"{iptc}Name/{rdf}Alt/{rdf}li")] == ["scratches & <more>", "긁힌 곳"]
    assert b"ImageRegion" not in packet(labels(regions=()))


def test_rights_that_are_no_address_have_no_web_statement():
    said = packet(labels(rights="In copyright; ask https://example.org first"))
    assert b"WebStatement" not in said
    assert b"UsageTerms" in said
    assert b"rights" not in packet(labels(rights="")).replace(b"/xap/1.0/rights/", b"")


def odd_files() -> dict[str, tuple[str, bytes]]:
    good, small = png(), jpeg()
    first = len(b"\x89PNG\r\n\x1a\n") + 25
    spoilt = bytearray(good)
    spoilt[first + 12] ^= 1
    return {
        "empty": (PNG, b""),
        "text": (PNG, b"picture"),
        "jpeg called png": (PNG, small),
        "png called jpeg": (JPEG, good),
        "tiff": ("image/tiff", b"II*\0"),
        "cut png": (PNG, good[:-20]),
        "png without end": (PNG, good[:-12]),
        "png with a tail": (PNG, good + b"x"),
        "png without header": (PNG, good[:8] + good[33:]),
        "png without pixels": (PNG, good[:33] + chunk(b"IEND", b"")),
        "wrong checksum": (PNG, bytes(spoilt)),
        "chunk longer than the file": (PNG, good[:33] + b"\x7f\xff\xff\xff" + good[37:]),
        "chunk without a name": (PNG, good[:33] + chunk(b"\0\0\0\0", b"") + good[33:]),
        "signed png": (PNG, good[:33] + chunk(b"caBX", b"jumb") + good[33:]),
        "empty jpeg": (JPEG, b"\xff\xd8\xff\xd9"),
        "cut jpeg": (JPEG, small[:-2]),
        "jpeg without frame": (JPEG, b"\xff\xd8\xff\xda\x00\x02\xff\xd9"),
        "jpeg with garbage": (JPEG, b"\xff\xd8garbage" + small[2:]),
        "segment longer than the file": (JPEG, b"\xff\xd8\xff\xe2\xff\xff\xff\xd9"),
        "segment shorter than itself": (JPEG, b"\xff\xd8\xff\xe2\x00\x01" + small[2:]),
        "signed jpeg": (JPEG, b"\xff\xd8\xff\xeb\x00\x08JP\0\0\0\0" + small[2:]),
    }


@pytest.mark.parametrize("name", odd_files())
def test_odd_files_are_refused(name):
    kind, data = odd_files()[name]
    with pytest.raises(PublicationError) as caught:
        label(data, kind, labels())
    assert caught.value.reason is ReasonCode.LABEL_INVALID


def test_credentials_are_seen():
    assert has_credentials(odd_files()["signed png"][1], PNG)
    assert has_credentials(odd_files()["signed jpeg"][1], JPEG)
    assert not has_credentials(png(), PNG)
    assert not has_credentials(jpeg(), JPEG)


def test_a_label_too_large_for_a_jpeg_is_refused_and_fits_a_png():
    long = labels(description="x" * MAX_JPEG_PACKET)
    assert read_labels(label(png(), PNG, long), PNG) == long
    with pytest.raises(PublicationError, match="shorten its texts"):
        label(jpeg(), JPEG, long)


def test_pictures_without_one_plain_label_are_told():
    for data, kind in ((png(), PNG), (jpeg(), JPEG)):
        with pytest.raises(PublicationError, match="carries 0 XMP packets"):
            get_xmp(data, kind)
    good = png()
    doubled = good[:33] + 2 * chunk(*XMP_CHUNK) + good[33:]
    with pytest.raises(PublicationError, match="carries 2 XMP packets"):
        read_labels(doubled, PNG)
    squeezed = chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(packet(labels())))
    with pytest.raises(PublicationError, match="one plain one"):
        read_labels(good[:33] + squeezed + good[33:], PNG)


SAID = packet(labels())


@pytest.mark.parametrize(
    "spoilt",
    [
        b"",
        b"<x",
        SAID[:-80],
        b"<other/>",
        SAID.replace(b"xmp:CreatorTool", b"xmp:CreatorFool"),
        SAID.replace(b"stRef:documentID", b"stRef:instanceID"),
        SAID.replace(b'xml:lang="x-default"', b'xml:lang="de"'),
        SAID.replace(b"<Iptc4xmpExt:rbShape>rectangle", b"<Iptc4xmpExt:rbShape>circle"),
        SAID.replace(b"<Iptc4xmpExt:rbW>0.20000</Iptc4xmpExt:rbW>", b""),
        SAID.replace(b"<Iptc4xmpExt:rId>filled-scratch</Iptc4xmpExt:rId>", b""),
        SAID.replace(b"<dc:identifier>", b"<dc:identifier>y</dc:identifier><dc:identifier>"),
        SAID.replace(b"<xmpRights:WebStatement>https://", b"<xmpRights:WebStatement>https://evil."),
        SAID.replace(b"<x:xmpmeta", b'<!DOCTYPE x [<!ENTITY a "aaa"><!ENTITY b "&a;&a;">]><x:xmpmeta').replace(
            b"album/00000001", b"&b;"
        ),
    ],
)
def test_labels_that_are_not_whole_do_not_parse(spoilt):
    with pytest.raises(PublicationError) as caught:
        parse(spoilt)
    assert caught.value.reason is ReasonCode.LABEL_INVALID

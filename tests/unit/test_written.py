"""What people wrote into scans: found in every format, by order of trust, and nothing personal or hostile with it."""

from __future__ import annotations

import json
import struct
import zlib
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, IptcImagePlugin

from restoration.engine.engine import Engine, Scan
from restoration.engine.recipe import parse_recipe
from restoration.photo.decode import DecodeLimits, Decoder
from restoration.photo.formats import xmp as packets
from restoration.photo.formats.blocks import Blocks, jpeg_blocks, png_blocks, webp_blocks
from restoration.photo.formats.iim import iptc_of_resources, read_iim
from restoration.photo.formats.texts import MOST_CHARACTERS, decoded, iso_date, tidy
from restoration.photo.formats.written import read_written
from restoration.photo.formats.xmp import read_xmp
from restoration.settings import Settings
from restoration.worker.convert import scan_row
from tests.unit import written_maker as make
from tests.unit.picture_maker import png_chunk
from tests.unit.tiff_maker import page, tiff

TITLE = "할머니, 부산"
UTF8 = (1, 90, b"\x1b%G")
PLACE = (
    "<ext:LocationShown><rdf:Bag><rdf:li rdf:parseType='Resource'><ext:City>Busan</ext:City>"
    "<ext:CountryName>Korea</ext:CountryName></rdf:li></rdf:Bag></ext:LocationShown>"
)


@pytest.fixture(scope="module")
def decoder():
    with Decoder(DecodeLimits(seconds=20)) as one:
        yield one


def embedded(decoder: Decoder, data: bytes) -> dict[str, tuple[str, str]]:
    """Texts and their sources, by element."""
    info = decoder.decode(data, "scan").info
    assert set(info.embedded) == set(info.embedded_from)
    return {term: (text, info.embedded_from[term]) for term, text in info.embedded.items()}


def notes(decoder: Decoder, data: bytes) -> str:
    return str(decoder.decode(data, "scan").info.metadata.get("notes", ""))


# -- every format -----------------------------------------------------------------------------------------------------
PACKET = make.xmp(make.alternatives("dc:title", default=TITLE))
BLOCK = make.exif({270: make.ascii_tag("Großmutter im Garten".encode())})
IPTC = make.iim(UTF8, (2, 5, TITLE.encode()))


def raw_profile(block: bytes) -> bytes:
    """A chunk as ImageMagick and ExifTool write it."""
    text = b"\niptc\n%8d\n" % len(block) + b"\n".join(
        block.hex().encode()[k : k + 72] for k in range(0, 2 * len(block), 72)
    )
    return png_chunk(b"zTXt", b"Raw profile type iptc\0\0" + zlib.compress(text))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (make.jpeg(xmp=PACKET), {"title": (TITLE, "XMP")}),
        (make.png(xmp=PACKET), {"title": (TITLE, "XMP")}),
        (make.png(xmp=PACKET, packed=True, late=True), {"title": (TITLE, "XMP")}),
        (make.webp(xmp=PACKET), {"title": (TITLE, "XMP")}),
        (make.scan_tiff(xmp=PACKET), {"title": (TITLE, "XMP")}),
        (make.jpeg(exif=BLOCK), {"description": ("Großmutter im Garten", "EXIF")}),
        (make.png(exif=BLOCK), {"description": ("Großmutter im Garten", "EXIF")}),
        (make.webp(exif=BLOCK), {"description": ("Großmutter im Garten", "EXIF")}),
        (make.webp(exif=b"Exif\0\0" + BLOCK), {"description": ("Großmutter im Garten", "EXIF")}),
        (make.scan_tiff(more={315: make.ascii_tag(b"Kim; Lee")}), {"creator": ("Kim; Lee", "EXIF")}),
        (make.jpeg(iptc=IPTC), {"title": (TITLE, "IPTC")}),
        (make.jpeg(iptc=IPTC, pieces=3), {"title": (TITLE, "IPTC")}),
        (make.scan_tiff(iptc=IPTC), {"title": (TITLE, "IPTC")}),
        (make.scan_tiff(plain_iptc=IPTC), {"title": (TITLE, "IPTC")}),
        (make.png(texts=[png_chunk(b"tEXt", b"Title\0Gro\xdfmutter")]), {"title": ("Großmutter", "PNG")}),
        (make.png(texts=[raw_profile(make.resources(IPTC))]), {"title": (TITLE, "IPTC")}),
        (make.png(texts=[raw_profile(IPTC)]), {"title": (TITLE, "IPTC")}),
        (make.png(texts=[raw_profile(b"no profile")]), {}),
        (make.png(texts=[png_chunk(b"zTXt", b"Raw profile type iptc\0\0" + zlib.compress(b"iptc 9 xyz"))]), {}),
        (
            make.png(texts=[png_chunk(b"iTXt", b"Author\0\0\0ko\0\0" + "김".encode())]),
            {"creator": ("김", "PNG")},
        ),
    ],
)
def test_every_format_is_read(decoder, data, expected):
    assert embedded(decoder, data) == expected


def test_the_scan_behind_a_thumbnail_is_asked_first_and_then_the_file(decoder):
    small = page(
        make.SAMPLES[::4, ::4], 2, more={254: (4, 1), 270: make.ascii_tag(b"a thumb"), 315: make.ascii_tag(b"Kim")}
    )
    whole = page(make.SAMPLES, 2, more={270: make.ascii_tag(b"At the gate")})
    found = embedded(decoder, tiff([small, whole]))
    assert found == {"description": ("At the gate", "EXIF"), "creator": ("Kim", "EXIF")}


def test_what_is_found_goes_into_the_scans_row_of_the_catalog(decoder):
    row = scan_row(decoder.decode(make.jpeg(xmp=PACKET), "scan").info)
    assert row.detail["embedded"] == {"terms": {"title": TITLE}, "sources": {"title": "XMP"}}
    assert "embedded" not in scan_row(decoder.decode(make.jpeg(), "scan").info).detail


# -- trust ------------------------------------------------------------------------------------------------------------
def test_xmp_before_iptc_before_exif_element_by_element(decoder):
    data = make.jpeg(
        xmp=make.xmp(make.alternatives("dc:title", default="by XMP")),
        iptc=make.iim((2, 5, b"by IPTC"), (2, 120, b"by IPTC"), (2, 80, b"Kim"), (2, 80, b"Lee")),
        exif=make.exif(
            {40091: make.windows("by EXIF"), 270: make.ascii_tag(b"by EXIF"), 33432: make.ascii_tag(b"Kim\0Lee")}
        ),
    )
    assert embedded(decoder, data) == {
        "title": ("by XMP", "XMP"),
        "description": ("by IPTC", "IPTC"),
        "creator": ("Kim; Lee", "IPTC"),
        "rights": ("Kim; Lee", "EXIF"),
    }


# -- XMP --------------------------------------------------------------------------------------------------------------
def test_xmp_in_the_forms_that_programs_write():
    body = (
        make.alternatives("dc:title", ko=TITLE, default="Grandmother")
        + make.array("dc:creator", "Seq", "Kim", "Lee")
        + make.array("dc:subject", "Bag", "wedding", "Kim Sun-hee")
        + make.array("ext:PersonInImage", "Bag", "Kim Sun-hee")
        + "<ext:PersonInImageWDetails><rdf:Bag><rdf:li><rdf:Description>"
        + make.alternatives("ext:PersonName", default="Lee")
        + "</rdf:Description></rdf:li></rdf:Bag></ext:PersonInImageWDetails>"
        + '<xmpRights:WebStatement rdf:resource="https://creativecommons.org/licenses/by/4.0/"/>'
        + PLACE
    )
    said = read_xmp(make.xmp(body, 'photoshop:DateCreated="1932-05" photoshop:City="elsewhere"'))
    assert said.terms == {
        "title": ["Grandmother", TITLE],
        "creator": ["Kim", "Lee"],
        "subject": ["Kim Sun-hee", "Lee", "wedding", "Kim Sun-hee"],
        "rights": ["https://creativecommons.org/licenses/by/4.0/"],
        "coverage": ["Busan, Korea"],
        "date": ["1932-05"],
    }
    written = read_written(Blocks(xmp=make.xmp(body)))
    assert written.terms["title"] == f"Grandmother / {TITLE}"
    assert written.terms["subject"] == "Kim Sun-hee; Lee; wedding"


def test_places_of_the_older_properties():
    flat = 'core:Location="Market" photoshop:City="Busan" photoshop:State="Gyeongnam" photoshop:Country="Korea"'
    assert read_xmp(make.xmp(attributes=flat)).terms["coverage"] == ["Market, Busan, Gyeongnam, Korea"]


def test_a_packet_in_utf_16_and_one_without_adobes_element():
    text = make.xmp(make.alternatives("dc:title", default=TITLE)).decode().replace("\ufeff", "")
    assert read_xmp(text.encode("utf-16")).terms["title"] == [TITLE]
    bare = text[text.index("<rdf:RDF") : text.index("</x:xmpmeta>")]
    assert read_xmp(b"\n" + bare.encode() + b"\0\0").terms["title"] == [TITLE]


def test_a_packet_whose_first_character_a_program_lost():
    # as in scans of the Library of Congress (FSA/OWI, LC-USF34-018973)
    assert read_xmp(PACKET[1:]).terms["title"] == [TITLE]
    assert read_xmp(b"\xef\xbb\xbf" + PACKET + b"\0 junk").terms["title"] == [TITLE]


def test_what_other_pictures_say_inside_a_packet_is_not_the_photographs():
    inner = (
        "<xmpMM:Ingredients><rdf:Bag><rdf:li rdf:parseType='Resource'>"
        + make.alternatives("dc:title", default="stock")
        + "</rdf:li></rdf:Bag></xmpMM:Ingredients>"
    )
    assert read_xmp(make.xmp(inner)).terms == {}


BILLION = "<!DOCTYPE x [<!ENTITY a 'ha'>" + "".join(
    f"<!ENTITY {chr(98 + k)} '{f'&{chr(97 + k)};' * 10}'>" for k in range(12)
) + "]>"  # fmt: skip
HOSTILE = {
    "entities": (make.xmp(make.alternatives("dc:title", default="&m;"), before=BILLION), "document type"),
    "a file of the machine": (
        make.xmp("<dc:source>&e;</dc:source>", before='<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'),
        "document type",
    ),
    "a document type in UTF-16": ("<!DOCTYPE x []><x/>".encode("utf-16"), "document type"),
    "an entity that nobody declared": (make.xmp("<dc:source>&e;</dc:source>"), "not well-formed"),
    "deep nesting": (make.xmp("<dc:a>" * 100_000 + "</dc:a>" * 100_000), "nests too deep"),
    "a million elements": (make.xmp("<a/>" * 300_000), "too many elements"),
    "broken UTF-8": (make.xmp("<dc:source>@@</dc:source>").replace(b"@@", b"\xff\xfe"), "not well-formed"),
    "an encoding that nobody knows": (b'<?xml version="1.0" encoding="klingon"?><x/>', "not well-formed"),
    "cut off": (PACKET[:400], "not well-formed"),
    "no XML": (b"\x89" * 500, "not well-formed"),
    "nothing but spaces": (b" " * 500, "not well-formed"),
    "a huge packet": (b" " * (packets.MOST_BYTES + 1), "more than"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_packets_are_refused(name):
    packet, words = HOSTILE[name]
    with pytest.raises(ValueError, match=words):
        read_xmp(packet)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_packets_cost_the_scan_nothing_but_themselves(decoder, name):
    packet, _ = HOSTILE[name]
    data = make.scan_tiff(xmp=packet, more={270: make.ascii_tag(b"At the gate")})
    found = decoder.decode(data, "hostile").info
    assert found.embedded == {"description": "At the gate"}
    assert "XMP packet" in found.metadata["notes"]


def test_a_packet_of_a_hundred_megabytes_is_not_even_copied():
    with Decoder(DecodeLimits(seconds=20, memory_mb=256)) as narrow:
        found = narrow.decode(make.scan_tiff(xmp=b"<" + b"a" * 100_000_000), "huge")
        packed = narrow.decode(make.png(xmp=b" " * 100_000_000, packed=True), "bomb")
    assert "is larger than the 4194304 bytes" in found.info.metadata["notes"]
    assert "is larger" in packed.info.metadata["notes"]


def test_of_many_bombs_in_one_file_only_the_first_is_unpacked():
    bomb = png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(b" " * 10_000_000))
    text = png_chunk(b"zTXt", b"Title\0\0" + zlib.compress(b"x" * 10_000_000))
    found = png_blocks(memoryview(make.png(texts=[bomb, text] * 50)))
    assert (found.xmp, len(found.notes), len(found.texts["Title"][0])) == (b"", 1, 1 << 16)


# -- IPTC-IIM ---------------------------------------------------------------------------------------------------------
def test_iptc_in_utf_8_in_latin_1_and_in_what_nobody_names():
    assert read_iim(make.iim(UTF8, (2, 120, TITLE.encode()))).terms["description"] == [TITLE]
    assert read_iim(make.iim((1, 90, b"\x1b.A"), (2, 80, b"Andr\xe9"))).terms["creator"] == ["André"]
    assert read_iim(make.iim((2, 80, b"Andr\xe9"))).terms["creator"] == ["André"]
    assert read_iim(make.iim((2, 80, "André".encode()))).terms["creator"] == ["André"]


@pytest.mark.parametrize("marker", [(), (UTF8,)])
def test_iptc_in_another_code_page_is_left_out_and_told_and_not_guessed(decoder, marker):
    data = make.jpeg(iptc=make.iim(*marker, (2, 5, TITLE.encode("cp949")), (2, 80, b"Kim")))
    assert embedded(decoder, data) == {"creator": ("Kim", "IPTC")}
    assert "IPTC data is in an unknown or wrong encoding" in notes(decoder, data)


def test_all_that_iptc_says():
    block = make.iim(
        (2, 0, b"\0\4"), (2, 105, b"A wedding"), (2, 55, b"19320500"), (2, 116, b"Family Kim"), (2, 25, b"wedding"),
        (2, 92, b"Market"), (2, 90, b"Busan"), (2, 101, b"Korea"), (2, 118, b"+82 51 555 0100"),
    )  # fmt: skip
    assert read_iim(block).terms == {
        "title": ["A wedding"],
        "date": ["1932-05"],
        "rights": ["Family Kim"],
        "subject": ["wedding"],
        "coverage": ["Market, Busan, Korea"],
    }


def test_iptc_with_long_datasets_and_with_ends_that_are_not_there():
    long = make.iim((2, 120, b"word " * 20), extended=True)
    assert read_iim(long).terms["description"] == [("word " * 20).strip()]
    assert read_iim(long[:-1]).terms == {}
    assert read_iim(b"\x1c\x02\x05\xff\xff" + b"\xff" * 50).terms == {}
    assert iptc_of_resources(make.resources(long)) == long
    assert iptc_of_resources(b"8BIM\x04\x04\0\0\xff\xff\xff\xff" + long) == long
    assert iptc_of_resources(b"8BIM" * 3) == b""


# -- EXIF -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("comment", "expected"),
    [
        (b"ASCII\0\0\0At the gate\0\0", "At the gate"),
        (b"UNICODE\0" + "At the gate".encode("utf-16-le"), "At the gate"),
        (b"UNICODE\0" + "At the gate".encode("utf-16-be"), "At the gate"),
        (b"UNICODE\0" + TITLE.encode("utf-16"), TITLE),
        (b"JIS\0\0\0\0\0" + "門の前".encode("iso2022_jp"), "門の前"),
        (b"\0" * 8 + TITLE.encode(), TITLE),
        (b"\0" * 8 + b" " * 40, None),
        (b"ASCII\0\0\0" + b"\0" * 40, None),
    ],
)
def test_character_codes_of_user_comment(decoder, order, comment, expected):
    found = embedded(decoder, make.jpeg(exif=make.exif({}, {37510: (7, comment)}, order=order)))
    assert found == ({} if expected is None else {"description": (expected, "EXIF")})


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_unicode_comment_in_the_order_of_its_file(decoder, order):
    body = TITLE.replace(" ", "").replace(",", "").encode("utf-16-le" if order == "<" else "utf-16-be")
    data = make.jpeg(exif=make.exif({}, {37510: (7, b"UNICODE\0" + body)}, order=order))
    assert embedded(decoder, data) == {"description": ("할머니부산", "EXIF")}


def test_windows_own_tags(decoder):
    tags = {
        270: make.ascii_tag(b"The gate"), 40091: make.windows("The gate"), 40092: make.windows(TITLE),
        40093: make.windows("Kim;Lee"), 40094: make.windows("gate;wedding"), 40095: make.windows("Spring"),
    }  # fmt: skip
    assert embedded(decoder, make.jpeg(exif=make.exif(tags, order=">"))) == {
        "title": ("The gate", "EXIF"),
        "description": (f"{TITLE}\nSpring", "EXIF"),
        "creator": ("Kim; Lee", "EXIF"),
        "subject": ("gate; wedding", "EXIF"),
    }


def test_what_machines_write_is_no_description(decoder):
    for words in (
        b"OLYMPUS DIGITAL CAMERA         ",
        b"SONY DSC",
        b'{"shape": [4, 5, 3]}',
        b"FSA/8b33000\\8b33032a.tif",
    ):
        assert embedded(decoder, make.scan_tiff(more={270: make.ascii_tag(words)})) == {}
    said = b"Father with his first digital camera"
    assert embedded(decoder, make.scan_tiff(more={270: make.ascii_tag(said)}))["description"][0] == said.decode()


def test_damaged_exif_data_are_left_out_with_a_note(decoder):
    for block in (b"II*\0\xff\xff\xff\x7f", b"MM\0*" + struct.pack(">I", 8) + b"\xff" * 40):
        data = make.webp(exif=block)
        assert embedded(decoder, data) == {}
        assert "EXIF data were left out" in notes(decoder, data)


# -- dates ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1932:05:03 00:00:00", "1932-05-03"), ("19320503", "1932-05-03"), ("19320000", "1932"), ("1932-05", "1932-05"),
        ("1932-05-03T14:30:00+09:00", "1932-05-03"), ("about 1932", "about 1932"), ("1932-1935", "1932-1935"),
        ("0000:00:00 00:00:00", ""), ("    :  :     :  :  ", ""), ("", ""),
    ],
)  # fmt: skip
def test_dates_of_figures_and_of_words(text, expected):
    assert iso_date(text) == expected


def test_the_day_on_which_it_was_scanned_is_not_the_photographs(decoder):
    scanned = {306: make.ascii_tag(b"2021:03:04 10:00:00")}
    inner = {36867: make.ascii_tag(b"2021:03:04 10:00:00"), 36868: make.ascii_tag(b"2021:03:04 10:00:00")}
    packet = make.xmp(attributes='photoshop:DateCreated="2021-03-04T10:00:00" xmp:CreateDate="2021-03-04T10:00:00"')
    assert embedded(decoder, make.jpeg(exif=make.exif(scanned, inner), xmp=packet)) == {}
    inner[36867] = make.ascii_tag(b"1932:05:03 00:00:00")
    assert embedded(decoder, make.jpeg(exif=make.exif(scanned, inner), xmp=packet)) == {"date": ("1932-05-03", "EXIF")}


# -- nothing personal -------------------------------------------------------------------------------------------------
GPS = {
    1: make.ascii_tag(b"N"),
    2: (5, [35, 1, 6, 1, 1008, 100]),
    3: make.ascii_tag(b"E"),
    4: (5, [129, 1, 1, 1, 4908, 100]),
}


def personal() -> bytes:
    inner = {42032: make.ascii_tag(b"OWNER Kim"), 42033: make.ascii_tag(b"SERIAL 1"), 42037: make.ascii_tag(b"LENS 2")}
    tags = {271: make.ascii_tag(b"Canon"), 50735: make.ascii_tag(b"SERIAL 3")}
    packet = make.xmp(
        "<core:CreatorContactInfo rdf:parseType='Resource'><core:CiEmailWork>EMAIL</core:CiEmailWork>"
        "</core:CreatorContactInfo>",
        'aux:SerialNumber="SERIAL 4" aux:OwnerName="OWNER Lee" exif:GPSLatitude="35,6.168N" '
        'photoshop:CaptionWriter="WRITER"',
    )
    return make.jpeg(xmp=packet, exif=make.exif(tags, inner, GPS))


def test_no_position_no_serial_number_no_owner(decoder):
    info = decoder.decode(personal(), "scan").info
    assert info.embedded == {}
    told = json.dumps(vars(info))
    for word in ("OWNER", "SERIAL", "LENS", "EMAIL", "WRITER", "35.10", "35,6"):
        assert word not in told


def test_the_position_is_kept_if_that_is_asked_for():
    with Decoder(DecodeLimits(seconds=20), position=True) as asked:
        found = asked.decode(personal(), "scan").info
        named = asked.decode(make.jpeg(xmp=make.xmp(PLACE), exif=make.exif({}, gps=GPS)), "scan").info
        nowhere = asked.decode(make.jpeg(exif=make.exif({}, gps=GPS | {2: (5, [135, 1, 0, 1, 0, 0])})), "scan").info
    assert (found.embedded, found.embedded_from) == ({"coverage": "35.10280, 129.03030"}, {"coverage": "EXIF"})
    assert named.embedded["coverage"] == "Busan, Korea; 35.10280, 129.03030"
    assert named.embedded_from["coverage"] == "XMP; EXIF"
    assert nowhere.embedded == {}


@pytest.mark.parametrize(("asked", "place"), [({}, None), ({"keep_position": True}, "35.10280, 129.03030")])
def test_the_setting_decides_about_the_position(asked, place):
    recipe = parse_recipe({"name": "identity", "steps": [{"step": "triage"}]}, "test")
    with Engine(Settings(_env_file=None, device="cpu", tile_side=0, **asked)) as engine:
        [outcome] = engine.restore_many([Scan("scan", personal())], engine.prepare(recipe))
    assert outcome.info.embedded.get("coverage") == place


# -- texts ------------------------------------------------------------------------------------------------------------
def test_texts_are_clean_and_bounded():
    assert tidy("a\x00\x1b[31m\u202eb\u2066\ud800c") == "a[31mbc"
    assert tidy("one\r\ntwo\u3000 three\u2028four") == "one two three four"
    assert tidy("one\r\n\r\n two ", lines=True) == "one\ntwo"
    assert tidy("می\u200cخواهم") == "می\u200cخواهم"
    assert len(tidy("a" * 10**6)) == MOST_CHARACTERS


def test_hostile_characters_do_not_come_through(decoder):
    data = make.jpeg(xmp=make.xmp(make.alternatives("dc:title", default="gate\u202egpj.\u0085\u2029x" + "y" * 9000)))
    title = embedded(decoder, data)["title"][0]
    assert title.startswith("gategpj. xyyy")
    assert len(title) == MOST_CHARACTERS


def test_many_values_stay_within_the_limit(decoder):
    data = make.scan_tiff(xmp=make.xmp(make.array("dc:subject", "Bag", *("😀" * 3000 + str(k) for k in range(200)))))
    assert len(embedded(decoder, data)["subject"][0]) == MOST_CHARACTERS


def test_a_text_in_an_unnamed_encoding():
    assert decoded(b"Gro\xdfmutter") == "Großmutter"
    assert decoded("할".encode() * 20_000) == "할" * 5333
    with pytest.raises(ValueError, match="encoding"):
        decoded("할머니".encode("cp949"))


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reading(noise):
    for blocks in (
        jpeg_blocks(memoryview(b"\xff\xd8\xff\xed" + noise)),
        png_blocks(memoryview(b"\x89PNG\r\n\x1a\n" + noise)),
        webp_blocks(memoryview(b"RIFF\0\0\0\0WEBP" + noise)),
        Blocks(xmp=noise, iptc=noise, exif=noise, texts={"Title": (noise, True)}),
        Blocks(iptc=b"\x1c\x02\x05" + noise, exif=b"II*\0\x08\0\0\0" + noise),
    ):
        written = read_written(blocks, position=True)
        assert set(written.terms) == set(written.sources)


def test_another_reader_finds_the_same_blocks():
    """What the tests write is what others read: nothing is proven by a file that is wrong in the same way."""
    block = make.iim(UTF8, (2, 5, TITLE.encode()))
    with Image.open(BytesIO(make.jpeg(xmp=PACKET, iptc=block, exif=BLOCK))) as picture:
        assert IptcImagePlugin.getiptcinfo(picture)[2, 5] == TITLE.encode()
        assert picture.info["xmp"] == PACKET
        assert picture.getexif()[270].encode("latin-1").decode() == "Großmutter im Garten"
    with Image.open(BytesIO(make.scan_tiff(xmp=PACKET, plain_iptc=block))) as picture:
        assert IptcImagePlugin.getiptcinfo(picture)[2, 5] == TITLE.encode()
    inner = {36867: make.ascii_tag(b"1932:05:03 00:00:00")}
    with Image.open(BytesIO(make.webp(xmp=PACKET, exif=make.exif({}, inner, GPS, ">")))) as picture:
        assert picture.info["xmp"] == PACKET
        assert picture.getexif().get_ifd(34665)[36867] == "1932:05:03 00:00:00"
        assert picture.getexif().get_ifd(34853)[4] == (129.0, 1.0, 49.08)
    with Image.open(BytesIO(make.png(xmp=PACKET, packed=True))) as picture:
        assert picture.text["XML:com.adobe.xmp"] == PACKET.decode()

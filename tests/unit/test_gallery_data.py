"""The gallery's files and data: shards, index, words in every language, and nobody else's address."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restoration.colour_hints import HintGround
from restoration.colour_words import ColourWord
from restoration.damage_kinds import DamageKind, Mending
from restoration.errors import PhotoState, ReasonCode
from restoration.publish import gallery
from restoration.publish.gallery_index import (
    ALTERED,
    COLOURED,
    FACES,
    GRAY,
    OWN_COLOURS,
    PHOTOS_PER_INDEX,
    IndexColumns,
    flags_of,
    group_of,
    year_of,
)
from restoration.publish.photos import ArchivedPhoto
from restoration.quality.metrics import METRICS
from tests.filled import filled_record
from tests.given import LAWN, given_record

SHA = "ab" * 32
PAGES = ("index.html", "print.html")


def archived(number: int, shown_as: Any = "restored", reason: str | None = None, **more: Any) -> ArchivedPhoto:
    output = {"key": f"ab/ab/{SHA}.png", "sha256": SHA, "bytes": 3, "width": 400, "height": 300, "bits": 8}
    record = {
        "object_key": f"scans/{number}.tif",
        "dublin_core": {"title": f"Photo {number}", "date": "about 1950"},
        "state": "restored",
        "source": {"sha256": SHA},
        "output": output,
        "previews": {"before": f"ab/ab/{SHA}.jpg", "after": f"ab/ab/{SHA}.jpg"},
        "ai_altered": True,
    }
    return ArchivedPhoto(number, number, f"{number:08d}", shown_as, reason, record | more)


def value_of(script: str) -> Any:
    return json.loads(script[script.index("]=") + 2 : -2])


def test_data_are_sharded_and_show_only_what_may_be_shown(tmp_path):
    photos = [archived(n) for n in range(1, 601)]
    photos += [archived(601, "original", "reviewer_rejected"), archived(602, "listed", "empty_file", state="rejected")]
    files = dict(gallery.write_data(photos, tmp_path))
    assert sum(name.startswith("gallery/details") for name in files) == 13
    assert sum(name.startswith("gallery/photos") for name in files) == 3
    rows = value_of(files["gallery/photos-00002.js"].read_text())
    assert len(rows) == 102
    assert rows[0]["image"] == "data/photos/00000501.png"
    assert (rows[0]["shown"], rows[0]["ai"]) == ("restored", True)
    assert (rows[-2]["shown"], rows[-2]["reason"]) == ("original", "reviewer_rejected")
    assert (rows[-1]["shown"], rows[-1]["reason"]) == ("listed", "empty_file")
    assert not {"image", "ai"} & rows[-2].keys()
    assert not {"image", "ai", "width"} & rows[-1].keys()
    assert "output" in value_of(files["gallery/details-00011.js"].read_text())["00000600"]
    assert "output" not in value_of(files["gallery/details-00012.js"].read_text())["00000601"]


def test_details_say_what_was_filled_and_only_of_a_picture_that_is_shown(tmp_path):
    filled = filled_record(width=400, height=300)
    stained = filled | {"filled_share": 0.0}
    photos = [
        archived(1, **filled),
        archived(2),
        archived(3, "original", "awaiting_review", **filled),
        archived(4, **stained),
    ]
    files = dict(gallery.write_data(photos, tmp_path))
    details = value_of(files["gallery/details-00000.js"].read_text())
    assert details["00000001"]["filled"] == {
        "share": 0.0325,
        "kinds": [{"kind": "hole", "share": 0.02, "net": True}, {"kind": "scratch", "share": 0.0125}],
        "mask": "data/masks/00000001.png",
    }
    assert [d["kind"] for d in details["00000001"]["damage"]] == ["stain", "hole", "scratch", "writing"]
    assert all("filled" not in details[f"0000000{n}"] for n in (2, 3, 4))


def test_details_say_which_colours_people_gave_and_only_of_a_picture_that_is_shown(tmp_path):
    photos = [archived(1, **given_record()), archived(2), archived(3, "original", "awaiting_review", **given_record())]
    files = dict(gallery.write_data(photos, tmp_path))
    details = value_of(files["gallery/details-00000.js"].read_text())
    assert details["00000001"]["given"] == [
        {
            "word": "blue",
            "colour": "#3b5ba9",
            "what": "the dress",
            "ground": "writing",
            "by": "Ada's daughter",
            "source": "her letter of May 1931",
            "on": "1998",
        },
        {"word": "green", "colour": LAWN["colour"], "ground": "memory", "by": "Eve <b>"},
    ]
    assert all("given" not in details[f"0000000{n}"] for n in (2, 3))


def test_a_withdrawn_photograph_has_neither_name_nor_hash(tmp_path):
    tombstone = {"photo_id": 7, "state": "skipped", "reason": "withdrawn", "reason_detail": "At the family's wish."}
    withdrawal = {"reason": "At the family's wish.", "withdrawn_at": "2026-11-21T03:00:00+00:00"}
    photo = ArchivedPhoto(7, None, "00000007", "withdrawn", "withdrawn", tombstone | {"withdrawal": withdrawal})
    assert gallery.photo_row(photo) == {
        "id": "00000007",
        "shown": "withdrawn",
        "state": "skipped",
        "reason": "withdrawn",
    }
    details = gallery.photo_details(photo)
    assert details["withdrawal"] == withdrawal
    assert "sha256" not in json.dumps(details)


def test_index_is_small_and_says_what_layout_and_filters_need(tmp_path):
    photos = [archived(n) for n in range(11, 31)]
    photos.insert(1, archived(5, "listed", "empty_file", state="rejected"))
    index = value_of(dict(gallery.write_data(photos, tmp_path))["gallery/index-00000.js"].read_text())
    names = [sum(index["names"][: n + 1]) for n in range(len(photos))]
    assert names == [photo.photo_id for photo in photos]
    assert index["ratios"][:3] == [133, 0, 133]
    assert index["years"][0] == 1950
    assert index["groups"][:3] == "rfr"
    assert len(index["flags"]) == len(photos)
    columns = IndexColumns()
    for n in range(2000):
        columns.add(archived(n))
    assert len(json.dumps(columns.value(), separators=(",", ":"))) < 16 * 2000


def test_every_index_holds_ten_thousand_and_an_empty_collection_has_one(tmp_path):
    assert [name for name, _ in gallery.write_data([], tmp_path)] == ["gallery/index-00000.js"]
    photos = (archived(n, "listed", None, state="pending") for n in range(1, PHOTOS_PER_INDEX + 2))
    files = dict(gallery.write_data(photos, tmp_path))
    sizes = [
        len(value_of(path.read_text())["names"]) for name, path in sorted(files.items()) if name.startswith("gallery/i")
    ]
    assert sizes == [PHOTOS_PER_INDEX, 1]


@pytest.mark.parametrize(
    ("shown_as", "reason", "state", "group"),
    [
        ("restored", None, "restored", "restored"),
        ("original", "awaiting_review", "needs_review", "awaiting"),
        ("original", "awaiting_faces_off", "restored", "original"),
        ("original", "reviewer_kept_original", "restored", "original"),
        ("listed", "empty_file", "rejected", "failed"),
        ("listed", "worker_lost", "quarantined", "failed"),
        ("listed", "consent_refused", "skipped", "left_out"),
        ("listed", "reviewer_rejected", "restored", "left_out"),
        ("listed", None, "queued", "pending"),
        ("withdrawn", "withdrawn", "skipped", "withdrawn"),
    ],
)
def test_groups(shown_as, reason, state, group):
    assert group_of(archived(1, shown_as, reason, state=state)) == group


@pytest.mark.parametrize(
    ("text", "year"),
    [
        ("1932", 1932),
        ("about 1950", 1950),
        ("1908-1961", 1908),
        ("12.3.1948", 1948),
        ("1920s", 1920),
        ("1932년", 1932),
        ("", 0),
        (None, 0),
        ("unknown", 0),
        ("19481", 0),
        ("0815", 0),
    ],
)
def test_years_are_read_from_dates_as_people_write_them(text, year):
    assert year_of(text) == year


def test_flags_say_what_is_known_of_the_shown_picture():
    triage = {"step": "triage", "status": "applied", "detail": {"kind": "tinted"}}
    coloured = {"step": "colorize", "status": "applied"}
    own = {"step": "colorize", "status": "not_needed", "reason": "already_colour"}
    faces = [{"action": "restored"}]
    assert flags_of(archived(1, steps=[triage, coloured], faces=faces)) == ALTERED | COLOURED | FACES
    assert flags_of(archived(1, steps=[triage, own], ai_altered=False)) == OWN_COLOURS
    assert flags_of(archived(1, "original", "awaiting_review", steps=[triage, coloured])) == GRAY
    assert flags_of(archived(1, "listed", "empty_file", steps=[triage, coloured], faces=faces)) == 0
    assert flags_of(archived(1, ai_altered=False)) == 0


@given(st.text(max_size=40))
def test_data_scripts_cannot_be_left(text):
    script = gallery.script("photos-00000", {"title": text + "</script><!--\u2028\u2029"})
    body = script.decode("ascii")
    assert "<" not in body
    assert ">" not in body
    assert len(body.splitlines()) == 1
    assert value_of(body)["title"].startswith(text)


# -- the site's own files --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def site() -> dict[str, str]:
    """The site's own files, without those of others."""
    files = dict(gallery.site_files())
    return {name: data.decode("utf-8") for name, data in files.items() if not name.startswith("assets/vendor/")}


def words_of(site: dict[str, str]) -> dict[str, dict[str, Any]]:
    languages = {}
    for name, text in site.items():
        if match := re.fullmatch(r"assets/words-([a-z]+)\.js", name):
            start = f"(window.ARCHIVE_WORDS = window.ARCHIVE_WORDS || {{}}).{match[1]} = "
            languages[match[1]] = json.loads(text[text.index(start) + len(start) :].rstrip().removesuffix(";"))
    return languages


def test_site_has_no_address_of_anybody_else(site):
    assert {*PAGES, "assets/gallery.js"} <= site.keys()
    for name, text in site.items():
        addresses = re.sub(r"http://(www\.w3\.org/2000/svg|iiif\.io/api/image[/a-z0-9.]*)", "", text)
        assert not re.search(r"https?://|innerHTML|\beval\(|<script>|\son[a-z]+=", addresses), name


def test_pages_forbid_everything_from_elsewhere_and_name_only_files_that_are_there(site):
    for page in PAGES:
        policy = re.search(r'Content-Security-Policy" content="([^"]+)"', site[page])
        assert policy
        assert policy[1].startswith("default-src 'none'; script-src 'self' file:;")
        assert "unsafe" not in policy[1]
        names = re.findall(r'(?:src|href)="((?:assets|gallery)/[^"#]+)"', site[page])
        missing = {name for name in names if name.startswith("assets/")} - site.keys()
        assert missing == set()
        for language in words_of(site):
            assert f"assets/words-{language}.js" in names


def test_site_stays_small(site):
    assert sum(len(text.encode()) for text in site.values()) < 160_000


def test_languages_have_the_same_keys_and_fill_in_the_same_names(site):
    languages = words_of(site)
    assert set(languages) >= {"en", "ko"}
    english = languages["en"]
    for language, words in languages.items():
        assert words.keys() == english.keys(), language
        for key, entry in words.items():
            forms = [entry] if isinstance(entry, str) else list(entry.values())
            assert all(forms), key
            assert isinstance(entry, dict) == isinstance(english[key], dict), key
            if isinstance(entry, dict):
                assert "other" in entry, key
            assert _names(forms) == _names(_forms(english[key])), (language, key)


def _forms(entry: Any) -> list[str]:
    return [entry] if isinstance(entry, str) else list(entry.values())


def _names(forms: list[str]) -> set[str]:
    return {name for form in forms for name in re.findall(r"\{(\w+)\}", form)}


FAMILIES = frozenset(
    [
        "reason",
        "state",
        "why",
        "status",
        "step",
        "action",
        "damage",
        "decision",
        "mending",
        "ground",
        "tint",
        "outcome",
        "event",
        "metric",
        "term",
        "number",
        "group",
        "summary",
        "facet",
        "altered",
        "colour",
        "faces",
        "decade",
        "zoom",
        "view",
        "column",
        "turn",
        "paper",
        "print",
    ]
)
"""Beginnings of keys that the pages put together from codes."""


def test_every_word_that_a_page_uses_is_there_and_no_word_is_idle(site):
    english = words_of(site)["en"]
    code = "\n".join(text for name, text in site.items() if not name.startswith("assets/words-"))
    used = set(re.findall(r'\bt\("([a-z_.0-9]+)"', code)) | set(re.findall(r'data-t(?:-[a-z]+)?="([a-z_.0-9]+)"', code))
    used |= {key for pair in re.findall(r'\? "([a-z_.]+)" : "([a-z_.]+)"', code) for key in pair if key in english}
    assert used - english.keys() == set()
    idle = {key for key in english if key not in used and key.split(".")[0] not in FAMILIES}
    assert idle == {"language.name"}


def test_every_code_of_the_catalog_has_words_for_a_family(site):
    system = list(ReasonCode)[
        list(ReasonCode).index(ReasonCode.USAGE) : list(ReasonCode).index(ReasonCode.CHAIN_BROKEN) + 1
    ]
    for words in words_of(site).values():
        assert [r.value for r in ReasonCode if r not in system and f"reason.{r.value}" not in words] == []
        assert [s.value for s in PhotoState if f"state.{s.value}" not in words] == []
        assert [name for name in METRICS if f"metric.{name}" not in words] == []
        assert [kind for kind in DamageKind if f"damage.{kind}" not in words] == []
        assert [way for way in Mending if f"mending.{way}" not in words] == []
        assert [word for word in ColourWord if f"tint.{word}" not in words] == []
        assert [ground for ground in HintGround if f"ground.{ground}" not in words] == []

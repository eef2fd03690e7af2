"""hints.csv as people write it: what can be used is used, and the rest is told with what to write."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restoration.catalog.hints import NewHint
from restoration.colour_hints import ColourHint, HintGround
from restoration.ingest.hints_csv import COLUMNS, MAX_WORDS, read_hints

KEYS = ["c/a.tif", "c/sub/b.tif", "c/é.png"]
HEADER = "file,place,colour,ground,said_by,what,source,said_on,radius\n"
WHOLE = 'a.tif,"0.42,0.61",#3B5BA9,writing,Ada\'s daughter,the dress,her letter of May 1931,1998,0.01\n'
BLUE = ColourHint(outline=((0.42, 0.61),), colour="#3b5ba9")


def read(text: str, encoding: str = "utf-8"):
    return read_hints(text.encode(encoding), KEYS, "c/")


def problems(text: str) -> list[tuple[int, str]]:
    return [(problem.row, problem.kind) for problem in read(text)[1].problems]


def test_a_line_is_a_hint_of_its_scan():
    (line,), report = read(HEADER + WHOLE)
    assert (line.row, line.key) == (2, "c/a.tif")
    assert line.hint == NewHint(
        hint=BLUE.model_copy(update={"radius": 0.01}),
        ground=HintGround.WRITING,
        said_by="Ada's daughter",
        subject="the dress",
        source="her letter of May 1931",
        said_on="1998",
    )
    assert (report.found, report.rows, report.lines, report.problems) == (True, 1, 1, [])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_spreadsheets_write_semicolons_other_encodings_and_columns_in_any_order(encoding):
    text = "Said by;File;Color;Place;Ground\r\n할머니;B;3B5BA9;42%,61%;Memory\r\n"
    (line,), report = read(text, encoding)
    assert (line.key, line.hint.hint, line.hint.said_by) == ("c/sub/b.tif", BLUE, "할머니")
    assert line.hint.ground is HintGround.MEMORY
    assert report.problems == []


def test_an_area_has_corners():
    ((line,), _) = read(HEADER + 'é.png,"0.1,0.1; 0.3,0.1; 0.2,0.3",#3f6b35,rule,Eve\n')
    assert line.hint.hint.outline == ((0.1, 0.1), (0.3, 0.1), (0.2, 0.3))


@pytest.mark.parametrize(
    ("cells", "kind", "words"),
    [
        ('a.tif,,#3b5ba9,memory,Eve', "bad_place", "0.42,0.61"),
        ('a.tif,"here",#3b5ba9,memory,Eve', "bad_place", "42%,61%"),
        ('a.tif,"1.2,0.1",#3b5ba9,memory,Eve', "bad_place", "outside the photograph"),
        ('a.tif,"0.1,0.1;0.2,0.2",#3b5ba9,memory,Eve', "bad_hint", "3 to 64 corners"),
        ('a.tif,"0.1,0.1",blue,memory,Eve', "bad_colour", "#rrggbb"),
        ('a.tif,"0.1,0.1",#3b5ba9,guess,Eve', "bad_ground", "memory, writing, object, photograph or rule"),
        ('a.tif,"0.1,0.1",#3b5ba9,memory,', "no_name", "who knows the colour"),
        ('a.tif,"0.1,0.1",#3b5ba9,memory,Eve,,,,wide', "bad_radius", "0.008"),
        ('a.tif,"0.1,0.1",#3b5ba9,memory,Eve,,,,0.5', "bad_hint", "radius"),
        ('a.tif,"0.1,0.1",#3b5ba9,memory,Eve,,,,nan', "bad_hint", "radius"),
        ("a.tif,0.1,0.1,#3b5ba9,memory,Eve,dress,letter,1998,0.01", "extra_cells", "quotation marks"),
        (',"0.1,0.1",#3b5ba9,memory,Eve', "empty_name", "which scan"),
        ('no.tif,"0.1,0.1",#3b5ba9,memory,Eve', "no_such_photo", "no scan 'no.tif'"),
        ('*,"0.1,0.1",#3b5ba9,memory,Eve', "no_such_photo", "a line for each scan"),
    ],
)  # fmt: skip
def test_a_bad_line_is_told_with_what_to_write_and_the_next_one_counts(cells, kind, words):
    lines, report = read(f"{HEADER}{cells}\n{WHOLE}")
    assert [line.row for line in lines] == [3]
    ((row, found, detail),) = [(p.row, p.kind, p.detail) for p in report.problems]
    assert (row, found) == (2, kind)
    assert words in detail


def test_a_line_that_is_there_twice_counts_once():
    lines, report = read(HEADER + WHOLE + WHOLE.replace("Ada's daughter,", " Ada's daughter ,"))
    assert len(lines) == 1
    assert [(p.row, p.kind) for p in report.problems] == [(3, "duplicate_line")]


def test_words_without_end_are_cut_and_told():
    (line,), report = read(f'{HEADER}a.tif,"0.1,0.1",#3b5ba9,memory,Eve,{"x" * 600}\n')
    assert line.hint.subject == "x" * MAX_WORDS
    assert report.counts == {"long_cell": 1}


def test_a_file_that_is_no_such_list_is_told_once():
    assert problems("") == [(0, "unreadable")]
    assert problems("place,colour\n") == [(1, "missing_column")]
    assert "ground, said_by" in read("file,place,colour\n")[1].problems[0].detail
    assert problems(HEADER.replace("radius", "shelf")) == [(1, "unknown_column")]
    assert read(HEADER + "a.tif,Zoë", "cp1252")[1].problems[0].kind == "unreadable"


@given(st.lists(st.lists(st.text(max_size=12), max_size=11), max_size=6))
def test_nothing_that_a_table_holds_is_an_error(rows):
    out = io.StringIO()
    csv.writer(out).writerows([COLUMNS, *rows])
    lines, report = read_hints(out.getvalue().encode("utf-8", "surrogatepass"), KEYS, "c/")
    assert len(lines) + sum(report.counts.values()) >= min(1, report.rows)

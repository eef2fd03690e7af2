"""metadata.csv as spreadsheets really write it."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restoration.catalog.listing import ListingReport
from restoration.cli.collection import _print_report
from restoration.ingest import sidecar, tables
from restoration.ingest.bag import declared_hashes
from restoration.ingest.ingest import IngestReport
from restoration.ingest.sidecar import SidecarReport, read_sidecar
from restoration.spreadsheet import FORMULA_STARTS, is_formula, neutralise

KEYS = ["c/a.tif", "c/sub/b.tif", "c/é.png"]


def read(text: str, encoding: str = "utf-8", keys=KEYS):
    """Terms by key, and the report."""
    described, report = read_sidecar(text.encode(encoding), keys, "c/")
    return {key: row.terms for key, row in described.items()}, report


def kinds(report):
    return {problem.kind for problem in report.problems}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_encodings_and_separators(encoding, separator):
    text = f"filename{separator}dc:Title{separator}Date\r\na.tif{separator}할머니{separator}1932\r\n"
    described, report = read(text, encoding)
    assert described == {"c/a.tif": {"title": "할머니", "date": "1932"}}
    assert (report.rows, report.matched, report.photos_without_row) == (1, 1, 2)
    assert report.columns == ("title", "date")
    assert report.counts == {"no_row": 1}


def test_a_file_in_an_unknown_code_page_is_reported_and_not_guessed():
    described, report = read("filename,title\na.tif,Zoë\n", "cp1252")
    assert described == {}
    assert report.problems[0].kind == "unreadable"
    assert "CSV UTF-8" in report.problems[0].detail


def test_rows_without_photograph_doubled_rows_and_rows_without_name():
    text = "filename,title\na.tif,first\nno.tif,x\na.tif,second\n,nameless\n\nsub/b.tif,ok\n"
    described, report = read(text)
    assert described["c/a.tif"]["title"] == "first"
    assert described["c/sub/b.tif"]["title"] == "ok"
    assert [(p.row, p.kind) for p in report.problems[:3]] == [
        (3, "no_such_photo"),
        (4, "duplicate_name"),
        (5, "empty_name"),
    ]
    assert report.rows == 5


def test_names_match_in_another_unicode_form_case_folder_or_without_ending():
    text = "identifier,title\ne\u0301.PNG,one\nB,two\nA.TIF,three\n"
    described, _ = read(text)
    assert {key: terms["title"] for key, terms in described.items()} == {
        "c/é.png": "one",
        "c/sub/b.tif": "two",
        "c/a.tif": "three",
    }
    assert described["c/sub/b.tif"]["identifier"] == "B"


def test_a_name_that_fits_two_scans_is_reported():
    described, report = read("filename,title\na,x\n", keys=["c/1/a.tif", "c/2/a.tif"])
    assert described == {}
    assert kinds(report) == {"ambiguous_name"}


def test_unknown_columns_extra_cells_and_missing_cells():
    described, report = read("filename,title,shoe size\na.tif,x,44,extra\nsub/b.tif\n")
    assert described["c/a.tif"] == {"title": "x"}
    assert described["c/sub/b.tif"] == {}
    assert {"unknown_column", "extra_cells"} <= kinds(report)


def test_without_a_name_column_nothing_is_used():
    described, report = read("title,date\nx,1900\n")
    assert described == {}
    assert kinds(report) == {"no_name_column"}


def test_formulas_are_kept_as_text_and_reported():
    described, report = read("filename,title,creator\na.tif,=cmd|'/c calc'!A1,@SUM(A1)\n")
    assert described["c/a.tif"] == {"title": "=cmd|'/c calc'!A1", "creator": "@SUM(A1)"}
    assert report.counts["formula"] == 2


def test_nul_bytes_quotes_and_an_empty_file():
    described, _ = read('filename,title\na.tif,"two\nlines, ""quoted""\x00"\n')
    assert described["c/a.tif"]["title"] == 'two\nlines, "quoted"'
    assert kinds(read("")[1]) == {"unreadable"}


def test_limits(monkeypatch):
    monkeypatch.setattr(tables, "MAX_ROWS", 2)
    monkeypatch.setattr(sidecar, "MAX_CELL", 5)
    described, report = read("filename,title\na.tif,123456789\nsub/b.tif,x\né.png,x\n")
    assert described["c/a.tif"]["title"] == "12345"
    assert len(described) == 2
    assert {"long_cell", "too_many_rows"} <= kinds(report)
    monkeypatch.setattr(tables, "MAX_BYTES", 3)
    assert read("filename,title\na.tif,x\n")[1].problems[0].kind == "unreadable"


def test_a_cell_beyond_the_csv_readers_limit_costs_one_row_only():
    described, report = read(f"filename,title\na.tif,{'x' * 200_000}\nsub/b.tif,ok\n")
    assert described["c/sub/b.tif"] == {"title": "ok"}
    assert "broken_row" in kinds(report)


def test_many_problems_are_counted_and_only_the_first_kept():
    rows = "".join(f"no-{n}.tif,x\n" for n in range(1000))
    _, report = read(f"filename,title\n{rows}")
    assert report.counts["no_such_photo"] == 1000
    assert len(report.problems) == tables.MAX_KEPT_PROBLEMS
    assert report.to_dict()["counts"]["no_such_photo"] == 1000


@pytest.mark.parametrize("column", ["sha256", "SHA-256", "sha_256"])
def test_a_hash_says_which_bytes_the_giver_sent(column):
    text = f"filename,{column}\na.tif, {'AB' * 32} \nsub/b.tif,\né.png,abc\n"
    described, report = read_sidecar(text.encode(), KEYS, "c/")
    assert [row.sha256 for row in described.values()] == ["ab" * 32, None, None]
    assert kinds(report) == {"bad_sha256"}


@given(st.binary(max_size=400))
def test_no_bytes_stop_the_ingest(data):
    described, report = read_sidecar(data, KEYS, "c/")
    assert report.found
    assert set(described) <= set(KEYS)


@given(st.binary(max_size=400))
def test_no_bytes_of_a_bags_manifest_stop_the_ingest(data):
    assert declared_hashes(data, KEYS, "c/") == {}


@given(st.text(max_size=60))
def test_neutralised_cells_are_no_formulas_and_stay_on_one_line(text):
    harmless = neutralise(text)
    assert not is_formula(harmless)
    assert "\n" not in harmless
    assert "\r" not in harmless


@pytest.mark.parametrize("start", FORMULA_STARTS)
def test_every_formula_start_is_neutralised(start):
    cell = neutralise(f"{start}1+1")
    row = next(csv.reader(io.StringIO(cell, newline="")))
    assert row[0].startswith("'") or not is_formula(row[0])


def test_repeated_columns_keep_all_their_values():
    header = "filename,dc:creator,Creator,title,title,dc.creator,description,description"
    described, report = read(f"{header}\na.tif,Kim,Lee,할머니,Grandmother,Kim,one,two\nsub/b.tif,,Lee,,B,,,\n")
    assert described["c/a.tif"] == {
        "creator": "Kim; Lee",
        "title": "할머니 / Grandmother",
        "description": "one\ntwo",
    }
    assert described["c/sub/b.tif"] == {"creator": "Lee", "title": "B"}
    assert report.counts == {"no_row": 1}


@pytest.mark.parametrize("line", ["sep=;", "SEP=;", '"sep=;"', "sep=;;;"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_excels_line_about_the_separator(line, end):
    described, report = read(f"{line}{end}filename;title,more;date{end}a.tif;Kim, Lee;1932{end}no.tif;x;y{end}")
    assert described == {"c/a.tif": {"date": "1932"}}
    assert [(p.row, p.kind) for p in report.problems] == [(1, "unknown_column"), (3, "no_such_photo"), (0, "no_row")]


def test_a_separator_that_is_announced_counts_before_one_that_is_guessed():
    described, _ = read("sep=|\nfilename|title|a;b;c\na.tif|Kim, Lee|\n")
    assert described == {"c/a.tif": {"title": "Kim, Lee"}}


def test_whole_keys_and_windows_paths_name_scans():
    described, report = read("filename,title\nc/a.tif,one\n.\\sub\\B.tif,two\n/é.png,three\n")
    assert {key: terms["title"] for key, terms in described.items()} == {
        "c/a.tif": "one",
        "c/sub/b.tif": "two",
        "c/é.png": "three",
    }
    assert report.counts == {}


@pytest.mark.parametrize(("key", "name"), [("é.png", "e\u0301.png"), ("e\u0301.png", "é.png"), ("각.tif", "각.tif")])
def test_a_manifest_names_scans_in_another_unicode_form(key, name):
    told = []
    lines = f"{'a' * 64}  data/{name}\n".encode()
    assert declared_hashes(lines, [f"c/data/{key}"], "c/", lambda *what: told.append(what)) == {
        f"c/data/{key}": "a" * 64
    }
    assert told == []


def test_lines_of_a_manifest_that_name_no_scan_are_told():
    told = []
    lines = [
        f"{'a' * 64}  data/a.tif",
        f"{'b' * 64}  data/lost.tif",
        f"{'c' * 64}  data/Thumbs.db",
        f"{'d' * 64}  data/metadata.csv",
        f"{'e' * 64}  data/\u1eaf.tif",
        "no hash at all",
        "",
    ]
    twins = ["c/data/a\u0306\u0301.tif", "c/data/\u0103\u0301.tif"]
    found = declared_hashes("\n".join(lines).encode(), ["c/data/a.tif", *twins], "c/", lambda *what: told.append(what))
    assert found == {"c/data/a.tif": "a" * 64}
    assert [kind for kind, _ in told] == [
        "manifest_no_such_photo",
        "manifest_ambiguous_name",
        "manifest_broken_line",
    ]
    assert "line 2: there is no scan 'data/lost.tif'" in told[0][1]


def test_the_terminal_tells_problems_of_a_manifest_alone_and_how_many_more_there_are(capsys):
    report = SidecarReport()
    for number in range(tables.MAX_KEPT_PROBLEMS + 5):
        report.note(0, "manifest_no_such_photo", f"manifest-sha256.txt, line {number}: there is no scan 'gone\x1b'")
    _print_report(IngestReport(ListingReport(0, 0, 0, 0, 0, 0), report))
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("  row 0: manifest_no_such_photo: manifest-sha256.txt, line 0: there is no scan")
    assert "\x1b" not in lines[1]
    assert lines[-1] == "  and 5 more"


def test_a_further_page_has_a_row_of_its_own_and_no_hash():
    pages = ["c/album.tif#2", "c/album.tif#3", "c/both.tif#2"]
    rows = b"filename,title,sha256\nalbum,One,\nALBUM.tif#2,Two," + b"0" * 64 + b"\nalbum#3,Three,\nboth.tif#2,Whose,\n"
    described, report = read_sidecar(rows, ["c/album.tif", "c/both.tif", "c/both.tif#2"], "c/", pages)
    assert {key: row.terms["title"] for key, row in described.items()} == {"c/album.tif": "One", "c/album.tif#2": "Two"}
    assert described["c/album.tif#2"].sha256 is None
    kinds = [problem.kind for problem in report.problems if problem.row]
    assert kinds == ["bad_sha256", "no_such_photo", "no_such_photo"]

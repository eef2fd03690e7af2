"""``restoration run`` with a recipe that divides: prints on one scan are photographs of their own, once, also later."""

from __future__ import annotations

import hashlib
import json

import cv2
import numpy as np
import pytest

from restoration.engine.engine import Engine
from restoration.engine.folder import FolderRun
from restoration.engine.recipe import load_recipe, parse_recipe
from restoration.names import page_sha256
from restoration.settings import Settings
from restoration.synthetic.beds import Bed, laid_out
from tests.unit.picture_maker import photograph
from tests.unit.standins import png


def recipe(several: str | None = "split"):
    steps = [{"step": "triage"} | ({"several": several} if several else {})]
    return parse_recipe({"name": "test", "steps": steps}, "test")


@pytest.fixture(scope="module")
def engine():
    with Engine(Settings(device="cpu", threads=2, preview_side=64)) as one:
        yield one


@pytest.fixture(scope="module")
def bed() -> bytes:
    prints = [photograph(name) for name in ("astronaut", "coffee", "china")]
    return png(laid_out(prints, Bed("gray"), 3, width=1100, height=800)[0])


@pytest.fixture
def folder(tmp_path, bed):
    scans = tmp_path / "in"
    scans.mkdir()
    (scans / "bed.png").write_bytes(bed)
    (scans / "one.png").write_bytes(png(photograph("coffee")[:200, :300]))
    return tmp_path


def run(engine, folder, several: str | None = "split", **options):
    work = FolderRun.plan(folder / "in", folder / "out", engine, engine.prepare(recipe(several)), **options)
    items = {item.source: item for item in work.run()}
    work.close()
    lines = [json.loads(line) for line in (folder / "out" / "restoration.jsonl").read_text().splitlines()]
    return items, {line["source"]: line for line in lines}


def pictures(folder) -> set[str]:
    return {path.name for path in (folder / "out").glob("*.png")}


def test_a_recipe_that_does_not_name_it_keeps_its_hash():
    assert recipe(None).sha256 == recipe("offer").sha256 != recipe("split").sha256
    assert not load_recipe("memorial-portrait").divides


def test_each_print_is_an_output_of_its_own_and_the_scan_has_none(engine, folder, bed):
    items, lines = run(engine, folder)
    assert {source: item.state for source, item in items.items() if item.reason != "quality_fell"} == {
        "bed.png": "skipped", "bed.png#1.1": "restored", "bed.png#1.2": "restored", "bed.png#1.3": "restored",
        "one.png": "restored",
    }  # fmt: skip
    assert items["bed.png"].reason == "divided"
    assert pictures(folder) == {"bed-1.png", "bed-2.png", "bed-3.png", "one.png"}
    file, part = hashlib.sha256(bed).hexdigest(), lines["bed.png#1.2"]
    assert part["box"] == lines["bed.png"]["boxes"][1]
    assert part["source_sha256"] == page_sha256(file, 1, part["box"])
    assert (part["file"], part["part"], part["parts"], part["cut"]["page_size"]) == ("bed.png", 2, 3, [1100, 800])
    assert cv2.imread(str(folder / "out" / "bed-2.png")).shape[:2] == (part["height"], part["width"])


def test_a_second_run_does_nothing_and_a_lost_part_comes_back(engine, folder):
    run(engine, folder)
    before = {name: (folder / "out" / name).read_bytes() for name in pictures(folder)}
    (folder / "out" / "bed-3.png").unlink()
    items, lines = run(engine, folder)
    assert {item.source for item in items.values() if item.reason != "already_done"} == {"bed.png#1.3"}
    assert {name: (folder / "out" / name).read_bytes() for name in pictures(folder)} == before
    assert len(lines) == 5


def test_what_was_made_of_the_whole_scan_goes_when_it_is_divided(engine, folder):
    run(engine, folder, "offer")
    assert pictures(folder) == {"bed.png", "one.png"}
    run(engine, folder, overwrite=True)
    assert pictures(folder) == {"bed-1.png", "bed-2.png", "bed-3.png", "one.png"}


def test_a_run_that_was_killed_before_the_parts_goes_on_with_them(engine, folder):
    work = FolderRun.plan(folder / "in", folder / "out", engine, engine.prepare(recipe()))
    for item in work.run():
        if item.source == "bed.png":
            break
    items, _ = run(engine, folder)
    assert pictures(folder) == {"bed-1.png", "bed-2.png", "bed-3.png", "one.png"}
    assert not any(item.failed for item in items.values())


def test_pages_of_an_album_are_divided_alone(engine, tmp_path, bed):
    from tests.unit.tiff_maker import page, tiff

    leaf = cv2.imdecode(np.frombuffer(bed, np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1]
    (tmp_path / "in").mkdir()
    plain = np.ascontiguousarray(np.rint(photograph("coffee")[:300, :400] * 255).astype(np.uint8))
    (tmp_path / "in" / "album.tif").write_bytes(tiff([page(plain, 2), page(np.ascontiguousarray(leaf), 2)]))
    items, _ = run(engine, tmp_path)
    assert set(items) == {"album.tif", "album.tif#2", *(f"album.tif#2.{number}" for number in (1, 2, 3))}
    assert {path.name for path in (tmp_path / "out").glob("*.png")} == {
        "album.png", "album-p2-1.png", "album-p2-2.png", "album-p2-3.png",
    }  # fmt: skip


def test_parts_of_a_scan_that_is_no_longer_divided_are_told_and_removed_if_results_may_be_replaced(engine, folder):
    run(engine, folder)
    work = FolderRun.plan(folder / "in", folder / "out", engine, engine.prepare(recipe("offer")))
    assert {item.source: item.reason for item in work.run()}["bed.png"] is None
    work.close()
    assert [(one.path, one.source) for one in work.left] == [
        (f"bed-{number}.png", f"bed.png#1.{number}") for number in (1, 2, 3)
    ]
    assert pictures(folder) == {"bed.png", "bed-1.png", "bed-2.png", "bed-3.png", "one.png"}
    _, lines = run(engine, folder, "offer", overwrite=True)
    assert pictures(folder) == {"bed.png", "one.png"}
    assert lines.keys() == {"bed.png", "one.png"}


def test_parts_of_a_file_that_was_replaced_are_told_unless_somebody_changed_them(engine, folder):
    run(engine, folder)
    (folder / "in" / "bed.png").write_bytes(png(photograph("china")[:200, :300]))
    (folder / "out" / "bed-2.png").write_bytes(b"retouched by hand")
    work = FolderRun.plan(folder / "in", folder / "out", engine, engine.prepare(recipe()), overwrite=True)
    states = {item.source: item.state for item in work.run()}
    work.close()
    assert states.keys() == {"bed.png", "one.png"}
    assert [one.path for one in work.left] == ["bed-1.png", "bed-3.png"]
    assert pictures(folder) == {"bed.png", "bed-2.png", "one.png"}


def test_nothing_is_said_to_be_left_if_its_scan_failed_or_is_gone(engine, folder):
    run(engine, folder)
    (folder / "in" / "bed.png").write_bytes(b"<html>not found</html>")
    (folder / "in" / "one.png").unlink()
    (folder / "in" / "other.png").write_bytes(png(photograph("china")[:200, :300]))
    work = FolderRun.plan(folder / "in", folder / "out", engine, engine.prepare(recipe()), overwrite=True)
    assert {item.source: item.failed for item in work.run()} == {"bed.png": True, "other.png": False}
    work.close()
    assert work.left == []
    assert pictures(folder) == {"bed-1.png", "bed-2.png", "bed-3.png", "one.png", "other.png"}

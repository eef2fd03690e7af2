"""Names of outputs, and a folder restored from the command line with a recipe that needs no weights."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import unicodedata
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from restoration import cli
from restoration.damage_kinds import MASK_CODES, DamageKind, Mending
from restoration.engine.engine import Engine
from restoration.engine.folder import FolderRun
from restoration.engine.outputs import assign_masks, assign_outputs, find_photographs, write_atomically
from restoration.engine.recipe import parse_recipe
from restoration.errors import StorageError
from restoration.photo.masks import decode_mask
from restoration.settings import Settings, get_settings
from restoration.steps.protocol import BaseStep, DamageRecord, StepOutcome
from tests.small_pictures import jpeg
from tests.unit.standins import gray, hopper, png
from tests.unit.tiff_maker import page, tiff
from tests.work import meter

COMMAND = [sys.executable, "-c", "from restoration.cli import main; main()"]
QUICK = """
name = "quick"
title = "Quick"
description = "Measure only."
[[steps]]
step = "measure"
long_side = 64
[review]
ssim_below = -1.0
"""
NAMES = st.text(st.sampled_from("aAéE\u0301ßsSk\u212a.~"), min_size=1, max_size=6).filter(lambda n: n.strip("."))
SOURCES = st.tuples(
    st.sampled_from(["", "a/", "A/", "é/", "e\u0301/"]), NAMES, st.sampled_from([".jpg", ".JPG", ".tif"])
)


def folded(path: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


@given(st.sets(SOURCES.map("".join), min_size=1, max_size=12))
def test_names_never_collide_even_where_case_and_unicode_form_do_not_count(sources):
    outputs = assign_outputs(sources, {})
    assert outputs.keys() == sources
    assert len({folded(output) for output in outputs.values()}) == len(sources)
    for source, output in outputs.items():
        assert Path(output).parent == Path(source).parent
        assert output.endswith(".png")
    assert assign_outputs(reversed(sorted(sources)), {}) == outputs


@given(st.sets(SOURCES.map("".join), min_size=2, max_size=12), st.randoms())
def test_names_chosen_once_stay(sources, random):
    some = set(random.sample(sorted(sources), len(sources) // 2))
    first = assign_outputs(some, {})
    second = assign_outputs(sources, first)
    assert {source: second[source] for source in some} == first


def test_plain_names_stay_plain():
    outputs = assign_outputs(["a/photo.jpg", "a/photo.tif", "b/photo.jpg", "Photo.JPG", "photo.jpg"], {})
    assert outputs["a/photo.jpg"] == "a/photo.png"
    assert outputs["a/photo.tif"] == "a/photo.tif.png"
    assert outputs["b/photo.jpg"] == "b/photo.png"
    assert outputs["Photo.JPG"] == "Photo.png"
    assert outputs["photo.jpg"] == "photo.jpg.png"
    twins = assign_outputs(["photo.jpg", "photo.JPG", "Photo.jpg"], {})
    assert sorted(len(output) for output in twins.values()) == [9, 13, 26]


@given(st.sets(SOURCES.map("".join), min_size=1, max_size=8), st.booleans())
def test_masks_never_take_the_name_of_a_picture(sources, nested):
    sources = sources | ({f"masks/{source}" for source in sources} if nested else set())
    outputs = assign_outputs(sources, {})
    masks = assign_masks(outputs)
    assert masks.keys() == sources
    assert len({folded(path) for path in (*outputs.values(), *masks.values())}) == 2 * len(sources)
    assert all(mask.startswith("masks/") and mask.endswith(outputs[source]) for source, mask in masks.items())


def test_longest_names_still_have_room(tmp_path):
    name = "ä" * 125 + ".jpg"
    output = assign_outputs([name], {})[name]
    write_atomically(tmp_path / output, b"x")
    assert (tmp_path / output).read_bytes() == b"x"


def test_only_pictures_are_taken_and_the_output_folder_is_left_out(tmp_path):
    system = ("@eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg", "#recycle/f.jpg", "$RECYCLE.BIN/$R1.jpg", "sub/lost+found/g.tif")
    for name in ("a.jpg", "sub/b.TIF", "notes.txt", ".hidden.jpg", ".git/c.jpg", "out/d.png", "e.pdf", *system):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(b"x")
    assert find_photographs(tmp_path, tmp_path / "out") == (["a.jpg", "e.pdf", "sub/b.TIF"], 1, 0)


def test_linked_folders_are_not_followed_and_are_counted(tmp_path):
    elsewhere, scans = tmp_path / "elsewhere", tmp_path / "scans"
    for path in (elsewhere / "a.jpg", scans / "b.jpg"):
        path.parent.mkdir()
        path.write_bytes(b"x")
    (scans / "album").symlink_to(elsewhere)
    (scans / "round").symlink_to(scans)
    (scans / "@eaDir").symlink_to(elsewhere)  # passed over whatever it is
    (scans / "c.jpg").symlink_to(elsewhere / "a.jpg")
    assert find_photographs(scans, tmp_path / "out") == (["b.jpg", "c.jpg"], 0, 2)


def test_a_file_system_that_refuses_is_an_error_of_the_machine_and_leaves_nothing(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError):
        write_atomically(tmp_path / "file" / "a.png", b"x")
    write_atomically(tmp_path / "b.png", b"x")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.png", "file"]


class Cli:
    """The command in this process, as a user sees it."""

    def __init__(self, monkeypatch, capsys) -> None:
        self.monkeypatch, self.capsys = monkeypatch, capsys

    def __call__(self, *arguments: object) -> tuple[int, str, str]:
        self.monkeypatch.setattr(sys, "argv", ["restoration", *map(str, arguments)])
        code = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        out, err = self.capsys.readouterr()
        return code, out, err

    def items(self, *arguments: object) -> dict[str, dict]:
        _, out, _ = self(*arguments, "--json")
        return {item["source"]: item for item in map(json.loads, out.splitlines())}


@pytest.fixture
def command(monkeypatch, capsys) -> Cli:
    return Cli(monkeypatch, capsys)


@pytest.fixture
def quick(tmp_path) -> Path:
    path = tmp_path / "quick.toml"
    path.write_text(QUICK)
    return path


@pytest.fixture
def scans(tmp_path) -> Path:
    folder = tmp_path / "scans"
    (folder / "sub").mkdir(parents=True)
    for index, name in enumerate(("photo.png", "photo.bmp", "sub/photo.png")):
        pixels = np.random.default_rng(index).integers(0, 255, (30, 40, 3), np.uint8)
        cv2.imwrite(str(folder / name), pixels)
    (folder / "page.tif").write_bytes(b"<html>not found</html>")
    (folder / "readme.txt").write_text("not a scan")
    return folder


def test_folder_is_restored_with_sub_folders_reasons_and_a_record(command, scans, quick, tmp_path):
    out = tmp_path / "out"
    code, printed, err = command("run", scans, out, "--recipe", quick)
    assert code == 1
    assert printed == ""
    assert "4 photographs: 1 rejected, 3 restored" in err
    assert "1 other files were left out" in err
    assert "rejected page.tif [not_an_image]" in err
    made = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    assert made == ["photo.png", "photo.png.png", "restoration.jsonl", "sub/photo.png"]
    lines = [json.loads(line) for line in (out / "restoration.jsonl").read_text().splitlines()]
    assert [line["source"] for line in lines] == ["page.tif", "photo.bmp", "photo.png", "sub/photo.png"]
    assert all(line["recipe"] == "quick" and line["source_sha256"] for line in lines)
    for source in ("photo.png", "photo.bmp"):
        line = next(line for line in lines if line["source"] == source)
        np.testing.assert_array_equal(cv2.imread(str(scans / source)), cv2.imread(str(out / line["output"])))


def test_second_run_does_nothing_and_says_so(command, scans, quick, tmp_path):
    out = tmp_path / "out"
    (scans / "page.tif").unlink()
    assert command("run", scans, out, "--recipe", quick)[0] == 0
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
    items = command.items("run", scans, out, "--recipe", quick)
    assert {(item["state"], item["reason"]) for item in items.values()} == {("skipped", "already_done")}
    assert items["photo.png"]["metrics"]["pair"]["psnr"] == 100
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.png")} == before


def noisy(seed: int, height: int = 30):
    return page(np.random.default_rng(seed).integers(0, 255, (height, 40, 3), np.uint8), 2)


def test_every_page_of_a_file_is_a_result_of_its_own(command, quick, tmp_path, monkeypatch):
    scans, out = tmp_path / "albums", tmp_path / "out"
    scans.mkdir()
    broken = noisy(3)
    broken.tags[259] = (3, 5)  # says LZW, and is none
    (scans / "album.tif").write_bytes(tiff([noisy(1), noisy(2, 50), broken, noisy(4)]))
    cv2.imwrite(str(scans / "album-p2.png"), np.random.default_rng(5).integers(0, 255, (30, 40, 3), np.uint8))
    items = command.items("run", scans, out, "--recipe", quick)
    assert {source: (item["state"], item["output"]) for source, item in items.items()} == {
        "album-p2.png": ("restored", "album-p2.png"),
        "album.tif": ("restored", "album.png"),
        "album.tif#2": ("restored", "album.tif-p2.png"),
        "album.tif#3": ("rejected", None),
        "album.tif#4": ("restored", "album-p4.png"),
    }
    assert [cv2.imread(str(out / f"{name}.png")).shape[0] for name in ("album", "album.tif-p2")] == [30, 50]
    lines = {line["source"]: line for line in map(json.loads, (out / "restoration.jsonl").read_text().splitlines())}
    assert [lines["album.tif#2"][name] for name in ("file", "page", "pages")] == ["album.tif", 2, 4]
    assert "page" not in lines["album-p2.png"]
    assert len({line["source_sha256"] for line in lines.values()}) == len(lines)
    # a second run does only what failed; a file that has the name of a page's output now finds it taken
    cv2.imwrite(str(scans / "album-p4.png"), np.random.default_rng(6).integers(0, 255, (30, 40, 3), np.uint8))
    items = command.items("run", scans, out, "--recipe", quick)
    assert {source: (item["state"], item["output"]) for source, item in items.items()} == {
        "album-p2.png": ("skipped", "album-p2.png"),
        "album-p4.png": ("restored", "album-p4.png.png"),
        "album.tif": ("skipped", "album.png"),
        "album.tif#2": ("skipped", "album.tif-p2.png"),
        "album.tif#3": ("rejected", None),
        "album.tif#4": ("skipped", "album-p4.png"),
    }
    with monkeypatch.context() as patched:
        patched.setenv("RESTORATION_MAX_PAGES", "2")
        get_settings.cache_clear()
        code, _, err = command("run", scans, out, "--recipe", quick)
    get_settings.cache_clear()
    assert code == 1
    assert "rejected album.tif#3 [too_large]: has 4 pages, and 2 are allowed" in err


def test_pages_keep_their_names_if_the_recipe_asks_for_another_format(command, quick, tmp_path):
    scans, out = tmp_path / "albums", tmp_path / "out"
    scans.mkdir()
    broken = page(np.zeros((30, 40, 3), np.uint8), 2)
    broken.tags[259] = (3, 8)  # says Deflate, and is none
    (scans / "album.tif").write_bytes(tiff([broken, noisy(2, 50), noisy(3, 60)]))
    assert command.items("run", scans, out, "--recipe", quick).keys() == {"album.tif", "album.tif#2", "album.tif#3"}
    deep = tmp_path / "deep.toml"
    deep.write_text(QUICK + '[output]\nformat = "tiff"\n')
    items = command.items("run", scans, out, "--recipe", deep)
    assert [items[name]["output"] for name in ("album.tif#2", "album.tif#3")] == ["album-p2.tif", "album-p3.tif"]


def test_a_recipe_that_asks_for_another_format_tells_what_is_left_of_the_first(command, quick, tmp_path):
    scans, out, deep = tmp_path / "scans", tmp_path / "out", tmp_path / "deep.toml"
    scans.mkdir()
    cv2.imwrite(str(scans / "photo.png"), np.random.default_rng(1).integers(0, 255, (30, 40, 3), np.uint8))
    deep.write_text(QUICK + '[output]\nformat = "tiff"\n')
    command("run", scans, out, "--recipe", quick)
    code, _, err = command("run", scans, out, "--recipe", deep)
    assert (code, {path.name for path in out.iterdir()} >= {"photo.png", "photo.tif"}) == (0, True)
    assert "1 files of earlier runs, to which no scan leads any more, were left" in err
    assert "  photo.png (of photo.png)" in err
    command("run", scans, out, "--recipe", quick, "--overwrite")
    assert {path.name for path in out.iterdir()} == {"photo.png", "restoration.jsonl"}


@pytest.mark.parametrize(("among", "where"), [("access", ""), ("masks", ""), ("scans", "scans"), ("up/access", "")])
def test_results_never_lie_among_the_scans(command, tmp_path, among, where):
    """With --overwrite they would take the originals' place."""
    out, scans = tmp_path / "out", tmp_path / "out" / among
    (scans / where).mkdir(parents=True)
    cv2.imwrite(str(scans / where / "photo.jpg"), np.random.default_rng(7).integers(0, 255, (30, 40, 3), np.uint8))
    cv2.imwrite(str(scans / "photo.png"), np.random.default_rng(8).integers(0, 255, (30, 40, 3), np.uint8))
    if among.startswith("up"):
        out = tmp_path / "linked"
        out.mkdir()
        (out / "access").symlink_to(scans)
    before = {path: path.read_bytes() for path in scans.rglob("*") if path.is_file()}
    recipe = tmp_path / "copies.toml"
    recipe.write_text(QUICK + '[output]\naccess = "jpeg"\n')
    code, _, err = command("run", scans, out, "--recipe", recipe, "--overwrite")
    assert code == 2
    assert "among the scans" in err
    assert {path: path.read_bytes() for path in scans.rglob("*") if path.is_file()} == before


def test_scans_may_lie_in_the_output_folder_and_results_in_that_of_the_scans(command, scans, quick, tmp_path):
    (scans / "page.tif").unlink()
    assert command("run", scans, tmp_path, "--recipe", quick)[0] == 0
    assert command("run", scans, scans / "restored", "--recipe", quick)[0] == 0


def test_a_folder_that_cannot_be_read_is_told(command, scans, quick, tmp_path, monkeypatch):
    real = os.scandir

    def refused(path):
        if str(path).endswith("sub"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    with monkeypatch.context() as patched:  # a test may be run by root, to whom everything is readable
        patched.setattr(os, "scandir", refused)
        code, _, err = command("run", scans, tmp_path / "out", "--recipe", quick)
    assert code == 3
    assert "cannot read the folder" in err


def test_what_is_no_file_is_not_waited_for(command, scans, quick, tmp_path):
    os.mkfifo(scans / "pipe.jpg")
    items = command.items("run", scans, tmp_path / "out", "--recipe", quick)
    assert (items["pipe.jpg"]["state"], items["pipe.jpg"]["reason"]) == ("rejected", "empty_file")
    assert items["photo.png"]["state"] == "restored"


def test_a_blank_result_is_not_plainly_restored_and_notes_are_on_the_record(command, quick, tmp_path):
    scans, out = tmp_path / "odd", tmp_path / "out"
    scans.mkdir()
    noise = np.random.default_rng(0).integers(0, 255, (30, 40, 3), np.uint8)
    (scans / "blank.png").write_bytes(png(np.full((30, 40, 3), 1.0)))
    (scans / "pointer.tif").write_bytes(tiff([page(noise, 2)], last_pointer=1 << 30))
    items = command.items("run", scans, out, "--recipe", quick)
    assert {source: (item["state"], item["reason"]) for source, item in items.items()} == {
        "blank.png": ("needs_review", "quality_fell"),
        "pointer.tif": ("restored", None),
    }
    lines = [json.loads(line) for line in (out / "restoration.jsonl").read_text().splitlines()]
    assert ["points to a page that is not there" in line.get("notes", "") for line in lines] == [False, True]


def test_new_scans_are_done_and_changed_ones_are_not_overwritten_silently(command, scans, quick, tmp_path):
    out = tmp_path / "out"
    (scans / "page.tif").unlink()
    command("run", scans, out, "--recipe", quick)
    kept = (out / "sub" / "photo.png").read_bytes()
    (scans / "sub" / "photo.png").write_bytes(png(np.full((30, 30, 3), 0.5)))
    (scans / "photo.jpg").write_bytes(jpeg("another photograph"))
    items = command.items("run", scans, out, "--recipe", quick)
    assert {source: (item["state"], item["reason"]) for source, item in items.items()} == {
        "photo.png": ("skipped", "already_done"),
        "photo.bmp": ("skipped", "already_done"),
        "photo.jpg": ("restored", None),
        "sub/photo.png": ("rejected", "name_collision"),
    }
    assert "--overwrite" in items["sub/photo.png"]["detail"]
    assert (out / "sub" / "photo.png").read_bytes() == kept
    code, _, _ = command("run", scans, out, "--recipe", quick, "--overwrite")
    assert code == 0
    assert (out / "sub" / "photo.png").read_bytes() != kept


@pytest.mark.parametrize("spoil", ["touched", "foreign", "recipe"])
def test_outputs_that_are_not_known_to_be_ours_are_kept(command, scans, quick, tmp_path, spoil):
    out = tmp_path / "out"
    if spoil != "foreign":
        command("run", scans, out, "--recipe", quick)
    out.mkdir(exist_ok=True)
    if spoil == "recipe":
        quick.write_text(QUICK.replace("64", "65"))
    else:
        (out / "photo.png").write_bytes(b"somebody's work")
    held = (out / "photo.png").read_bytes()
    items = command.items("run", scans, out, "--recipe", quick)
    state = {item["state"] for item in items.values() if item["source"] in {"photo.png", "photo.bmp"}}
    assert "rejected" in state
    assert (out / "photo.png").read_bytes() == held


def test_record_that_a_killed_run_left_half_written_is_read(command, scans, quick, tmp_path):
    out = tmp_path / "out"
    command("run", scans, out, "--recipe", quick)
    record = out / "restoration.jsonl"
    whole = record.read_bytes()
    record.write_bytes(whole[: len(whole) - 40])
    items = command.items("run", scans, out, "--recipe", quick)
    assert items["photo.png"]["state"] == "skipped"
    assert items["sub/photo.png"]["reason"] == "name_collision"
    command("run", scans, out, "--recipe", quick, "--overwrite")
    assert [json.loads(line)["source"] for line in record.read_text().splitlines()] == sorted(items)


def test_grade_only_needs_no_weights_and_repeats_itself(command, tmp_path):
    folder, first, second = (tmp_path / name for name in ("in", "one", "two"))
    folder.mkdir()
    (folder / "faded.png").write_bytes(png(gray(hopper()) * 0.4 + 0.3))
    items = command.items("run", folder, first, "--recipe", "grade-only")
    command("run", folder, second, "--recipe", "grade-only")
    assert items["faded.png"]["state"] in {"restored", "needs_review"}
    assert (first / "faded.png").read_bytes() == (second / "faded.png").read_bytes()
    metrics = items["faded.png"]["metrics"]
    assert metrics["restored"]["contrast_rms"] > metrics["source"]["contrast_rms"]
    line = json.loads((first / "restoration.jsonl").read_text())
    assert line["ai_altered"] is False
    assert line["models"] == []


def test_wrong_usage_is_exit_code_2(command, scans, quick, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    for arguments, words in (
        (("run", scans, scans, "--recipe", quick), "originals are never written"),
        (("run", empty, tmp_path / "out", "--recipe", quick), "holds no photographs"),
        (("run", tmp_path / "absent", tmp_path / "out", "--recipe", quick), "is not a folder"),
        (("run", scans, tmp_path / "out", "--recipe", "absent"), "there is no recipe"),
        (("run", scans, tmp_path / "out", "--recipe", quick, "--device", "tpu"), "tpu"),
        (("run", scans), "Missing argument"),
    ):
        code, _, err = command(*arguments)
        assert code == 2
        assert words in err


def test_what_this_machine_lacks_is_exit_code_3(command, scans, tmp_path, monkeypatch):
    recipe = tmp_path / "needs.toml"
    step = '[[steps]]\nstep = "faces"\nrestorer = "gfpgan-1.3"\nrestorer_required = true\n'
    recipe.write_text(f'name = "needs"\n{step}')
    monkeypatch.setattr("restoration.models.files.Registry.available", lambda self, name: False)
    monkeypatch.setattr("restoration.models.files.Registry.location", lambda self, entry: None)
    code, _, err = command("run", scans, tmp_path / "out", "--recipe", recipe)
    assert code == 3
    assert "model_missing" in err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_interrupted_run_keeps_what_is_done_and_goes_on(scans, tmp_path):
    """Ctrl-C in a real process, then the same command again."""
    recipe = tmp_path / "quick.toml"
    recipe.write_text(QUICK)
    for index in range(60):
        (scans / f"{index:03}.png").write_bytes(png(np.random.default_rng(index).uniform(0, 1, (300, 400, 3))))
    (scans / "page.tif").unlink()
    out = tmp_path / "out"
    line = [*COMMAND, "run", str(scans), str(out), "--recipe", str(recipe), "--json"]
    # a small pipe: the program waits for its reader, and cannot end before it is interrupted
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, pipesize=4096)
    assert process.stdout is not None
    first = json.loads(process.stdout.readline())
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 130
    assert "interrupted:" in err
    assert "Traceback" not in err
    record = [json.loads(text) for text in (out / "restoration.jsonl").read_text().splitlines()]
    assert first["source"] in {entry["source"] for entry in record}
    assert 0 < len(record) < 63
    assert {entry["output"] for entry in record} == {p.relative_to(out).as_posix() for p in out.rglob("*.png")}
    assert not list(out.rglob("*.part"))
    done = subprocess.run(line, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    states = [json.loads(text)["state"] for text in done.stdout.splitlines()]
    assert states.count("skipped") == len(record)
    assert len(states) == 63


def test_names_that_are_no_text_are_restored_and_printed_safely(command, quick, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    names = [b"a\xff\xfe.png", b"line\nbreak.tif", "é.png".encode(), "e\u0301.png".encode()]
    for name in names:
        data = b"<svg/>" if name.endswith(b".tif") else png(np.full((20, 20, 3), 0.5))
        Path(os.fsdecode(os.path.join(os.fsencode(folder), name))).write_bytes(data)
    code, out, err = command("run", folder, tmp_path / "out", "--recipe", quick, "--json")
    assert code == 1
    assert len(out.splitlines()) == len(names)
    assert len(list((tmp_path / "out").glob("*.png"))) == 3
    assert "line\\x0abreak.tif [not_an_image]" in err


def test_help_is_quick():
    spent = meter()
    done = subprocess.run([*COMMAND, "--help"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0
    assert "recipes" in done.stdout
    assert spent() < 5


def test_models_commands(command):
    code, out, _ = command("models", "list", "--json")
    rows = {row["name"]: row for row in json.loads(out)}
    assert code == 0
    assert rows["centerface"]["available"]
    assert rows["gfpgan-1.3"]["non_commercial"]
    code, out, _ = command("models", "verify", "centerface", "--json")
    assert (code, json.loads(out)[0]["ok"]) == (0, True)
    assert json.loads(command("models", "show", "centerface", "--json")[1])["licence"] == "MIT"
    assert "MIT" in command("models", "show", "centerface")[1]
    assert "centerface" in command("models", "list")[1]
    assert command("models", "show", "absent")[0] == 3
    code, out, _ = command("models", "pull", "centerface")
    assert (code, Path(out.strip()).name) == (0, "centerface.onnx")


def test_models_verify_fails_for_a_file_that_is_not_here(command, monkeypatch):
    monkeypatch.setattr("restoration.models.files.Registry.location", lambda self, entry: None)
    code, out, _ = command("models", "verify", "centerface")
    assert code == 3
    assert out.startswith("FAILED centerface")


def test_recipes_commands(command, tmp_path):
    code, out, _ = command("recipes", "list", "--json")
    assert code == 0
    assert {row["name"] for row in json.loads(out)} >= {"grade-only", "memorial-portrait"}
    assert "grade-only" in command("recipes", "list")[1]
    shown = json.loads(command("recipes", "show", "grade-only", "--json")[1])
    assert [step["step"] for step in shown["steps"]] == ["triage", "repair", "grade", "measure"]
    assert shown["sha256"] in command("recipes", "show", "grade-only")[1]
    assert command("recipes", "check", "grade-only")[0] == 0
    assert json.loads(command("recipes", "check", "grade-only", "--json")[1])["models"] == []
    wrong = tmp_path / "wrong.toml"
    wrong.write_text('name = "wrong"\n[[steps]]\nstep = "dream"\n')
    code, _, err = command("recipes", "check", wrong)
    assert code == 2
    assert "wrong.toml, step 1" in err


class Scratcher(BaseStep):
    """Stands in for a step that fills a scratch."""

    name = "triage"

    def __init__(self) -> None:
        self.finds = True

    def apply(self, frame, parameters, models):
        if not self.finds:
            return StepOutcome(frame.picture, "not_needed")
        mask = np.zeros(frame.picture.pixels.shape[:2], np.uint8)
        mask[3] = MASK_CODES[DamageKind.SCRATCH]
        found = DamageRecord(DamageKind.SCRATCH, 0.05, 0.04, 1, Mending.SURROUNDINGS)
        return StepOutcome(frame.picture, "applied", mask=mask, damage=(found,))


@pytest.fixture
def scratcher():
    with Engine(Settings(device="cpu", threads=2, preview_side=64)) as engine:
        step = Scratcher()
        engine._steps["triage"] = step
        yield engine, step


def restored_folder(engine, scans, out, **options):
    recipe = parse_recipe({"name": "test", "steps": [{"step": "triage"}]}, "test")
    run = FolderRun.plan(scans, out, engine, engine.prepare(recipe), **options)
    items = {item.source: item for item in run.run()}
    run.close()
    lines = [json.loads(line) for line in (out / "restoration.jsonl").read_text().splitlines()]
    return items, {line["source"]: line for line in lines}


def test_what_was_filled_lies_beside_the_picture_and_in_the_record(scratcher, scans, tmp_path):
    engine, step = scratcher
    (scans / "page.tif").unlink()
    out = tmp_path / "out"
    _, lines = restored_folder(engine, scans, out)
    line = lines["sub/photo.png"]
    assert line["mask"] == "masks/sub/photo.png"
    assert decode_mask((out / line["mask"]).read_bytes())[3, 0] == MASK_CODES[DamageKind.SCRATCH]
    assert line["filled_share"] == pytest.approx(1 / 30, abs=1e-6)
    scratch = {"kind": "scratch", "found_share": 0.05, "mended_share": 0.04, "regions": 1}
    assert line["damage"] == [scratch | {"mending": "surroundings", "model": None}]
    # a mask that was lost is made again, and nothing else
    lost = out / lines["photo.bmp"]["mask"]
    lost.unlink()
    items, _ = restored_folder(engine, scans, out)
    assert [source for source, item in items.items() if item.state != "skipped"] == ["photo.bmp"]
    assert lost.is_file()
    # nothing filled this time: no mask is left
    step.finds = False
    _, lines = restored_folder(engine, scans, out, overwrite=True)
    assert {(line["mask"], line["filled_share"], len(line["damage"])) for line in lines.values()} == {(None, 0.0, 0)}
    assert not list((out / "masks").rglob("*.png"))


def test_a_record_from_before_the_masks_is_read_and_a_foreign_mask_kept(scratcher, scans, tmp_path):
    engine, step = scratcher
    (scans / "page.tif").unlink()
    out = tmp_path / "out"
    step.finds = False
    _, lines = restored_folder(engine, scans, out)
    new = {"mask", "mask_sha256", "filled_share", "damage"}
    old = [{key: value for key, value in line.items() if key not in new} for line in lines.values()]
    (out / "restoration.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in old))
    (out / "masks").mkdir()
    (out / "masks" / "photo.png").write_bytes(b"somebody's work")
    items, _ = restored_folder(engine, scans, out)
    assert items.pop("photo.bmp").reason == "name_collision"
    assert {item.state for item in items.values()} == {"skipped"}
    assert (out / "masks" / "photo.png").read_bytes() == b"somebody's work"

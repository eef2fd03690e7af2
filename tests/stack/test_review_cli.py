"""``restoration review`` in a terminal: listing, showing, deciding, and walking through what waits."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from restoration.catalog.collections import get_collection
from restoration.catalog.photo_names import find_photo
from restoration.cli import app, review
from restoration.cli.review_pictures import side_by_side
from restoration.cli.review_words import printable
from restoration.errors import StorageError, UsageError
from restoration.settings import get_settings
from tests.stack import catalog_builder as build
from tests.stack.reviewable import restore, withdraw

pytestmark = pytest.mark.stack


@pytest.fixture
def family(catalog):
    with catalog.begin() as conn:
        collection = build.add_collection(conn)
        restore(conn, collection, 1)
        title = sa.text(
            "UPDATE photo SET dublin_core = jsonb_build_object('title', CAST(:t AS text)) WHERE photo_id = 2"
        )
        conn.execute(title, {"t": "Bob\x1b[31m"})
    return collection


@pytest.fixture
def command(family, catalog_url, monkeypatch):
    """The command as the publisher's login runs it; a wide terminal."""
    monkeypatch.setenv("RESTORATION_DATABASE_URL", catalog_url("reviewer"))
    monkeypatch.setenv("COLUMNS", "220")
    get_settings.cache_clear()

    def run(*words: str, keys: str = ""):
        return CliRunner().invoke(app, ["review", *words], input=keys, catch_exceptions=False)

    yield run
    get_settings.cache_clear()


def decisions(catalog) -> list[tuple[str, str, str, str]]:
    with catalog.connect() as conn:
        rows = conn.execute(
            sa.text("SELECT object_key, decision, reviewer, words FROM audit.review ORDER BY review_id")
        ).all()
    return [(key.removeprefix("family/"), decision, who, words) for key, decision, who, words in rows]


# -- list ------------------------------------------------------------------------------------------------------------


def test_the_list_names_what_waits_and_why(command):
    done = command("list", "family")
    assert done.exit_code == 0
    assert "a restored face may no longer be the same person" in done.stdout
    assert "family/bob.tif" in done.stdout
    assert "family/ada.tif" not in done.stdout
    assert "\x1b[31m" not in done.stdout
    assert "2 wait; decided: 0 accepted" in done.stdout


def test_the_list_in_json_holds_every_field(command):
    waiting = json.loads(command("list", "family", "--json").stdout)
    assert [photo["object_key"] for photo in waiting["photos"]] == ["family/bob.tif", "family/dan.tif"]
    assert waiting["counts"]["waiting"] == 2
    assert waiting["photos"][0]["faces_altered"] == 2
    everything = json.loads(command("list", "family", "--all", "--json").stdout)
    assert len(everything["photos"]) == 5
    worst = json.loads(command("list", "family", "--worst", "3", "--json").stdout)
    assert [photo["object_key"][7:10] for photo in worst["photos"]] == ["bob", "dan", "ada"]
    command("decide", "family", "dan.tif", "reject", "--by", "Eve")
    decided = json.loads(command("list", "family", "--decided", "--json").stdout)
    assert [(p["object_key"], p["decision"], p["reviewer"]) for p in decided["photos"]] == [
        ("family/dan.tif", "reject", "Eve")
    ]


def test_lists_exclude_each_other(command):
    with pytest.raises(UsageError, match="one of --all, --decided and --worst"):
        command("list", "family", "--all", "--decided")
    with pytest.raises(UsageError, match="no collection 'nobody'"):
        command("list", "nobody")


# -- show ------------------------------------------------------------------------------------------------------------


def test_a_photograph_is_shown_with_every_face_in_words(catalog, command):
    with catalog.begin() as conn:
        conn.execute(sa.text("UPDATE face SET x = 300, blend = 0.5 WHERE restoration_id = 2 AND ordinal = 0"))
        conn.execute(sa.text("UPDATE face SET action = 'left_alone', reason = 'identity_low', identity = NULL, "
                             "identity_tried = '[0.2, 0.3]' WHERE restoration_id = 4 AND ordinal = 0"))  # fmt: skip
        conn.execute(sa.text("UPDATE face SET action = 'recorded', reason = 'faces_off', identity = NULL, "
                             "identity_tried = '[]' WHERE restoration_id = 4 AND ordinal = 1"))  # fmt: skip
    command("decide", "family", "bob.tif", "reject", "--by", "Eve", "--words", "not his mouth")
    shown = command("show", "family", "bob.tif").stdout
    assert 'family/bob.tif  "Bob\\x1b[31m"' in shown
    assert "why: a restored face may no longer be the same person (identity 0.41, asked for 0.50)" in shown
    assert "face 1 of 2 from the left: at 10,20, 50 x 60 pixels; restored by gfpgan; identity 0.80, 0.60 asked" in shown
    assert "face 2 of 2 from the left: at 300,20, 50 x 60 pixels; half of the restored face by gfpgan" in shown
    assert "  step repair: not needed\n  step colorize: applied with house-colorizer\n" in shown
    assert 'UTC, Eve: rejected: "not his mouth"' in shown
    other = command("show", "family", "family/dan.tif").stdout
    assert "left as it was: restored, it would no longer be the same person; identities tried 0.20, 0.30" in other
    assert "only recorded: the recipe restores no faces" in other
    detail = json.loads(command("show", "family", "bob.tif", "--json").stdout)
    assert detail["history"][0]["words"] == "not his mouth"
    assert len(detail["faces"]) == 2


def test_photographs_are_found_by_key_or_file_name(catalog, family, command):
    with catalog.begin() as conn:
        build.listing(conn, family, ["a.tif", "sub/a.tif", "sub/b.tif", "other/b.tif"])
        found = {name: find_photo(conn, family, name) for name in ("family/a.tif", "a.tif", "sub/a.tif", "sub/b.tif")}
        keys = dict(conn.execute(sa.text("SELECT photo_id, object_key FROM photo")).all())
        assert {name: keys[number] for name, number in found.items()} == {
            "family/a.tif": "family/a.tif",
            "a.tif": "family/a.tif",
            "sub/a.tif": "family/sub/a.tif",
            "sub/b.tif": "family/sub/b.tif",
        }
        with pytest.raises(UsageError, match=r"several photographs: family/other/b\.tif, family/sub/b\.tif"):
            find_photo(conn, family, "b.tif")
        with pytest.raises(UsageError, match="no photograph '%'"):
            find_photo(conn, family, "%")
        assert get_collection(conn, "family") == family


def test_what_cannot_be_reviewed_is_a_usage_error(catalog, family, command):
    with catalog.begin() as conn:
        build.listing(conn, family, ["ada.tif", "bob.tif", "new.tif"])
        withdraw(conn, "bob.tif")
    for name in ("new.tif", "bob.tif"):
        with pytest.raises(UsageError, match="nothing to review"):
            command("show", "family", name)
    with pytest.raises(UsageError, match=r"no photograph 'zoe\.tif'"):
        command("decide", "family", "zoe.tif", "accept", "--by", "Eve")


# -- pictures --------------------------------------------------------------------------------------------------------


def picture(width: int, height: int, level: int) -> bytes:
    return cv2.imencode(".jpg", np.full((height, width, 3), level, np.uint8))[1].tobytes()


@pytest.fixture
def stored(catalog, s3, monkeypatch):
    """Pictures of bob.tif in the restored bucket."""
    for name, value in s3.environment("worker").items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    admin = s3.client("admin")
    with catalog.connect() as conn:
        row = conn.execute(
            sa.text(
                "SELECT preview_before_key, preview_after_key, output_key FROM restoration WHERE restoration_id = 2"
            )
        ).one()
    for key, data in zip(row, (picture(80, 60, 40), picture(160, 120, 200), b"the whole file"), strict=True):
        admin.put_object(Bucket="restored", Key=key, Body=data)


def test_pictures_are_saved_and_their_addresses_printed(command, stored, tmp_path):
    folder = tmp_path / "seen"
    done = command("show", "family", "bob.tif", "--pictures", str(folder), "--full")
    names = sorted(path.name for path in folder.iterdir())
    assert names == [
        "photo-00000002-2-after.jpg",
        "photo-00000002-2-before.jpg",
        "photo-00000002-2-restored.png",
        "photo-00000002-2-side-by-side.jpg",
    ]
    assert all((folder / name).as_uri() in done.stdout for name in names)
    assert (folder / names[2]).read_bytes() == b"the whole file"
    both = cv2.imread(str(folder / names[3]))
    assert both.shape == (60, 80 + 16 + 80, 3)
    assert abs(int(both[30, 20, 0]) - 40) < 3
    assert abs(int(both[30, 150, 0]) - 200) < 3


def test_a_walk_opens_the_picture_that_is_asked_for(command, stored, tmp_path, monkeypatch):
    opened: list[Path] = []
    monkeypatch.setattr(review, "_open", opened.append)
    walk = ("walk", "family", "--by", "Eve", "--pictures", str(tmp_path))
    assert "photo-00000002-2-side-by-side.jpg" in command(*walk, keys="pq").stdout
    assert opened == []
    command(*walk, "--open", keys="pq")
    assert [path.name for path in opened] == ["photo-00000002-2-side-by-side.jpg"]


def test_a_missing_picture_does_not_end_a_walk(command, s3, monkeypatch, tmp_path, catalog):
    for name, value in s3.environment("worker").items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    with catalog.begin() as conn:
        conn.execute(sa.text("UPDATE restoration SET preview_before_key = 'nowhere/at-all.jpg'"))
    done = command("walk", "family", "--by", "Eve", "--pictures", str(tmp_path), keys="paq")
    assert "no picture:" in done.stdout
    assert "1 decided, 1 still wait" in done.stdout


@pytest.mark.parametrize("data", [b"", b"no picture"])
def test_a_preview_that_is_no_picture_is_named(data):
    with pytest.raises(StorageError, match="not a picture"):
        side_by_side(picture(8, 8, 1), data, "ada.tif")


# -- decide ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["accept", "reject", "accept-without-faces", "keep_original"])
def test_a_decision_is_recorded_and_shown(catalog, command, word):
    done = command("decide", "family", "bob.tif", word, "--by", "Eve", "--words", "hers")
    assert done.exit_code == 0
    assert "waits" not in done.stdout
    assert decisions(catalog) == [("bob.tif", word.replace("-", "_"), "Eve", "hers")]


def test_wrong_decisions_are_refused(catalog, command):
    with pytest.raises(UsageError, match="no decision 'maybe'"):
        command("decide", "family", "bob.tif", "maybe", "--by", "Eve")
    with pytest.raises(UsageError, match="names the person"):
        command("decide", "family", "bob.tif", "accept", "--by", " ")
    with pytest.raises(UsageError, match="restored anew since"):
        command("decide", "family", "bob.tif", "accept", "--by", "Eve", "--restoration", "99")
    assert command("decide", "family", "bob.tif", "accept").exit_code == 2
    assert decisions(catalog) == []


# -- walk ------------------------------------------------------------------------------------------------------------


def test_a_walk_decides_with_one_key_each(catalog, command):
    done = command("walk", "family", "--by", "Eve", keys="a\nr\n")
    assert done.exit_code == 0
    assert decisions(catalog) == [("bob.tif", "accept", "Eve", ""), ("dan.tif", "reject", "Eve", "")]
    assert "That was the last one." in done.stdout
    assert "2 decided, 0 still wait" in done.stdout


def test_skipping_details_words_and_quitting(catalog, command):
    done = command("walk", "family", "--by", "Eve", keys="d?zsw the eyes are his\nfq")
    assert decisions(catalog) == [("dan.tif", "accept_without_faces", "Eve", "the eyes are his")]
    assert "face 1 of 2 from the left" in done.stdout
    assert "that key means nothing here" in done.stdout
    assert "1 decided, 1 still wait" in done.stdout


def test_going_back_and_deciding_anew(catalog, command):
    done = command("walk", "family", "--by", "Eve", keys="kuauuork")
    assert "this is the first one" in done.stdout
    assert "nothing has been decided yet" in done.stdout
    assert "decide anew" in done.stdout
    assert decisions(catalog) == [
        ("bob.tif", "accept", "Eve", ""),
        ("bob.tif", "keep_original", "Eve", ""),
        ("dan.tif", "reject", "Eve", ""),
    ]


def test_a_walk_through_all_photographs_asks_for_one_page_after_another(catalog, command, monkeypatch):
    monkeypatch.setattr("restoration.cli.review_walk.PAGE", 2)
    command("walk", "family", "--by", "Eve", "--all", keys="ssssa")
    assert decisions(catalog) == [("eve.tif", "accept", "Eve", "")]


def test_what_is_restored_anew_during_a_walk_is_not_decided_blindly(catalog, family, command, monkeypatch):
    """The person looks at one restoration, and another has taken its place when the key is pressed."""
    from restoration.cli import review_walk

    class Keys(review_walk.StreamKeys):
        def key(self) -> str:
            with catalog.begin() as conn:
                restore(conn, family, 2, build.OTHER_RECIPE)
            return super().key()

    monkeypatch.setattr(review_walk, "make_keys", Keys)
    done = command("walk", "family", "--by", "Eve", keys="aq")
    assert "not recorded: the photograph has been restored anew since; look again" in done.stdout
    assert decisions(catalog) == []


def test_what_is_withdrawn_during_a_walk_is_passed_over(catalog, command, monkeypatch):
    from restoration.cli import review_walk

    class Keys(review_walk.StreamKeys):
        def key(self) -> str:
            with catalog.begin() as conn:
                withdraw(conn, "dan.tif")
            return super().key()

    monkeypatch.setattr(review_walk, "make_keys", Keys)
    done = command("walk", "family", "--by", "Eve", keys="a")
    assert "withdrawn" in done.stdout
    assert decisions(catalog) == [("bob.tif", "accept", "Eve", "")]


def test_an_interrupted_walk_keeps_what_was_decided(catalog, command, monkeypatch):
    from restoration.cli import review_walk

    class Keys(review_walk.StreamKeys):
        def key(self) -> str:
            if not (key := super().key()):
                raise KeyboardInterrupt
            return key

    monkeypatch.setattr(review_walk, "make_keys", Keys)
    done = command("walk", "family", "--by", "Eve", keys="a")
    assert done.exit_code == 130
    assert decisions(catalog) == [("bob.tif", "accept", "Eve", "")]
    assert "1 decided, 1 still wait" in done.stdout


def type_keys(terminal: int, keys: bytes) -> str:
    """Press one key at each prompt; gives what the terminal showed until the program closed it."""
    seen = b""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.5)[0]:
            try:
                seen += os.read(terminal, 4096)
            except OSError:  # closed with the program
                break
            continue
        # nothing more is written: the program waits. What is typed before it listens is lost, so that nobody decides
        # blindly, and is typed again
        asked = seen.count(b"[q]uit: ")
        if asked:
            os.write(terminal, keys[asked - 1 : asked])
    return seen.decode()


@pytest.mark.parametrize(("keys", "code", "decision"), [(b"aq", 0, "accept"), (b"r\x03", 130, "reject")])
def test_a_real_terminal_gives_single_keys_and_can_interrupt(catalog, family, catalog_url, keys, code, decision):
    """The command in a terminal of its own: no Enter is needed, and Ctrl-C ends it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RESTORATION_")}
    environment |= {"RESTORATION_DATABASE_URL": catalog_url("reviewer"), "TERM": "xterm"}
    command = [
        sys.executable,
        "-c",
        "from restoration.cli import main; main()",
        "review",
        "walk",
        "family",
        "--by",
        "Eve",
    ]
    ours, theirs = os.openpty()
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, close_fds=True)
    os.close(theirs)
    try:
        seen = type_keys(ours, keys)
        assert process.wait(10) == code, seen
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    assert decisions(catalog) == [("bob.tif", decision, "Eve", "")]


def test_a_walk_needs_a_name(command):
    with pytest.raises(UsageError, match="names the person"):
        command("walk", "family", "--by", " ", keys="a")


def test_control_characters_never_reach_the_terminal():
    assert printable("a\x1b[2Jä\u202e") == "a\\x1b[2Jä\\u202e"

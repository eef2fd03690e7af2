"""What auditors ask: the views, the cookbook, the chain of events, the command line."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from restoration.catalog import evaluations, hints, planning, publishing, reviews, work
from restoration.catalog.audit import list_queries, run_query
from restoration.catalog.events import append_event, chain_head, verify_chain, verify_chain_of
from restoration.catalog.listing import merge_sidecar
from restoration.cli import app
from restoration.cli.audit import to_csv
from restoration.colour_hints import HintGround, make_hint
from restoration.errors import PhotoState, ReasonCode, UsageError
from restoration.local.postgres import SUPERUSER
from restoration.settings import get_settings
from tests.stack import catalog_builder as build

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.stack

KEYS = ["ada.tif", "bob.tif", "copy of ada.tif", "dead.tif", "evil.tif", "faces.tif", "gone.tif", "half.tif"]


HALVES = {
    "arrangement": "stereo_card",
    "photographs": [{"centre": [x, 0.5], "size": [0.5, 0.6], "angle": 0.0, "confidence": 0.9} for x in (0.25, 0.75)],
}


def tell_story(conn) -> None:
    """A collection's life: a run with every kind of end, a publication, a replaced scan, a decision, a withdrawal."""
    family = build.add_collection(conn, title="The family", rights="InC-EDU", contact="curator@example.org")
    bad_name = build.listed("../x.tif", reason=ReasonCode.UNSAFE_NAME, reason_detail="leads out of the folder")
    build.listing(conn, family, [*KEYS, bad_name])
    merge_sidecar(conn, family.collection_id, {"family/ada.tif": ({"title": "Ada, 1936"}, None)})
    run_id = build.add_run(conn, family)
    build.plan(conn, run_id, batch_size=64)
    (batch,) = build.claimed(conn, run_id)
    ids = {photo.object_key.removeprefix("family/"): photo.photo_id for photo in batch.photos}
    for key, photo_id in ids.items():
        build.lease(conn, batch.batch_id, photo_id)
        end_photo(conn, batch.batch_id, key, photo_id)
    for _ in range(2):
        build.lease(conn, batch.batch_id, ids["dead.tif"])
        end_photo(conn, batch.batch_id, "dead.tif", ids["dead.tif"])
    assert work.finish_batch(conn, batch.batch_id, build.WORKER) == "done"
    planning.finish_run(conn, run_id)
    publish(conn, family.collection_id, run_id)
    evaluations.record_evaluation(conn, build.evaluation("family"))
    evaluations.record_evaluation(conn, build.face_evaluation("family"))
    evaluations.record_evaluation(conn, build.repair_evaluation("family"))
    later = [build.listed("bob.tif", "another scan"), *(k for k in KEYS if k not in {"bob.tif", "gone.tif"}), bad_name]
    build.listing(conn, family, later)
    reviews.decide(
        conn, ids["ada.tif"], restoration_id=1, decision="keep_original", reviewer="Eve", words="we know her as she is"
    )
    conn.execute(
        sa.text(
            "INSERT INTO withdrawal (collection_id, object_key, reason, recorded_by) "
            "VALUES (:c, 'family/gone.tif', 'The family asks for it.', 'Eve')"
        ),
        {"c": family.collection_id},
    )
    give_colours(conn, family)


def give_colours(conn, family) -> None:
    """Two hints: one that a photograph and its twin show, and one that was taken back."""
    dress, lawn = hints.add_hints(
        conn,
        family.collection_id,
        "family/ada.tif",
        [
            hints.NewHint(make_hint(((0.5, 0.8),), "#2c4f9e"), HintGround.WRITING, "Ada's daughter", "the dress"),
            hints.NewHint(make_hint(((0.1, 0.9),), "#3f6b35"), HintGround.MEMORY, "Eve", "the lawn"),
        ],
        given_through="terminal",
        person="Eve",
    )
    hints.remove_hint(conn, family.collection_id, lawn, person="Eve", reason="another garden")
    painted = sa.text("UPDATE photo SET hint_ids = ARRAY[CAST(:h AS bigint)] WHERE restoration_id = 1")
    conn.execute(painted, {"h": dress})
    conn.execute(sa.text("UPDATE restoration SET variant = 'hinted' WHERE restoration_id = 1"))


def end_photo(conn, batch_id, key: str, photo_id: int) -> None:
    place = (conn, batch_id, photo_id, build.WORKER)
    if key == "copy of ada.tif":
        work.link_restoration(*place, 1, source_sha256=build.sha("ada.tif"))
    elif key == "dead.tif":
        work.record_failed(*place, reason=ReasonCode.OUT_OF_MEMORY, detail="no memory", max_attempts=3)
    elif key in {"evil.tif", "half.tif"}:
        reason = ReasonCode.TOO_MANY_PIXELS if key == "evil.tif" else ReasonCode.TRUNCATED
        work.record_rejected(*place, source_sha256=build.sha(key), reason=reason, detail="=cmd|' /C calc'!A0")
    elif key == "faces.tif":
        faces = [
            build.face(0, 0.41, "blended", ReasonCode.IDENTITY_LOW),
            build.face(1, 0.8),
            build.face(2, None, "left_alone", ReasonCode.IDENTITY_LOW),
        ]
        more = {"state": PhotoState.NEEDS_REVIEW, "reason": ReasonCode.IDENTITY_LOW, "faces": faces, "seconds": 9.0}
        work.record_restored(*place, build.restored(key, **more))
    else:
        work.record_restored(
            *place, build.restored(key, **(build.FILLED | {"several": HALVES} if key == "ada.tif" else {}))
        )


def publish(conn, collection_id: int, run_id) -> None:
    opened = publishing.open_publication(conn, collection_id, run_id, "s3://archive/family")
    photos = list(publishing.iter_publishable(conn, collection_id))
    rows = [
        publishing.PublicationPhoto(
            p.photo_id,
            p.restoration_id,
            f"p{p.photo_id:06}",
            "restored" if p.restoration_id else "listed",
            p.output_sha256,
        )
        for p in photos
    ]
    publishing.add_publication_photos(conn, opened.publication_id, rows)
    publishing.mark_verified(
        conn,
        opened.publication_id,
        content_sha256=publishing.content_sha256(conn, collection_id),
        manifest_sha256=build.sha("manifest"),
        chain_head=chain_head(conn, collection_id),
        photo_count=len(photos),
        byte_count=1000,
    )
    publishing.mark_current(conn, opened.publication_id)


@pytest.fixture
def story(catalog):
    with catalog.begin() as conn:
        tell_story(conn)
    return catalog


@pytest.fixture
def auditor(story, role_engine):
    with role_engine("auditor").connect() as conn:
        yield conn


def ask(conn, name):
    columns, rows = run_query(conn, name, "family")
    return [dict(zip(columns, row, strict=True)) for row in rows]


def keys(rows):
    return [row["object_key"].removeprefix("family/") for row in rows]


# -- examples in the documentation -----------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["README.md", "docs/catalog.md"])
def test_the_sql_that_the_documentation_shows_runs_as_auditor(auditor, page):
    blocks = re.findall(r"```sql\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    statements = [one for block in blocks for one in block.split(";") if one.strip()]
    assert statements
    for statement in statements:
        rows = auditor.execute(sa.text(re.sub(r"'family(-1912)?'", "'family'", statement))).all()
        assert rows or "'...'" in statement


# -- views -----------------------------------------------------------------------------------------------------------


def test_audit_photo_says_everything_about_a_photograph(auditor):
    row = auditor.execute(sa.text("SELECT * FROM audit.photo WHERE object_key = 'family/faces.tif'")).one()._mapping
    assert row["collection"] == "family"
    assert (row["state"], row["reason"]) == ("needs_review", "identity_low")
    assert row["source_uri"] == "s3://originals/family/faces.tif"
    assert row["source_sha256"] == build.sha("faces.tif")
    assert row["recipe"] == "memorial-portrait"
    assert [m["name"] for m in row["models"]] == ["centerface", "dlib-resnet", "gfpgan", "house-colorizer"]
    assert {m["licence"] for m in row["models"]} == {"MIT", "CC0-1.0", "Apache-2.0"}
    assert row["models"][2]["weights_sha256"] == build.RESTORER.weights_sha256
    assert (row["faces"], row["faces_restored"], round(row["lowest_identity"], 2)) == (3, 2, 0.41)
    assert row["metrics_before"]["sharpness"] == 100
    assert row["metrics_after"]["sharpness"] == 180
    assert row["metrics_pair"] == {"psnr": 28.0, "ssim_y": 0.95}
    assert row["step_seconds"] == {"0 triage": 0.1, "1 repair": 0.2, "2 colorize": 1.5}
    assert (row["published_version"], row["published_uri"]) == (1, "s3://archive/family/v0001/")
    assert (row["review"], row["device_class"], row["seconds"], row["attempts"]) == (None, "cpu-x86_64", 9.0, 1)
    assert (row["shown_as"], row["published_sha256"]) == ("restored", row["output_sha256"])
    assert (row["decision_in_force"], row["awaits_review"], row["variant"]) == (None, True, "")
    assert (row["withdrawn_at"], row["tiles_after_key"]) == (None, None)


def test_audit_photo_says_how_much_was_filled_and_names_the_net_that_did_it(auditor):
    question = sa.text("SELECT * FROM audit.photo WHERE object_key = :key")
    row = auditor.execute(question, {"key": "family/ada.tif"}).one()._mapping
    assert (round(row["filled_share"], 3), row["mask_key"]) == (0.034, build.MASK_KEY)
    assert row["damage_kinds"] == ["hole", "scratch", "writing"]
    assert [m["name"] for m in row["models"]] == ["house-colorizer", "house-inpainter"]
    other = auditor.execute(question, {"key": "family/faces.tif"}).one()._mapping
    assert (other["filled_share"], other["mask_key"], other["damage_kinds"]) == (None, None, None)


def test_audit_damage_says_what_was_found_where_and_how_it_was_mended(auditor):
    rows = auditor.execute(sa.text("SELECT * FROM audit.damage WHERE object_key = 'family/ada.tif' ORDER BY kind"))
    hole, scratch, writing = (row._mapping for row in rows)
    assert [round(scratch[name], 3) for name in ("found_share", "mended_share")] == [0.013, 0.012]
    assert (scratch["regions"], scratch["model_sha256"]) == (7, None)
    assert [hole[name] for name in ("x", "y", "width", "height")] == [500, 0, 140, 90]
    assert (hole["model"], hole["model_sha256"]) == ("house-inpainter", build.INPAINTER.weights_sha256)
    assert (writing["mending"], writing["mended_share"], writing["width"]) == ("none", 0, None)
    assert (round(writing["filled_share"], 3), writing["mask_key"]) == (0.034, build.MASK_KEY)


def test_audit_photo_says_what_people_decided_and_withdrew(auditor):
    rows = auditor.execute(
        sa.text(
            "SELECT object_key, shown_as, decision_in_force, awaits_review, withdrawn_at IS NOT NULL AS withdrawn "
            "FROM audit.photo WHERE current AND object_key ~ 'ada|gone|dead' ORDER BY object_key"
        )
    ).all()
    assert [tuple(row) for row in rows] == [
        ("family/ada.tif", "restored", "keep_original", False, False),
        ("family/copy of ada.tif", "restored", None, False, False),
        ("family/dead.tif", "listed", None, False, False),
        ("family/gone.tif", "restored", None, False, True),
    ]


@pytest.mark.parametrize(
    ("decision", "faces_altered", "listed"),
    [
        ("accept", True, []),
        ("reject", True, ["faces.tif"]),
        ("accept_without_faces", True, ["faces.tif"]),
        ("accept_without_faces", False, []),
    ],
)
def test_what_was_published_without_an_acceptance_is_found(story, role_engine, decision, faces_altered, listed):
    with story.begin() as conn:
        (item,) = reviews.list_review_items(conn, 1, which="waiting")
        reviews.decide(conn, item.photo_id, restoration_id=item.restoration_id, decision=decision, reviewer="Eve")
        if not faces_altered:
            conn.execute(sa.text("UPDATE face SET action = 'recorded'"))
    with role_engine("auditor").connect() as conn:
        assert keys(ask(conn, "published-without-review")) == listed


def test_audit_face_says_what_each_face_had_to_reach_and_who_judged_it(auditor):
    rows = auditor.execute(sa.text("SELECT * FROM audit.face WHERE object_key = 'family/faces.tif' ORDER BY face"))
    faces = [row._mapping for row in rows]
    assert [(f["action"], f["reason"]) for f in faces] == [
        ("blended", "identity_low"),
        ("restored", None),
        ("left_alone", "identity_low"),
    ]
    assert [round(f["identity_threshold"], 2) for f in faces] == [0.6] * 3
    assert [f["identity"] is None for f in faces] == [False, False, True]
    assert {f["restorer_sha256"] for f in faces} == {build.RESTORER.weights_sha256}
    assert {f["identity_model_sha256"] for f in faces} == {build.IDENTITY.weights_sha256}


def test_the_last_review_counts(story, role_engine):
    with role_engine("owner").begin() as conn:
        for decision in ("reject", "accept"):
            conn.execute(
                sa.text(
                    "INSERT INTO review (photo_id, restoration_id, decision, reviewer) SELECT photo_id, "
                    "restoration_id, CAST(:d AS review_decision), 'Eve' FROM photo WHERE state = 'needs_review'"
                ),
                {"d": decision},
            )
    with role_engine("auditor").connect() as conn:
        row = conn.execute(
            sa.text("SELECT review, reviewer FROM audit.photo WHERE object_key = 'family/faces.tif'")
        ).one()
        assert tuple(row) == ("accept", "Eve")
        assert ask(conn, "needs-review") == []


# -- the cookbook ----------------------------------------------------------------------------------------------------

EXPECTED = {
    "photos": lambda r: len(r) == 9 and [x["state"] for x in r if x["object_key"].endswith("/ada.tif")] == ["restored"],
    "summary": lambda r: (r[0]["photos"], r[0]["restored"], r[0]["needs_review"], r[0]["rejected"], r[0]["quarantined"],
                          r[0]["unfinished"], r[0]["duplicates"]) == (9, 3, 1, 3, 1, 1, 1),
    "failures": lambda r: keys(r) == ["dead.tif", "evil.tif", "half.tif", "../x.tif"],
    "failure-reasons": lambda r: {x["reason"]: x["photos"] for x in r}
    == {"out_of_memory": 1, "too_many_pixels": 1, "truncated": 1, "unsafe_name": 1},
    "needs-review": lambda r: keys(r) == ["faces.tif"] and r[0]["faces"] == 3,
    "models-used": lambda r: [(x["model"], x["role"], x["photos"]) for x in r]
    == [("centerface", "detect face", 1), ("dlib-resnet", "compare face", 1), ("gfpgan", "restore face", 1),
        ("house-colorizer", "colorize", 4), ("house-inpainter", "fill hole", 2)],
    "damage": lambda r: [(*keys([x]), x["kind"], x["mending"], x["model"], x["x"]) for x in r]
    == [(key, *rest) for key in ("ada.tif", "copy of ada.tif") for rest in (
        ("hole", "net", "house-inpainter", 500), ("scratch", "surroundings", None, 10), ("writing", "none", None, None)
    )]
    and {round(x["filled_share"], 3) for x in r} == {0.034},
    "lowest-identity": lambda r: keys(r) == ["faces.tif"],
    "faces-refused": lambda r: [(x["face"], x["reason"], x["identity_tried"], x["restorer"]) for x in r]
    == [(2, "identity_low", [0.21, 0.3, 0.4, 0.55], "gfpgan")],
    "faces-altered": lambda r: [(x["faces"], x["faces_restored"]) for x in r] == [(3, 2)],
    "ai-altered": lambda r: [(x["recipe"], x["ai_altered"], x["photos"]) for x in r]
    == [("memorial-portrait", True, 4)],
    "duplicates": lambda r: [(x["object_key"], x["same_as"], x["shared"]) for x in r]
    == [("family/copy of ada.tif", "family/ada.tif", True)],
    "missing-sources": lambda r: keys(r) == ["gone.tif"] and r[0]["published_version"] == 1,
    "replaced-sources": lambda r: keys(r) == ["bob.tif"] and r[0]["new_state"] == "pending",
    "runs": lambda r: [(x["dag_run_id"], x["state"], x["photos"], x["redeliveries"]) for x in r]
    == [("manual-1", "done", 8, 0)],
    "lineage": lambda r: len(r) == 8 and {x["outcome"] for x in r if x["published_versions"] == [1]}
    == {"restored", "needs_review", "skipped"},
    "throughput": lambda r: [(x["worker"], x["photos"], float(x["mean_seconds"])) for x in r]
    == [("worker-1", 4, 4.13)],
    "slowest-photos": lambda r: keys(r)[0] == "faces.tif" and len(r) == 4,
    "quality-fell": lambda r: r == [],
    "decisions": lambda r: [(*keys([x]), x["decision"], x["reviewer"], x["words"], x["in_force"]) for x in r]
    == [("ada.tif", "keep_original", "Eve", "we know her as she is", True)],
    "hints": lambda r: [(*keys([x]), x["subject"], x["holds"], x["shown_by"], x["removal_reason"]) for x in r]
    == [("ada.tif", "the dress", True, 2, None), ("ada.tif", "the lawn", False, 0, "another garden")],
    "withdrawn": lambda r: [(*keys([x]), x["reason"], x["lifted_at"], x["still_shown_in"]) for x in r]
    == [("gone.tif", "The family asks for it.", None, [1])],
    "decided-since": lambda r: [(*keys([x]), x["decision_in_force"], x["withdrawn_at"] is None) for x in r]
    == [("ada.tif", "keep_original", True), ("gone.tif", None, False)],
    "published-without-review": lambda r: keys(r) == ["faces.tif"],
    "unpublished": lambda r: r == [],
    "consent": lambda r: [(x["consent"], x["restored"], x["published_version"]) for x in r] == [("unknown", 4, 1)],
    # nothing of the story is late or damaged; test_fixity asks these two where something is
    "fixity-overdue": lambda r: r == [],
    "fixity-failures": lambda r: r == [],
    "several": lambda r: [(*keys([x]), x["arrangement"], x["photographs"], x["place"], x["x"]) for x in r]
    == [(key, "stereo_card", 2, *half) for key in ("ada.tif", "copy of ada.tif") for half in ((1, 0.25), (2, 0.75))],
    "divisions": lambda r: r == [],  # test_division asks it where something is divided
    "retries": lambda r: [(x["object_key"], x["attempts"]) for x in r] == [("family/dead.tif", 3)],
    "events": lambda r: [x["seq"] for x in r] == list(range(1, len(r) + 1)) and {x["event_type"] for x in r}
    == {"rejection", "ingestion", "run_opened", "run_planned", "restoration", "deduplication", "failure", "quarantine",
        "run_finished", "publication", "missing", "replacement", "review", "colour_hint", "colour_hint_removal"},
    "best-colorizer": lambda r: [(x["model"], x["place"], round(x["delta_e00"] or 0, 6), x["photos"]) for x in r]
    == [("good", 1, 4.0, 3), ("poor", 2, 9.0, 3), ("gray", None, 12.0, 3), ("truth", None, 0, 3)],
    "best-restorer": lambda r: [(x["model"], x["place"], x["faces"], round(x["st_lpips"], 6)) for x in r]
    == [("good", 1, 3, 0.25), ("file:run/weights.safetensors", 2, 3, 0.35), ("degraded", None, 3, 0.4)],
    "best-mender": lambda r: [(x["model"], round(x["damage_removed"], 6), x["tear"], x["hole"]) for x in r]
    == [("true-mask", 0.85, 0.9, 0.8), ("good", 0.5, 0.6, 0.4), ("damaged", 0, 0, 0)],
    "publications": lambda r: [(x["version"], x["state"], x["photo_count"]) for x in r] == [(1, "current", 9)],
}  # fmt: skip


def test_every_question_gets_the_right_answer_from_the_auditor_role(auditor):
    names = [query.name for query in list_queries()]
    assert sorted(EXPECTED) == names
    assert len(names) >= 14
    answers = {name: ask(auditor, name) for name in names}
    wrong = {name: answers[name] for name, right in EXPECTED.items() if not right(answers[name])}
    assert wrong == {}


def test_questions_can_be_asked_of_all_collections(auditor):
    assert len(run_query(auditor, "summary")[1]) == 1


def test_every_question_begins_with_its_words_and_binds_the_collection():
    for query in list_queries():
        assert query.question.endswith((".", "?")), query.name
        assert ":collection" in query.sql, query.name
        assert "restoration." not in query.sql, f"{query.name}: auditors read schema audit only"


def test_unknown_questions_and_collections_are_usage_errors(auditor):
    with pytest.raises(UsageError, match="no audit question 'x'"):
        run_query(auditor, "x")
    with pytest.raises(UsageError, match="no collection 'nobody'"):
        run_query(auditor, "photos", "nobody")


# -- what is published -----------------------------------------------------------------------------------------------


def test_publishable_photos_carry_their_whole_story(story, role_engine):
    with role_engine("publisher").connect() as conn:
        photos = {p.object_key.removeprefix("family/"): p for p in publishing.iter_publishable(conn, 1)}
        assert list(photos) == sorted(photos)
        faces, dead, copy = (photos[k] for k in ("faces.tif", "dead.tif", "copy of ada.tif"))
        record = json.loads(json.dumps(faces.record))
        assert record["output"]["key"] == faces.output_key
        assert record["source"]["uri"] == "s3://originals/family/faces.tif"
        assert [step["step"] for step in record["steps"]] == ["triage", "repair", "colorize"]
        assert record["steps"][2]["model"] == "house-colorizer"
        assert [f["action"] for f in record["faces"]] == ["blended", "restored", "left_alone"]
        assert record["measurements"]["sharpness"] == {"source": 100.0, "restored": 180.0}
        assert record["measurements"]["psnr"] == {"pair": 28.0}
        assert len(record["models"]) == 4
        assert [e["type"] for e in record["events"]] == ["restoration"]
        assert photos["ada.tif"].record["title"] == "Ada, 1936"
        assert (record["mask"], record["filled_share"], record["damage"]) == (None, None, [])
        ada = photos["ada.tif"].record
        assert (ada["mask"], ada["filled_share"]) == (build.MASK_KEY, 0.034)
        assert [(d["kind"], d["mending"], d["model"], d["box"]) for d in ada["damage"]] == [
            ("hole", "net", "house-inpainter", [500, 0, 140, 90]),
            ("scratch", "surroundings", None, [10, 20, 300, 40]),
            ("writing", "none", None, None),
        ]
        assert [m["name"] for m in ada["models"]] == ["house-colorizer", "house-inpainter"]
        assert (dead.record["output"], dead.state, dead.reason) == (None, "quarantined", "out_of_memory")
        assert copy.record["duplicate_of"] == "family/ada.tif"
        assert copy.output_sha256 == photos["ada.tif"].output_sha256


def test_the_content_hash_changes_with_what_is_shown(story):
    with story.connect() as conn:
        before = publishing.content_sha256(conn, 1)
        assert publishing.content_sha256(conn, 1) == before
        conn.execute(sa.text("UPDATE photo SET state = 'skipped', reason = 'withdrawn' WHERE object_key ~ 'faces'"))
        assert publishing.content_sha256(conn, 1) != before


def test_a_publication_goes_its_way_and_only_that(story, role_engine):
    sums = {"content_sha256": "c" * 64, "manifest_sha256": "d" * 64, "chain_head": "e" * 64}
    with role_engine("publisher").begin() as conn:
        abandoned = publishing.open_publication(conn, 1, None, "s3://archive/family/")
        opened = publishing.open_publication(conn, 1, None, "s3://archive/family/")
        assert (abandoned.version, opened.version, opened.uri) == (2, 3, "s3://archive/family/v0003/")
        with pytest.raises(UsageError, match="is staging: it cannot become current"):
            publishing.mark_current(conn, opened.publication_id)
        with pytest.raises(UsageError, match="not being staged"):
            publishing.mark_verified(conn, abandoned.publication_id, **sums, photo_count=1, byte_count=1)
        publishing.mark_verified(conn, opened.publication_id, **sums, photo_count=1, byte_count=1)
        for _ in range(2):
            publishing.mark_current(conn, opened.publication_id)
        assert publishing.find_current(conn, 1).version == 3
        states = [p.state for p in publishing.list_publications(conn, 1)]
        assert states == ["superseded", "abandoned", "current"]
        told = conn.execute(sa.text("SELECT count(*) FROM event WHERE event_type = 'publication'")).scalar()
        assert told == 2


# -- the chain of events ---------------------------------------------------------------------------------------------


def tamper(engine, statement: str) -> None:
    with engine.begin() as conn:
        conn.execute(sa.text("ALTER TABLE event DISABLE TRIGGER ALL"))
        conn.execute(sa.text(statement))
        conn.execute(sa.text("ALTER TABLE event ENABLE TRIGGER ALL"))


TAMPERINGS = {
    "changed": ("UPDATE event SET detail = '{}' WHERE seq = 5", 5, "was changed"),
    "backdated": ("UPDATE event SET occurred_at = occurred_at - interval '1 day' WHERE seq = 5", 5, "was changed"),
    "rehashed": (
        "UPDATE event AS e SET agent = 'nobody', sha256 = encode(sha256(convert_to(event_canonical(ROW(collection_id, "
        "seq, event_type, outcome, 'nobody', run_id, photo_id, restoration_id, publication_id, detail, occurred_at, "
        "prev_sha256, sha256, login, rule, transaction_id)::event), 'UTF8')), 'hex') WHERE seq = 5", 6,
        "does not follow"),
    "deleted": ("DELETE FROM event WHERE seq = 5", 5, "event 5 is gone"),
    "truncated": ("DELETE FROM event WHERE seq > 5", 6, "events are gone"),
    "emptied": ("DELETE FROM event", 1, "events are gone"),
    "head moved back": ("UPDATE event_head SET (seq, sha256) = (SELECT seq, sha256 FROM event WHERE seq = 5)", None,
                        "publication v0001"),
    "tail and head cut": (
        "WITH cut AS (DELETE FROM event WHERE seq > 5) "
        "UPDATE event_head SET (seq, sha256) = (SELECT seq, sha256 FROM event WHERE seq = 5)", None,
        "publication v0001"),
}  # fmt: skip


@pytest.mark.parametrize("kind", TAMPERINGS)
def test_tampering_shows(story, role_engine, kind):
    statement, seq, problem = TAMPERINGS[kind]
    with role_engine("auditor").connect() as conn:
        assert verify_chain_of(conn, "family").ok
    tamper(role_engine(SUPERUSER), statement)
    with role_engine("auditor").connect() as conn:
        report = verify_chain_of(conn, "family")
    assert not report.ok
    assert report.first_bad_seq == seq
    assert problem in report.problem


@pytest.mark.parametrize("statement", ["UPDATE event SET agent = 'x'", "DELETE FROM event", "TRUNCATE event"])
@pytest.mark.parametrize("role", ["owner", SUPERUSER])
def test_not_even_the_owner_changes_events(story, role_engine, role, statement):
    with role_engine(role).connect() as conn:
        # a replica's session skips ordinary triggers
        conn.execute(sa.text("SET session_replication_role = replica") if role == SUPERUSER else sa.text("SELECT 1"))
        with pytest.raises(sa.exc.DBAPIError, match="append-only"):
            conn.execute(sa.text(statement))


def test_clients_do_not_choose_number_time_or_hash(catalog):
    with catalog.begin() as conn:
        family = build.add_collection(conn)
        conn.execute(
            sa.text(
                "INSERT INTO event (collection_id, seq, event_type, outcome, agent, occurred_at, prev_sha256, sha256) "
                "VALUES (:c, 77, 'x', 'success', 'me', '1999-01-01', 'p', 's')"
            ),
            {"c": family.collection_id},
        )
        row = conn.execute(sa.text("SELECT * FROM event")).one()
        assert (row.seq, row.prev_sha256, len(row.sha256)) == (1, "0" * 64, 64)
        assert row.occurred_at.year > 2000
        second = append_event(
            conn, collection_id=family.collection_id, event_type="x", outcome="success", agent="me", detail={"a": "ä\0"}
        )
        assert second == 2
        assert chain_head(conn, family.collection_id) != row.sha256
        assert verify_chain(conn, family.collection_id).length == 2


def test_events_of_two_transactions_at_once_make_one_chain(catalog):
    from concurrent.futures import ThreadPoolExecutor

    with catalog.begin() as conn:
        ids = [build.add_collection(conn, name).collection_id for name in ("one", "two")]

    def write(number: int) -> None:
        for _ in range(20):
            with catalog.begin() as conn:
                append_event(
                    conn, collection_id=ids[number % 2], event_type="x", outcome="success", agent=f"thread {number}"
                )

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    with catalog.connect() as conn:
        assert [verify_chain(conn, number).length for number in ids] == [40, 40]


# -- the command line ------------------------------------------------------------------------------------------------


@pytest.fixture
def command(story, catalog_url, monkeypatch):
    monkeypatch.setenv("RESTORATION_DATABASE_URL", catalog_url("auditor"))
    monkeypatch.setenv("COLUMNS", "200")
    get_settings.cache_clear()

    def run(*words: str):
        return CliRunner().invoke(app, ["audit", *words], catch_exceptions=False)

    yield run
    get_settings.cache_clear()


def test_the_command_prints_tables_csv_and_json(command):
    table = command("failures", "--collection", "family")
    assert table.exit_code == 0
    assert "too_many_pixels" in table.stdout
    assert "4 rows" in table.stdout
    rows = list(csv.DictReader(io.StringIO(command("failures", "-c", "family", "-f", "csv").stdout)))
    assert [row["reason"] for row in rows] == ["out_of_memory", "too_many_pixels", "truncated", "unsafe_name"]
    assert rows[1]["reason_detail"] == "'=cmd|' /C calc'!A0"
    objects = json.loads(command("runs", "-f", "json").stdout)
    assert objects[0]["summary"]["states"]["rejected"] == 2
    listing = json.loads(command("list", "-f", "json").stdout)
    assert {"query": "failures", "question": "Which photographs could not be restored, and why?"} in listing


def test_the_command_verifies_chains(command, role_engine):
    assert command("verify-chain", "--collection", "family").exit_code == 0
    tamper(role_engine(SUPERUSER), "DELETE FROM event WHERE seq = 3")
    broken = command("verify-chain", "-f", "json")
    assert broken.exit_code == 1
    assert json.loads(broken.stdout)[0]["problem"] == "event 3 is gone"


def test_csv_cells_never_look_like_formulas():
    text = to_csv(["a"], [("=1+1",), ("+1",), ("-x",), ("@x",), ("\tx",), (-5,), ("plain, with comma",), (None,)])
    cells = [row[0] for row in csv.reader(io.StringIO(text))]
    assert cells == ["a", "'=1+1", "'+1", "'-x", "'@x", "'\tx", "-5", "plain, with comma", ""]

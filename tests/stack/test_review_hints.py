"""Colours given on the review page: who may, what is recorded, what is refused, and what a preview shows."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import cv2
import httpx
import numpy as np
import pytest
import sqlalchemy as sa

from restoration.catalog import hints as catalog_hints
from restoration.catalog.database import make_engine
from restoration.catalog.events import verify_chain
from restoration.colour_hints import ColourHint, HintGround
from restoration.photo.colour import lightness, rgb_to_lab
from restoration.review.config import review_config
from restoration.review.headers import CSRF_HEADER
from restoration.review.painting import Line, Painter
from restoration.review.refusals import Refusal
from restoration.review.service import Service, make_service
from restoration.settings import Settings
from restoration.steps.hinting import chroma_of
from restoration.storage.s3 import ObjectStore, make_client
from tests.stack import catalog_builder as build
from tests.stack.painter_server import painting
from tests.stack.review_builder import add_reviewed_collection
from tests.stack.review_server import serving

pytestmark = pytest.mark.stack
TOKEN = "a-token-of-some-length"
WRITE = {CSRF_HEADER: "1"}
BLUE, RED = "#2c4f9e", "#8a3038"
COAT = [[0.2, 0.65], [0.8, 0.65], [0.8, 0.98], [0.2, 0.98]]
GIVEN = {
    "outline": COAT, "colour": BLUE, "subject": "the suit", "ground": "writing", "source": "her letter of May 1931",
    "said_by": "Ada’s daughter", "said_on": "in 1974",
}  # fmt: skip


@pytest.fixture
def settings(s3) -> Settings:
    given = {name.removeprefix("RESTORATION_").lower(): value for name, value in s3.environment("airflow").items()}
    return Settings(_env_file=None, airflow_api_url=None, review_token=TOKEN, preview_side=320, **given)


@pytest.fixture
def store(s3) -> ObjectStore:
    return ObjectStore(s3.client("admin"))


@pytest.fixture
def family(catalog, store):
    return add_reviewed_collection(catalog, store)


@pytest.fixture
def service(settings, catalog_url) -> Iterator[Service]:
    """On the publisher's login, without a painter."""
    engine = make_engine(catalog_url("reviewer"))
    yield make_service(review_config(settings), engine, ObjectStore(make_client(settings)))
    engine.dispose()


@contextmanager
def signed_in(service: Service, person: str = "Eve Kim") -> Iterator[httpx.Client]:
    with serving(service) as address, httpx.Client(base_url=address, timeout=60, headers=WRITE) as client:
        answer = client.post("/api/session", json={"way": "token", "name": person, "secret": TOKEN})
        assert answer.status_code == 201
        yield client


@pytest.fixture
def signed(service, family) -> Iterator[httpx.Client]:
    with signed_in(service) as client:
        yield client


@pytest.fixture
def photo_id(catalog, family) -> int:
    with catalog.connect() as conn:
        return conn.execute(
            sa.text("SELECT photo_id FROM photo WHERE object_key = 'family/01-collins.tif' AND current")
        ).scalar_one()


def error(answer) -> tuple[int, str]:
    body = answer.json()
    assert set(body["error"]) == {"reason", "message", "photo"}
    return answer.status_code, body["error"]["reason"]


def give(client, photo_id, **change):
    return client.post(f"/api/photos/{photo_id}/hints", json={"hints": [GIVEN | change]})


def rows(catalog) -> int:
    with catalog.connect() as conn:
        return conn.execute(sa.text("SELECT count(*) FROM colour_hint")).scalar_one()


# -- giving and taking back ------------------------------------------------------------------------------------------


def test_a_colour_is_on_record_under_the_name_of_who_is_signed_in(signed, catalog, family, photo_id):
    before = signed.get(f"/api/photos/{photo_id}").json()
    assert (before["hints"], before["painted"], before["previews"]) == ([], True, False)
    answer = give(signed, photo_id, said_by=" Ada’s\n daughter ")
    assert answer.status_code == 201, answer.text
    [hint] = answer.json()["hints"]
    facts = {"subject": "the suit", "ground": "writing", "source": "her letter of May 1931", "colour": BLUE,
             "said_by": "Ada’s daughter", "said_on": "in 1974", "added_by": "Eve Kim", "shown": False,
             "given_through": "review page", "scan": "family/01-collins.tif", "outline": COAT}  # fmt: skip
    assert {name: hint[name] for name in facts} == facts
    after = signed.get(f"/api/photos/{photo_id}").json()
    assert after["hints"] == [hint]
    assert after["item"] == before["item"], "giving a colour changes nothing about the photograph"
    with catalog.connect() as conn:
        assert verify_chain(conn, family.collection_id).ok
        events = conn.execute(sa.text("SELECT agent FROM event WHERE event_type = 'colour_hint'")).scalars().all()
    assert events == ["Eve Kim"]


def test_a_colour_is_taken_back_and_stays_on_record(signed, catalog, family, photo_id):
    [hint] = give(signed, photo_id).json()["hints"]
    path = f"/api/photos/{photo_id}/hints/{hint['hint_id']}/removal"
    assert signed.post(path, json={"reason": "it was her sister’s"}).json() == {"hints": []}
    assert error(signed.post(path, json={})) == (404, "not_found")
    with catalog.connect() as conn:
        [known] = catalog_hints.list_hints(conn, family.collection_id, removed=True)
        removal = conn.execute(sa.text("SELECT reason, removed_by FROM colour_hint_removal")).one()
    assert known.removed_at is not None
    assert tuple(removal) == ("it was her sister’s", "Eve Kim")


def test_a_hint_of_another_photograph_is_not_taken_back_here(signed, catalog, photo_id):
    [hint] = give(signed, photo_id).json()["hints"]
    with catalog.connect() as conn:
        other = conn.execute(
            sa.text("SELECT photo_id FROM photo WHERE object_key = 'family/02-hopper.tif'")
        ).scalar_one()
    assert error(signed.post(f"/api/photos/{other}/hints/{hint['hint_id']}/removal", json={})) == (404, "not_found")
    assert len(signed.get(f"/api/photos/{photo_id}").json()["hints"]) == 1


def test_facts_say_whether_the_picture_was_painted_by_a_colour(signed, catalog, photo_id):
    [hint] = give(signed, photo_id).json()["hints"]
    with catalog.begin() as conn:
        conn.execute(
            sa.text("UPDATE photo SET hint_ids = :ids WHERE photo_id = :photo_id"),
            {"ids": [hint["hint_id"]], "photo_id": photo_id},
        )
        conn.execute(sa.text("UPDATE restoration SET variant = 'hinted'"))
    photo = signed.get(f"/api/photos/{photo_id}").json()
    assert (photo["item"]["variant"], photo["hints"][0]["shown"]) == ("hinted", True)


def test_colours_given_before_come_back_once_each_the_last_first(signed, photo_id):
    assert signed.get("/api/collections/family/colours").json() == {"colours": []}
    for colour, subject in ((BLUE, "the suit"), (RED, "the scarf"), (BLUE, "the tie")):
        assert give(signed, photo_id, colour=colour, subject=subject).status_code == 201
    found = signed.get("/api/collections/family/colours").json()["colours"]
    assert found == [{"colour": BLUE, "subject": "the tie"}, {"colour": RED, "subject": "the scarf"}]
    last = signed.get(f"/api/photos/{photo_id}").json()["hints"][1]
    signed.post(f"/api/photos/{photo_id}/hints/{last['hint_id']}/removal", json={})
    assert len(signed.get("/api/collections/family/colours").json()["colours"]) == 1
    assert error(signed.get("/api/collections/nobody/colours")) == (404, "not_found")


# -- who may, and what is refused ------------------------------------------------------------------------------------


def test_strangers_and_other_sites_give_nothing(service, catalog, photo_id):
    paths = [f"/api/photos/{photo_id}/hints", f"/api/photos/{photo_id}/hints/preview",
             f"/api/photos/{photo_id}/hints/1/removal", "/api/previews"]  # fmt: skip
    with serving(service) as address, httpx.Client(base_url=address, timeout=60) as client:
        answers = [client.post(path, json={"hints": [GIVEN]}, headers=WRITE) for path in paths]
        assert {error(answer) for answer in answers} == {(401, "not_signed_in")}
        assert error(client.get("/api/collections/family/colours")) == (401, "not_signed_in")
    with signed_in(service) as client:
        del client.headers[CSRF_HEADER]
        for path in paths:
            assert error(client.post(path, json={"hints": [GIVEN]})) == (403, "not_from_this_page")
        cross = WRITE | {"sec-fetch-site": "cross-site"}
        assert error(client.post(paths[0], json={"hints": [GIVEN]}, headers=cross)) == (403, "not_from_this_page")
    assert rows(catalog) == 0


def test_the_reviewers_role_is_needed(service, settings, catalog, catalog_url, photo_id):
    """Another login opens no session, and with a session that is open gives no colour."""
    with signed_in(service) as browser:
        cookies = dict(browser.cookies)
        for role in ("auditor", "worker", "publisher"):
            engine = make_engine(catalog_url(role))
            with (
                serving(replace(service, engine=engine)) as address,
                httpx.Client(base_url=address, timeout=30, cookies=cookies, headers=WRITE) as client,
            ):
                assert error(give(client, photo_id))[0] == 503, role
                body = {"way": "token", "name": "Eve", "secret": TOKEN}
                assert client.post("/api/session", json=body).status_code == 503, role
            engine.dispose()
    assert rows(catalog) == 0


@pytest.mark.parametrize(
    "change",
    [
        {"outline": []},
        {"outline": [[0.1, 0.1], [0.2, 0.2]]},
        {"outline": [[0.5, 1.2]]},
        {"outline": [[0.5, 0.5]] * 65},
        {"outline": [["left", "top"]]},
        {"radius": 0.5},
        {"colour": "navy"},
        {"colour": "#2C4F9E;"},
        {"ground": "rumour"},
        {"subject": "x" * 201},
        {"source": "x" * 1001},
        {"added_by": "somebody else"},
    ],
)
def test_bad_input_is_refused(signed, catalog, photo_id, change):
    assert error(give(signed, photo_id, **change)) == (422, "invalid_request")
    assert rows(catalog) == 0


def test_nobody_says_so_and_too_many(signed, catalog, photo_id):
    assert error(give(signed, photo_id, said_by=" \u200b ")) == (400, "bad_name")
    path = f"/api/photos/{photo_id}/hints"
    assert error(signed.post(path, json={"hints": []})) == (422, "invalid_request")
    assert error(signed.post(path, json={"hints": [GIVEN] * 17})) == (422, "invalid_request")
    for place in range(4):
        some = [GIVEN | {"subject": f"button {place} {number}"} for number in range(16)]
        assert signed.post(path, json={"hints": some}).status_code == 201
    assert error(signed.post(path, json={"hints": some})) == (400, "usage")
    assert error(give(signed, photo_id)) == (400, "usage")
    assert rows(catalog) == 64


def test_withdrawn_replaced_and_unknown_photographs_take_no_colours(painted, catalog, family, photo_id):
    [hint] = give(painted, photo_id).json()["hints"]

    def refused(number: int) -> None:
        for path, body in (
            ("hints", {"hints": [GIVEN]}),
            ("hints/preview", {"hints": []}),
            (f"hints/{hint['hint_id']}/removal", {}),
        ):
            assert error(painted.post(f"/api/photos/{number}/{path}", json=body)) == (404, "not_found"), path

    refused(999_999)
    with catalog.begin() as conn:
        withdrawn = conn.execute(sa.text(
            "INSERT INTO withdrawal (collection_id, object_key, reason, recorded_by) "
            "SELECT collection_id, object_key, 'the family asks', 'Eve' FROM photo WHERE photo_id = :photo_id "
            "RETURNING withdrawal_id"
        ), {"photo_id": photo_id}).scalar_one()  # fmt: skip
    refused(photo_id)
    with catalog.begin() as conn:
        conn.execute(sa.text(
            "UPDATE withdrawal SET lifted_at = now(), lifted_by = 'Eve' WHERE withdrawal_id = :id"
        ), {"id": withdrawn})  # fmt: skip
    assert painted.get(f"/api/photos/{photo_id}").status_code == 200
    with catalog.begin() as conn:
        build.listing(conn, family, [build.listed("01-collins.tif", "another scan")])
    refused(photo_id)
    assert rows(catalog) == 1


def test_a_scan_that_is_replaced_in_the_very_moment_takes_no_colour(signed, catalog, family, photo_id, monkeypatch):
    add = catalog_hints.add_hints

    def replaced_before(*arguments, **more):
        with catalog.begin() as conn:
            build.listing(conn, family, [build.listed("01-collins.tif", "another scan")])
        return add(*arguments, **more)

    monkeypatch.setattr(catalog_hints, "add_hints", replaced_before)
    assert error(give(signed, photo_id)) == (404, "not_found")
    assert rows(catalog) == 0


# -- previews --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def painter_url() -> Iterator[str]:
    with painting() as address:
        yield address


@pytest.fixture
def painted(service, painter_url, family) -> Iterator[httpx.Client]:
    with signed_in(replace(service, painter=Painter(painter_url))) as client:
        yield client


def pixels(data: bytes) -> np.ndarray:
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    return np.ascontiguousarray(decoded[:, :, ::-1]).astype(np.float32) / 255


def preview(client, photo_id, *hints):
    return client.post(f"/api/photos/{photo_id}/hints/preview", json={"hints": list(hints)})


def hue_of_coat(picture: np.ndarray) -> float:
    height, width = picture.shape[:2]
    rows, columns = slice(round(0.72 * height), round(0.94 * height)), slice(round(0.3 * width), round(0.7 * width))
    a, b = rgb_to_lab(picture)[rows, columns, 1:].mean(axis=(0, 1))
    return float(np.degrees(np.arctan2(b, a)))


def test_a_preview_is_painted_by_what_holds_and_what_is_tried(painted, catalog, photo_id):
    assert painted.post("/api/previews").json() == {"previews": True}
    assert painted.get(f"/api/photos/{photo_id}").json()["previews"] is True
    item = painted.get(f"/api/photos/{photo_id}").json()["item"]
    shown = pixels(painted.get(f"/api/restorations/{item['restoration_id']}/preview/after").content)
    answer = preview(painted, photo_id, {"outline": COAT, "colour": BLUE})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    assert answer.headers["cache-control"] == "no-store"
    blue = pixels(answer.content)
    assert blue.shape == shown.shape
    assert np.abs(lightness(blue) - lightness(shown)).mean() < 2
    hues = {colour: float(np.degrees(np.arctan2(*chroma_of(colour)[::-1]))) for colour in (BLUE, RED)}
    assert abs(hue_of_coat(blue) - hues[BLUE]) < 12
    assert give(painted, photo_id, colour=RED).status_code == 201
    assert abs(hue_of_coat(pixels(preview(painted, photo_id).content)) - hues[RED]) < 12
    tried = preview(painted, photo_id, {"outline": COAT, "colour": BLUE})
    assert abs(hue_of_coat(pixels(tried.content)) - hues[BLUE]) < 12, "what is tried wins over what holds"
    assert rows(catalog) == 1


def test_bad_previews_are_refused_before_anything_is_painted(painted, catalog, photo_id):
    dab = {"outline": [[0.5, 0.5]], "colour": BLUE}
    assert error(preview(painted, photo_id, dab | {"colour": "blue"})) == (422, "invalid_request")
    assert error(preview(painted, photo_id, dab | {"said_by": "Eve"})) == (422, "invalid_request")
    assert error(preview(painted, photo_id, *[dab] * 65)) == (422, "invalid_request")
    assert give(painted, photo_id).status_code == 201
    assert error(preview(painted, photo_id, *[dab] * 64)) == (400, "too_many_hints")
    with catalog.begin() as conn:
        conn.execute(sa.text("UPDATE step_record SET parameters = '{\"strength\": 1}' WHERE step = 'colorize'"))
    assert error(preview(painted, photo_id, dab)) == (409, "no_preview")
    with catalog.begin() as conn:
        conn.execute(sa.text(
            "UPDATE step_record SET status = 'not_needed', reason = 'already_colour' WHERE step = 'colorize'"
        ))  # fmt: skip
    assert error(preview(painted, photo_id, dab)) == (409, "not_painted")
    assert painted.get(f"/api/photos/{photo_id}").json()["painted"] is False


def test_without_a_painter_colours_are_given_all_the_same(service, settings, family, photo_id):
    dab = {"outline": [[0.5, 0.5]], "colour": BLUE}
    with signed_in(service) as client:
        assert client.post("/api/previews").json() == {"previews": False}
        assert error(preview(client, photo_id, dab)) == (404, "no_painter")
    gone = make_service(
        review_config(settings.model_copy(update={"painter_url": "http://127.0.0.1:1/"})),
        service.engine, ObjectStore(make_client(settings)),
    )  # fmt: skip
    with signed_in(gone) as client:
        assert client.post("/api/previews").json() == {"previews": False}
        assert error(preview(client, photo_id, dab)) == (503, "painter_unavailable")
        assert give(client, photo_id).status_code == 201


def test_too_many_previews_at_once_are_told_to_come_again(service, painter_url, family, photo_id):
    line = Line(most_waiting=1, patience=60)
    with signed_in(replace(service, painter=Painter(painter_url, line))) as client:
        with line.turn():  # one is being painted
            answers: list[int] = []
            waiting = threading.Thread(target=lambda: answers.append(preview(client, photo_id).status_code))
            waiting.start()
            deadline = time.monotonic() + 60
            while line.free_places and time.monotonic() < deadline:
                time.sleep(0.01)
            refused = preview(client, photo_id)
            assert error(refused) == (503, "painter_busy")
            assert int(refused.headers["retry-after"]) >= 1
        waiting.join(60)
        assert answers == [200]


def test_who_waits_too_long_in_line_is_turned_away_and_the_line_recovers():
    line = Line(most_waiting=1, patience=0.05)
    with line.turn(), pytest.raises(Refusal) as caught, line.turn():
        pytest.fail("two at a time")
    assert (caught.value.status, caught.value.code) == (503, "painter_busy")
    with pytest.raises(KeyError), line.turn():
        raise KeyError("what happens in a turn ends it")
    with line.turn():
        assert line.free_places == 1


def test_the_same_rows_as_the_catalogs_own(signed, catalog, family, photo_id):
    """What the page records is what a worker is told."""
    give(signed, photo_id, outline=[[0.25, 0.5]], radius=0.02, ground="rule")
    with catalog.connect() as conn:
        [known] = catalog_hints.hints_of_photo(conn, photo_id)
        assert catalog_hints.colours_of(conn, [known.hint_id]) == (
            ColourHint(outline=((0.25, 0.5),), colour=BLUE, radius=0.02),
        )
    assert known.ground is HintGround.RULE

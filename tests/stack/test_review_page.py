"""The review page's service on a real catalog and object store: who may come in, what it shows, what it writes."""

from __future__ import annotations

import base64
import http.server
import io
import json
import logging
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import cv2
import httpx
import numpy as np
import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from restoration.catalog.database import make_engine
from restoration.errors import EnvironmentProblem, SettingsError, StorageError
from restoration.names import contact_sheet_url, review_page_url
from restoration.review.brake import FREE_FAILURES, Brake
from restoration.review.config import review_config
from restoration.review.headers import CSRF_HEADER
from restoration.review.refusals import Refusal
from restoration.review.service import Service, make_service
from restoration.review.sessions import COOKIE, Sessions
from restoration.review.signin import SignIn, ask_airflow, clean_name
from restoration.review.zip_reader import ZipReader
from restoration.settings import Settings
from restoration.storage.s3 import ObjectStore, make_client
from tests.stack import review_builder
from tests.stack.catalog_builder import OTHER_RECIPE
from tests.stack.review_builder import HOSTILE_TITLE, WAITING, add_reviewed_collection, restore_all
from tests.stack.review_server import serving

pytestmark = pytest.mark.stack
TOKEN = "a-token-of-some-length"
PASSWORD = "correct horse battery"
WRITE = {CSRF_HEADER: "1"}


# -- a stand-in for Airflow ------------------------------------------------------------------------------------------


@dataclass
class StandIn:
    """An Airflow that knows one user, answers as the real one does, and can be told to misbehave."""

    address: str = ""
    all_admins: bool = False
    broken: bool = False
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def standin() -> Iterator[StandIn]:
    state = StandIn()

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

        def _answer(self, status: int, body: dict[str, str]) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_GET(self) -> None:
            self._answer(*((201, {"access_token": "x"}) if state.all_admins else (403, {"detail": "no"})))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            state.asked.append(f"{self.path} {body['username']}")
            if state.broken:
                self._answer(500, {"detail": "oops"})
            elif state.all_admins or (body["username"], body["password"]) == ("eve", PASSWORD):
                self._answer(201, {"access_token": "header.payload.signature"})
            else:
                self._answer(401, {"detail": "Invalid credentials"})

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    state.address = f"http://127.0.0.1:{server.server_port}"
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


# -- the service -----------------------------------------------------------------------------------------------------


@pytest.fixture
def settings(s3, standin) -> Settings:
    given = {name.removeprefix("RESTORATION_").lower(): value for name, value in s3.environment("airflow").items()}
    return Settings(
        _env_file=None,
        airflow_api_url=standin.address,
        review_token=TOKEN,
        review_people="*",
        preview_side=320,
        **given,
    )


@pytest.fixture
def store(s3) -> ObjectStore:
    return ObjectStore(s3.client("admin"))


@pytest.fixture
def family(catalog, store):
    return add_reviewed_collection(catalog, store)


@pytest.fixture
def service(settings, catalog_url) -> Iterator[Service]:
    """On the publisher's login."""
    engine = make_engine(catalog_url("reviewer"))
    yield make_service(review_config(settings), engine, ObjectStore(make_client(settings)))
    engine.dispose()


@pytest.fixture
def client(service) -> Iterator[httpx.Client]:
    """A program before the page; nobody is signed in."""
    with serving(service) as address, httpx.Client(base_url=address, timeout=30) as browser:
        yield browser


def sign_in(client, way="token", name="Eve Kim", secret=TOKEN, **headers):
    return client.post("/api/session", json={"way": way, "name": name, "secret": secret}, headers=WRITE | headers)


@pytest.fixture
def signed(client, family) -> httpx.Client:
    """Somebody is signed in, and there are photographs."""
    assert sign_in(client).status_code == 201
    return client


def error(answer) -> tuple[int, str]:
    body = answer.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"reason", "message", "photo"}
    return answer.status_code, body["error"]["reason"]


def waiting(client, **query) -> dict[str, dict]:
    answer = client.get("/api/collections/family/photos", params=query)
    assert answer.status_code == 200, answer.text
    return {item["object_key"].removeprefix("family/"): item for item in answer.json()["items"]}


def decide(client, item, decision="accept", words="", **more):
    body = {"restoration_id": item["restoration_id"], "decision": decision, "words": words} | more
    return client.post(f"/api/photos/{item['photo_id']}/decision", json=body, headers=WRITE)


# -- settings --------------------------------------------------------------------------------------------------------


def test_without_a_way_to_sign_in_it_does_not_start():
    with pytest.raises(SettingsError, match="REVIEW_TOKEN"):
        review_config(Settings(_env_file=None, airflow_api_url=None))


@pytest.mark.parametrize(
    "given",
    [{"review_token": "short"}, {"review_secret": "short"}, {"review_url": "review.example.org"},
     {"review_url": "https://x.org/?a=b"}],
)  # fmt: skip
def test_weak_secrets_and_odd_addresses_are_refused(given):
    with pytest.raises(SettingsError):
        review_config(Settings(_env_file=None, airflow_api_url="http://a", review_people="eve", **given))


def test_public_address_gives_path_and_encryption(standin):
    config = review_config(Settings(_env_file=None, review_token=TOKEN, review_url="https://x.org/review/"))
    assert (config.root, config.secure, config.ways) == ("/review", True, ["token"])


def test_addresses_of_the_page():
    assert review_page_url("http://x/", "a b/c") == "http://x/collections/a%20b%2Fc"
    assert review_page_url("http://x", "a", 7) == "http://x/photos/7"
    assert contact_sheet_url("http://x/r/", "a", "u") == "http://x/r/collections/a/contact-sheet?run=u"


# -- who may come in -------------------------------------------------------------------------------------------------


def test_nothing_is_shown_to_strangers(client):
    paths = ["/api/collections", "/api/collections/family", "/api/collections/family/photos", "/api/photos/1",
     "/api/collections/family/contact-sheet", "/api/restorations/1/preview/after", "/api/restorations/1/output",
     "/api/restorations/1/mask",     "/api/restorations/1/tiles/after/info.json"]  # fmt: skip
    assert {path: error(client.get(path)) for path in paths} == dict.fromkeys(paths, (401, "not_signed_in"))


def test_a_stranger_cannot_decide(client):
    body = {"restoration_id": 1, "decision": "accept"}
    assert error(client.post("/api/photos/1/decision", json=body, headers=WRITE)) == (401, "not_signed_in")


def test_health_and_ways_need_nobody(client):
    assert client.get("/api/health").json()["status"] == "ok"
    assert client.get("/api/session").json() == {
        "person": None, "way": None, "expires": None, "ways": ["airflow", "token"],
    }  # fmt: skip


def test_airflow_says_who_somebody_is(client, standin):
    assert error(sign_in(client, "airflow", "eve", "wrong")) == (401, "wrong_secret")
    answer = sign_in(client, "airflow", "eve", PASSWORD)
    assert (answer.status_code, answer.json()["person"], answer.json()["way"]) == (201, "eve", "airflow")
    assert standin.asked == ["/auth/token eve", "/auth/token eve"]
    assert client.get("/api/session").json()["person"] == "eve"


def test_token_lets_its_holder_in_under_a_name(client):
    assert error(sign_in(client, secret=TOKEN + "x")) == (401, "wrong_secret")
    assert error(sign_in(client, secret="")) == (401, "wrong_secret")
    assert error(sign_in(client, name=" \u200b\n ")) == (400, "bad_name")
    assert sign_in(client, name=" Eve\n Kim ").json()["person"] == "Eve Kim"


def test_an_airflow_that_lets_everybody_in_is_not_believed(client, standin):
    standin.all_admins = True
    assert error(sign_in(client, "airflow", "eve", "anything"))[0] == 503
    assert client.get("/api/session").json()["person"] is None


def test_a_broken_or_absent_airflow_is_told_apart_from_a_wrong_password(client, standin):
    standin.broken = True
    assert error(sign_in(client, "airflow", "eve", PASSWORD))[0] == 503
    with pytest.raises(EnvironmentProblem, match="cannot be asked"):
        ask_airflow("http://127.0.0.1:1", "eve", SecretStr(PASSWORD))


def test_only_named_users_of_airflow_come_in(settings, service):
    config = review_config(settings.model_copy(update={"review_people": "ada, bob"}))
    sign = SignIn(config, Brake())
    with pytest.raises(Refusal, match="may not review") as caught:
        sign.check("airflow", "eve", SecretStr(PASSWORD), "here")
    assert (caught.value.status, caught.value.code) == (403, "not_allowed")
    assert sign.check("token", "eve", SecretStr(TOKEN), "here") == "eve"


def test_the_cookie_is_kept_from_scripts_and_other_sites(client):
    cookie = sign_in(client).headers["set-cookie"].lower()
    for part in ("httponly", "samesite=strict", "path=/", "max-age=36000"):
        assert part in cookie
    assert "secure" not in cookie  # this one is served without encryption


def test_an_encrypted_address_with_a_path_shows_in_cookie_headers_and_page(settings, service):
    config = review_config(settings.model_copy(update={"review_url": "https://x.org/review"}))
    with serving(replace(service, config=config)) as address, httpx.Client(base_url=address) as client:
        cookie = sign_in(client).headers["set-cookie"].lower()
        assert "secure" in cookie
        assert "path=/review/" in cookie
        page = client.get("/")
        assert "max-age" in page.headers["strict-transport-security"]
        assert 'src="/review/assets/main.js"' in page.text


def test_a_session_ends_with_the_right_to_be_here(settings, service):
    def answer(cookie: str, **given) -> int:
        changed = make_service(
            review_config(settings.model_copy(update=given)), service.engine, ObjectStore(make_client(settings))
        )
        with serving(changed) as address:
            return httpx.get(f"{address}/api/collections", headers={"cookie": f"{COOKIE}={cookie}"}).status_code

    secret = {"review_secret": SecretStr("s" * 32)}
    with serving(make_service(review_config(settings.model_copy(update=secret)), service.engine, None)) as address:
        body = {"way": "airflow", "name": "eve", "secret": PASSWORD}
        cookie = httpx.post(f"{address}/api/session", json=body, headers=WRITE).cookies[COOKIE]
    assert answer(cookie, **secret) == 200
    assert answer(cookie, **secret, review_people="ada") == 401
    assert answer(cookie, **secret, airflow_api_url=None) == 401
    assert answer(cookie, **secret, review_token=SecretStr("another-token-altogether")) == 401
    assert answer(cookie) == 401


def test_sign_out_ends_the_session_on_this_browser(signed):
    assert signed.delete("/api/session", headers=WRITE).status_code == 204
    assert error(signed.get("/api/collections")) == (401, "not_signed_in")


def test_forged_changed_and_old_cookies_are_nobodys():
    now = [1000.0]
    sessions = Sessions(SecretStr("k" * 32), 60, clock=lambda: now[0])
    _, cookie = sessions.start("Eve", "token")
    assert sessions.read(cookie).person == "Eve"
    payload, signature = cookie.split(".")
    body = json.loads(base64.urlsafe_b64decode(payload + "=="))
    forged = base64.urlsafe_b64encode(json.dumps(body | {"person": "Ada"}).encode()).decode().rstrip("=")
    _, other = Sessions(SecretStr("j" * 32), 60, clock=lambda: now[0]).start("Eve", "token")
    for wrong in (None, "", ".", "x", f"{forged}.{signature}", f"{payload}.", f"{payload}.ü", other):
        with pytest.raises(Refusal):
            sessions.read(wrong)
    now[0] += 60
    with pytest.raises(Refusal):
        sessions.read(cookie)


def test_guessing_is_slowed_down_and_time_heals(client):
    for _ in range(FREE_FAILURES):
        assert error(sign_in(client, secret="wrong" * 4))[0] == 401
    refused = sign_in(client)  # even what is right
    assert error(refused) == (429, "too_many_tries")
    assert int(refused.headers["retry-after"]) >= 1
    now = [0.0]
    brake = Brake(clock=lambda: now[0])
    for _ in range(FREE_FAILURES):
        brake.begin("here", "Eve")
    with pytest.raises(Refusal):
        brake.begin("here", "eve")
    brake.begin("here", "Ada")
    now[0] = 3.0
    brake.begin("here", "Eve")


def test_names_are_one_spelling():
    assert clean_name("  Andre\u0301\u202e  \t Kim ") == "André Kim"
    with pytest.raises(Refusal):
        clean_name("x" * 101)


@pytest.mark.parametrize(
    "headers", [{}, WRITE | {"sec-fetch-site": "cross-site"}, WRITE | {"sec-fetch-site": "same-site"}]
)
def test_other_sites_cannot_write(signed, headers):
    item = next(iter(waiting(signed).values()))
    body = {"restoration_id": item["restoration_id"], "decision": "accept"}
    answer = signed.post(f"/api/photos/{item['photo_id']}/decision", json=body, headers=headers)
    assert error(answer) == (403, "not_from_this_page")
    assert signed.get(f"/api/photos/{item['photo_id']}").json()["history"] == []


def test_long_bodies_are_refused_unread(signed):
    item = next(iter(waiting(signed).values()))
    assert error(decide(signed, item, words="x" * 70_000)) == (413, "too_long")
    assert error(decide(signed, item, words="x" * 2_001)) == (422, "invalid_request")


def test_no_secret_in_logs_addresses_or_answers(client, caplog):
    caplog.set_level(logging.DEBUG)
    answers = [
        sign_in(client, "airflow", "eve", PASSWORD),
        sign_in(client, secret=TOKEN),
        client.post("/api/session", json={"way": "token", "name": 7, "secret": TOKEN}, headers=WRITE),
        client.post("/api/session", json={"way": "no", "name": "x", "secret": PASSWORD}, headers=WRITE),
    ]
    served = [record.getMessage() for record in caplog.records if record.thread != threading.get_ident()]
    told = "\n".join(served) + "".join(answer.text + str(answer.url) for answer in answers)
    assert "POST" in told
    for secret in (TOKEN, PASSWORD, client.cookies[COOKIE]):
        assert secret not in told


def test_every_answer_carries_the_headers(signed):
    for path in ("/", "/api/collections", "/api/nothing", "/photos/1", "/assets/main.js", "/api/photos/999999"):
        headers = signed.get(path).headers
        policy = headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == ("no-cache" if path.startswith("/assets") else "no-store")


# -- lists and photographs -------------------------------------------------------------------------------------------


def test_collections_and_their_counts(signed):
    [found] = signed.get("/api/collections").json()["collections"]
    assert (found["name"], found["title"], found["counts"]["waiting"]) == ("family", "The Kim family’s album", 4)
    assert found["reasons"] == {"heavy_damage": 2, "identity_low": 1, "quality_fell": 1}
    assert error(signed.get("/api/collections/nobody")) == (404, "not_found")


def test_lists_are_filtered_and_paged(signed):
    assert list(waiting(signed)) == WAITING
    assert list(waiting(signed, which="decided")) == []
    assert len(waiting(signed, which="all")) == 6
    assert list(waiting(signed, reason="heavy_damage")) == ["02-hopper.tif", "04-hostile.tif"]
    for reason, wanted in ((None, WAITING), ("heavy_damage", [WAITING[1], WAITING[3]])):
        names, after = [], None
        for _ in range(9):
            query = {"limit": 1} | ({"after": after} if after else {}) | ({"reason": reason} if reason else {})
            page = signed.get("/api/collections/family/photos", params=query).json()
            names += [item["object_key"].removeprefix("family/") for item in page["items"]]
            after = page["next"]
            if after is None:
                break
        assert names == wanted


@pytest.mark.parametrize("query", [{"after": "nonsense"}, {"after": "bnVsbA=="}, {"which": "some"}, {"limit": 0}])
def test_senseless_questions_are_refused(signed, query):
    assert signed.get("/api/collections/family/photos", params=query).status_code in (400, 422)


def test_one_photograph_with_all_that_is_needed(signed):
    item = waiting(signed)["01-collins.tif"]
    photo = signed.get(f"/api/photos/{item['photo_id']}").json()
    assert photo["dublin_core"]["title"] == "Eileen Collins in her flying suit"
    assert (photo["before"], photo["after"]) == ({"tiles": True, "file": False}, {"tiles": True, "file": True})
    assert photo["faces_size"] == [1024, 1024]
    [face] = photo["faces"]
    assert (face["action"], round(face["identity"], 2), face["threshold"] > 0.5) == ("blended", 0.44, True)
    assert [step["step"] for step in photo["steps"]] == ["triage", "repair", "grade", "colorize", "faces"]
    assert error(signed.get("/api/photos/999999")) == (404, "not_found")
    titles = [found["title"] for found in waiting(signed).values()]
    assert HOSTILE_TITLE in titles


# -- decisions -------------------------------------------------------------------------------------------------------


def test_a_decision_is_on_record_under_the_persons_name(signed, catalog):
    item = waiting(signed)["02-hopper.tif"]
    answer = decide(signed, item, "reject", " not her ")
    assert answer.status_code == 200
    assert (answer.json()["item"]["decision"], answer.json()["counts"]["waiting"]) == ("reject", 3)
    again = decide(signed, item, "reject", "not her")
    assert again.json()["review_id"] == answer.json()["review_id"]  # a doubled click
    decide(signed, item, "keep_original")
    with catalog.connect() as conn:
        rows = conn.execute(sa.text("SELECT decision::text, reviewer, words FROM review ORDER BY review_id")).all()
        events = conn.execute(sa.text("SELECT agent FROM event WHERE event_type = 'review'")).scalars().all()
    assert [tuple(row) for row in rows] == [("reject", "Eve Kim", "not her"), ("keep_original", "Eve Kim", "")]
    assert events == ["Eve Kim", "Eve Kim"]
    history = signed.get(f"/api/photos/{item['photo_id']}").json()["history"]
    assert [past["decision"] for past in history] == ["keep_original", "reject"]
    assert "02-hopper.tif" not in waiting(signed)


def test_what_was_restored_anew_is_not_decided_unseen(signed, catalog, store, family):
    item = waiting(signed)["01-collins.tif"]
    restore_all(catalog, store, "restored", family, number=2, recipe=OTHER_RECIPE)
    answer = decide(signed, item)
    assert error(answer) == (409, "restored_anew")
    assert answer.json()["error"]["photo"] == "family/01-collins.tif"
    anew = waiting(signed)["01-collins.tif"]
    assert anew["restoration_id"] != item["restoration_id"]
    assert decide(signed, anew).status_code == 200


def test_odd_decisions_are_refused(signed):
    item = waiting(signed)["01-collins.tif"]
    assert error(decide(signed, item, "burn")) == (422, "invalid_request")
    assert error(decide(signed, item, reviewer="Ada")) == (422, "invalid_request")
    assert error(decide(signed, item | {"photo_id": 999999})) == (404, "not_found")


def test_a_withdrawn_photograph_is_neither_shown_nor_decided(signed, catalog):
    item = waiting(signed)["01-collins.tif"]
    with catalog.begin() as conn:
        conn.execute(sa.text(
            "INSERT INTO withdrawal (collection_id, object_key, reason, recorded_by) "
            "SELECT collection_id, object_key, 'the family asks', 'Eve' FROM photo WHERE photo_id = :photo_id"
        ), {"photo_id": item["photo_id"]})  # fmt: skip
    assert error(signed.get(f"/api/photos/{item['photo_id']}")) == (404, "not_found")
    assert error(decide(signed, item)) == (404, "not_found")
    for path in ("preview/before", "output", "mask", "tiles/after/info.json"):
        assert error(signed.get(f"/api/restorations/{item['restoration_id']}/{path}")) == (404, "not_found")
    assert "01-collins.tif" not in waiting(signed, which="all")


# -- pictures --------------------------------------------------------------------------------------------------------


def pixels(data: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1]


def test_previews_and_the_restored_file_itself(signed):
    item = waiting(signed)["03-temple.tif"]
    base = f"/api/restorations/{item['restoration_id']}"
    preview = signed.get(f"{base}/preview/before")
    assert (preview.headers["content-type"], max(pixels(preview.content).shape)) == ("image/jpeg", 320)
    whole = signed.get(f"{base}/output")
    assert whole.headers["content-type"] == "image/png"
    assert pixels(whole.content).shape == (item["height"], item["width"], 3)
    assert signed.get(f"{base}/preview/sideways").status_code == 422
    assert error(signed.get(f"{base}/tiles/after/info.json")) == (404, "not_found")


def test_what_was_filled_is_told_and_its_mask_is_shown(signed):
    item = waiting(signed)["02-hopper.tif"]
    photo = signed.get(f"/api/photos/{item['photo_id']}").json()
    assert (round(photo["filled_share"], 3), photo["mask"]) == (0.034, True)
    assert [(one["kind"], one["mending"], one["model"]) for one in photo["damage"]] == [
        ("hole", "net", "house-inpainter"), ("scratch", "surroundings", None), ("writing", "none", None),
    ]  # fmt: skip
    mask = signed.get(f"/api/restorations/{item['restoration_id']}/mask")
    assert mask.headers["content-type"] == "image/png"
    assert np.unique(pixels(mask.content)).tolist() == [0, 48, 144]
    assert pixels(mask.content).shape == (item["height"], item["width"], 3)
    other = waiting(signed)["03-temple.tif"]
    plain = signed.get(f"/api/photos/{other['photo_id']}").json()
    assert (plain["filled_share"], plain["mask"], plain["damage"]) == (None, False, [])
    assert error(signed.get(f"/api/restorations/{other['restoration_id']}/mask")) == (404, "not_found")


def test_tiles_are_the_restored_photograph_at_full_size(signed):
    item = waiting(signed)["01-collins.tif"]
    base = f"/api/restorations/{item['restoration_id']}/tiles/after"
    info = signed.get(f"{base}/info.json").json()
    assert (info["width"], info["height"], info["tiles"][0]["width"]) == (1024, 1024, 256)
    tile = signed.get(f"{base}/512,256,256,256/256,256/0/default.jpg")
    _, truth = review_builder._pixels("astronaut", "creased", 2.0)
    assert tile.headers["content-type"] == "image/jpeg"
    assert np.abs(pixels(tile.content).astype(int) - truth[256:512, 512:768]).mean() < 6
    for wrong in (
        "9,9,9,9/9,9/0/default.jpg",
        "../info.json",
        "..%2Finfo.json",
        "info.json/x",
        "full/max/0/default.exe",
    ):
        assert signed.get(f"{base}/{wrong}").status_code == 404


class Bytes:
    """A bucket with one object, that counts how often it is asked."""

    def __init__(self, data: bytes) -> None:
        self.data, self.asked = data, 0

    def object_size(self, bucket: str, key: str) -> int:
        return len(self.data)

    def read_range(self, bucket: str, key: str, start: int, length: int) -> bytes:
        self.asked += 1
        return self.data[start : start + length]


def stored(entries: dict[str, bytes], compression: int = zipfile.ZIP_STORED, extra: bytes = b"") -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", compression) as archive:
        for name, data in entries.items():
            info = zipfile.ZipInfo(name)
            info.extra, info.compress_type = extra, compression
            archive.writestr(info, data)
    return raw.getvalue()


def test_one_tile_is_one_read():
    source = Bytes(stored({f"{n}.jpg": bytes([n]) * 1000 for n in range(200)}))
    reader = ZipReader(source, "bucket")
    assert reader.read("key", "3.jpg") == bytes([3]) * 1000
    before = source.asked
    assert reader.read("key", "199.jpg") == bytes([199]) * 1000
    assert source.asked == before + 1
    with pytest.raises(Refusal):
        reader.read("key", "200.jpg")


def test_entries_behind_long_headers_are_read():
    extra = b"\x99\x99" + (400).to_bytes(2, "little") + bytes(400)
    assert ZipReader(Bytes(stored({"a": b"abc" * 99}, extra=extra)), "bucket").read("key", "a") == b"abc" * 99


@pytest.mark.parametrize("damage", ["no zip", "compressed", "flipped"])
def test_damaged_tiles_are_not_shown(damage):
    data = stored({"a": b"abcdefgh" * 64}, zipfile.ZIP_DEFLATED if damage == "compressed" else zipfile.ZIP_STORED)
    if damage == "no zip":
        data = b"x" * 500
    if damage == "flipped":
        data = data.replace(b"abcdefgh", b"abcdefgX", 1)
    with pytest.raises(StorageError):
        ZipReader(Bytes(data), "bucket").read("key", "a")


def test_an_object_that_is_gone_is_told(signed, service, s3):
    item = waiting(signed)["04-hostile.tif"]
    with service.engine.connect() as conn:
        key = conn.execute(
            sa.text("SELECT preview_after_key FROM restoration WHERE restoration_id = :id"),
            {"id": item["restoration_id"]},
        ).scalar_one()
    s3.client("admin").delete_object(Bucket="restored", Key=key)
    assert error(signed.get(f"/api/restorations/{item['restoration_id']}/preview/after"))[0] == 503


# -- the contact sheet, the page, and trouble ------------------------------------------------------------------------


def test_contact_sheet_counts_and_shows_the_worst_first(signed, service):
    sheet = signed.get("/api/collections/family/contact-sheet").json()
    assert sheet["worst"][0]["object_key"] == "family/01-collins.tif"
    assert len(sheet["worst"]) == 6
    assert sheet["collection"]["counts"]["waiting"] == 4
    assert (sheet["made_by"], sheet["run"]) == ("Eve Kim", None)
    with service.engine.connect() as conn:
        run = conn.execute(sa.text("SELECT run_id FROM run")).scalar_one()
    sheet = signed.get("/api/collections/family/contact-sheet", params={"run": str(run)}).json()
    assert (sheet["run"]["photos"], sheet["run"]["finished"]) == (6, 6)
    unknown = {"run": "00000000-0000-0000-0000-000000000000"}
    assert error(signed.get("/api/collections/family/contact-sheet", params=unknown)) == (404, "not_found")


def test_every_address_of_the_page_is_the_page(client):
    for path in ("/", "/collections/family", "/collections/family/contact-sheet", "/photos/7"):
        answer = client.get(path)
        assert answer.headers["content-type"].startswith("text/html")
        assert "/assets/main.js" in answer.text
        assert "{{" not in answer.text
    script = client.get("/assets/main.js")
    assert script.headers["content-type"].startswith("text/javascript")
    again = client.get("/assets/main.js", headers={"if-none-match": script.headers["etag"]})
    assert again.status_code == 304
    for wrong in ("/assets/%2e%2e/config.py", "/assets/index.html", "/nothing", "/docs"):
        assert client.get(wrong).status_code == 404


def test_a_catalog_that_went_away_is_told_without_details(settings, service):
    gone = sa.create_engine(service.engine.url.set(password="a-wrong-password"))
    with serving(replace(service, engine=gone)) as address, httpx.Client(base_url=address) as client:
        answer = client.get("/api/health")
        assert error(answer) == (503, "catalog_unavailable")
        assert "password" not in answer.text
    gone.dispose()

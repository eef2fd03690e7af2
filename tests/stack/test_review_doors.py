"""The review page's doors: sessions that end, names that are marked, and what is turned away without a traceback."""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from restoration.catalog.database import make_engine
from restoration.errors import SettingsError
from restoration.review import headers, server
from restoration.review.brake import FREE_FAILURES, FREE_FAILURES_OF_ADDRESS, FREE_FAILURES_OF_NAME, Brake
from restoration.review.config import review_config
from restoration.review.headers import CSRF_HEADER, host_name
from restoration.review.refusals import Refusal
from restoration.review.service import Service, make_service
from restoration.review.sessions import COOKIE, Sessions
from restoration.settings import Settings
from tests.stack import catalog_builder as build
from tests.stack.review_server import serving
from tests.stack.reviewable import restore

pytestmark = pytest.mark.stack
TOKEN = "a-token-of-some-length"
WRITE = {CSRF_HEADER: "1"}
KEY = SecretStr("k" * 32)


@pytest.fixture
def service(catalog, catalog_url) -> Iterator[Service]:
    """With a collection ``family`` of three photographs, and without S3."""
    with catalog.begin() as conn:
        restore(conn, build.add_collection(conn), 1, keys=["ada.tif", "bob.tif", "cat.tif"])
    engine = make_engine(catalog_url("reviewer"))
    settings = Settings(_env_file=None, airflow_api_url=None, review_token=TOKEN, review_secret=KEY)
    yield make_service(review_config(settings), engine, None)
    engine.dispose()


@pytest.fixture
def client(service) -> Iterator[httpx.Client]:
    with serving(service) as address, httpx.Client(base_url=address, timeout=30) as browser:
        yield browser


@pytest.fixture
def signed(client) -> httpx.Client:
    assert sign_in(client).status_code == 201
    return client


def sign_in(client, name: str = "Eve Kim", secret: str = TOKEN, **more):
    return client.post("/api/session", json={"way": "token", "name": name, "secret": secret}, headers=WRITE | more)


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["reason"]


# -- sessions --------------------------------------------------------------------------------------------------------


def test_who_signed_out_is_out_with_every_copy_of_the_cookie(signed):
    copy = {"cookie": f"{COOKIE}={signed.cookies[COOKIE]}"}
    address = f"{signed.base_url}/api/collections"
    assert httpx.get(address, headers=copy).status_code == 200
    assert signed.delete("/api/session", headers=WRITE).status_code == 204
    assert code(httpx.get(address, headers=copy)) == (401, "not_signed_in")
    # signing out twice, or with nothing to end, is harmless
    assert httpx.delete(f"{signed.base_url}/api/session", headers=WRITE | copy).status_code == 204


def test_a_cookie_that_was_signed_but_never_given_is_nobodys(client, service):
    _, forged = service.sessions.start("Ada", "token")
    answer = client.get("/api/collections", headers={"cookie": f"{COOKIE}={forged}"})
    assert code(answer) == (401, "not_signed_in")


def test_the_catalog_keeps_no_number_that_opens_a_session(signed, catalog):
    with catalog.connect() as conn:
        row = conn.execute(sa.text("SELECT * FROM review_session")).one()
    assert (row.person, row.way, row.ended_at) == ("Eve Kim", "token", None)
    payload = signed.cookies[COOKIE].partition(".")[0]
    number = json.loads(base64.urlsafe_b64decode(payload + "=="))["number"]
    assert number not in str(row)


def test_the_way_in_is_on_record_with_the_decision(signed, catalog):
    (item,) = signed.get("/api/collections/family/photos").json()["items"]
    body = {"restoration_id": item["restoration_id"], "decision": "accept"}
    decided = signed.post(f"/api/photos/{item['photo_id']}/decision", json=body, headers=WRITE).json()
    assert decided["item"]["way"] == "token"
    assert [past["way"] for past in signed.get(f"/api/photos/{item['photo_id']}").json()["history"]] == ["token"]
    with catalog.connect() as conn:
        event = conn.execute(sa.text("SELECT detail, login FROM event WHERE event_type = 'review'")).one()
        assert (event.detail["way"], event.login) == ("token", "test_reviewer")
        assert conn.execute(sa.text("SELECT way FROM audit.review")).scalar_one() == "token"


def test_airflows_users_are_named_before_the_page_starts():
    with pytest.raises(SettingsError, match="RESTORATION_REVIEW_PEOPLE"):
        review_config(Settings(_env_file=None, airflow_api_url="http://a", review_people=" , "))
    everybody = review_config(Settings(_env_file=None, airflow_api_url="http://a", review_people="*"))
    some = review_config(Settings(_env_file=None, airflow_api_url="http://a", review_people="eve"))
    assert everybody.admits("airflow", "ada")
    assert (some.admits("airflow", "eve"), some.admits("airflow", "ada")) == (True, False)


# -- what is turned away ---------------------------------------------------------------------------------------------


SURROGATE = b'["\\ud800"]'


def cursor(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode()


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/api/collections/fam%00ily", 400),
        ("/api/collections/family/photos?reason=%00", 400),
        ("/api/restorations/1/tiles/after/%00", 400),
        ("/photos/%00", 400),
        (f"/api/collections/family/photos?after={cursor(b'[' * 100_000)[:30_000]}", 400),
        (f"/api/collections/family/photos?after={cursor(json.dumps(['a' + chr(0)]).encode())}", 400),
        (f"/api/collections/family/photos?after={cursor(SURROGATE)}", 400),
        ("/api/collections/family/photos?after=%C3%BC", 400),
        (f"/api/photos/{2**63}", 404),
        (f"/api/photos/-{2**70}", 404),
        (f"/api/restorations/{10**30}/preview/after", 404),
    ],
)  # fmt: skip
def test_senseless_addresses_are_refused_and_no_fault_of_ours(signed, address, status):
    assert signed.get(address).status_code == status


def test_bodies_of_any_text_are_no_fault_of_ours(client):
    odd = '{"way": "token", "name": "\\ud800\\u0000Eve", "secret": "' + TOKEN + '"}'
    answer = client.post("/api/session", content=odd, headers=WRITE | {"content-type": "application/json"})
    assert answer.status_code == 422
    deep = client.post("/api/session", content="[" * 60_000, headers=WRITE | {"content-type": "application/json"})
    assert 400 <= deep.status_code < 500


def test_a_number_that_no_restoration_can_have_is_refused(signed):
    (item,) = signed.get("/api/collections/family/photos").json()["items"]
    body = {"restoration_id": 2**70, "decision": "accept"}
    answer = signed.post(f"/api/photos/{item['photo_id']}/decision", json=body, headers=WRITE)
    assert answer.status_code in (409, 422)


def test_the_page_is_asked_for_under_its_own_names_alone(client, service):
    for host in ("evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost@evil.example", "[::2]", ""):
        assert client.get("/api/session", headers={"host": host}).status_code in (400, 421), host
        assert client.get("/", headers={"host": host}).status_code in (400, 421), host
    for host in ("localhost", "LOCALHOST:8090", "127.0.0.1", "[::1]:8090", "localhost."):
        assert client.get("/api/session", headers={"host": host}).status_code == 200, host
    assert client.get("/api/health", headers={"host": "10.0.0.7:8090"}).status_code == 200
    settings = Settings(_env_file=None, airflow_api_url=None, review_token=TOKEN, review_hosts="inside, other:81",
                        review_url="https://Photos.Example.org/review")  # fmt: skip
    assert {"photos.example.org", "inside", "other"} <= review_config(settings).hosts
    assert host_name("[::1]:80") == "[::1]"


def test_what_the_interface_is_is_told_to_who_is_signed_in(client):
    assert code(client.get("/api/openapi.json")) == (401, "not_signed_in")
    assert client.get("/openapi.json").status_code == 404
    sign_in(client)
    assert "/api/collections" in client.get("/api/openapi.json").json()["paths"]


@pytest.mark.parametrize("sent", [b"", b"GET /api/hea", b"GET /api/health HTTP/1.1\r\nHost: 127.0.0.1\r\n"])
def test_a_request_whose_head_does_not_come_ends(service, monkeypatch, sent):
    monkeypatch.setattr(server, "HEADER_SECONDS", 0.3)
    with serving(service) as address, socket.create_connection(host_and_port(address), timeout=20) as half:
        half.sendall(sent)
        assert half.recv(1000) == b""


def test_a_request_whose_body_does_not_come_ends(service, monkeypatch):
    monkeypatch.setattr(headers, "BODY_SECONDS", 0.3)
    words = f"POST /api/session HTTP/1.1\r\nHost: 127.0.0.1\r\n{CSRF_HEADER}: 1\r\nContent-Type: application/json\r\n"
    with serving(service) as address, socket.create_connection(host_and_port(address), timeout=20) as half:
        half.sendall(f"{words}Content-Length: 100\r\n\r\n{{".encode())
        answer = b""
        while part := half.recv(1000):
            answer += part
        assert answer.startswith(b"HTTP/1.1 408")
        assert b"too_slow" in answer


def host_and_port(address: str) -> tuple[str, int]:
    parts = httpx.URL(address)
    return parts.host, int(parts.port or 0)


# -- the brake -------------------------------------------------------------------------------------------------------


def test_tries_count_before_they_are_checked():
    brake = Brake(clock=lambda: 0.0)
    for _ in range(FREE_FAILURES):
        brake.begin("here", "Eve")  # none of them has been answered yet
    with pytest.raises(Refusal):
        brake.begin("here", "eve")
    brake.succeeded("here", "Eve")
    brake.begin("here", "Eve")


def test_a_name_is_counted_from_all_addresses_and_an_address_for_all_names():
    now = [0.0]
    brake = Brake(clock=lambda: now[0])
    for number in range(FREE_FAILURES_OF_NAME):
        brake.begin(f"there {number}", "Eve")
    with pytest.raises(Refusal):
        brake.begin("elsewhere", "EVE")
    brake.begin("elsewhere", "Ada")
    for number in range(FREE_FAILURES_OF_ADDRESS):
        brake.begin("one place", f"name {number}")
    with pytest.raises(Refusal):
        brake.begin("one place", "another name")
    now[0] = 1000.0
    brake.begin("elsewhere", "EVE")


def test_a_try_that_nobody_could_check_counts_for_nothing():
    brake = Brake(clock=lambda: 0.0)
    for _ in range(3 * FREE_FAILURES):
        brake.begin("here", "Eve")
        brake.take_back("here", "Eve")


def test_right_sign_ins_are_never_braked(client):
    for _ in range(FREE_FAILURES_OF_ADDRESS + 1):
        assert sign_in(client).status_code == 201


def test_forwarded_addresses_are_believed_from_named_proxies_alone(service):
    def statuses(proxies: str) -> list[int]:
        with serving(replace_brake(service), proxies=proxies) as address, httpx.Client(base_url=address) as client:
            tries = [sign_in(client, secret="wrong", **{"x-forwarded-for": f"10.0.0.{n}"}) for n in range(8)]
        return [answer.status_code for answer in tries]

    assert statuses("") == [401] * FREE_FAILURES + [429] * 3
    assert statuses("10.9.9.9") == [401] * FREE_FAILURES + [429] * 3
    assert statuses("127.0.0.1") == [401] * 8


def replace_brake(service: Service) -> Service:
    return replace(service, sign_in=type(service.sign_in)(service.config, Brake()))


def test_sessions_of_the_release_before_are_nobodys():
    sessions = Sessions(KEY, 60, clock=lambda: 0.0)
    _, cookie = sessions.start("Eve", "token")
    payload = json.loads(base64.urlsafe_b64decode(cookie.partition(".")[0] + "=="))
    assert (payload["v"], len(payload["number"]) >= 32) == (2, True)
    old = base64.urlsafe_b64encode(
        json.dumps({"v": 1, "person": "Eve", "way": "token", "expires": 50}).encode()
    ).rstrip(b"=").decode()  # fmt: skip
    with pytest.raises(Refusal):
        sessions.read(f"{old}.{sessions._sign(old)}")

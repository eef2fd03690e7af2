"""Signing in: with a name and password that Airflow knows, or with the review page's own token."""

from __future__ import annotations

import hmac
import unicodedata

import httpx
from pydantic import SecretStr

from restoration.errors import EnvironmentProblem
from restoration.review.brake import Brake
from restoration.review.config import ReviewConfig
from restoration.review.refusals import Refusal

LONGEST_NAME = 100
_SECONDS = 15.0
_REFUSED = (400, 401, 403, 422)


class SignIn:
    """Checks who somebody is.

    :param config: which ways there are, and who may come in.
    :param brake: counts failures.
    """

    def __init__(self, config: ReviewConfig, brake: Brake) -> None:
        self._config = config
        self._brake = brake

    def check(self, way: str, name: str, secret: SecretStr, address: str) -> str:
        """The person's name, once the secret has been found right.

        :param way: ``airflow`` or ``token``.
        :param name: user name in Airflow, or the name that the holder of the token gives.
        :param secret: password or token.
        :param address: where the request came from.
        :raises Refusal: 400, 401, 403 or 429.
        :raises EnvironmentProblem: Airflow is out of reach, or checks no passwords.
        """
        if way not in self._config.ways:
            raise Refusal(f"signing in by {way} is not set up here", status=400, code="no_such_way")
        person = clean_name(name)
        # counted before it is checked: of many tries at once only as many are checked as are free
        self._brake.begin(address, person)
        try:
            self._check_secret(way, person, secret)
        except EnvironmentProblem:
            self._brake.take_back(address, person)
            raise
        if not self._config.admits(way, person):
            raise Refusal("this user may not review photographs here", status=403, code="not_allowed")
        self._brake.succeeded(address, person)
        return person

    def _check_secret(self, way: str, person: str, secret: SecretStr) -> None:
        if way == "token":
            _check_token(self._config.token, secret)
        else:
            ask_airflow(str(self._config.airflow_url), person, secret)


def clean_name(name: str) -> str:
    """A person's name in one spelling: NFC, without control characters, single spaces.

    :raises Refusal: 400: nothing is left, or it is longer than 100 characters.
    """
    letters = "".join(" " if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") else c for c in name)
    person = " ".join(unicodedata.normalize("NFC", letters).split())
    if not person or len(person) > LONGEST_NAME:
        raise Refusal(f"give a name of 1 to {LONGEST_NAME} characters", status=400, code="bad_name")
    return person


def _check_token(token: SecretStr | None, given: SecretStr) -> None:
    wanted = token.get_secret_value() if token else ""
    if not wanted or not hmac.compare_digest(wanted.encode(), given.get_secret_value().encode()):
        raise Refusal("this is not the token", status=401, code="wrong_secret")


def ask_airflow(url: str, name: str, password: SecretStr) -> None:
    """Let Airflow check a name and password, by asking it for a token, which is thrown away.

    An Airflow that hands a token to anybody (its "all admins" mode) is found out first, and not believed.

    :param url: base address of Airflow's API.
    :raises Refusal: 401: Airflow refuses the two.
    :raises EnvironmentProblem: Airflow is out of reach, answers oddly, or checks no passwords.
    """
    with httpx.Client(timeout=_SECONDS, follow_redirects=False, trust_env=False) as client:
        try:
            open_door = client.get(f"{url}/auth/token")
            answer = client.post(f"{url}/auth/token", json={"username": name, "password": password.get_secret_value()})
        except httpx.HTTPError as error:
            raise EnvironmentProblem(
                f"Airflow cannot be asked ({type(error).__name__}); check RESTORATION_AIRFLOW_API_URL"
            ) from error
    if open_door.is_success:
        raise EnvironmentProblem(
            "Airflow lets everybody in without a password, so it cannot say who somebody is; turn off "
            "[core] simple_auth_manager_all_admins, or use RESTORATION_REVIEW_TOKEN instead"
        )
    if answer.status_code in _REFUSED:
        raise Refusal("Airflow does not know this name and password", status=401, code="wrong_secret")
    if not answer.is_success or not _has_token(answer):
        raise EnvironmentProblem(f"Airflow answered {answer.status_code} to a sign-in; see its log")


def _has_token(answer: httpx.Response) -> bool:
    try:
        body = answer.json()
    except ValueError:
        return False
    return isinstance(body, dict) and bool(body.get("access_token"))

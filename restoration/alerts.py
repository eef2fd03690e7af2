"""Telling people that something is wrong: one POST to a webhook. Never fails what it reports on."""

from __future__ import annotations

import http.client
import json
import logging
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr

logger = logging.getLogger(__name__)

SECONDS = 10.0


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A webhook that sends its caller elsewhere is misconfigured; what is told must not go astray."""

    def redirect_request(self, *_: Any) -> None:
        return None


def send_alert(url: SecretStr | None, message: Mapping[str, Any], *, seconds: float = SECONDS) -> bool:
    """POST a message as JSON; tells whether it arrived. The address, often a secret itself, is never logged.

    :param url: the webhook; without one nothing is sent.
    :param message: ``text`` for people, which chat services show, and facts for programs.
    """
    address = "" if url is None else url.get_secret_value()
    if not address:
        return False
    if not address.startswith(("https://", "http://")):
        logger.warning("the alert was not sent: the setting alert_url is no http(s) address")
        return False
    data = json.dumps(message, ensure_ascii=False, default=str).encode()
    headers = {"Content-Type": "application/json", "User-Agent": "archive-restoration"}
    try:
        request = urllib.request.Request(address, data=data, headers=headers, method="POST")  # noqa: S310 - checked
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=seconds) as answer:
            logger.info("the alert was sent (HTTP %d)", answer.status)
    except urllib.error.HTTPError as error:
        logger.warning("the alert was not taken: the webhook answered HTTP %d", error.code)
        return False
    except (OSError, ValueError, http.client.HTTPException) as error:
        # not the error's own words: those of a malformed address hold the address
        logger.warning("the alert was not sent: %s", type(error).__name__)
        return False
    return True

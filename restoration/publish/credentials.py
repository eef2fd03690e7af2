"""C2PA content credentials in published pictures: signed statements of what was opened, done and by which model.

Manifests follow C2PA 2: one ``c2pa.opened`` with the untouched scan as parent, then one action a step that changed the
picture, with the program or model that did it, and IPTC's digital source type. A signature is not deterministic (its
manifest has a random name), so the hash of a signed file is known only once it is written.

Nothing of this opens a network connection, except the timestamp service where one is set.
"""

from __future__ import annotations

import importlib.util
import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restoration import __version__
from restoration.errors import PublicationError, ReasonCode, SettingsError
from restoration.iptc import COMPOSITE, DATA_DRIVEN, ENHANCED
from restoration.publish.labelling import SOFTWARE, PictureFacts

if TYPE_CHECKING:
    from restoration.publish.originals import Original
    from restoration.settings import Settings

OWN = "archive-restoration."
"""Beginning of the names of parameters that are this project's own."""
ACTIONS = {
    "triage": "c2pa.adjustedColor",
    "repair": "c2pa.edited",
    "grade": "c2pa.adjustedColor",
    "colorize": "c2pa.edited",
    "faces": "c2pa.edited",
    "upscale": "c2pa.resized",
}
"""Step to the action of C2PA's vocabulary; ``c2pa.edited`` for any other step."""
ORIENTATION = "c2pa.orientation"
NEEDED = ("claimSignature.validated", "assertion.dataHash.match")
UNTRUSTED = "signingCredential.untrusted"
EXPIRED = "signingCredential.expired"

_QUIET: dict[str, Any] = {
    "verify": {"verify_after_sign": False, "remote_manifest_fetch": False, "ocsp_fetch": False},
    "builder": {
        "thumbnail": {"enabled": False},
        "actions": {f"auto_{name}_action": {"enabled": False} for name in ("created", "opened", "placed")},
    },
}
_INGREDIENT = "original"


@dataclass(frozen=True)
class CheckedCredentials:
    """What valid credentials say. ``signer``: the certificate's common name, or its organisation.

    ``trusted``: the signer is in the trust list, False also where none was given. ``expired``: the certificate's time
    is over, and no timestamp shows that it was not when it signed.
    """

    signer: str
    actions: tuple[str, ...]
    source_types: tuple[str, ...]
    ingredient: str
    trusted: bool
    expired: bool = False


class Credentials:
    """Signs pictures with one certificate. One object serves many threads.

    :raises SettingsError: the certificate, the key and the algorithm do not make a signature that C2PA calls valid.
    """

    def __init__(self, chain: bytes, key: bytes, algorithm: str, timestamp_url: str | None, trust: str | None) -> None:
        self._chain, self._key, self._algorithm, self._timestamp_url = chain, key, algorithm, timestamp_url
        self._trust = trust
        self._context = quiet_context()
        self.signer = self._tried()

    def facts(self) -> dict[str, Any]:
        """For ``archive.json``: who signed, and how."""
        return {
            "standard": "C2PA",
            "signer": self.signer,
            "algorithm": self._algorithm,
            "timestamps": self._timestamp_url is not None,
        }

    def sign(self, data: bytes, content_type: str, facts: PictureFacts, original: Original) -> bytes:
        """The same picture with credentials; only the manifest store is added to it. They are read back here.

        :param original: the scan, or why its bytes cannot be had.
        :raises PublicationError: label_invalid: C2PA refused, or what it wrote does not read back as what was said.
        """
        signed = self._signed(data, content_type, manifest(facts, original), original)
        found = check_credentials(signed, content_type, self._trust)
        expected = tuple(action["action"] for action in _actions(facts))
        if found.actions != expected or (facts.ai_altered and COMPOSITE not in found.source_types):
            raise _invalid(f"its content credentials say {found.actions}, not {expected}")
        return signed

    def _signed(self, data: bytes, content_type: str, said: dict[str, Any], original: Original | None) -> bytes:
        import c2pa

        out = io.BytesIO()
        try:
            with c2pa.Builder(said, context=self._context) as builder, self._key_holder() as signer:
                if original is not None and original.path is not None:
                    with original.path.open("rb") as scan:
                        builder.add_ingredient(_ingredient(original), original.media_type, scan)
                builder.sign(signer, content_type, io.BytesIO(data), out)
        except c2pa.C2paError as error:
            raise _invalid(f"content credentials could not be written: {error}") from error
        return out.getvalue()

    def _key_holder(self) -> Any:
        import c2pa

        info = c2pa.C2paSignerInfo(self._algorithm, self._chain, self._key, self._timestamp_url)
        return c2pa.Signer.from_info(info)

    def _tried(self) -> str:
        """Sign one pixel, so that whatever is wrong shows before anything is staged; gives the signer's name."""
        said = {
            **_claim("trial"),
            "assertions": [_assertion([{"action": "c2pa.created", "digitalSourceType": ENHANCED}])],
        }
        try:
            found = check_credentials(self._signed(_pixel(), "image/png", said, None), "image/png", self._trust)
        except PublicationError as error:
            service = "" if self._timestamp_url is None else f" and the time stamp service {self._timestamp_url}"
            raise SettingsError(
                f"the certificate in RESTORATION_C2PA_CERTIFICATE does not sign with its key as {self._algorithm}"
                f"{service}: {error.message}; docs/labels.md says what C2PA asks of a certificate"
            ) from error
        return found.signer


def content_credentials(settings: Settings) -> Credentials | None:
    """What signs pictures, None where no certificate is set.

    :raises SettingsError: half of it is set, a file cannot be read, or they do not fit together.
    """
    if settings.c2pa_certificate is None and settings.c2pa_private_key is None:
        if settings.c2pa_timestamp_url is not None:
            raise SettingsError("RESTORATION_C2PA_TIMESTAMP_URL is set without RESTORATION_C2PA_CERTIFICATE")
        return None
    if settings.c2pa_certificate is None or settings.c2pa_private_key is None:
        missing = "CERTIFICATE" if settings.c2pa_certificate is None else "PRIVATE_KEY"
        raise SettingsError(f"content credentials are half set up: RESTORATION_C2PA_{missing} is missing")
    if importlib.util.find_spec("c2pa") is None:
        raise SettingsError("RESTORATION_C2PA_CERTIFICATE is set, and c2pa-python is not installed on this machine")
    return Credentials(
        _read(settings.c2pa_certificate, "RESTORATION_C2PA_CERTIFICATE"),
        _read(settings.c2pa_private_key, "RESTORATION_C2PA_PRIVATE_KEY"),
        settings.c2pa_algorithm,
        settings.c2pa_timestamp_url,
        trust_list(settings),
    )


def trust_list(settings: Settings) -> str | None:
    """PEM text of the certificates that signers must lead to, None where none are set.

    :raises SettingsError: the file cannot be read.
    """
    if settings.c2pa_trust_list is None:
        return None
    return _read(settings.c2pa_trust_list, "RESTORATION_C2PA_TRUST_LIST").decode("ascii", "replace")


def certificate_ends(settings: Settings) -> datetime | None:
    """When the first certificate of the chain that signs ceases to be valid, None where none is set.

    :raises SettingsError: there is no certificate in the file.
    """
    if settings.c2pa_certificate is None:
        return None
    from cryptography import x509

    data = _read(settings.c2pa_certificate, "RESTORATION_C2PA_CERTIFICATE")
    try:
        ends = [certificate.not_valid_after_utc for certificate in x509.load_pem_x509_certificates(data)]
    except ValueError as error:
        message = f"RESTORATION_C2PA_CERTIFICATE: {settings.c2pa_certificate} holds no certificate in PEM: {error}"
        raise SettingsError(message) from error
    return min(ends).astimezone(UTC)


def _read(path: Path, variable: str) -> bytes:
    try:
        return path.expanduser().read_bytes()
    except OSError as error:
        raise SettingsError(f"{variable}: {path} cannot be read ({error.strerror})") from error


# -- what is said ----------------------------------------------------------------------------------------------------


def manifest(facts: PictureFacts, original: Original) -> dict[str, Any]:
    """The manifest's definition; an original without bytes is an ingredient by its facts."""
    said = {**_claim(facts.title), "assertions": [_assertion(list(_actions(facts)))]}
    return said if original.path is not None else {**said, "ingredients": [_ingredient(original)]}


def _claim(title: str) -> dict[str, Any]:
    return {"claim_generator_info": [{"name": SOFTWARE, "version": __version__}], "title": _plain(title)}


def _assertion(actions: list[dict[str, Any]]) -> dict[str, Any]:
    return {"label": "c2pa.actions.v2", "data": {"actions": actions}}


def _actions(facts: PictureFacts) -> Iterator[dict[str, Any]]:
    program = {"name": SOFTWARE, "version": facts.program.version}
    opened: dict[str, Any] = {"ingredientIds": [_INGREDIENT], f"{OWN}sha256": facts.source_sha256}
    if facts.page:
        opened[f"{OWN}page"] = facts.page
    if facts.cut_out:
        opened[f"{OWN}box"] = list(facts.cut_out.box)
    yield {"action": "c2pa.opened", "softwareAgent": program, "parameters": opened}
    when = {"when": facts.restored_at} if facts.restored_at else {}
    for step in facts.steps:
        agent = {"name": step.agent.name, "version": step.agent.version}
        if step.agent.weights_sha256:
            agent[f"{OWN}weights_sha256"] = step.agent.weights_sha256
        yield {
            "action": ORIENTATION if step.turns else ACTIONS.get(step.name, "c2pa.edited"),
            **when,
            "softwareAgent": {key: _plain(value) for key, value in agent.items() if value},
            "description": _plain(step.did),
            "digitalSourceType": COMPOSITE if step.generated else ENHANCED,
            "parameters": {f"{OWN}step": step.name, f"{OWN}parameters_sha256": step.parameters_sha256},
        }
    if facts.ai_altered and not any(step.generated for step in facts.steps):
        yield {"action": "c2pa.edited", **when, "softwareAgent": program, "digitalSourceType": COMPOSITE}
    if facts.kind == "mask":
        made = {"description": _plain(facts.statement), "digitalSourceType": DATA_DRIVEN}
        yield {"action": "c2pa.edited", **when, "softwareAgent": program, **made}
    elif facts.kind not in ("restored", "access"):
        if facts.kind == "before" and facts.lay:
            yield {"action": ORIENTATION, **when, "softwareAgent": program}
        yield {"action": "c2pa.resized", **when, "softwareAgent": program}
    yield {"action": "c2pa.converted", **when, "softwareAgent": program}


def _ingredient(original: Original) -> dict[str, Any]:
    return {
        "title": _plain(original.title),
        "format": original.media_type,
        "relationship": "parentOf",
        "label": _INGREDIENT,
        "instance_id": f"sha256:{original.sha256}",
        "description": f"the untouched scan; sha256 {original.sha256}",
    }


def _plain(text: str) -> str:
    """Text that UTF-8 and C strings can hold."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def _pixel() -> bytes:
    """The smallest PNG: one black pixel."""
    parts = (b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)), (b"IDAT", zlib.compress(b"\0\0")), (b"IEND", b"")
    packed = (struct.pack(">I", len(b)) + k + b + struct.pack(">I", zlib.crc32(k + b)) for k, b in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


# -- reading back ----------------------------------------------------------------------------------------------------


def check_credentials(data: bytes, content_type: str, trust: str | None = None) -> CheckedCredentials:
    """Read a picture's credentials and check everything that can be checked without a network.

    :param trust: PEM text of the certificates that a signer must lead to; without it an unknown signer is accepted.
    :raises PublicationError: label_invalid: there are none; the signature, the hash of the picture or the manifest is
        not valid; or the signer is unknown to the trust list.
    """
    import c2pa

    try:
        with c2pa.Reader(content_type, io.BytesIO(data), context=quiet_context(trust)) as reader:
            active, results = reader.get_active_manifest(), reader.get_validation_results()
    except c2pa.C2paError as error:
        raise _invalid(f"it carries no content credentials that can be read: {error}") from error
    if active is None or results is None:
        raise _invalid("it carries content credentials without an active manifest")
    return _checked(active, results["activeManifest"], trust)


def _checked(active: dict[str, Any], results: dict[str, Any], trust: str | None) -> CheckedCredentials:
    succeeded = {item["code"] for item in results["success"]}
    failed = {item["code"] for item in results["failure"]}
    harmless = {EXPIRED} if trust else {EXPIRED, UNTRUSTED}
    wrong = sorted((failed - harmless) | {f"no {code}" for code in NEEDED if code not in succeeded})
    if wrong:
        raise _invalid(f"its content credentials are not valid: {', '.join(wrong)}")
    actions = [
        action
        for assertion in active.get("assertions") or []
        if assertion["label"].startswith("c2pa.actions")
        for action in assertion["data"]["actions"]
    ]
    parents = [i.get("title") for i in active.get("ingredients") or [] if i.get("relationship") == "parentOf"]
    signature = active.get("signature_info") or {}
    return CheckedCredentials(
        signer=str(signature.get("common_name") or signature.get("issuer") or ""),
        actions=tuple(action["action"] for action in actions),
        source_types=tuple(action["digitalSourceType"] for action in actions if "digitalSourceType" in action),
        ingredient=str(parents[0]) if parents else "",
        trusted=trust is not None and UNTRUSTED not in failed,
        expired=EXPIRED in failed,
    )


def quiet_context(trust: str | None = None) -> Any:
    """Settings of C2PA under which it makes no thumbnails and opens no connection."""
    import c2pa

    return c2pa.Context.from_dict(_QUIET | ({"trust": {"trust_anchors": trust}} if trust else {}))


def _invalid(message: str) -> PublicationError:
    return PublicationError(message, reason=ReasonCode.LABEL_INVALID)

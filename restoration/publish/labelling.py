"""From the catalog's record of a photograph to what its published files say about themselves."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from restoration import __version__
from restoration.iptc import COMPOSITE, COMPOSITE_ITEM, DATA_DRIVEN, ENHANCED, SOURCE_TYPES, TRAINED
from restoration.publish import layout
from restoration.publish.filled import Filled, FilledArea, filled_of
from restoration.publish.given import GivenColour, given_of
from restoration.publish.label_words import Kind, Language, area_name, did, statement
from restoration.publish.labels import Labels, Region, Step
from restoration.publish.photos import ArchivedPhoto

SOFTWARE = "archive-restoration"
LABELS = "IPTC Photo Metadata 2025.1 as XMP"
"""What ``archive.json`` says under ``labels``: every picture of the version carries them."""
MAX_TITLE, MAX_DESCRIPTION, MAX_RIGHTS = 1000, 1500, 1500
"""Characters; whatever they are, a label then fits into the one segment of a JPEG."""

_MEASURING = frozenset({"measure"})
"""Steps that look at a picture and leave it as it is."""
_GENERATING = frozenset({"colorize", "faces"})
_FILLING = frozenset({"repair"})
"""Steps that make content with a trained model, and those that do where one fills damage."""
_COPIES = frozenset({"before", "after"})
_UNRESTORED = frozenset({"before", "mask"})
_TOUCHED = frozenset({"restored", "blended"})
_MEDIA = {
    "negativeFilm": re.compile(r"\bnegatives?\b|네거티브|음화", re.IGNORECASE),
    "positiveFilm": re.compile(r"\b(slides?|transparenc(y|ies)|diapositives?|autochromes?)\b|슬라이드", re.IGNORECASE),
    "print": re.compile(
        r"\b(prints?|postcards?|cartes? de visite|cabinet cards?|photo cards?|tintypes?)\b|인화|엽서", re.IGNORECASE
    ),
}
"""Words of the catalog's ``format`` and ``type`` that say what was scanned, by the IPTC term that is then true."""


@dataclass(frozen=True)
class Agent:
    """A program or model that did something; ``weights_sha256`` is empty for a program."""

    name: str
    version: str
    weights_sha256: str = ""

    def __str__(self) -> str:
        weights = f" (weights sha256 {self.weights_sha256})" if self.weights_sha256 else ""
        return f"{self.name} {self.version}".strip() + weights


@dataclass(frozen=True)
class AppliedStep:
    """One step that changed the picture. ``generated``: a trained model made content that the scan does not hold."""

    name: str
    agent: Agent
    generated: bool
    parameters_sha256: str
    did: str


class PictureFacts:
    """What is true of one published file.

    :param collection: name of the collection.
    :param rights: the collection's statement, for photographs without one of their own.
    :param sha256: hash of the file in the restored bucket, before any label.
    """

    def __init__(self, photo: ArchivedPhoto, kind: Kind, *, collection: str, rights: str, sha256: str) -> None:
        self.photo, self.kind, self.sha256 = photo, kind, sha256
        self.record = photo.record
        self._collection, self._rights = collection, rights
        self._terms: dict[str, Any] = self.record.get("dublin_core") or {}

    @property
    def title(self) -> str:
        """Title of the photograph, or the scan's own file name."""
        file = str(self.record.get("object_key") or "").rsplit("/", 1)[-1]
        return _short(self._terms.get("title") or self.record.get("title") or file or self.photo.name, MAX_TITLE)

    @property
    def identifier(self) -> str:
        """Collection and number in the archive."""
        return f"{self._collection}/{self.photo.name}"

    @property
    def source_sha256(self) -> str:
        """Hash of the untouched scan."""
        return str((self.record.get("source") or {}).get("sha256") or "unknown")

    @property
    def page(self) -> int:
        """Which page of its scan the photograph is; 0 if the scan is one photograph."""
        return int((self.record.get("source") or {}).get("page") or 0)

    @property
    def restored_at(self) -> str:
        """When the restoration was made, by the catalog; empty where it does not know."""
        return str(self.record.get("restored_at") or "")

    @property
    def program(self) -> Agent:
        """The program that made the file's pixels."""
        return Agent(SOFTWARE, str(self.record.get("code_version") or __version__))

    @property
    def ai_altered(self) -> bool:
        """Whether a trained model put content into this file."""
        return self.kind not in _UNRESTORED and bool(self.record.get("ai_altered"))

    @cached_property
    def filled(self) -> Filled:
        """What of this file was filled; of the map, what it shows; of a copy of the scan nothing."""
        return Filled(0.0) if self.kind == "before" else filled_of(self.record)

    @cached_property
    def given(self) -> tuple[GivenColour, ...]:
        """Colours of this file that people gave; none of a copy of the scan and of a map."""
        return () if self.kind in _UNRESTORED else given_of(self.record)

    @cached_property
    def steps(self) -> tuple[AppliedStep, ...]:
        """Steps that changed this file's pixels, in order; none for a copy of the scan and for a map."""
        return () if self.kind in _UNRESTORED else tuple(self._steps())

    def _steps(self) -> Iterator[AppliedStep]:
        for step in self.record.get("steps") or []:
            name = str(step.get("step"))
            if step.get("status") == "applied" and name not in _MEASURING:
                fillers = self.filled.models if name in _FILLING else ()
                yield AppliedStep(
                    name,
                    self._agent(fillers[0] if fillers else step.get("model")),
                    self.ai_altered and (name in _GENERATING or (name in _FILLING and self.filled.by_net)),
                    parameters_sha256(step.get("parameters") or {}),
                    did(name, self._faces, by_net=self.filled.by_net, given=bool(self.given), toned=self.filled.toned),
                )

    def _agent(self, model: Any) -> Agent:
        for known in self.record.get("models") or []:
            if model and known.get("name") == model:
                return Agent(str(model), str(known.get("version") or ""), str(known.get("weights_sha256") or ""))
        return Agent(str(model), "") if model else self.program

    @property
    def _faces(self) -> int:
        return sum(face.get("action") in _TOUCHED for face in self.record.get("faces") or [])

    @cached_property
    def source_type(self) -> str:
        """Address of the IPTC term that is true of this file; empty where no term is known to be."""
        if self.kind == "mask":
            return DATA_DRIVEN
        if self.ai_altered:
            return COMPOSITE
        return ENHANCED if self.steps else scan_type(self._terms)

    @cached_property
    def statement(self) -> str:
        """In plain English what a computer made of the picture."""
        return self._statement("en")

    def _statement(self, language: Language) -> str:
        return statement(
            self.kind,
            [step.name for step in self.steps],
            faces=self._faces,
            ai_altered=self.ai_altered,
            sha256=self.source_sha256,
            filled=self.filled,
            given=self.given,
            page=self.page,
            language=language,
        )

    def labels(self) -> Labels:
        """The file's labels; times are the catalog's, so the same record gives the same labels."""
        description = _short(self._terms.get("description"), MAX_DESCRIPTION)
        generated = list(dict.fromkeys(self._generators()))
        return Labels(
            software=str(self.program),
            identifier=self.identifier,
            title=self.title,
            creator=_short(self._terms.get("creator"), MAX_TITLE),
            statement=self.statement,
            description=_after(description, self.statement),
            description_ko=_after(description, self._statement("ko")),
            rights=_short(self._terms.get("rights") or self._rights, MAX_RIGHTS),
            document_id=f"xmp.did:{self.sha256}",
            original_id=f"sha256:{self.source_sha256}",
            derived_from=f"sha256:{self._made_from}",
            source_type=self.source_type,
            ai_system=", ".join(agent.name for agent in generated),
            ai_version=", ".join(map(str, generated)),
            history=tuple(self._history()),
            regions=tuple(map(_region, self.filled.areas)),
        )

    def _generators(self) -> Iterator[Agent]:
        """Models that put content into this file."""
        yield from (step.agent for step in self.steps if step.generated)
        if self.ai_altered:
            yield from map(self._agent, self.filled.models)

    @property
    def _made_from(self) -> str:
        restored = (self.record.get("output") or {}).get("sha256")
        return str(restored) if self.kind in ("access", "after", "mask") and restored else self.source_sha256

    def _history(self) -> Iterator[Step]:
        for step in self.steps:
            agent = str(step.agent) if step.agent == self.program else f"{self.program}; {step.agent}"
            words = f"{step.name}; sha256 of the parameters {step.parameters_sha256}"
            yield Step("edited", agent, words, self.restored_at)
        if self.kind in _COPIES:
            yield Step("resized", str(self.program), "preview", self.restored_at)
        if self.kind == "access":
            yield Step("converted", str(self.program), "copy for everyday use", self.restored_at)
        if self.kind == "mask":
            yield Step("created", str(self.program), "map of what was mended", self.restored_at)


def _region(area: FilledArea) -> Region:
    """A filled area as labels name it: made by a trained model, or from what the scan holds around it."""
    left, top, width, height = (f"{share:.5f}" for share in area.box)
    return Region(
        identifier=f"filled-{area.kind}",
        name=area_name(area),
        name_ko=area_name(area, "ko"),
        source_type=TRAINED if area.by_net else ENHANCED,
        box=(left, top, width, height),
        role=COMPOSITE_ITEM if area.by_net else "",
    )


def parameters_sha256(parameters: dict[str, Any]) -> str:
    """Hash of a step's parameters as canonical JSON: sorted keys, no spaces, UTF-8."""
    text = json.dumps(parameters, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def scan_type(terms: dict[str, Any]) -> str:
    """The IPTC term for how a scan was made, where the catalog's ``format`` or ``type`` names one medium; else empty.

    The vocabulary has terms for a print, a negative and a positive on film, and none for a scan of something unknown.
    """
    said = f"{terms.get('format') or ''} {terms.get('type') or ''}"
    found = [term for term, words in _MEDIA.items() if words.search(said)]
    return SOURCE_TYPES + found[0] if len(found) == 1 else ""


def _after(description: str, said: str) -> str:
    return f"{description}\n\n{said}" if description else said


def _short(value: Any, length: int) -> str:
    text = "" if value is None else str(value).strip()
    return text if len(text) <= length else f"{text[: length - 1]}…"


_README = """
Every picture says inside itself, as XMP, what it is: IPTC's digital source type, title, rights, what a computer made of
it, which areas were filled in, the steps with their models, and the sha256 of the untouched scan. Read it with, for
example:   exiftool -G1 PICTURE
"""
_SIGNED = """
Every picture also carries C2PA content credentials: the same, signed. Signer: {signer}.
Read and check them with:   c2patool PICTURE   or at   https://contentcredentials.org/verify
"""
_UNSIGNED = "The pictures carry no C2PA content credentials: no signing certificate was set when this was published.\n"


def readme(*, credentials: dict[str, Any] | None) -> str:
    """``README.txt``, ASCII, with what is true of the labels and credentials of this version."""
    if credentials is None:
        return layout.README + _README + _UNSIGNED
    signer = str(credentials["signer"]).encode("ascii", "replace").decode()
    return layout.README + _README + _SIGNED.format(signer=signer)

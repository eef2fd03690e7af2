"""What the record of a folder says of each photograph, and which photographs a file holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from restoration.divisions import Layout, make_layout, read_box, sure_layout
from restoration.errors import ReasonCode
from restoration.names import page_sha256

if TYPE_CHECKING:
    from restoration.engine.outcome import Result
    from restoration.models.registry import ModelEntry


@dataclass(frozen=True)
class Page:
    """A photograph of a file: which of how many pages, and the hash of the file.

    ``box``: where on the page it is cut out (:attr:`restoration.divisions.PartBox.text`), as the ``place``-th of so
    many ``parts``; empty: it is the whole page.
    """

    file: str
    number: int
    count: int
    file_sha256: str
    box: str = ""
    place: int = 0
    parts: int = 0

    @property
    def source(self) -> str:
        """Its name: that of its file, ``album.tif#2`` of a further page, ``bed.tif#1.2`` of what is cut out of one."""
        if self.box:
            return f"{self.file}#{self.number}.{self.place}"
        return self.file if self.number == 1 else f"{self.file}#{self.number}"

    @property
    def content(self) -> str:
        """Identity of its content."""
        return page_sha256(self.file_sha256, self.number, self.box)

    @property
    def label(self) -> str:
        """What stands behind the file's name in that of its output; empty of a file's first page."""
        page = "" if self.number == 1 else f"p{self.number}"
        return "-".join(filter(None, (page, str(self.place) if self.box else "")))

    def facts(self) -> dict[str, Any]:
        """For the record; nothing of a file that is one photograph."""
        if self.count == 1 and not self.box:
            return {}
        facts = {"file": self.file, "file_sha256": self.file_sha256, "page": self.number, "pages": self.count}
        return facts | ({"box": self.box, "part": self.place, "parts": self.parts} if self.box else {})

    def divided(self, layout: Layout) -> list[Page]:
        """The photographs that are cut out of it."""
        boxes, count = enumerate(layout.boxes, start=1), len(layout.boxes)
        return [replace(self, box=box.text, place=place, parts=count) for place, box in boxes]


def divided_facts(layout: Layout) -> dict[str, Any]:
    """What the record says of a scan that was divided."""
    return {"arrangement": layout.arrangement, "boxes": [box.text for box in layout.boxes]}


def layout_of_record(line: Mapping[str, Any]) -> Layout | None:
    """How a scan was divided, as :func:`divided_facts` says; None if its line says nothing of it.

    :raises UsageError: it is written otherwise.
    """
    if line.get("reason") != ReasonCode.DIVIDED or not line.get("boxes"):
        return None
    return make_layout(map(read_box, line["boxes"]), line.get("arrangement", ""))


def found_on(result: Result) -> Layout | None:
    """How a scan is to be divided because its recipe says so and triage is sure; None if it is not."""
    for step in result.steps:
        if step.step == "triage" and step.parameters.get("several") == "split":
            return sure_layout(step.detail)
    return None


def result_facts(result: Result) -> dict[str, Any]:
    """What the record says of a result; without its file, mask and access copy."""
    return {
        "output_sha256": result.output_sha256,
        "width": result.width,
        "height": result.height,
        "bits": result.bits,
        "ai_altered": result.ai_altered,
        "steps": [
            {
                "step": step.step,
                "status": step.status,
                "reason": step.reason,
                "parameters": step.parameters,
                "detail": step.detail,
                "model": step.model.name if step.model else None,
                "seconds": round(step.seconds, 4),
            }
            for step in result.steps
        ],
        "faces": [
            {
                "box": face.box,
                "confidence": face.confidence,
                "landmarks": face.landmarks,
                "action": face.action,
                "reason": face.reason,
                "identity": face.identity,
                "identity_threshold": face.identity_threshold,
                "identity_tried": list(face.identity_tried),
                "certainty": face.certainty,
                "blend": face.blend,
            }
            for face in result.faces
        ],
        "filled_share": result.filled_share,
        "damage": [
            {
                "kind": one.kind,
                "found_share": one.found_share,
                "mended_share": one.mended_share,
                "regions": one.regions,
                "mending": one.mending,
                "model": one.model.name if one.model else None,
            }
            for one in result.damage
        ],
        "metrics": _metrics(result),
    }


def _metrics(result: Result) -> dict[str, dict[str, float]]:
    """Stage (source, restored, pair) to metric to value."""
    table: dict[str, dict[str, float]] = {}
    for one in result.measurements:
        table.setdefault(one.stage, {})[one.metric] = round(one.value, 6)
    return table


def model_facts(entry: ModelEntry) -> dict[str, Any]:
    """What the record says of a model."""
    facts = asdict(entry)
    return {key: facts[key] for key in ("name", "version", "sha256", "licence", "non_commercial")}

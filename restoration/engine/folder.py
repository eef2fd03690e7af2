"""Restore a folder of photographs in this process, with a record that lets a second run skip what is done.

``restoration.jsonl`` in the output folder holds one JSON object for each source, the last run's: what it was, what was
done to it with which models, what came out. It is what decides whether an existing output may be left as it is. Every
page of a file is a source of its own: ``album.tif``, ``album.tif#2``, ``album.tif#3``. If the recipe says so, a scan on
which several photographs are surely seen is divided: they are sources (``bed.tif#1.1``), and the scan has no output.
Where parts of a picture were filled, ``masks/`` holds a picture of the same name that says which; ``access/`` holds the
copies for everyday use that a recipe may ask for.
"""

from __future__ import annotations

import hashlib
import json
import stat
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from restoration.divisions import Layout
from restoration.engine.beside import Beside
from restoration.engine.encoding import endings
from restoration.engine.engine import SOFTWARE, Engine
from restoration.engine.folder_record import (
    Page,
    divided_facts,
    found_on,
    layout_of_record,
    model_facts,
    result_facts,
)
from restoration.engine.leftovers import Leftover, find_leftovers, remove_leftovers, superseded
from restoration.engine.outcome import Outcome, Result, Scan
from restoration.engine.outputs import (
    ACCESS,
    MASKS,
    assign_access,
    assign_masks,
    assign_outputs,
    find_photographs,
    keep_out,
    page_beside,
    page_output,
    taken_names,
    write_atomically,
)
from restoration.engine.prepare import Prepared
from restoration.errors import PhotoState, ReasonCode, StorageError, UsageError

RECORD_NAME = "restoration.jsonl"
FAILED = "failed"
"""State of a photograph whose attempt failed; there is nobody here to try again later."""


@dataclass(frozen=True)
class Item:
    """How one photograph ended. ``record`` is its line in the record; None where nothing is known of its output."""

    source: str
    state: str
    reason: ReasonCode | None = None
    detail: str = ""
    output: str = ""
    record: dict[str, Any] | None = None

    @property
    def failed(self) -> bool:
        """Whether there is no output that belongs to this source and recipe."""
        return self.state in {FAILED, PhotoState.REJECTED.value}


@dataclass
class FolderRun:
    """One run over one folder. Iterate :meth:`run`; the record is written as it goes and tidied by :meth:`close`.

    ``outputs`` has every source that is known so far: all files, and the further pages of those that were read.
    ``left``: once all are done, files that earlier runs made and no scan leads to any more; with ``overwrite`` they are
    removed.
    """

    source: Path
    target: Path
    engine: Engine
    prepared: Prepared
    overwrite: bool = False
    others: int = 0
    links: int = 0
    outputs: dict[str, str] = field(default_factory=dict)
    left: list[Leftover] = field(default_factory=list)
    masks: Beside = field(init=False)
    access: Beside = field(init=False)
    _files: tuple[str, ...] = ()
    _named: dict[str, str] = field(default_factory=dict)
    _taken: set[str] = field(default_factory=set)
    _pages: dict[str, Page] = field(default_factory=dict)
    _endings: tuple[str, str] = (".png", "")
    _earlier: dict[str, dict[str, Any]] = field(default_factory=dict)
    _ready: deque[Item] = field(default_factory=deque)
    _divided: list[Page] = field(default_factory=list)
    _superseded: set[str] = field(default_factory=set)

    @classmethod
    def plan(
        cls, source: Path, target: Path, engine: Engine, prepared: Prepared, *, overwrite: bool = False
    ) -> FolderRun:
        """Find the photographs and give each its output name.

        :raises UsageError: no such folder, no photograph in it, or results would lie among the scans.
        :raises StorageError: the output folder or its record cannot be used, or a folder of scans cannot be read.
        """
        if not source.is_dir():
            raise UsageError(f"{source} is not a folder")
        if source.resolve() == target.resolve():
            raise UsageError("the output folder must be another than the input folder; originals are never written")
        found, others, links = find_photographs(source, target)
        if not found:
            more = f"; {links} linked folders were not followed" if links else ""
            raise UsageError(f"{source} holds no photographs (of {others} files none is named like a picture{more})")
        run = cls(source, target, engine, prepared, overwrite, others, links)
        run._earlier = _read_record(target / RECORD_NAME)
        previous = {name: line["output"] for name, line in run._earlier.items() if line.get("output")}
        run._endings = ending, access = endings(prepared.recipe.output)
        pages = [name for name in previous.keys() - set(found) if run._earlier[name].get("file") in found]
        pages = [name for name in pages if previous[name].endswith(ending)]  # the others are named anew, as pages
        run._files = tuple(found)
        run._named = assign_outputs([*found, *pages], previous, ending)
        run.outputs = {source: run._named[source] for source in found}
        run.masks = Beside("mask", "mask", target, assign_masks(run._named))
        run.access = Beside("access", "access copy", target, assign_access(run._named, access) if access else {})
        run._taken = taken_names(run._named, run.masks.paths, run.access.paths)
        keep_out(source, target, run._named, run.masks.paths, run.access.paths)
        return run

    def run(self) -> Iterator[Item]:
        """Restore one photograph after the other (in small groups); every source yields exactly one item.

        :raises EnvironmentProblem: the machine, not a photograph, is at fault; what is done stays done.
        """
        items: dict[str, Item] = {}
        for item in self._restored(_Appender(self.target / RECORD_NAME)):
            items[item.source] = item
            yield item
        self.left = find_leftovers(self._earlier, items, self.target)
        if self.overwrite:
            remove_leftovers(self.left, self.target)
            self._superseded = superseded(self._earlier, items)

    def _restored(self, write: _Appender) -> Iterator[Item]:
        for scans in (self._scans(), self._parts()):
            for outcome in self.engine.restore_many(scans, self.prepared):
                yield from self._settled(write)
                yield self._ended(outcome, write)
            yield from self._settled(write)

    def _ended(self, outcome: Outcome, write: _Appender) -> Item:
        """Record how a photograph ended, and write its result; a scan that is divided has none."""
        page = self._pages.pop(outcome.name)
        layout = None if page.box or outcome.result is None else found_on(outcome.result)
        if layout is not None:
            self._divided += page.divided(layout)
            item = self._kept(self._divided_item(outcome, page, layout), write)
            self._remove_earlier(page.source)
            return item
        item = self._kept(self._item(outcome, page), write)
        if outcome.result is not None:
            # after its line in the record: a run killed in between does this photograph again
            self._write_beside(outcome.name, outcome.result)
            write_atomically(self.target / item.output, outcome.result.output)
        return item

    def close(self) -> None:
        """Leave one line for each source in the record, sorted. Safe after an interruption."""
        path = self.target / RECORD_NAME
        lines = _read_record(path)
        if lines:
            write_atomically(path, b"".join(_line(lines[name]) for name in sorted(lines.keys() - self._superseded)))

    def _write_beside(self, source: str, result: Result) -> None:
        """Mask and access copy, or nothing in the place of earlier ones if there are none this time."""
        for beside, data in self._beside(result):
            beside.write(source, data, self._earlier.get(source, {}))

    def _beside(self, result: Result) -> tuple[tuple[Beside, bytes | None], ...]:
        return (self.masks, result.mask), (self.access, None if result.access is None else result.access.data)

    def _settled(self, write: _Appender) -> Iterator[Item]:
        while self._ready:
            yield self._kept(self._ready.popleft(), write)

    def _kept(self, item: Item, write: _Appender) -> Item:
        if item.record is not None and (item.state != PhotoState.SKIPPED or item.reason is ReasonCode.DIVIDED):
            write(item.record)
        return item

    def _scans(self) -> Iterator[Scan]:
        """Read what must be restored, one by one; what needs no restoring goes to ``_ready``."""
        limit = self.engine.settings.max_object_bytes
        for source in self._files:
            path = self.source / source
            try:
                status = path.stat()
                size = status.st_size
                data = path.read_bytes() if size <= limit and stat.S_ISREG(status.st_mode) else b""
            except OSError as error:
                self._ready.append(self._refused(source, ReasonCode.SOURCE_MISSING, f"cannot be read: {error}"))
                continue
            if size > limit:
                text = f"has {size} bytes, more than the {limit} allowed (RESTORATION_MAX_OBJECT_BYTES)"
                self._ready.append(self._refused(source, ReasonCode.TOO_LARGE, text))
                continue
            for page in self._pages_of(source, data):
                yield from self._due(page, data)

    def _due(self, page: Page, data: bytes) -> Iterator[Scan]:
        """The photograph, if it is to be restored; those that are cut out of it, if it was divided before."""
        line = {} if self.overwrite else self._earlier.get(page.source, {})
        layout = layout_of_record(line) if self._is_of(page, line) else None
        done = None if self.overwrite else self._existing(page)
        if layout is not None:
            self._pages.pop(page.source)
            self._ready.append(Item(page.source, PhotoState.SKIPPED.value, ReasonCode.ALREADY_DONE, "", "", line))
            self._divided += page.divided(layout)
        elif done is not None:
            self._pages.pop(page.source)
            self._ready.append(done)
        else:
            yield Scan(page.source, data, page.number, page.file_sha256, page.box)

    def _parts(self) -> Iterator[Scan]:
        """The photographs that are cut out of scans, once those were looked at; each file is read again, once."""
        read: tuple[str, bytes] = ("", b"")
        for page in self._divided:
            try:
                read = read if page.file == read[0] else (page.file, (self.source / page.file).read_bytes())
            except OSError as error:
                self._ready.append(self._refused(page.source, ReasonCode.SOURCE_MISSING, f"cannot be read: {error}"))
                continue
            if hashlib.sha256(read[1]).hexdigest() != page.file_sha256:
                text = "its file was changed while the folder was being restored; run it again"
                self._ready.append(self._refused(page.source, ReasonCode.SOURCE_CHANGED, text))
                continue
            self._pages[page.source] = page
            self._claim(page)
            yield from self._due(page, read[1])

    def _pages_of(self, file: str, data: bytes) -> Iterator[Page]:
        """The photographs in a file, each with its output; what is beyond the limit is one that is refused."""
        count, most = max(1, self.engine.pages(data, file)), self.engine.settings.max_pages
        sha256 = hashlib.sha256(data).hexdigest()
        for number in range(1, min(count, most) + 1):
            page = Page(file, number, count, sha256)
            self._pages[page.source] = page
            self._claim(page)
            yield page
        if count > most:
            text = f"has {count} pages, and {most} are allowed (RESTORATION_MAX_PAGES): the others were not read"
            source = f"{file}#{most + 1}"
            self.outputs.setdefault(source, "")
            self._ready.append(self._refused(source, ReasonCode.TOO_LARGE, text))

    def _claim(self, page: Page) -> None:
        """Give a further page its output, its mask and its access copy, unless an earlier run did."""
        if page.source not in self._named:
            ending, access = self._endings
            output = page_output(page.file, page.label, self._named[page.file], self._taken, ending)
            self._named[page.source] = output
            self.masks.paths[page.source] = page_beside(MASKS, output, ".png", self._taken)
            if access:
                self.access.paths[page.source] = page_beside(ACCESS, output, access, self._taken)
        self.outputs[page.source] = self._named[page.source]

    def _existing(self, page: Page) -> Item | None:
        """What to do about an output that is there already; None where there is none."""
        source, output = page.source, self.outputs[page.source]
        path = self.target / output
        line = self._earlier.get(source, {})
        for text in (self.masks.refusal(source, line), self.access.refusal(source, line)):
            if text:
                return Item(source, PhotoState.REJECTED.value, ReasonCode.NAME_COLLISION, text)
        if not path.exists() or self.masks.is_gone(line) or self.access.is_gone(line):
            return None
        if self._is_of(page, line) and line.get("output_sha256") == _sha256(path):
            return Item(source, PhotoState.SKIPPED.value, ReasonCode.ALREADY_DONE, "", output, line)
        text = f"{path} is there already and is not the result of this source and recipe; --overwrite replaces it"
        return Item(source, PhotoState.REJECTED.value, ReasonCode.NAME_COLLISION, text)

    def _is_of(self, page: Page, line: Mapping[str, Any]) -> bool:
        """Whether a line of the record is of this content, recipe, models and class of device."""
        wanted = {"source_sha256": page.content, **self._identity()}
        return all(line.get(key) == value for key, value in wanted.items())

    def _remove_earlier(self, source: str) -> None:
        """Of a scan that is divided nothing is left that an earlier run made of the whole."""
        line = self._earlier.get(source, {})
        path = self.target / line["output"] if line.get("output") else None
        if path is not None and path.is_file() and line.get("output_sha256") == _sha256(path):
            path.unlink()
        for beside in (self.masks, self.access):
            beside.write(source, None, line)

    def _refused(self, source: str, reason: ReasonCode, text: str) -> Item:
        record = {"source": source, "state": PhotoState.REJECTED.value, "reason": reason, "detail": text}
        return Item(source, PhotoState.REJECTED.value, reason, text, record=record)

    def _identity(self) -> dict[str, str]:
        return {
            "recipe_sha256": self.prepared.recipe.sha256,
            "models_sha256": self.prepared.models_sha256,
            "device_class": self.engine.device_class,
        }

    def _item(self, outcome: Outcome, page: Page) -> Item:
        record = self._record(outcome, page)
        output = ""
        if outcome.result is not None:
            output = self.outputs[outcome.name]
            record |= {"output": output, **result_facts(outcome.result)}
            for beside, data in self._beside(outcome.result):
                record |= beside.facts(outcome.name, data)
        return Item(outcome.name, record["state"], outcome.reason, outcome.reason_detail, output, record)

    def _divided_item(self, outcome: Outcome, page: Page, layout: Layout) -> Item:
        """A scan in whose place its photographs stand from now on."""
        detail = f"divided into {len(layout.boxes)} photographs"
        state = {"state": PhotoState.SKIPPED.value, "reason": ReasonCode.DIVIDED, "detail": detail}
        record = self._record(outcome, page) | state | divided_facts(layout)
        return Item(outcome.name, PhotoState.SKIPPED.value, ReasonCode.DIVIDED, detail, record=record)

    def _record(self, outcome: Outcome, page: Page) -> dict[str, Any]:
        """What the record says of every photograph."""
        record: dict[str, Any] = {
            "source": outcome.name,
            "source_sha256": outcome.source_sha256,
            "state": FAILED if outcome.state is PhotoState.PENDING else outcome.state.value,
            "reason": outcome.reason,
            "detail": outcome.reason_detail,
            "recipe": self.prepared.recipe.name,
            **self._identity(),
            "models": [model_facts(entry) for entry in self.prepared.entries],
            "software": SOFTWARE,
            "seconds": round(outcome.seconds, 4),
            "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        record |= page.facts()
        if outcome.info is not None and outcome.info.cut:
            record["cut"] = outcome.info.cut
        if outcome.info is not None and "notes" in outcome.info.metadata:
            record["notes"] = outcome.info.metadata["notes"]
        return record


class _Appender:
    """Appends lines to the record. A line that a killed process left half written is closed first."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._broken = path.is_file() and path.stat().st_size > 0 and not path.read_bytes().endswith(b"\n")

    def __call__(self, record: dict[str, Any]) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("ab") as file:
                file.write((b"\n" if self._broken else b"") + _line(record))
        except OSError as error:
            raise StorageError(f"cannot write {self._path}: {error}") from error
        self._broken = False


def _line(record: dict[str, Any]) -> bytes:
    return json.dumps(record, sort_keys=True, allow_nan=False).encode() + b"\n"


def _read_record(path: Path) -> dict[str, dict[str, Any]]:
    """The last line of each source. A line that a killed process left half written counts as not there.

    :raises StorageError: the record is no record of this program.
    """
    if not path.is_file():
        return {}
    lines: dict[str, dict[str, Any]] = {}
    for number, text in enumerate(path.read_bytes().splitlines(), start=1):
        if not text.rstrip().endswith(b"}"):
            continue
        try:
            line = json.loads(text)
            lines[line["source"]] = line
        except (ValueError, KeyError, TypeError) as error:
            raise StorageError(f"{path}, line {number} is no record of a restoration; move the file away") from error
    return lines


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()

"""What a large scan costs: peak memory and processor time of a whole recipe, decoding and encoding and all.

    python benchmarks/large_scans.py PHOTO [--scans 100:gray:8 50:rgb:16] [--recipe memorial-portrait] [--threads 2]

A scan is named by megapixels, channels (gray or rgb), and bits; ``wide`` as a fourth word makes it a panorama,
``turned`` one that lies on its side and is turned upright as its file says, and ``3pages`` a file of three such pages.
It is made of the photograph: damaged by the trial ``mixed``, enlarged, given grain of its own size, and saved as TIFF.
Each runs in a process of its own (Linux), which is watched from outside while it works:

* ``held``: most memory that engine and decoding process held together and could not have given back at once (private
  pages and shared memory; ``RssAnon`` and ``RssShmem`` of both, added up every 50 ms);
* ``peak``: the sum of both processes' highest resident size (``VmHWM``), pages of files on disk among it;
* ``disk``: most space that nameless files on disk took;
* ``CPU``: seconds of processor time of both processes; ``/MP`` of a megapixel; behind it the share of each stage.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

MIB = 1024**2
_TICK = 0.05


def main() -> None:
    """Print one line a scan."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--scans", nargs="+", default=["12:gray:8", "100:gray:8", "50:rgb:16"])
    parser.add_argument("--recipe", default="memorial-portrait")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="folder in which scans and results stay")
    parser.add_argument("--run", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.run:
        print(json.dumps(restored(given.run, given.recipe, given.threads, given.keep)))
        return
    with tempfile.TemporaryDirectory(dir=given.keep) as folder:
        for name in given.scans:
            path = (given.keep or Path(folder)) / f"{name.replace(':', '-')}.tif"
            if not path.exists():
                make_scan(given.photo, name, path)
            print(line(name, *watched(path, given)), flush=True)


def make_scan(photo: Path, name: str, path: Path) -> None:
    """A TIFF file of that many megapixels."""
    import cv2
    import numpy as np
    import pyvips

    from restoration.synthetic.trials import make_trial

    megapixels, channels, bits, *more = name.split(":")
    found = cv2.imread(str(photo), cv2.IMREAD_GRAYSCALE if channels == "gray" else cv2.IMREAD_COLOR)
    if found is None:
        raise SystemExit(f"{photo} is not a readable photograph")
    found = found.reshape(*found.shape[:2], -1)[:, :, ::-1]
    if "wide" in more:
        found = np.concatenate([found, found[:, ::-1]] * 3, axis=1)
    scale = (min(float(megapixels), 12.0) * 1e6 / (found.shape[0] * found.shape[1])) ** 0.5
    base = cv2.resize(np.ascontiguousarray(found), None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    base = np.repeat(base[:, :, None], 3, axis=2) if base.ndim == 2 else base
    damaged = make_trial("mixed", np.asarray(base, np.float32) / np.float32(255), 1).damaged
    if channels == "rgb" and np.array_equal(damaged[..., 0], damaged[..., 2]):
        damaged = damaged * np.array([1.0, 0.92, 0.78], np.float32)  # a brown print
    flat = np.ascontiguousarray(damaged[:, :, :1] if channels == "gray" else damaged)
    image = pyvips.Image.new_from_memory(flat.tobytes(), flat.shape[1], flat.shape[0], flat.shape[2], "float")
    image = image.resize((float(megapixels) * 1e6 / (flat.shape[0] * flat.shape[1])) ** 0.5, kernel="cubic")
    grain = pyvips.Image.gaussnoise(image.width, image.height, sigma=0.012, mean=0, seed=1).gaussblur(0.7) * 2
    most, kind, meaning = (255, "uchar", "b-w") if bits == "8" else (65535, "ushort", "grey16")
    image = ((image + grain) * most).rint().cast(kind)
    image = image.copy(interpretation=meaning if channels == "gray" else "srgb" if bits == "8" else "rgb16", xres=157)
    if "turned" in more:
        image = image.copy()
        image.set_type(pyvips.GValue.gint_type, "orientation", 6)
    if pages_of(name) > 1:
        height = image.height
        image = image.replicate(1, pages_of(name)).copy()
        image.set_type(pyvips.GValue.gint_type, "page-height", height)
    image.tiffsave(str(path), compression="none")


def pages_of(name: str) -> int:
    """Pages of a scan's file, by the scan's name or that of its file."""
    words = (word.removesuffix("pages") for word in name.replace("-", ":").split(":") if word.endswith("pages"))
    return int(next(words, 1))


def watched(path: Path, given: argparse.Namespace) -> tuple[dict[str, Any], dict[str, float]]:
    """What the process that restores the scan says, and what was seen of it, in MiB."""
    words = [sys.executable, __file__, str(given.photo), "--run", str(path), "--recipe", given.recipe]
    words += ["--threads", str(given.threads), *(["--keep", str(given.keep)] if given.keep else [])]
    seen = {"held": 0.0, "peak": 0.0, "disk": 0.0}
    highest: dict[int, float] = {}
    ticks = 0
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        while process.poll() is None:
            tree = [_memory(pid) for pid in (process.pid, *_children(process.pid))]
            seen["held"] = max(seen["held"], sum(one.get("RssAnon", 0) + one.get("RssShmem", 0) for one in tree))
            if ticks % 20 == 0:
                seen["disk"] = max(seen["disk"], _nameless(process.pid))
            ticks += 1
            highest.update({int(one["Pid"] * 1024): one["VmHWM"] for one in tree if "VmHWM" in one})
            time.sleep(_TICK)
        output = process.stdout.read() if process.stdout else b""
    seen["peak"] = sum(highest.values())
    if process.returncode:
        return {"state": f"exit status {process.returncode}", "cpu": {}, "wall": 0.0, "megapixels": 1.0}, seen
    said: dict[str, Any] = json.loads(output.splitlines()[-1])
    return said, seen


def line(name: str, said: dict[str, Any], seen: dict[str, float]) -> str:
    """One scan's line."""
    total = sum(said["cpu"].values())
    shares = ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in said["cpu"].items())
    return (
        f"{name:16} held {seen['held']:6.0f} peak {seen['peak']:6.0f} disk {seen['disk']:6.0f} MiB; "
        f"CPU {total:6.1f} s, {total / said['megapixels']:.2f}/MP; wall {said['wall']:.0f} s; {said['state']}: {shares}"
    )


def restored(path: Path, recipe: str, threads: int, keep: Path | None) -> dict[str, Any]:
    """Restore one scan in this process: its state, processor seconds by stage, seconds in all."""
    import cv2

    from restoration.engine.engine import Engine
    from restoration.engine.outcome import Scan
    from restoration.engine.recipe import load_recipe
    from restoration.settings import get_settings

    cv2.setNumThreads(threads)
    cpu: dict[str, float] = {}
    settings = get_settings().model_copy(update={"threads": threads, "device": "cpu"})
    with Engine(settings, tiles=True) as engine:
        prepared = engine.prepare(load_recipe(recipe))
        _timed(engine, "_decoded", lambda _: "decode", cpu)
        _timed(engine, "_stage", lambda given: str(given[1].step), cpu)
        _timed(engine, "_encoded", lambda _: "encode", cpu)
        started = time.perf_counter()
        megapixels, states = 0.0, []
        for outcome in engine.restore_many(_pages(path, Scan), prepared):
            megapixels += outcome.info.width * outcome.info.height / 1e6 if outcome.info else 1.0
            states.append(f"{outcome.state} {outcome.reason or ''} {outcome.reason_detail}".strip())
            if keep and outcome.result:
                _kept(keep / path.stem, outcome.result)
            del outcome
        wall = time.perf_counter() - started
    return {"state": ", ".join(states), "cpu": cpu, "wall": wall, "megapixels": megapixels}


def _pages(path: Path, scan: Any) -> Iterator[Any]:
    """A scan for each page, so that of a file's last page nobody but the engine holds the bytes."""
    count, data = pages_of(path.stem), path.read_bytes()
    for page in range(1, count):
        yield scan(path.name, data, page)
    last = [data]
    del data
    yield scan(path.name, last.pop(), count)


def _kept(path: Path, result: Any) -> None:
    """Write a result, and what its steps said, beside the scan."""
    path.with_suffix(".png").write_bytes(result.output)
    said = [[step.step, step.status, step.detail] for step in result.steps]
    path.with_suffix(".json").write_text(json.dumps(said, indent=1))


def _timed(engine: Any, method: str, stage_of: Callable[[tuple[Any, ...]], str], cpu: dict[str, float]) -> None:
    inner = getattr(engine, method)

    def outer(*given: Any) -> Any:
        with _counted(stage_of(given), cpu):
            return inner(*given)

    setattr(engine, method, outer)


@contextmanager
def _counted(stage: str, cpu: dict[str, float]) -> Iterator[None]:
    before = _seconds()
    yield
    cpu[stage] = cpu.get(stage, 0.0) + _seconds() - before


def _seconds() -> float:
    """Processor seconds of this process and its living children."""
    ticks = 0
    for pid in (os.getpid(), *_children(os.getpid())):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _children(pid: int) -> list[int]:
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(word) for task in tasks for word in (task / "children").read_text().split()]
    except OSError:
        return []


def _memory(pid: int) -> dict[str, float]:
    """Lines of a process's status that are numbers, in MiB; empty if it has ended."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return {}
    pairs = (line.split(":", 1) for line in text.splitlines())
    return {key: int(rest.split()[0]) / 1024 for key, rest in pairs if rest.split() and rest.split()[0].isdigit()}


def _nameless(pid: int) -> float:
    """Space that a process's open or mapped files without a name take on disk, in MiB; of each file once."""
    sizes: dict[tuple[int, int], int] = {}
    for folder in ("fd", "map_files"):
        try:
            for link in Path(f"/proc/{pid}/{folder}").iterdir():
                target = os.readlink(link)
                if target.endswith("(deleted)") and not target.startswith("/memfd:"):
                    status = link.stat()
                    sizes[status.st_dev, status.st_ino] = status.st_blocks * 512
        except OSError:
            continue
    return sum(sizes.values()) / MIB


if __name__ == "__main__":
    main()

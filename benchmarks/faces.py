"""How fast faces are restored, from detection to paste-back, beside the package ``gfpgan`` on the same weights.

Run: ``python benchmarks/faces.py --photos FOLDER [--net gfpgan|house] [--device cpu|cuda] [--faces 16] [--rounds 3]
[--threads 2] [--height 1024] [--bucket 32] [--json FILE]``. FOLDER holds portraits with one face each; code sets two
of them side by side in photographs of 1536 x 1024 pixels, or as ``--height`` has it.

``--net gfpgan`` is the full GFPGANv1Clean at 512 pixels with seeded random weights (none can be shipped): speed does
not depend on what a net has learnt. On a CPU it stands beside ``GFPGANer.enhance`` on the same photographs in the same
rounds, each having its turn first every other time, so that a neighbour's work on the machine falls on both. ``--net
house`` is this project's own restorer. Reading and writing of files are no part of any figure.

What the package needs besides is seeded too: its RetinaFace-R50 and its ParseNet, saved in the layout that it looks
for, so that nothing is fetched. Such a RetinaFace is sure of no face. It runs as the package runs it, over the whole
photograph at its own size, and its answer is then replaced by CenterFace's, which costs the package nothing.
Alignment, net, parsing and paste-back are the package's own.

Ours is the step ``faces`` over all photographs at once, with CenterFace and the identity gate. The gate's thresholds
are set to 0, since random weights keep nobody's likeness: faces are pasted, as with trained ones, and where the cosine
is below 0 all blends are tried, which costs us time and the package none.

On a GPU nothing is compared with the package: the marks are milliseconds a face in the net alone, in buckets, and in
the chain; and the share of the chain's time in which the GPU works for the nets, from CUDA events round every net.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import platform
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn

from restoration.models.compat import import_face_archs
from restoration.models.entries import toml_text
from restoration.models.files import Registry, file_sha256
from restoration.models.loading import LoadedModels
from restoration.models.nets import gfpgan, house_restorer
from restoration.models.registry import SizeRules
from restoration.photo.picture import Picture, ScanInfo
from restoration.settings import Settings
from restoration.steps.faces import Step
from restoration.steps.parameters import Faces
from restoration.steps.protocol import Frame, StepOutcome

SEED = 11
HALF = 0.75
"""Width of the half of a photograph that each portrait takes, over the photograph's height."""
PER_PHOTO = 2
SHORTEST_S = 0.5
"""A turn of a net alone repeats its call until it has lasted that long."""
HOUSE = "house-restorer"

Bytes = NDArray[np.uint8]


@dataclass
class Row:
    """One case: seconds of every round for ``count`` faces, and what it must show."""

    case: str
    device: str
    precision: str
    count: int
    goal: str
    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    """Of all threads of this process: what a busy machine disturbs less than the clock."""

    @property
    def per_face(self) -> float:
        """Seconds a face, the median over the rounds."""
        return statistics.median(self.seconds) / self.count

    @property
    def cpu_per_face(self) -> float:
        """Seconds of processor time a face, the median over the rounds."""
        return statistics.median(self.cpu_seconds) / self.count if self.cpu_seconds else 0.0

    @property
    def spread(self) -> float:
        """Distance between the quartiles, seconds a face."""
        if len(self.seconds) < 2:
            return 0.0
        low, _, high = statistics.quantiles(self.seconds, n=4, method="inclusive")
        return (high - low) / self.count


@dataclass
class Figure:
    """A figure that follows from rows, with its mark."""

    name: str
    value: float
    unit: str
    goal: str
    reached: bool


@dataclass(frozen=True)
class Scene:
    """Photographs (H x W x 3 uint8 RGB), and what CenterFace finds in each of them."""

    photos: list[Bytes]
    found: list[list[Any]]

    @property
    def count(self) -> int:
        return sum(len(faces) for faces in self.found)


# -- photographs -----------------------------------------------------------------------------------------------------
def portraits(folder: Path, detector: Any, count: int, height: int) -> list[Bytes]:
    """The first ``count`` pictures of a folder that show exactly one face, filling half a photograph each."""
    found: list[Bytes] = []
    for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in {".jpg", ".jpeg", ".png", ".tif", ".tiff"}):
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if image is None or max(image.shape[:2]) < 224:
            continue
        half = filled(np.ascontiguousarray(np.asarray(image, np.uint8)[:, :, ::-1]), height)
        if len(detector(half, 0.6)) == 1:
            found.append(half)
        if len(found) == count:
            return found
    raise SystemExit(f"{folder} holds {len(found)} portraits with one face; {count} are needed: name another --photos")


def filled(rgb: Bytes, height: int) -> Bytes:
    """A picture scaled and cut to the height and its share of the width, its upper part kept."""
    width = round(height * HALF)
    scale = max(height / rgb.shape[0], width / rgb.shape[1])
    size = (math.ceil(rgb.shape[1] * scale), math.ceil(rgb.shape[0] * scale))
    large = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA), np.uint8)
    left = (large.shape[1] - width) // 2
    return np.ascontiguousarray(large[:height, left : left + width])


def scene_of(options: argparse.Namespace, detector: Any, distinct: int = 16) -> Scene:
    """Photographs with two faces each; above ``distinct`` faces they come again, as the same arithmetic."""
    faces = options.faces
    halves = portraits(options.photos, detector, min(faces, distinct), options.height)
    pairs = [np.hstack(halves[i : i + PER_PHOTO]) for i in range(0, len(halves), PER_PHOTO)]
    found = [detector(photo, 0.6) for photo in pairs]
    photos = math.ceil(faces / PER_PHOTO)
    scene = Scene([pairs[i % len(pairs)] for i in range(photos)], [found[i % len(pairs)] for i in range(photos)])
    if scene.count != faces:
        raise SystemExit(f"{scene.count} faces were found where {faces} were set; name other --photos")
    return scene


# -- this project ----------------------------------------------------------------------------------------------------
def models_for(net: str, folder: Path, device: str, threads: int, precision: Any) -> tuple[LoadedModels, str]:
    """The models, with seeded weights in a registry of their own; and the restorer's name.

    The house restorer is the shipped one where its file is there.
    """
    shipped = Registry.load()
    if net == "house" and HOUSE in shipped.entries and shipped.available(HOUSE):
        return LoadedModels(shipped, device=device, threads=threads, precision=precision), HOUSE
    like = shipped.entry("gfpgan-1.3")
    if net == "house":
        file, name = seeded_house(folder), "house-seeded"
        like = replace(like, architecture="house-restorer", size=SizeRules(fixed=(256, 256)), options=())
    else:
        file, name = seeded_gfpgan(folder), "gfpgan-seeded"
    own = folder / "registry.toml"
    entry = replace(like, name=name, source=f"file:{file}", sha256=file_sha256(file))
    own.write_text(toml_text({name: entry}), encoding="utf-8")
    registry = Registry.load(settings=Settings(model_registry=own))
    return LoadedModels(registry, device=device, threads=threads, precision=precision), name


def seeded_gfpgan(folder: Path) -> Path:
    """A file laid out like the published ones, with seeded weights."""
    file = folder / "GFPGAN.pth"
    if not file.exists():
        torch.manual_seed(SEED)
        with contextlib.redirect_stdout(None):
            state = gfpgan.build().state_dict()
        torch.save({"params_ema": {key: value.contiguous() for key, value in state.items()}}, file)
    return file


def seeded_house(folder: Path) -> Path:
    """The house restorer as it is before training: the same arithmetic, and an answer that is its input."""
    torch.manual_seed(SEED)
    file = folder / "house.safetensors"
    save_file(house_restorer.build().state_dict(), file)
    return file


def pictures_of(scene: Scene) -> list[Picture]:
    """Photographs as decoding gives them."""
    infos = [ScanInfo("png", photo.shape[1], photo.shape[0], 8, 3) for photo in scene.photos]
    pixels = [photo.astype(np.float32) / np.float32(255) for photo in scene.photos]
    return [Picture(*each) for each in zip(pixels, infos, strict=True)]


def parameters_for(restorer: str) -> Faces:
    """No face is left alone and none is refused, so that the whole chain runs for each."""
    return Faces(
        restorer=restorer,
        confidence=0.6,
        min_certainty=0.0,
        clean_ssim=0.0,
        identity_threshold=0.0,
        identity_threshold_fair=0.0,
        identity_threshold_poor=0.0,
    )


def our_chain(scene: Scene, models: LoadedModels, restorer: str) -> Callable[[], list[StepOutcome]]:
    """The step over all photographs; every call starts from the photographs as they are."""
    parameters, pictures = parameters_for(restorer), pictures_of(scene)

    def call() -> list[StepOutcome]:
        frames = [Frame(f"{number}.png", picture, picture) for number, picture in enumerate(pictures)]
        answers = Step().apply_many(frames, parameters, models)
        outcomes = [answer for answer in answers if isinstance(answer, StepOutcome)]
        if len(outcomes) != len(answers):
            raise SystemExit(f"the step failed: {next(a for a in answers if not isinstance(a, StepOutcome))}")
        return outcomes

    return call


# -- the package -----------------------------------------------------------------------------------------------------
def package_weights(folder: Path) -> None:
    """Seeded weights of RetinaFace and ParseNet where the package looks for them, so that it fetches nothing."""
    target = folder / "gfpgan" / "weights"
    target.mkdir(parents=True)
    retinaface = import_face_archs("facexlib.detection.retinaface")
    parsenet = import_face_archs("facexlib.parsing.parsenet")
    torch.manual_seed(SEED)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        finder = retinaface.RetinaFace(network_name="resnet50", device=torch.device("cpu"))
    for parameter in finder.ClassHead.parameters():
        nn.init.zeros_(parameter)  # a score of one half everywhere: the same arithmetic, and no false faces to sort out
    torch.save(finder.state_dict(), target / "detection_Resnet50_Final.pth")
    parser = parsenet.ParseNet(in_size=512, out_size=512, parsing_ch=19)
    torch.save(parser.state_dict(), target / "parsing_parsenet.pth")


def package(folder: Path) -> Any:
    """``GFPGANer`` as its users make it, on the CPU, from files in ``folder``."""
    package_weights(folder)
    before = Path.cwd()
    os.chdir(folder)  # the package looks for its weights below the working directory
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(None):
            warnings.simplefilter("ignore")
            maker = import_face_archs("gfpgan.utils").GFPGANer
            return maker(str(seeded_gfpgan(folder)), upscale=1, bg_upsampler=None, device=torch.device("cpu"))
    finally:
        os.chdir(before)


def give_faces(helper: Any, scene: Scene) -> None:
    """Let the seeded detector run in full, then put the photograph's real faces in the place of its answer."""
    genuine = helper.get_face_landmarks_5
    known = {id(photo): faces for photo, faces in zip(scene.photos, scene.found, strict=True)}

    def wrapped(*arguments: Any, **options: Any) -> int:
        if genuine(*arguments, **options):
            raise SystemExit("the package's seeded detector found faces, and spent time on them")
        faces = known[helper.asked_for]
        helper.all_landmarks_5 = [np.asarray(face.landmarks, np.float32) for face in faces]
        helper.det_faces = [np.array([*corners(face.box), face.confidence], np.float32) for face in faces]
        return len(faces)

    helper.get_face_landmarks_5 = wrapped


def corners(box: Sequence[float]) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of left, top, width, height."""
    return box[0], box[1], box[0] + box[2], box[1] + box[3]


def package_chain(scene: Scene, restorer: Any) -> Callable[[], list[Bytes]]:
    """``enhance`` over all photographs, one after the other: it takes one at a time."""

    def call() -> list[Bytes]:
        made = []
        for photo, faces in zip(scene.photos, scene.found, strict=True):
            restorer.face_helper.asked_for = id(photo)
            crops, restored, image = restorer.enhance(np.ascontiguousarray(photo[:, :, ::-1]), paste_back=True)
            if len(restored) != len(faces) or any(np.array_equal(*pair) for pair in zip(crops, restored, strict=True)):
                raise SystemExit("the package gave back a face that it did not restore")
            made.append(image)
        return made

    return call


# -- measuring -------------------------------------------------------------------------------------------------------
def timed(call: Callable[[], Any], device: str) -> float:
    """Seconds of one call."""
    synchronize(device)
    started = time.perf_counter()
    call()
    synchronize(device)
    return time.perf_counter() - started


def measured(row: Row, call: Callable[[], Any], device: str) -> None:
    """One call, by the clock and by the processor, into its row."""
    before = time.process_time()
    row.seconds.append(timed(call, device))
    row.cpu_seconds.append(time.process_time() - before)


def synchronize(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def interleaved(turns: Sequence[tuple[Row, Callable[[], Any]]], rounds: int, device: str) -> None:
    """Rounds in which each case has its turn, in the opposite order every other time."""
    for number in range(1, rounds + 1):
        for row, call in turns if number % 2 else turns[::-1]:
            measured(row, call, device)
        print(f"round {number} of {rounds}", flush=True)


def faces_tensor(side: int, count: int, device: str) -> Tensor:
    """Seeded noise in a net's range: its arithmetic does not depend on what it sees."""
    noise = torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(count))
    return (noise * 2 - 1).to(device)


def net_alone(net: Callable[[Tensor], Any], faces: Tensor, device: str) -> tuple[Callable[[], None], int]:
    """A call that lasts long enough to be timed, and the number of faces that it restores."""

    def once() -> None:
        with torch.inference_mode():
            net(faces)

    once()
    repeats = max(1, math.ceil(SHORTEST_S / timed(once, device)))

    def call() -> None:
        for _ in range(repeats):
            once()

    return call, repeats * len(faces)


def side_of(models: LoadedModels, restorer: str) -> int:
    size = models.entry(restorer).size.fixed
    return size[0] if size else 256


# -- on a CPU --------------------------------------------------------------------------------------------------------
def on_cpu(options: argparse.Namespace, folder: Path) -> tuple[list[Row], list[Figure]]:
    """Ours and, for GFPGAN, the package's: the chain and the net alone."""
    models, restorer = models_for(options.net, folder, "cpu", options.threads, "fp32")
    scene = scene_of(options, models.load("centerface"))
    ours = our_chain(scene, models, restorer)
    tell_outcomes(ours())
    side = side_of(models, restorer)
    alone, count = net_alone(models.load(restorer), faces_tensor(side, 1, "cpu"), "cpu")
    house = options.net == "house"
    goal = "<= 0.3 s a face" if house else ">= 1.5 times the package's throughput"
    turns: list[tuple[Row, Callable[[], Any]]] = [
        (Row("our chain", "cpu", "fp32", scene.count, goal), ours),
        (Row("our net", "cpu", "fp32", count, ""), alone),
    ]
    if not house:
        theirs = package(folder)
        theirs_alone, theirs_count = net_alone(
            lambda faces: theirs.gfpgan(faces, return_rgb=False), faces_tensor(side, 1, "cpu"), "cpu"
        )
        give_faces(theirs.face_helper, scene)
        package_chain(Scene(scene.photos[:1], scene.found[:1]), theirs)()
        turns.append((Row("package's chain", "cpu", "fp32", scene.count, ""), package_chain(scene, theirs)))
        turns.append((Row("package's net", "cpu", "fp32", theirs_count, ""), theirs_alone))
    interleaved(turns, options.rounds, "cpu")
    rows = [row for row, _ in turns]
    return rows, figures_on_cpu(rows, house)


def tell_outcomes(outcomes: Sequence[StepOutcome]) -> None:
    """What became of the faces: those that were not pasted have cost more, not less."""
    totals: dict[str, int] = {}
    for outcome in outcomes:
        for face in outcome.faces:
            totals[face.action] = totals.get(face.action, 0) + 1
    print("faces: " + ", ".join(f"{count} {action}" for action, count in sorted(totals.items())), flush=True)


def figures_on_cpu(rows: Sequence[Row], house: bool) -> list[Figure]:
    by_case = {row.case: row for row in rows}
    ours = by_case["our chain"].per_face
    if house:
        return [Figure("house chain", ours, "s a face", "<= 0.3", ours <= 0.3)]
    ratios = [t / o for o, t in zip(by_case["our chain"].seconds, by_case["package's chain"].seconds, strict=True)]
    ratio = statistics.median(ratios)
    nets = by_case["package's net"].per_face / by_case["our net"].per_face
    return [
        Figure("chain: our throughput over the package's", ratio, "times", ">= 1.5", ratio >= 1.5),
        Figure("net alone: our throughput over the package's", nets, "times", "none set", True),
    ]


# -- on a GPU --------------------------------------------------------------------------------------------------------
def on_cuda(options: argparse.Namespace, folder: Path) -> tuple[list[Row], list[Figure]]:
    """The net in buckets, and the chain with the share of its time that the GPU works for the nets."""
    models, restorer = models_for(options.net, folder, "cuda", options.threads, "bf16")
    scene = scene_of(options, models.load("centerface"))
    ours = our_chain(scene, models, restorer)
    tell_outcomes(ours())
    faces = faces_tensor(side_of(models, restorer), options.bucket, "cuda")
    full = options.net == "gfpgan"
    net = models.load(restorer)
    net_row = Row("our net, by CUDA events", "cuda", "bf16", options.bucket, "<= 2.0 ms a face" if full else "")
    net_row.seconds = event_seconds(net, faces, options.rounds)
    chain = Row("our chain", "cuda", "bf16", scene.count, "<= 6 ms a face" if full else "")
    busy = []
    for number in range(1, options.rounds + 1):
        with events_round([net, models.load("dlib-face-embedding")]) as spent:
            measured(chain, ours, "cuda")
        busy.append(sum(spent()) / chain.seconds[-1])
        print(f"round {number} of {options.rounds}", flush=True)
    return [net_row, chain], figures_on_cuda(net_row, chain, statistics.median(busy), full)


def event_seconds(net: Callable[[Tensor], Any], faces: Tensor, rounds: int, each: int = 10) -> list[float]:
    """Seconds of one bucket in the net, by CUDA events round ``each`` calls; faces are on the device already."""
    found = []
    with torch.inference_mode():
        for _ in range(3):
            net(faces)
        for _ in range(rounds):
            start, stop = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            start.record()
            for _ in range(each):
                net(faces)
            stop.record()
            torch.cuda.synchronize()
            found.append(start.elapsed_time(stop) / 1000 / each)
    return found


@contextlib.contextmanager
def events_round(models: Sequence[Any]) -> Iterator[Callable[[], list[float]]]:
    """CUDA events round every call of these nets; gives the function that tells the seconds of each call.

    Seconds between two events of one stream are those in which the GPU had that net's work before it; gaps between its
    kernels count as well, copies and other work do not.
    """
    pairs: list[tuple[Any, Any]] = []

    def before(net: nn.Module, inputs: Any) -> None:
        start, stop = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        pairs.append((start, stop))

    def after(net: nn.Module, inputs: Any, output: Any) -> None:
        pairs[-1][1].record()

    hooks = []
    for model in models:
        for net in {id(part): part for part in nets_in(model)}.values():
            hooks += [net.register_forward_pre_hook(before), net.register_forward_hook(after)]
    try:
        yield lambda: [start.elapsed_time(stop) / 1000 for start, stop in pairs]
    finally:
        for hook in hooks:
            hook.remove()


def nets_in(model: Any) -> list[nn.Module]:
    """The model itself where it is a net, else the nets that it holds."""
    if isinstance(model, nn.Module):
        return [model]
    return [value for value in getattr(model, "__dict__", {}).values() if isinstance(value, nn.Module)]


def figures_on_cuda(net: Row, chain: Row, busy: float, full: bool) -> list[Figure]:
    alone, whole = net.per_face * 1000, chain.per_face * 1000
    goals = ("<= 2.0, floor 0.50", "<= 6.0", ">= 0.85") if full else ("none set",) * 3
    net_goal, chain_goal, busy_goal = goals
    return [
        Figure("net alone", alone, "ms a face", net_goal, alone <= 2.0 or not full),
        Figure("chain", whole, "ms a face", chain_goal, whole <= 6.0 or not full),
        Figure("GPU busy with the nets, share of the chain", busy, "", busy_goal, busy >= 0.85 or not full),
    ]


# -- what is said ----------------------------------------------------------------------------------------------------
def table(rows: Sequence[Row]) -> str:
    """Markdown."""
    heads = ("Case", "Device", "Precision", "Faces", "ms a face", "Spread", "CPU ms a face", "Goal")
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for row in rows:
        numbers = f"{row.count} | {row.per_face * 1000:.1f} | {row.spread * 1000:.1f} | {row.cpu_per_face * 1000:.1f}"
        lines.append(f"| {row.case} | {row.device} | {row.precision} | {numbers} | {row.goal or '-'} |")
    return "\n".join(lines)


def told(figure: Figure) -> str:
    verdict = "" if figure.goal == "none set" else f": {'reached' if figure.reached else 'NOT reached'}"
    return f"* {figure.name}: {figure.value:.2f} {figure.unit}".rstrip() + f" (goal {figure.goal}{verdict})"


def machine(threads: int) -> dict[str, Any]:
    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else ""
    known = {"machine": platform.machine(), "cores": len(os.sched_getaffinity(0)), "threads": threads, "gpu": gpu}
    return known | {"torch": torch.__version__, "load": round(os.getloadavg()[0], 2)}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True, help="folder of portraits with one face each")
    parser.add_argument("--net", choices=["gfpgan", "house"], default="gfpgan")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--faces", type=int, help="an even number; 16 on a CPU, 256 on a GPU")
    parser.add_argument(
        "--height", type=int, default=1024, help="of the photographs, in pixels; their width is 1.5 times"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2, help="CPU threads of every library")
    parser.add_argument("--bucket", type=int, default=32, help="faces at once in the net alone, on a GPU")
    parser.add_argument("--json", type=Path, help="write every round's figures here too")
    options = parser.parse_args()
    options.faces = options.faces or (16 if options.device == "cpu" else 256)
    if options.faces % PER_PHOTO:
        parser.error("--faces must be even: there are two in every photograph")
    if options.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda: torch finds no CUDA device")
    if not options.photos.is_dir():
        parser.error(f"--photos: {options.photos} is not a folder; one with portraits is needed")
    return options


def main() -> None:
    options = arguments()
    warnings.filterwarnings("ignore", module="torch")
    print(json.dumps(machine(options.threads)), flush=True)
    with tempfile.TemporaryDirectory() as name:
        measure = on_cpu if options.device == "cpu" else on_cuda
        rows, figures = measure(options, Path(name))
    print(f"\n{table(rows)}\n\n" + "\n".join(told(figure) for figure in figures))
    if options.json:
        body = {"machine": machine(options.threads), "rows": [asdict(row) for row in rows]}
        body["figures"] = [asdict(figure) for figure in figures]
        options.json.write_text(json.dumps(body, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()

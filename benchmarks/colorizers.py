"""How fast the colorizers are, in every way they can be run, beside what the machine's arithmetic would allow.

Run: ``python benchmarks/colorizers.py [--batches 1,8,32] [--rounds 7] [--device cpu|cuda|both] [--json FILE]``.

Every variant of a net (eager, channels_last, compiled; fp32, and bf16 where its registry entry allows it) is measured
in the same run: rounds in which each variant has its turn, in a new order each time, so that a neighbour's work on the
machine falls on all of them. Medians over the rounds, with the spread between the quartiles.

The floor is the net's multiply-adds (counted by hooks at its working size) over the machine's best rate at plain matrix
products and convolutions, measured in the same run. A variant is *exact* if it gives the bits of eager in the same
precision, and *alone* if a picture's result does not depend on its neighbours in the batch. The fastest variant that is
both is what the loader should use.
"""

from __future__ import annotations

import argparse
import copy
import functools
import json
import platform
import random
import statistics
import time
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from restoration.models.files import Registry
from restoration.models.loading import LoadedModels
from restoration.models.nets.house_colorizer import GlobalAttention
from restoration.models.registry import ModelEntry

MODELS = ("house-colorizer", "seed-autoencoder")
VARIANTS = ("eager", "channels_last", "compiled", "compiled channels_last")
SHORTEST_S = 0.2
"""A turn repeats its call until it has lasted that long."""

Call = Callable[[Tensor], Tensor]


@dataclass
class Row:
    """One variant of one net at one batch size on one device."""

    model: str
    device: str
    precision: str
    variant: str
    batch: int
    difference: float
    """Largest absolute difference from eager in the same precision, picture by picture, in the net's own units."""
    difference_from_fp32: float
    neighbours: float
    """Largest absolute difference between a picture's result in the batch and alone, in the same variant."""
    floor: float
    """Pictures a second that the machine's arithmetic would allow."""
    rates: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.rates)

    @property
    def spread(self) -> float:
        """Distance between the quartiles."""
        if len(self.rates) < 2:
            return 0.0
        low, _, high = statistics.quantiles(self.rates, n=4, method="inclusive")
        return high - low

    @property
    def exact(self) -> bool:
        return self.difference == 0 and self.neighbours == 0

    @property
    def group(self) -> tuple[str, str, str, int]:
        return self.model, self.device, self.precision, self.batch


def synchronize(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def seconds_of(call: Callable[[], Any], device: str) -> float:
    """Seconds for one call, over as many as last long enough."""
    count, started = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - started) < SHORTEST_S or count == 0:
        call()
        synchronize(device)
        count += 1
    return elapsed / count


# -- arithmetic ------------------------------------------------------------------------------------------------------
def input_of(entry: ModelEntry, batch: int) -> Tensor:
    """Seeded noise at the net's working size, in its range."""
    side = entry.size.working_side or 256
    height, width = entry.size.fixed or (side, side)
    low, high = entry.input_range
    noise = torch.rand(batch, 1, height, width, generator=torch.Generator().manual_seed(batch))
    return low + (high - low) * noise


def multiply_adds(net: nn.Module, picture: Tensor) -> int:
    """Multiply-adds for one picture: convolutions, linear layers, and attention's two products."""
    total = 0

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        if isinstance(module, nn.Conv2d):
            total += output[0].numel() * module.weight[0].numel()
        elif isinstance(module, nn.Linear):
            total += output[0].numel() * module.in_features
        elif isinstance(module, GlobalAttention):
            _, width, height, columns = inputs[0].shape
            total += 2 * (height * columns) ** 2 * width

    kinds = (nn.Conv2d, nn.Linear, GlobalAttention)
    hooks = [module.register_forward_hook(count) for module in net.modules() if isinstance(module, kinds)]
    with torch.inference_mode():
        net(picture[:1])
    for hook in hooks:
        hook.remove()
    return total


def peak_rate(device: str, dtype: torch.dtype) -> float:
    """Best multiply-adds a second at a large matrix product and at wide 3x3 convolutions."""
    side, pictures = (8192, 64) if device == "cuda" else (1536, 4)
    one = torch.rand(side, side, device=device, dtype=dtype)
    best = 0.0
    work: list[tuple[int, Callable[[], Any]]] = [(side**3, lambda: one @ one)]
    for layout in (torch.contiguous_format, torch.channels_last):
        maps = torch.rand(pictures, 128, 64, 64, device=device, dtype=dtype).contiguous(memory_format=layout)
        layer = nn.Conv2d(128, 128, 3, padding=1, bias=False).to(device, dtype).to(memory_format=layout)
        work.append((pictures * 64 * 64 * 128 * 128 * 9, functools.partial(layer, maps)))
    with torch.inference_mode():
        for count, call in work:
            call()
            best = max(best, *(count / seconds_of(call, device) for _ in range(3)))
    return best


# -- variants --------------------------------------------------------------------------------------------------------
def variant_of(net: nn.Module, name: str, device: str, precision: str) -> Call:
    """The net, run in that way. The layout of its input is part of the way, and of its time."""
    own = copy.deepcopy(net)
    layout = torch.channels_last if "channels_last" in name else torch.contiguous_format
    own = own.to(memory_format=layout)
    run: Call = torch.compile(own, dynamic=False) if "compiled" in name else own  # type: ignore[assignment]

    def call(pictures: Tensor) -> Tensor:
        autocast = torch.autocast(device, torch.bfloat16) if precision == "bf16" else nullcontext()
        with autocast:
            return run(pictures.contiguous(memory_format=layout)).float()

    return call


def most(some: list[Tensor], others: list[Tensor]) -> float:
    """Largest absolute difference."""
    return max(float((one - other).abs().max()) for one, other in zip(some, others, strict=True))


def why_not_compiled(device: str) -> str:
    """Why torch.compile cannot be used here; empty where it can."""
    try:
        torch.compile(lambda x: torch.relu(x) + 1)(torch.ones(8, device=device))
    except Exception as error:  # noqa: BLE001 - whatever a compiler may say is the answer
        return (str(error).splitlines() or [type(error).__name__])[0]
    return ""


def prepared(
    entry: ModelEntry, net: nn.Module, device: str, names: list[str], batches: list[int], peaks: dict[str, float]
) -> list[tuple[Row, Callable[[], Any]]]:
    """Every variant at every batch size, warmed up and compared, with the call that is to be timed."""
    turns: list[tuple[Row, Callable[[], Any]]] = []
    macs = multiply_adds(net, input_of(entry, 1).to(device))
    print(f"{entry.name}: {macs / 1e9:.2f} GMAC a picture", flush=True)
    exact_one = variant_of(net, "eager", device, "fp32")
    for precision in entry.precision:
        eager = variant_of(net, "eager", device, precision)
        for name in names:
            call = variant_of(net, name, device, precision)
            started = time.perf_counter()
            for batch in batches:
                pictures = input_of(entry, batch).to(device)
                looked_at = sorted({0, batch // 2, batch - 1})
                singly = [call(pictures[i : i + 1]) for i in looked_at]
                together = call(pictures)
                row = Row(
                    model=entry.name,
                    device=device,
                    precision=precision,
                    variant=name,
                    batch=batch,
                    difference=most(singly, [eager(pictures[i : i + 1]) for i in looked_at]),
                    difference_from_fp32=most(singly, [exact_one(pictures[i : i + 1]) for i in looked_at]),
                    neighbours=most(singly, [together[i : i + 1] for i in looked_at]),
                    floor=peaks[precision] / macs,
                )
                turns.append((row, functools.partial(call, pictures)))
            print(f"  {precision} {name}: ready after {time.perf_counter() - started:.0f} s", flush=True)
    return turns


def measure(device: str, models: list[str], batches: list[int], rounds: int, compile_too: bool) -> list[Row]:
    """All rows of one device, from interleaved rounds."""
    loaded = LoadedModels(Registry.load(), device=device)
    reason = why_not_compiled(device) if compile_too else "it was not asked for"
    names = [name for name in VARIANTS if not (reason and "compiled" in name)]
    if reason:
        print(f"{device}: not compiled: {reason}", flush=True)
    peaks = {"fp32": peak_rate(device, torch.float32), "bf16": peak_rate(device, torch.bfloat16)}
    print(f"{device}: best rate, GMAC/s: " + ", ".join(f"{k} {v / 1e9:,.0f}" for k, v in peaks.items()), flush=True)
    turns: list[tuple[Row, Callable[[], Any]]] = []
    with torch.inference_mode():
        for model in models:
            turns += prepared(loaded.entry(model), loaded.load(model), device, names, batches, peaks)
        order = random.Random(1)
        for number in range(1, rounds + 1):
            order.shuffle(turns)
            for row, call in turns:
                row.rates.append(row.batch / seconds_of(call, device))
            print(f"{device}: round {number} of {rounds}", flush=True)
    return sorted((row for row, _ in turns), key=lambda row: (row.model, row.precision, row.batch, row.variant))


# -- what is said ----------------------------------------------------------------------------------------------------
def table(rows: list[Row]) -> str:
    """Markdown."""
    words = "Model, Device, Precision, Batch, Variant, Images/s, Spread, Floor, Share, Exact, Alone, From fp32"
    heads = words.split(", ")
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for row in rows:
        exact = "yes" if row.difference == 0 else f"{row.difference:.1e}"
        alone = "yes" if row.neighbours == 0 else f"{row.neighbours:.1e}"
        lines.append(
            f"| {row.model} | {row.device} | {row.precision} | {row.batch} | {row.variant} | {row.median:.2f} | "
            f"{row.spread:.2f} | {row.floor:.1f} | {row.median / row.floor:.0%} | {exact} | {alone} | "
            f"{row.difference_from_fp32:.1e} |"
        )
    return "\n".join(lines)


def verdicts(rows: list[Row]) -> list[str]:
    """For each net, device, precision and batch: the fastest variant that is exact and independent of neighbours."""
    said = []
    for group in dict.fromkeys(row.group for row in rows):
        exact = [row for row in rows if row.group == group and row.exact]
        eager = next(row for row in rows if row.group == group and row.variant == "eager")
        where = f"{group[0]}, {group[1]}, {group[2]}, batch {group[3]}"
        if not exact:
            said.append(f"{where}: no variant is independent of a picture's neighbours")
            continue
        best = max(exact, key=lambda row: row.median)
        clear = best is not eager and best.median - eager.median > (best.spread + eager.spread) / 2
        gain = f", {best.median / eager.median - 1:+.0%} against eager" if best is not eager else ""
        said.append(f"{where}: {best.variant}{gain}{'' if clear or best is eager else ' (within the spread)'}")
    return said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--batches", default="1,8,32")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--device", choices=["auto", "cpu", "cuda", "both"], default="auto")
    parser.add_argument("--no-compile", action="store_true", help="leave torch.compile out: it takes minutes on a CPU")
    parser.add_argument("--json", type=Path, help="write every round's figures here too")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", module="torch")
    cuda = torch.cuda.is_available()
    wanted = {"auto": ["cpu", "cuda"] if cuda else ["cpu"], "both": ["cpu", "cuda"]}
    devices = wanted.get(options.device, [options.device])
    batches = [int(batch) for batch in options.batches.split(",")]
    rows: list[Row] = []
    for device in devices:
        rows += measure(device, options.models.split(","), batches, options.rounds, not options.no_compile)
    print(f"\n{table(rows)}\n\nFastest exact variant:\n")
    print("\n".join(f"* {line}" for line in verdicts(rows)))
    if options.json:
        machine = {"machine": platform.machine(), "threads": torch.get_num_threads(), "torch": torch.__version__}
        machine["gpu"] = torch.cuda.get_device_name(0) if cuda else ""
        body = [{**asdict(row), "median": row.median, "spread": row.spread} for row in rows]
        options.json.write_text(json.dumps({"machine": machine, "rows": body}, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()

"""What is asked of a face restorer, and whether it is reached: perceptual distance, PSNR, identity, and no harm.

The marks are means over all faces against what doing nothing gives. The GFPGAN paper's own balance is -25 % of LPIPS at
-0.3 dB of PSNR.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from restoration.evaluate.scoring import DEGRADED, NO_MODELS, Score
from restoration.evaluate.statistics import Pair, Row, overall

ST_LPIPS_CHANGE = -25.0, -35.0
"""Percent: goal, and the aim beyond it."""
PSNR_GAIN = 0.5, 1.5
"""dB: goal, and the aim beyond it."""
CLEAN_SSIM_Y = 0.99
"""A good face after the net, before any gate: faces below it are what the gate has to catch."""

Interval = tuple[float, float]


@dataclass(frozen=True)
class Mark:
    """One mark of one model. ``interval`` is that of the value with 95 %; None where too few faces were compared."""

    model: str
    name: str
    label: str
    value: float
    interval: Interval | None
    goal: str
    aim: str
    reached: bool
    aim_reached: bool | None


def marks(scores: Sequence[Score], pairs: Sequence[Pair]) -> list[Mark]:
    """Every mark of every model for which its figures were measured, in the order of models.

    :param pairs: of the same scores, with the degraded faces among them.
    """
    rows = {row.model: row for row in overall(scores)}
    base = rows.get(DEGRADED)
    if base is None:
        return []
    found = []
    for model, row in rows.items():
        if model not in NO_MODELS:
            found += _of_model(row, base, [pair for pair in pairs if {pair.first, pair.second} == {DEGRADED, model}])
    return found


def _of_model(row: Row, base: Row, pairs: Sequence[Pair]) -> list[Mark]:
    gains = {metric: (row.means[metric] - base.means[metric]) for metric in base.means if metric in row.means}
    ranges = {pair.metric: _as_gain(pair) for pair in pairs}
    found = []
    if base.means.get("st_lpips", 0) > 0 and "st_lpips" in gains:
        scale = 100 / base.means["st_lpips"]
        change = gains["st_lpips"] * scale
        goal, aim = ST_LPIPS_CHANGE
        found.append(
            Mark(
                row.model, "st_lpips_change", "ST-LPIPS against degraded, %", change,
                _scaled(ranges.get("st_lpips"), scale), f"at most {goal:.0f} %", f"{aim:.0f} %", change <= goal,
                change <= aim,
            )
        )  # fmt: skip
    goal, aim = PSNR_GAIN
    found.append(
        Mark(
            row.model, "psnr_gain", "PSNR against degraded, dB", gains["psnr"], ranges.get("psnr"),
            f"at least {goal:+.1f} dB", f"{aim:+.1f} dB", gains["psnr"] >= goal, gains["psnr"] >= aim,
        )
    )  # fmt: skip
    found.append(
        Mark(
            row.model, "identity_gain", "identity to the truth against degraded", gains["identity"],
            ranges.get("identity"), "above 0", "", gains["identity"] > 0, None,
        )
    )  # fmt: skip
    if "clean_ssim_y" in row.means:
        clean = row.means["clean_ssim_y"]
        label = "good faces, SSIM Y to themselves (net alone, without the gate)"
        told = f"at least {CLEAN_SSIM_Y}"
        found.append(Mark(row.model, "clean_ssim_y", label, clean, None, told, "", clean >= CLEAN_SSIM_Y, None))
    return found


def _as_gain(pair: Pair) -> Interval:
    """The interval of (model - degraded), whichever of the two came first."""
    return (-pair.high, -pair.low) if pair.first == DEGRADED else (pair.low, pair.high)


def _scaled(interval: Interval | None, scale: float) -> Interval | None:
    return None if interval is None else (interval[0] * scale, interval[1] * scale)

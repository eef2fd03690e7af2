"""What every figure of an evaluation means: label, direction, unit and one sentence for people."""

from __future__ import annotations

from dataclasses import dataclass

from restoration.quality.metrics import Direction


@dataclass(frozen=True)
class Figure:
    """One figure. ``scale`` brings the stored value to the shown one (100 for shares shown in percent).

    ``needs_truth`` ones are left out for real old photographs, ``needs_skin`` ones where no face was found.
    """

    name: str
    label: str
    direction: Direction
    low: float
    high: float
    description: str
    digits: int = 2
    scale: float = 1.0
    needs_truth: bool = False
    needs_skin: bool = False


def _truth(name: str, label: str, direction: Direction, top: float, words: str, **more: object) -> Figure:
    return Figure(name, label, direction, 0, top, words, needs_truth=True, **more)  # type: ignore[arg-type]


FIGURES: dict[str, Figure] = {
    figure.name: figure
    for figure in (
        _truth("delta_e00", "dE00", "lower", 150, "Mean CIEDE2000 difference from the truth."),
        _truth(
            "skin_delta_e00", "skin dE00", "lower", 150, "Mean CIEDE2000 difference on the skin.", needs_skin=True
        ),
        _truth("edge_delta_e00", "edge dE00", "lower", 150, "Mean CIEDE2000 difference on the steepest tenth of L*."),
        _truth("psnr", "PSNR dB", "higher", 100, "Peak signal to noise ratio over all RGB samples."),
        _truth("mse", "MSE", "lower", 1, "Mean squared error over all RGB samples in 0..1.", digits=4),
        _truth(
            "channel_agreement", "agreement %", "higher", 1, "Share of pixels with the same largest channel.",
            digits=1, scale=100,
        ),
        Figure("ssim_y", "SSIM Y", "higher", -1, 1, "Structural similarity of luma.", digits=3, needs_truth=True),
        _truth("st_lpips", "ST-LPIPS", "lower", 5, "Perceptual distance from the truth.", digits=3),
        Figure(
            "colourfulness", "colour HS", "neither", 0, 400, "Colourfulness of Hasler and Suesstrunk; 0 is gray.", 1
        ),
        Figure(
            "colourfulness_abs", "colour abs", "neither", 0, 400, "Colourfulness as colorization papers compute it.", 1
        ),
        _truth("truth_colourfulness", "truth's", "neither", 400, "Colourfulness (HS) of the truth.", digits=1),
        _truth(
            "colour_share",
            "colour %",
            "neither",
            1e9,
            "Colourfulness (HS) over the truth's; 100 is right.",
            digits=0,
            scale=100,
        ),
        _truth(
            "hues_found", "hues %", "higher", 1, "Share of truly coloured pixels (chroma > 15) that get their hue.",
            digits=0, scale=100,
        ),
        _truth("greens_found", "greens %", "higher", 1, "The same of green ones.", digits=0, scale=100),
        _truth("blues_found", "blues %", "higher", 1, "The same of blue ones.", digits=0, scale=100),
        Figure("warmth", "warmth b*", "neither", -255, 255, "Mean b* minus the truth's; 0 is right.", needs_truth=True),
        Figure("orange_share", "orange %", "neither", 0, 1, "Share of the chroma within 30 degrees of orange.", 0, 100),
        Figure("bleed", "bleed %", "lower", 0, 1, "Share of colour change away from outlines.", 1, 100),
        Figure(
            "skin_blue", "blue skin %", "lower", 0, 1, "Share of skin that is plainly blue.", 2, 100, needs_skin=True
        ),
        Figure(
            "face_colourfulness", "face colour", "neither", 0, 400, "Colourfulness (HS) of the faces.", 1,
            needs_skin=True,
        ),
        Figure("sharpness", "sharpness", "neither", 0, 400_000, "Sharpness of luma; that of gray is right.", 0),
        Figure("contrast", "contrast", "neither", 0, 0.5, "RMS contrast of luma; that of gray is right.", digits=3),
    )
}  # fmt: skip
"""Every figure by the name under which it is stored, in the order of columns."""

FACE_FIGURES: dict[str, Figure] = {
    figure.name: figure
    for figure in (
        FIGURES["psnr"],
        _truth("psnr_y", "PSNR Y dB", "higher", 100, "Peak signal to noise ratio of luma."),
        FIGURES["ssim_y"],
        FIGURES["st_lpips"],
        Figure(
            "identity", "identity", "higher", -1, 1, "Cosine of the face's descriptor to the true face's.",
            3, needs_truth=True,
        ),
        _truth(
            "sharpness_share", "sharp %", "neither", 1e9, "Sharpness over the true face's; 100 is right.", digits=0,
            scale=100,
        ),
        Figure(
            "clean_ssim_y", "clean SSIM Y", "higher", -1, 1, "Structural similarity of a good face before and after.",
            4, needs_truth=True,
        ),
        Figure(
            "clean_identity", "clean ident.", "higher", -1, 1, "Cosine of a good face's descriptors before and after.",
            3, needs_truth=True,
        ),
        Figure("given_identity", "identity", "higher", -1, 1, "Cosine of the descriptor to the given face's.", 3),
        Figure("given_ssim_y", "SSIM given", "neither", -1, 1, "Structural similarity of luma to the given face.", 3),
        Figure("sharpness_gain", "sharper x", "neither", 0, 1e9, "Sharpness over the given face's; 1 is unchanged.", 2),
    )
}  # fmt: skip
"""Figures of face restorers; those that colorizers have too mean the same."""

REPAIR_FIGURES: dict[str, Figure] = {
    figure.name: figure
    for figure in (
        Figure(
            "damage_removed", "removed %", "higher", -1e9, 1,
            "Share of the squared error inside the damage that is gone.", 1, 100, needs_truth=True,
        ),
        _truth("mask_f1", "mask F1", "higher", 1, "F1 of the mask, 2 pixels of tolerance.", digits=2),
        _truth("mask_precision", "precision", "higher", 1, "Share of what was filled that was damaged.", digits=2),
        _truth("mask_recall", "recall", "higher", 1, "Share of the damage that was filled.", digits=2),
        _truth(
            "whole_changed", "harmed %", "lower", 1,
            "Share of an undamaged photograph's pixels changed by more than 6/255.", digits=3, scale=100,
        ),
        FACE_FIGURES["clean_ssim_y"],
    )
}  # fmt: skip
"""Figures of menders."""

ALL_FIGURES = FIGURES | FACE_FIGURES | REPAIR_FIGURES
SHOWN_MARKED = ("mask_f1", "mask_precision", "mask_recall")
SHOWN_REPAIR = ("damage_removed", "mask_f1", "whole_changed", "clean_ssim_y")

SHOWN_WITH_TRUTH = (
    "delta_e00", "skin_delta_e00", "psnr", "ssim_y", "st_lpips", "colourfulness", "colour_share", "hues_found",
    "greens_found", "blues_found", "warmth", "bleed", "skin_blue",
)  # fmt: skip
SHOWN_WITHOUT = (
    "skin_blue",
    "face_colourfulness",
    "colourfulness",
    "colourfulness_abs",
    "orange_share",
    "bleed",
    "sharpness",
    "contrast",
)
SHOWN_FACES_WITH_TRUTH = (
    "st_lpips", "psnr", "identity", "clean_ssim_y", "ssim_y", "sharpness_share", "clean_identity", "psnr_y",
)  # fmt: skip
SHOWN_FACES_WITHOUT = ("given_identity", "sharpness_gain", "given_ssim_y")
"""Columns of the terminal's tables; the files hold all."""


def shown(name: str, value: float | None) -> str:
    """A value as people read it: in its unit, rounded; a dash where there is none."""
    if value is None:
        return "–"
    figure = figure_of(name)
    return f"{value * figure.scale:.{figure.digits}f}"


def figure_of(name: str) -> Figure:
    """What the figure of that name means, whatever task it is from."""
    return ALL_FIGURES[name]

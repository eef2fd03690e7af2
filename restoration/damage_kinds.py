"""The kinds of damage and the ways of mending them, as every room names them: steps, catalog, labels and pages.

A *mask* is a PNG of one byte a pixel, of the restored picture's size: 0 where the scan's own pixels are, else the code
of the kind that was filled there (:data:`MASK_CODES`). It says where a computer made the picture, and of what it made
it. Lettering is history: it is reported, and never in a mask.
"""

from __future__ import annotations

from enum import StrEnum


class DamageKind(StrEnum):
    """What is wrong with a place of a scan. Mirrors the SQL type ``damage_kind``."""

    SCRATCH = "scratch"
    """A thin line: emulsion scraped off, or dirt drawn across it."""
    CREASE = "crease"
    """A fold or a crack of the print, with its shading."""
    HOLE = "hole"
    """What is gone: tears, holes, flaked areas, missing corners."""
    DUST = "dust"
    """Specks, hairs and fibres that lay on the print or on the scanner."""
    STAIN = "stain"
    """A spot that veils the picture without hiding it; its tone is corrected, nothing is filled."""
    WRITING = "writing"
    """Captions, numbers, stamps, signatures: reported, never mended."""


class Mending(StrEnum):
    """How a kind of damage was mended. Mirrors the SQL type ``mending``."""

    NONE = "none"
    """Reported only, or left to a person."""
    SURROUNDINGS = "surroundings"
    """Filled from the pixels round it, without a trained model."""
    NET = "net"
    """Filled by an inpainting net."""
    TONE = "tone"
    """Its tone was brought to that of its surroundings; the drawing is the scan's own."""


MASK_CODES: dict[DamageKind, int] = {
    DamageKind.SCRATCH: 48,
    DamageKind.CREASE: 96,
    DamageKind.HOLE: 144,
    DamageKind.DUST: 192,
    DamageKind.STAIN: 240,
}
"""Value of each kind in a mask: far enough apart to be told with the eye."""

FILLED_KINDS = frozenset({DamageKind.SCRATCH, DamageKind.CREASE, DamageKind.HOLE, DamageKind.DUST})
"""Kinds whose place in a mask holds an invention; a stain's holds the scan's own drawing."""

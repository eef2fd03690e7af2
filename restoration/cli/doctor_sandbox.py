"""What `restoration doctor` says of the decoding process: which layers confine it here, and what that leaves open."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from restoration.cli.doctor_checks import Finding, ok
from restoration.errors import EnvironmentProblem
from restoration.settings import Settings

if TYPE_CHECKING:
    from restoration.photo.sandbox.layers import Held

_SUBJECT = "sandbox"
_CURE = (
    "Scans are still decoded in a process of their own, with less round it; docs/security.md says what each layer does."
)


def check_sandbox(settings: Settings) -> Iterator[Finding]:
    """A decoding process is started: a line for each of its layers, and one for what they promise together."""
    try:
        from restoration.photo.decode import DecodeLimits, Decoder
        from restoration.photo.sandbox.layers import PROMISES, unkept
    except (ImportError, OSError) as error:
        yield Finding(_SUBJECT, "note", f"nothing is decoded here: {error}", "Only workers need it: `make env`.")
        return
    limits = DecodeLimits(memory_mb=settings.decode_memory_mb, max_pixels=settings.max_pixels)
    try:
        with Decoder(limits) as decoder:
            states = decoder.layers()
    except (EnvironmentProblem, OSError) as error:
        yield Finding(_SUBJECT, "problem", f"no decoding process: {error}", "Run `make env` again, on this machine.")
        return
    yield from map(_layer, states)
    lacking = unkept(states)
    if not lacking:
        yield ok(_SUBJECT, f"the decoding process {', '.join(PROMISES)}")
        return
    found = f"nothing sees to it that the decoding process {', '.join(lacking)}"
    if settings.decoder_sandbox == "required":
        cure = (
            "Workers refuse to start here (RESTORATION_DECODER_SANDBOX=required); docs/security.md says what they need."
        )
        yield Finding(_SUBJECT, "problem", found, cure)
        return
    yield Finding(_SUBJECT, "note", found, _CURE)


def _layer(state: Held) -> Finding:
    words = f"{state.layer}: {state.detail}" if state.detail else str(state.layer)
    return ok(_SUBJECT, words) if state.held else Finding(_SUBJECT, "note", f"not held, {words}")

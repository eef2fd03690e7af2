"""The layers that confine a process, what each of them was asked to do, and what they promise together."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum


class Layer(StrEnum):
    """One thing that the kernel can be asked for. Each is asked for by itself, and may be refused by itself."""

    LIMITS = "limits"
    """Memory, processor time, files open at once, bytes of a file, threads; no core dumps."""
    USER_NAMESPACE = "user namespace"
    """No right over what lies outside: other processes cannot be looked into, root's rights end here."""
    NETWORK_NAMESPACE = "network namespace"
    """A network of its own, in which there is nothing."""
    NO_NEW_PRIVILEGES = "no new privileges"
    """No program that it might start would have more rights than it has."""
    LANDLOCK = "landlock"
    """No file is opened but libraries for reading; no other process is traced or signalled, no port connected to."""
    CAPABILITIES = "capabilities"
    """Every right of root is given up, also within its own namespaces."""
    NOT_DUMPABLE = "not dumpable"
    """Other processes of the same user cannot read its memory, in which a scan lies."""
    SECCOMP = "seccomp"
    """Only calls that decoding needs: no socket, no program, no process, no signal, no file opened for writing."""


@dataclass(frozen=True)
class Held:
    """Whether a layer holds, and why not (or, for some, in which version it does)."""

    layer: Layer
    held: bool
    detail: str = ""


PROMISES: dict[str, frozenset[Layer]] = {
    "reaches no network": frozenset({Layer.SECCOMP, Layer.NETWORK_NAMESPACE}),
    "starts no program and no process, and signals none": frozenset({Layer.SECCOMP}),
    "reads no file but those of its libraries": frozenset({Layer.LANDLOCK}),
    "writes no file but its own": frozenset({Layer.SECCOMP, Layer.LANDLOCK}),
    "sees nothing of the worker": frozenset({Layer.LANDLOCK, Layer.USER_NAMESPACE}),
    "gains no rights": frozenset({Layer.NO_NEW_PRIVILEGES}),
    "fills neither memory nor disk": frozenset({Layer.LIMITS}),
}
"""What a confined process does not do, and the layers of which each alone sees to that."""


def unkept(states: Collection[Held]) -> list[str]:
    """Promises that no layer that holds sees to."""
    holding = {state.layer for state in states if state.held}
    return [promise for promise, layers in PROMISES.items() if not layers & holding]

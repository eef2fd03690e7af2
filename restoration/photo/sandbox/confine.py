"""Confines this process: every layer that the kernel has, in the one order in which they can be had."""

from __future__ import annotations

import resource
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from restoration.photo.sandbox import landlock, seccomp
from restoration.photo.sandbox.layers import Held, Layer
from restoration.photo.sandbox.linux import PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS, NotHeld, prctl, syscall, unshare
from restoration.photo.sandbox.syscalls import machine

OPEN_FILES = 128
"""Files open at once: pipes, the scan, its pixels, and libraries while they are loaded."""
THREADS = 64
"""Threads at once. Libraries are told to take two each (:mod:`restoration.photo.decoding_process`)."""
_CLONE_NEWUSER, _CLONE_NEWNET, _CLONE_NEWIPC, _CLONE_NEWUTS = 0x10000000, 0x40000000, 0x08000000, 0x04000000
"""linux/sched.h"""
_CAPABILITY_VERSION_3 = 0x20080522
"""linux/capability.h"""


@dataclass(frozen=True)
class Allowed:
    """What is left to a confined process.

    ``readable``: files, and folders with all that lies below. ``memory``: MiB of address space beyond what it has now.
    ``file_bytes``: how long a file that it was given may become.
    """

    readable: Sequence[str]
    memory: int
    file_bytes: int


def confine(allowed: Allowed) -> list[Held]:
    """Give up everything but what is allowed, for ever. The process must have one thread only.

    :returns: a word on every layer; those that this kernel, or whoever started us, does not grant do not hold.
    """
    apart = _tried(Layer.USER_NAMESPACE, lambda: _apart(_CLONE_NEWUSER))
    steps: list[tuple[Layer, Callable[[], str]]] = [
        (Layer.NETWORK_NAMESPACE, lambda: _apart(_CLONE_NEWNET | _CLONE_NEWIPC | _CLONE_NEWUTS)),
        (Layer.LIMITS, lambda: _limited(allowed, in_namespace=apart.held)),
        (Layer.NO_NEW_PRIVILEGES, lambda: _set(PR_SET_NO_NEW_PRIVS, 1)),
        (Layer.LANDLOCK, lambda: landlock.restrict(allowed.readable)),
        (Layer.CAPABILITIES, _without_capabilities),
        (Layer.NOT_DUMPABLE, lambda: _set(PR_SET_DUMPABLE, 0)),
        (Layer.SECCOMP, seccomp.install),
    ]
    return [apart, *(_tried(layer, step) for layer, step in steps)]


def _tried(layer: Layer, step: Callable[[], str]) -> Held:
    try:
        return Held(layer, True, step())
    except NotHeld as error:
        return Held(layer, False, str(error))


def _apart(namespaces: int) -> str:
    unshare(namespaces)
    return ""


def _set(option: int, value: int) -> str:
    prctl(option, value)
    return ""


def _without_capabilities() -> str:
    of = machine()
    if of is None or "capset" not in of.numbers:
        raise NotHeld("the calls of this processor are not listed")
    # a header (version, this process), then two halves of effective, permitted and inheritable ones
    syscall(of.numbers["capset"], struct.pack("=Ii", _CAPABILITY_VERSION_3, 0), bytes(24))
    return ""


def _limited(allowed: Allowed, *, in_namespace: bool) -> str:
    """:raises NotHeld: the system refuses one of them."""
    with open("/proc/self/statm", encoding="ascii") as statm:
        used = int(statm.read().split()[0]) * resource.getpagesize()
    limits = {
        resource.RLIMIT_AS: used + allowed.memory * 1024 * 1024,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: OPEN_FILES,
        resource.RLIMIT_FSIZE: allowed.file_bytes,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
    }
    if in_namespace:  # else all processes of this user would count, those of the worker too
        limits[resource.RLIMIT_NPROC] = THREADS
    try:
        for which, most in limits.items():
            _, hard = resource.getrlimit(which)
            most = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(which, (most, most))
    except (ValueError, OSError) as error:
        raise NotHeld(str(error)) from error
    return ""

"""Landlock: which files a process may open from now on, and that it connects to nothing and signals nobody.

Numbers are those of linux/landlock.h.
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Iterable
from contextlib import suppress

from restoration.photo.sandbox.linux import NotHeld, syscall
from restoration.photo.sandbox.syscalls import machine

_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16}
"""How many rights over files each version knows, all of which are taken away."""
_CONNECT_AND_BIND, _NET_SINCE = 0b11, 4
_SIGNALS_AND_ABSTRACT_SOCKETS, _SCOPES_SINCE = 0b11, 6
_VERSION, _PATH_BENEATH = 1, 1

_pinned: list[int] = []
"""Descriptors of what lies below /proc: as long as one is open, the kernel keeps the very file that a rule is for."""


class _Ruleset(ctypes.Structure):
    """struct landlock_ruleset_attr"""

    _fields_ = (("files", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    """struct landlock_path_beneath_attr, which is packed"""

    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def version() -> int:
    """Which version of Landlock this kernel has. :raises NotHeld: none."""
    of = machine()
    if of is None:
        raise NotHeld(f"the calls of this processor ({os.uname().machine}) are not listed")
    number = of.numbers["landlock_create_ruleset"]
    return syscall(number, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION))


def restrict(readable: Iterable[str]) -> str:
    """Take every right over files away from this thread, but to read those files and all below those folders.

    Threads that it starts later are held too; others are not, so this must be the process's only one.

    :param readable: paths; those that are not there are passed over.
    :returns: which version, in words.
    :raises NotHeld: the kernel does not.
    """
    found = version()
    of = machine()
    assert of is not None  # noqa: S101 - for the type checker: version() has seen to it
    rights = max(count for since, count in _FILE_RIGHTS.items() if since <= found)
    ruleset = _Ruleset(
        (1 << rights) - 1,
        _CONNECT_AND_BIND if found >= _NET_SINCE else 0,
        _SIGNALS_AND_ABSTRACT_SOCKETS if found >= _SCOPES_SINCE else 0,
    )
    create = of.numbers["landlock_create_ruleset"]
    rules = syscall(create, ctypes.byref(ruleset), ctypes.c_size_t(ctypes.sizeof(ruleset)), ctypes.c_uint32(0))
    try:
        for path in readable:
            with suppress(OSError):
                _allow(of.numbers["landlock_add_rule"], rules, path)
        syscall(of.numbers["landlock_restrict_self"], ctypes.c_int(rules), ctypes.c_uint32(0))
    finally:
        os.close(rules)
    return f"version {found}"


def _allow(add_rule: int, rules: int, path: str) -> None:
    """:raises OSError: the path is not there."""
    parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        is_folder = stat.S_ISDIR(os.fstat(parent).st_mode)
        beneath = _Beneath(_READ_FILE | _READ_DIR if is_folder else _READ_FILE, parent)
        syscall(add_rule, ctypes.c_int(rules), ctypes.c_int(_PATH_BENEATH), ctypes.byref(beneath), ctypes.c_uint32(0))
    finally:
        if path.startswith("/proc/"):
            _pinned.append(parent)
        else:
            os.close(parent)

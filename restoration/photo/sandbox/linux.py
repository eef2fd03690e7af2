"""Calls into the kernel for which Python has no function, through the C library."""

from __future__ import annotations

import ctypes
import errno
import functools
import os
from typing import Any

PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 4, 38
"""linux/prctl.h"""


class NotHeld(Exception):
    """The kernel does not do what was asked; the message says why, for people."""


def prctl(option: int, value: int) -> None:
    """Set something of this process. :raises NotHeld: it was refused, or there is no such call here."""
    _called("prctl", ctypes.c_int(option), *map(ctypes.c_ulong, (value, 0, 0, 0)))


def unshare(flags: int) -> None:
    """Leave namespaces for new ones. :raises NotHeld: as for :func:`prctl`."""
    _called("unshare", ctypes.c_int(flags))


def syscall(number: int, *arguments: Any) -> int:
    """What the kernel returns to a call by its number. :raises NotHeld: as for :func:`prctl`."""
    return _called("syscall", ctypes.c_long(number), *arguments)


def _called(name: str, *arguments: Any) -> int:
    function = getattr(_library(), name, None)
    if function is None:
        raise NotHeld(f"this system has no {name}")
    result = int(function(*arguments))
    if result < 0:
        raise NotHeld(_why(ctypes.get_errno()))
    return result


def _why(number: int) -> str:
    """The three ways in which layers are mostly refused, told apart, in words."""
    name = errno.errorcode.get(number, str(number))
    if number == errno.ENOSYS:
        return f"this kernel does not know it ({name})"
    if number == errno.EOPNOTSUPP:
        return f"this kernel has it switched off ({name})"
    if number in {errno.EPERM, errno.EACCES}:
        return f"it is not allowed here ({name})"
    return f"{os.strerror(number)} ({name})"


@functools.cache
def _library() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL(None, use_errno=True)
    except (OSError, TypeError):  # no C library to be asked so
        return None
    library.syscall.restype = ctypes.c_long
    return library

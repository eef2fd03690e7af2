"""A filter of system calls: what decoding needs is let through, everything else fails with an error.

The filter is a program of the classic Berkeley Packet Filter (linux/filter.h, linux/seccomp.h). Calls fail instead of
ending the process, so that a library that asks for too much goes on without it.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Sequence

from restoration.photo.sandbox.linux import NotHeld, syscall
from restoration.photo.sandbox.syscalls import NEWEST_KNOWN, Machine, machine

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
"""BPF_LD|BPF_W|BPF_ABS, BPF_JMP with BPF_JEQ, BPF_JGE and BPF_JSET and a constant, BPF_RET."""
_KILL, _ERRNO, _ALLOW = 0x80000000, 0x00050000, 0x7FFF0000
_NUMBER, _ARCH, _ARGUMENTS = 0, 4, 16
"""Places in struct seccomp_data."""
_SET_MODE_FILTER, _ALL_THREADS = 1, 1

_OTHER_NUMBERS = 0x40000000
"""Numbers of x86_64's second set of calls (x32) have this bit."""

_FREE = (
    *("read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev", "lseek", "close", "ftruncate"),
    *("fstat", "newfstatat", "statx", "stat", "lstat", "access", "faccessat", "faccessat2", "readlink", "readlinkat"),
    *("getdents64", "getcwd", "dup", "dup2", "dup3", "fadvise64", "poll", "ppoll", "select", "pselect6"),
    *("mmap", "munmap", "mprotect", "mremap", "madvise", "msync", "brk"),
    *("futex", "set_robust_list", "set_tid_address", "rseq", "membarrier", "sched_yield", "getcpu"),
    *("rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "restart_syscall", "exit", "exit_group"),
    *("clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time", "times"),
    *("sched_getaffinity", "getpid", "gettid", "getppid", "getuid", "geteuid", "getgid", "getegid"),
    *("getrusage", "getrlimit", "setrlimit", "getrandom", "uname", "sysinfo"),
)
"""Let through whatever their arguments are."""

_UNKNOWN = ("clone3", "openat2")
"""Said to be unknown to the kernel, since what they ask for cannot be seen here; libraries then take the older call."""

_CLONE_THREAD, _CLONE_NEW = 0x00010000, 0x7E020000
"""linux/sched.h: a thread, and every namespace."""
_OPEN_TO_WRITE = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | 0o20000000
"""The last is the bit of O_TMPFILE (asm-generic/fcntl.h)."""
_FCNTL = (0, 1, 2, 3, 1030)
"""F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC: none by which signals are sent."""
_IOCTL = (0x5401, 0x5451)
"""TCGETS, by which libraries ask whether a file is a terminal, and FIOCLEX."""
_PR_SET_NAME = 15

Instruction = tuple[int, int, int, int]


def program(of: Machine, pid: int) -> list[Instruction]:
    """The filter for a processor and the process of that number.

    :returns: instructions as (code, jump if true, jump if false, constant).
    """
    number = of.numbers
    lines: list[Instruction] = [(_LOAD, 0, 0, _ARCH), (_EQUAL, 1, 0, of.audit), (_RETURN, 0, 0, _KILL)]
    lines += [(_LOAD, 0, 0, _NUMBER), (_AT_LEAST, 0, 1, _OTHER_NUMBERS), _fails(errno.EPERM)]
    for name in _FREE:
        if name in number:
            lines += [(_EQUAL, 0, 1, number[name]), (_RETURN, 0, 0, _ALLOW)]
    for name in _UNKNOWN:
        lines += [(_EQUAL, 0, 1, number[name]), _fails(errno.ENOSYS)]
    lines += _if_called(number["clone"], _no_bit_of(0, _CLONE_NEW), _some_bit_of(0, _CLONE_THREAD))
    lines += _if_called(number["openat"], _no_bit_of(2, _OPEN_TO_WRITE, errno.EACCES))
    lines += _if_called(number["fcntl"], _one_of(1, _FCNTL))
    lines += _if_called(number["ioctl"], _one_of(1, _IOCTL, errno.ENOTTY))
    lines += _if_called(number["prctl"], _one_of(0, (_PR_SET_NAME,)))
    lines += _if_called(number["prlimit64"], _one_of(0, (0, pid)))
    lines += _if_called(number["tgkill"], _one_of(0, (pid,)))
    return [*lines, (_AT_LEAST, 0, 1, NEWEST_KNOWN + 1), _fails(errno.ENOSYS), _fails(errno.EPERM)]


def _fails(number: int) -> Instruction:
    return (_RETURN, 0, 0, _ERRNO | number)


def _if_called(number: int, *checks: list[Instruction]) -> list[Instruction]:
    """Checks of arguments for one call; it is let through if none of them fails it."""
    body = [line for check in checks for line in check]
    return [(_EQUAL, 0, len(body) + 1, number), *body, (_RETURN, 0, 0, _ALLOW)]


def _argument(place: int) -> Instruction:
    """The lower half of an argument, since those that are looked at have 32 bits; both processors are little-endian."""
    return (_LOAD, 0, 0, _ARGUMENTS + 8 * place)


def _no_bit_of(place: int, bits: int, error: int = errno.EPERM) -> list[Instruction]:
    return [_argument(place), (_ANY_BIT, 0, 1, bits), _fails(error)]


def _some_bit_of(place: int, bits: int, error: int = errno.EPERM) -> list[Instruction]:
    return [_argument(place), (_ANY_BIT, 1, 0, bits), _fails(error)]


def _one_of(place: int, values: Sequence[int], error: int = errno.EPERM) -> list[Instruction]:
    tests = [(_EQUAL, len(values) - k, 0, value) for k, value in enumerate(values)]
    return [_argument(place), *tests, _fails(error)]


class _Program(ctypes.Structure):
    """struct sock_fprog"""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def install() -> str:
    """Put the filter over every thread of this process, for ever; it must have no new privileges already.

    :raises NotHeld: the kernel does not, or the processor's calls are not known here.
    """
    of = machine()
    if of is None:
        raise NotHeld(f"the calls of this processor ({os.uname().machine}) are not listed")
    lines = program(of, os.getpid())
    code = b"".join(struct.pack("=HBBI", *line) for line in lines)
    filter_ = _Program(len(lines), code)
    syscall(of.numbers["seccomp"], ctypes.c_uint(_SET_MODE_FILTER), ctypes.c_uint(_ALL_THREADS), ctypes.byref(filter_))
    return ""

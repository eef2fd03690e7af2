"""Numbers of system calls, from the kernel's headers: asm/unistd_64.h (x86_64) and asm-generic/unistd.h (aarch64)."""

from __future__ import annotations

import platform
from dataclasses import dataclass

NEWEST_KNOWN = 451
"""Calls above this number came after these lists (Linux 6.3): the kernel's own word for them is "no such call"."""

_X86_64 = {
    **{"read": 0, "write": 1, "close": 3, "stat": 4, "fstat": 5, "lstat": 6, "poll": 7, "lseek": 8, "mmap": 9},
    **{"mprotect": 10, "munmap": 11, "brk": 12, "rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigreturn": 15},
    **{"ioctl": 16, "pread64": 17, "pwrite64": 18, "readv": 19, "writev": 20, "access": 21, "select": 23},
    **{"sched_yield": 24, "mremap": 25, "msync": 26, "madvise": 28, "dup": 32, "dup2": 33, "nanosleep": 35},
    **{"getpid": 39, "clone": 56, "exit": 60, "uname": 63, "fcntl": 72, "ftruncate": 77, "getcwd": 79},
    **{"readlink": 89, "gettimeofday": 96, "getrlimit": 97, "getrusage": 98, "sysinfo": 99, "times": 100},
    **{"getuid": 102, "getgid": 104, "geteuid": 107, "getegid": 108, "getppid": 110, "capset": 126},
    **{"sigaltstack": 131, "prctl": 157, "setrlimit": 160, "gettid": 186, "time": 201, "futex": 202},
    **{"sched_getaffinity": 204, "getdents64": 217, "set_tid_address": 218, "restart_syscall": 219},
    **{"fadvise64": 221, "clock_gettime": 228, "clock_getres": 229, "clock_nanosleep": 230, "exit_group": 231},
    **{"tgkill": 234, "openat": 257, "newfstatat": 262, "readlinkat": 267, "faccessat": 269, "pselect6": 270},
    **{"ppoll": 271, "set_robust_list": 273, "dup3": 292, "preadv": 295, "pwritev": 296, "prlimit64": 302},
    **{"getcpu": 309, "seccomp": 317, "getrandom": 318, "membarrier": 324, "statx": 332, "rseq": 334},
    **{"clone3": 435, "openat2": 437, "faccessat2": 439},
    **{"landlock_create_ruleset": 444, "landlock_add_rule": 445, "landlock_restrict_self": 446},
}
_AARCH64 = {
    **{"getcwd": 17, "dup": 23, "dup3": 24, "fcntl": 25, "ioctl": 29, "ftruncate": 46, "faccessat": 48},
    **{"openat": 56, "close": 57, "getdents64": 61, "lseek": 62, "read": 63, "write": 64, "readv": 65},
    **{"writev": 66, "pread64": 67, "pwrite64": 68, "preadv": 69, "pwritev": 70, "pselect6": 72, "ppoll": 73},
    **{"readlinkat": 78, "newfstatat": 79, "fstat": 80, "capset": 91, "exit": 93, "exit_group": 94},
    **{"set_tid_address": 96, "futex": 98, "set_robust_list": 99, "nanosleep": 101, "clock_gettime": 113},
    **{"clock_getres": 114, "clock_nanosleep": 115, "sched_getaffinity": 123, "sched_yield": 124},
    **{"restart_syscall": 128, "tgkill": 131, "sigaltstack": 132, "rt_sigaction": 134, "rt_sigprocmask": 135},
    **{"rt_sigreturn": 139, "times": 153, "uname": 160, "getrlimit": 163, "setrlimit": 164, "getrusage": 165},
    **{"prctl": 167, "getcpu": 168, "gettimeofday": 169, "getpid": 172, "getppid": 173, "getuid": 174},
    **{"geteuid": 175, "getgid": 176, "getegid": 177, "gettid": 178, "sysinfo": 179, "brk": 214, "munmap": 215},
    **{"mremap": 216, "clone": 220, "mmap": 222, "fadvise64": 223, "mprotect": 226, "msync": 227},
    **{"madvise": 233, "prlimit64": 261, "seccomp": 277, "getrandom": 278, "membarrier": 283, "statx": 291},
    **{"rseq": 293, "clone3": 435, "openat2": 437, "faccessat2": 439},
    **{"landlock_create_ruleset": 444, "landlock_add_rule": 445, "landlock_restrict_self": 446},
}


@dataclass(frozen=True)
class Machine:
    """A processor's numbers. ``audit``: its name in seccomp (AUDIT_ARCH_*, linux/audit.h)."""

    name: str
    audit: int
    numbers: dict[str, int]


MACHINES = {
    "x86_64": Machine("x86_64", 0xC000003E, _X86_64),
    "aarch64": Machine("aarch64", 0xC00000B7, _AARCH64),
}


def machine() -> Machine | None:
    """This processor; None if its numbers are not known here."""
    return MACHINES.get(platform.machine())

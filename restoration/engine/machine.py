"""Telling a machine's faults from a photograph's: what a step raised says which of the two it was."""

from __future__ import annotations

import errno
from collections.abc import Iterator

from restoration.errors import DeviceFault, DiskFull, EnvironmentProblem

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE})

_DEVICE_WORDS = (
    "cuda error",
    "cudnn",
    "cublas",
    "cusolver",
    "cufft",
    "device-side assert",
    "nvrtc",
    "hip error",
    "nvml",
)
"""What torch's messages say if the device failed. The errors are plain RuntimeErrors before torch 2.8."""

_NOT_THE_DEVICE = ("out of memory",)
"""A device that has no room for one group has room for half of it: steps see to that themselves."""


def machine_fault(error: BaseException) -> EnvironmentProblem | None:
    """Return the fault of the machine that an exception, or what it came of, stands for; None if there is none."""
    for cause in _chain(error):
        if isinstance(cause, OSError) and cause.errno in _NO_ROOM:
            return DiskFull(f"this machine has no room to work ({cause.strerror}): free space in its temporary folder")
        if _is_the_device(cause):
            first = str(cause).strip().splitlines()[0] if str(cause).strip() else type(cause).__name__
            return DeviceFault(f"the device failed ({first[:200]}); look at the driver's log and at the card's health")
    return None


def try_device(device: str) -> None:
    """Multiply two matrices on a device of torch. :raises DeviceFault: it fails, or the product is wrong."""
    import torch

    side = 256
    try:
        ones = torch.ones(side, side, device=device)
        total = float((ones @ ones).sum())
    except RuntimeError as error:
        raise machine_fault(error) or DeviceFault(f"{device} does not compute: {error}") from error
    if total != side**3:
        raise DeviceFault(f"{device} computes wrongly: the sum is {total} and should be {side**3}")


def _is_the_device(error: BaseException) -> bool:
    if type(error).__name__ == "AcceleratorError":
        return True
    words = str(error).lower()
    is_torch = isinstance(error, RuntimeError)
    return is_torch and any(word in words for word in _DEVICE_WORDS) and not any(w in words for w in _NOT_THE_DEVICE)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The exception, what it was raised from, and what that was raised from; each once."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__

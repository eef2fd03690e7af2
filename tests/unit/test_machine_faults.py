"""What a step raised, told apart: the machine's fault, or the photograph's."""

from __future__ import annotations

import errno

import pytest

from restoration.engine.machine import machine_fault, try_device
from restoration.errors import (
    CatalogError,
    DeviceFault,
    DiskFull,
    EnvironmentProblem,
    ModelError,
    Owner,
    PhotoFailed,
    PhotoRejected,
    RecipeError,
    StorageError,
)


@pytest.mark.parametrize(
    "words",
    [
        "CUDA error: an illegal memory access was encountered\nCUDA kernel errors might be asynchronously reported",
        "CUDA error: device-side assert triggered",
        "cuDNN error: CUDNN_STATUS_EXECUTION_FAILED",
        "CUBLAS error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`",
    ],
)
def test_a_device_that_fails_is_the_machines(words):
    fault = machine_fault(RuntimeError(words))
    assert isinstance(fault, DeviceFault)
    assert words.splitlines()[0] in fault.message


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EMFILE])
def test_a_machine_without_room_is_the_machines(number):
    assert isinstance(machine_fault(OSError(number, "no room")), DiskFull)


def test_the_cause_counts_however_it_is_wrapped():
    def fail() -> None:
        try:
            raise OSError(errno.ENOSPC, "No space left on device")
        except OSError as error:
            raise ValueError("the picture could not be kept") from error

    with pytest.raises(ValueError, match="could not be kept") as caught:
        fail()
    assert isinstance(machine_fault(caught.value), DiskFull)


@pytest.mark.parametrize(
    "error",
    [
        ValueError("CUDA error"),
        RuntimeError("shape mismatch"),
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        FileNotFoundError(errno.ENOENT, "no such file"),
        MemoryError(),
    ],
)
def test_what_another_photograph_would_not_meet_is_not_the_machines(error):
    assert machine_fault(error) is None


def test_a_device_that_computes_passes_its_trial_and_one_that_is_not_there_fails_it():
    try_device("cpu")
    with pytest.raises(DeviceFault):
        try_device("meta")


@pytest.mark.parametrize(
    ("kind", "owner"),
    [
        (PhotoRejected, Owner.PHOTOGRAPH),
        (PhotoFailed, Owner.PHOTOGRAPH),
        (StorageError, Owner.INFRASTRUCTURE),
        (CatalogError, Owner.INFRASTRUCTURE),
        (ModelError, Owner.MACHINE),
        (DeviceFault, Owner.MACHINE),
        (EnvironmentProblem, Owner.MACHINE),
        (RecipeError, Owner.CALLER),
    ],
)
def test_every_error_has_an_owner(kind, owner):
    assert kind("what was wrong").owner is owner

"""An interpreter for the pickles that torch writes: it knows the few names that tensors need and executes nothing."""

from __future__ import annotations

import io
import math
import pickle
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, BinaryIO

_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
_STORAGES = {
    "DoubleStorage": "F64",
    "FloatStorage": "F32",
    "HalfStorage": "F16",
    "BFloat16Storage": "BF16",
    "LongStorage": "I64",
    "IntStorage": "I32",
    "ShortStorage": "I16",
    "CharStorage": "I8",
    "ByteStorage": "U8",
    "BoolStorage": "BOOL",
}


@dataclass(frozen=True)
class TensorHead:
    """Type (as safetensors writes it: F32, F16, BF16, I64, ...) and shape of one tensor."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def numbers(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of its numbers; 0 for a type that is not known."""
        return self.numbers * _BYTES.get(self.dtype, 0)


@dataclass(frozen=True)
class Storage:
    """Where a tensor's numbers are: type, name within the archive, and how many there are."""

    dtype: str
    key: str = ""
    numbers: int = 0


class HeadReader(pickle.Unpickler):
    """Knows how torch writes tensors, and nothing else: every other name is refused before anything is called."""

    def __init__(self, file: BinaryIO | io.BytesIO) -> None:
        super().__init__(file, encoding="utf-8")

    def find_class(self, module: str, name: str) -> Any:
        """Stand-ins for the few names that state dicts need. :raises UnpicklingError: any other."""
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return self.rebuilt
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return _rebuilt_parameter
        if module == "torch" and name in _STORAGES:
            return Storage(_STORAGES[name])
        raise pickle.UnpicklingError(f"it names {module}.{name}, which weights do not need; it is not executed")

    def persistent_load(self, pid: Any) -> Storage:
        """The storage's type and place; its numbers are not read."""
        kind, storage = pid[0], pid[1]
        if kind != "storage" or not isinstance(storage, Storage):
            raise pickle.UnpicklingError("it holds a reference that is no storage")
        return Storage(storage.dtype, str(pid[2]), int(pid[4]))

    def rebuilt(self, storage: Storage, offset: int, size: tuple[int, ...], *_: Any) -> Any:
        """What stands for a tensor: its head."""
        return TensorHead(storage.dtype, tuple(int(side) for side in size))


def _rebuilt_parameter(data: TensorHead, *_: Any) -> TensorHead:
    return data

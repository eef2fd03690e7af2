"""Names, shapes and types of the tensors in a weights file, without loading one and without torch.

Two kinds of files are understood: safetensors, whose first bytes are a JSON table, and what ``torch.save`` writes (a
zip archive, or the older bare pickle). The pickle is read by an interpreter that knows the few names that tensors need
and refuses every other before anything is executed.
"""

from __future__ import annotations

import io
import json
import math
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from restoration.errors import ModelError, ReasonCode

WRAPPERS = ("params_ema", "params")
"""Names under which published files keep the state dict, best first (BasicSR's convention)."""

PARALLEL_PREFIX = "module."

_MOST_HEADER_BYTES = 100_000_000
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
_LEGACY_PARTS_BEFORE = 3
"""Magic number, version and machine facts come before the content in files of torch before 1.6."""


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


Heads = dict[str, TensorHead]


def read_heads(path: Path, state_key: str = "") -> Heads:
    """Heads of a weights file's tensors by name, in the file's order. Nothing in the file is executed.

    :param state_key: name of the state dict inside the file, such as ``params_ema``; where empty, the file is one, or
        holds one under one of :data:`WRAPPERS`.
    :raises ModelError: not readable as weights, cut off, or holding more than tensors (MODEL_CORRUPT).
    """
    try:
        if path.suffix == ".safetensors":
            return _safetensors(path)
        return _tensors(path, state_dict_in(_torch_content(path), state_key, path.name))
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, EOFError, struct.error) as error:
        raise _unreadable(path, error) from error
    except (pickle.UnpicklingError, zipfile.BadZipFile) as error:
        raise _unreadable(path, error) from error


def state_dict_in(content: Any, state_key: str, file_name: str) -> Mapping[str, Any]:
    """The state dict inside what a file holds; see :func:`read_heads`.

    :raises ModelError: there is none of that name (MODEL_CORRUPT).
    """
    if not isinstance(content, Mapping):
        raise ModelError(f"{file_name} holds no state dict", reason=ReasonCode.MODEL_CORRUPT)
    wrapper = state_key or next((name for name in WRAPPERS if isinstance(content.get(name), Mapping)), "")
    inner = content.get(wrapper) if wrapper else content
    if not isinstance(inner, Mapping):
        raise ModelError(f"{file_name} holds no {wrapper!r}", reason=ReasonCode.MODEL_CORRUPT)
    return _without_prefix(inner)


def _without_prefix(state: Mapping[str, Any]) -> Mapping[str, Any]:
    """Names without ``module.``, which torch's DataParallel puts before every one of them."""
    if not state or not all(str(name).startswith(PARALLEL_PREFIX) for name in state):
        return state
    return {str(name).removeprefix(PARALLEL_PREFIX): value for name, value in state.items()}


def _unreadable(path: Path, error: Exception) -> ModelError:
    first = (str(error).splitlines() or [""])[0] or type(error).__name__
    return ModelError(f"{path.name} cannot be read as weights: {first}", reason=ReasonCode.MODEL_CORRUPT)


def _safetensors(path: Path) -> Heads:
    """Format: 8 bytes little-endian length, that many bytes of JSON, then the numbers (huggingface/safetensors)."""
    size = path.stat().st_size
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        if length > min(size - 8, _MOST_HEADER_BYTES):
            raise ValueError(f"its table is said to be {length} bytes long, the file has {size}")
        table = json.loads(file.read(length))
    heads: Heads = {}
    end = 0
    for name, facts in table.items():
        if name != "__metadata__":
            heads[name] = TensorHead(str(facts["dtype"]), tuple(int(side) for side in facts["shape"]))
            begin, end = facts["data_offsets"]
            if end - begin != heads[name].nbytes or not 0 <= begin <= end <= size - 8 - length:
                raise ValueError(f"the numbers of {name} do not lie within the file; it is cut off or spoilt")
    return heads


def _torch_content(path: Path) -> Any:
    if not zipfile.is_zipfile(path):
        with path.open("rb") as file:
            for _ in range(_LEGACY_PARTS_BEFORE):
                _HeadReader(file).load()
            return _HeadReader(file).load()
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.count("/") == 1 and name.endswith("/data.pkl")]
        if len(names) != 1 or archive.getinfo(names[0]).file_size > _MOST_HEADER_BYTES:
            raise ValueError("it is a zip archive, but not one of torch.save")
        return _HeadReader(io.BytesIO(archive.read(names[0]))).load()


def _tensors(path: Path, state: Mapping[str, Any]) -> Heads:
    strange = [str(name) for name, value in state.items() if not isinstance(value, TensorHead)]
    if strange:
        raise ValueError(f"{', '.join(strange[:5])} are no tensors")
    return {str(name): head for name, head in state.items()}


class _HeadReader(pickle.Unpickler):
    """Knows how torch writes tensors, and nothing else: every other name is refused before anything is called."""

    def __init__(self, file: BinaryIO | io.BytesIO) -> None:
        super().__init__(file, encoding="utf-8")

    def find_class(self, module: str, name: str) -> Any:
        """Stand-ins for the few names that state dicts need. :raises UnpicklingError: any other."""
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuilt_tensor
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return _rebuilt_parameter
        if module == "torch" and name in _STORAGES:
            return _Storage(_STORAGES[name])
        raise pickle.UnpicklingError(f"it names {module}.{name}, which weights do not need; it is not executed")

    def persistent_load(self, pid: Any) -> _Storage:
        """The storage's type; its numbers are not read."""
        kind, storage = pid[0], pid[1]
        if kind != "storage" or not isinstance(storage, _Storage):
            raise pickle.UnpicklingError("it holds a reference that is no storage")
        return storage


@dataclass(frozen=True)
class _Storage:
    dtype: str


def _rebuilt_tensor(storage: _Storage, offset: int, size: tuple[int, ...], *_: Any) -> TensorHead:
    return TensorHead(storage.dtype, tuple(int(side) for side in size))


def _rebuilt_parameter(data: TensorHead, *_: Any) -> TensorHead:
    return data

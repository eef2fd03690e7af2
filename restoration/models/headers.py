"""Names, shapes and types of the tensors in a weights file, without loading one and without torch.

Three kinds of files are understood: safetensors, whose first bytes are a JSON table, what ``torch.save`` writes (a zip
archive, or the older bare pickle), and TorchScript archives. Pickles are read by an interpreter that knows the few
names that tensors need and refuses every other before anything is executed; a script's program is not looked at.
"""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from restoration.errors import ModelError, ReasonCode
from restoration.models.pickles import HeadReader, TensorHead
from restoration.models.scripted import is_scripted, scripted_heads

WRAPPERS = ("params_ema", "params")
"""Names under which published files keep the state dict, best first (BasicSR's convention)."""

PREFIXES = ("module.", "model.generator.", "generator.")
"""What published files put before every name: torch's DataParallel, and what LaMa was trained and traced in."""

_MOST_HEADER_BYTES = 100_000_000
_LEGACY_PARTS_BEFORE = 3
"""Magic number, version and machine facts come before the content in files of torch before 1.6."""

Heads = dict[str, TensorHead]
Value = TypeVar("Value")


def read_heads(path: Path, state_key: str = "") -> Heads:
    """Heads of a weights file's tensors by name, in the file's order. Nothing in the file is executed.

    :param state_key: name of the state dict inside the file, such as ``params_ema``; where empty, the file is one, or
        holds one under one of :data:`WRAPPERS`.
    :raises ModelError: not readable as weights, cut off, or holding more than tensors (MODEL_CORRUPT).
    """
    try:
        if path.suffix == ".safetensors":
            return dict(without_prefix(_safetensors(path)))
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
    return without_prefix(inner)


def without_prefix(state: Mapping[str, Value]) -> Mapping[str, Value]:
    """Tensors by name, without one of :data:`PREFIXES` where every name begins with it."""
    for prefix in PREFIXES:
        if state and all(str(name).startswith(prefix) for name in state):
            return {str(name).removeprefix(prefix): value for name, value in state.items()}
    return state


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
                HeadReader(file).load()
            return HeadReader(file).load()
    if is_scripted(path):
        return scripted_heads(path)
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.count("/") == 1 and name.endswith("/data.pkl")]
        if len(names) != 1 or archive.getinfo(names[0]).file_size > _MOST_HEADER_BYTES:
            raise ValueError("it is a zip archive, but not one of torch.save")
        return HeadReader(io.BytesIO(archive.read(names[0]))).load()


def _tensors(path: Path, state: Mapping[str, Any]) -> Heads:
    strange = [str(name) for name, value in state.items() if not isinstance(value, TensorHead)]
    if strange:
        raise ValueError(f"{', '.join(strange[:5])} are no tensors")
    return {str(name): head for name, head in state.items()}

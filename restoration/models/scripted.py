"""Weights inside a TorchScript archive, read without running the program that comes with them.

``torch.jit.load`` compiles an archive's program and may run parts of it. Here the program is not even opened: the
archive's pickle is read by an interpreter in which every module of the program is an empty box of attributes, and a
tensor's name is the way to it through the boxes, which is how torch names it.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from restoration.models.pickles import HeadReader, Storage, TensorHead

if TYPE_CHECKING:
    import torch

_MOST_PICKLE_BYTES = 100_000_000
_MOST_PARTS = 100_000
_DEEPEST = 50
_PROGRAM = "__torch__"
_LISTS = "torch.jit._pickle"
"""Where the functions live by which TorchScript marks the types of lists and dicts."""


def is_scripted(path: Path) -> bool:
    """Whether a file is a TorchScript archive: what torch itself goes by is a table of constants beside the pickle."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return bool(_members(archive, "constants.pkl") and _members(archive, "data.pkl"))


def scripted_heads(path: Path) -> dict[str, TensorHead]:
    """Heads of an archive's tensors by name; their numbers are not read.

    :raises TypeError, ValueError: it holds no module, or modules that are no tree.
    :raises UnpicklingError: its pickle names what weights do not need.
    """
    with zipfile.ZipFile(path) as archive:
        return _named(_BoxReader(_pickle(archive)).load(), TensorHead)


def scripted_weights(path: Path) -> dict[str, torch.Tensor]:
    """An archive's tensors by name, on the CPU.

    :raises TypeError, ValueError, KeyError: as :func:`scripted_heads`; or numbers are missing, too few, or of another
        byte order.
    :raises UnpicklingError: its pickle names what weights do not need.
    """
    import torch

    with zipfile.ZipFile(path) as archive:
        for name in _members(archive, "byteorder"):
            if archive.read(name).strip() != b"little":
                raise ValueError("its numbers are not in little-endian order")
        return _named(_TensorReader(archive).load(), torch.Tensor)


def _members(archive: zipfile.ZipFile, name: str) -> list[str]:
    return [member for member in archive.namelist() if member.count("/") == 1 and member.endswith(f"/{name}")]


def _pickle(archive: zipfile.ZipFile) -> io.BytesIO:
    (name,) = _members(archive, "data.pkl")
    if archive.getinfo(name).file_size > _MOST_PICKLE_BYTES:
        raise ValueError("its pickle is too long for a net's description")
    return io.BytesIO(archive.read(name))


class _Box:
    """Stands for any module of the program."""

    attributes: Mapping[str, Any] = {}

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, Mapping):
            raise TypeError("it holds a module that is not described by its attributes")
        self.attributes = state


class _BoxReader(HeadReader):
    """Knows modules of a program besides tensors, as boxes; no program is looked at."""

    def find_class(self, module: str, name: str) -> Any:
        if module.split(".", 1)[0] == _PROGRAM:
            return _Box
        if module == _LISTS or (module, name) == ("torch", "device"):
            return _as_it_is
        return super().find_class(module, name)


def _as_it_is(value: Any, *_: Any) -> Any:
    return value


class _TensorReader(_BoxReader):
    """Reads the numbers too."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        super().__init__(_pickle(archive))
        self._archive = archive
        self._root = _members(archive, "data.pkl")[0].split("/")[0]
        self._read: dict[str, torch.Tensor] = {}

    def rebuilt(
        self, storage: Storage, offset: int, size: tuple[int, ...], stride: tuple[int, ...] = (), *_: Any
    ) -> torch.Tensor:
        """The tensor, with numbers of its own. :raises ValueError: its storage does not hold them."""
        import torch

        if TensorHead(storage.dtype, size).numbers > storage.numbers:
            raise ValueError(f"a tensor of {size} does not lie within its storage of {storage.numbers} numbers")
        strided = torch.as_strided(self._numbers(storage), size, stride, offset)
        return strided.clone(memory_format=torch.contiguous_format)

    def _numbers(self, storage: Storage) -> torch.Tensor:
        import torch
        from safetensors.torch import _TYPES

        if storage.key not in self._read:
            member = self._archive.getinfo(f"{self._root}/data/{storage.key}")
            if member.file_size != TensorHead(storage.dtype, (storage.numbers,)).nbytes or not member.file_size:
                raise ValueError(
                    f"{member.filename} has {member.file_size} bytes, not those of {storage.numbers} numbers"
                )
            data = bytearray(self._archive.read(member))
            self._read[storage.key] = torch.frombuffer(data, dtype=cast("torch.dtype", _TYPES[storage.dtype]))
        return self._read[storage.key]


def _named(root: Any, kind: type) -> dict[str, Any]:
    """Everything of a kind below a box, by the way to it.

    :raises TypeError: it is no box.
    :raises ValueError: boxes hold each other in a ring or without end.
    """
    if not isinstance(root, _Box):
        raise TypeError("it is a TorchScript archive without a module")
    found: dict[str, Any] = {}
    waiting: list[tuple[str, Any, int]] = [("", root, 0)]
    parts = 0
    while waiting:
        name, part, depth = waiting.pop()
        parts += 1
        if parts > _MOST_PARTS or depth > _DEEPEST:
            raise ValueError("its modules hold each other without end")
        if isinstance(part, kind):
            found[name.removesuffix(".")] = part
        elif isinstance(part, _Box):
            inner = [(f"{name}{key}.", value, depth + 1) for key, value in part.attributes.items()]
            waiting += reversed(inner)  # the last one is looked at next, so that the file's order is kept
    return found

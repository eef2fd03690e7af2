"""Files that are changed in one step or not at all, and by one process at a time."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from restoration.errors import ModelError, ReasonCode


def replace_file(path: Path, content: bytes) -> None:
    """Give a file new content in one step; whatever fails leaves the old bytes and no other file.

    :raises ModelError: the disk refuses.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise _not_written(path, error) from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, path.stat().st_mode & 0o777 if path.exists() else 0o644)
        os.replace(name, path)
    except BaseException as error:
        Path(name).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _not_written(path, error) from error
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Ask for the folder's names to be on the disk too, so that a rename survives a power cut.

    Some file systems cannot do that for folders; the rename is done all the same, so that is no failure.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            os.fsync(handle)
    finally:
        os.close(handle)


def _not_written(path: Path, error: OSError) -> ModelError:
    return ModelError(f"cannot write {path}: {error}; it is as it was", reason=ReasonCode.SETTINGS_INVALID)


@contextmanager
def locked(path: Path, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold an exclusive lock on a file, made where it is not there; the kernel frees it when the process ends.

    :param waiting: called once where another process holds it.
    :raises ModelError: the lock's file cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a")
    except OSError as error:
        raise _not_written(path, error) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if waiting:
                waiting()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield

"""What a scan that took the decoding process over might do: run by the same entry, confined as that process is.

The scan names the attack. What came of it is told as the detail of a refusal; answers that are attacks themselves are
written as they are. ``tests.unit.hostile_loose`` runs the same attacks without confinement.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from restoration.photo.decoder_child import Files, Request, main
from restoration.photo.sandbox.syscalls import machine

MAGIC = b"\x89PNG\r\n\x1a\n"
PIXELS = {"width": 100, "height": 100, "bits": 8, "channels": 3, "format": "png", "page": 1, "pages": 1}
FACTS: dict[str, Any] = PIXELS | {
    **{"dpi": 0.0, "dpi_down": 0.0, "icc": "", "orientation": 1},
    **{"metadata": {}, "embedded": {}, "embedded_from": {}},
}
SIGCHLD_ALONE = 17
"""What fork asks of clone."""


def fork() -> str:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return "forked"


def bare_clone() -> str:
    of = machine()
    number = of.numbers["clone"] if of else 0
    child = ctypes.CDLL(None, use_errno=True).syscall(number, SIGCHLD_ALONE, 0, 0, 0, 0)
    if child == 0:
        os._exit(0)
    if child < 0:
        raise OSError(ctypes.get_errno(), "clone")
    os.waitpid(child, 0)
    return "cloned"


def run(words: list[str]) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def execute() -> str:
    """In place of this process, so that no new one is needed; its output would be the answer."""
    os.execv(sys.executable, [sys.executable, "-S", "-c", "import os; os.write(1, b'x')"])


def connect(port: int) -> str:
    with socket.create_connection(("127.0.0.1", port), 3) as link:
        return f"connected to {link.getpeername()}"


def trace(pid: int) -> str:
    library = ctypes.CDLL(None, use_errno=True)
    if library.ptrace(0x4206, pid, None, None) != 0:  # PTRACE_SEIZE
        raise OSError(ctypes.get_errno(), "ptrace")
    return "traced"


def read_memory(pid: int) -> str:
    """Of the parent, without tracing it."""
    line = next(line for line in Path(f"/proc/{pid}/maps").read_text().splitlines() if " rw-p " in line)
    start = int(line.split("-")[0], 16)
    room = ctypes.create_string_buffer(16)
    mine = struct.pack("PN", ctypes.addressof(room), 16)
    theirs = struct.pack("PN", start, 16)
    found = ctypes.CDLL(None, use_errno=True).process_vm_readv(pid, mine, 1, theirs, 1, 0)
    if found < 0:
        raise OSError(ctypes.get_errno(), "process_vm_readv")
    return f"read {found} bytes"


def fill(descriptor: int) -> str:
    chunk, size = bytes(1 << 20), 0
    while size < 1 << 28:
        size += os.pwrite(descriptor, chunk, size)
    return f"wrote {size} bytes"


def own_signal(descriptor: int, pid: int) -> str:
    """Let the kernel signal the parent in our name when a pipe can be read."""
    import fcntl

    fcntl.fcntl(descriptor, fcntl.F_SETOWN, pid)
    fcntl.fcntl(descriptor, fcntl.F_SETFL, os.O_ASYNC)
    return "will signal"


def take_memory() -> str:
    held = [bytes(1 << 24) for _ in range(1 << 12)]
    return f"took {len(held)} times 16 MiB"


def open_many() -> str:
    return f"opened {len([os.dup(0) for _ in range(5000)])}"


def many_threads() -> str:
    stop = threading.Event()
    threads = [threading.Thread(target=stop.wait, daemon=True) for _ in range(500)]
    try:
        for thread in threads:
            thread.start()
    finally:
        stop.set()
    return "500 threads"


def attacks(files: Files, words: list[str]) -> dict[str, Callable[[], object]]:
    """All that answer with what came of it; words behind the name are of its own kind."""
    parent, one = os.getppid(), words[1] if len(words) > 1 else ""
    return {
        "environ": lambda: Path(f"/proc/{parent}/environ").read_bytes()[:20],
        "memory": lambda: Path(f"/proc/{parent}/mem").open("rb"),
        "vm_readv": lambda: read_memory(int(one)),
        "read": lambda: Path(one).read_bytes()[:20],
        "list": lambda: os.listdir(one),
        "write": lambda: Path(one).write_bytes(b"x"),
        "append": lambda: os.open(one, os.O_WRONLY | os.O_APPEND),
        "remove": lambda: os.unlink(one),
        "rename": lambda: os.rename(one, f"{one}.moved"),
        "mode": lambda: os.chmod(one, 0o777),
        "shorten": lambda: os.truncate(one, 0),
        "folder": lambda: os.mkdir(f"{one}.folder"),
        "link": lambda: os.symlink("/etc/passwd", f"{one}.link"),
        "inet": lambda: socket.socket(socket.AF_INET),
        "unix": lambda: socket.socket(socket.AF_UNIX),
        "pair": socket.socketpair,
        "connect": lambda: connect(int(one)),
        "fork": fork,
        "clone": bare_clone,
        "run": lambda: run(["/bin/true"]),
        "execute": execute,
        "kill": lambda: os.kill(int(one), signal.SIGTERM),
        "own_signal": lambda: own_signal(0, int(one)),
        "pidfd": lambda: os.pidfd_open(parent),
        "trace": lambda: trace(int(one)),
        "write_scan": lambda: os.pwrite(files.source, b"another scan", 0),
        "cut_scan": lambda: os.ftruncate(files.source, 0),
        "fill_target": lambda: fill(files.target),
        "fill_scratch": lambda: fill(files.scratch),
        "fill_words": lambda: fill(2),
        "take_memory": take_memory,
        "open_many": open_many,
        "many_threads": many_threads,
        "shared_memory": lambda: os.memfd_create("x"),
        "unshare": lambda: ctypes.CDLL(None).unshare(0x10000000),
        "own_environment": lambda: sorted(os.environ),
    }


def attempted(files: Files, words: list[str]) -> str:
    try:
        return f"!! {words[0]}: {attacks(files, words)[words[0]]()!r}"
    except OSError as error:
        return f"refused: {type(error).__name__} {error.errno}"
    except (MemoryError, RuntimeError) as error:
        return f"refused: {type(error).__name__}"


def said(files: Files, words: list[str]) -> dict[str, Any] | None:
    """Answers that are attacks; None if this is none of them."""
    os.ftruncate(files.target, 0)
    os.pwrite(files.target, bytes(30_000), 0)
    one = words[1] if len(words) > 1 else ""
    if words[0] == "fact":
        name, value = one.split("=", 1)
        return FACTS | {name: __import__("json").loads(value)}
    if words[0] == "honest":
        return FACTS
    if words[0] == "short":
        os.ftruncate(files.target, 10)
        return FACTS
    if words[0] == "no_room":
        return {"reason": "corrupt", "detail": "write failed: No space left on device", "pages": 1}
    if words[0] == "reason":
        return {"reason": one, "detail": "x", "pages": 1}
    return None


def lines(words: list[str]) -> bytes | None:
    """What is written as it is; None if this is none of them."""
    fixed = {
        "garbage": b"\xff\xfe\0 garbage\n",
        "list": b"[]\n",
        "nan": b'{"reason": NaN}\n',
        "deep": b"[" * 200_000 + b"\n",
        "twice": 2 * b'{"reason": "corrupt", "detail": "a", "pages": 1}\n',
        "long": b'{"reason": "corrupt", "detail": "' + b"x" * (3 << 20) + b'", "pages": 1}\n',
        "detail": b'{"reason": "corrupt", "detail": "' + b"x" * (1 << 19) + b'", "pages": 1}\n',
        "half": b'{"reason": "corrupt"',
        "silent": b"",
    }
    return fixed.get(words[1]) if words[0] == "line" else None


def speak_later(text: bytes) -> None:
    def speak() -> None:
        time.sleep(0.1)
        os.write(1, text)

    threading.Thread(target=speak, daemon=True).start()


def answer(files: Files, request: Request) -> dict[str, Any]:
    words = os.pread(files.source, request["size"], 0).removeprefix(MAGIC).decode().split(" ", 1)
    if (line := lines(words)) is not None:
        while line:
            line = line[os.write(1, line) :]
        time.sleep(60)
    if words[0] == "shrink":  # while the parent reads, again and again
        os.ftruncate(files.target, 0)
        os.ftruncate(files.target, int(words[1]))
        threading.Thread(target=flicker, args=(files.target, int(words[1])), daemon=True).start()
        side = round((int(words[1]) / 3) ** 0.5)
        return FACTS | {"width": side, "height": side}
    if words[0] == "later":
        speak_later(b'{"reason": "corrupt", "detail": "of another scan", "pages": 1}\n')
        return {"reason": "corrupt", "detail": "I shall speak again", "pages": 1}
    if (facts := said(files, words)) is not None:
        return facts
    return {"reason": "corrupt", "detail": attempted(files, words), "pages": 1}


def flicker(target: int, size: int) -> None:
    time.sleep(0.002)
    while True:
        os.ftruncate(target, 0)
        os.ftruncate(target, size)


if __name__ == "__main__":
    main(answer)

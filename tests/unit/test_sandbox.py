"""A scan that takes the decoding process over gets nothing by it: attacks, each run loose first and then confined."""

from __future__ import annotations

import errno
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restoration.errors import DiskFull, EnvironmentProblem, PhotoRejected, ReasonCode
from restoration.photo import decoding_process, shared_files
from restoration.photo.decode import DecodeLimits, Decoder
from restoration.photo.sandbox import seccomp, syscalls
from restoration.photo.sandbox.layers import PROMISES, Held, Layer, unkept
from restoration.settings import Settings
from tests.unit.hostile_child import MAGIC
from tests.unit.picture_maker import integers, photograph, saved, smaller

ROOT = Path(__file__).parents[2]
LIMITS = DecodeLimits(max_pixels=4_000_000, seconds=20, memory_mb=1024)
PICTURE = integers(smaller(photograph("astronaut"), 120))


def run_by(program: str, limits: DecodeLimits = LIMITS) -> Decoder:
    decoder = Decoder(limits)
    decoder._program = program
    return decoder


@pytest.fixture(scope="module", autouse=True)
def importable() -> Iterator[None]:
    """The stand-ins, for processes that do not look into the folder they are started in."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])))
        yield


@pytest.fixture(scope="module")
def confined() -> Iterator[Decoder]:
    with run_by("tests.unit.hostile_child") as one:
        yield one


@pytest.fixture(scope="module")
def loose() -> Iterator[Decoder]:
    with run_by("tests.unit.hostile_loose") as one:
        yield one


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text("secret")
    return path


@pytest.fixture
def port() -> Iterator[int]:
    """Of a service on this machine, as Postgres is one."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def bystander() -> Iterator[int]:
    """Another process of the same user, so that the test itself survives what would hit the parent."""
    with subprocess.Popen([sys.executable, "-c", "import time; print(flush=True); time.sleep(60)"], stdout=-1) as one:
        assert one.stdout is not None
        one.stdout.readline()
        yield one.pid
        one.kill()


def came_of(decoder: Decoder, words: str) -> str:
    with pytest.raises(PhotoRejected) as caught:
        decoder.decode(MAGIC + words.encode(), "hostile.png")
    assert caught.value.photo == "hostile.png"
    return caught.value.message


def rejected(decoder: Decoder, words: str) -> ReasonCode:
    with pytest.raises(PhotoRejected) as caught:
        decoder.decode(MAGIC + words.encode(), "hostile.png")
    return caught.value.reason


def traces_parents() -> bool:
    """Whether a process may by itself look into one that it did not start (Yama, on many distributions, forbids it)."""
    scope = Path("/proc/sys/kernel/yama/ptrace_scope")
    return not scope.exists() or scope.read_text().strip() == "0"


needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is Linux's")


def needs(decoder: Decoder, *layers: Layer) -> None:
    """Skip on a kernel that lacks all layers of which each alone would refuse the attack."""
    holding = {state.layer for state in decoder.layers() if state.held}
    if not holding & set(layers):
        pytest.skip(f"this kernel has none of {', '.join(layers)}")


ANY = (Layer.SECCOMP,)
ON_FILES = {
    "read": (Layer.LANDLOCK,),
    "write": (Layer.LANDLOCK, Layer.SECCOMP),
    **dict.fromkeys(("append", "remove", "rename", "mode", "shorten", "folder", "link"), ANY),
}
PLAIN = ("inet", "unix", "pair", "fork", "clone", "run", "pidfd", "shared_memory")


# -- files ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("attack", ON_FILES)
def test_no_file_of_others_is_read_or_changed(attack, loose, confined, secret):
    assert came_of(loose, f"{attack} {secret}").startswith("!!")
    secret.write_text("secret")
    needs(confined, *ON_FILES[attack])
    assert came_of(confined, f"{attack} {secret}").startswith("refused")
    assert secret.read_text() == "secret"


@pytest.mark.parametrize("path", ["/etc/passwd", "/etc/hostname", str(ROOT / "pyproject.toml"), "/proc/1/cmdline"])
def test_no_file_of_the_machine_is_read(path, loose, confined):
    needs(confined, Layer.LANDLOCK)
    assert came_of(confined, f"read {path}").startswith("refused")


def test_no_folder_of_others_is_listed(confined, secret):
    needs(confined, Layer.LANDLOCK)
    assert came_of(confined, f"list {secret.parent}").startswith("refused")
    assert came_of(confined, f"list {ROOT}").startswith("refused")


def test_the_scan_cannot_be_changed(confined):
    assert came_of(confined, "write_scan").startswith("refused")
    assert came_of(confined, "cut_scan").startswith("refused")


# -- network, programs, processes -------------------------------------------------------------------------------------
@pytest.mark.parametrize("attack", PLAIN)
def test_no_socket_no_program_no_process(attack, loose, confined):
    assert came_of(loose, attack).startswith("!!")
    needs(confined, Layer.SECCOMP)
    assert came_of(confined, attack).startswith("refused")


def test_a_service_of_this_machine_cannot_be_reached(loose, confined, port):
    assert "connected" in came_of(loose, f"connect {port}")
    needs(confined, Layer.SECCOMP, Layer.NETWORK_NAMESPACE)
    assert came_of(confined, f"connect {port}").startswith("refused")


def test_another_program_cannot_take_its_place(loose, confined):
    assert rejected(loose, "execute") is ReasonCode.DECODER_CRASHED
    needs(confined, Layer.SECCOMP)
    assert came_of(confined, "execute").startswith("refused")


def test_namespaces_of_its_own_cannot_be_made(confined):
    needs(confined, Layer.SECCOMP)
    assert came_of(confined, "unshare") == "!! unshare: -1"


# -- the parent -------------------------------------------------------------------------------------------------------
def test_the_parents_environment_and_memory_cannot_be_read(loose, confined):
    assert came_of(loose, "environ").startswith("!!")
    assert traces_parents() <= came_of(loose, f"vm_readv {os.getpid()}").startswith("!!")
    needs(confined, Layer.LANDLOCK, Layer.USER_NAMESPACE)
    assert came_of(confined, "environ").startswith("refused")
    assert came_of(confined, "memory").startswith("refused")
    assert came_of(confined, f"vm_readv {os.getpid()}").startswith("refused")


def test_its_own_environment_holds_nothing(confined, monkeypatch):
    monkeypatch.setenv("RESTORATION_DATABASE_URL", "postgresql://user:secret@nowhere/x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    names = set(re.findall(r"'(\w+)'", came_of(confined, "own_environment")))
    assert names <= {*decoding_process._PASSED_ON, *decoding_process._OWN_VARIABLES, "LC_CTYPE"}


@pytest.mark.parametrize("attack", ["trace", "kill", "own_signal"])
def test_other_processes_cannot_be_traced_or_signalled(attack, loose, confined, bystander):
    needs(confined, Layer.SECCOMP)
    assert came_of(confined, f"{attack} {bystander}").startswith("refused")
    assert traces_parents() <= came_of(loose, f"{attack} {bystander}").startswith("!!")
    loose.close()  # a process that is traced ends for others when its tracer has seen it


# -- memory, disk, time -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("attack", ["fill_target", "fill_scratch"])
def test_the_disk_is_filled_up_to_a_limit(attack, loose, confined):
    assert came_of(loose, attack).startswith("!!")
    assert came_of(confined, attack).startswith("refused")
    assert os.fstat(confined._child._target).st_size == 0, "what it wrote was not given back"


def test_last_words_are_few(confined):
    assert came_of(confined, "fill_words").startswith("refused")
    assert os.fstat(confined._child._errors).st_size <= 1 << 16


@pytest.mark.parametrize("attack", ["take_memory", "open_many", "many_threads"])
def test_memory_files_and_threads_are_limited(attack, confined):
    if attack == "many_threads":
        needs(confined, Layer.USER_NAMESPACE)
    assert came_of(confined, attack).startswith("refused")


@pytest.mark.parametrize("line", ["half", "silent"])
def test_an_answer_without_an_end_is_a_timeout(line, confined):
    confined.layers()
    confined._child._limits = replace(LIMITS, seconds=1)
    assert rejected(confined, f"line {line}") is ReasonCode.DECODE_TIMEOUT


# -- what it answers --------------------------------------------------------------------------------------------------
def test_an_honest_answer_is_taken(confined):
    picture = confined.decode(MAGIC + b"honest", "honest.png")
    assert picture.pixels.shape == (100, 100, 3)
    assert picture.info.metadata == {}


@pytest.mark.parametrize(
    "fact",
    [
        *("width=75000", "height=-100", "width=0", "width=100.5", 'width="100"', "width=null", "width=1e999"),
        *("width=99999999999999999999999", "bits=32", "bits=16", "channels=0", "page=2", "page=0"),
        *("pages=0", "pages=-1", "pages=1e9"),
        *("dpi=-1", "dpi=NaN", "dpi=Infinity", 'dpi="300"', "orientation=9", "icc=[]", 'format="tiff"'),
        *('metadata={"a": 1}', 'metadata={"a": {"b": "c"}}', "embedded=[]", 'embedded={"title": null}', "extra=1"),
        *("extra=true", 'cut={"box": [0, 0]}', 'unknown="x"', f'icc="{"x" * 6000}"'),
    ],
)
def test_facts_that_cannot_be_are_not_believed(fact, confined):
    assert rejected(confined, f"fact {fact}") is ReasonCode.DECODER_CRASHED
    assert confined.decode(MAGIC + b"honest", "next.png").pixels.shape == (100, 100, 3)


def test_seventeen_gigabytes_are_not_believed(confined):
    confined.close()  # limits of its own, in what follows
    before = peak()
    assert rejected(confined, "fact width=60000000") is ReasonCode.DECODER_CRASHED
    confined.layers()
    confined._child._limits = DecodeLimits(max_pixels=10**12, seconds=20)  # though a limit allowed them
    assert rejected(confined, "fact width=60000000") is ReasonCode.DECODER_CRASHED
    assert peak() < before + 100


def peak() -> int:
    """MiB that this process has held at most."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


@pytest.mark.parametrize("line", ["garbage", "list", "nan", "deep", "twice", "long", "detail"])
def test_lines_that_are_no_answer_are_not_believed(line, confined):
    assert rejected(confined, f"line {line}") is ReasonCode.DECODER_CRASHED
    assert confined.decode(MAGIC + b"honest", "next.png").pixels.shape == (100, 100, 3)


@pytest.mark.parametrize("reason", ["already_done", "withdrawn", "disk_full", "device_fault", "nonsense"])
def test_reasons_that_are_not_a_scans_are_not_believed(reason, confined):
    assert rejected(confined, f"reason {reason}") is ReasonCode.DECODER_CRASHED


def test_a_full_disk_is_not_the_scans_fault_and_is_looked_at_here(confined, monkeypatch):
    assert rejected(confined, "no_room") is ReasonCode.CORRUPT, "there is room, so that is not believed"
    monkeypatch.setattr(shared_files, "is_full", lambda _descriptor: True)
    with pytest.raises(DiskFull, match="TMPDIR"):
        confined.decode(MAGIC + b"no_room", "large.png")
    monkeypatch.undo()
    assert confined.decode(MAGIC + b"honest", "next.png").pixels.shape == (100, 100, 3)


def test_an_answer_that_comes_unasked_is_not_taken_for_that_of_the_next_scan(confined):
    assert came_of(confined, "later") == "I shall speak again"
    first = confined._child
    threading.Event().wait(0.4)
    assert rejected(confined, "honest") is ReasonCode.DECODER_CRASHED
    assert confined._child is not first
    assert confined.decode(MAGIC + b"honest", "next.png").pixels.shape == (100, 100, 3)


def test_pixels_that_are_taken_back_do_not_end_the_parent(confined):
    assert rejected(confined, "short") is ReasonCode.DECODER_CRASHED
    for _ in range(5):
        with suppress(PhotoRejected):
            confined.decode(MAGIC + f"shrink {3 * 1900 * 1900}".encode(), "shrinking.png")
        confined.close()
    assert confined.decode(MAGIC + b"honest", "next.png").pixels.shape == (100, 100, 3)


# -- layers -----------------------------------------------------------------------------------------------------------
@needs_linux
def test_the_decoder_says_what_holds():
    with Decoder(LIMITS) as one:
        states = one.layers()
        status = Path(f"/proc/{one._child._process.pid}/status").read_text()
    assert {state.layer for state in states} == set(Layer)
    held = {state.layer for state in states if state.held}
    assert all(state.detail for state in states if not state.held)
    assert ("Seccomp:\t2" in status) == (Layer.SECCOMP in held)
    assert ("NoNewPrivs:\t1" in status) == (Layer.NO_NEW_PRIVILEGES in held)
    if Layer.CAPABILITIES in held:
        assert re.search(r"CapEff:\t0+\n", status)


def test_every_layer_alone_keeps_its_promises_and_without_any_none_is_kept():
    assert unkept([]) == list(PROMISES)
    assert unkept([Held(layer, True) for layer in Layer]) == []
    for promise, layers in PROMISES.items():
        for layer in layers:
            assert promise not in unkept([Held(layer, True)])
    assert unkept([Held(layer, True) for layer in Layer if layer is not Layer.SECCOMP]) == [
        "starts no program and no process, and signals none"
    ]


def test_a_worker_that_requires_a_sandbox_does_without_none():
    required = DecodeLimits.from_settings(Settings(decoder_sandbox="required"))
    with run_by("tests.unit.hostile_loose", required) as one, pytest.raises(EnvironmentProblem) as caught:
        one.decode(MAGIC + b"honest", "honest.png")
    assert "RESTORATION_DECODER_SANDBOX" in caught.value.message
    assert "reaches no network" in caught.value.message
    assert DecodeLimits.from_settings(Settings()).confined is False


@pytest.mark.parametrize("has_landlock", [True, False])
def test_a_worker_hides_its_secrets_where_landlock_does_not(has_landlock):
    code = (
        "import ctypes\n"
        "from restoration.photo.sandbox import hiding, landlock\n"
        "from restoration.photo.sandbox.linux import NotHeld\n"
        "def version():\n"
        f"    if not {has_landlock}: raise NotHeld('no')\n"
        "landlock.version = version\n"
        "print(hiding.hide_if_need_be(), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == (["False", "1"] if has_landlock else ["True", "0"])


def test_a_layer_that_is_refused_says_why(monkeypatch):
    from restoration.photo.sandbox import linux

    reasons = {errno.ENOSYS: "does not know it", errno.EPERM: "not allowed here", errno.EINVAL: "EINVAL"}
    for number, words in reasons.items():
        monkeypatch.setattr(linux.ctypes, "get_errno", lambda number=number: number)
        with pytest.raises(linux.NotHeld, match=words):
            linux.unshare(-1)


@pytest.mark.parametrize("name", syscalls.MACHINES)
def test_numbers_of_calls_are_those_of_the_kernels_headers(name):
    header = {
        "x86_64": "/usr/include/x86_64-linux-gnu/asm/unistd_64.h",
        "aarch64": "/usr/include/asm-generic/unistd.h",
    }[name]
    if not Path(header).exists():
        pytest.skip("the kernel's headers are not installed")
    text = Path(header).read_text()
    found = {key: int(value) for key, value in re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", text)}
    found |= {"newfstatat": found["fstatat"]} if "fstatat" in found else {}
    assert {key: found.get(key) for key in syscalls.MACHINES[name].numbers} == syscalls.MACHINES[name].numbers


# -- the filter, judged by a reading of it ----------------------------------------------------------------------------
def judged(lines: list[seccomp.Instruction], audit: int, number: int, *arguments: int) -> int:
    """What the filter returns for a call."""
    data = {0: number, 4: audit} | {16 + 8 * place: value for place, value in enumerate(arguments)}
    place, held = 0, 0
    while True:
        code, if_true, if_false, constant = lines[place]
        place += 1
        if code == 0x06:
            return constant
        if code == 0x20:
            held = data.get(constant, 0)
            continue
        truth = {0x15: held == constant, 0x35: held >= constant, 0x45: bool(held & constant)}[code]
        place += if_true if truth else if_false


ALLOW, ENOSYS, EPERM, EACCES, ENOTTY, KILL = 0x7FFF0000, 0x50026, 0x50001, 0x5000D, 0x50019, 0x80000000


@pytest.mark.parametrize("name", syscalls.MACHINES)
def test_the_filter_lets_through_what_decoding_needs_and_nothing_else(name):
    of = syscalls.MACHINES[name]
    lines = seccomp.program(of, 4711)
    assert all(jump <= 255 for line in lines for jump in line[1:3])

    def verdict(call: str, *arguments: int) -> int:
        return judged(lines, of.audit, of.numbers[call], *arguments)

    assert verdict("read") == verdict("mmap") == verdict("futex") == ALLOW
    assert verdict("clone", 0x3D0F00) == ALLOW
    assert verdict("clone", 17) == verdict("clone", 0x3D0F00 | 0x10000000) == EPERM
    assert verdict("clone3") == verdict("openat2") == judged(lines, of.audit, 5000) == ENOSYS
    assert verdict("openat", 0, 0, os.O_RDONLY | os.O_CLOEXEC) == ALLOW
    for flags in (os.O_WRONLY, os.O_RDWR, os.O_RDONLY | os.O_CREAT, os.O_RDONLY | os.O_TRUNC, 0o20000000):
        assert verdict("openat", 0, 0, flags) == EACCES
    assert verdict("tgkill", 4711, 5, 6) == ALLOW
    assert verdict("tgkill", 1, 5, 6) == EPERM
    assert verdict("prlimit64", 0) == verdict("prlimit64", 4711) == ALLOW
    assert verdict("prlimit64", 1) == EPERM
    assert [verdict("fcntl", 0, command) for command in (0, 1, 2, 3, 1030)] == [ALLOW] * 5
    assert [verdict("fcntl", 0, command) for command in (4, 8, 10, 1033)] == [EPERM] * 4
    assert verdict("ioctl", 0, 0x5401) == ALLOW
    assert verdict("ioctl", 0, 0x5412) == ENOTTY
    assert verdict("prctl", 15) == ALLOW
    assert verdict("prctl", 4, 1) == EPERM
    assert verdict("capset") == verdict("seccomp") == verdict("landlock_restrict_self") == EPERM
    assert judged(lines, 0x40000003, of.numbers["read"]) == KILL, "calls of 32 bits have other numbers"
    assert judged(lines, of.audit, of.numbers["read"] | 0x40000000) == EPERM
    let_through = {number for number in range(600) if judged(lines, of.audit, number) == ALLOW}
    conditional = {of.numbers[call] for call in ("prlimit64", "fcntl", "openat")}
    assert let_through == {of.numbers[call] for call in seccomp._FREE if call in of.numbers} | conditional


# -- what is too large for memory -------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["TIFF", "PNG"])
def test_a_large_scan_is_turned_in_the_file_it_was_given(kind):
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "K\xf6ln, around 1912"
    data = saved(Image.fromarray(PICTURE), kind, exif=exif, dpi=(300, 300))
    with Decoder(LIMITS) as one:
        plain = one.decode(data, "a.tif")
        cut = one.cut(data, "a.tif", (60, 50, 100, 80, 2.0))
    with run_by("tests.unit.turning_child") as one:
        turned = one.decode(data, "a.tif")
        assert np.array_equal(turned.pixels, plain.pixels)
        assert turned.info == plain.info
        assert one.cut(data, "a.tif", (60, 50, 100, 80, 2.0)) == cut

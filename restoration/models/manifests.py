"""Manifests: which tensors each architecture has, as data, so that a wrong file is named before a run begins.

``manifests/<architecture>.json`` holds one form for each set of options that shipped entries use. They are written from
the true architectures by ``python -m restoration.models.manifests``; a test holds the two equal. Reading them needs no
torch.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restoration.errors import ModelError, ReasonCode
from restoration.models.headers import Heads
from restoration.models.pickles import TensorHead
from restoration.models.registry import ModelEntry

if TYPE_CHECKING:
    import torch

FOLDER = Path(__file__).with_name("manifests")
OWN_OPTIONS = frozenset({"state_key"})
"""Options that say how a file is read; they are not arguments of its architecture."""

_FLOATS = frozenset({"F32", "F16", "BF16"})
"""Weights may be kept in half precision; they become the net's own type when they are loaded."""
_MOST_NAMED = 5


@dataclass(frozen=True)
class Form:
    """The tensors of one architecture with one set of options.

    ``buffers`` names those that are not learnt. ``optional`` are patterns of names that inference never reads: a file
    may lack them, and may hold more of them than the net has.
    """

    options: tuple[tuple[str, Any], ...]
    tensors: Heads
    buffers: frozenset[str] = frozenset()
    optional: tuple[str, ...] = ()

    @property
    def parameters(self) -> int:
        """How many numbers are learnt."""
        return sum(head.numbers for name, head in self.tensors.items() if name not in self.buffers)

    @property
    def buffer_numbers(self) -> int:
        """How many numbers are kept but not learnt."""
        return sum(self.tensors[name].numbers for name in self.buffers)

    def is_optional(self, name: str) -> bool:
        """Whether inference never reads a tensor of that name."""
        return any(fnmatchcase(name, pattern) for pattern in self.optional)


def build_options(entry: ModelEntry) -> dict[str, Any]:
    """The entry's options that are arguments of its architecture."""
    return {key: value for key, value in entry.options if key not in OWN_OPTIONS}


def form_of(entry: ModelEntry) -> Form | None:
    """The shipped form for an entry; None where there is none for its architecture and options."""
    wanted = tuple(sorted(build_options(entry).items()))
    return next((form for form in _forms(entry.architecture) if form.options == wanted), None)


@cache
def _forms(architecture: str) -> tuple[Form, ...]:
    path = FOLDER / f"{architecture}.json"
    if not path.is_file():
        return ()
    return tuple(_form(table) for table in json.loads(path.read_text(encoding="utf-8"))["forms"])


def _form(table: Mapping[str, Any]) -> Form:
    return Form(
        options=tuple(sorted((key, _frozen(value)) for key, value in table["options"].items())),
        tensors={name: TensorHead(dtype, tuple(shape)) for name, (dtype, shape) in table["tensors"].items()},
        buffers=frozenset(table["buffers"]),
        optional=tuple(table["optional"]),
    )


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value


def require_fit(form: Form, found: Heads, origin: str, architecture: str) -> None:
    """Hold a file's tensors against a form.

    :raises ModelError: names are missing or unknown, shapes or types differ (MODEL_CORRUPT); at most five of each are
        named.
    """
    both = [(name, form.tensors[name], found[name]) for name in form.tensors if name in found]
    shapes = [f"{n} is {got.shape}, should be {want.shape}" for n, want, got in both if got.shape != want.shape]
    types = [f"{n} is {got.dtype}, should be {want.dtype}" for n, want, got in both if not _same_type(want, got)]
    problems = [
        _listed("lacks", _required(form, form.tensors.keys() - found.keys())),
        _listed("has unknown", _required(form, found.keys() - form.tensors.keys())),
        _listed("differs in shape:", shapes),
        _listed("differs in type:", types),
    ]
    if differing := "; ".join(problem for problem in problems if problem):
        raise ModelError(f"{origin} does not fit {architecture}: it {differing}", reason=ReasonCode.MODEL_CORRUPT)


def _same_type(wanted: TensorHead, found: TensorHead) -> bool:
    return found.dtype in _FLOATS if wanted.dtype in _FLOATS else found.dtype == wanted.dtype


def _required(form: Form, names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if not form.is_optional(name))


def _listed(verb: str, names: Sequence[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"{verb} {', '.join(names[:_MOST_NAMED])}{more}"


# -- from the true architectures -------------------------------------------------------------------------------------
def form_of_net(net: torch.nn.Module, options: Mapping[str, Any] | None = None) -> Form:
    """The form of a net, on whatever device it is; ``training_only`` of its class, where there is one, is optional."""
    buffers = {name for name, _ in net.named_buffers()}
    tensors = heads_of(net.state_dict())
    return Form(
        options=tuple(sorted((options or {}).items())),
        tensors=tensors,
        buffers=frozenset(buffers & tensors.keys()),
        optional=tuple(getattr(net, "training_only", ())),
    )


def heads_of(weights: Mapping[str, torch.Tensor]) -> Heads:
    """Heads of tensors in memory."""
    from safetensors.torch import _TYPES

    names = {torch_type: name for name, torch_type in _TYPES.items()}
    return {key: TensorHead(names[value.dtype], tuple(value.shape)) for key, value in weights.items()}


def as_json(architecture: str, forms: Iterable[Form]) -> str:
    """A manifest's text: one line a tensor, so that a change can be read."""
    pieces = []
    for form in forms:
        options, buffers = json.dumps(dict(form.options), sort_keys=True), json.dumps(sorted(form.buffers))
        lines = ",\n".join(
            f"      {json.dumps(name)}: {json.dumps([head.dtype, head.shape])}" for name, head in form.tensors.items()
        )
        pieces.append(
            f'    {{\n     "options": {options},\n     "optional": {json.dumps(form.optional)},\n'
            f'     "buffers": {buffers},\n     "tensors": {{\n{lines}\n     }}\n    }}'
        )
    return f'{{\n  "architecture": {json.dumps(architecture)},\n  "forms": [\n' + ",\n".join(pieces) + "\n  ]\n}\n"


def shipped_manifests() -> dict[str, str]:
    """Text of every manifest that ships, by architecture, made from the nets: one form for each set of options."""
    from restoration.models.files import REGISTRY_FILE, Registry
    from restoration.models.loading import BUILDERS, built_on_meta
    from restoration.settings import Settings

    entries = list(Registry.load(REGISTRY_FILE, settings=Settings(model_registry=None)))
    texts = {}
    for architecture in BUILDERS:
        sets = {tuple(sorted(build_options(e).items())) for e in entries if e.architecture == architecture} or {()}
        forms = [form_of_net(built_on_meta(architecture, dict(options)), dict(options)) for options in sorted(sets)]
        texts[architecture] = as_json(architecture, forms)
    return texts


def _write() -> None:
    for architecture, text in shipped_manifests().items():
        (FOLDER / f"{architecture}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    _write()

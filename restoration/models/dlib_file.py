"""dlib's serialisation of a trained net, read without dlib: every layer with its tensors, checked to the last byte.

The format (dlib/serialize.h, dlib/dnn/{core,layers,input,loss}.h; Boost licence): an integer is a control byte, whose
low half counts the bytes that follow (little-endian) and whose top bit is the sign; a floating-point number is two
integers, mantissa and power of two; a string is its length and its bytes; a truth value is the character 1 or 0. A
tensor is a version, four integers and plain little-endian float32. Versions of nested layers come first, then the loss,
the input, and the layers from the input to the loss.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from restoration.errors import ModelError, ReasonCode

Floats = NDArray[np.float32]

_TENSOR_VERSION = 2
_ALIAS_VERSION = 1
_WRAPPER_VERSIONS = (1, 2, 3)
_MOST_NUMBERS = 100_000_000
_CONVOLUTION_MODE = 0
"""An affine layer that has one factor and one offset for each channel."""


@dataclass(frozen=True)
class Layer:
    """One layer of a net. Which fields it has depends on its kind.

    ``con``: ``weight`` (O x I x H x W), ``bias`` (O), ``stride`` and ``padding``. ``affine``: ``weight`` and ``bias``
    for each channel. ``fc``: ``weight`` (inputs x outputs), no bias. ``max_pool`` and ``avg_pool``: ``window`` (0 means
    all), ``stride`` and ``padding``. ``relu`` and ``add_prev``: nothing.
    """

    kind: str
    weight: Floats | None = None
    bias: Floats | None = None
    window: tuple[int, int] = (0, 0)
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Net:
    """Mean colour (red, green, blue, 0..255) and size (height, width) of the input, and the layers from there."""

    mean: tuple[float, float, float]
    size: tuple[int, int]
    layers: tuple[Layer, ...]


def read_net(path: Path) -> Net:
    """A net with ``loss_metric`` over ``input_rgb_image_sized``, such as dlib's face descriptor.

    :raises ModelError: another kind of net, or a file that is cut off, too long or spoilt (MODEL_CORRUPT).
    """
    reader = _Reader(path.read_bytes())
    try:
        return _net(reader)
    except (ValueError, UnicodeDecodeError) as error:
        raise ModelError(
            f"{path.name} cannot be read as a net of dlib: {error} (at byte {reader.place})",
            reason=ReasonCode.MODEL_CORRUPT,
        ) from error


def _net(reader: _Reader) -> Net:
    reader.require_integer(1, "version of the loss layer")
    reader.require_string("loss_metric_2")
    reader.real()  # margin and distance threshold of the loss: training only
    reader.real()
    length = reader.integer()
    while length in _WRAPPER_VERSIONS:
        length = reader.integer()
    if (name := reader.text(length)) != "input_rgb_image_sized":
        raise ValueError(f"its input is {name!r}, not 'input_rgb_image_sized'")
    red, green, blue = reader.real(), reader.real(), reader.real()
    height, width = reader.integer(), reader.integer()
    layers = []
    while not reader.at_end:
        layers.append(_layer(reader))
        _skip_state(reader)
        if len(layers) == 1:
            reader.require_integer(1, "number of pictures made of one")
    return Net((red, green, blue), (height, width), tuple(layers))


def _layer(reader: _Reader) -> Layer:
    kind = reader.string()
    if kind in {"relu_", "add_prev_"}:
        return Layer(kind.removesuffix("_"))
    if kind in {"max_pool_2", "avg_pool_2"}:
        window, stride, padding = reader.pair(), reader.pair(), reader.pair()
        return Layer(kind.removesuffix("_2"), window=window, stride=stride, padding=padding)
    if kind == "con_4":
        return _convolution(reader)
    if kind == "affine_":
        return _affine(reader)
    if kind == "fc_2":
        return _linear(reader)
    raise ValueError(f"it has a layer {kind!r}, which is not known")


def _convolution(reader: _Reader) -> Layer:
    numbers = reader.tensor()
    filters = reader.integer()
    window, stride, padding = reader.pair(), reader.pair(), reader.pair()
    shape, bias_shape = reader.alias(), reader.alias()
    _skip_multipliers(reader)
    if shape[0] != filters or shape[2:] != window or bias_shape != (1, filters, 1, 1):
        raise ValueError(f"a convolution of {filters} filters, {window}, has the shapes {shape} and {bias_shape}")
    weight, bias = _split(numbers, shape, bias_shape)
    return Layer("con", weight.reshape(shape), bias, window, stride, padding)


def _affine(reader: _Reader) -> Layer:
    numbers = reader.tensor()
    shape, bias_shape = reader.alias(), reader.alias()
    if reader.integer() != _CONVOLUTION_MODE or shape != bias_shape or shape != (1, shape[1], 1, 1):
        raise ValueError(f"an affine layer of the shapes {shape} and {bias_shape} is not one number a channel")
    weight, bias = _split(numbers, shape, bias_shape)
    return Layer("affine", weight, bias)


def _linear(reader: _Reader) -> Layer:
    outputs, inputs = reader.integer(), reader.integer()
    numbers = reader.tensor()
    shape = reader.alias()
    reader.alias()
    has_no_bias = reader.integer()
    _skip_multipliers(reader)
    if not has_no_bias or shape != (inputs, outputs, 1, 1):
        raise ValueError(f"the linear layer of {inputs} x {outputs} numbers has the shape {shape}, or a bias")
    weight, _ = _split(numbers, shape, (0, 0, 0, 0))
    return Layer("fc", weight.reshape(inputs, outputs))


def _split(numbers: Floats, *shapes: tuple[int, ...]) -> tuple[Floats, Floats]:
    sizes = [math.prod(shape) for shape in shapes]
    if numbers.size != sum(sizes):
        raise ValueError(f"{numbers.size} numbers do not fill the shapes {shapes}")
    return numbers[: sizes[0]], numbers[sizes[0] :]


def _skip_multipliers(reader: _Reader) -> None:
    """Of the learning rate and weight decay, for weights and bias."""
    for _ in range(4):
        reader.real()


def _skip_state(reader: _Reader) -> None:
    """What every layer keeps of the training: three flags and three tensors, which are empty in a file to be used."""
    for _ in range(3):
        reader.truth()
    for _ in range(3):
        reader.tensor()


class _Reader:
    """The format's elements, one after the other. All raise ValueError where the bytes do not fit."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.place = 0

    @property
    def at_end(self) -> bool:
        return self.place == len(self._content)

    def take(self, count: int) -> bytes:
        piece = self._content[self.place : self.place + count]
        if len(piece) != count:
            raise ValueError("it is cut off")
        self.place += count
        return piece

    def integer(self) -> int:
        control = self.take(1)[0]
        count = control & 0x0F
        if control & 0x70 or count > 8:
            raise ValueError(f"{control:#x} begins no integer")
        number = int.from_bytes(self.take(count), "little")
        return -number if control & 0x80 else number

    def real(self) -> float:
        mantissa, exponent = self.integer(), self.integer()
        return math.ldexp(mantissa, exponent)

    def truth(self) -> bool:
        mark = self.take(1)
        if mark not in b"01":
            raise ValueError(f"{mark!r} is no truth value")
        return mark == b"1"

    def text(self, length: int) -> str:
        if not 0 <= length <= 64:
            raise ValueError(f"a name is said to be {length} characters long")
        return self.take(length).decode("ascii")

    def string(self) -> str:
        return self.text(self.integer())

    def pair(self) -> tuple[int, int]:
        return self.integer(), self.integer()

    def tensor(self) -> Floats:
        self.require_integer(_TENSOR_VERSION, "version of a tensor")
        shape = tuple(self.integer() for _ in range(4))
        count = math.prod(shape)
        if min(shape) < 0 or count > _MOST_NUMBERS:
            raise ValueError(f"a tensor is said to have the shape {shape}")
        numbers = np.frombuffer(self.take(4 * count), "<f4").astype(np.float32)
        if not np.isfinite(numbers).all():
            raise ValueError("a tensor holds values that are no numbers")
        return numbers

    def alias(self) -> tuple[int, int, int, int]:
        self.require_integer(_ALIAS_VERSION, "version of a part of a tensor")
        return self.integer(), self.integer(), self.integer(), self.integer()

    def require_integer(self, wanted: int, what: str) -> None:
        if (found := self.integer()) != wanted:
            raise ValueError(f"the {what} is {found}, should be {wanted}")

    def require_string(self, wanted: str) -> None:
        if (found := self.string()) != wanted:
            raise ValueError(f"it says {found!r} where {wanted!r} is due")

"""FID with a feature net that the user brings: no Inception weights can be shipped with this project.

A feature net is TorchScript, by path or by the name of a registry entry, that takes N x 3 x 299 x 299 sRGB in [0, 1]
and gives N x D. **A TorchScript file is a program**: it is loaded only when it is asked for, and its hash goes into
every report. Distances made with different nets, or with different preprocessing, cannot be compared.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from restoration.errors import ModelError, ReasonCode, UsageError
from restoration.models.files import file_sha256
from restoration.models.loading import LoadedModels
from restoration.photo.picture import FloatImage
from restoration.quality.frechet import Moments, frechet_distance

SIDE = 299
"""Pictures are brought to a square of this side: what Inception was made for, and near enough for others."""
MINIMUM = 2000
"""Fewest photographs by default: below, the estimate's bias is larger than the differences between good models."""
TORCHSCRIPT = "torchscript"
"""Architecture of registry entries whose file is a TorchScript program."""
_BATCH = 8


@dataclass(frozen=True)
class FeatureNet:
    """A loaded net, its name and hash for the report, and the number of features D."""

    name: str
    sha256: str
    size: int
    net: Callable[[torch.Tensor], Any]
    device: str = "cpu"

    def __call__(self, pictures: Sequence[FloatImage]) -> NDArray[np.float64]:
        """N x D of N pictures. :raises ModelError: other shapes, or values that are no numbers."""
        stack = np.stack([squared(picture).transpose(2, 0, 1) for picture in pictures])
        return features_of(self.net, torch.from_numpy(stack).to(self.device), self.name)


def load_feature_net(wanted: str, models: LoadedModels) -> FeatureNet:
    """The net at a path, or under a name of the registry; one black picture is passed through it.

    :raises ModelError: no such file and no such name, not TorchScript, or it does not give N x D.
    """
    path, name, pinned = _locate(wanted, models)
    if path is None:
        net: Callable[[torch.Tensor], Any] = models.load(wanted)
    else:
        net = _torchscript(path, models.device)
    found = features_of(net, torch.zeros(2, 3, SIDE, SIDE, device=models.device), name)
    return FeatureNet(name, pinned, found.shape[1], net, models.device)


def check_minimum(photos: int, minimum: int, size: int) -> None:
    """Refuse what would only look like a result.

    :raises UsageError: fewer photographs than the minimum, or a minimum with which covariances are singular.
    """
    if minimum < size + 1:
        raise UsageError(
            f"--fid-minimum is {minimum}, but this net has {size} features: with fewer than {size + 1} photographs "
            f"their covariance is singular and the distance means nothing; ask for at least that many"
        )
    if photos < minimum:
        raise UsageError(
            f"FID needs at least {minimum} photographs and there are {photos}; with so few it measures their number "
            f"rather than the models. Leave --fid out, bring more, or lower --fid-minimum (to {size + 1} at least)"
        )


@dataclass
class FrechetTally:
    """Collects features of the truth and of every model as they are painted."""

    net: FeatureNet
    _waiting: dict[str, list[FloatImage]] = field(default_factory=dict)
    _moments: dict[str, Moments] = field(default_factory=dict)

    def add(self, model: str, picture: FloatImage) -> None:
        """Take in one picture."""
        waiting = self._waiting.setdefault(model, [])
        waiting.append(picture)
        if len(waiting) == _BATCH:
            self._flush(model)

    def distances(self, truth: str) -> dict[str, float]:
        """Distance of every model from the truth. :raises UsageError: fewer pictures than features + 1 were read."""
        for model in self._waiting:
            self._flush(model)
        check_minimum(self._moments[truth].count, self.net.size + 1, self.net.size)
        own = self._moments[truth]
        return {name: frechet_distance(own, found) for name, found in self._moments.items() if name != truth}

    def _flush(self, model: str) -> None:
        pictures, self._waiting[model] = self._waiting[model], []
        if pictures:
            self._moments.setdefault(model, Moments(self.net.size)).add(self.net(pictures))


def features_of(net: Callable[[torch.Tensor], Any], batch: torch.Tensor, name: str) -> NDArray[np.float64]:
    """What the net says of a batch, N x D. :raises ModelError: it fails, or gives anything else."""
    try:
        with torch.inference_mode():
            answer = net(batch)
    except (RuntimeError, TypeError) as error:
        first = (str(error).strip().splitlines() or ["no reason given"])[-1]
        raise ModelError(
            f"feature net {name} fails on pictures of {tuple(batch.shape)}: {first}", reason=ReasonCode.MODEL_CORRUPT
        ) from error
    if not isinstance(answer, torch.Tensor) or answer.ndim != 2 or answer.shape[0] != batch.shape[0]:
        what = tuple(answer.shape) if isinstance(answer, torch.Tensor) else type(answer).__name__
        raise ModelError(
            f"feature net {name} gives {what} for pictures of {tuple(batch.shape)}; it must give N x D, one row of "
            "features a picture",
            reason=ReasonCode.MODEL_CORRUPT,
        )
    found = answer.double().cpu().numpy()
    if not np.isfinite(found).all():
        raise ModelError(f"feature net {name} gives values that are no numbers", reason=ReasonCode.MODEL_CORRUPT)
    return np.asarray(found, np.float64)


def squared(picture: FloatImage) -> FloatImage:
    """The picture stretched to 299 x 299."""
    shrinks = min(picture.shape[:2]) >= SIDE
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (SIDE, SIDE), interpolation=method), np.float32)


def _locate(wanted: str, models: LoadedModels) -> tuple[Path | None, str, str]:
    """The file, the name to report, and the hash; no file for a registry entry of the project's own architectures."""
    path = Path(wanted).expanduser()
    if path.is_file():
        return path, path.name, file_sha256(path)
    if wanted not in models.registry.entries:
        raise ModelError(
            f"there is no feature net {wanted!r}: neither a file nor a name in the model registry. FID needs one that "
            "you provide, TorchScript that maps N x 3 x H x W in [0, 1] to N x D",
            reason=ReasonCode.MODEL_UNKNOWN,
        )
    entry = models.entry(wanted)
    file = models.registry.verify(entry)
    return (file if entry.architecture == TORCHSCRIPT else None), entry.name, entry.sha256


def _torchscript(path: Path, device: str) -> Callable[[torch.Tensor], Any]:
    try:
        with warnings.catch_warnings():
            # torch means to replace TorchScript one day; the files that people have are of this form
            warnings.simplefilter("ignore", DeprecationWarning)
            net = torch.jit.load(str(path), map_location=device)  # type: ignore[no-untyped-call]
    except (RuntimeError, ValueError, OSError) as error:
        first = (str(error).strip().splitlines() or ["unreadable"])[0]
        raise ModelError(f"{path} cannot be read as TorchScript: {first}", reason=ReasonCode.MODEL_CORRUPT) from error
    loaded: Callable[[torch.Tensor], Any] = net.eval()
    return loaded

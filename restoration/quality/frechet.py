"""The Frechet distance between two sets of feature vectors (Heusel et al. 2017), in float64 throughout."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.floating]
"""N x D."""


class Moments:
    """Mean and covariance of vectors that arrive in pieces; the vectors themselves are not kept.

    Pieces are joined as in Chan, Golub and LeVeque (1983), so that nothing is lost to cancellation.
    """

    def __init__(self, size: int) -> None:
        self.count = 0
        self.mean: NDArray[np.float64] = np.zeros(size)
        self._scatter: NDArray[np.float64] = np.zeros((size, size))

    def add(self, vectors: Vectors) -> None:
        """Take in N x D more vectors."""
        piece = vectors.astype(np.float64)
        own = piece.mean(axis=0)
        centred = piece - own
        apart = own - self.mean
        total = self.count + len(piece)
        self._scatter += centred.T @ centred + np.outer(apart, apart) * (self.count * len(piece) / total)
        self.mean = self.mean + apart * (len(piece) / total)
        self.count = total

    @property
    def covariance(self) -> NDArray[np.float64]:
        """Unbiased covariance, D x D. :raises ValueError: fewer than two vectors."""
        if self.count < 2:
            raise ValueError("a covariance needs at least two vectors")
        return np.asarray(self._scatter / (self.count - 1), np.float64)


def frechet_distance(one: Moments, two: Moments) -> float:
    """``|m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2))``, never below 0.

    The trace of the root is the sum of the square roots of the eigenvalues of ``S1^(1/2) S2 S1^(1/2)``, which is
    symmetric and has those of ``S1 S2``: unlike a root of the product itself this cannot leave the real numbers, and
    singular covariances need no added constant.
    """
    first, second = one.covariance, two.covariance
    values, vectors = np.linalg.eigh(first)
    root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    inner = root @ second @ root
    shared = np.sqrt(np.clip(np.linalg.eigvalsh((inner + inner.T) / 2), 0, None)).sum()
    apart = one.mean - two.mean
    return max(0.0, float(apart @ apart + np.trace(first) + np.trace(second) - 2 * shared))

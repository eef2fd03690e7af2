"""Untrusted scans to pictures, in a separate process with limits on time, memory and pixels."""

from __future__ import annotations

from dataclasses import dataclass

from restoration.photo.picture import Picture
from restoration.settings import Settings


@dataclass(frozen=True)
class DecodeLimits:
    """What one scan may cost: bytes, pixels, shortest side, seconds, and MiB beyond the process's start-up size."""

    max_bytes: int = 2 * 1024**3
    max_pixels: int = 250_000_000
    min_side: int = 16
    seconds: float = 60.0
    memory_mb: int = 6144

    @classmethod
    def from_settings(cls, settings: Settings) -> DecodeLimits:
        """The limits that the settings give."""
        return cls(
            max_bytes=settings.max_object_bytes,
            max_pixels=settings.max_pixels,
            min_side=settings.min_side,
            seconds=settings.decode_seconds,
            memory_mb=settings.decode_memory_mb,
        )


class Decoder:
    """Owns one decoding process, reused from scan to scan. A context manager."""

    def __init__(self, limits: DecodeLimits | None = None) -> None:
        self.limits = limits or DecodeLimits()

    def __enter__(self) -> Decoder:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""

    def decode(self, data: bytes, name: str) -> Picture:
        """Decode one scan. :raises PhotoRejected: with the reason why it cannot be read."""
        raise NotImplementedError

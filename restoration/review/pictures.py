"""The pictures of a restoration: previews, the restored file itself, and tiles, straight from the restored bucket."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from restoration.catalog.review_pictures import PictureKeys
from restoration.errors import StorageError
from restoration.review.refusals import not_found
from restoration.review.zip_reader import ZipReader
from restoration.storage.s3 import ObjectStore

Side = Literal["before", "after"]

MEDIA_TYPES = {"jpg": "image/jpeg", "jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp"}
"""Formats that every browser shows, by the ending of a key."""

_TILE = re.compile(r"[A-Za-z0-9,^!%.-]+(?:/[A-Za-z0-9,^!%.-]+){0,4}")


@dataclass(frozen=True)
class Picture:
    """Bytes of a picture in pieces, and what they are."""

    chunks: Iterator[bytes]
    media_type: str


class _Source:
    """An :class:`ObjectStore` as :class:`ZipReader` wants it."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def object_size(self, bucket: str, key: str) -> int:
        found = self._store.stat(bucket, key)
        if found is None:
            raise StorageError(f"s3://{bucket}/{key} is not there", photo=key)
        return found.size

    def read_range(self, bucket: str, key: str, start: int, length: int) -> bytes:
        return self._store.read_range(bucket, key, start, length)


class Pictures:
    """Reads pictures. Safe to share between threads.

    :param store: the object store, with a login that may read the bucket.
    :param bucket: the bucket for restored photographs.
    """

    def __init__(self, store: ObjectStore, bucket: str) -> None:
        self._store = store
        self._bucket = bucket
        self._tiles = ZipReader(_Source(store), bucket)

    def preview(self, keys: PictureKeys, side: Side) -> Picture:
        """The small picture of before or after."""
        return self._object(keys.preview_before_key if side == "before" else keys.preview_after_key)

    def output(self, keys: PictureKeys) -> Picture:
        """The restored file itself.

        :raises Refusal: 404: browsers do not show its format.
        """
        return self._object(keys.output_key)

    def mask(self, keys: PictureKeys) -> Picture:
        """The picture of where the restored photograph was mended (:mod:`restoration.damage_kinds`).

        :raises Refusal: 404: nowhere.
        """
        if keys.mask_key is None:
            raise not_found("mask: nothing was mended")
        return self._object(keys.mask_key)

    def tile(self, keys: PictureKeys, side: Side, name: str) -> tuple[bytes, str]:
        """One entry of the tiles of before or after, and its media type.

        :param name: path of the entry, such as ``info.json`` or ``0,0,512,512/512,512/0/default.jpg``.
        :raises Refusal: 404: no tiles were made, or there is no such tile.
        """
        key = keys.tiles_before_key if side == "before" else keys.tiles_after_key
        if key is None or _TILE.fullmatch(name) is None:
            raise not_found(f"tile {name!r}")
        media_type = "application/json" if name.endswith(".json") else MEDIA_TYPES.get(_ending(name))
        if media_type is None:
            raise not_found(f"tile {name!r}")
        return self._tiles.read(key, name), media_type

    def _object(self, key: str) -> Picture:
        media_type = MEDIA_TYPES.get(_ending(key))
        if media_type is None:
            raise not_found(f"picture that a browser shows: {key} is of another format")
        if self._store.stat(self._bucket, key) is None:
            raise StorageError(f"s3://{self._bucket}/{key} is not there; restore the photograph anew", photo=key)
        return Picture(self._store.stream(self._bucket, key), media_type)


def _ending(name: str) -> str:
    return name.rpartition(".")[2].lower()

"""A photograph under review as files: the scan and the restored photograph, apart or side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from restoration.errors import StorageError

if TYPE_CHECKING:
    from restoration.catalog.reviews import ReviewItem
    from restoration.storage.s3 import ObjectStore

GAP_PIXELS = 16
_MAX_PREVIEW_BYTES = 64 * 1024**2
_QUALITY = 92


class PictureFiles:
    """Fetches pictures from the bucket for restored photographs into a folder.

    Files are named by numbers, never by what somebody called a scan, so nothing is written outside the folder.

    :param folder: made where it is not there.
    """

    def __init__(self, store: ObjectStore, bucket: str, folder: Path) -> None:
        self._store, self._bucket, self._folder = store, bucket, folder

    def save_pair(self, item: ReviewItem) -> tuple[Path, Path]:
        """The previews of the scan and of the restored photograph, as they lie in the bucket.

        :raises StorageError: the object store refuses or is out of reach.
        :raises PhotoRejected: a preview is not there.
        """
        return self._save(item, "before", item.preview_before_key), self._save(item, "after", item.preview_after_key)

    def save_output(self, item: ReviewItem) -> Path:
        """The restored file itself; errors as for :meth:`save_pair`."""
        path = self._path(item, "restored", item.output_key)
        with path.open("wb") as file:
            for chunk in self._store.stream(self._bucket, item.output_key):
                file.write(chunk)
        return path

    def save_side_by_side(self, item: ReviewItem) -> Path:
        """One JPEG: the scan on the left, the restored photograph on the right; errors as for :meth:`save_pair`."""
        before, after = (self._read(key) for key in (item.preview_before_key, item.preview_after_key))
        path = self._path(item, "side-by-side", ".jpg")
        path.write_bytes(side_by_side(before, after, item.object_key))
        return path

    def _save(self, item: ReviewItem, what: str, key: str) -> Path:
        path = self._path(item, what, key)
        path.write_bytes(self._read(key))
        return path

    def _read(self, key: str) -> bytes:
        data, _ = self._store.read(self._bucket, key, max_bytes=_MAX_PREVIEW_BYTES)
        return data

    def _path(self, item: ReviewItem, what: str, key: str) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True)
        ending = key.rpartition(".")[2]
        return self._folder / f"photo-{item.photo_id:08}-{item.restoration_id}-{what}.{ending}"


def side_by_side(before: bytes, after: bytes, name: str) -> bytes:
    """Two encoded pictures as one JPEG, at the height of the smaller one, with a white gap between them.

    :param name: the photograph's, for messages.
    :raises StorageError: one of them is not a picture.
    """
    import cv2
    import numpy as np

    pictures = []
    for data in (before, after):
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
        if picture is None:
            raise StorageError("a stored preview is not a picture; restore the photograph again", photo=name)
        pictures.append(picture)
    height = min(picture.shape[0] for picture in pictures)
    left, right = (
        cv2.resize(p, (max(1, round(p.shape[1] * height / p.shape[0])), height), interpolation=cv2.INTER_AREA)
        for p in pictures
    )
    gap = np.full((height, GAP_PIXELS, 3), 255, np.uint8)
    done, encoded = cv2.imencode(".jpg", np.hstack([left, gap, right]), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not done:
        raise StorageError("the two previews could not be put side by side", photo=name)
    return encoded.tobytes()

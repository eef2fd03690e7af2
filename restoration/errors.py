"""Every error this package raises, as one tree, and every reason a photograph may be refused.

::

    RestorationError                      anything this package raises on purpose (has .reason and .photo)
    ├── UsageError                        the caller asked for something that makes no sense (exit code 2)
    │   └── RecipeError                   a recipe that cannot be run
    ├── EnvironmentProblem                a service, file or device that the work needs is not there (exit code 3)
    │   ├── SettingsError                 a setting is missing or contradicts another
    │   ├── CatalogError                  Postgres refused or is out of reach
    │   ├── StorageError                  S3 refused or is out of reach
    │   │   └── WriteConflict             somebody else replaced the object in the meantime
    │   ├── ModelError                    a model is unknown, missing or not the file it should be
    │   │   └── ModelRetired              a model that may not be used for new work
    │   ├── DeviceFault                   the device (a GPU, its driver) failed while it computed
    │   └── DiskFull                      this machine has no room, or no free handle, to work with
    ├── PhotoRejected                     this photograph cannot be read, or may not be restored (final)
    ├── PhotoFailed                       restoring this photograph failed (tried again, then quarantined)
    │   └── OutOfMemory                   the device ran out of memory (caught by the engine's back-off)
    └── PublicationError                  an archive could not be written or did not verify

Every error has an owner: who or what has to change before it can go away. A photograph pays with an attempt for its own
errors alone; for those of a machine or of the infrastructure it is given back as it was.

A message says what was wrong, in which photograph, and what to do about it. The reason codes are the values of the
SQL type ``reason_code``; a test holds the two equal.
"""

from __future__ import annotations

from enum import StrEnum


class PhotoState(StrEnum):
    """Where a photograph stands. The last five are final; the SQL type ``photo_state`` has the same values."""

    PENDING = "pending"
    QUEUED = "queued"
    RESTORING = "restoring"
    RESTORED = "restored"
    NEEDS_REVIEW = "needs_review"
    REJECTED = "rejected"
    QUARANTINED = "quarantined"
    SKIPPED = "skipped"


FINAL_STATES = frozenset(
    {
        PhotoState.RESTORED,
        PhotoState.NEEDS_REVIEW,
        PhotoState.REJECTED,
        PhotoState.QUARANTINED,
        PhotoState.SKIPPED,
    }
)


class ReasonCode(StrEnum):
    """Why a photograph, a face or a step ended as it did. Mirrors the SQL type ``reason_code``."""

    # the scan cannot be read: state `rejected`
    EMPTY_FILE = "empty_file"
    NOT_AN_IMAGE = "not_an_image"
    UNSUPPORTED_FORMAT = "unsupported_format"
    TRUNCATED = "truncated"
    CORRUPT = "corrupt"
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_LARGE = "too_large"
    TOO_SMALL = "too_small"
    DECODE_TIMEOUT = "decode_timeout"
    DECODE_MEMORY = "decode_memory"
    DECODER_CRASHED = "decoder_crashed"
    UNSAFE_NAME = "unsafe_name"
    NAME_COLLISION = "name_collision"
    SOURCE_CHANGED = "source_changed"
    SOURCE_MISSING = "source_missing"
    # the scan is left out on purpose: state `skipped`
    ALREADY_DONE = "already_done"
    CONSENT_REFUSED = "consent_refused"
    WITHDRAWN = "withdrawn"
    DRY_RUN = "dry_run"
    # a person must look: state `needs_review`
    IDENTITY_LOW = "identity_low"
    HEAVY_DAMAGE = "heavy_damage"
    QUALITY_FELL = "quality_fell"
    FACES_LEFT_ALONE = "faces_left_alone"
    LUMINANCE_CHANGED = "luminance_changed"
    CONSENT_UNKNOWN = "consent_unknown"
    SENSITIVE = "sensitive"
    # the work failed: tried again, then state `quarantined`
    STEP_FAILED = "step_failed"
    OUT_OF_MEMORY = "out_of_memory"
    ENCODE_FAILED = "encode_failed"
    STORAGE_FAILED = "storage_failed"
    WORKER_LOST = "worker_lost"
    TIME_LIMIT = "time_limit"
    CANCELLED = "cancelled"
    # why a step or a face was left alone, with the photograph itself restored
    NOT_NEEDED = "not_needed"
    ALREADY_COLOUR = "already_colour"
    NO_FACES = "no_faces"
    FACE_TOO_SMALL = "face_too_small"
    FACE_TOO_DAMAGED = "face_too_damaged"
    RESTORER_MISSING = "restorer_missing"
    FACES_OFF = "faces_off"
    # the system as a whole
    USAGE = "usage"
    RECIPE_INVALID = "recipe_invalid"
    SETTINGS_INVALID = "settings_invalid"
    CATALOG_UNAVAILABLE = "catalog_unavailable"
    STORAGE_UNAVAILABLE = "storage_unavailable"
    BROKER_UNAVAILABLE = "broker_unavailable"
    MODEL_UNKNOWN = "model_unknown"
    MODEL_MISSING = "model_missing"
    MODEL_CORRUPT = "model_corrupt"
    PUBLICATION_INVALID = "publication_invalid"
    CHAIN_BROKEN = "chain_broken"
    # what a person decided, what a file turned out to be; new codes stand at the end, as in the SQL type
    AWAITING_REVIEW = "awaiting_review"
    AWAITING_FACES_OFF = "awaiting_faces_off"
    REVIEWER_REJECTED = "reviewer_rejected"
    REVIEWER_KEPT_ORIGINAL = "reviewer_kept_original"
    LABEL_INVALID = "label_invalid"
    FIXITY_CHANGED = "fixity_changed"
    FIXITY_MISSING = "fixity_missing"
    MODEL_RETIRED = "model_retired"
    FACE_PART_MISSING = "face_part_missing"
    MANY_ALIKE = "many_alike"
    NEGATIVE = "negative"
    DOUBTFUL_COLOUR = "doubtful_colour"
    DIVIDED = "divided"
    DEVICE_FAULT = "device_fault"
    DISK_FULL = "disk_full"
    MOSTLY_MISSING = "mostly_missing"
    DOUBTFUL_FILL = "doubtful_fill"


INFRASTRUCTURE_REASONS = frozenset({ReasonCode.STORAGE_FAILED, ReasonCode.DEVICE_FAULT, ReasonCode.DISK_FULL})
"""Reasons for which a photograph was given up that were not its own; ``restoration release`` brings them back."""


class Owner(StrEnum):
    """Who or what an error belongs to."""

    PHOTOGRAPH = "photograph"
    """This scan: another one would have gone well."""
    MACHINE = "machine"
    """This machine: its device, models, settings, disk. Another one may do the same work."""
    INFRASTRUCTURE = "infrastructure"
    """What all machines share: object store, catalog, broker. Waiting helps."""
    CALLER = "caller"
    """Whoever asked for it."""


class RestorationError(Exception):
    """Base of the tree.

    :param message: what was wrong and what to do, in one or two sentences.
    :param reason: machine-readable code, stored in Postgres and printed by the CLI.
    :param photo: object key or file name of the photograph concerned, where there is one.
    """

    default_reason: ReasonCode = ReasonCode.STEP_FAILED
    exit_code: int = 1
    owner: Owner = Owner.MACHINE

    def __init__(self, message: str, *, reason: ReasonCode | None = None, photo: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason or self.default_reason
        self.photo = photo

    def __str__(self) -> str:
        where = f"{self.photo}: " if self.photo else ""
        return f"{where}{self.message} [{self.reason}]"

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.message, self.reason, self.photo))


def _rebuild(kind: type[RestorationError], message: str, reason: ReasonCode, photo: str | None) -> RestorationError:
    """Unpickle an error that crossed a process boundary."""
    return kind(message, reason=reason, photo=photo)


class UsageError(RestorationError):
    """The caller asked for something that makes no sense."""

    default_reason = ReasonCode.USAGE
    exit_code = 2
    owner = Owner.CALLER


class RecipeError(UsageError):
    """A recipe that is unknown, malformed, or names a step, parameter or model that does not exist."""

    default_reason = ReasonCode.RECIPE_INVALID


class EnvironmentProblem(RestorationError):
    """Something the work needs is not there: a service, a file, a device, free space."""

    default_reason = ReasonCode.SETTINGS_INVALID
    exit_code = 3


class SettingsError(EnvironmentProblem):
    """A setting is missing or contradicts another."""


class CatalogError(EnvironmentProblem):
    """Postgres refused or is out of reach."""

    default_reason = ReasonCode.CATALOG_UNAVAILABLE
    owner = Owner.INFRASTRUCTURE


class StorageError(EnvironmentProblem):
    """S3 refused or is out of reach."""

    default_reason = ReasonCode.STORAGE_UNAVAILABLE
    owner = Owner.INFRASTRUCTURE


class WriteConflict(StorageError):
    """Somebody else replaced the object in the meantime; nothing was written."""


class ModelError(EnvironmentProblem):
    """A model is unknown, its file is missing, or the file is not what the registry pins."""

    default_reason = ReasonCode.MODEL_MISSING


class ModelRetired(ModelError):
    """A recipe names a model that may not be used for new work; the recipe must name another."""

    default_reason = ReasonCode.MODEL_RETIRED
    owner = Owner.CALLER


class DeviceFault(EnvironmentProblem):
    """The device failed while it computed; a process that has met this can mostly not use it any more."""

    default_reason = ReasonCode.DEVICE_FAULT


class DiskFull(EnvironmentProblem):
    """This machine has no room left on a disk or in shared memory, or no free file handle."""

    default_reason = ReasonCode.DISK_FULL


class PhotoRejected(RestorationError):
    """This photograph cannot be read or may not be restored. Trying again would not help.

    ``pages``: photographs in its file if that could be told all the same, else 0.
    """

    default_reason = ReasonCode.CORRUPT
    owner = Owner.PHOTOGRAPH
    pages: int = 0


class PhotoFailed(RestorationError):
    """Restoring this photograph failed. It is tried again up to three times, then quarantined."""

    owner = Owner.PHOTOGRAPH


class OutOfMemory(PhotoFailed):
    """The device ran out of memory; the engine halves its work and goes on."""

    default_reason = ReasonCode.OUT_OF_MEMORY


class PublicationError(RestorationError):
    """An archive could not be written, or what was read back is not what was written."""

    default_reason = ReasonCode.PUBLICATION_INVALID
    owner = Owner.INFRASTRUCTURE

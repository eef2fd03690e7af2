"""All settings of the system, in one class.

Every field has help text; ``docs/settings.md`` is generated from them and a test fails when the two differ. Values come
from the environment (prefix ``RESTORATION_``), then from a ``.env`` file in the working directory. Nothing secret is
ever printed: secret fields are :class:`pydantic.SecretStr`.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from restoration.errors import SettingsError

PositiveInt = Annotated[int, Field(gt=0)]
PositiveFloat = Annotated[float, Field(gt=0)]


class Settings(BaseSettings):
    """Settings, read once per process by :func:`get_settings`."""

    model_config = SettingsConfigDict(env_prefix="RESTORATION_", env_file=".env", extra="ignore", frozen=True)

    # -- services ------------------------------------------------------------------------------------------------
    database_url: SecretStr | None = Field(
        default=None,
        description="SQLAlchemy address of the catalog (postgresql+psycopg2://user:password@host:port/name). "
        "Each process logs in with the role it needs: ingest, worker, publisher, curator, reviewer or auditor.",
    )
    broker_url: SecretStr | None = Field(
        default=None, description="Celery broker: redis://host:port/db, or amqp://user:password@host// for RabbitMQ."
    )
    s3_endpoint_url: str | None = Field(
        default=None, description="Address of the S3 service; empty for Amazon's own, which boto3 finds by region."
    )
    s3_region: str = Field(default="us-east-1", description="Region name sent to the S3 service.")
    s3_access_key_id: str | None = Field(default=None, description="S3 access key; empty to use boto3's own search.")
    s3_secret_access_key: SecretStr | None = Field(
        default=None, description="S3 secret key belonging to the access key."
    )
    restored_bucket: str = Field(default="restored", description="Bucket for restored photographs, content-addressed.")
    archive_bucket: str = Field(default="archive", description="Bucket for published archives.")
    source_buckets: str = Field(
        default="originals",
        description="Buckets in which scans may lie, separated by commas; a collection elsewhere is refused. "
        "`restoration upload` brings scans to the first.",
    )

    # -- untrusted files -----------------------------------------------------------------------------------------
    max_object_bytes: PositiveInt = Field(
        default=3 * 1024**3,
        description="Largest scan that is read at all, in bytes; larger ones are rejected. The default holds 400 "
        "megapixels of 16-bit RGB.",
    )
    max_pixels: PositiveInt = Field(
        default=400_000_000,
        description="Most pixels a scan may decode to; larger ones are rejected before decoding. 4 x 5 inches at 4,000 "
        "dpi are 320 million.",
    )
    max_pages: PositiveInt = Field(
        default=500,
        description="Photographs that one file may hold, page by page; of more, the rest is one refused photograph.",
    )
    min_side: PositiveInt = Field(default=16, description="Shortest side a scan may have, in pixels.")
    decode_seconds: PositiveFloat = Field(default=180.0, description="Time limit for decoding one scan, in seconds.")
    decode_memory_mb: PositiveInt = Field(
        default=6144, description="Address space a decoding process may use beyond its start-up size, in MiB."
    )
    decoder_sandbox: Literal["required", "best_effort"] = Field(
        default="best_effort",
        description="What if the kernel does not confine the decoding process in every respect: best_effort goes on "
        "with what there is, required refuses to start; `restoration doctor` says what holds.",
    )
    keep_position: bool = Field(
        default=False,
        description="Whether the GPS position in a scan's EXIF is kept and published as its place; it may lead to a "
        "living person's home.",
    )

    # -- restoring -----------------------------------------------------------------------------------------------
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto", description="Where nets run: cuda, cpu, or auto (cuda where there is one)."
    )
    threads: int = Field(default=0, ge=0, description="CPU threads for nets and image operations; 0 for all cores.")
    model_dir: Path = Field(
        default=Path("~/.cache/restoration/models"),
        description="Folder where pulled model files are kept, by sha256.",
    )
    model_max_bytes: int = Field(
        default=8 * 1024**3,
        ge=1024,
        description="The most bytes that `restoration models pull` takes for one file.",
    )
    model_registry: Path | None = Field(
        default=None,
        description="A registry file (TOML) of one's own models beside the shipped ones, kept by `restoration models "
        "add`; Airflow's side and all workers must have the same one.",
    )
    precision: Literal["fp32", "bf16"] = Field(
        default="fp32",
        description="What nets compute in: fp32, or bf16 for those whose registry entry allows it (the others stay "
        "in fp32); results of the two are kept apart.",
    )
    compile_nets: bool = Field(
        default=False,
        description="Compile face restorers on a GPU (a minute when a worker starts, faster afterwards); results are "
        "kept apart from those of nets that are not compiled.",
    )
    preview_side: PositiveInt = Field(
        default=1280, description="Long side of the before and after previews for the gallery, in pixels."
    )
    tile_side: Annotated[int, Field(ge=0, le=2048, multiple_of=128)] = Field(
        default=512,
        description="Side of the tiles that workers cut of scan and result, for zooming, in pixels; 0 for none.",
    )

    # -- Celery --------------------------------------------------------------------------------------------------
    celery_queue: str = Field(default="gpu", description="Queue that restoration workers listen on.")
    batch_size: Annotated[int, Field(ge=1, le=256)] = Field(
        default=16, description="Photographs in one Celery task, unless the trigger form says otherwise."
    )
    soft_time_limit: PositiveInt = Field(
        default=3000, description="Seconds after which a batch is asked to stop; must be below the hard limit."
    )
    hard_time_limit: PositiveInt = Field(
        default=3300,
        description="Seconds after which a batch's process is killed; must be below the visibility timeout.",
    )
    visibility_timeout: PositiveInt = Field(
        default=3600, description="Seconds after which Redis redelivers a task that was not acknowledged."
    )
    lease_seconds: PositiveInt = Field(
        default=300, description="Seconds a worker owns a photograph without renewing; then the reaper frees it."
    )
    lock_seconds: PositiveInt = Field(
        default=600,
        description="Seconds that a process waits for another one that lists, plans, divides or publishes the same "
        "collection, or migrates the catalog; then it says so and ends.",
    )
    max_attempts: PositiveInt = Field(default=3, description="Attempts at one photograph before it is quarantined.")
    faults_in_a_row: PositiveInt = Field(
        default=3,
        description="Batches in a row that a worker gives back because machine or infrastructure fail; then it ends "
        "with exit code 3, so that whoever supervises it acts.",
    )
    give_back_limit: PositiveInt = Field(
        default=10,
        description="Times that a batch may be given back before it fails, with the reason; its photographs stay due.",
    )
    drain_seconds: PositiveInt = Field(
        default=90,
        description="Seconds in which a worker that was told to stop (SIGTERM) ends what it has in hand; what is not "
        "finished by then is given back, and no attempt counts.",
    )
    max_memory_per_child_mb: int = Field(
        default=0,
        ge=0,
        description="MiB of memory after which a worker's process is replaced by a fresh one between two batches; "
        "0 for never.",
    )
    liveness_file: Path | None = Field(
        default=None,
        description="A file that a worker touches every few seconds while it lives and is not stuck, for probes.",
    )

    # -- Airflow side --------------------------------------------------------------------------------------------
    nightly_cron: str = Field(default="0 2 * * *", description="Schedule of the nightly_archive DAG (cron, UTC).")
    max_shards: Annotated[int, Field(ge=1, le=200)] = Field(
        default=200, description="Most mapped instances of the restore operator in one run."
    )
    batches_per_shard: PositiveInt = Field(
        default=25, description="Batches of one mapped instance, until max_shards is reached; then shards grow."
    )
    poll_seconds: PositiveFloat = Field(
        default=5.0, description="Mean pause between two questions of the restore trigger to Postgres, in seconds."
    )
    shard_deadline_seconds: PositiveInt = Field(
        default=7 * 24 * 3600, description="Seconds a shard may take before the trigger gives up."
    )
    resend_seconds: PositiveFloat = Field(
        default=900.0,
        description="Seconds without any progress of a shard after which batches no worker has taken are sent again.",
    )
    approval_hours: Annotated[int, Field(ge=1, le=24 * 365)] = Field(
        default=336,
        description="Hours that a run waits for a person's approval; then nothing is published and the run ends.",
    )
    fixity_days: Annotated[int, Field(ge=1, le=3650)] = Field(
        default=90, description="Days within which every original and every published file is read again."
    )
    fixity_cron: str = Field(default="30 4 * * *", description="Schedule of the verify_archive DAG (cron, UTC).")
    fixity_batch_files: PositiveInt = Field(
        default=1000,
        description="Files in one set of a fixity check; a day's share is at least one set of originals and one of "
        "published files.",
    )
    fixity_batch_bytes: PositiveInt = Field(
        default=10 * 10**9, description="Bytes in one set of a fixity check (a larger file makes a set alone)."
    )
    alert_url: SecretStr | None = Field(
        default=None,
        description="Webhook that is told of fixity alarms: POST of JSON with text, kind, damage and overdue; none "
        "where empty.",
    )
    failures_url: str | None = Field(
        default=None,
        description="Address of a page that shows a run's failures, with {collection} and {run_id}, for links; "
        "Airflow's own page of the run's summary where empty.",
    )
    gallery_url: str | None = Field(
        default=None,
        description="Public address (http or https) under which the archive bucket is served, for links, tiles and "
        "IIIF; none if private.",
    )
    rejected_photos: Literal["original", "withheld"] = Field(
        default="original",
        description="How a photograph is published whose restoration a person rejected: as its original alone, or "
        "withheld, named without a picture.",
    )
    publish_names: bool = Field(
        default=False,
        description="Whether published archives name the people who approved and reviewed, with their words; otherwise "
        "they say that a person did, what and when.",
    )
    name_hint_givers: bool = Field(
        default=False,
        description="Whether published archives name the people who gave colours, with their words and sources; "
        "otherwise they say which colour was given, for what and on what ground.",
    )
    source_organization: str = Field(
        default="", description="The institution whose archive this is, for bag-info.txt and the labels in pictures."
    )
    airflow_api_url: str | None = Field(
        default=None, description="Base address of Airflow's API, for the CLI and for logging in to the review page."
    )
    airflow_user: str | None = Field(
        default=None, description="Name with which the CLI triggers runs (`restoration restore`) through Airflow's API."
    )
    airflow_password: SecretStr | None = Field(default=None, description="Password belonging to airflow_user.")

    # -- review page ---------------------------------------------------------------------------------------------
    review_url: str | None = Field(
        default=None,
        description="Public address of the review page, for links and cookies; none where nobody but this machine "
        "reaches it.",
    )
    review_host: str = Field(
        default="127.0.0.1", description="Address that the review page listens on; 0.0.0.0 for all, behind a proxy."
    )
    review_port: Annotated[int, Field(ge=1, le=65535)] = Field(
        default=8090, description="TCP port that the review page listens on."
    )
    review_token: SecretStr | None = Field(
        default=None,
        description="Secret of at least 16 characters that lets its holder review under a name of their choice, beside "
        "Airflow's logins; none: Airflow's logins alone.",
    )
    review_secret: SecretStr | None = Field(
        default=None,
        description="Key of at least 16 characters that signs the review page's sessions; none: a fresh one at every "
        "start, so that everybody logs in again.",
    )
    review_hours: PositiveFloat = Field(
        default=10.0, description="Hours after which a session of the review page ends."
    )
    review_people: str = Field(
        default="",
        description="Names of Airflow's users who may log in to the review page, separated by commas; * for all. "
        "Without it the page does not start where Airflow's users may log in.",
    )
    review_hosts: str = Field(
        default="",
        description="Names (of the header Host) under which the review page may be asked for, separated by commas, "
        "beside the host of its public address and this machine's own.",
    )
    review_proxies: str = Field(
        default="",
        description="Addresses of proxies in front of the review page whose X-Forwarded-For is believed, separated by "
        "commas; empty: nobody's.",
    )
    painter_url: str | None = Field(
        default=None,
        description="Address of the painter, which shows on the review page what colours that people give would make; "
        "none: no previews.",
    )
    painter_host: str = Field(
        default="127.0.0.1", description="Address that the painter listens on; it asks nobody who they are."
    )
    painter_port: Annotated[int, Field(ge=1, le=65535)] = Field(
        default=8091, description="TCP port that the painter listens on."
    )

    # -- content credentials of published pictures ---------------------------------------------------------------
    c2pa_certificate: Path | None = Field(
        default=None,
        description="PEM file with the certificate that signs published pictures, and its chain (C2PA content "
        "credentials); empty for labels without credentials.",
    )
    c2pa_private_key: Path | None = Field(
        default=None, description="PEM file (PKCS#8) with the private key that belongs to the certificate."
    )
    c2pa_algorithm: Literal["es256", "es384", "es512", "ps256", "ps384", "ps512", "ed25519"] = Field(
        default="es256", description="How the private key signs, in C2PA's words."
    )
    c2pa_timestamp_url: str | None = Field(
        default=None,
        description="Time stamp service (RFC 3161), asked once for every signature; without it credentials are valid "
        "only as long as the certificate.",
    )
    c2pa_trust_list: Path | None = Field(
        default=None,
        description="PEM file with the certificates that signers of published pictures must lead to, for checks; any "
        "signer is accepted where empty.",
    )

    @field_validator("c2pa_certificate", "c2pa_private_key", "c2pa_timestamp_url", "c2pa_trust_list", mode="before")
    @classmethod
    def _empty_is_not_set(cls, value: Any) -> Any:
        """Compose files pass on variables that are not set as empty ones, and an empty path would be this folder."""
        return None if value == "" else value


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """Settings of this process. Call ``get_settings.cache_clear()`` after changing the environment (tests do).

    :raises SettingsError: a value that its setting cannot have, or a ``.env`` that is no text.
    """
    try:
        return Settings()
    except ValidationError as error:
        # without the values, which may be secrets
        wrong = "; ".join(f"RESTORATION_{str(one['loc'][0]).upper()}: {one['msg']}" for one in error.errors())
        raise SettingsError(f"settings that cannot be used (environment, or .env here): {wrong}") from None
    except UnicodeDecodeError as error:
        raise SettingsError(f".env in this folder is not UTF-8 (byte {error.start})") from error

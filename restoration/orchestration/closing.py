"""Operators for the end of a run: the summary and the publication. Operators, because they carry links."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, AssetAlias, BaseOperator

from restoration.names import current_key
from restoration.orchestration import flow
from restoration.orchestration.failing import usage_errors_are_final
from restoration.orchestration.links import FailuresLink, GalleryLink

if TYPE_CHECKING:
    from airflow.sdk import Context

PUBLISHED_ARCHIVES = AssetAlias("published-archives")
"""Every published version is an event of this alias and of the collection's own asset; DAGs may wait for either."""


APPROVE_TASK = "approve"
NOT_PUBLISHED = {
    "refused": "a person said no, and their words are on record",
    "unanswered": "nobody answered in time, and that is on record; trigger publish_collection to ask again",
}


def archive_asset(collection: str, bucket: str) -> Asset:
    """The Airflow asset of one collection's published archive."""
    return Asset(name=f"archive/{collection}", uri=f"s3://{bucket}/{current_key(collection)}", group="archive")


class SummarizeOperator(BaseOperator):
    """Close the run and return how its photographs ended, by state and by reason."""

    template_fields: Sequence[str] = ("catalog_run_id", "collection")
    ui_color = "#e6ecf5"
    operator_extra_links = (FailuresLink(),)

    def __init__(self, *, catalog_run_id: str, collection: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.catalog_run_id = catalog_run_id
        self.collection = collection

    def execute(self, context: Context) -> dict[str, Any]:
        """Count."""
        return flow.summarize(self.catalog_run_id)


class PublishOperator(BaseOperator):
    """Publish the collection's archive, and tell Airflow so where there is a new version.

    Skipped where the form says not to publish, or for a dry run. Ends well without an asset event where nothing
    changed, and where the archive is withheld: consent is refused, or it is unknown or the collection sensitive and no
    person approved exactly these photographs. The log and the report say which, and how a person approves.

    What the task ``approve`` was told counts: after a refusal, or without an answer, this one is skipped; after an
    approval exactly the content is published that the person was shown, and nothing else.

    :param catalog_run_id: the catalog's run, as text; empty where there is none.
    """

    template_fields: Sequence[str] = ("catalog_run_id", "collection")
    ui_color = "#f5efe0"
    operator_extra_links = (GalleryLink(),)

    def __init__(self, *, collection: str, catalog_run_id: str = "", **kwargs: Any) -> None:
        super().__init__(**{"outlets": [PUBLISHED_ARCHIVES], **kwargs})
        self.catalog_run_id = catalog_run_id
        self.collection = collection
        self.publication: dict[str, Any] | None = None

    def execute(self, context: Context) -> dict[str, Any]:
        """Publish; returns the report.

        :raises AirflowSkipException: the form says not to, or a person did, or nobody answered in time.
        :raises AirflowFailException: what was approved is no longer what is there.
        """
        from airflow.sdk.exceptions import AirflowSkipException

        from restoration.settings import get_settings

        params = context["params"]
        if params.get("dry_run") or not params.get("publish", True):
            raise AirflowSkipException("not published: dry run, or publication is switched off in the form")
        told = context["ti"].xcom_pull(task_ids=APPROVE_TASK) or {}
        if told.get("decision") in NOT_PUBLISHED:
            raise AirflowSkipException(f"not published: {NOT_PUBLISHED[told['decision']]}")
        expects = told["content_sha256"] if told.get("decision") == "approved" else None
        with usage_errors_are_final():
            self.publication = report = flow.publish(self.collection, self.catalog_run_id, expects=expects)
        if report["state"] == "published":
            asset = archive_asset(self.collection, get_settings().archive_bucket)
            extra = {key: report[key] for key in ("collection", "version", "uri", "photos")}
            context["outlet_events"][PUBLISHED_ARCHIVES].add(asset, extra=extra)
        return report

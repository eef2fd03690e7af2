"""Buttons on Airflow's task pages: the gallery, and the failures of a run.

Airflow works a link's address out where the task ran and keeps it: nothing here runs in the API server, and no plugin
has to be registered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow.sdk import BaseOperatorLink

from restoration.names import run_id

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey

SUMMARY_TASK = "summarize"


class FailuresLink(BaseOperatorLink):
    """Opens the failures of this run: the institution's own page (setting ``failures_url``), or the run's summary."""

    name = "Failures"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Address with collection and run filled in."""
        from airflow.sdk import conf

        from restoration.settings import get_settings

        template = get_settings().failures_url
        collection = str(getattr(operator, "collection", ""))
        if template:
            catalog_run = str(run_id(ti_key.dag_id, ti_key.run_id))
            return template.replace("{collection}", quote(collection)).replace("{run_id}", catalog_run)
        base = str(conf.get("api", "base_url", fallback="")).rstrip("/")
        return f"{base}/dags/{quote(ti_key.dag_id)}/runs/{quote(ti_key.run_id, safe='')}/tasks/{SUMMARY_TASK}/xcom"


class GalleryLink(BaseOperatorLink):
    """Opens the gallery of the published archive."""

    name = "Gallery"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Address of the version that the task published or found current; empty where there is none."""
        return str((getattr(operator, "publication", None) or {}).get("gallery_uri") or "")

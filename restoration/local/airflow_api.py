"""The few questions the command line asks of Airflow's REST API."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import httpx

from restoration.errors import EnvironmentProblem

_HEALTH_NAMES = {
    "scheduler": ("scheduler", "latest_scheduler_heartbeat"),
    "triggerer": ("triggerer", "latest_triggerer_heartbeat"),
    "dag-processor": ("dag_processor", "latest_dag_processor_heartbeat"),
}


class AirflowApi:
    """
    A client of Airflow's API, version 2.

    :param url: base address, without a path.
    :param user: name for the token.
    :param password: its password.
    """

    def __init__(self, url: str, user: str, password: str) -> None:
        self._url = url.rstrip("/")
        self._user = user
        self._password = password
        self._token: str | None = None

    def token(self) -> str:
        """
        A bearer token.

        :raises EnvironmentProblem: Airflow is out of reach or refuses the login.
        """
        if self._token is None:
            body = {"username": self._user, "password": self._password}
            answer = self._send("POST", "/auth/token", json=body)
            self._token = str(answer["access_token"])
        return self._token

    def heartbeats(self) -> dict[str, float | None]:
        """Last heartbeat of each process in seconds since 1970 (None: never); empty where the API does not answer."""
        try:
            answer = httpx.get(f"{self._url}/api/v2/monitor/health", timeout=5)
            body = answer.raise_for_status().json()
        except (httpx.HTTPError, ValueError):
            return {}
        beats: dict[str, float | None] = {"api-server": float("inf")}
        for name, (section, field) in _HEALTH_NAMES.items():
            text = (body.get(section) or {}).get(field)
            beats[name] = datetime.fromisoformat(text).timestamp() if text else None
        return beats

    def get(self, path: str, **query: Any) -> Any:
        """GET below ``/api/v2``."""
        return self._call("GET", path, params=query)

    def trigger(self, dag_id: str, conf: Mapping[str, Any], run_id: str | None = None) -> str:
        """
        Start a run of a DAG with these parameters; returns its run id.

        :raises EnvironmentProblem: Airflow refused, for instance because a parameter does not validate.
        """
        body: dict[str, Any] = {"logical_date": None, "conf": dict(conf)}
        if run_id is not None:
            body["dag_run_id"] = run_id
        return str(self._call("POST", f"/dags/{dag_id}/dagRuns", json=body)["dag_run_id"])

    def dag_is_known(self, dag_id: str) -> bool:
        """Whether the DAG has been parsed, is not stale and can be triggered."""
        answer = self._raw("GET", f"/dags/{dag_id}")
        return answer.status_code == httpx.codes.OK and not answer.json().get("is_stale", False)

    def import_errors(self) -> list[str]:
        """What Airflow could not parse."""
        found = self.get("/importErrors")["import_errors"]
        return [f"{entry['filename']}: {entry['stack_trace'].strip().splitlines()[-1]}" for entry in found]

    def run_state(self, dag_id: str, run_id: str) -> str:
        """State of a run: queued, running, success or failed."""
        return str(self.get(f"/dags/{dag_id}/dagRuns/{run_id}")["state"])

    def fail_run(self, dag_id: str, run_id: str) -> None:
        """Mark a run failed, which ends its tasks."""
        self._call("PATCH", f"/dags/{dag_id}/dagRuns/{run_id}", json={"state": "failed"})

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """The task instances of a run."""
        answer = self.get(f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances", limit=300)
        return list(answer["task_instances"])

    def task_log(self, dag_id: str, run_id: str, task: Mapping[str, Any], lines: int = 40) -> str:
        """Last lines of the log of a task instance's last try."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task['task_id']}/logs/{task['try_number']}"
        body = self.get(path, map_index=task["map_index"], full_content="true")
        entries = body.get("content", [])
        texts = [entry if isinstance(entry, str) else _log_line(entry) for entry in entries]
        return "\n".join(texts[-lines:])

    def _call(self, method: str, path: str, **arguments: Any) -> Any:
        return _body(self._raw(method, path, **arguments))

    def _raw(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token()}", "Accept": "application/json"}
        return self._request(method, f"/api/v2{path}", headers=headers, **arguments)

    def _send(self, method: str, path: str, **arguments: Any) -> Any:
        return _body(self._request(method, path, **arguments))

    def _request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        try:
            return httpx.request(method, f"{self._url}{path}", timeout=30, **arguments)
        except httpx.HTTPError as error:
            raise EnvironmentProblem(f"Airflow at {self._url} is out of reach: {error}") from error


def _body(answer: httpx.Response) -> Any:
    if answer.is_error:
        asked = f"{answer.request.method} {answer.request.url.path}"
        raise EnvironmentProblem(f"Airflow refused {asked}: {answer.status_code} {answer.text[:500]}")
    return answer.json()


def _log_line(entry: Mapping[str, Any]) -> str:
    extra = entry.get("error_detail") or []
    causes = "; ".join(f"{cause.get('exc_type')}: {cause.get('exc_value')}" for cause in extra)
    return " ".join(str(part) for part in (entry.get("timestamp", ""), entry.get("event", ""), causes) if part)

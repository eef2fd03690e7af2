"""What a local stack must remember between two starts: ports and generated passwords, in one private file."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from restoration.errors import EnvironmentProblem
from restoration.local.airflow import AirflowSecrets
from restoration.local.ports import GRPC_OFFSET, free_port, is_free
from restoration.local.process import write_private
from restoration.local.s3 import Identity, S3Ports
from restoration.local.s3_rights import IDENTITIES

_VERSION = 1


@dataclass(frozen=True)
class StackState:
    """Ports and passwords of a stack; Postgres keeps its own beside its data."""

    redis_port: int
    redis_password: str
    s3_ports: S3Ports
    s3_identities: dict[str, Identity]
    airflow_port: int
    airflow: AirflowSecrets
    review_port: int
    review_secret: str
    painter_port: int

    def __repr__(self) -> str:
        return f"StackState(redis_port={self.redis_port}, airflow_port={self.airflow_port}, ...)"

    def ports_are_free(self) -> bool:
        """Whether nothing else has taken one of the ports meanwhile."""
        s3 = asdict(self.s3_ports).values()
        wanted = [self.redis_port, self.airflow_port, self.review_port, self.painter_port]
        return all(is_free(port) for port in [*wanted, *s3, *(port + GRPC_OFFSET for port in s3)])

    def with_new_ports(self) -> StackState:
        """The same passwords on ports that are free now."""
        s3_ports, redis_port, airflow_port, review_port, painter_port = _choose_ports()
        return replace(
            self,
            redis_port=redis_port,
            airflow_port=airflow_port,
            review_port=review_port,
            painter_port=painter_port,
            s3_ports=s3_ports,
        )

    def save(self, path: Path) -> None:
        """Write it to a file that only its owner may read."""
        write_private(path, json.dumps({"version": _VERSION, **asdict(self)}, indent=1))


def new_state() -> StackState:
    """Free ports and fresh passwords."""
    s3_ports, redis_port, airflow_port, review_port, painter_port = _choose_ports()
    return StackState(
        redis_port=redis_port,
        redis_password=secrets.token_hex(20),
        s3_ports=s3_ports,
        s3_identities={name: Identity(name, secrets.token_hex(20)) for name in IDENTITIES},
        airflow_port=airflow_port,
        airflow=AirflowSecrets(
            admin_password=secrets.token_urlsafe(12),
            fernet_key=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            jwt_secret=secrets.token_hex(64),
            api_secret_key=secrets.token_hex(32),
        ),
        review_port=review_port,
        review_secret=secrets.token_hex(32),
        painter_port=painter_port,
    )


def load_state(path: Path, make: Callable[[], StackState] = new_state) -> StackState:
    """
    The state in the file, or a new one, saved, where there is no file.

    :raises EnvironmentProblem: the file is not what :meth:`StackState.save` writes.
    """
    if not path.is_file():
        state = make()
        state.save(path)
        return state
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
        state = StackState(
            redis_port=body["redis_port"],
            redis_password=body["redis_password"],
            s3_ports=S3Ports(**body["s3_ports"]),
            s3_identities={name: Identity(**key) for name, key in body["s3_identities"].items()},
            airflow_port=body["airflow_port"],
            airflow=AirflowSecrets(**body["airflow"]),
            # a stack of an earlier version had no review page, or no painter
            review_port=(review_port := body.get("review_port") or free_port(_ports_of(body))),
            review_secret=body.get("review_secret") or secrets.token_hex(32),
            painter_port=body.get("painter_port") or free_port([*_ports_of(body), review_port]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise EnvironmentProblem(f"{path} cannot be read ({error}); `make clean` removes the stack") from error
    return _completed(state, path, body)


def _completed(state: StackState, path: Path, body: dict[str, Any]) -> StackState:
    """The state with a key for every identity, saved where an earlier version had fewer."""
    missing = {name: Identity(name, secrets.token_hex(20)) for name in IDENTITIES if name not in state.s3_identities}
    if missing or not {"review_port", "painter_port"} <= body.keys():
        state = replace(state, s3_identities=state.s3_identities | missing)
        state.save(path)
    return state


def _ports_of(body: dict[str, Any]) -> list[int]:
    s3 = list(body["s3_ports"].values())
    return [body["redis_port"], body["airflow_port"], *s3, *(port + GRPC_OFFSET for port in s3)]


def _choose_ports() -> tuple[S3Ports, int, int, int, int]:
    """S3, Redis, Airflow, review page, painter."""
    taken: list[int] = []
    for _ in range(5):
        port = free_port(taken, with_grpc=True)
        taken += [port, port + GRPC_OFFSET]
    s3_ports = S3Ports(*taken[::2])
    others: list[int] = []
    for _ in range(4):
        others.append(free_port([*taken, *others]))
    redis_port, airflow_port, review_port, painter_port = others
    return s3_ports, redis_port, airflow_port, review_port, painter_port

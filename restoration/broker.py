"""What both ends of the queue must agree on: address, queue, time limits. Knows Celery's words, but does not import it.

Airflow sends with these settings and workers listen with them. On Redis the shortest visibility timeout of all
programs that use a database wins, so both ends take it from here.
"""

from __future__ import annotations

from typing import Any

from restoration.errors import ReasonCode, SettingsError
from restoration.settings import Settings

MUTEX_SECONDS = 10
"""How long a worker that was killed can keep others from looking (Redis only)."""
RESTORE_INTERVAL_SECONDS = 2
"""How often a worker looks for deliveries that nobody acknowledged (Redis only)."""


def check_limits(settings: Settings) -> None:
    """Soft limit < hard limit < visibility timeout, or one batch would run twice at the same time.

    :raises SettingsError: naming the two settings that contradict each other.
    """
    if settings.soft_time_limit >= settings.hard_time_limit:
        raise SettingsError(
            f"RESTORATION_SOFT_TIME_LIMIT ({settings.soft_time_limit} s) must be below "
            f"RESTORATION_HARD_TIME_LIMIT ({settings.hard_time_limit} s)"
        )
    if settings.hard_time_limit >= settings.visibility_timeout:
        raise SettingsError(
            f"RESTORATION_HARD_TIME_LIMIT ({settings.hard_time_limit} s) must be below "
            f"RESTORATION_VISIBILITY_TIMEOUT ({settings.visibility_timeout} s)"
        )


def broker_address(settings: Settings) -> str:
    """The broker's URL.

    :raises SettingsError: no broker is configured.
    """
    if settings.broker_url is None:
        raise SettingsError(
            "there is no broker; set RESTORATION_BROKER_URL, for example redis://host:6379/1",
            reason=ReasonCode.BROKER_UNAVAILABLE,
        )
    return settings.broker_url.get_secret_value()


def is_amqp(url: str) -> bool:
    """Whether the broker speaks AMQP (RabbitMQ), which has durable quorum queues."""
    return url.split("://", 1)[0] in {"amqp", "amqps", "pyamqp"}


def shared_options(settings: Settings) -> dict[str, Any]:
    """Celery settings that sender and worker have in common.

    :raises SettingsError: no broker, or time limits that contradict each other.
    """
    check_limits(settings)
    url = broker_address(settings)
    options: dict[str, Any] = {
        "broker_url": url,
        "task_default_queue": settings.celery_queue,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_ignore_result": True,
        "enable_utc": True,
    }
    return options | (_amqp_options() if is_amqp(url) else _redis_options(settings))


def _amqp_options() -> dict[str, Any]:
    return {
        "task_default_queue_type": "quorum",
        "task_create_missing_queue_type": "quorum",
        "worker_detect_quorum_queues": True,
        "broker_transport_options": {"confirm_publish": True},
    }


def _redis_options(settings: Settings) -> dict[str, Any]:
    return {
        "broker_transport_options": {
            "visibility_timeout": settings.visibility_timeout,
            "unacked_restore_interval": RESTORE_INTERVAL_SECONDS,
            "unacked_restore_throttle": 1,
            # a worker killed while it holds the lock on what is unacknowledged would keep it for five minutes
            "unacked_mutex_expire": MUTEX_SECONDS,
            "socket_keepalive": True,
            "health_check_interval": 25,
        }
    }

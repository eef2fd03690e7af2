"""Which errors are worth a retry: those of the environment are, those of the person who filled the form are not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from restoration.errors import UsageError


@contextmanager
def usage_errors_are_final() -> Iterator[None]:
    """Fail the Airflow task at once, without retries, where the form or a recipe is wrong.

    :raises AirflowFailException: instead of :class:`~restoration.errors.UsageError`.
    """
    from airflow.sdk.exceptions import AirflowFailException

    try:
        yield
    except UsageError as error:
        raise AirflowFailException(str(error)) from error

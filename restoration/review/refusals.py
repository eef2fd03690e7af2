"""Why the review page refuses a request: an HTTP status and a word that the page knows, within the one error tree."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from restoration.errors import RestorationError, UsageError


class Refusal(UsageError):
    """A request that the review page refuses.

    :param message: what was wrong and what to do.
    :param status: HTTP status, 400 to 499, or 503 where it is to be asked again later.
    :param code: machine-readable word in the answer, such as ``not_signed_in``.
    :param photo: object key of the photograph concerned, where there is one.
    :param retry_after: seconds after which asking again makes sense; 0 where time changes nothing.
    """

    def __init__(self, message: str, *, status: int, code: str, photo: str | None = None, retry_after: int = 0) -> None:
        super().__init__(message, photo=photo)
        self.status = status
        self.code = code
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (self.message, self.status, self.code, self.photo, self.retry_after))


def _rebuild(message: str, status: int, code: str, photo: str | None, retry_after: int) -> Refusal:
    return Refusal(message, status=status, code=code, photo=photo, retry_after=retry_after)


def not_signed_in() -> Refusal:
    """Nobody is signed in, or the session has ended."""
    return Refusal("nobody is signed in here, or the session has ended; sign in", status=401, code="not_signed_in")


def not_found(what: str) -> Refusal:
    """There is no such thing.

    :param what: what was asked for, in words.
    """
    return Refusal(f"there is no {what}", status=404, code="not_found")


@contextmanager
def missing(what: str) -> Iterator[None]:
    """A thing that the catalog does not know becomes a 404.

    :param what: what was asked for, in words.
    """
    try:
        yield
    except RestorationError as error:
        if isinstance(error, UsageError) and not isinstance(error, Refusal):
            raise not_found(what) from error
        raise

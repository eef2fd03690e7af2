"""COPY into temporary tables: how many rows get into Postgres at once."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

import sqlalchemy as sa

_CHUNK_ROWS = 10_000
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def copy_rows(conn: sa.Connection, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """COPY rows into a table, a chunk at a time; returns how many. None becomes NULL, anything else its text.

    :param table: a constant of the caller's, never user input.
    """
    statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN"
    cursor: Any = conn.connection.cursor()
    count, source = 0, iter(rows)
    while chunk := list(islice(source, _CHUNK_ROWS)):
        text = "".join("\t".join(map(_field, row)) + "\n" for row in chunk)
        cursor.copy_expert(statement, io.StringIO(text))
        count += len(chunk)
    cursor.close()
    return count


def _field(value: Any) -> str:
    return "\\N" if value is None else str(value).translate(_ESCAPES)

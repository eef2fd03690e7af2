"""Where the SQL files are: in a checkout, in an installed wheel, or where ``RESTORATION_SQL_DIR`` says."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from restoration.errors import CatalogError


def sql_dir() -> Path:
    """The folder that holds schema.sql, migrations/ and queries/.

    Looked for in this order: the environment variable ``RESTORATION_SQL_DIR``, ``sql`` beside the package (a checkout,
    an image), ``share/restoration/sql`` of the Python installation (a wheel).

    :raises CatalogError: none of them is there.
    """
    named = os.environ.get("RESTORATION_SQL_DIR")
    places = [Path(named)] if named else []
    places += [Path(__file__).parents[2] / "sql", Path(sys.prefix) / "share" / "restoration" / "sql"]
    for place in places:
        if (place / "schema.sql").is_file():
            return place
    raise CatalogError(f"the catalog's SQL files are in none of {', '.join(map(str, places))}; set RESTORATION_SQL_DIR")

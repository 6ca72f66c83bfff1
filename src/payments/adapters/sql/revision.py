"""Whether a database has this version's tables, which every process asks before it opens one.

Alembic keeps the name of the revision in a table of its own. Reading it takes one statement; importing
Alembic, with the half of SQLAlchemy that only migrations use, takes longer than all else that a start does.
"""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from typing import Any, Final

import asyncpg
from sqlalchemy import column, select, table
from sqlalchemy.sql import ClauseElement

from payments.adapters.sql.runner import Reader
from payments.adapters.sql.sqlite_connection import database_file, meaning

REVISION: Final = "2026_11_29"
"""The newest in ``migrations/versions``: it makes the tables of :mod:`~payments.adapters.sql.tables`."""

_KEPT: Final = "alembic_version"
_NAMES: Final[ClauseElement] = select(column("version_num")).select_from(table(_KEPT))
_TABLES: Final[ClauseElement] = select(column("name")).select_from(table("sqlite_schema"))
_WAIT_S: Final = 5.0
"""How long another program may keep an SQLite database to itself while we look."""


async def is_current_in_postgres(reads: Reader) -> bool:
    """Whether its tables are those of this version.

    Raises:
        StorageUnavailable: it gave no answer.
    """
    try:
        return _is_current(await reads.fetch(_NAMES, {}))
    except asyncpg.UndefinedTableError:
        return False


def is_current_in_sqlite(path: str) -> bool:
    """Whether the tables of the database at ``path`` are those of this version. It makes no database.

    Raises:
        ConfigurationInvalid: ``path`` is no file.
        StorageUnavailable: it cannot be read.
    """
    database = database_file(path)
    if not database.exists():
        return False
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", _WAIT_S, uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            tables = connection.execute(str(_TABLES)).fetchall()
            if _KEPT not in {row["name"] for row in tables}:
                return False
            return _is_current(connection.execute(str(_NAMES)).fetchall())
    except sqlite3.Error as error:
        raise meaning(error) from error


def _is_current(rows: Iterable[Any]) -> bool:
    return [row["version_num"] for row in rows] == [REVISION]

"""The database's tables, brought to this version's. Synchronous, as Alembic is.

Every function takes the URL of the settings (``sqlite:///payments.db``), and raises StorageUnavailable when
the database cannot be reached.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from payments.adapters.sql.lock_file import only_writer
from payments.adapters.sql.sqlite_connection import database_file
from payments.domain.errors import StorageUnavailable

_REVISIONS: Final = Path(__file__).with_name("migrations")


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the tables up to ``revision``; make the database if there is none.

    Raises:
        StorageBusy: another process writes this SQLite database.
    """
    with _changing(url) as connection:
        command.upgrade(_config(connection), revision)


def downgrade(url: str, revision: str) -> None:
    """Bring the tables down to ``revision``; ``base`` is none at all, with everything in them.

    Raises:
        StorageBusy: another process writes this SQLite database.
    """
    with _changing(url) as connection:
        command.downgrade(_config(connection), revision)


def current_revision(url: str) -> str | None:
    """The revision the tables are at; None when there are none."""
    if not database_file(_path(url)).exists():
        return None
    with _looking(url) as connection:
        return MigrationContext.configure(connection).get_current_revision()


def pending(url: str) -> bool:
    """Whether the tables are not those of this version."""
    return current_revision(url) != ScriptDirectory(str(_REVISIONS)).get_current_head()


def _config(connection: Connection) -> Config:
    config = Config()
    # Alembic expands percent signs, and a folder may be called anything.
    config.set_main_option("script_location", str(_REVISIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


@contextmanager
def _changing(url: str) -> Iterator[Connection]:
    database = database_file(_path(url))
    with ExitStack() as resources:
        resources.enter_context(only_writer(database))
        connection = resources.enter_context(_connected(_engine(database, "rwc")))
        yield connection


@contextmanager
def _looking(url: str) -> Iterator[Connection]:
    with _connected(_engine(database_file(_path(url)), "ro")) as connection:
        yield connection


@contextmanager
def _connected(engine: Engine) -> Iterator[Connection]:
    try:
        with engine.connect() as connection:
            yield connection
    except DBAPIError as error:
        raise StorageUnavailable(f"The database cannot be read or changed: {error.orig}.") from error


def _path(url: str) -> str:
    return make_url(url).database or ""


def _engine(database: Path, mode: str) -> Engine:
    def connect() -> sqlite3.Connection:
        # None: the driver would otherwise commit before each DDL statement, behind Alembic's back.
        return sqlite3.connect(f"{database.as_uri()}?mode={mode}", uri=True, isolation_level=None)

    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if mode == "rwc" else "BEGIN")

    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)
    event.listen(engine, "begin", begin)
    return engine

"""The database's tables, brought to this version's. Synchronous, as Alembic is.

Every function takes the URL of the settings (``sqlite:///payments.db``, ``postgresql://...``), and raises
StorageUnavailable when the database cannot be reached.
"""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from payments.adapters.sql import migrate_postgres, migrate_sqlite
from payments.adapters.sql.postgres_url import is_postgresql

_REVISIONS: Final = Path(__file__).with_name("migrations")


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the tables up to ``revision``; make the SQLite database if there is none.

    Whoever comes second to a PostgreSQL database waits for the first, and then finds nothing left to do.

    Raises:
        StorageBusy: another process writes this SQLite database.
    """
    _change(url, lambda connection: command.upgrade(_config(connection), revision))


def downgrade(url: str, revision: str) -> None:
    """Bring the tables down to ``revision``; ``base`` is none at all, with everything in them.

    Raises:
        StorageBusy: another process writes this SQLite database.
    """
    _change(url, lambda connection: command.downgrade(_config(connection), revision))


def current_revision(url: str) -> str | None:
    """The revision the tables are at; None when there are none."""
    if is_postgresql(url):
        return migrate_postgres.look(url, _revision)
    return migrate_sqlite.look(url, _revision)


def pending(url: str) -> bool:
    """Whether the tables are not those of this version."""
    return current_revision(url) != ScriptDirectory(str(_REVISIONS)).get_current_head()


def _change(url: str, do: migrate_sqlite.Change) -> None:
    if is_postgresql(url):
        migrate_postgres.change(url, do)
    else:
        migrate_sqlite.change(url, do)


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _config(connection: Connection) -> Config:
    config = Config()
    # Alembic expands percent signs, and a folder may be called anything.
    config.set_main_option("script_location", str(_REVISIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config

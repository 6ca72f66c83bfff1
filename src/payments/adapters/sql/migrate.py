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
from alembic.util import CommandError
from sqlalchemy import Connection

from payments.adapters.sql import migrate_postgres, migrate_sqlite
from payments.adapters.sql.postgres_url import is_postgresql
from payments.domain.errors import ConfigurationInvalid, FieldError

_REVISIONS: Final = Path(__file__).with_name("migrations")

NEEDS_ITS_VERSION: Final = "Run the version that made them, or a newer one."
"""What to do about tables of a revision that is not among ours."""


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the tables up to ``revision``; make the SQLite database if there is none.

    Whoever comes second to a PostgreSQL database waits for the first, and then finds nothing left to do.

    Raises:
        ConfigurationInvalid: the tables are those of a version to come.
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


def knows(revision: str) -> bool:
    """Whether ``revision`` is one of ours, and not of a version to come."""
    return any(known.revision == revision for known in ScriptDirectory(str(_REVISIONS)).walk_revisions())


def _change(url: str, do: migrate_sqlite.Change) -> None:
    try:
        if is_postgresql(url):
            migrate_postgres.change(url, do)
        else:
            migrate_sqlite.change(url, do)
    except CommandError as error:
        raise ConfigurationInvalid(
            f"The database's tables are those of a version that this one does not know: {error}.",
            errors=(FieldError("PAYMENTS_DATABASE_URL", NEEDS_ITS_VERSION),),
        ) from error


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _config(connection: Connection) -> Config:
    config = Config()
    # Alembic expands percent signs, and a folder may be called anything.
    config.set_main_option("script_location", str(_REVISIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config

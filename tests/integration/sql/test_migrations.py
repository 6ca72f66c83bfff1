"""Migrations make exactly the tables of the code, both ways, all or nothing."""

import os
import re
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool

from payments.adapters.sql import migrate
from payments.adapters.sql.lock_file import only_writer
from payments.adapters.sql.revision import REVISION, is_current_in_sqlite
from payments.adapters.sql.self_check import migrations_of
from payments.adapters.sql.sqlite import open_sqlite
from payments.adapters.sql.sqlite_connection import connect_reading, connect_writing
from payments.adapters.sql.tables import METADATA
from payments.application.ports.self_check import State
from payments.domain.errors import ConfigurationInvalid, StorageBusy, StorageUnavailable
from payments.testing.contracts.stored import a_payment

REVISIONS = [
    revision.revision
    for revision in ScriptDirectory(str(Path(migrate.__file__).with_name("migrations"))).walk_revisions()
][::-1]


@contextmanager
def connected(path: Path) -> Iterator[Connection]:
    with create_engine(f"sqlite:///{path}", poolclass=NullPool).connect() as connection:
        yield connection


def written_out(path: Path) -> dict[str, list[str]]:
    """Each table's and index's own words, in no order."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND type IN ('table', 'index')"
        ).fetchall()
    # SQLite writes columns that were added later behind all others, on the same line.
    between = r",\s*\n|, (?=vouched |accepted )"
    return {
        name: sorted(" ".join(part.split()) for part in re.split(between, text.rstrip().rstrip(")")))
        for name, text in rows
        if name != "alembic_version"
    }


def contents(path: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(
            "SELECT type, name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY name"
        ).fetchall()


def test_the_migrated_tables_are_those_of_the_code(database: Path) -> None:
    with connected(database) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []


def test_checks_and_conditions_of_indexes_are_those_of_the_code_too(database: Path, tmp_path: Path) -> None:
    by_code = tmp_path / "by_code.db"
    with connected(by_code) as connection:
        METADATA.create_all(connection)
        connection.commit()
    assert written_out(database) == written_out(by_code)


def test_every_revision_goes_up_down_and_up_again(tmp_path: Path) -> None:
    path = tmp_path / "payments.db"
    url = f"sqlite:///{path}"
    for before, revision in zip([None, *REVISIONS], REVISIONS, strict=False):
        migrate.upgrade(url, revision)
        once = contents(path)
        migrate.downgrade(url, before or "base")
        assert migrate.current_revision(url) == before
        migrate.upgrade(url, revision)
        assert contents(path) == once
        assert migrate.current_revision(url) == revision
        assert is_current_in_sqlite(str(path)) is (revision == REVISIONS[-1])
    assert not migrate.pending(url)
    migrate.downgrade(url, "base")
    assert contents(path) == [("table", "alembic_version")]
    assert not is_current_in_sqlite(str(path))


def test_the_code_names_the_newest_revision() -> None:
    assert REVISIONS[-1] == REVISION


def test_migrating_again_changes_nothing(database: Path) -> None:
    before = contents(database)
    migrate.upgrade(f"sqlite:///{database}")
    assert contents(database) == before


def test_looking_makes_no_database(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'payments.db'}"
    assert migrate.pending(url)
    assert migrate.current_revision(url) is None
    assert not is_current_in_sqlite(str(tmp_path / "payments.db"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.anyio
async def test_nobody_but_its_owner_reads_a_new_database_or_what_lies_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "payments.db"
    before = os.umask(0o022)
    try:
        migrate.upgrade(f"sqlite:///{path}")
        async with open_sqlite(str(path)) as units:
            await units.write(lambda transaction: transaction.open_payment(a_payment(1)))
            open_to = {each.name: stat.S_IMODE(each.stat().st_mode) for each in os.scandir(tmp_path)}
    finally:
        os.umask(before)
    assert open_to == dict.fromkeys(
        ("payments.db", "payments.db-wal", "payments.db-shm", "payments.db.lock"), 0o600
    )


def test_who_may_read_a_database_that_was_there_is_left_to_its_owner(database: Path) -> None:
    database.chmod(0o640)
    migrate.upgrade(f"sqlite:///{database}")
    assert stat.S_IMODE(database.stat().st_mode) == 0o640


ALONE = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('PRAGMA journal_mode = DELETE').fetchone()"


def test_who_migrates_takes_no_lock_from_those_who_read_in_the_same_process(database: Path) -> None:
    connect_writing(database).close()
    with closing(connect_reading(database)) as reading:
        reading.execute("SELECT count(*) FROM payments").fetchone()
        migrate.upgrade(f"sqlite:///{database}")
        # A program that believes itself alone takes the log away from under those who read.
        alone = subprocess.run([sys.executable, "-c", ALONE, str(database)], check=False, capture_output=True)
    assert b"database is locked" in alone.stderr


def test_a_database_may_be_a_link_to_what_is_not_there_yet(tmp_path: Path) -> None:
    link = tmp_path / "payments.db"
    link.symlink_to(tmp_path / "elsewhere.db")
    migrate.upgrade(f"sqlite:///{link}")
    assert stat.S_IMODE((tmp_path / "elsewhere.db").stat().st_mode) == 0o600


def test_a_folder_may_be_called_anything(tmp_path: Path) -> None:
    folder = tmp_path / "100% sure #1 የክፍያ"
    folder.mkdir()
    url = f"sqlite:///{folder / 'payments.db'}"
    migrate.upgrade(url)
    assert (folder / "payments.db").exists()
    assert not migrate.pending(url)


def test_an_address_means_one_file_to_whoever_migrates_and_to_whoever_looks(tmp_path: Path) -> None:
    path = tmp_path / "a%20b.db"
    migrate.upgrade(f"sqlite:///{path}")
    assert is_current_in_sqlite(str(path))
    assert not migrate.pending(f"sqlite:///{path}")


def test_an_address_with_options_is_refused_by_all(tmp_path: Path) -> None:
    path = f"{tmp_path}/payments.db?timeout=30"
    for use in (migrate.upgrade, migrate.pending):
        with pytest.raises(ConfigurationInvalid, match="no options"):
            use(f"sqlite:///{path}")
    with pytest.raises(ConfigurationInvalid, match="no options"):
        is_current_in_sqlite(path)
    assert [*tmp_path.iterdir()] == []


def test_tables_of_a_version_to_come_are_left_as_they_are_and_said_to_be_that(database: Path) -> None:
    url = f"sqlite:///{database}"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '2099_01_01'")
    with pytest.raises(ConfigurationInvalid, match="a version that this one does not know"):
        migrate.upgrade(url)
    assert migrate.current_revision(url) == "2099_01_01"
    found = migrations_of(url, migrates_itself=True)
    assert (found.state, found.remedy) == (State.WRONG, "Run the version that made them, or a newer one.")


def test_a_migration_that_breaks_off_leaves_what_was_before(tmp_path: Path) -> None:
    path = tmp_path / "payments.db"
    with closing(sqlite3.connect(path)) as connection:
        # The last table of the first revision is in the way.
        connection.execute("CREATE TABLE answers (x)")
    with pytest.raises(StorageUnavailable, match="table answers already exists"):
        migrate.upgrade(f"sqlite:///{path}")
    assert contents(path) == [("table", "answers")]
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE answers")
    migrate.upgrade(f"sqlite:///{path}")
    assert not migrate.pending(f"sqlite:///{path}")


def test_nobody_migrates_under_a_process_that_writes(database: Path) -> None:
    url = f"sqlite:///{database}"
    with only_writer(database):
        assert not migrate.pending(url)
        with pytest.raises(StorageBusy, match="takes exactly one"):
            migrate.upgrade(url)
        with pytest.raises(StorageBusy):
            migrate.downgrade(url, "base")


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_database_in_memory_alone_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationInvalid, match="SQLite needs a file"):
        migrate.upgrade(url)


def test_what_is_no_database_is_said_to_be_none(tmp_path: Path) -> None:
    path = tmp_path / "payments.db"
    path.write_bytes(b"not a database, but long enough to be taken for one" * 100)
    with pytest.raises(StorageUnavailable, match="not a database"):
        migrate.pending(f"sqlite:///{path}")
    with pytest.raises(StorageUnavailable, match="not a database"):
        is_current_in_sqlite(str(path))


def test_a_database_without_our_tables_is_not_of_this_version(tmp_path: Path) -> None:
    path = tmp_path / "payments.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE answers (x)")
    assert not is_current_in_sqlite(str(path))


@pytest.mark.parametrize("table", ["audit", "evidence", "review_audit"])
@pytest.mark.parametrize("deed", ["UPDATE {} SET evidence_id = 'x'", "DELETE FROM {}"])
def test_evidence_and_the_audit_trail_are_append_only(database: Path, table: str, deed: str) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        values = {
            "audit": ("'p', 1, 0, 'a', 'c', x'', NULL, '', '', ''"),
            "review_audit": ("'p', 1, 0, 'a', 'c', x'', NULL, '', '', ''"),
            "evidence": (
                "'e', 'p', 'r', 'collector', '', 'settled', 0, 'paid', '', "
                "NULL, NULL, NULL, NULL, NULL, NULL, NULL, '', NULL, NULL, NULL, NULL"
            ),
        }
        connection.execute(f"INSERT INTO {table} VALUES ({values[table]})")  # noqa: S608 - names from the table above
        with pytest.raises(sqlite3.IntegrityError, match=f"the table {table} is append-only"):
            connection.execute(deed.format(table))

"""Migrations make exactly the tables of the code on PostgreSQL too, one at a time, in nobody's way."""

import asyncio
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, event, text

from payments.adapters.sql import migrate, migrate_postgres
from payments.adapters.sql.postgres import open_postgres_database
from payments.adapters.sql.revision import is_current_in_postgres
from payments.adapters.sql.tables import METADATA
from payments.domain.errors import StorageUnavailable
from tests.postgres import Databases, execute

REVISIONS = [
    revision.revision
    for revision in ScriptDirectory(str(Path(migrate.__file__).with_name("migrations"))).walk_revisions()
][::-1]

WRITTEN_OUT = """
    SELECT 'index', tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL
    SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'column', attrelid::regclass::text, attname, format_type(atttypid, atttypmod) || attnotnull
      || coalesce(collname, '')
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
      LEFT JOIN pg_collation ON pg_collation.oid = attcollation
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0
"""
CONTENTS = """
    SELECT relkind::text, relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace
    UNION ALL SELECT 'f', proname::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT 't', tgname::text FROM pg_trigger WHERE NOT tgisinternal
"""


def found(url: str, question: str) -> list[tuple[Any, ...]]:
    def ask(connection: Connection) -> list[tuple[Any, ...]]:
        return sorted(
            tuple(row) for row in connection.execute(text(question)) if "alembic_version" not in row
        )

    return migrate_postgres.look(url, ask)


def is_current(url: str) -> bool:
    async def look() -> bool:
        async with open_postgres_database(url, read_only=True) as database:
            return await is_current_in_postgres(database.reads)

    return asyncio.run(look())


@pytest.fixture
def empty(postgres: Databases) -> Iterator[str]:
    with postgres.empty() as url:
        yield url


def test_the_migrated_tables_are_those_of_the_code(postgres_url: str) -> None:
    def compared(connection: Connection) -> Any:
        return compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), METADATA)

    assert migrate_postgres.look(postgres_url, compared) == []


def test_every_index_check_and_collation_is_that_of_the_code_too(postgres_url: str, empty: str) -> None:
    def make(connection: Connection) -> None:
        METADATA.create_all(connection)
        connection.commit()

    migrate_postgres.change(empty, make)
    assert found(postgres_url, WRITTEN_OUT) == found(empty, WRITTEN_OUT)


def test_every_revision_goes_up_down_and_up_again(empty: str) -> None:
    assert not is_current(empty)
    for before, revision in zip([None, *REVISIONS], REVISIONS, strict=False):
        migrate.upgrade(empty, revision)
        once = found(empty, CONTENTS)
        migrate.downgrade(empty, before or "base")
        assert migrate.current_revision(empty) == before
        migrate.upgrade(empty, revision)
        assert found(empty, CONTENTS) == once
        assert migrate.current_revision(empty) == revision
        assert is_current(empty) is (revision == REVISIONS[-1])
    assert not migrate.pending(empty)
    migrate.downgrade(empty, "base")
    assert [row for row in found(empty, CONTENTS) if "alembic_version" not in row[1]] == []
    assert not is_current(empty)


def test_a_migration_that_breaks_off_leaves_what_was_before(empty: str) -> None:
    # The last table of the first revision is in the way.
    execute(empty, "CREATE TABLE answers (x integer)")
    with pytest.raises(StorageUnavailable, match="already exists"):
        migrate.upgrade(empty)
    assert found(empty, CONTENTS) == [("r", "answers")]
    execute(empty, "DROP TABLE answers")
    migrate.upgrade(empty)
    assert not migrate.pending(empty)


def test_many_who_migrate_at_once_do_it_one_after_the_other(empty: str) -> None:
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(migrate.upgrade, [empty] * 4))
    assert not migrate.pending(empty)


async def _holding_payments(url: str) -> asyncpg.Connection:
    connection = await asyncpg.connect(url)
    await connection.execute("BEGIN; SELECT 1 FROM payments")
    return connection


@pytest.mark.anyio
async def test_a_table_in_use_is_waited_for_briefly_and_left_alone(postgres_url: str) -> None:
    user = await _holding_payments(postgres_url)
    before, began = found(postgres_url, CONTENTS), time.monotonic()
    with pytest.raises(StorageUnavailable, match="lock timeout"):
        migrate.downgrade(postgres_url, "base")
    assert time.monotonic() - began < 20
    await user.close()
    migrate.upgrade(postgres_url)
    assert found(postgres_url, CONTENTS) == before


def test_a_server_that_is_not_there_is_said_to_be_so() -> None:
    with pytest.raises(StorageUnavailable, match=r"cannot be read or changed: .*Connect call failed"):
        migrate.pending("postgresql://pay@127.0.0.1:1/payments")


@pytest.mark.parametrize("table", ["audit", "evidence", "review_audit"])
@pytest.mark.parametrize("deed", ["UPDATE {} SET evidence_id = 'x'", "DELETE FROM {}", "TRUNCATE {}"])
def test_evidence_and_the_audit_trail_are_append_only(postgres_url: str, table: str, deed: str) -> None:
    with pytest.raises(asyncpg.RaiseError, match=f"the table {table} is append-only"):
        execute(postgres_url, deed.format(table))


@pytest.mark.parametrize("revision", REVISIONS[1:])
def test_a_later_revision_keeps_no_writer_from_a_table_that_was_there(empty: str, revision: str) -> None:
    migrate.upgrade(empty, f"{revision}-1")
    there = {name for kind, name in found(empty, CONTENTS) if kind == "r"}
    said: list[str] = []

    def note(*details: Any) -> None:
        said.append(" ".join(details[2].split()))

    def upgrade(connection: Connection) -> None:
        event.listen(connection, "before_cursor_execute", note)
        command.upgrade(migrate._config(connection), revision)

    migrate_postgres.change(empty, upgrade)
    made = re.findall(r"CREATE (?:UNIQUE )?INDEX (CONCURRENTLY )?\S+ ON (\w+)", "\n".join(said))
    assert [table for online, table in made if table in there and not online] == []
    # A column with nothing or a constant in it takes a lock for an instant, and no row is written anew.
    kind = r'TEXT(?: COLLATE "C")?|BOOLEAN DEFAULT false NOT NULL'
    instant = re.compile(rf"ALTER TABLE \w+ ADD COLUMN \w+ (?:{kind})$")
    lasting = [statement for statement in said if not instant.match(statement)]
    taken = [re.match(r"(?:ALTER TABLE|LOCK(?: TABLE)?) (\w+)", statement) for statement in lasting]
    assert [match[1] for match in taken if match and match[1] in there] == []

"""What a revision after the first may do to a table that payments are using."""

from typing import Any

import sqlalchemy as sa
from alembic import op


def add_index(name: str, table: str, columns: list[str], **options: Any) -> None:
    """Make an index while payments go on; ``options`` are those of ``op.create_index``.

    PostgreSQL builds it outside a transaction, without a lock that keeps writers away. What an earlier try
    left half built is removed first.
    """
    context = op.get_context()
    if context.dialect.name != "postgresql":
        op.create_index(name, table, columns, **options)
        return
    with context.autocommit_block():
        # It waits for every transaction that is older, and is in nobody's way meanwhile.
        op.execute("SET lock_timeout = 0")
        op.execute("SET statement_timeout = 0")
        op.drop_index(name, table, postgresql_concurrently=True, if_exists=True)
        op.create_index(name, table, columns, postgresql_concurrently=True, **options)
        op.execute("RESET lock_timeout")
        op.execute("RESET statement_timeout")


def add_columns_online(table: str, *columns: sa.Column[Any]) -> None:
    """Give a table of PostgreSQL ``columns`` that may be NULL: the catalogue changes and no row does."""
    for column in columns:
        op.add_column(table, column, if_not_exists=True)


def add_check_online(name: str, table: str, rule: str) -> None:
    """Have PostgreSQL check ``rule`` from now on; the rows that are there are looked through afterwards.

    The look keeps no writer away, and happens outside a transaction, so that it holds no lock of an earlier
    statement meanwhile. What an earlier try left is made anew.
    """
    op.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}")
    op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({rule}) NOT VALID")
    with op.get_context().autocommit_block():
        op.execute("SET statement_timeout = 0")
        op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}")
        op.execute("RESET statement_timeout")

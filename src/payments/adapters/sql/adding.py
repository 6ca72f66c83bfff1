"""What a revision after the first may do to a table that payments are using."""

from typing import Any

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

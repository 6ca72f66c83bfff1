"""Where everything is measured: a folder on a disk, the databases, and those around the service."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import attrs

from bench import rows
from bench.measuring import Family
from bench.neighbours import Neighbours
from bench.postgres import postmaster
from bench.servers import Server, constant, django, fastapi, ours, threadpool
from tests.postgres_server import PostgresServer


def execute(url: str, sql: str) -> list[tuple[Any, ...]]:
    """The rows of ``sql``, over a connection of its own."""

    async def run() -> list[tuple[Any, ...]]:
        connection = await asyncpg.connect(url)
        try:
            return [tuple(row) for row in await connection.fetch(sql)]
        finally:
            await connection.close()

    return asyncio.run(run())


@attrs.frozen(kw_only=True)
class Place:
    """Where everything happens: a folder on a disk, the databases, and those around the service."""

    folder: Path
    postgres: PostgresServer | None
    around: Neighbours

    def url(self, name: str) -> str:
        """The database of this name on PostgreSQL."""
        assert self.postgres is not None
        return self.postgres.url(name)

    def database_of(self, server: Server) -> Family | None:
        """The processes of its database, where it has some."""
        return postmaster(self.postgres) if self.postgres and server.on_postgres else None

    def everybody(self) -> tuple[Server, ...]:
        """All that are compared."""
        on_sqlite = ours(str(self.folder / "bench.db"), 1)
        if self.postgres is None:
            return (on_sqlite,)
        return (
            ours(self.url("bench_ours"), 2),
            ours(self.url("bench_ours"), 1),
            django(self.url("bench_django")),
            fastapi(self.url("bench_fastapi")),
            constant(),
            on_sqlite,
            threadpool(str(self.folder / "threads.db")),
        )

    def fill(self, name: str, portions: Iterator[rows.Rows]) -> dict[bool, str]:
        """A database of ours with these payments, on PostgreSQL (True) and on SQLite (False)."""
        made = {False: str(self.folder / f"{name}.db")}
        if self.postgres is not None:
            made[True] = self.url(f"bench_{name}")
        for database in made.values():
            ours(database, 1).make_tables(execute)
        for portion in portions:
            rows.write(portion, *made.values())
        return made

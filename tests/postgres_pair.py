"""Two PostgreSQL servers: one takes writes, and the other is sent every change before it is confirmed."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from uuid import uuid4

import asyncpg
import attrs

from payments.adapters.sql import migrate
from tests.ports import free_port
from tests.postgres import execute, in_own_loop
from tests.postgres_server import PostgresServer, server

_IN_STEP = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = ANY($1)"
_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
_WITHIN_S = 180.0


@attrs.define
class Pair:
    """The two, whichever of them takes writes now."""

    primary: PostgresServer
    standby: PostgresServer
    synchronous: bool = True
    """Whether a commit is confirmed only when both have it on their disks."""

    @property
    def url(self) -> str:
        """Both, as a service is told of them."""
        ports = sorted((self.primary.port, self.standby.port))
        places = ",".join(f"127.0.0.1:{port}" for port in ports)
        return f"postgresql://payments@{places}/payments?target_session_attrs=read-write"

    def attach(self) -> None:
        """Have the standby follow, and be waited for from now on. A primary without one waits for nobody."""
        self.standby.follow(self.primary)
        names = "'*'" if self.synchronous else "''"
        execute(self.primary.url(), f"ALTER SYSTEM SET synchronous_standby_names = {names}")
        execute(self.primary.url(), "SELECT pg_reload_conf()")
        self._until(_IN_STEP, ["sync" if self.synchronous else "async"])

    def fail_over(self) -> None:
        """The primary has died: the other one takes its place."""
        self.standby.promote()
        self.primary, self.standby = self.standby, self.primary

    def until_a_commit_waits(self) -> None:
        """Wait until somebody's commit waits for the standby."""
        self._until(_WAITING)

    def _until(self, count: str, *arguments: Any) -> None:
        deadline = time.monotonic() + _WITHIN_S
        while not in_own_loop(self._asked(count, *arguments)):
            if time.monotonic() > deadline:
                raise RuntimeError(f"It never came to pass: {count}")
            time.sleep(0.05)

    async def _asked(self, count: str, *arguments: Any) -> int:
        connection = await asyncpg.connect(self.primary.url())
        try:
            return int(await connection.fetchval(count, *arguments))
        finally:
            await connection.close()


@contextmanager
def pair(*, synchronous: bool = True) -> Iterator[Pair]:
    """Two servers that wait for their disks, with a migrated database, in step."""
    with ExitStack() as servers:
        one, other = (servers.enter_context(server(uuid4().hex, free_port(), fsync=True)) for _ in range(2))
        execute(one.url(), "CREATE DATABASE payments")
        migrate.upgrade(one.url("payments"))
        both = Pair(one, other, synchronous)
        both.attach()
        yield both

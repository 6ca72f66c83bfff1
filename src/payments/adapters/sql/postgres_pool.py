"""Connections to PostgreSQL as we need them, and the pool that keeps them."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg
from sqlalchemy import Dialect, false, func, make_url, select

from payments.adapters.sql.compiled import compiled
from payments.adapters.sql.postgres_errors import RETRY_AFTER_S, meaning, sqlstate, told
from payments.adapters.sql.postgres_url import PostgresAddress, Server, refuse_unreadable_files, refused
from payments.adapters.sql.runner import TryAgain
from payments.domain.errors import StorageUnavailable

DIALECT: Final[Dialect] = make_url("postgresql+asyncpg://").get_dialect()()

ACQUIRE_S: Final = 2.0
"""How long anybody waits for a connection before it is told that there is none."""

COMMAND_S: Final = 6.0
"""How long an answer may take on the wire. The server's own limit for a statement comes first, unless the
network is gone, or several statements went together and each took its time."""

SESSION: Final[Mapping[str, str]] = {
    "application_name": "payments",
    "statement_timeout": "5s",
    # Beside who waits for a lock others may wait for the same answer (ADR 0038). Whoever does not have it
    # by then asks again, alone; in a transaction it may take as long as BEGIN says.
    "lock_timeout": "250ms",
    "idle_in_transaction_session_timeout": "10s",
    "default_transaction_isolation": "read committed",
    # Compiling a statement costs more than any of ours takes.
    "jit": "off",
    # Each of ours has one good plan for all values (tests/integration/sql/test_postgres_plans.py), and making
    # it anew for each costs more than running it.
    "plan_cache_mode": "force_generic_plan",
    # What is planned while a table is new, and its rows not counted yet, must do for many, too: it uses an
    # index, as all of ours do.
    "enable_seqscan": "off",
}

BEGIN: Final = "BEGIN; SET LOCAL lock_timeout = '2s'"
"""How a transaction of several statements begins, in one round trip."""

# An answer is given after a commit, so a commit has to be on the disk whatever this server's habit is.
_COMMIT_TO_DISK: Final = compiled(
    select(func.set_config("synchronous_commit", "on", false())).where(
        func.current_setting("synchronous_commit") == "off"
    ),
    DIALECT,
)


_ANOTHER_MAY: Final = (
    OSError,
    # It hung up, as what stands before a dead server does; it is full; it is shutting down, or starting up.
    asyncpg.PostgresConnectionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.TargetServerAttributeNotMatched,
)
"""Why one server does not let us in, though another one may."""

_NO_SUCH_SETTING: Final = frozenset({"42704", "22023"})
"""No setting has this name, or takes this value: what the driver does not know is sent to the server."""


class PooledConnection(asyncpg.Connection):  # type: ignore[misc]  # the driver has no types
    """A connection that is returned as it was taken: we change no session, and leave no transaction open."""

    __slots__ = ()

    def get_reset_query(self) -> str:
        """Nothing: a round trip saved for each unit of work."""
        return ""


@asynccontextmanager
async def open_pool(
    address: PostgresAddress,
    *,
    size: int,
    read_only: bool,
    connection: type[PooledConnection] = PooledConnection,
) -> AsyncIterator[asyncpg.Pool]:
    """A pool of up to ``size`` connections; ``connection`` is their class.

    Raises:
        StorageUnavailable: no server lets us in.
    """
    settings = {**SESSION, "default_transaction_read_only": "on"} if read_only else SESSION
    pool = asyncpg.create_pool(
        init_size=1,
        min_size=0,
        max_size=size,
        connect=Servers(address, settings).connect,
        connection_class=connection,
        # Each statement is prepared once on each connection, and there are fewer than these.
        statement_cache_size=400,
        max_cached_statement_lifetime=0,
        command_timeout=COMMAND_S,
        init=_prepare,
    )
    try:
        await pool
    except Exception as error:
        if meaning(error) is error:
            raise
        raise StorageUnavailable(
            f"The database cannot be opened: {told(error)}.", retry_after_s=RETRY_AFTER_S
        ) from error
    try:
        yield pool
    finally:
        await _close(pool)


async def _prepare(connection: asyncpg.Connection) -> None:
    if getattr(connection.get_settings(), "default_transaction_read_only", "off") != "on":
        await connection.fetch(_COMMIT_TO_DISK.text, *_COMMIT_TO_DISK.arguments({}))


async def _close(pool: asyncpg.Pool) -> None:
    try:
        async with asyncio.timeout(COMMAND_S):
            await pool.close()
    except (TimeoutError, asyncpg.InterfaceError, OSError):
        pool.terminate()


class Servers:
    """The servers of one address, the one that let us in last first.

    asyncpg tries several servers within one time limit, so that the first that lies dead and silent uses it
    up for all others; here each has its own.
    """

    def __init__(self, address: PostgresAddress, settings: Mapping[str, str]) -> None:
        refuse_unreadable_files(address)
        self._address = address
        self._in_order: list[Server | None] = list(address.servers) or [None]
        self._settings = dict(settings)
        # To the driver a session that may not write is no read-write one, wherever it is.
        only_reads = "default_transaction_read_only" in settings
        self._target = "primary" if only_reads and address.target == "read-write" else address.target

    async def connect(self, _dsn: None = None, **options: Any) -> asyncpg.Connection:
        """A connection to the first server that will do; ``options`` are the pool's.

        Raises:
            ConfigurationInvalid: the driver or the server refuses what the address says.
        """
        share_s = min(self._address.connect_s, ACQUIRE_S * 0.9 / min(2, len(self._in_order)))
        failure: Exception = TryAgain("there is no server")
        for server in tuple(self._in_order):
            where = {} if server is None else {"host": server.host, "port": server.port}
            try:
                connection = await asyncpg.connect(
                    self._address.dsn,
                    **where,
                    **options,
                    timeout=share_s,
                    server_settings=self._settings,
                    target_session_attrs=self._target,
                )
            except asyncpg.ClientConfigurationError as error:
                # Its second line is a hint in the driver's own terms.
                raise refused(f"The driver refuses it: {told(error).splitlines()[0]}.") from error
            except _ANOTHER_MAY as error:
                failure = error
            except asyncpg.PostgresError as error:
                if sqlstate(error) not in _NO_SUCH_SETTING:
                    raise
                raise refused(f"The server refuses it: {told(error)}.") from error
            else:
                self._in_order.remove(server)
                self._in_order.insert(0, server)
                return connection
        raise failure

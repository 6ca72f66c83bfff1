"""How an answer of PostgreSQL's is waited for, what it means, and what is sent to have it."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, Final, TypeVar

import asyncpg

from payments.adapters.sql.compiled import Compiled
from payments.adapters.sql.many_at_once import ManyAtOnce
from payments.adapters.sql.merged import PARTLY_WRITTEN
from payments.adapters.sql.postgres_errors import closed_means_lost, meaning, sqlstate
from payments.adapters.sql.postgres_pool import COMMAND_S
from payments.adapters.sql.runner import Outdated, Row, Values

T = TypeVar("T")

_ROLL_BACK_S: Final = 2.0

LOST: Final = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What a connection raises that is gone, or of which nothing is heard."""

NEVER_S: Final = 86_400.0
"""When the driver may break a commit off: it has no word for never."""


def rows_counted(status: str) -> int:
    """How many rows the server says it wrote: ``INSERT 0 1``, ``UPDATE 1``."""
    return int(status.rpartition(" ")[2])


async def answered(
    method: Callable[..., Awaitable[Any]],
    *arguments: Any,
    means: Callable[[Exception], Exception] = meaning,
) -> Any:
    """What ``method`` of the driver's answers to ``arguments``.

    Raises:
        Exception: what its trouble ``means``.
    """
    try:
        with closed_means_lost():
            return await method(*arguments)
    except LOST as error:
        raise means(error) from error


def meaning_of_writes(error: Exception) -> Exception:
    """As :func:`meaning`, of a merged statement: it divides by zero when a row of it was not there."""
    if sqlstate(error) == PARTLY_WRITTEN:
        return Outdated("A row is not as it was.")
    return meaning(error)


def refuse_outdated(row: Row) -> None:
    """Return if the merged statement that answered ``row`` wrote its rows.

    Raises:
        Outdated: its first one was not there.
    """
    if not row["written"]:
        raise Outdated("The payment is not as it was.")


async def unbroken(connection: asyncpg.Connection, answer: Coroutine[Any, Any, T]) -> T:
    """The server's answer to what commits; whoever does not wait for it hangs up, and never breaks it off.

    To cancel a commit that waits for a standby (as the driver does when time runs out, or when who awaits it
    goes away) ends the wait and not the commit: it stands on this server alone, for all to see. Whoever comes
    again would find it and answer for it, and a fail-over would lose it. Left alone it stays unseen, with its
    locks held, until the standby has it.

    Raises:
        TimeoutError: it was not answered in time.
    """
    committing: asyncio.Future[T] = asyncio.ensure_future(answer)
    try:
        await asyncio.wait({committing}, timeout=COMMAND_S)
    finally:
        if not committing.done():
            committing.add_done_callback(_heard)
            _hang_up(connection)
            # The driver waits on, if it has not sent all of it yet. There is nothing to break off any more.
            committing.cancel()
    if not committing.done():
        raise TimeoutError
    with closed_means_lost():
        return await committing


def _heard(committing: "asyncio.Future[Any]") -> None:
    """Take what nobody waits for any more."""
    if not committing.cancelled():
        committing.exception()


async def roll_back(connection: asyncpg.Connection) -> None:
    """Undo what was run; a connection that does not say it did is closed, which undoes it too."""
    try:
        with closed_means_lost():
            await connection.execute("ROLLBACK", timeout=_ROLL_BACK_S)
    except LOST:
        _hang_up(connection)
    except BaseException:
        _hang_up(connection)
        raise


def _hang_up(connection: asyncpg.Connection) -> None:
    # One that was lost before is back in the pool's hands, and no longer ours to close.
    with suppress(asyncpg.InterfaceError):
        connection.terminate()


def arguments_of(compiled: Compiled, values: Values) -> tuple[Any, ...]:
    """The values in the statement's order, as the server can take them."""
    return sendable(compiled.arguments(values))


def arguments_of_many(many: ManyAtOnce, rows: Sequence[Values]) -> tuple[Any, ...]:
    """The same of many rows."""
    return many.arguments([dict(zip(row, sendable(tuple(row.values())), strict=True)) for row in rows])


def sendable(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """``arguments`` without the one character that PostgreSQL's text cannot hold."""
    for value in arguments:
        if type(value) is str and "\x00" in value:
            return tuple(
                value.replace("\x00", "\ufffd") if type(value) is str else value for value in arguments
            )
    return arguments

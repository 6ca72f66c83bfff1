"""Who writes to an SQLite file, and when: one after the other, and what waits for the disk waits together.

A commit waits for the disk, and nobody else can write meanwhile. Whoever asked in that time has their turn
after it, in a savepoint each of one transaction, and the last of them commits for all (group commit): the
disk is asked once. Each returns when all is on the disk, and what one of them gets wrong is undone alone
(docs/adr/0030).
"""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final, TypeAlias, TypeVar, cast

import attrs

from payments.adapters.sql.runner import TryAgain
from payments.adapters.sql.sqlite_connection import is_io_error, meaning, patiently
from payments.domain.errors import StorageUnavailable

T = TypeVar("T")

Begin: TypeAlias = Callable[[], Awaitable[None]]
"""What a unit of work awaits before its first statement: its turn."""

MOST_TOGETHER: Final = 32
"""So many are committed together at most: the first of them waits for the last."""

_TURNS: Final = 3
"""So many turns of the loop the last of a transaction gives to whoever may join it: they take no time that a
commit would not take many times."""


@attrs.define(eq=False)
class _Group:
    """One transaction, and who is in it."""

    changes_before: int
    ended: asyncio.Future[None] = attrs.field(factory=lambda: asyncio.get_running_loop().create_future())
    """Done when it is on the disk, or with why it is not, or may not be."""
    turns: int = 0
    """How many units of work had their turn in it."""
    kept: int = 0
    """How many of those wrote something that is to be kept."""


class Turns:
    """Gives each unit of work its turn on the one connection that writes, in the order in which they ask."""

    def __init__(self, connection: sqlite3.Connection, disk: ThreadPoolExecutor, wait_s: float) -> None:
        self._connection = connection
        self._disk = disk
        self._wait_s = wait_s
        # Not asyncio's lock under asyncio's timeout: every unit of work comes through here, mostly to wait.
        self._taken = False
        self._waiting: deque[asyncio.Future[bool]] = deque()
        """Told True when it is their turn, and False when they waited for too long."""
        self._asking = 0
        self._group: _Group | None = None

    async def take(self, work: Callable[[Begin], Awaitable[T]]) -> T:
        """What ``work`` returns, once all it wrote is on the disk; it awaits what it is given for its turn.

        It does so before its first statement and once. What it does until then holds up nobody.
        What ``work`` raises comes then, too: it may be about rows of others, which are on the disk no sooner.

        Raises:
            StorageUnavailable: other writers, or another program, kept the database busy for too long.
            TryAgain: the disk failed, and nobody knows what it kept.
            Exception: what ``work`` raised; nothing that it wrote is kept.
            CancelledError: who waits was cut off, and the work with it; after the commit, if that had begun.
        """
        group: _Group | None = None

        async def begin() -> None:
            nonlocal group
            group = await self._entered()
            group.turns += 1
            if group.kept:
                self._connection.execute("SAVEPOINT unit")

        result, failed = None, None
        try:
            result = await work(begin)
            if group is not None:
                self._keep(group)
        except BaseException as error:  # noqa: BLE001 -- raised below
            failed = error
        if group is not None:
            await self._left(group, failed)
        elif failed is not None:
            raise failed
        return cast(T, result)

    async def _entered(self) -> _Group:
        """The transaction under way, or a new one, which is this one's alone until it has left."""
        await self._my_turn()
        try:
            return self._group or await self._begun()
        except BaseException:
            self._pass_on()
            raise

    async def _left(self, group: _Group, failed: BaseException | None) -> None:
        """Return once what was written is on the disk; raise ``failed`` once nothing of it is kept."""
        try:
            if failed is not None:
                self._undo(group)
            alone = failed is not None and group.ended.done()
            interrupted = await self._commit_or_leave_it(group)
        finally:
            self._pass_on()
        interrupted = await _done(group.ended) or interrupted
        if interrupted is not None:
            raise interrupted
        if failed is not None and (alone or isinstance(failed, asyncio.CancelledError)):
            raise failed
        group.ended.result()
        if failed is not None:
            raise failed

    async def _my_turn(self) -> None:
        """Return once nobody else writes, and all who asked before have written or gone away."""
        if not self._taken:
            # Nobody is before this one: it waits for nothing, and needs no clock.
            self._taken = True
            return
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[bool] = loop.create_future()
        out_of_time = loop.call_later(self._wait_s, _too_late, turn)
        self._waiting.append(turn)
        self._asking += 1
        cut_off = None
        try:
            await turn
        except asyncio.CancelledError as error:
            cut_off = error
        finally:
            out_of_time.cancel()
            self._asking -= 1
        mine = not turn.cancelled() and turn.result()
        if mine and cut_off is None:
            return
        interrupted = await self._gone_without(turn, mine=mine) or cut_off
        if interrupted is not None:
            raise interrupted
        raise StorageUnavailable("Other writers kept the database busy.", retry_after_s=1.0)

    async def _gone_without(
        self, turn: "asyncio.Future[bool]", *, mine: bool
    ) -> asyncio.CancelledError | None:
        """Take out whoever goes away before its turn, or when it has just come; why it is cut off meanwhile.

        It commits first if whoever was before left that to it, and nobody comes after it.
        """
        if not mine:
            with suppress(ValueError):
                self._waiting.remove(turn)
            if self._taken:
                return None
            self._taken = True
        try:
            if self._group is not None and not self._asking:
                return await self._commit(self._group)
        finally:
            self._pass_on()
        return None

    def _pass_on(self) -> None:
        """Give the turn to whoever asked first and still waits."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(True)
                return
        self._taken = False

    async def _begun(self) -> _Group:
        await patiently(lambda: self._connection.execute("BEGIN IMMEDIATE"), self._wait_s)
        group = self._group = _Group(self._connection.total_changes)
        return group

    def _keep(self, group: _Group) -> None:
        """Have what this unit of work has written stand, whatever becomes of the next."""
        if group.kept:
            self._connection.execute("RELEASE unit")
        group.kept += 1

    def _undo(self, group: _Group) -> None:
        """Undo what this unit of work has written, and nobody else's."""
        connection = self._connection
        # SQLite ends a transaction by itself when the disk fails.
        undone = not connection.in_transaction
        try:
            if group.kept and not undone:
                connection.execute("ROLLBACK TO unit")
                connection.execute("RELEASE unit")
                return
        except sqlite3.Error:
            undone = True
        if connection.in_transaction:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
        self._end(group, TryAgain("the transaction was undone with another's") if undone else None)

    async def _commit_or_leave_it(self, group: _Group) -> asyncio.CancelledError | None:
        """Commit, unless whoever has the next turn will; why this one was cut off meanwhile, if it was."""
        if group.ended.done():
            return None
        interrupted = None
        if not self._asking:
            # Who was answered with us asks again soon, and would wait for the disk by itself.
            interrupted = await _some_turns_of_the_loop()
        if self._asking and group.turns < MOST_TOGETHER:
            return interrupted
        return await self._commit(group) or interrupted

    async def _commit(self, group: _Group) -> asyncio.CancelledError | None:
        connection, interrupted = self._connection, None
        try:
            if connection.total_changes == group.changes_before:
                # Nothing reaches the disk, so nothing is waited for.
                connection.execute("COMMIT")
            else:
                loop = asyncio.get_running_loop()
                committing = loop.run_in_executor(self._disk, connection.execute, "COMMIT")
                # The commit cannot be called back: the next writer must not begin before it has ended.
                interrupted = await _done(committing)
                committing.result()
        except Exception as error:  # noqa: BLE001 -- told to all who are in it
            if connection.in_transaction:
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
            self._end(group, _meaning_of_a_commit(error))
        else:
            self._end(group, None)
        return interrupted

    def _end(self, group: _Group, error: BaseException | None) -> None:
        self._group = None
        if error is None:
            group.ended.set_result(None)
        else:
            group.ended.set_exception(error)
            # Nobody may be left who waits for it.
            group.ended.exception()


def _too_late(turn: "asyncio.Future[bool]") -> None:
    if not turn.done():
        turn.set_result(False)


def _meaning_of_a_commit(error: Exception) -> Exception:
    if not isinstance(error, sqlite3.Error):
        return error
    return TryAgain(str(error)) if is_io_error(error) else meaning(error)


async def _some_turns_of_the_loop() -> asyncio.CancelledError | None:
    """Let others run who are ready; why this one was cut off meanwhile, if it was."""
    try:
        for _ in range(_TURNS):
            await asyncio.sleep(0)
    except asyncio.CancelledError as cancelled:
        return cancelled
    return None


async def _done(future: "asyncio.Future[Any]") -> asyncio.CancelledError | None:
    """Wait for ``future``, come what may; the last that tried to cut this off."""
    interrupted: asyncio.CancelledError | None = None
    while not future.done():
        try:
            await asyncio.shield(future)
        except asyncio.CancelledError as cancelled:
            interrupted = cancelled
        except Exception:  # noqa: BLE001, S110 -- it is done, and tells its trouble to whoever asks it
            pass
    return interrupted

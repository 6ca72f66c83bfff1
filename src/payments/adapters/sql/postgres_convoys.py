"""What several ask PostgreSQL at the same time, with one statement, goes in one round trip (ADR 0038).

The driver sends the statement's values for each of them, and the server runs it for one after the other
and answers all at once. What writes is one transaction: its commits wait for the disk once. Each has what it
would have had alone: where the server refuses one, nothing of any was written, and each is run by itself.

Every row says for whom it is. Those who write go in one order everywhere, that of what others may be
writing, too, so that two processes do not each wait for the other.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Generic, TypeVar

import asyncpg
import attrs
from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Delete,
    Insert,
    Integer,
    Select,
    Table,
    Update,
    bindparam,
    literal_column,
    select,
)
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.visitors import iterate

from payments.adapters.sql.compiled import Statements, compiled
from payments.adapters.sql.convoy import Convoy
from payments.adapters.sql.merged import ASKED, Merged
from payments.adapters.sql.postgres_answers import LOST, NEVER_S, meaning_of_writes, sendable, unbroken
from payments.adapters.sql.postgres_errors import closed_means_lost, meaning, sqlstate, told
from payments.adapters.sql.runner import NotUnique, Outdated, Row, TryAgain, Values, Write

A = TypeVar("A")
T = TypeVar("T")

Lend = Callable[[], AbstractAsyncContextManager[asyncpg.Connection]]
"""Lends a connection for as long as a block runs."""

TOGETHER_S: Final = 1.0
"""Those who read together for longer are slow, and quicker side by side."""

_CLASSES_OF_ALL: Final = ("08", "0A", "25", "28", "3D", "53", "57")
"""SQLSTATEs of what each would meet alone, too: the connection, what this server is now, who may open what,
its resources, its operator. Any other is about one statement: a value, a constraint, a lock, a broken row."""

_ENDING: Final = frozenset({"FATAL", "PANIC"})


class Convoys:
    """One for each statement, made when it is first asked for; they are known by identity."""

    def __init__(self, statements: Statements, lend: Lend) -> None:
        self._dialect = statements.dialect
        self._lend = lend
        self._of_statements: dict[int, tuple[ClauseElement, Convoy[Values, Sequence[Row]]]] = {}
        self._of_merged: dict[int, tuple[Merged, Convoy[Sequence[Write], Sequence[Row]]]] = {}

    async def read(self, statement: ClauseElement, values: Values) -> Sequence[Row]:
        """The rows of ``statement``, which only reads committed state.

        Raises:
            StorageUnavailable: the server gave no answer.
            TryAgain: asking again may help.
        """
        return await self._of(statement, marked, commits=False)(values)

    async def fetch(self, statement: ClauseElement, values: Values) -> Sequence[Row]:
        """The rows that ``statement``, which writes, returns once they are committed.

        Raises:
            NotUnique: a unique index refused a row.
            StorageUnavailable, TryAgain: it did not happen, or nobody knows whether it did.
        """
        return await self._of(statement, marked, commits=True)(values)

    async def run(self, statement: ClauseElement, values: Values) -> int:
        """How many rows ``statement``, which returns none, wrote and committed.

        Raises:
            NotUnique, StorageUnavailable, TryAgain: as :meth:`fetch`.
        """
        return len(await self._of(statement, marked_writes, commits=True)(values))

    async def write(self, merged: Merged, writes: Sequence[Write]) -> Row:
        """The row that tells whether all of ``writes`` are written and committed.

        Raises:
            NotUnique, Outdated: one of ``writes`` cannot be; none is.
            TryAgain: nobody knows whether they are, or they are not.
        """
        found = self._of_merged.get(id(merged))
        if found is None:
            trip = _Trip[Sequence[Write]](
                lend=self._lend,
                text=merged.text,
                arguments=merged.arguments,
                commits=True,
                means=_meaning_of_commit,
                place=_order_of,
            )
            found = self._of_merged[id(merged)] = (merged, Convoy(trip))
        (row,) = await found[1](writes)
        return row

    def _of(
        self, statement: ClauseElement, marked: Callable[[ClauseElement], Select[Any]], *, commits: bool
    ) -> Convoy[Values, Sequence[Row]]:
        found = self._of_statements.get(id(statement))
        if found is None:
            text = compiled(marked(statement), self._dialect)
            trip = _Trip[Values](
                lend=self._lend,
                text=text.text,
                arguments=lambda values, asked: text.arguments({**values, ASKED: asked}),
                commits=commits,
                place=_place_of(statement),
            )
            found = self._of_statements[id(statement)] = (statement, Convoy(trip))
        return found[1]


def marked(statement: ClauseElement) -> Select[Any]:
    """``statement``, each row of which says for whom it is.

    Raises:
        TypeError: it has no rows, or they could not stay in their order.
    """
    if isinstance(statement, Select):
        return statement.add_columns(_mark())
    if not isinstance(statement, Insert | Update | Delete) or not statement.returning_column_descriptions:
        raise TypeError(f"The rows of {statement!r} cannot say for whom they are.")
    rows = statement.cte("together")
    return select(*rows.columns, _mark())


def marked_writes(statement: ClauseElement) -> Select[Any]:
    """One row, which says for whom it is, for each that ``statement`` writes.

    Raises:
        TypeError: it writes none.
    """
    if not isinstance(statement, Insert | Update | Delete):
        raise TypeError(f"{statement!r} writes no rows.")
    rows = statement.returning(literal_column("1", Integer)).cte("together")
    return select(_mark()).select_from(rows)


def _mark() -> ColumnElement[int]:
    return bindparam(ASKED, type_=Integer).label(ASKED)


def _meaning_of_commit(error: Exception) -> Exception:
    """As :func:`meaning_of_writes`; what does not say that nothing was written leaves a commit in doubt."""
    meant = meaning_of_writes(error)
    if meant is error or isinstance(meant, Outdated | NotUnique):
        return meant
    return TryAgain(f"the commit was not confirmed ({told(error)})")


def _order_of(writes: Sequence[Write]) -> tuple[str, ...]:
    # Not the payment: who opens one for the same order has drawn another identifier for it.
    return (writes[0].values["order_id"],)


def _place_of(statement: ClauseElement) -> Callable[[Values], tuple[str, ...]]:
    """The place of a write: by what it may have to wait for another one, in this process or another.

    That is the unique columns of a new row, before its own identifier; of any other, what names it.
    """
    if isinstance(statement, Insert) and isinstance(statement.table, Table):
        indexes = sorted(statement.table.indexes, key=lambda index: str(index.name))
        unique = [*(index.columns for index in indexes if index.unique), statement.table.primary_key.columns]
        names = [column.name for columns in unique for column in columns]
    elif isinstance(statement, Update | Delete) and statement.whereclause is not None:
        names = [each.key for each in iterate(statement.whereclause) if isinstance(each, BindParameter)]
    else:
        names = []
    return lambda values: tuple([str(values.get(name)) for name in names])


@attrs.frozen(kw_only=True)
class _Trip(Generic[A]):
    """Runs one statement for all who ask with it at the same time."""

    lend: Lend
    text: str
    arguments: Callable[[A, int], tuple[Any, ...]]
    """Those of one who asks, and its number, which its rows say again."""
    commits: bool
    means: Callable[[Exception], Exception] = meaning
    """What an error of the driver's means."""
    place: Callable[[A], tuple[str, ...]]
    """Where one stands among those who write."""

    async def __call__(self, load: Sequence[A]) -> Sequence[Sequence[Row] | Exception]:
        if len(load) == 1:
            return [await self._alone(load[0])]
        rows = await self._together(load)
        if rows is None:
            return [_trouble_or_rows(each) for each in await _each(map(self._alone, load))]
        answers: list[list[Row]] = [[] for _ in load]
        for row in rows:
            answers[row[ASKED]].append(row)
        return answers

    async def _alone(self, asked: A) -> Sequence[Row]:
        arguments = sendable(self.arguments(asked, 0))
        async with self.lend() as connection:
            try:
                return await self._waited_for(
                    connection, connection.fetch(self.text, *arguments, **self._limit)
                )
            except LOST as error:
                raise self.means(error) from error

    async def _together(self, load: Sequence[A]) -> Sequence[Row] | None:
        """The rows of all; None if each had better ask alone, and nothing was done for any.

        The server refused one of them; or they only read, and take too long one after the other.
        """
        numbered = list(enumerate(load))
        if self.commits:
            numbered.sort(key=lambda each: self.place(each[1]))
        arguments = [sendable(self.arguments(asked, number)) for number, asked in numbered]
        async with self.lend() as connection:
            try:
                limit = self._limit if self.commits else {"timeout": TOGETHER_S}
                return await self._waited_for(connection, connection.fetchmany(self.text, arguments, **limit))
            except LOST as error:
                if _is_refused(error) or (isinstance(error, TimeoutError) and not self.commits):
                    return None
                raise self.means(error) from error

    @property
    def _limit(self) -> Mapping[str, float]:
        """The driver's own limit breaks off what it waits for, which no commit may be."""
        return {"timeout": NEVER_S} if self.commits else {}

    async def _waited_for(
        self, connection: asyncpg.Connection, answer: Coroutine[Any, Any, Sequence[Row]]
    ) -> Sequence[Row]:
        with closed_means_lost():
            return await (unbroken(connection, answer) if self.commits else answer)


def _is_refused(error: Exception) -> bool:
    """Whether the server, or the driver before it, refused one statement and did nothing of any."""
    state = sqlstate(error)
    # What ends the session may come too late: nobody knows what was committed.
    ends = getattr(error, "severity_en", None) in _ENDING
    of_one = state != "" and state[:2] not in _CLASSES_OF_ALL and not ends
    # The driver's word for a value that it cannot send is a ValueError besides.
    return of_one or isinstance(error, ValueError)


async def _each(alone: Iterable[Awaitable[T]]) -> list[T | BaseException]:
    return await asyncio.gather(*alone, return_exceptions=True)


def _trouble_or_rows(answer: T | BaseException) -> T | Exception:
    if isinstance(answer, BaseException) and not isinstance(answer, Exception):
        raise answer
    return answer

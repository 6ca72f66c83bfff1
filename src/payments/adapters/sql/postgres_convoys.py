"""What several ask PostgreSQL at the same time, with one statement, goes in one round trip (ADR 0038).

The driver sends the statement's values for each of them, and the server runs it for one after the other
and answers all at once. What writes is one transaction: its commits wait for the disk once. Each has what it
would have had alone: where the server refuses one, nothing of any was written, and each is run by itself.

Every row says for whom it is. Those who write go in one order everywhere, so that two processes that write
the same rows do not each wait for the other.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Generic, TypeVar

import asyncpg
import attrs
from sqlalchemy import (
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

from payments.adapters.sql.compiled import Statements, compiled
from payments.adapters.sql.convoy import Askers, Convoy
from payments.adapters.sql.merged import ASKED, Merged
from payments.adapters.sql.postgres_answers import LOST, NEVER_S, meaning_of_writes, sendable, unbroken
from payments.adapters.sql.postgres_errors import ON_A_STANDBY, closed_means_lost, meaning, sqlstate, told
from payments.adapters.sql.runner import NotUnique, Outdated, Row, TryAgain, Values, Write

A = TypeVar("A")
T = TypeVar("T")

Lend = Callable[[], AbstractAsyncContextManager[asyncpg.Connection]]
"""Lends a connection for as long as a block runs."""

TOGETHER_S: Final = 1.0
"""Those who read together for longer are slow, and quicker side by side."""

_OF_ALL: Final = ("53",)
"""Classes of errors that each would meet alone, too: the server has no room."""


class Convoys:
    """One for each statement, made when it is first asked for; they are known by identity."""

    def __init__(self, statements: Statements, lend: Lend) -> None:
        self._dialect = statements.dialect
        self._lend = lend
        self._askers = Askers()
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
            found = self._of_merged[id(merged)] = (merged, Convoy(trip, self._askers))
        (row,) = await found[1](writes)
        return row

    def _of(
        self, statement: ClauseElement, form: Callable[[ClauseElement], Select[Any]], *, commits: bool
    ) -> Convoy[Values, Sequence[Row]]:
        found = self._of_statements.get(id(statement))
        if found is None:
            text = compiled(form(statement), self._dialect)
            trip = _Trip[Values](
                lend=self._lend,
                text=text.text,
                arguments=lambda values, asked: text.arguments({**values, ASKED: asked}),
                commits=commits,
                place=_row_of(statement),
            )
            # A question has no commit to share, and is answered sooner than company comes.
            convoy = Convoy(trip, self._askers if commits else None)
            found = self._of_statements[id(statement)] = (statement, convoy)
        return found[1]


def marked(statement: ClauseElement) -> Select[Any]:
    """``statement``, each row of which says for whom it is.

    Raises:
        TypeError: it answers with none, or with those of several statements.
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


def _order_of(writes: Sequence[Write]) -> str:
    # Two who open one order's payment at the same time have an identifier each.
    return str(writes[0].values["order_id"])


def _row_of(statement: ClauseElement) -> Callable[[Values], str]:
    """What tells the row of ``statement``: if it is new, what its table wants to be unique.

    Two who store the same thing at the same time have an identifier each.
    """
    if not isinstance(statement, Insert) or not isinstance(statement.table, Table):
        return str
    unique = [column.name for index in statement.table.indexes if index.unique for column in index.columns]
    names = unique or [column.name for column in statement.table.primary_key]
    return lambda values: str([values[name] for name in names])


class _EachAlone(Exception):
    """Nothing was done for any, and each had better ask alone."""


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
    place: Callable[[A], str]
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
        limit = self._limit if self.commits else {"timeout": TOGETHER_S}
        try:
            async with self.lend() as connection:
                try:
                    return await self._waited_for(
                        connection, connection.fetchmany(self.text, arguments, **limit)
                    )
                except LOST as error:
                    if _is_refused(error) or (isinstance(error, TimeoutError) and not self.commits):
                        raise _EachAlone from error
                    raise self.means(error) from error
                except TypeError as error:
                    # The driver's own: it sends 128 kB at a time, met a value that it cannot send, had all
                    # rolled back, and had no place any more for rows of what it had sent before.
                    raise _EachAlone from error
        except _EachAlone:
            # Past the block, which an error ended: its connection goes to nobody before it is fit again.
            return None

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
    """Whether it may be the trouble of one, and nothing was done for any.

    An ERROR undoes the transaction, whatever it is about; after FATAL and PANIC nobody knows. What the driver
    says of a value that it cannot send has no severity.
    """
    state = sqlstate(error)
    if state in ON_A_STANDBY or state[:2] in _OF_ALL:
        return False
    return getattr(error, "severity_en", None) == "ERROR" or isinstance(error, asyncpg.DataError)


async def _each(alone: Iterable[Awaitable[T]]) -> list[T | BaseException]:
    return await asyncio.gather(*alone, return_exceptions=True)


def _trouble_or_rows(answer: T | BaseException) -> T | Exception:
    if isinstance(answer, BaseException) and not isinstance(answer, Exception):
        raise answer
    return answer

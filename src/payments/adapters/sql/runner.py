"""The border between what is asked (Core statements) and who runs it (one file a database)."""

from abc import abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import attrs
from sqlalchemy.sql import ClauseElement

T = TypeVar("T")

Values = Mapping[str, Any]
"""A statement's parameters by name: int, str, bytes, bool or None."""


class Row(Protocol):
    """One answered row, by the names of its columns."""

    def __getitem__(self, name: str, /) -> Any:
        """The column's value as the driver gives it: int, str, bytes, bool (or 0 and 1) or None."""


@attrs.frozen
class Write:
    """One statement that writes one row, among others that are written with it or not at all."""

    statement: ClauseElement
    values: Values
    may_miss: bool = False
    """It may find that nothing is to be written. Any other that writes no row has all of them undone."""


class Reader(Protocol):
    """Runs single reads of committed state.

    Each method raises StorageUnavailable when the database gave no answer in time.
    """

    @abstractmethod
    async def fetch(self, statement: ClauseElement, values: Values) -> Sequence[Row]:
        """All rows of the answer."""

    @abstractmethod
    async def fetch_one(self, statement: ClauseElement, values: Values) -> Row | None:
        """The first row of the answer, if there is one."""


class Writer(Reader, Protocol):
    """Runs statements that may write.

    Each method raises, besides, NotUnique when a unique index refused the row, and TryAgain when the
    transaction is gone and running all of it again may help.
    """

    @abstractmethod
    async def run(self, statement: ClauseElement, values: Values) -> int:
        """How many rows were written."""

    @abstractmethod
    async def run_many(self, statement: ClauseElement, values: Sequence[Values]) -> None:
        """Run ``statement``, which changes rows, for each of ``values``; no two of them name the same row."""


class Runner(Writer, Protocol):
    """Runs the statements of one transaction; after one that raised, no other."""

    @abstractmethod
    async def write(self, writes: Sequence[Write], *, later: bool = False) -> None:
        """Write all of ``writes``, the first of which is the condition of the others.

        With ``later`` it may happen as late as the transaction's next statement or its end, and raise there.

        Raises:
            Outdated: one of them wrote no row. If it was the first, nothing was written, and the transaction
                goes on; after another one no more is run in it.
        """


class Database(Protocol):
    """Gives out runners: one for single reads of committed state, one for each transaction."""

    @property
    @abstractmethod
    def reads(self) -> Reader:
        """Runs single reads outside any transaction."""

    @abstractmethod
    async def transact(self, work: Callable[[Runner], Awaitable[T]]) -> T:
        """Run ``work`` once in a transaction and commit it; roll all of it back if it raises.

        Raises:
            StorageUnavailable: the transaction did not happen.
            TryAgain: it did not happen, or nobody knows whether it did.
        """


class NotUnique(Exception):
    """A unique index refused a row: somebody else stored one like it."""


class Outdated(Exception):
    """A row is not as somebody took it to be: it was changed, or there is another one in its place."""


class TryAgain(Exception):
    """Running the whole unit of work again may help: it was broken off, or its commit was not answered."""

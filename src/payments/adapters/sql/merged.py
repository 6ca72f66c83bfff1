"""Several writes as one statement, which PostgreSQL runs whole or not at all, in one round trip.

The writes become a chain of common table expressions. The first is their condition: every other one writes
only if the first wrote its row. If it did, and another one wrote none, the statement divides by zero, so that
the server undoes all of it: nobody has to look at counts before a commit.

All of them see the state before the statement, and PostgreSQL does not promise in which order they write. So
writes are merged only where no order can matter. Foreign keys are compared when the statement ends. Unique
indexes are compared row by row: a row that is changed, or that gives way to one that is there, must be the
only one of its table. New rows beside each other either differ in every unique index or never fit.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import attrs
from sqlalchemy import CTE, BindParameter, ColumnElement, Integer, bindparam, case, cast, func, select
from sqlalchemy.sql import Insert, Update, literal_column
from sqlalchemy.sql.visitors import cloned_traverse

from payments.adapters.sql.compiled import Statements, compiled
from payments.adapters.sql.runner import Values, Write

MOST_SHAPES: Final = 64
"""How many different statements are made of them: each stays prepared on every connection. What a payment
goes through every day takes a dozen; what comes beyond is run statement by statement."""

ASKED: Final = "asked"
"""The column in which a row says for which of several it is (``postgres_convoys.py``)."""

PARTLY_WRITTEN: Final = "22012"
"""SQLSTATE of a division by zero."""

_ONE: Final[ColumnElement[int]] = literal_column("1", Integer)
_NONE: Final[ColumnElement[int]] = literal_column("0", Integer)


@attrs.frozen
class Merged:
    """The text of one shape of writes, which answers ``written``: 1, or 0 if the first wrote no row.

    It answers, besides, as ``asked`` the number with which it was asked.
    """

    text: str
    parameters: tuple[tuple[int, str], ...]
    """In the order of the text: of which write, and called what there."""

    def arguments(self, writes: Sequence[Write], asked: int = 0) -> tuple[Any, ...]:
        """The values of ``writes``, which are of this shape, in the order of the text."""
        values: list[Values] = [*(write.values for write in writes), {ASKED: asked}]
        return tuple([values[number][name] for number, name in self.parameters])


class MergedStatements:
    """Makes one statement of each shape of writes, the first time it is asked for.

    A shape is which statements there are, in order. They are known by identity, as :class:`Statements` does.
    """

    def __init__(self, statements: Statements) -> None:
        self._dialect = statements.dialect
        self._merged: dict[tuple[int, ...], Merged | None] = {}

    def of(self, writes: Sequence[Write]) -> Merged | None:
        """The one statement for ``writes``; None if they have to be run one after the other."""
        shape = tuple([id(write.statement) for write in writes])
        if shape in self._merged:
            return self._merged[shape]
        if len(self._merged) == MOST_SHAPES:
            return None
        merged = self._merged[shape] = self._made(writes) if _in_any_order(writes) else None
        return merged

    def _made(self, writes: Sequence[Write]) -> Merged:
        named: dict[str, tuple[int, str]] = {}
        first = _expression(0, writes[0], named, None)
        others = [
            _expression(number, write, named, _rows(first) == _ONE)
            for number, write in enumerate(writes[1:], 1)
        ]
        lasting = [o for o, write in zip(others, writes[1:], strict=True) if not write.may_miss]
        all_there = cast(sum(map(_rows, lasting), _NONE) == literal_column(str(len(lasting))), Integer)
        written = case((_rows(first) == _NONE, _NONE), else_=_ONE.op("/")(all_there))
        named[ASKED] = (len(writes), ASKED)
        asked = bindparam(ASKED, type_=Integer).label(ASKED)
        text = compiled(select(written.label("written"), asked).add_cte(*others), self._dialect)
        return Merged(text.text, tuple(named[name] for name in text.names))


def _in_any_order(writes: Sequence[Write]) -> bool:
    """Whether no unique index compares what one of ``writes`` changes with what another one writes."""
    rows = Counter(_rows_of(write).table for write in writes)
    return all(
        rows[_rows_of(write).table] == 1
        for write in writes
        if write.may_miss or not isinstance(write.statement, Insert)
    )


def _rows_of(write: Write) -> Insert | Update:
    if not isinstance(write.statement, Insert | Update):
        raise TypeError(f"{write.statement!r} writes no row of a table.")
    return write.statement


def _rows(written: CTE) -> ColumnElement[int]:
    return select(func.count()).select_from(written).scalar_subquery()


def _expression(
    number: int, write: Write, named: dict[str, tuple[int, str]], only_if: ColumnElement[bool] | None
) -> CTE:
    """The write as an expression, its parameters ``named`` after its number: others have the same columns."""

    def parameter(name: str, kind: Any) -> BindParameter[Any]:
        named[f"{name}_{number}"] = (number, name)
        return bindparam(f"{name}_{number}", type_=kind)

    statement = _rows_of(write)
    if isinstance(statement, Insert):
        columns = statement.table.columns
        row = select(*(parameter(column.name, column.type) for column in columns))
        row = row if only_if is None else row.where(only_if)
        return statement.from_select(columns.keys(), row).returning(_ONE).cte(f"write_{number}")

    def renamed(found: BindParameter[Any]) -> None:
        mine = parameter(found.key, found.type)
        found.key = mine.key

    changed = cloned_traverse(statement, {}, {"bindparam": renamed})
    changed = changed if only_if is None else changed.where(only_if)
    return changed.returning(_ONE).cte(f"write_{number}")

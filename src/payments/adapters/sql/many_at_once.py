"""What changes or deletes one row, run for many rows at once by PostgreSQL: one statement, one round trip.

Its parameters become the columns of a table that is sent along as JSON: the driver asks the server about
arrays on each connection, and about JSON never. Each row of it is about rows of its own: of two that name
the same one, only one would be done.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs
import msgspec
from sqlalchemy import (
    JSON,
    BindParameter,
    ColumnElement,
    Integer,
    LargeBinary,
    String,
    Text,
    bindparam,
    column,
    func,
    select,
)
from sqlalchemy.sql import ClauseElement, Delete, Update
from sqlalchemy.sql.visitors import iterate, replacement_traverse
from sqlalchemy.types import NullType, TypeEngine

from payments.adapters.sql.compiled import Compiled, Statements, compiled
from payments.adapters.sql.runner import Values

_ROWS: Final = "rows"
_COUNT: Final = "count"


@attrs.frozen
class ManyAtOnce:
    """The text of such a statement, and in which order it takes its rows and what it brings along itself."""

    _compiled: Compiled

    @property
    def text(self) -> str:
        return self._compiled.text

    def arguments(self, rows: Sequence[Values]) -> tuple[Any, ...]:
        """The arguments that have the statement run for ``rows``, whose values are int, str, bool or None."""
        return self._compiled.arguments({_ROWS: msgspec.json.encode(rows).decode(), _COUNT: len(rows)})


class ManyAtOnceStatements:
    """Makes one for each statement, the first time it is asked for; it knows them by identity."""

    def __init__(self, statements: Statements) -> None:
        self._dialect = statements.dialect
        self._made: dict[int, tuple[ClauseElement, ManyAtOnce]] = {}

    def __getitem__(self, statement: ClauseElement) -> ManyAtOnce:
        known = self._made.get(id(statement))
        if known is None:
            known = self._made[id(statement)] = (statement, self._of(statement))
        return known[1]

    def _of(self, statement: ClauseElement) -> ManyAtOnce:
        if not isinstance(statement, Update | Delete):
            raise TypeError(f"{statement!r} changes no rows of a table.")
        sent = _columns_for(statement)

        def as_column(element: Any, **_: Any) -> ColumnElement[Any] | None:
            return sent.get(element.key) if isinstance(element, BindParameter) else None

        changed: Any = replacement_traverse(statement, {}, as_column)
        return ManyAtOnce(compiled(changed, self._dialect))


def _columns_for(statement: Update | Delete) -> Mapping[str, ColumnElement[Any]]:
    """By parameter of ``statement`` the column with its values; none for what it brings along itself."""
    asked = {found.key: found for found in iterate(statement) if isinstance(found, BindParameter)}
    columns = [column(name, _kind(found, statement)) for name, found in asked.items() if found.value is None]
    table = func.json_to_recordset(bindparam(_ROWS, type_=JSON)).table_valued(*columns)
    each = table.render_derived(name="each", with_types=True)
    # Of a limit it does not know PostgreSQL expects ten rows, and looks each up by its key. Of JSON alone it
    # expects a hundred, and may read a whole table for them.
    sent = select(*each.columns).limit(bindparam(_COUNT, type_=Integer)).subquery("sent")
    return {column.name: sent.columns[column.name] for column in columns}


def _kind(found: BindParameter[Any], statement: Update | Delete) -> TypeEngine[Any]:
    # What a column is set to has its type, and is told so only when the statement is compiled.
    of_column = isinstance(found.type, NullType)
    own = statement.table.columns[found.key].type if of_column else found.type
    if isinstance(own, LargeBinary):
        # They would arrive as their base64, and be stored as that.
        raise TypeError(f"JSON cannot carry the bytes of {found.key}.")
    # Without a length or a collation: those of the column count.
    return Text() if isinstance(own, String) else own

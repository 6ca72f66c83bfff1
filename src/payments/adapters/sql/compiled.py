"""Core statements as text: each compiled once by the runner that runs it, for its own dialect."""

from collections.abc import Mapping
from operator import itemgetter
from typing import Any

import attrs
from sqlalchemy import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from payments.adapters.sql.runner import Values


class RowsAsJson(FunctionElement[str]):
    """The rows of a subquery as one JSON array of arrays, in no order: a whole payment is one statement.

    One statement sees one state of the database. Several would need a transaction around every read.
    """

    name = "rows_as_json"
    inherit_cache = True


@compiles(RowsAsJson, "sqlite")
def _for_sqlite(element: RowsAsJson, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_group_array(json_array({compiler.process(element.clauses, **options)}))"


@compiles(RowsAsJson, "postgresql")
def _for_postgresql(element: RowsAsJson, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_agg(json_build_array({compiler.process(element.clauses, **options)}))"


class IsChosen(FunctionElement[bool]):
    """Whether a column is among what a subquery chooses, which is run once for the whole statement.

    Of a plain IN PostgreSQL may run the subquery again and again; one that locks rows and passes over locked
    ones then chooses others each time, and takes more than its limit.
    """

    name = "is_chosen"
    inherit_cache = True


@compiles(IsChosen, "sqlite")
def _in_sqlite(element: IsChosen, compiler: SQLCompiler, **options: Any) -> str:
    column, chosen = (compiler.process(clause, **options) for clause in element.clauses)
    return f"{column} IN {chosen}"


@compiles(IsChosen, "postgresql")
def _in_postgresql(element: IsChosen, compiler: SQLCompiler, **options: Any) -> str:
    column, chosen = (compiler.process(clause, **options) for clause in element.clauses)
    return f"{column} = ANY (ARRAY{chosen})"


@attrs.frozen
class Compiled:
    """A statement's text and the order of its parameters."""

    text: str
    names: tuple[str, ...]
    constants: Mapping[str, Any]
    """Values that the statement itself brings along."""

    def arguments(self, values: Values) -> tuple[Any, ...]:
        """``values`` in the order of the text.

        Raises:
            KeyError: one is missing.
        """
        if self.constants:
            values = {**self.constants, **values}
        if len(self.names) == 1:
            return (values[self.names[0]],)
        return itemgetter(*self.names)(values) if self.names else ()


class Statements:
    """Compiles each statement the first time it is asked for, and never again.

    It knows statements by identity: they are module constants, and live as long as the process. One that is
    none is kept alive, so that no other is ever taken for it.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._compiled: dict[int, tuple[ClauseElement, Compiled]] = {}

    def __getitem__(self, statement: ClauseElement) -> Compiled:
        found = self._compiled.get(id(statement))
        if found is None:
            found = self._compiled[id(statement)] = (statement, compiled(statement, self._dialect))
        return found[1]


def compiled(statement: ClauseElement, dialect: Dialect) -> Compiled:
    """``statement`` as text for ``dialect``."""
    answer = statement.compile(dialect=dialect)
    if not isinstance(answer, SQLCompiler):
        raise TypeError(f"{statement!r} is no statement.")
    names = tuple(answer.positiontup or ())
    constants = {name: value for name, value in answer.params.items() if value is not None}
    return Compiled(answer.string, names, constants)

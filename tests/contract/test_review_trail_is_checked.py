"""What anybody does to a review of no payment, or to its trail, behind the service's back is found (I21)."""

import asyncio
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, closing
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest
from sqlalchemy import Column

from payments.adapters.sql import migrate
from payments.adapters.sql.postgres import open_postgres
from payments.adapters.sql.sqlite import open_sqlite
from payments.adapters.sql.tables import REVIEW_AUDIT, REVIEWS
from payments.application.answers import Violation
from payments.application.ports.repository import Transaction
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.review_recording import resolved_alone
from payments.application.use_cases.check_invariants import CheckInvariants
from payments.domain.review import ReviewState
from payments.testing.clock import MovableClock
from payments.testing.contracts.stored import a_review_alone, after_s, numbered
from tests.postgres import Databases, execute

OPEN, ANSWERED = (str(numbered(6, number)) for number in (1, 2))


@attrs.frozen
class Tampered:
    """A database that holds one open and one answered question of nobody, and whoever owns it."""

    opened: Callable[[], AbstractAsyncContextManager[UnitOfWork]]
    change: Callable[[str], None]

    async def tell(self) -> None:
        async with self.opened() as units:
            for number in (1, 2):
                await units.write(partial(_open, number))
            await units.write(_answer)

    async def links(self) -> dict[str, int]:
        async with self.opened() as units:
            ids = await units.reads.review_trails_after(None, 9)
            return {str(each): len(await units.reads.review_trail(each)) for each in ids}

    async def check(self) -> tuple[Violation, ...]:
        async with self.opened() as units:
            return await CheckInvariants(MovableClock(), units)()


async def _open(number: int, transaction: Transaction) -> None:
    await transaction.add_review(a_review_alone(number))


async def _answer(transaction: Transaction) -> None:
    opened = a_review_alone(2)
    answered = attrs.evolve(
        opened.review,
        state=ReviewState.RESOLVED,
        decision="attach",
        actor="operator:7",
        reason="the rider's",
        resolved_at=after_s(9),
    )
    trail = await transaction.review_trail(answered.review_id)
    decided = resolved_alone(
        trail, answered, actor="operator:7", cause="review", now=after_s(9), evidence_id=numbered(4, 1)
    )
    assert await transaction.decide_review(decided)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite database with both questions, whose guards are down."""
    path = tmp_path_factory.mktemp("told") / "payments.db"
    migrate.upgrade(f"sqlite:///{path}")
    asyncio.run(_on(path).tell())
    for deed in ("update", "delete"):
        _run(path, f"DROP TRIGGER review_audit_no_{deed}")
    return path


def _run(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(statement)


def _on(path: Path) -> Tampered:
    return Tampered(lambda: open_sqlite(str(path)), partial(_run, path))


@pytest.fixture
def on_sqlite(told: Path, tmp_path: Path) -> Tampered:
    return _on(Path(shutil.copy(told, tmp_path / "payments.db")))


@pytest.fixture
def on_postgres(postgres_url: str) -> Tampered:
    tampered = Tampered(lambda: open_postgres(postgres_url), partial(execute, postgres_url))
    asyncio.run(tampered.tell())
    execute(postgres_url, "ALTER TABLE review_audit DISABLE TRIGGER USER")
    return tampered


ANOTHER = {
    "state": "'resolved'",
    "kind": "'dispute'",
    "events": "CAST('[]' AS BLOB)",
    **dict.fromkeys(("sequence", "at", "opened_at", "resolved_at"), "7"),
    **dict.fromkeys(
        ("review_id", "payment_id", "refund_id", "evidence_id"), "'77777777-7777-7777-7777-777777777777'"
    ),
}


def fields() -> Iterator[tuple[str, str]]:
    """Every field of every row, changed by itself, and whose review it is."""
    for column in REVIEWS.columns:
        yield _changed(column, "review_id = :open"), OPEN
    for column in REVIEW_AUDIT.columns:
        yield _changed(column, "review_id = :answered AND sequence = 1"), ANSWERED
        yield _changed(column, "review_id = :answered AND sequence = 2"), ANSWERED


def _changed(column: Column[Any], row: str) -> str:
    return f"UPDATE {column.table} SET {column.name} = {ANOTHER.get(column.name, ':other')} WHERE {row}"  # noqa: S608 -- names of ours


TAMPERED = (
    ("DELETE FROM reviews WHERE review_id = :answered", ANSWERED),
    ("DELETE FROM review_audit WHERE review_id = :open", OPEN),
    ("DELETE FROM review_audit WHERE review_id = :answered AND sequence = 1", ANSWERED),
    ("DELETE FROM review_audit WHERE review_id = :answered AND sequence = 2", ANSWERED),
    ("UPDATE review_audit SET cause = :other WHERE review_id = :open", OPEN),
    ("UPDATE reviews SET actor = :other WHERE review_id = :answered", ANSWERED),
    ("UPDATE reviews SET reason = :other WHERE review_id = :answered", ANSWERED),
    ("UPDATE reviews SET decision = :other WHERE review_id = :answered", ANSWERED),
    ("UPDATE reviews SET state = 'open' WHERE review_id = :answered", ANSWERED),
)


def spelled_out(statement: str) -> str:
    for name, value in (("open", OPEN), ("answered", ANSWERED), ("other", "another")):
        statement = re.sub(rf":{name}\b", f"'{value}'", statement)
    return statement


OLD = """INSERT INTO reviews (review_id, kind, subject, payment_id, detail, opened_at, state, decision,
  actor, reason, resolved_at, refund_id) VALUES
  (:open, 'orphan', 'p-1', NULL, 'ከማን? \U0001f4b8', 1767605400123456, 'open', NULL, NULL, NULL, NULL, NULL),
  (:answered, 'orphan', 'p-2', NULL, 'whose?', 1767605400000000, 'resolved', 'dismiss', 'operator:7',
   'known', 1767605400500000, NULL)"""


def test_the_trails_of_questions_that_were_there_are_begun_by_the_migration(
    postgres: Databases, tmp_path: Path
) -> None:
    path = tmp_path / "payments.db"
    with postgres.empty() as url:
        for address, old in (
            (f"sqlite:///{path}", _on(path)),
            (url, Tampered(lambda: open_postgres(url), partial(execute, url))),
        ):
            migrate.upgrade(address, "2026_11_26")
            old.change(spelled_out(OLD))
            migrate.upgrade(address)
            assert asyncio.run(old.check()) == ()
            assert asyncio.run(old.links()) == {OPEN: 1, ANSWERED: 2}


@pytest.mark.parametrize(
    ("statement", "whose"),
    [*TAMPERED, *(pytest.param(*changed, marks=pytest.mark.races) for changed in fields())],
)
@pytest.mark.anyio
async def test_whatever_was_changed_is_found(on_sqlite: Tampered, statement: str, whose: str) -> None:
    on_sqlite.change(f"PRAGMA foreign_keys = OFF; {spelled_out(statement)}")
    found = await on_sqlite.check()
    assert whose in {v.subject for v in found if v.invariant == "I21"}, found


@pytest.mark.anyio
async def test_nothing_is_found_in_what_nobody_touched(on_sqlite: Tampered) -> None:
    assert await on_sqlite.check() == ()


@pytest.mark.races
def test_on_postgresql_the_same_is_found(on_postgres: Tampered) -> None:
    assert asyncio.run(on_postgres.check()) == ()
    on_postgres.change("CREATE TABLE kept AS TABLE reviews; CREATE TABLE kept_audit AS TABLE review_audit")
    try:
        for statement, whose in TAMPERED:
            on_postgres.change(spelled_out(statement))
            found = asyncio.run(on_postgres.check())
            assert {(v.invariant, v.subject) for v in found} == {("I21", whose)}, (statement, found)
            on_postgres.change("DELETE FROM reviews; INSERT INTO reviews TABLE kept")
            on_postgres.change("DELETE FROM review_audit; INSERT INTO review_audit TABLE kept_audit")
    finally:
        on_postgres.change("DROP TABLE kept; DROP TABLE kept_audit")

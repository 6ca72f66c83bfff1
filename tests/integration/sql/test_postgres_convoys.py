"""What many ask PostgreSQL at the same time goes in one round trip, and each has what it would have alone."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import Any, ClassVar

import asyncpg
import attrs
import pytest
from sqlalchemy import Float, bindparam, func, select

from payments.adapters.sql import postgres, postgres_answers, postgres_convoys, statements
from payments.adapters.sql.compiled import compiled
from payments.adapters.sql.postgres import SOME, PostgresDatabase, open_postgres_database, units_of_work
from payments.adapters.sql.postgres_convoys import marked, marked_writes
from payments.adapters.sql.postgres_pool import DIALECT, PooledConnection
from payments.application.ports.repository import Transaction
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.records import StoredChange
from payments.domain.errors import StorageUnavailable
from payments.domain.payment import Payment
from payments.testing.contracts.stored import NOW, a_notice, a_payment, an_answer, an_attempt, keep, numbered
from tests.integration.sql.test_postgres_single_writes import LATE, WAITING_HERE, until
from tests.integration.sql.test_statements import STATEMENTS
from tests.postgres import execute

pytestmark = pytest.mark.anyio


class Overheard(PooledConnection):
    """Notes what it sends, and how many went with it; or loses a change for several, done or not."""

    __slots__ = ()
    sent: ClassVar[list[tuple[str, int]]]
    crossed: ClassVar[list[str]]
    """What several asked for together and others, too, each waiting for the other."""
    lost: ClassVar[bool | None]
    """Once, its connection is lost at a change for several: after the server did it (True), or before."""

    async def fetch(self, query: str, *arguments: Any, **options: Any) -> Any:
        self.sent.append((query, 1))
        return await super().fetch(query, *arguments, **options)

    async def execute(self, query: str, *arguments: Any, **options: Any) -> Any:
        self.sent.append((query, 1))
        return await super().execute(query, *arguments, **options)

    async def fetchmany(self, query: str, args: Sequence[Any], **options: Any) -> Any:
        self.sent.append((query, len(args)))
        if Overheard.lost is None or not query.startswith("WITH write_0"):
            try:
                return await super().fetchmany(query, args, **options)
            except asyncpg.DeadlockDetectedError:
                self.crossed.append(query)
                raise
        done, Overheard.lost = Overheard.lost, None
        if done:
            await super().fetchmany(query, args, **options)
        self.terminate()
        raise ConnectionResetError("the network went away")


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[PostgresDatabase]:
    Overheard.sent, Overheard.crossed, Overheard.lost = [], [], None
    async with open_postgres_database(postgres_url, connection=Overheard) as opened:
        yield opened


@pytest.fixture
def units(database: PostgresDatabase) -> UnitOfWork:
    return units_of_work(database)


async def some_payments(units: UnitOfWork, count: int) -> list[Payment]:
    kept = [await keep(units, a_payment(number)) for number in range(1, count + 1)]
    Overheard.sent.clear()
    return kept


@attrs.frozen
class OneMore:
    """Counts one up on a payment, beginning from what is known."""

    known: Payment

    async def __call__(self, transaction: Transaction) -> int:
        before = await transaction.lock_payment(self.known.payment_id, known=self.known)
        assert before is not None
        after = attrs.evolve(before, version=before.version + 1, told=before.told + 1)
        await transaction.save(StoredChange(before=before, after=after))
        return after.told


async def told(units: UnitOfWork) -> list[int]:
    return [payment.told for payment in await units.reads.payments_after(None, 1000)]


async def looked(database: PostgresDatabase, query: str) -> Any:
    """The one value of ``query``."""
    async with database.connection() as connection:
        return await connection.fetchval(query)


def together() -> list[int]:
    """How many went with each statement that was sent."""
    return [count for _, count in Overheard.sent]


async def test_who_reads_at_the_same_time_asks_once_and_each_has_its_own_rows(units: UnitOfWork) -> None:
    kept = await some_payments(units, 5)
    wanted = [*(payment.payment_id for payment in reversed(kept)), numbered(1, 77), kept[0].payment_id]
    found = await asyncio.gather(*map(units.reads.payment, wanted))
    assert found == [*reversed(kept), None, kept[0]]
    assert together() == [7]


async def test_many_rows_of_each_stay_in_their_order(database: PostgresDatabase, units: UnitOfWork) -> None:
    await some_payments(units, 9)

    async def after(number: int, limit: int) -> list[str]:
        values = {"payment_id": str(numbered(1, number)), "limit": limit}
        return [row["order_id"] for row in await database.reads.fetch(statements.PAYMENTS_AFTER, values)]

    last, first, none = await asyncio.gather(after(6, 9), after(0, 3), after(9, 3))
    assert last == ["order_7", "order_8", "order_9"]
    assert first == ["order_1", "order_2", "order_3"]
    assert none == []
    assert together() == [3]


async def test_who_changes_payments_at_the_same_time_commits_once(
    database: PostgresDatabase, units: UnitOfWork
) -> None:
    kept = await some_payments(units, 8)
    assert await asyncio.gather(*(units.write(OneMore(payment)) for payment in kept)) == [1] * 8
    assert together() == [8]
    assert await looked(database, "SELECT count(DISTINCT xmin::text) FROM payments") == 1, "one transaction"


async def test_who_began_from_what_is_no_longer_so_is_alone_in_running_again(units: UnitOfWork) -> None:
    kept = await some_payments(units, 3)
    await units.write(OneMore(kept[1]))
    Overheard.sent.clear()
    assert await asyncio.gather(*(units.write(OneMore(payment)) for payment in kept)) == [1, 2, 1]
    assert together()[0] == 3
    assert sum(text == "BEGIN" for text, _ in Overheard.sent) == 1, "one of them, under the lock"
    assert await told(units) == [1, 2, 1]


async def test_what_the_server_refuses_one_is_refused_to_that_one_alone(
    units: UnitOfWork, postgres_url: str
) -> None:
    kept = await some_payments(units, 3)
    never = "ALTER TABLE payments ADD CONSTRAINT never CHECK (told = 0 OR payment_id <> '%s')"
    await asyncio.to_thread(execute, postgres_url, never % kept[1].payment_id)
    try:
        first, refused, last = await asyncio.gather(
            *(units.write(OneMore(payment)) for payment in kept), return_exceptions=True
        )
    finally:
        await asyncio.to_thread(execute, postgres_url, "ALTER TABLE payments DROP CONSTRAINT never")
    assert (first, last) == (1, 1)
    assert isinstance(refused, asyncpg.CheckViolationError)
    assert await told(units) == [1, 0, 1]


async def test_a_value_that_cannot_be_sent_is_the_trouble_of_who_brought_it(
    database: PostgresDatabase, units: UnitOfWork
) -> None:
    kept = await some_payments(units, 2)

    async def after(limit: int) -> int:
        values = {"payment_id": "", "limit": limit}
        return len(await database.reads.fetch(statements.PAYMENTS_AFTER, values))

    for order in ((2**70, 5), (5, 2**70)):
        answers = await asyncio.gather(*map(after, order), return_exceptions=True)
        assert [each for each in answers if not isinstance(each, Exception)] == [len(kept)]
        assert [type(each) for each in answers if isinstance(each, Exception)] == [asyncpg.DataError]


@pytest.mark.parametrize("done", [True, False])
async def test_when_nobody_knows_whether_it_was_committed_each_looks_for_its_own(
    units: UnitOfWork,
    done: bool,  # noqa: FBT001 -- a column of the table above
) -> None:
    """What one who counts would count twice: it must not begin from what it knew again."""
    kept = await some_payments(units, 3)
    runs: list[bool] = []

    async def work(known: Payment, transaction: Transaction) -> int:
        before = await transaction.lock_payment(known.payment_id, known=known)
        assert before is not None
        runs.append(before is known)
        if before.told:
            return before.told
        after = attrs.evolve(before, version=before.version + 1, told=1)
        await transaction.save(StoredChange(before=before, after=after))
        return after.told

    Overheard.lost = done
    changes = (units.write(partial(work, known)) for known in kept)
    assert await asyncio.gather(*changes) == [1, 1, 1]
    assert runs == [True] * 3 + [False] * 3
    assert await told(units) == [1, 1, 1]


async def test_who_waits_for_a_lock_holds_up_those_on_the_same_trip_and_nobody_after(
    units: UnitOfWork, postgres_url: str
) -> None:
    kept = await some_payments(units, 3)
    somebody = await asyncpg.connect(postgres_url)
    holding = somebody.transaction()
    await holding.start()
    await somebody.execute("SELECT 1 FROM payments WHERE payment_id = $1 FOR UPDATE", str(kept[0].payment_id))
    waiting = [asyncio.create_task(units.write(OneMore(payment))) for payment in kept[:2]]
    async with asyncio.timeout(LATE):
        await until(lambda: somebody.fetchval(WAITING_HERE), 1)
        assert await units.write(OneMore(kept[2])) == 1
        assert not any(task.done() for task in waiting)
        await holding.rollback()
        assert await asyncio.gather(*waiting) == [1, 1]
    await somebody.close()
    assert await told(units) == [1, 1, 1]


async def test_two_who_change_the_same_payments_do_not_wait_for_each_other(
    database: PostgresDatabase, units: UnitOfWork, postgres_url: str
) -> None:
    """In opposite orders they would: each had locked what the other needs, for a second."""
    await some_payments(units, 20)
    async with open_postgres_database(postgres_url) as another:
        others = units_of_work(another)
        for _ in range(10):
            known = await units.reads.payments_after(None, 20)
            await asyncio.gather(
                *(units.write(OneMore(payment)) for payment in known),
                *(others.write(OneMore(payment)) for payment in reversed(known)),
            )
    deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    assert await looked(database, deadlocks) == 0
    assert await told(units) == [20] * 20


@attrs.frozen
class Opened:
    """Opens the payment of an order; whose it is, if there is one already."""

    mine: Payment

    async def __call__(self, transaction: Transaction) -> Payment:
        before = await transaction.open_payment(self.mine, fresh=True)
        if before == self.mine:
            after = attrs.evolve(before, version=before.version + 1)
            await transaction.save(StoredChange(before=before, after=after))
        return before


async def test_two_who_open_payments_of_the_same_orders_do_not_wait_for_each_other(
    units: UnitOfWork, postgres_url: str
) -> None:
    """Whose identifiers are in opposite orders: it is the order that others want, too."""
    async with open_postgres_database(postgres_url, connection=Overheard) as another:
        others = units_of_work(another)
        for first in range(0, 200, 20):
            mine = [a_payment(each) for each in range(first, first + 20)]
            theirs = [
                attrs.evolve(payment, payment_id=numbered(2, 1000 - number))
                for number, payment in enumerate(mine, first)
            ]
            await asyncio.gather(
                *(units.write(Opened(payment)) for payment in mine),
                *(others.write(Opened(payment)) for payment in theirs),
            )
    assert Overheard.crossed == []
    assert len(await told(units)) == 200


async def test_two_who_are_sent_the_same_notices_do_not_wait_for_each_other(
    units: UnitOfWork, postgres_url: str
) -> None:
    """Each calls them by its own identifiers, in opposite orders; it is the digest that is there once."""
    await keep(units, a_payment(attempts=(an_attempt(),)))
    async with open_postgres_database(postgres_url, connection=Overheard) as another:
        others = units_of_work(another)
        for first in range(0, 200, 20):
            mine = [a_notice(each, sealed=b"x" * 20_000) for each in range(first, first + 20)]
            theirs = [
                attrs.evolve(notice, notice_id=numbered(8, 1000 - number))
                for number, notice in enumerate(mine, first)
            ]
            added = await asyncio.gather(
                *map(units.single.add_known_notice, mine), *map(others.single.add_known_notice, theirs)
            )
            assert sum(added) == 20
    assert Overheard.crossed == []


@pytest.mark.parametrize("state", ["54000", "58030", "P0001", "XX001"])
async def test_what_stands_in_the_way_of_one_is_told_to_that_one_alone(
    units: UnitOfWork, postgres_url: str, state: str
) -> None:
    """It is too long for an index, its page cannot be read, a trigger refuses it, its row is broken."""
    refusing = f"""
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION USING ERRCODE = '{state}', MESSAGE = 'never'; END $$;
        CREATE TRIGGER refusing BEFORE INSERT ON answers FOR EACH ROW WHEN (NEW.key = 'never')
        EXECUTE FUNCTION refuse()"""
    await asyncio.to_thread(execute, postgres_url, refusing)
    try:
        answers = (an_answer(number, key=key) for number, key in enumerate(("a", "never", "z")))
        begun = await asyncio.gather(
            *(units.single.begin_answer(answer, NOW) for answer in answers), return_exceptions=True
        )
    finally:
        await asyncio.to_thread(
            execute, postgres_url, "DROP TRIGGER refusing ON answers; DROP FUNCTION refuse()"
        )
    assert [begun[0], begun[2]] == [None, None]
    assert "never" in str(begun[1])


async def test_nothing_is_committed_of_what_could_not_begin(
    database: PostgresDatabase, units: UnitOfWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though somebody ignores that there was no connection."""
    monkeypatch.setattr(postgres, "ACQUIRE_S", 0.1)

    async def work(transaction: Transaction) -> str:
        with suppress(StorageUnavailable):
            await transaction.add_notice(a_notice())
        return "added"

    async with AsyncExitStack() as all_lent:
        for _ in range(postgres.DEFAULT_POOL_SIZE):
            await all_lent.enter_async_context(database.connection())
        with pytest.raises(StorageUnavailable, match="has ended"):
            await units.write(work)


async def test_who_reads_what_takes_long_is_answered_as_soon_as_alone(
    database: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One after the other they would take longer than anybody waits, and nobody had an answer."""
    monkeypatch.setattr(postgres_convoys, "TOGETHER_S", 0.2)
    slow = select(func.pg_sleep(bindparam("seconds", type_=Float)).label("slept"))
    answers = await asyncio.gather(*(database.reads.fetch(slow, {"seconds": 0.1}) for _ in range(4)))
    assert [len(rows) for rows in answers] == [1] * 4
    assert [count for text, count in Overheard.sent if "pg_sleep" in text] == [4, 1, 1, 1, 1]


class Stuck(PooledConnection):
    """Takes in what fits, and no more."""

    __slots__ = ()
    writing: ClassVar[list[asyncio.Task[Any] | None]]

    async def fetchmany(self, query: str, args: Sequence[Any], **options: Any) -> Any:
        self.writing.append(asyncio.current_task())
        self._protocol.pause_writing()
        return await super().fetchmany(query, args, **options)


async def test_nothing_is_left_of_what_the_network_did_not_take(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver waits until it may send the rest, for as long as a commit may take: for ever."""
    monkeypatch.setattr(postgres_answers, "COMMAND_S", 0.1)
    Stuck.writing = []
    async with open_postgres_database(
        postgres_url, connection=Stuck, patience=attrs.evolve(SOME, times=1)
    ) as stuck:
        large = [a_notice(each, sealed=b"x" * 65_536) for each in range(8)]
        trouble = await asyncio.gather(
            *map(units_of_work(stuck).single.add_known_notice, large), return_exceptions=True
        )
        assert {type(each) for each in trouble} == {StorageUnavailable}
        await asyncio.sleep(0.05)
        (writing,) = Stuck.writing
        assert writing is not None
        assert writing.done()


async def test_single_writes_at_the_same_time_are_one_round_trip_and_each_hears_what_became_of_its_own(
    units: UnitOfWork,
) -> None:
    await keep(units, a_payment(attempts=(an_attempt(),)))
    await units.single.add_known_notice(a_notice(2))
    Overheard.sent.clear()
    added = await asyncio.gather(*(units.single.add_known_notice(a_notice(each)) for each in (1, 2, 3, 3)))
    assert [added[0], added[1], sorted(added[2:])] == [True, False, [False, True]]
    keys = [an_answer(1, key="a"), an_answer(2, key="b"), an_answer(3, key="a")]
    begun = await asyncio.gather(*(units.single.begin_answer(answer, NOW) for answer in keys))
    assert begun[1] is None
    assert [each for each in (begun[0], begun[2]) if each is not None] != [], "one key is begun once"
    first = 0 if begun[0] is None else 2
    ended = [attrs.evolve(keys[first], status=200), attrs.evolve(keys[1], status=201), an_answer(9, key="b")]
    assert await asyncio.gather(*map(units.single.end_answer, ended)) == [True, True, False]
    assert [count for text, count in Overheard.sent if "INSERT" in text] == [4, 3, 3]


async def test_every_statement_that_only_reads_can_be_asked_for_several(database: PostgresDatabase) -> None:
    for statement in STATEMENTS.values():
        if database._statements[statement].only_reads:
            assert "AS asked" in compiled(marked(statement), DIALECT).text


def test_a_statement_that_answers_nothing_is_none_whose_rows_say_for_whom_they_are() -> None:
    with pytest.raises(TypeError, match="cannot say for whom"):
        marked(statements.FINISH_NOTICE)
    with pytest.raises(TypeError, match="writes no rows"):
        marked_writes(statements.PAYMENT)

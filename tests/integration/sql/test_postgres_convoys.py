"""What many ask PostgreSQL at the same time goes in one round trip, and each has what it would have alone."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any, ClassVar

import asyncpg
import attrs
import pytest
from sqlalchemy import Float, Integer, bindparam, func, literal, select

from payments.adapters.sql import postgres_answers, postgres_convoys, postgres_pool, statements
from payments.adapters.sql.compiled import compiled
from payments.adapters.sql.mapping import payment_values
from payments.adapters.sql.postgres import SOME, PostgresDatabase, open_postgres_database, units_of_work
from payments.adapters.sql.postgres_convoys import marked, marked_writes
from payments.adapters.sql.postgres_lending import Lender
from payments.adapters.sql.postgres_pool import BEGIN, DIALECT, PooledConnection
from payments.adapters.sql.runner import Runner, Write
from payments.application.ports.repository import Transaction
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.records import StoredChange
from payments.domain.errors import StorageUnavailable
from payments.domain.payment import Payment
from payments.testing.contracts.stored import NOW, a_notice, a_payment, an_answer, an_attempt, keep, numbered
from tests.integration.sql.test_postgres_single_writes import LATE, until, waiting_here
from tests.integration.sql.test_statements import STATEMENTS
from tests.postgres import execute

pytestmark = pytest.mark.anyio

DEADLOCK = "40P01"


class Overheard(PooledConnection):
    """Notes what it sends but its first words, and how many went with it; or loses a change for several."""

    __slots__ = ()
    sent: ClassVar[list[tuple[str, int]]]
    lost: ClassVar[bool | None]
    """Once, its connection is lost at a change for several: after the server did it (True), or before."""
    refused: ClassVar[list[str]]
    """Why the server did nothing of what several asked for."""

    async def fetch(self, query: str, *arguments: Any, **options: Any) -> Any:
        if "set_config" not in query:
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
            except asyncpg.PostgresError as error:
                self.refused.append(error.sqlstate)
                raise
        done, Overheard.lost = Overheard.lost, None
        if done:
            await super().fetchmany(query, args, **options)
        self.terminate()
        raise ConnectionResetError("the network went away")


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for each other does until the server sees it."""
    monkeypatch.setattr(postgres_pool, "SESSION", {**postgres_pool.SESSION, "lock_timeout": "10s"})


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[PostgresDatabase]:
    Overheard.sent, Overheard.lost, Overheard.refused = [], None, []
    async with open_postgres_database(postgres_url, connection=Overheard) as opened:
        yield opened


@pytest.fixture
def units(database: PostgresDatabase) -> UnitOfWork:
    return units_of_work(database)


@pytest.fixture
async def others(postgres_url: str) -> AsyncIterator[UnitOfWork]:
    """Of another process, over the same database."""
    async with open_postgres_database(postgres_url, connection=Overheard) as opened:
        yield units_of_work(opened)


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


@attrs.frozen
class Opened:
    """Opens a payment as if its order had none, and counts one up on it."""

    new: Payment

    async def __call__(self, transaction: Transaction) -> int:
        before = await transaction.open_payment(self.new, fresh=True)
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
    assert sum(text == BEGIN for text, _ in Overheard.sent) == 1, "one of them, under the lock"
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


async def test_a_value_that_cannot_be_sent_undoes_what_was_sent_before_it(units: UnitOfWork) -> None:
    """The driver sends 128 kB at a time: the server has run the first ones by then."""
    await keep(units, a_payment(attempts=(an_attempt(),)))
    digests = sorted(a_notice(number).digest for number in range(1, 11))
    notices = [
        a_notice(number, digest=digest, sealed=bytes(64_000), tries=2**70 if number == 10 else 0)
        for number, digest in enumerate(digests, 1)
    ]
    added = await asyncio.gather(*map(units.single.add_known_notice, notices), return_exceptions=True)
    assert added[:-1] == [True] * 9, "each was stored by who then was alone"
    assert isinstance(added[-1], asyncpg.DataError)


async def test_whatever_the_server_refuses_one_it_answers_the_others(database: PostgresDatabase) -> None:
    """Here a text that is too long for it; a page of the disk that it cannot read is no different."""
    repeated = select(func.repeat(literal("ab"), bindparam("times", type_=Integer)).label("text"))

    async def text(times: int) -> Any:
        return [row["text"] for row in await database.reads.fetch(repeated, {"times": times})]

    first, refused, last = await asyncio.gather(*map(text, (1, 2**31 - 1, 2)), return_exceptions=True)
    assert (first, last) == (["ab"], ["abab"])
    assert isinstance(refused, asyncpg.ProgramLimitExceededError)
    assert Overheard.refused == ["54000"]


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


async def test_who_waits_for_a_lock_holds_up_nobody_for_long(units: UnitOfWork, postgres_url: str) -> None:
    kept = await some_payments(units, 3)
    somebody = await asyncpg.connect(postgres_url)
    holding = somebody.transaction()
    await holding.start()
    await somebody.execute("SELECT 1 FROM payments WHERE payment_id = $1 FOR UPDATE", str(kept[0].payment_id))
    waiting, beside = [asyncio.create_task(units.write(OneMore(payment))) for payment in kept[:2]]
    async with asyncio.timeout(LATE):
        await until(lambda: waiting_here(somebody), 1)
        assert await units.write(OneMore(kept[2])) == 1
        assert await beside == 1, "it went with one that still waits"
        assert not waiting.done()
        await holding.rollback()
        assert await waiting == 1
    await somebody.close()
    assert await told(units) == [1, 1, 1]


@pytest.mark.usefixtures("patient")
async def test_two_who_change_the_same_payments_do_not_wait_for_each_other(
    units: UnitOfWork, others: UnitOfWork, postgres_url: str
) -> None:
    """In opposite orders they would: somebody holds them up halfway, with what the other needs."""
    known = await some_payments(units, 20)
    somebody = await asyncpg.connect(postgres_url)
    holding = somebody.transaction()
    await holding.start()
    halfway = str(known[10].payment_id)
    await somebody.execute("SELECT 1 FROM payments WHERE payment_id = $1 FOR UPDATE", halfway)
    changing = asyncio.gather(
        *(units.write(OneMore(payment)) for payment in known),
        *(others.write(OneMore(payment)) for payment in reversed(known)),
    )
    async with asyncio.timeout(LATE):
        await until(lambda: waiting_here(somebody), 2)
        await holding.rollback()
        await changing
    await somebody.close()
    assert DEADLOCK not in Overheard.refused
    assert await told(units) == [2] * 20


@pytest.mark.usefixtures("patient")
async def test_nor_do_two_who_open_payments_of_the_same_orders(units: UnitOfWork, others: UnitOfWork) -> None:
    """Each has identifiers of its own, which are in another order than the other's."""
    for first in range(1, 400, 20):
        mine = [a_payment(number) for number in range(first, first + 20)]
        theirs = [
            attrs.evolve(payment, payment_id=numbered(2, 400 - number))
            for number, payment in enumerate(mine, first)
        ]
        await asyncio.gather(
            *(units.write(Opened(payment)) for payment in mine),
            *(others.write(Opened(payment)) for payment in theirs),
        )
    assert DEADLOCK not in Overheard.refused
    assert await told(units) == [2] * 400


@pytest.mark.usefixtures("patient")
async def test_nor_do_two_who_store_the_same_notices(
    units: UnitOfWork, others: UnitOfWork, postgres_url: str
) -> None:
    """Somebody holds them up halfway, so that each has stored what the other does not have yet."""
    await keep(units, a_payment(attempts=(an_attempt(),)))
    mine = sorted(map(a_notice, range(1, 12)), key=lambda notice: notice.digest)
    mine = [attrs.evolve(notice, notice_id=numbered(7, number)) for number, notice in enumerate(mine)]
    theirs = [attrs.evolve(notice, notice_id=numbered(8, 99 - number)) for number, notice in enumerate(mine)]
    somebody = await asyncpg.connect(postgres_url)
    holding = somebody.transaction()
    await holding.start()
    await somebody.execute(
        """INSERT INTO notices (notice_id, provider, digest, sealed, claim, word, received_at, outcome,
        next_try_at, tries) VALUES ('n', 'chapa', $1, '', 'paid', '', 1, '', 1, 0)""",
        mine[5].digest,
    )
    adding = asyncio.gather(
        *map(units.single.add_known_notice, mine), *map(others.single.add_known_notice, theirs)
    )
    async with asyncio.timeout(LATE):
        await until(lambda: waiting_here(somebody), 2)
        await holding.rollback()
        assert sum(await adding) == len(mine)
    await somebody.close()
    assert DEADLOCK not in Overheard.refused


async def test_who_reads_what_takes_long_is_answered_as_soon_as_alone(
    database: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One after the other they would take longer than anybody waits, and nobody had an answer."""
    monkeypatch.setattr(postgres_convoys, "TOGETHER_S", 0.2)
    kept_unfit: list[bool] = []

    def noting(lender: Lender, connection: asyncpg.Connection) -> None:
        kept_unfit.append(connection._protocol._is_cancelling())
        keep_at_hand(lender, connection)

    keep_at_hand = Lender._keep
    monkeypatch.setattr(Lender, "_keep", noting)
    slow = select(func.pg_sleep(bindparam("seconds", type_=Float)).label("slept"))
    answers = await asyncio.gather(*(database.reads.fetch(slow, {"seconds": 0.1}) for _ in range(4)))
    assert [len(rows) for rows in answers] == [1] * 4
    assert [count for text, count in Overheard.sent if "pg_sleep" in text] == [4, 1, 1, 1, 1]
    assert kept_unfit, "some were kept at hand"
    assert not any(kept_unfit), "the one they were together on is first told to stop"


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
        (writing,) = Stuck.writing
        assert writing is not None
        _, going_on = await asyncio.wait({writing}, timeout=LATE)
        assert not going_on


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


async def test_who_gets_no_connection_to_write_on_ends_like_after_any_other_error(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was to be written with the statement that was not run must not be committed without it."""
    monkeypatch.setattr("payments.adapters.sql.postgres_lending.ACQUIRE_S", 0.5)

    async def work(runner: Runner) -> None:
        opening = Write(statements.OPEN_PAYMENT, payment_values(a_payment()))
        await runner.write((opening,), later=True)
        async with small.connection():
            with pytest.raises(StorageUnavailable, match="No connection"):
                await runner.fetch(statements.LOCK_PAYMENT, {"payment_id": str(a_payment().payment_id)})

    async with open_postgres_database(postgres_url, pool_size=1) as small:
        with pytest.raises(StorageUnavailable, match="has ended"):
            await small.transact(work)
        assert await told(units_of_work(small)) == []


async def test_every_statement_that_only_reads_can_be_asked_for_several(database: PostgresDatabase) -> None:
    for statement in STATEMENTS.values():
        if database._statements[statement].only_reads:
            assert "AS asked" in compiled(marked(statement), DIALECT).text


def test_a_statement_that_answers_nothing_is_none_whose_rows_say_for_whom_they_are() -> None:
    with pytest.raises(TypeError, match="cannot say for whom"):
        marked(statements.FINISH_NOTICE)
    with pytest.raises(TypeError, match="writes no rows"):
        marked_writes(statements.PAYMENT)

"""PostgreSQL as many use it: safe sessions, row locks, work run again, and errors that leave nothing."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from typing import Any, ClassVar

import asyncpg
import attrs
import pytest

from payments.adapters.sql import statements
from payments.adapters.sql.again import RACES, Patience
from payments.adapters.sql.postgres import SOME, open_postgres, open_postgres_database, units_of_work
from payments.adapters.sql.postgres_pool import SESSION, PooledConnection
from payments.adapters.sql.runner import Runner
from payments.adapters.sql.shared_state import SqlSharedState
from payments.adapters.sql.unit_of_work import SqlUnitOfWork
from payments.application.ports.repository import Transaction
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.records import StoredChange
from payments.domain.errors import StaleVersion, StorageUnavailable
from payments.domain.evidence import Mode
from payments.domain.payment import Payment
from payments.testing.contracts.stored import a_notice, a_payment, an_attempt, keep
from tests.postgres import execute

pytestmark = pytest.mark.anyio

ONCE = Patience(times=1, within_s=0.0, first_pause_s=0.0, longest_pause_s=0.0)


async def opened(units: UnitOfWork, number: int) -> None:
    await units.write(lambda transaction: transaction.open_payment(a_payment(number)))


async def stored(units: UnitOfWork) -> int:
    return len(await units.reads.payments_after(None, 1000))


async def told_once_more(transaction: Transaction, number: int) -> Payment:
    """Count one up on a payment: what two who do it at once must not both do from the same number."""
    before = await transaction.lock_payment(a_payment(number).payment_id)
    assert before is not None
    after = attrs.evolve(before, version=before.version + 1, told=before.told + 1)
    await transaction.save(StoredChange(before=before, after=after))
    return after


def inside(transaction: Transaction) -> asyncpg.Connection:
    """The connection under a transaction, to do to it what only a server or a fault does."""
    return transaction._runner._connection  # type: ignore[attr-defined]  # deep inside, on purpose


async def test_every_setting_holds_on_the_connections(postgres_url: str) -> None:
    execute(
        postgres_url,
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database());"
        " EXECUTE format('ALTER DATABASE %I SET default_transaction_isolation = serializable',"
        " current_database()); END $$",
    )
    async with open_postgres_database(postgres_url) as database, database.connection() as connection:
        found = {name: await connection.fetchval(f"SHOW {name}") for name in SESSION}
        assert found == dict(SESSION)
        assert await connection.fetchval("SHOW synchronous_commit") == "on"
    execute(
        postgres_url,
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I RESET ALL', current_database()); END $$",
    )


async def test_a_connection_is_returned_without_asking_the_server_anything(postgres_url: str) -> None:
    async with open_postgres_database(postgres_url, pool_size=1) as database:
        async with database.connection() as connection:
            process = connection.get_server_pid()
            said: list[str] = []
            connection.add_query_logger(lambda query: said.append(query.query))
        async with database.connection() as connection:
            assert connection.get_server_pid() == process
        assert said == []


async def test_a_server_that_is_not_there_is_an_outage_and_says_when_to_come_back() -> None:
    with pytest.raises(StorageUnavailable, match="cannot be opened") as caught:
        async with open_postgres("postgresql://pay@127.0.0.1:1/payments"):
            pass
    assert caught.value.retry_after_s == 1.0


async def test_a_database_that_is_not_there_is_said_to_be_so(postgres_url: str) -> None:
    with pytest.raises(StorageUnavailable, match='database "nowhere" does not exist'):
        async with open_postgres(postgres_url.rpartition("/")[0] + "/nowhere"):
            pass


async def test_whoever_waits_too_long_for_a_connection_is_told(postgres_url: str) -> None:
    async with open_postgres_database(postgres_url, pool_size=2) as database:
        units = units_of_work(database)
        async with database.connection(), database.connection():
            began = time.monotonic()
            with pytest.raises(StorageUnavailable, match="No connection to the database within 2 s"):
                await opened(units, 1)
            assert time.monotonic() - began < 20
        await opened(units, 1)


async def test_a_pool_opened_for_reading_cannot_write(postgres_url: str) -> None:
    async with (
        open_postgres(postgres_url) as writer,
        open_postgres_database(postgres_url, read_only=True) as database,
    ):
        await opened(writer, 1)
        reader = units_of_work(database)
        assert await stored(reader) == 1
        with pytest.raises(StorageUnavailable, match="for reading only"):
            await opened(reader, 2)
        async with database.connection() as connection:
            with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
                await connection.execute("DELETE FROM answers")


async def test_an_error_that_work_ignores_still_ends_its_transaction(postgres_url: str) -> None:
    async with open_postgres(postgres_url) as units:
        before = await keep(units, a_payment(1, attempts=(an_attempt(1),)))

        async def work(transaction: Transaction) -> None:
            await transaction.add_notice(a_notice(1))
            two_live = attrs.evolve(before, version=2, attempts=(an_attempt(1), an_attempt(2)))
            with suppress(StaleVersion):
                await transaction.save(StoredChange(before=before, after=two_live))

        with pytest.raises(StorageUnavailable, match="transaction has ended"):
            await units.write(work)
        assert await units.reads.payment(before.payment_id) == before
        assert await units.reads.notices_about(an_attempt(1).reference) == ()


async def test_a_transaction_that_has_ended_writes_nothing_more(postgres_url: str) -> None:
    async with open_postgres(postgres_url) as units:
        kept: list[Transaction] = []

        async def work(transaction: Transaction) -> None:
            kept.append(transaction)

        await units.write(work)
        with pytest.raises(StorageUnavailable, match="transaction has ended"):
            await kept[0].open_payment(a_payment(1))
        assert await stored(units) == 0


async def test_text_that_postgresql_cannot_hold_is_kept_without_its_zero(postgres_url: str) -> None:
    async with open_postgres(postgres_url) as units:
        await keep(units, a_payment(1, order_id="or\0der", order_version="\0"))
        found = await units.reads.payment_of_order("or\0der")
        assert found is not None
        assert (found.order_id, found.order_version) == ("or\ufffdder", "\ufffd")
        assert await units.reads.payment_with_reference("p-\0") is None


async def test_32_writers_at_once_on_one_payment_and_on_many_lose_nothing(postgres_url: str) -> None:
    writers, times = 32, 5
    async with open_postgres(postgres_url) as units:
        for number in range(writers + 1):
            await opened(units, number)

        async def write_often(writer: int) -> None:
            for _ in range(times):
                await units.write(lambda transaction: told_once_more(transaction, 0))
                await units.write(lambda transaction: told_once_more(transaction, writer + 1))

        async with asyncio.timeout(60):
            await asyncio.gather(*map(write_often, range(writers)))
        told = [payment.told for payment in await units.reads.payments_after(None, 100)]
        assert told == [writers * times, *[times] * writers]


async def test_a_deadlock_is_resolved_by_running_one_of_the_works_again(postgres_url: str) -> None:
    async with open_postgres(postgres_url) as units:
        await opened(units, 1)
        await opened(units, 2)
        both_inside = asyncio.Barrier(2)
        runs: list[tuple[int, ...]] = []

        async def work(transaction: Transaction, *order: int) -> None:
            runs.append(order)
            await told_once_more(transaction, order[0])
            if runs.count(order) == 1:
                await both_inside.wait()
            await told_once_more(transaction, order[1])

        async with asyncio.timeout(30):
            await asyncio.gather(
                units.write(lambda transaction: work(transaction, 1, 2)),
                units.write(lambda transaction: work(transaction, 2, 1)),
            )
        assert sorted(runs) != [(1, 2), (2, 1)]
        assert [payment.told for payment in await units.reads.payments_after(None, 10)] == [2, 2]


async def test_a_serialisation_failure_runs_the_whole_work_again(postgres_url: str) -> None:
    async with open_postgres(postgres_url) as units:
        await opened(units, 1)
        runs = itertools.count(1)

        async def work(transaction: Transaction) -> int:
            run = next(runs)
            await transaction._runner._begin()  # type: ignore[attr-defined]  # as above
            await inside(transaction).execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            assert await transaction.add_notice(a_notice(1))
            if run == 1:
                await units.write(lambda other: told_once_more(other, 1))
            await told_once_more(transaction, 1)
            return run

        assert await units.write(work) == 2
        (payment,) = await units.reads.payments_after(None, 10)
        assert payment.told == 2


async def test_a_lock_is_not_waited_for_forever(postgres_url: str) -> None:
    async with open_postgres_database(postgres_url) as database:
        units = units_of_work(database)
        await opened(units, 1)

        async def work(transaction: Transaction) -> None:
            await transaction.lock_payment(a_payment(1).payment_id)
            began = time.monotonic()
            with pytest.raises(StorageUnavailable, match="lock timeout"):
                await SqlUnitOfWork(database, ONCE).write(lambda other: told_once_more(other, 1))
            assert time.monotonic() - began < 20
            assert await units.reads.payment(a_payment(1).payment_id) is not None

        await units.write(work)


async def test_a_race_that_was_lost_is_run_again_and_finds_who_won(postgres_url: str) -> None:
    async with open_postgres(postgres_url) as units:
        before = [await keep(units, a_payment(n, attempts=(an_attempt(n),))) for n in (1, 2)]
        both_looked = asyncio.Barrier(2)
        looks = itertools.count()

        async def name_it(transaction: Transaction, payment: Payment) -> bool:
            """Give the attempt the one provider reference there is, unless another has it."""
            holder = await transaction.attempt_holding("chapa", Mode.TEST, None, "AP-1")
            if next(looks) < 2:
                await both_looked.wait()
            if holder is not None:
                return False
            attempt = attrs.evolve(payment.attempts[0], provider_reference="AP-1")
            after = attrs.evolve(payment, version=payment.version + 1, attempts=(attempt,))
            await transaction.save(StoredChange(before=payment, after=after))
            return True

        async with asyncio.timeout(30):
            had = await asyncio.gather(
                *(units.write(lambda transaction, p=p: name_it(transaction, p)) for p in before)  # type: ignore[misc]  # p is bound at once
            )
        assert sorted(had) == [False, True]
        assert next(looks) == 3


async def test_a_race_that_is_lost_again_and_again_is_said_to_be(postgres_url: str) -> None:
    async with open_postgres(postgres_url) as units:
        await keep(units, a_payment(1, attempts=(an_attempt(1, provider_reference="AP-1"),)))
        runs = itertools.count()

        async def work(transaction: Transaction) -> None:
            next(runs)
            before = await transaction.open_payment(a_payment(2))
            attempt = an_attempt(2, provider_reference="AP-1")
            after = attrs.evolve(before, version=1, attempts=(attempt,))
            await transaction.save(StoredChange(before=before, after=after))

        with pytest.raises(StaleVersion, match="Others were first, 3 times"):
            await units.write(work)
        assert next(runs) == RACES
        assert await stored(units) == 1


async def test_a_server_that_became_a_standby_is_left_for_the_one_that_writes(postgres_url: str) -> None:
    async with open_postgres_database(postgres_url, pool_size=4) as database:
        units = units_of_work(database)
        async with AsyncExitStack() as all_of_them:
            for _ in range(4):
                connection = await all_of_them.enter_async_context(database.connection())
                await connection.execute("SET default_transaction_read_only = on")
        await opened(units, 1)
        await asyncio.gather(*(opened(units, number) for number in range(2, 10)))
        assert await stored(units) == 9


@pytest.mark.parametrize(
    "share",
    [
        lambda shared: shared.first_within("ask", 60.0),
        lambda shared: shared.spend("query", most=1, window_s=60.0),
        lambda shared: shared.remember("token", b"value", lifetime_s=60.0),
    ],
    ids=["first", "spend", "remember"],
)
async def test_a_server_that_became_a_standby_is_left_by_what_processes_share_too(
    postgres_url: str, share: Callable[[SqlSharedState], Awaitable[object]]
) -> None:
    async with open_postgres_database(postgres_url) as database:
        async with database.connection() as connection:
            await connection.execute("SET default_transaction_read_only = on")
        await share(SqlSharedState(database.reads))


async def test_sessions_that_the_server_ends_are_made_anew(postgres_url: str) -> None:
    async with open_postgres(postgres_url) as units:
        runs = itertools.count(1)

        async def work(transaction: Transaction) -> int:
            await transaction.add_notice(a_notice(1))
            run = next(runs)
            if run == 1:
                process = inside(transaction).get_server_pid()
                await asyncio.to_thread(execute, postgres_url, f"SELECT pg_terminate_backend({process})")
            await transaction.open_payment(a_payment(1))
            return run

        assert await units.write(work) == 2
        await asyncio.to_thread(execute, postgres_url, OTHERS_ENDED)
        assert await stored(units) == 1
        await opened(units, 2)


OTHERS_ENDED = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


class Doubtful(PooledConnection):
    """Its connection is lost at a commit: after the server did it, or before."""

    __slots__ = ()
    kept: ClassVar[bool]
    failures: ClassVar[int]

    async def execute(self, query: str, *arguments: Any, timeout: float | None = None) -> str:  # noqa: ASYNC109 - the driver's signature
        if query != "COMMIT" or Doubtful.failures == 0:
            answer: str = await super().execute(query, *arguments, timeout=timeout)
            return answer
        Doubtful.failures -= 1
        if self.kept:
            await super().execute(query)
        self.terminate()
        raise ConnectionResetError("the network went away")


@pytest.mark.parametrize("kept", [True, False])
async def test_work_whose_commit_was_in_doubt_runs_again_and_recognises_itself(
    postgres_url: str,
    kept: bool,  # noqa: FBT001 - a column of the table above
) -> None:
    Doubtful.kept, Doubtful.failures = kept, 1
    seen: list[bool] = []

    async def work(transaction: Transaction) -> bool:
        seen.append(await transaction.add_notice(a_notice(1)))
        return seen[-1]

    async with open_postgres_database(postgres_url, connection=Doubtful) as database:
        units = units_of_work(database)
        await units.write(work)
        assert seen == [True, not kept]
        assert await units.reads.notices_about(a_notice(1).reference or "") == (a_notice(1),)


async def test_a_server_that_never_confirms_is_an_outage_after_a_few_tries(postgres_url: str) -> None:
    Doubtful.kept, Doubtful.failures = False, 100
    async with open_postgres_database(postgres_url, connection=Doubtful) as database:
        few = attrs.evolve(SOME, times=4, longest_pause_s=0.05)
        with pytest.raises(StorageUnavailable, match=r"not confirmed \(the network went away\)"):
            await opened(SqlUnitOfWork(database, few), 1)
        assert Doubtful.failures == 100 - few.times
        Doubtful.failures = 0
        units = units_of_work(database)
        await opened(units, 1)
        assert await stored(units) == 1


async def test_a_commit_of_what_the_server_gave_up_is_no_commit(postgres_url: str) -> None:
    async with open_postgres_database(postgres_url) as database:

        async def work(transaction: Transaction) -> None:
            await transaction.open_payment(a_payment(1))
            with suppress(asyncpg.DivisionByZeroError):
                await inside(transaction).execute("SELECT 1 / 0")

        with pytest.raises(StorageUnavailable, match="commit was answered with ROLLBACK"):
            await SqlUnitOfWork(database, ONCE).write(work)
        assert await stored(units_of_work(database)) == 0


async def test_work_that_is_cancelled_inside_a_statement_frees_its_lock_at_once(postgres_url: str) -> None:
    async with open_postgres(postgres_url, pool_size=3) as units:
        await opened(units, 1)

        async def work(transaction: Transaction) -> None:
            await transaction.lock_payment(a_payment(1).payment_id)
            await inside(transaction).execute("SELECT pg_sleep(30)")

        for _ in range(6):
            task = asyncio.create_task(units.write(work))
            await asyncio.sleep(0.02)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        async with asyncio.timeout(5):
            await units.write(lambda transaction: told_once_more(transaction, 1))


class Overheard(PooledConnection):
    """Notes every text it sends."""

    __slots__ = ()
    texts: ClassVar[set[str]]

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.add_query_logger(lambda query: self.texts.add(query.query))


async def test_nothing_is_prepared_twice_on_a_connection(postgres_url: str) -> None:
    async with open_postgres_database(postgres_url, pool_size=2) as database:

        async def work(runner: Runner) -> int:
            # From here on it has a connection of its own.
            await runner.fetch(statements.LOCK_PAYMENT, {"payment_id": "0"})
            for number in range(20):
                await runner.fetch(statements.PAYMENT, {"payment_id": str(number)})
            connection = runner._connection  # type: ignore[attr-defined]  # as above
            prepared: int = await connection.fetchval(
                "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'SELECT payments%'"
            )
            return prepared

        assert await database.transact(work) == 2, "the lock and the payment"


class LostOnItsWayBack(PooledConnection):
    """The server ends it while it goes back to the pool."""

    lost: ClassVar[int]

    def _on_release(self, stacklevel: int = 1) -> None:
        super()._on_release(stacklevel)
        LostOnItsWayBack.lost += 1
        asyncio.get_running_loop().call_soon(self.terminate)


async def test_a_connection_that_is_lost_on_its_way_back_undoes_nothing(postgres_url: str) -> None:
    """`make crash`, seed 899671553: what had been committed was answered 500."""
    LostOnItsWayBack.lost = 0

    async def went_back(times: int) -> None:
        async with asyncio.timeout(30):
            while LostOnItsWayBack.lost < times:  # noqa: ASYNC110 -- a count tells nobody that it grew
                await asyncio.sleep(0.005)

    async with open_postgres_database(postgres_url, connection=LostOnItsWayBack) as database:
        units = units_of_work(database)
        await opened(units, 1)
        await went_back(1)
        assert await stored(units) == 1
        await went_back(2)


async def test_one_connection_serves_one_after_the_other_and_goes_back_soon_after_the_last(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("payments.adapters.sql.postgres_lending.KEPT_S", 3.0)
    LostOnItsWayBack.lost = 0
    async with open_postgres_database(postgres_url, connection=LostOnItsWayBack) as database:
        for _ in range(5):
            async with database.connection() as connection:
                assert await connection.fetchval("SELECT 1") == 1
        assert LostOnItsWayBack.lost == 0
        async with asyncio.timeout(30):
            while not LostOnItsWayBack.lost:  # noqa: ASYNC110 -- as above
                await asyncio.sleep(0.005)
        assert LostOnItsWayBack.lost == 1


async def test_nobody_waits_for_a_connection_that_is_only_kept_at_hand(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("payments.adapters.sql.postgres_lending.KEPT_S", 60.0)
    async with open_postgres_database(postgres_url, pool_size=1) as database:

        async def use() -> None:
            async with database.connection() as connection:
                assert await connection.fetchval("SELECT 1") == 1

        await asyncio.gather(*(use() for _ in range(10)))


async def test_a_connection_that_was_lent_when_all_were_given_up_is_not_kept(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("payments.adapters.sql.postgres_lending.KEPT_S", 60.0)
    async with open_postgres_database(postgres_url) as database:
        async with database.connection() as connection:
            before = connection.get_server_pid()
            await database.lender.expire()
        async with database.connection() as connection:
            assert connection.get_server_pid() != before


async def test_a_connection_lost_while_it_is_at_hand_is_made_anew(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("payments.adapters.sql.postgres_lending.KEPT_S", 60.0)
    async with open_postgres_database(postgres_url) as database:
        async with database.connection() as connection:
            lost = connection.get_server_pid()
        connection.terminate()
        async with database.connection() as connection:
            assert connection.get_server_pid() != lost

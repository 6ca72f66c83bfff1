"""Writes of one statement on PostgreSQL: no transaction around them, and as safe as with one."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ClassVar

import asyncpg
import attrs
import pytest

from payments.adapters.sql import postgres_pool
from payments.adapters.sql.postgres import SOME, open_postgres, open_postgres_database, units_of_work
from payments.adapters.sql.postgres_pool import SESSION, PooledConnection
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.records import Destination, Notice
from payments.domain.errors import StorageUnavailable
from payments.testing.contracts.stored import (
    NOW,
    a_message,
    a_notice,
    a_payment,
    after_s,
    an_answer,
    an_attempt,
    keep,
    numbered,
)
from tests.postgres import execute

pytestmark = pytest.mark.anyio

TOKEN, OTHER = numbered(9, 1), numbered(9, 2)
LATE = 10.0
_WAITING_HERE = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)
"""Other tests wait for locks of other databases of this server."""


async def waiting_here(connection: asyncpg.Connection) -> int:
    """How many sessions wait for a lock."""
    # Within a transaction the server goes on telling who was there when it was first asked.
    await connection.execute("SELECT pg_stat_clear_snapshot()")
    count: int = await connection.fetchval(_WAITING_HERE)
    return count


async def leased(units: UnitOfWork) -> tuple[Notice, ...]:
    return await units.single.lease_notices(after_s(9), until=after_s(60), token=TOKEN, limit=20)


def handled(notice: Notice) -> Notice:
    return attrs.evolve(notice, handled_at=after_s(9), next_try_at=None, outcome="settled")


async def outcomes(units: UnitOfWork) -> list[str]:
    return [notice.outcome for notice in await units.reads.notices_about(an_attempt().reference)]


async def until(look: Callable[[], Awaitable[object]], wanted: object) -> None:
    """Look until ``wanted`` is what is seen.

    Raises:
        TimeoutError: it never was.
    """
    async with asyncio.timeout(LATE):
        while True:
            if await look() == wanted:
                return
            await asyncio.sleep(0.01)


class Overheard(PooledConnection):
    """Notes every text it sends, but for that which each connection begins with."""

    __slots__ = ()
    texts: ClassVar[list[str]]

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.add_query_logger(self._note)

    def _note(self, query: Any) -> None:
        if "set_config" not in query.query:
            self.texts.append(query.query)


async def test_each_is_one_statement_with_no_transaction_around_it(postgres_url: str) -> None:
    Overheard.texts = []
    async with open_postgres_database(postgres_url, connection=Overheard) as database:
        units = units_of_work(database)
        await keep(units, a_payment(attempts=(an_attempt(),)), messages=(a_message(1), a_message(2)))
        for work, words in (
            (lambda: units.single.add_known_notice(a_notice(1)), "INSERT INTO notices"),
            (lambda: leased(units), "UPDATE notices"),
            (lambda: units.single.finish_notices((handled(a_notice(1)),), token=TOKEN), "UPDATE notices"),
            (
                lambda: units.single.lease_messages(after_s(9), until=after_s(60), token=TOKEN, limit=20),
                "UPDATE messages",
            ),
            (
                lambda: units.single.finish_messages((a_message(1), a_message(2)), token=TOKEN),
                "UPDATE messages",
            ),
            (lambda: units.single.lease_attempts(after_s(9), until=after_s(60), limit=9), "UPDATE attempts"),
            (lambda: units.single.lease_refunds(after_s(9), until=after_s(60), limit=9), "UPDATE refunds"),
            (lambda: units.single.begin_answer(an_answer(), NOW), "INSERT INTO answers"),
            (lambda: units.single.end_answer(an_answer(status=200)), "INSERT INTO answers"),
            (lambda: units.single.drop_answer(an_answer()), "DELETE FROM answers"),
        ):
            Overheard.texts.clear()
            await work()
            assert [words in text for text in Overheard.texts] == [True], Overheard.texts


async def test_many_messages_are_finished_at_once_and_each_as_it_went(postgres_url: str) -> None:
    async with open_postgres(postgres_url) as units:
        # Mails: none of them is overtaken by the next.
        messages = tuple(a_message(number, destination=Destination.PAYER) for number in range(1, 5))
        await keep(units, a_payment(attempts=(an_attempt(),)), messages=messages)
        leased = await units.single.lease_messages(after_s(9), until=after_s(60), token=TOKEN, limit=3)
        failed = [
            attrs.evolve(message, tries=number, next_try_at=after_s(number), last_error=f"\x00 {number}")
            for number, message in enumerate(leased, 1)
        ]
        never_leased = attrs.evolve(messages[3], tries=9)
        await units.single.finish_messages((*failed, never_leased), token=TOKEN)
        again = await units.single.lease_messages(after_s(9), until=after_s(60), token=TOKEN, limit=9)
    tried = sorted((message.tries, message.last_error) for message in again)
    assert tried == [(0, ""), (1, "\ufffd 1"), (2, "\ufffd 2"), (3, "\ufffd 3")]


async def test_whoever_does_not_wait_for_a_single_write_hangs_up_and_never_breaks_it_off(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cancel might end the wait for a standby, and leave what was written here alone (ADR 0024)."""
    monkeypatch.setattr(postgres_pool, "SESSION", {**SESSION, "lock_timeout": "5s"})
    async with open_postgres(postgres_url, pool_size=2) as units:
        await keep(units, a_payment(attempts=(an_attempt(),)))
        await units.single.add_known_notice(a_notice(1))
        (notice,) = await leased(units)
        somebody = await asyncpg.connect(postgres_url)
        holding = somebody.transaction()
        await holding.start()
        await somebody.execute("SELECT 1 FROM notices FOR UPDATE")
        going = asyncio.create_task(units.single.finish_notices((handled(notice),), token=TOKEN))
        await until(lambda: waiting_here(somebody), 1)
        going.cancel()
        with pytest.raises(asyncio.CancelledError):
            await going
        # Whoever went away waited for no cancel: it would arrive by then.
        await asyncio.sleep(0.3)
        await holding.rollback()
        await somebody.close()
        await until(lambda: outcomes(units), ["settled"])


class Lost(PooledConnection):
    """Its connection is lost at a statement that changes notices: after the server did it, or before."""

    __slots__ = ()
    kept: ClassVar[bool]
    failures: ClassVar[int]

    async def fetch(self, query: str, *arguments: Any, **options: Any) -> Any:
        return await self._lost(super().fetch(query, *arguments, **options), query)

    async def execute(self, query: str, *arguments: Any, **options: Any) -> Any:
        return await self._lost(super().execute(query, *arguments, **options), query)

    async def _lost(self, answer: Coroutine[Any, Any, Any], query: str) -> Any:
        if "notices" not in query or query.startswith("SELECT") or Lost.failures == 0:
            return await answer
        Lost.failures -= 1
        if self.kept:
            await answer
        answer.close()
        self.terminate()
        raise ConnectionResetError("the network went away")


@pytest.mark.parametrize("kept", [True, False])
async def test_one_whose_answer_was_lost_runs_again(
    postgres_url: str,
    kept: bool,  # noqa: FBT001 - a column of the table above
) -> None:
    Lost.kept, Lost.failures = kept, 0
    async with open_postgres_database(postgres_url, connection=Lost) as database:
        units = units_of_work(database)
        await keep(units, a_payment(attempts=(an_attempt(),)))
        Lost.failures = 1
        assert await units.single.add_known_notice(a_notice(1)) is not kept, "it finds what it stored"
        assert await outcomes(units) == [""]
        Lost.failures = 1
        assert len(await leased(units)) == (0 if kept else 1), "a lease that nobody heard of ends by itself"


@pytest.mark.parametrize("kept", [True, False])
async def test_many_at_once_whose_answer_was_lost_run_again(
    postgres_url: str,
    kept: bool,  # noqa: FBT001 - a column of the table above
) -> None:
    Lost.kept, Lost.failures = kept, 0
    async with open_postgres_database(postgres_url, connection=Lost) as database:
        units = units_of_work(database)
        await keep(units, a_payment(attempts=(an_attempt(),)))
        for number in (1, 2):
            await units.single.add_known_notice(a_notice(number))
        first, second = await leased(units)
        Lost.failures = 1
        await units.single.finish_notices((handled(first), handled(second)), token=TOKEN)
        assert Lost.failures == 0
        assert await outcomes(units) == ["settled", "settled"]


async def test_a_server_that_never_answers_is_an_outage_after_a_few_tries(postgres_url: str) -> None:
    Lost.kept, Lost.failures = False, 100
    async with open_postgres_database(
        postgres_url, connection=Lost, patience=attrs.evolve(SOME, times=4, longest_pause_s=0.05)
    ) as database:
        with pytest.raises(StorageUnavailable, match="the network went away"):
            await leased(units_of_work(database))
        assert Lost.failures == 100 - 4
        Lost.failures = 0
        assert await leased(units_of_work(database)) == ()


async def test_many_at_once_happen_whole_or_not_at_all(postgres_url: str) -> None:
    async with open_postgres(postgres_url) as units:
        await keep(units, a_payment(attempts=(an_attempt(),)))
        for number in (1, 2):
            await units.single.add_known_notice(a_notice(number))
        first, second = await leased(units)
        refusing = "ALTER TABLE notices ADD CONSTRAINT never CHECK (outcome <> 'never')"
        await asyncio.to_thread(execute, postgres_url, refusing)
        never = attrs.evolve(handled(second), outcome="never")
        with pytest.raises(asyncpg.CheckViolationError):
            await units.single.finish_notices((handled(first), never), token=TOKEN)
        assert await outcomes(units) == ["", ""]
        await units.single.finish_notices((handled(first), handled(second)), token=TOKEN)
        assert await outcomes(units) == ["settled", "settled"]


async def test_of_many_at_once_one_that_was_leased_to_another_meanwhile_is_left_to_them(
    postgres_url: str,
) -> None:
    async with open_postgres(postgres_url, pool_size=2) as units:
        await keep(units, a_payment(attempts=(an_attempt(),)))
        for number in (1, 2, 3):
            await units.single.add_known_notice(a_notice(number))
        taken = await leased(units)
        somebody = await asyncpg.connect(postgres_url)
        taking_over = somebody.transaction()
        await taking_over.start()
        await somebody.execute(
            "UPDATE notices SET lease = $1 WHERE notice_id = $2", str(OTHER), str(taken[0].notice_id)
        )
        going = asyncio.create_task(units.single.finish_notices(tuple(map(handled, taken)), token=TOKEN))
        await until(lambda: waiting_here(somebody), 1)
        await taking_over.commit()
        await going
        await somebody.close()
        assert sorted(await outcomes(units)) == ["", "settled", "settled"]


async def test_whoever_may_only_read_writes_nothing(postgres_url: str) -> None:
    async with open_postgres(postgres_url, read_only=True) as units:
        with pytest.raises(StorageUnavailable, match="for reading only"):
            await leased(units)

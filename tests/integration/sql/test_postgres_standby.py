"""A standby that is waited for: nothing is answered that would be lost if it took over now."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import attrs
import pytest

from payments.adapters.sql.postgres import SOME, open_postgres_database, units_of_work
from payments.adapters.sql.shared_state import SqlSharedState
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.records import Notice
from payments.domain.errors import StorageUnavailable
from payments.testing.contracts.stored import NOW, a_notice
from tests.postgres_pair import Pair, pair

pytestmark = [pytest.mark.anyio, pytest.mark.stories]


@contextmanager
def silent_standby(both: Pair) -> Iterator[None]:
    """The standby takes nothing in, and nobody hangs up; when the block ends, it has lost what was sent."""
    (receiver,) = both.standby.children("walreceiver")
    os.kill(receiver, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(receiver, signal.SIGKILL)


Storing = Callable[[UnitOfWork, Notice], Awaitable[bool]]


async def in_a_transaction(units: UnitOfWork, notice: Notice) -> bool:
    return await units.write(lambda transaction: transaction.add_notice(notice))


async def by_itself(units: UnitOfWork, notice: Notice) -> bool:
    return await units.single.add_known_notice(
        attrs.evolve(notice, handled_at=NOW, next_try_at=None, outcome="ignored")
    )


BOTH_WAYS = pytest.mark.parametrize("store", [in_a_transaction, by_itself])


@BOTH_WAYS
async def test_what_the_standby_has_not_confirmed_is_not_answered_when_it_is_sent_again(
    store: Storing,
) -> None:
    """Whoever breaks off a commit that waits for a standby has it committed here alone, for all to see."""
    with pair() as both:
        async with open_postgres_database(both.url, patience=attrs.evolve(SOME, within_s=1.0)) as database:
            units = units_of_work(database)

            async def stored(number: int) -> bool:
                return await store(units, a_notice(number))

            assert await stored(1)
            with silent_standby(both):
                for _ in range(3):
                    with pytest.raises(StorageUnavailable):
                        await stored(2)
                await asyncio.to_thread(both.primary.kill)
            await asyncio.to_thread(both.fail_over)

            assert not await stored(1), "what was answered is there"
            assert await stored(2), "what was not answered may be new"


@BOTH_WAYS
async def test_a_request_that_goes_away_breaks_no_commit_off(store: Storing) -> None:
    with pair() as both:
        async with open_postgres_database(both.url, patience=attrs.evolve(SOME, within_s=1.0)) as database:
            units = units_of_work(database)
            with silent_standby(both):
                going = asyncio.ensure_future(store(units, a_notice(1)))
                await asyncio.to_thread(both.until_a_commit_waits)
                going.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await going
                with pytest.raises(StorageUnavailable):
                    await store(units, a_notice(1))
                await asyncio.to_thread(both.primary.kill)


async def test_what_processes_share_is_not_to_be_had_on_a_standby_and_no_defect() -> None:
    """What may be lost is not there at all: PostgreSQL refuses to read it, in other words than to write."""
    with pair() as both:
        address = f"postgresql://payments@127.0.0.1:{both.standby.port}/payments"
        async with open_postgres_database(address, patience=attrs.evolve(SOME, within_s=1.0)) as database:
            shared = SqlSharedState(database.reads)
            with pytest.raises(StorageUnavailable, match="during recovery"):
                await shared.recall("token")
            await asyncio.to_thread(both.primary.kill)
            await asyncio.to_thread(both.fail_over)
            assert await shared.recall("token") is None

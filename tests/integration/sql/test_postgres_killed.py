"""kill -9 of a client, and of the whole server: what was answered is there, once and whole."""

import asyncio
import itertools
import time
from contextlib import suppress

import attrs
import pytest

from payments.adapters.sql.postgres import SOME, open_postgres, open_postgres_database, units_of_work
from payments.application.ports.repository import Transaction
from payments.application.ports.unit_of_work import UnitOfWork
from payments.domain.errors import StorageUnavailable
from payments.testing.contracts.stored import a_notice, a_payment, an_attempt, keep
from tests.integration.sql.killing import said, writing
from tests.postgres import own_server

pytestmark = [pytest.mark.anyio, pytest.mark.stories]


async def test_a_client_killed_inside_a_transaction_loses_exactly_that_and_holds_up_nobody(
    postgres_url: str,
) -> None:
    async with open_postgres(postgres_url) as units:
        with writing(postgres_url, "inside") as process:
            assert said(process) == "inside"
            (found,) = await units.reads.payments_after(None, 10)
            process.kill()
            process.wait(10)
            assert found.attempts == (an_attempt(1),)
            async with asyncio.timeout(5):
                await keep(units, a_payment(2, attempts=(an_attempt(2),)))
        assert len(await units.reads.payments_after(None, 10)) == 2


async def test_all_that_a_killed_client_answered_is_there(postgres_url: str) -> None:
    with writing(postgres_url, "loop") as process:
        answered = [int(said(process)) for _ in range(13)]
    async with open_postgres(postgres_url) as units:
        found = await units.reads.payments_after(None, 10_000)
    assert len(found) >= max(answered)
    assert {len(payment.attempts) for payment in found} == {1}, "a change is there whole"


async def test_a_server_killed_in_the_middle_forgets_nothing_that_was_answered() -> None:
    numbers = itertools.count(1)
    acknowledged: list[int] = []

    async def write_on(units: UnitOfWork, until: asyncio.Event) -> None:
        while not until.is_set():
            number = next(numbers)

            async def work(transaction: Transaction, number: int = number) -> None:
                await transaction.add_notice(a_notice(number))

            with suppress(StorageUnavailable):
                await units.write(work)
                acknowledged.append(number)

    with own_server() as (server, url):
        async with open_postgres(url) as units:
            enough = asyncio.Event()
            writers = [asyncio.create_task(write_on(units, enough)) for _ in range(16)]
            gaps = []
            for _ in range(2):
                await _until_more(acknowledged, 100)
                await asyncio.to_thread(server.restart, "immediate")
                began = time.monotonic()
                await _until_more(acknowledged, 50)
                gaps.append(time.monotonic() - began)
            enough.set()
            await asyncio.gather(*writers)
            found = await units.reads.notices_about(a_notice(1).reference or "")
    there = {notice.notice_id for notice in found}
    assert [number for number in acknowledged if a_notice(number).notice_id not in there] == []
    assert len(found) == len(there) <= next(numbers)
    assert max(gaps) < 20


async def test_a_server_that_stays_away_is_an_outage_until_it_is_back() -> None:
    with own_server() as (server, url):
        async with open_postgres_database(url, patience=attrs.evolve(SOME, within_s=0.3)) as database:
            units = units_of_work(database)
            kept = await keep(units, a_payment(1))
            await asyncio.to_thread(server.stop)
            for call in (units.reads.payment(kept.payment_id), keep(units, a_payment(2))):
                began = time.monotonic()
                with pytest.raises(StorageUnavailable, match="did not confirm") as caught:
                    await call
                assert 0.3 <= time.monotonic() - began < 20
                assert caught.value.retry_after_s
            await asyncio.to_thread(server.start)
            assert await units.reads.payment(kept.payment_id) == kept
            await keep(units, a_payment(2))


async def _until_more(acknowledged: list[int], count: int) -> None:
    target = len(acknowledged) + count
    async with asyncio.timeout(120):
        while len(acknowledged) < target:  # noqa: ASYNC110 - whoever writes need not know who counts
            await asyncio.sleep(0.01)

"""kill -9: what was answered is there, what was not is gone whole, and the next process may write."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from payments.adapters.sql.sqlite import open_sqlite
from payments.domain.errors import StorageBusy
from payments.testing.contracts.stored import a_payment, an_attempt, keep
from tests.integration.sql.killing import said, writing

pytestmark = [pytest.mark.anyio, pytest.mark.stories]


async def test_a_process_killed_inside_a_transaction_loses_exactly_that(database: Path) -> None:
    with writing(database, "inside") as process:
        assert said(process) == "inside"
        with pytest.raises(StorageBusy, match="Another process is writing"):
            async with open_sqlite(str(database)):
                pass
        async with open_sqlite(str(database), read_only=True) as reader:
            assert len(await reader.reads.payments_after(None, 10)) == 1
        process.kill()
        process.wait(10)
        async with open_sqlite(str(database)) as units:
            (found,) = await units.reads.payments_after(None, 10)
            assert found.attempts == (an_attempt(1),)
            await keep(units, a_payment(2, attempts=(an_attempt(2),)))
            assert len(await units.reads.payments_after(None, 10)) == 2


async def test_a_process_killed_at_any_moment_keeps_what_it_answered(database: Path) -> None:
    answered = 0
    for lines in (5, 21):
        with writing(database, "loop") as process:
            for _ in range(lines):
                answered = int(said(process))
        async with open_sqlite(str(database)) as units:
            found = await units.reads.payments_after(None, 10_000)
        assert len(found) >= answered, "what was answered is there"
        numbers = range(1, len(found) + 1)
        assert [payment.payment_id for payment in found] == [a_payment(n).payment_id for n in numbers]
        assert {len(payment.attempts) for payment in found} == {1}, "a change is there whole"
        with closing(sqlite3.connect(database)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]

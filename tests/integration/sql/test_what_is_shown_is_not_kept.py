"""A page's address is derived for whoever may see it, and no change of the payment writes it down."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from payments.adapters.sql.migrate import upgrade
from payments.adapters.sql.sqlite import open_sqlite
from payments.application.answers import Initiated
from payments.domain.transitions import AttemptStatus
from payments.testing import InMemoryPayments, cash_on_delivery, in_memory_payments
from tests.integration.console.operator import actions, open_browser

pytestmark = pytest.mark.anyio


async def test_cancelling_a_payment_writes_down_no_address_of_its_page(tmp_path: Path) -> None:
    """Seed 1551 of the simulation: it began its change from the payment as it is shown."""
    async with cash_to_collect(tmp_path) as (kit, opened):
        shown = await kit.payments.cancel(opened.payment_id, "user_1", "payer:user_1")

        attempt = (await kit.payments.get.kept(opened.payment_id, None)).attempt(opened.reference)
        assert attempt.status is AttemptStatus.EXPIRED
        assert shown.attempt(opened.reference).checkout_url == opened.checkout_url


async def test_an_operator_who_asks_about_a_payment_writes_down_no_address_of_its_page(
    tmp_path: Path,
) -> None:
    async with cash_to_collect(tmp_path) as (kit, opened), open_browser(kit) as operator:
        await operator.sign_in()
        ask, _ = actions(opened.payment_id, opened.reference)
        assert (await operator.posts(ask)).status_code == 200

        assert await kit.delivery_code(opened.checkout_url)


@asynccontextmanager
async def cash_to_collect(folder: Path) -> AsyncIterator[tuple[InMemoryPayments, Initiated]]:
    """A payment in cash over SQLite, whose page's address is nowhere in the database afterwards."""
    path = folder / "payments.db"
    await asyncio.to_thread(upgrade, f"sqlite:///{path}")
    async with open_sqlite(str(path)) as units:
        kit = in_memory_payments(cash=cash_on_delivery(), unit_of_work=units)
        kit.order()
        opened = await kit.payments.initiate("order_1", "user_1", "cash")
        yield kit, opened
        kept = await kit.payments.get.kept(opened.payment_id, None)
        assert kept.attempt(opened.reference).checkout_url not in (None, opened.checkout_url)
        assert await kit.payments.check() == ()
    token = opened.checkout_url.rstrip("/").rpartition("/")[2].encode()
    assert token not in bytes_of(folder)


def bytes_of(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())

"""A page's address is derived for whoever may see it, and no change of the payment writes it down."""

import asyncio
from pathlib import Path

import pytest

from payments.adapters.sql.migrate import upgrade
from payments.adapters.sql.sqlite import open_sqlite
from payments.domain.transitions import AttemptStatus
from payments.testing import cash_on_delivery, in_memory_payments
from tests.integration.console.operator import actions, open_browser

pytestmark = pytest.mark.anyio


async def test_cancelling_a_payment_writes_down_no_address_of_its_page(tmp_path: Path) -> None:
    """Seed 1551 of the simulation: it began its change from the payment as it is shown."""
    path = tmp_path / "payments.db"
    await asyncio.to_thread(upgrade, f"sqlite:///{path}")
    async with open_sqlite(str(path)) as units:
        kit = in_memory_payments(cash=cash_on_delivery(), unit_of_work=units)
        kit.order()
        opened = await kit.payments.initiate("order_1", "user_1", "cash")
        address = opened.checkout_url

        shown = await kit.payments.cancel(opened.payment_id, "user_1", "payer:user_1")

        kept = await units.reads.payment(opened.payment_id)
        assert kept is not None
        attempt = kept.attempt(opened.reference)
        assert attempt.status is AttemptStatus.EXPIRED
        assert attempt.checkout_url not in (None, address)
        assert shown.attempt(opened.reference).checkout_url == address
        assert await kit.payments.check() == ()
    assert token_of(address) not in bytes_of(tmp_path)


async def test_an_operator_who_asks_about_a_payment_writes_down_no_address_of_its_page(
    tmp_path: Path,
) -> None:
    path = tmp_path / "payments.db"
    await asyncio.to_thread(upgrade, f"sqlite:///{path}")
    async with open_sqlite(str(path)) as units:
        kit = in_memory_payments(cash=cash_on_delivery(), unit_of_work=units)
        kit.order()
        opened = await kit.payments.initiate("order_1", "user_1", "cash")
        async with open_browser(kit) as operator:
            await operator.sign_in()
            ask, _ = actions(opened.payment_id, opened.reference)
            assert (await operator.posts(ask)).status_code == 200

        kept = await units.reads.payment(opened.payment_id)
        assert kept is not None
        assert kept.attempt(opened.reference).checkout_url not in (None, opened.checkout_url)
        assert await kit.delivery_code(opened.checkout_url)
        assert await kit.payments.check() == ()
    assert token_of(opened.checkout_url) not in bytes_of(tmp_path)


def token_of(address: str) -> bytes:
    return address.rstrip("/").rpartition("/")[2].encode()


def bytes_of(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())

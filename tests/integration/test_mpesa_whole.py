"""M-Pesa through the whole service: our HTTP interface and the simulated Daraja, on sockets."""

import asyncio
import functools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final

import attrs
import httpx
import pytest

from payments import Settings, open_payments
from payments.adapters.orders.memory import MemoryOrders
from payments.application.answers import Initiated
from payments.application.payments import Payments
from payments.application.ports.orders import Order
from payments.bootstrap import Parts
from payments.domain.errors import OutcomeUnknown
from payments.domain.events import Reason
from payments.domain.money import Money
from payments.domain.payment import Customer, Payment
from payments.domain.transitions import PaymentStatus
from payments.entrypoints.http import create_app
from payments.simulators.mpesa import (
    MpesaSimulatorConfig,
    MpesaSwitches,
    create_mpesa_simulator,
    new_private_key,
)
from tests.ports import free_port
from tests.serving import plain_client, serving

pytestmark = pytest.mark.anyio

LONG_S: Final = 60.0
USER: Final = "user_1"


@functools.cache
def initiators_key() -> bytes:
    return new_private_key()


@attrs.frozen
class Story:
    """A service with one order of 1500 shillings, and the simulated phone of its payer."""

    payments: Payments
    control: httpx.AsyncClient

    async def initiate(self) -> Initiated:
        return await self.payments.initiate("order_1", USER, "mpesa")

    async def act(self, action: str) -> None:
        """The payer does something with the newest prompt."""
        name = (await self.prompts())[-1]["checkout_request_id"]
        (await self.control.post(f"/_sim/prompts/{name}/{action}")).raise_for_status()

    async def prompts(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.control.get("/_sim/prompts")).json()["prompts"]
        return sorted(found, key=lambda prompt: bool(prompt["state"] == "live"))

    async def switch(self, **switches: object) -> None:
        (await self.control.put("/_sim/switches", json=switches)).raise_for_status()

    async def payment(self) -> Payment:
        page = await self.payments.list(USER)
        return await self.payments.get(page.items[0].payment_id, USER)

    async def until(self, happened: Callable[[Payment], bool]) -> Payment:
        """The payment once ``happened``, with the worker at work meanwhile."""
        give_up_at = time.monotonic() + LONG_S
        while not happened(payment := await self.payment()):
            assert time.monotonic() < give_up_at, payment
            await self.payments.process_notices()
            await self.payments.sweep()
            await asyncio.sleep(0.01)
        return payment

    async def until_paid(self) -> Payment:
        return await self.until(lambda payment: payment.status is PaymentStatus.SUCCESS)


@asynccontextmanager
async def telling(
    confirmed_after: timedelta = timedelta(seconds=10), **switches: Any
) -> AsyncIterator[Story]:
    quick = MpesaSwitches(
        **{
            "time_scale": 0.005,
            "prompt_life_s": 10_000.0,
            "query_calls": 1_000_000,
            "same_amount_rule": "off",
            "query_hiccup_every": 0,
            "query_early_s": 0.0,
            **switches,
        }
    )
    port = free_port()
    config = MpesaSimulatorConfig(
        public_url="http://127.0.0.1:1", private_key_pem=initiators_key(), switches=quick
    )
    orders = MemoryOrders()
    orders.put(
        Order(
            order_id="order_1",
            user_id=USER,
            amount=Money.of("1500.00", "KES"),
            payable=True,
            version="1",
            customer=Customer(email="wanjiku@shop.co.ke", phone_number="0722000126"),
        )
    )
    async with serving(create_mpesa_simulator(config)) as daraja, plain_client(daraja) as control:
        read = Settings.from_env(
            {
                "PAYMENTS_DATABASE_URL": "memory://",
                "PAYMENTS_PUBLIC_URL": f"http://127.0.0.1:{port}",
                "PAYMENTS_MPESA_BASE_URL": daraja,
                "PAYMENTS_MPESA_CONSUMER_KEY": config.consumer_key,
                "PAYMENTS_MPESA_CONSUMER_SECRET": config.consumer_secret,
                "PAYMENTS_MPESA_SHORTCODE": config.shortcode,
                "PAYMENTS_MPESA_PASSKEY": config.passkey,
            }
        )
        # Nobody waits for a turn here.
        group = attrs.evolve(
            read.provider_settings["mpesa"], confirmed_after=confirmed_after, queries_per_minute=60_000
        )
        settings = attrs.evolve(read, provider_settings={"mpesa": group})
        async with (
            open_payments(settings, Parts(orders=orders)) as payments,
            serving(create_app(payments, settings), port),
        ):
            yield Story(payments=payments, control=control)
            assert await payments.check() == ()


async def test_a_payer_confirms_on_the_phone_and_the_callback_finds_us() -> None:
    async with telling() as story:
        opened = await story.initiate()
        assert (await story.payment()).status is PaymentStatus.PROCESSING
        await story.act("approve")
        payment = await story.until_paid()
        (capture,) = payment.captures
        assert (capture.reference, capture.amount) == (opened.reference, Money.of("1500.00", "KES"))
        assert capture.receipt is not None
        assert len(await story.prompts()) == 1


async def test_the_callback_finds_the_prompt_whose_answer_was_lost() -> None:
    async with telling() as story:
        await story.switch(fault="reset_after", fault_on="push")
        with pytest.raises(OutcomeUnknown):
            await story.initiate()
        with pytest.raises(OutcomeUnknown):
            await story.initiate()
        assert len(await story.prompts()) == 1
        await story.act("approve")
        payment = await story.until_paid()
        assert payment.captures[0].receipt is not None


async def test_a_lost_callback_costs_time_and_no_money() -> None:
    async with telling(timedelta(milliseconds=300), callback_lost=True) as story:
        opened = await story.initiate()
        await story.act("approve")
        await _until_ended(story)
        await story.payments.settle(opened.reference)
        payment = await story.until_paid()
        assert payment.captures[0].receipt is None


async def test_a_callback_may_be_faster_than_the_answer_to_the_push() -> None:
    async with telling(callback_before_answer=True, answer="approve", answer_after_s=0.0) as story:
        opened = await story.initiate()
        payment = await story.until_paid()
        assert payment.captures[0].reference == opened.reference


async def test_copies_of_a_callback_are_taken_once() -> None:
    async with telling(callback_copies=4) as story:
        await story.initiate()
        await story.act("approve")
        assert len((await story.until_paid()).captures) == 1


async def test_a_wrong_pin_is_explained_and_a_new_prompt_may_be_asked_for() -> None:
    async with telling() as story:
        first = await story.initiate()
        await story.act("wrong_pin")
        payment = await story.until(lambda payment: payment.status is PaymentStatus.FAILED)
        attempt = payment.attempt(first.reference)
        assert (attempt.reason, attempt.detail) == (Reason.DECLINED, "The PIN was wrong. Try again.")
        assert (await story.initiate()).reference != first.reference
        await story.act("approve")
        await story.until_paid()


async def _until_ended(story: Story) -> None:
    await _until(lambda: _ended(story))


async def _ended(story: Story) -> bool:
    return all(prompt["state"] == "ended" for prompt in await story.prompts())


async def _until(true: Callable[[], Awaitable[bool]]) -> None:
    give_up_at = time.monotonic() + LONG_S
    while not await true():
        assert time.monotonic() < give_up_at
        await asyncio.sleep(0.01)

"""Recording what the gateway said, and claims that meet each other (docs/model.md section 4, "Recording")."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

import attrs
import pytest

from payments.adapters.memory.unit_of_work import MemoryUnitOfWork
from payments.application.answers import Initiated
from payments.application.ports.providers import CheckoutRequest
from payments.application.ports.repository import Transaction
from payments.domain.errors import (
    AttemptInFlight,
    GatewayError,
    OutcomeUnknown,
    PaymentAlreadyProcessed,
    ProviderRejected,
    ProviderUnavailable,
)
from payments.domain.events import Reason
from payments.domain.transitions import AttemptStatus, PaymentStatus
from payments.testing import MovableClock, ScriptedProvider, in_memory_payments
from tests.unit.use_cases.kept import everything_holds
from tests.unit.use_cases.shop import Shop, refused, turns

pytestmark = pytest.mark.anyio

T = TypeVar("T")


async def test_the_reference_is_on_disk_before_the_provider_is_called(shop: Shop) -> None:
    seen: list[AttemptStatus] = []

    async def look(request: CheckoutRequest) -> None:
        seen.append((await shop.attempt(request.reference)).status)

    shop.provider.before_opening = look
    opened = await shop.initiate()

    assert seen == [AttemptStatus.CLAIMED]
    assert (await shop.attempt(opened.reference)).status is AttemptStatus.OPEN


@pytest.mark.parametrize(
    ("trouble", "status", "reason"),
    [
        (ProviderRejected("Merchant blocked."), AttemptStatus.FAILED, Reason.REFUSED),
        (ProviderUnavailable("Nothing was sent."), AttemptStatus.FAILED, Reason.NOT_SENT),
        (OutcomeUnknown("The answer was lost."), AttemptStatus.UNKNOWN, None),
    ],
)
async def test_each_of_the_three_ways_to_fail_is_recorded_and_told(
    shop: Shop, trouble: GatewayError, status: AttemptStatus, reason: Reason | None
) -> None:
    shop.provider.trouble.append(trouble)

    error = await shop.initiate_refused(type(trouble))

    payment = await shop.payment()
    (attempt,) = payment.attempts
    assert (attempt.status, attempt.reason) == (status, reason)
    assert attempt.handed_out_at is None
    assert payment.status is PaymentStatus.PENDING, "nobody got anything to pay with"
    assert error.facts == {"payment_id": str(payment.payment_id)}
    assert (error.detail, attempt.detail) == (trouble.detail, trouble.detail if reason else "")
    assert (error.retry_after_s is None) == isinstance(trouble, ProviderRejected)
    assert await shop.told() == []


@pytest.mark.parametrize("trouble", [ProviderRejected("No."), ProviderUnavailable("Not sent.")])
async def test_after_a_definite_no_the_next_initiate_claims_anew(shop: Shop, trouble: GatewayError) -> None:
    shop.provider.trouble.append(trouble)
    await shop.initiate_refused(type(trouble))

    again = await shop.initiate()

    first, second = (await shop.payment()).attempts
    assert first.reference != second.reference == again.reference
    assert shop.provider.calls["cancel"] == 0, "there is nothing to cancel"


async def test_a_double_click_gives_one_checkout(shop: Shop) -> None:
    both = await asyncio.gather(shop.initiate(), shop.initiate())

    assert both[0] == both[1]
    assert shop.provider.calls["open"] == 1


async def test_a_hundred_initiates_at_once_make_one_attempt(shop: Shop) -> None:
    answers = await asyncio.gather(*(shop.initiate() for _ in range(100)))

    assert len({answer.reference for answer in answers}) == 1
    assert shop.provider.calls["open"] == 1
    assert len((await shop.payment()).attempts) == 1


async def test_whoever_waits_for_anothers_checkout_gives_up_at_the_deadline(shop: Shop) -> None:
    blocked = asyncio.Event()

    async def wait(_request: CheckoutRequest) -> None:
        await blocked.wait()

    shop.provider.before_opening = wait
    first = asyncio.create_task(shop.initiate())
    await turns()

    error = await shop.initiate_refused(AttemptInFlight)
    blocked.set()
    opened = await first

    assert error.retry_after_s == 1.0
    assert error.facts == {"payment_id": str(opened.payment_id)}
    assert shop.provider.calls["open"] == 1


async def test_a_request_that_is_cut_off_leaves_the_outcome_unknown(shop: Shop) -> None:
    async def never(_request: CheckoutRequest) -> None:
        await asyncio.Event().wait()

    shop.provider.after_opening = never
    cut_off = asyncio.create_task(shop.initiate())
    await turns()
    cut_off.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cut_off

    (attempt,) = (await shop.payment()).attempts
    assert attempt.status is AttemptStatus.UNKNOWN
    shop.provider.after_opening = None
    again = await shop.initiate()
    assert (await shop.attempt(attempt.reference)).page_closed
    assert again.reference != attempt.reference


async def test_after_a_death_between_claim_and_record_others_wait_a_minute_and_then_claim_anew(
    shop: Shop,
) -> None:
    reference = await shop.died_while_claiming()
    await shop.initiate_refused(AttemptInFlight)

    shop.skip(seconds=61)
    again = await shop.initiate()

    lost = await shop.attempt(reference)
    assert (lost.status, lost.page_closed) == (AttemptStatus.EXPIRED, True)
    assert again.reference != reference
    await shop.kit.work()


async def test_money_for_the_claim_of_a_dead_process_is_found(shop: Shop) -> None:
    reference = await shop.died_while_claiming()
    shop.provider.pays(reference)

    await shop.pass_minutes(0.5)

    payment = await shop.payment()
    assert payment.status is PaymentStatus.SUCCESS
    assert await shop.told() == ["paid"]


async def test_whoever_asks_about_a_claim_too_old_for_its_answer_says_so(shop: Shop) -> None:
    reference = await shop.died_while_claiming()
    shop.skip(seconds=61)
    payment = await shop.ask(reference)
    told = [step.what for step in (await shop.kit.payments.explain(payment.payment_id, None)).steps]
    assert any("Its claim grew too old." in said for said in told)


async def opened_too_late(shop: Shop, meanwhile: Callable[[str], Awaitable[None]]) -> Initiated:
    """An initiate whose provider answers after something else ended its claim."""

    async def late(request: CheckoutRequest) -> None:
        shop.provider.after_opening = None
        await meanwhile(request.reference)

    shop.provider.after_opening = late
    return await shop.initiate()


async def test_an_answer_that_comes_after_the_claim_ended_is_handed_to_nobody(shop: Shop) -> None:
    references: list[str] = []

    async def the_clock_jumps_ahead(reference: str) -> None:
        references.append(reference)
        shop.kit.clock.step_back(timedelta(seconds=-61))
        await shop.ask(reference)

    opened = await opened_too_late(shop, the_clock_jumps_ahead)

    late = await shop.attempt(references[0])
    assert opened.reference != late.reference
    assert late.checkout_url == f"https://scripted.example/pay/{late.reference}", "what it learnt is stored"
    assert late.handed_out_at is None
    assert late.page_closed
    assert (await shop.payment()).status is PaymentStatus.PROCESSING
    await shop.kit.work()


async def test_it_finds_the_payment_settled_when_it_was_paid_meanwhile(shop: Shop) -> None:
    async def somebody_pays(reference: str) -> None:
        shop.provider.pays(reference)
        await shop.ask(reference)

    await refused(PaymentAlreadyProcessed, opened_too_late(shop, somebody_pays))

    assert (await shop.payment()).status is PaymentStatus.SUCCESS


@attrs.define
class SlowUnitOfWork(MemoryUnitOfWork):
    """A database that takes its time over the first write that claims."""

    clock: MovableClock | None = attrs.field(default=None, kw_only=True)
    slow_s: float = attrs.field(default=0.0, kw_only=True)

    async def write(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        result = await super().write(work)
        if self.clock is not None and self.slow_s:
            self.clock.advance(timedelta(seconds=self.slow_s))
            self.slow_s = 0.0
        return result


async def test_a_call_to_the_provider_starts_only_within_thirty_seconds_of_its_claim() -> None:
    storage, provider = SlowUnitOfWork(), ScriptedProvider()
    kit = in_memory_payments(provider, unit_of_work=storage)
    kit.order()
    storage.clock, storage.slow_s = kit.clock, 30.5

    await refused(AttemptInFlight, kit.payments.initiate("order_1", "user_1", "scripted"))
    assert provider.calls["open"] == 0
    opened = await kit.payments.initiate("order_1", "user_1", "scripted")

    payment = await storage.reads.payment_of_order("order_1")
    assert payment is not None
    assert [a.reason for a in payment.attempts] == [Reason.NOT_SENT, None]
    assert payment.attempts[1].reference == opened.reference
    assert provider.calls["open"] == 1
    await everything_holds(kit)


async def test_a_new_attempt_never_takes_an_old_reference(shop: Shop) -> None:
    references = []
    for _ in range(3):
        opened = await shop.initiate()
        references.append(opened.reference)
        await shop.kit.payments.cancel(opened.payment_id, "user_1", "payer:user_1")

    assert len(set(references)) == 3

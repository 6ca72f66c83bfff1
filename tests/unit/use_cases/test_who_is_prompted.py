"""Who is prompted, and who is not: one amount is asked for once, whatever was lost, late or switched off."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import TypeVar

import attrs
import pytest

from payments.adapters.cipher import AesGcmCipher
from payments.adapters.memory.shared_state import MemorySharedState
from payments.adapters.memory.unit_of_work import MemoryUnitOfWork
from payments.adapters.providers.mpesa.queries import Queries
from payments.application.addresses import Addresses
from payments.application.payments import Payments
from payments.application.ports.providers import Provider, Providers, Question
from payments.application.ports.repository import Transaction
from payments.bootstrap import assemble
from payments.domain.errors import AttemptInFlight, OutcomeUnknown, PaymentAlreadyProcessed, PaymentInFlight
from payments.domain.evidence import Answer, Mode, not_asked
from payments.domain.transitions import AttemptStatus, PaymentStatus
from payments.testing import InMemoryPayments, ScriptedPrompts, in_memory_payments
from payments.testing.prompts import PHONE
from tests.unit.adapters.providers.mpesa_account import SETTINGS
from tests.unit.use_cases.kept import everything_holds
from tests.unit.use_cases.prompts_shop import PromptsShop
from tests.unit.use_cases.shop import HesitatingProvider, InterruptedStorage, Shop, turns

T = TypeVar("T")

pytestmark = pytest.mark.anyio


def restarted(kit: InMemoryPayments, providers: Mapping[str, Provider]) -> Payments:
    """The same shop with other settings: the same store and clock, and these ``providers``."""
    return assemble(
        Addresses("http://payments.example"),
        cipher=AesGcmCipher.of([b"in-memory-payments-key-0001"]),
        clock=kit.clock,
        identifiers=kit.payments.settle._identifiers,
        notifier=kit.notifier,
        orders=kit.orders,
        providers=Providers(providers),
        shared_state=MemorySharedState(kit.clock),
        unit_of_work=kit.unit_of_work,
    )


async def test_nobody_is_prompted_for_what_was_paid_while_the_commit_of_the_claim_was_in_doubt() -> None:
    storage, prompts = InterruptedStorage(), ScriptedPrompts()
    kit = in_memory_payments(prompts=prompts, unit_of_work=storage)
    kit.order(amount="1000.00", currency="KES")
    shop = PromptsShop(kit=kit, prompts=prompts)
    first = await shop.initiate()
    prompts.declines(first.reference, final=False)
    await shop.ask(first.reference)

    async def the_first_is_paid() -> None:
        prompts.pays(first.reference)
        await shop.reports(first.reference)
        await kit.work()

    storage.unheard, storage.meanwhile = True, the_first_is_paid
    with pytest.raises(PaymentAlreadyProcessed):
        await shop.initiate()

    assert prompts.calls["open"] == 1, "the payer of a paid order was prompted"
    await everything_holds(kit)


@pytest.fixture
async def both() -> AsyncIterator[PromptsShop]:
    """A shop with a provider of pages beside the prompts."""
    prompts = ScriptedPrompts()
    kit = in_memory_payments(HesitatingProvider(), prompts=prompts)
    kit.order(amount="1000.00", currency="KES")
    yield PromptsShop(kit=kit, prompts=prompts)
    await everything_holds(kit)


class TestPromptsThatAreSwitchedOff:
    async def test_one_whose_answer_was_lost_is_still_on_the_phone(self, both: PromptsShop) -> None:
        await both.lost()
        both.skip(seconds=20)
        off = restarted(both.kit, {"scripted": both.kit.provider.provider()})

        with pytest.raises(OutcomeUnknown):
            await off.initiate("order_1", "user_1", "scripted")
        with pytest.raises(OutcomeUnknown):
            await off.cancel((await both.payment()).payment_id, "user_1", "payer:user_1")

    async def test_one_that_a_clock_ahead_timed_out_is_still_on_the_phone(self, both: PromptsShop) -> None:
        await both.initiate()
        both.prompts.silent = True
        both.skip(hours=2)
        await both.kit.payments.sweep()
        both.kit.clock.step_back(timedelta(hours=2))
        off = restarted(both.kit, {"scripted": both.kit.provider.provider()})

        with pytest.raises(PaymentInFlight):
            await off.initiate("order_1", "user_1", "scripted")


async def test_a_page_for_test_money_is_handed_out_to_nobody_in_live_mode(shop: Shop) -> None:
    first = await shop.initiate()
    live = restarted(
        shop.kit, {"scripted": attrs.evolve(shop.kit.payments.providers.by_name["scripted"], mode=Mode.LIVE)}
    )

    second = await live.initiate("order_1", "user_1", "scripted")

    assert second.reference != first.reference
    assert (await shop.attempt(second.reference)).mode is Mode.LIVE


@attrs.define
class PromptsInTurns(ScriptedPrompts):
    """Prompts about which there are five questions a minute, as at M-Pesa."""

    queries: Queries | None = None

    async def check(self, question: Question) -> Answer:
        assert self.queries is not None
        name = question.provider_reference
        if name is not None and not await self.queries.may_ask(question.urgency, name):
            return not_asked("waits for its turn to ask")
        return await super().check(question)


@pytest.mark.parametrize("final", [True, False])
async def test_whoever_has_the_reference_of_a_prompt_that_ended_does_not_use_up_the_questions(
    final: bool,  # noqa: FBT001 -- a row's field
) -> None:
    prompts = PromptsInTurns()
    kit = in_memory_payments(prompts=prompts)
    prompts.queries = Queries(
        settings=SETTINGS, shared_state=kit.payments.settle._shared_state, clock=kit.clock
    )
    kit.order(amount="1000.00", currency="KES")
    kit.order("order_2", amount="500.00", currency="KES")
    strangers = await kit.payments.initiate("order_2", "user_1", "prompts", phone_number=PHONE)
    prompts.declines(strangers.reference, final=final)
    await kit.pass_time(timedelta(seconds=60))
    shop = PromptsShop(kit=kit, prompts=prompts)
    opened = await shop.initiate()
    prompts.pays(opened.reference)

    for _ in range(360):
        kit.clock.advance(timedelta(seconds=10))
        await kit.payments.settle(strangers.reference, "redirect", coalesce_s=10.0)
        await kit.work()

    assert (await shop.payment()).status is PaymentStatus.SUCCESS
    await everything_holds(kit)


@attrs.define
class SlowStorage(MemoryUnitOfWork):
    """Takes until ``goes_on`` over what is written once the provider has answered."""

    prompts: ScriptedPrompts | None = None
    goes_on: asyncio.Event = attrs.field(factory=asyncio.Event)

    async def write(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        if self.prompts is not None and self.prompts.calls["open"]:
            await self.goes_on.wait()
        return await super().write(work)


async def test_the_name_of_a_prompt_is_kept_though_its_request_is_cut_off() -> None:
    """The push was answered; without its name nobody could ask whether it was paid."""
    prompts = ScriptedPrompts()
    storage = SlowStorage(prompts=prompts)
    kit = in_memory_payments(prompts=prompts, unit_of_work=storage)
    kit.order(amount="1000.00", currency="KES")
    shop = PromptsShop(kit=kit, prompts=prompts)
    task = asyncio.create_task(shop.initiate())
    await turns()

    task.cancel()
    await turns()
    storage.goes_on.set()
    await asyncio.wait({task})

    assert task.cancelled()
    (attempt,) = (await shop.payment()).attempts
    assert attempt.provider_reference == "C-1"
    prompts.pays(attempt.reference)
    await shop.pass_time(minutes=2)
    assert (await shop.payment()).status is PaymentStatus.SUCCESS
    await everything_holds(kit)


async def test_a_prompt_that_nobody_was_asked_about_is_not_timed_out() -> None:
    """After an outage all are due at once, and few questions are answered (docs/adr/0017)."""
    prompts = PromptsInTurns()
    kit = in_memory_payments(prompts=prompts)
    prompts.queries = Queries(
        settings=SETTINGS, shared_state=kit.payments.settle._shared_state, clock=kit.clock
    )
    kit.order(amount="1000.00", currency="KES")
    kit.order("order_2", amount="500.00", currency="KES")
    shop = PromptsShop(kit=kit, prompts=prompts)
    for order_id in ("order_1", "order_2"):
        prompts.pays((await shop.initiate(order_id)).reference)
    shop.skip(hours=3)
    await kit.work()
    assert prompts.calls["check"] == 1, "the other one has to wait"
    statuses = {(await shop.payment(order_id)).status for order_id in ("order_1", "order_2")}
    assert statuses == {PaymentStatus.PROCESSING}, "who had paid was told that it failed"
    shop.skip(seconds=13)

    for order_id in ("order_1", "order_2"):
        with suppress(PaymentInFlight, PaymentAlreadyProcessed):
            await shop.initiate(order_id)
        shop.skip(seconds=13)

    assert prompts.calls["open"] == 2, "who had paid was prompted again"
    await everything_holds(kit)


async def test_a_prompt_that_timed_out_in_silence_is_asked_about_before_there_is_another(
    prompted: PromptsShop,
) -> None:
    opened = await prompted.initiate()
    prompted.prompts.silent = True
    await prompted.pass_time(seconds=330)
    assert (await prompted.attempt(opened.reference)).status is AttemptStatus.EXPIRED
    prompted.prompts.silent = False
    prompted.prompts.pays(opened.reference)

    with pytest.raises(PaymentInFlight):
        await prompted.initiate()

    assert prompted.prompts.calls["open"] == 1, "who had paid was prompted again"
    await prompted.pass_time(seconds=30)
    assert (await prompted.payment()).status is PaymentStatus.SUCCESS


@pytest.mark.parametrize("deed", ["looks at the page", "tries to cancel"])
async def test_a_payer_who_had_a_turn_does_not_keep_the_others_from_theirs(deed: str) -> None:
    """They wait on a page for one prompt after the other; of the other money no report came."""
    prompts = PromptsInTurns()
    kit = in_memory_payments(prompts=prompts)
    prompts.queries = Queries(
        settings=SETTINGS, shared_state=kit.payments.settle._shared_state, clock=kit.clock
    )
    kit.order(amount="1000.00", currency="KES")
    for number in range(5):
        kit.order(f"other_{number}", amount="500.00", currency="KES")
    shop = PromptsShop(kit=kit, prompts=prompts)
    prompts.pays((await shop.initiate()).reference)

    for number in range(5):
        theirs = await shop.initiate(f"other_{number}")
        for second in range(240):
            kit.clock.advance(timedelta(seconds=1))
            if deed == "looks at the page":
                await kit.payments.settle(theirs.reference, "page", coalesce_s=10.0)
            else:
                with suppress(PaymentInFlight):
                    await kit.payments.cancel(theirs.payment_id, "user_1", "payer:user_1")
            if second % 5 == 0:
                await kit.work()

    assert (await shop.payment()).status is PaymentStatus.SUCCESS
    await everything_holds(kit)


async def test_a_claim_whose_process_died_with_its_clock_ahead_keeps_nobody_from_paying_for_hours(
    shop: Shop,
) -> None:
    shop.kit.clock.step_back(-timedelta(hours=2))
    died = await shop.died_while_claiming(accepted=False)
    shop.kit.clock.step_back(timedelta(hours=2))
    await shop.initiate_refused(AttemptInFlight)

    opened = await shop.initiate()

    assert opened.reference != died


@attrs.define
class BusyPrompts(ScriptedPrompts):
    """Prompts about which nobody has a turn to ask while others do."""

    busy: bool = False

    async def check(self, question: Question) -> Answer:
        return not_asked("waits for its turn to ask") if self.busy else await super().check(question)


async def test_nobody_is_prompted_again_while_the_question_about_the_first_waits_for_its_turn() -> None:
    """Its report was lost, and its time is over; five minutes later nobody is kept waiting any more."""
    prompts = BusyPrompts()
    kit = in_memory_payments(prompts=prompts)
    kit.order(amount="1000.00", currency="KES")
    shop = PromptsShop(kit=kit, prompts=prompts)
    opened = await shop.initiate()
    prompts.pays(opened.reference)
    prompts.busy = True
    shop.skip(seconds=301)

    with suppress(PaymentInFlight):
        await shop.initiate()
    assert prompts.calls["open"] == 1

    shop.skip(seconds=301)
    await shop.initiate()
    assert prompts.calls["open"] == 2

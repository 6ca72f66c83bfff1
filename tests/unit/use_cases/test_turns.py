"""Questions that wait for a turn, and what the query once said is paid while it waits (docs/adr/0017)."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import attrs
import pytest

from payments.application.ports.providers import Question, Urgency
from payments.domain.attempt import Attempt
from payments.domain.errors import PaymentInFlight, PaymentInReview
from payments.domain.evidence import Answer, Outcome, not_asked
from payments.domain.transitions import AttemptStatus, PaymentStatus
from payments.testing import InMemoryPayments, ScriptedPrompts, in_memory_payments
from payments.testing.prompts import PHONE
from tests.unit.use_cases.kept import everything_holds
from tests.unit.use_cases.prompts_shop import PromptsShop
from tests.unit.use_cases.shop import InterruptedStorage, refused

pytestmark = pytest.mark.anyio


@pytest.fixture
def shop(prompted: PromptsShop) -> PromptsShop:
    """The shop of these stories."""
    return prompted


@attrs.define
class TakesTurns(ScriptedPrompts):
    """Asks about as many prompts as it has turns."""

    turns: int = 0
    asked: list[str] = attrs.field(factory=list, init=False)

    async def check(self, question: Question) -> Answer:
        if not self.turns:
            self.urgencies.append(question.urgency)
            return not_asked("waits for its turn to ask")
        self.turns -= 1
        self.asked.append(question.reference)
        return await super().check(question)


async def prompts_sent(kit: InMemoryPayments, count: int) -> list[str]:
    """The references of so many prompts, each of an order of its own."""
    references = []
    for number in range(count):
        kit.order(f"order_{number}", amount="1000.00", currency="KES")
        opened = await kit.payments.initiate(
            f"order_{number}", "user_1", "prompts", phone_number=f"2547123456{number:02}"
        )
        references.append(opened.reference)
    return references


async def test_what_was_said_to_be_paid_is_asked_about_before_what_is_newer() -> None:
    prompts = TakesTurns()
    kit = in_memory_payments(prompts=prompts)
    older, _newer = await prompts_sent(kit, 2)
    kit.clock.advance(timedelta(seconds=31))
    prompts.pays(older)
    prompts.turns = 1
    await kit.payments.settle(older)
    prompts.urgencies.clear()

    kit.clock.advance(timedelta(minutes=2))
    prompts.turns = 1
    await kit.payments.sweep()

    assert prompts.asked == [older, older]
    assert prompts.urgencies == [Urgency.SUCCESS_NOTICED, Urgency.SWEEP]


@pytest.mark.parametrize("somebody_looks", [False, True])
async def test_what_was_said_to_be_paid_and_waits_for_a_turn_comes_back_soon(
    somebody_looks: bool,  # noqa: FBT001 -- a row's field
) -> None:
    prompts = TakesTurns()
    kit = in_memory_payments(prompts=prompts)
    (reference,) = await prompts_sent(kit, 1)
    kit.clock.advance(timedelta(hours=5))
    prompts.pays(reference)
    prompts.turns = 1
    await kit.payments.sweep()
    for _ in range(20):
        kit.clock.advance(timedelta(seconds=10))
        if somebody_looks:
            await kit.payments.settle(reference, "page")
        await kit.payments.sweep()
    assert set(prompts.urgencies[1:]) == {Urgency.SUCCESS_NOTICED}
    prompts.turns = 1
    kit.clock.advance(timedelta(seconds=15))
    await kit.payments.sweep()
    payment = await kit.unit_of_work.reads.payment_with_reference(reference)
    assert payment is not None
    assert payment.status is PaymentStatus.SUCCESS


@pytest.mark.parametrize("silent", [False, True])
async def test_nobody_else_is_asked_to_pay_while_what_was_said_to_be_paid_is_not_proven(
    silent: bool,  # noqa: FBT001 -- a row's field
) -> None:
    prompts = TakesTurns()
    kit = in_memory_payments(prompts=prompts)
    (reference,) = await prompts_sent(kit, 1)
    prompts.pays(reference)
    kit.clock.advance(timedelta(seconds=295))
    prompts.turns = 1
    await kit.payments.sweep()
    prompts.silent = silent
    for _ in range(18):
        kit.clock.advance(timedelta(seconds=16))
        prompts.turns = 9 if silent else 0
        await kit.payments.sweep()
        again = kit.payments.initiate("order_0", "user_1", "prompts", phone_number=PHONE)
        waits = await refused(PaymentInFlight, again)
        assert waits.retry_after_s == 30.0
        payment = await kit.unit_of_work.reads.payment_with_reference(reference)
        assert payment is not None
        await refused(PaymentInFlight, kit.payments.cancel(payment.payment_id, "user_1", "payer:user_1"))
    prompts.silent = False
    assert prompts.calls["open"] == 1
    prompts.turns = 1
    await kit.pass_time(timedelta(minutes=20))
    payment = await kit.unit_of_work.reads.payment_with_reference(reference)
    assert payment is not None
    assert payment.status is PaymentStatus.SUCCESS


async def test_prompts_that_are_due_at_once_and_wait_for_turns_all_get_one() -> None:
    prompts = TakesTurns()
    kit = in_memory_payments(prompts=prompts)
    references = await prompts_sent(kit, 40)
    kit.clock.advance(timedelta(hours=4))
    await kit.payments.sweep(limit=100)
    for _ in range(3 * 60):
        prompts.turns = 1
        while await kit.payments.sweep():
            pass
        kit.clock.advance(timedelta(minutes=1))
    assert set(prompts.asked) == set(references)


async def said_once(shop: PromptsShop) -> Attempt:
    """The attempt of ``order_1``, still open, of which the query said "paid" just now, for the first time."""
    opened = await shop.initiate()
    shop.prompts.pays(opened.reference)
    shop.skip(seconds=31)
    await shop.kit.payments.sweep()
    return await shop.attempt(opened.reference)


async def test_a_payer_is_locked_out_for_five_minutes_at_most_by_what_is_never_proven(
    shop: PromptsShop,
) -> None:
    attempt = await said_once(shop)
    shop.prompts.answers(attempt.reference, Answer(outcome=Outcome.IN_FLIGHT, word="4999"))
    shop.skip(minutes=4, seconds=59)
    await refused(PaymentInFlight, shop.initiate(provider="scripted"))
    shop.skip(seconds=1)
    await shop.initiate(provider="scripted")
    assert (await shop.attempt(attempt.reference)).status is AttemptStatus.EXPIRED


async def test_what_was_said_to_be_paid_long_ago_is_as_urgent_as_a_payer_who_waits(shop: PromptsShop) -> None:
    await said_once(shop)
    shop.prompts.silent = True
    shop.skip(minutes=5)
    shop.prompts.urgencies.clear()
    await shop.kit.payments.sweep()
    assert shop.prompts.urgencies == [Urgency.PAYER]


async def test_nobody_is_prompted_again_while_an_ended_prompt_is_said_to_be_paid(shop: PromptsShop) -> None:
    opened = await shop.initiate()
    shop.prompts.silent = True
    await shop.pass_time(seconds=330)
    assert (await shop.attempt(opened.reference)).status is AttemptStatus.EXPIRED
    shop.prompts.silent = False
    shop.prompts.pays(opened.reference)
    await shop.ask(opened.reference)

    asked = shop.prompts.calls["check"]
    for provider in ("prompts", "scripted"):
        await refused(PaymentInFlight, shop.initiate(provider=provider))
    assert shop.prompts.calls["check"] == asked, "the sweep asks"
    await shop.pass_time(minutes=1)

    assert (await shop.payment()).status is PaymentStatus.SUCCESS
    assert shop.prompts.calls["open"] == 1


async def test_a_live_checkout_does_not_give_way_while_an_ended_prompt_is_said_to_be_paid(
    shop: PromptsShop,
) -> None:
    ended = await shop.initiate()
    shop.prompts.silent = True
    await shop.pass_time(seconds=330)
    live = await shop.initiate(provider="scripted")
    shop.prompts.silent = False
    shop.prompts.pays(ended.reference)
    await shop.ask(ended.reference)

    for provider in ("prompts", "scripted"):
        await refused(PaymentInFlight, shop.initiate(provider=provider))
    assert (await shop.attempt(live.reference)).live
    await shop.pass_time(minutes=1)

    assert (await shop.payment()).status is PaymentStatus.SUCCESS
    assert shop.prompts.calls["open"] == 1


async def test_a_held_payment_is_in_review_although_it_was_said_to_be_paid(shop: PromptsShop) -> None:
    attempt = await said_once(shop)
    await shop.reports(attempt.reference, amount="900.00")
    for _ in range(2):
        await refused(PaymentInReview, shop.initiate(provider="scripted"))


@pytest.mark.parametrize("does", ["sweep", "initiate"])
async def test_what_is_said_to_be_paid_while_somebody_ends_it_is_not_ended(does: str) -> None:
    storage = InterruptedStorage()
    prompts = ScriptedPrompts()
    kit = in_memory_payments(prompts=prompts, unit_of_work=storage)
    kit.order(amount="1000.00", currency="KES")
    shop = PromptsShop(kit=kit, prompts=prompts)
    opened = await shop.initiate()
    prompts.silent = True
    shop.skip(seconds=301)
    acts: dict[str, Callable[[], Awaitable[object]]] = {
        "sweep": kit.payments.sweep,
        "initiate": lambda: refused(PaymentInFlight, shop.initiate(provider="scripted")),
    }

    async def first_word() -> None:
        prompts.silent = False
        prompts.pays(opened.reference)
        await shop.ask(opened.reference)

    async def once_it_was_asked() -> None:
        storage.meanwhile = first_word

    # The first write is that of the answer "nothing"; the second would end the attempt.
    storage.meanwhile = once_it_was_asked
    await acts[does]()

    attempt = await shop.attempt(opened.reference)
    assert attempt.said_paid_at is not None
    assert attempt.live
    await shop.pass_time(minutes=1)
    assert (await shop.payment()).status is PaymentStatus.SUCCESS
    await everything_holds(kit)

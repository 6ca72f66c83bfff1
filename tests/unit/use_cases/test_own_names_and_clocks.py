"""The name that a prompt got, beside others under which it was paid; and clocks that are apart."""

from contextlib import suppress
from datetime import timedelta

import attrs
import pytest

from payments.application.ports.providers import Providers, RefundOutcome
from payments.application.review_details import Details
from payments.domain.errors import (
    DecisionNotPossible,
    PaymentAlreadyProcessed,
    PaymentInFlight,
    PaymentInReview,
)
from payments.domain.evidence import Outcome
from payments.domain.transitions import AttemptStatus, PaymentStatus, RefundStatus
from payments.testing import ScriptedPrompts, in_memory_payments
from tests.unit.use_cases.deciding import under_way
from tests.unit.use_cases.kept import everything_holds
from tests.unit.use_cases.prompts_shop import PromptsShop
from tests.unit.use_cases.shop import NOTHING, HesitatingProvider, InterruptedStorage, Shop, birr
from tests.unit.use_cases.test_clocks_ahead import SlowPrompts, _first, _slow, _while_its_push_is_answered

pytestmark = pytest.mark.anyio

RECEIPT, OTHER = "SGH1111111", "SGH2222222"


@pytest.mark.parametrize("seen", ["C-1", RECEIPT])
async def test_who_is_asked_about_the_own_name_can_record_that_it_was_paid_too(
    prompted: PromptsShop, seen: str
) -> None:
    """It was paid under another name, a person is asked about its own, and finds that paid as well."""
    reference = (await prompted.initiate()).reference
    prompted.prompts.declines(reference, final=False)
    await prompted.ask(reference)
    prompted.prompts.pays(reference)
    prompted.prompts.twice(reference, "C-again")
    prompted.prompts.answers(reference, NOTHING)
    await prompted.reports(reference, name="C-again", receipt=OTHER)
    await prompted.pass_time(hours=30)
    assert [c.key for c in (await prompted.payment()).captures] == ["C-again"]
    (asked,) = (await prompted.kit.payments.reviews()).items
    with suppress(DecisionNotPossible):
        await prompted.kit.payments.resolve(
            asked.review_id,
            "record",
            "seen",
            "operator:boss",
            Details(outcome="paid", provider_reference=seen),
        )
    assert len((await prompted.payment()).captures) == 2 or await prompted.reviews()


async def test_the_name_that_our_request_got_is_asked_about_though_another_was_paid_before_it_came() -> None:
    shop = _slow()

    async def paid_twice(reference: str) -> None:
        shop.prompts.pays(reference)
        shop.prompts.twice(reference, "C-again")
        await shop.reports(reference, name="C-again", receipt=OTHER)
        await shop.kit.work()

    with pytest.raises(PaymentAlreadyProcessed):
        await _while_its_push_is_answered(shop, paid_twice)
    await shop.pass_time(hours=30)

    assert sorted(c.key for c in (await shop.payment()).captures) == ["C-1", "C-again"]
    await everything_holds(shop.kit)


async def test_no_second_prompt_in_place_of_a_page_while_the_first_is_on_the_phone() -> None:
    """The page was opened by the clock that is ahead and had timed the prompt out; its payer changes back."""
    prompts = SlowPrompts()
    kit = in_memory_payments(HesitatingProvider(), prompts=prompts)
    kit.order(amount="1000.00", currency="KES")
    shop = PromptsShop(kit=kit, prompts=prompts)
    await shop.initiate()
    shop.skip(seconds=20)
    prompts.silent = True
    kit.clock.step_back(-timedelta(hours=2))
    await kit.payments.sweep()
    await shop.initiate(provider="scripted")
    kit.clock.step_back(timedelta(hours=2))

    with pytest.raises(PaymentInFlight):
        await shop.initiate()
    assert prompts.calls["open"] == 1


async def said_paid(storage: InterruptedStorage) -> tuple[PromptsShop, str]:
    """A prompt that was said to be paid five seconds ago; what is stored next takes eleven."""
    prompts = ScriptedPrompts()
    kit = in_memory_payments(prompts=prompts, unit_of_work=storage)
    kit.order(amount="1000.00", currency="KES")
    shop = PromptsShop(kit=kit, prompts=prompts)
    opened = await shop.initiate()
    shop.skip(seconds=20)
    prompts.pays(opened.reference)
    await shop.ask(opened.reference)
    shop.skip(seconds=5)

    async def it_takes_a_while() -> None:
        shop.skip(seconds=11)

    storage.meanwhile = it_takes_a_while
    return shop, opened.reference


async def test_one_answer_whose_commit_was_in_doubt_is_no_second_word() -> None:
    """It was given five seconds after the first word, and storing it took longer than ten."""
    storage = InterruptedStorage()
    shop, reference = await said_paid(storage)
    storage.unheard = True

    await shop.ask(reference)

    assert (await shop.payment()).status is not PaymentStatus.SUCCESS, "one answer was counted twice"


async def test_a_word_that_waited_for_the_payments_lock_is_as_old_as_it_was_given() -> None:
    """It was given five seconds after the first word, and somebody else held the lock for eleven."""
    shop, reference = await said_paid(InterruptedStorage())

    await shop.ask(reference)
    assert (await shop.payment()).status is not PaymentStatus.SUCCESS

    await shop.ask(reference)
    assert (await shop.payment()).status is PaymentStatus.SUCCESS


@pytest.mark.parametrize("hours", [25, -25])
async def test_no_clock_ends_with_one_look_the_watch_for_what_went_back(shop: Shop, hours: int) -> None:
    """The refund was seen to fail by a clock that is behind, or looked at after it by one that is ahead."""
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    payment = await shop.ask(opened.reference)
    refund = await under_way(shop, opened.reference)
    assert shop.provider.refunds is not None
    await shop.pass_minutes(1)
    shop.provider.refunds.ends(refund.reference, RefundOutcome.FAILED)
    await shop.attests(opened.reference, outcome=Outcome.NOTHING, word="HTTP 503")
    by_another = timedelta(hours=hours)
    if hours < 0:
        shop.kit.clock.step_back(-by_another)
        await shop.kit.payments.settle_refund(payment.payment_id, refund.refund_id, "operator")
        shop.kit.clock.step_back(by_another)
    else:
        await shop.kit.payments.settle_refund(payment.payment_id, refund.refund_id, "operator")
        shop.kit.clock.step_back(-by_another)
    await shop.kit.payments.sweep()
    if hours > 0:
        shop.kit.clock.step_back(by_another)
    assert [r.status for r in (await shop.payment()).refunds] == [RefundStatus.FAILED]
    await shop.attests(opened.reference, outcome=Outcome.RETURNED, word="refunded", returned=birr("300.00"))
    await shop.pass_hours(30)

    assert (await shop.payment()).given_back == birr("300.00")


async def test_what_a_clock_ahead_heard_and_is_then_denied_keeps_nobody_from_paying_for_hours(
    prompted: PromptsShop,
) -> None:
    opened = await prompted.initiate()
    prompted.prompts.silent = True
    await prompted.pass_time(minutes=10)
    prompted.prompts.silent = False
    assert (await prompted.attempt(opened.reference)).status is AttemptStatus.EXPIRED
    prompted.prompts.pays(opened.reference)
    prompted.kit.clock.step_back(-timedelta(hours=20))
    await prompted.ask(opened.reference)
    prompted.kit.clock.step_back(timedelta(hours=20))
    prompted.prompts.declines(opened.reference)
    await prompted.pass_time(hours=3)
    with suppress(PaymentInFlight):
        await prompted.initiate()
    prompted.skip(minutes=5)
    assert (await prompted.initiate()).reference != opened.reference


async def test_what_a_clock_ahead_heard_is_made_sure_of_when_its_payer_comes_back(
    prompted: PromptsShop,
) -> None:
    opened = await prompted.initiate()
    prompted.prompts.silent = True
    await prompted.pass_time(minutes=10)
    prompted.prompts.silent = False
    prompted.prompts.pays(opened.reference)
    prompted.kit.clock.step_back(-timedelta(hours=20))
    await prompted.ask(opened.reference)
    prompted.kit.clock.step_back(timedelta(hours=20))
    with pytest.raises(PaymentInFlight):
        await prompted.initiate()
    await prompted.pass_time(seconds=15)
    assert (await prompted.payment()).status is PaymentStatus.SUCCESS


async def test_a_person_is_asked_about_the_own_name_though_its_provider_was_switched_off(
    prompted: PromptsShop,
) -> None:
    opened = await prompted.initiate()
    prompted.prompts.declines(opened.reference, final=False)
    await prompted.ask(opened.reference)
    prompted.prompts.pays(opened.reference)
    prompted.prompts.twice(opened.reference, "C-again")
    prompted.prompts.answers(opened.reference, NOTHING)
    await prompted.reports(opened.reference, name="C-again", receipt=OTHER)
    await prompted.pass_time(hours=3)
    kit = prompted.kit
    off = attrs.evolve(kit.payments.settle, providers=Providers({}))
    for _ in range(30):
        prompted.skip(hours=1)
        await off(opened.reference, "sweep")
    assert (await prompted.attempt(opened.reference)).next_check_at is None
    assert await prompted.reviews() == ["stuck_unknown"]


async def test_what_a_person_records_ends_no_watch_for_the_own_name(prompted: PromptsShop) -> None:
    opened = await prompted.initiate()
    prompted.prompts.pays(opened.reference)
    await prompted.ask(opened.reference)
    prompted.prompts.declines(opened.reference, final=False)
    await prompted.ask(opened.reference)
    assert await prompted.reviews() == ["stuck_unknown"]
    prompted.prompts.pays(opened.reference)
    prompted.prompts.twice(opened.reference, "C-again")
    prompted.prompts.answers(opened.reference, NOTHING)
    await prompted.reports(opened.reference, name="C-again", receipt=OTHER)
    await prompted.pass_time(hours=3)
    assert [c.key for c in (await prompted.payment()).captures] == ["C-again"]
    (asked,) = (await prompted.kit.payments.reviews()).items
    not_paid = Details(outcome="not_paid")
    await prompted.kit.payments.resolve(asked.review_id, "record", "looked", "operator:boss", not_paid)
    prompted.prompts.pays(opened.reference)
    await prompted.pass_time(hours=3)

    assert [c.key for c in (await prompted.payment()).captures] == ["C-again", "C-1"]


async def test_held_money_of_another_name_is_not_asked_about_without_end() -> None:
    shop = _slow()

    async def held(reference: str) -> None:
        shop.prompts.pays(reference)
        shop.prompts.twice(reference, "C-again")
        shop.prompts.answers(reference, NOTHING)
        await shop.reports(reference, name="C-again", receipt=OTHER, amount="900.00")
        await shop.kit.work()

    with pytest.raises(PaymentInReview):
        await _while_its_push_is_answered(shop, held)
    await shop.pass_time(hours=30)
    before = shop.prompts.calls["check"]
    await shop.pass_time(hours=3)

    attempt = await shop.attempt(await _first(shop))
    assert attempt.live
    assert (shop.prompts.calls["check"] - before, attempt.next_check_at) == (0, None)
    assert sorted(await shop.reviews()) == ["amount_mismatch", "stuck_unknown"]
    await everything_holds(shop.kit)


@pytest.mark.parametrize("final", [True, False])
async def test_a_prompt_that_ended_and_was_declined_keeps_nobody_from_paying(
    prompted: PromptsShop,
    final: bool,  # noqa: FBT001 -- a row's field
) -> None:
    """A clock that is ahead claimed and timed it out; its provider told of the decline, and is silent now."""
    prompted.kit.clock.step_back(-timedelta(hours=20))
    opened = await prompted.initiate()
    prompted.prompts.silent = True
    await prompted.pass_time(seconds=301)
    prompted.kit.clock.step_back(timedelta(hours=20))
    assert (await prompted.attempt(opened.reference)).status is AttemptStatus.EXPIRED
    prompted.prompts.silent = False
    prompted.prompts.declines(opened.reference, final=final)
    await prompted.ask(opened.reference)
    prompted.prompts.silent = True
    prompted.skip(minutes=10)

    assert (await prompted.initiate()).reference != opened.reference


@pytest.mark.parametrize("asked", [0, 1])
async def test_a_watch_that_was_over_begins_again_for_the_own_name(prompted: PromptsShop, asked: int) -> None:
    opened = await prompted.initiate()
    prompted.prompts.declines(opened.reference)
    for _ in range(asked + 1):
        await prompted.ask(opened.reference)
    await prompted.pass_time(hours=25)
    assert (await prompted.attempt(opened.reference)).next_check_at is None
    prompted.prompts.pays(opened.reference)
    prompted.prompts.twice(opened.reference, "C-again")
    prompted.prompts.answers(opened.reference, NOTHING)
    await prompted.reports(opened.reference, name="C-again", receipt=OTHER)
    await prompted.pass_time(minutes=5)
    assert [c.key for c in (await prompted.payment()).captures] == ["C-again"]
    await prompted.pass_time(hours=20)
    prompted.prompts.pays(opened.reference)
    await prompted.pass_time(hours=2)

    assert [c.key for c in (await prompted.payment()).captures] == ["C-again", "C-1"]


async def test_nobody_is_asked_about_an_own_name_that_its_provider_told_of_and_forgot(
    prompted: PromptsShop,
) -> None:
    """It was asked about for the whole day, and the silence at its end counted."""
    opened = await prompted.initiate()
    prompted.prompts.pays(opened.reference)
    prompted.prompts.twice(opened.reference, "C-again")
    prompted.prompts.declines(opened.reference)
    await prompted.reports(opened.reference, name="C-again", receipt=OTHER)
    await prompted.pass_time(hours=8)
    assert [c.key for c in (await prompted.payment()).captures] == ["C-again"]
    prompted.prompts.answers(opened.reference, NOTHING)
    await prompted.pass_time(hours=30)

    assert await prompted.reviews() == []
    assert (await prompted.attempt(opened.reference)).next_check_at is None


@pytest.mark.parametrize("hours", [2, 20])
async def test_nobody_is_prompted_again_because_a_clock_behind_heard_that_it_is_paid(
    prompted: PromptsShop, hours: int
) -> None:
    opened = await prompted.initiate()
    prompted.prompts.silent = True
    await prompted.pass_time(minutes=30)
    prompted.prompts.silent = False
    assert (await prompted.attempt(opened.reference)).status is AttemptStatus.EXPIRED
    prompted.prompts.pays(opened.reference)
    await prompted.ask(opened.reference)
    prompted.skip(seconds=1)
    prompted.kit.clock.step_back(timedelta(hours=hours))
    await prompted.ask(opened.reference)
    prompted.kit.clock.step_back(-timedelta(hours=hours))
    prompted.skip(seconds=1)

    with pytest.raises((PaymentInFlight, PaymentAlreadyProcessed)):
        await prompted.initiate()
    await prompted.pass_time(seconds=15)
    assert (await prompted.payment()).status is PaymentStatus.SUCCESS
    assert prompted.prompts.calls["open"] == 1

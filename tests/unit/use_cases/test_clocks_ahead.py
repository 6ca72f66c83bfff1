"""A process whose clock is hours or days off, beside others: no money is lost by it (docs/adr/0032)."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

import attrs
import pytest

from payments.application.ports.providers import Checkout, CheckoutRequest
from payments.application.records import Claim
from payments.application.review_details import Details
from payments.domain.errors import OutcomeUnknown, PaymentAlreadyProcessed, PaymentInFlight
from payments.domain.transitions import AttemptStatus, PaymentStatus
from payments.testing import ScriptedPrompts, in_memory_payments
from tests.unit.use_cases.kept import everything_holds
from tests.unit.use_cases.prompts_shop import PromptsShop
from tests.unit.use_cases.shop import Shop

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("word", ["1032", "4999"])
@pytest.mark.parametrize("at_work", [False, True])
async def test_a_clock_that_is_a_day_ahead_costs_no_money(
    prompted: PromptsShop,
    word: str,
    at_work: bool,  # noqa: FBT001 -- a row's field
) -> None:
    opened = await prompted.initiate()
    prompted.prompts.silent = True
    if at_work:
        await prompted.pass_time(seconds=301)
    prompted.skip(seconds=31)
    prompted.prompts.silent = False
    if word == "1032":
        prompted.prompts.declines(opened.reference, final=False)
    prompted.skip(hours=25)
    await prompted.kit.payments.sweep()
    prompted.kit.clock.step_back(timedelta(hours=25))
    prompted.prompts.pays(opened.reference)
    await prompted.pass_time(hours=27)

    if at_work or word == "1032":
        assert (await prompted.payment()).status is PaymentStatus.SUCCESS
    else:
        assert await prompted.reviews() == ["stuck_unknown"], "it was given up, which a person sees"


async def test_a_look_by_another_clock_before_the_planned_one_ends_no_watch(prompted: PromptsShop) -> None:
    """Simulated history 4028568: looks by two clocks, 14 hours apart, were taken for the two it takes."""
    opened = await prompted.initiate()
    prompted.prompts.declines(opened.reference, final=False)
    prompted.skip(hours=38)
    await prompted.kit.payments.sweep()
    prompted.kit.clock.step_back(timedelta(hours=13, minutes=55))
    prompted.prompts.pays(opened.reference)
    prompted.prompts.declines(opened.reference, final=False)
    await prompted.ask(opened.reference)
    prompted.prompts.pays(opened.reference)

    await prompted.pass_time(hours=3)

    assert (await prompted.payment()).status is PaymentStatus.SUCCESS


@pytest.mark.parametrize("behind", [0, 16])
async def test_a_look_by_a_clock_that_is_ahead_right_after_the_first_ends_no_watch(
    shop: Shop, behind: int
) -> None:
    """Simulated history 90181908: one clock looked at the end, and another one, hours ahead, at once.

    The clock that claimed it may have been ``behind``: then its end is long past at the first look.
    """
    opened = await shop.initiate()
    await shop.kit.payments.cancel(opened.payment_id, "user_1", "payer:user_1")
    shop.provider.silent = True
    shop.skip(hours=72 + behind, seconds=1)
    await shop.kit.payments.sweep()
    shop.provider.silent = False
    shop.skip(hours=7)
    await shop.kit.payments.sweep()
    shop.kit.clock.step_back(timedelta(hours=7))
    shop.provider.pays(opened.reference)

    await shop.kit.pass_time(timedelta(hours=9), step=timedelta(minutes=5))

    assert (await shop.payment()).status is PaymentStatus.SUCCESS


async def test_looks_that_all_come_late_end_a_watch_all_the_same(shop: Shop) -> None:
    opened = await shop.initiate()
    await shop.kit.payments.cancel(opened.payment_id, "user_1", "payer:user_1")
    shop.skip(hours=72, seconds=1)
    await shop.kit.payments.sweep()
    looks = 0
    while (await shop.attempt(opened.reference)).next_check_at is not None:
        shop.skip(hours=3)
        await shop.kit.payments.sweep()
        looks += 1
    assert looks == 17, "two days of them, and one more"


async def test_a_final_decline_stays_final_when_its_report_comes_afterwards(
    prompted: PromptsShop,
) -> None:
    opened = await prompted.initiate()
    prompted.prompts.declines(opened.reference)
    prompted.skip(seconds=6)
    await prompted.ask(opened.reference)
    assert (await prompted.attempt(opened.reference)).next_check_at is None
    prompted.skip(seconds=2)
    await prompted.reports(opened.reference, Claim.FAILED)
    await prompted.kit.work()
    prompted.prompts.silent = True
    await prompted.pass_time(hours=5)
    assert (await prompted.attempt(opened.reference)).next_check_at is None
    assert await prompted.reviews() == []


async def _given_up(prompted: PromptsShop) -> str:
    """The reference of an attempt of which its provider said nothing until its watch was over."""
    opened = await prompted.initiate()
    prompted.prompts.silent = True
    prompted.skip(hours=25)
    await prompted.kit.payments.sweep()
    return opened.reference


async def _recorded_as_not_paid(prompted: PromptsShop) -> None:
    (review,) = (await prompted.kit.payments.reviews()).items
    not_paid = Details(outcome="not_paid")
    await prompted.kit.payments.resolve(review.review_id, "record", "looked it up", "operator:ann", not_paid)


@pytest.mark.parametrize("seconds", [60, 3570, 3700])
async def test_what_was_given_up_is_looked_at_once_more_whatever_a_person_recorded_before(
    prompted: PromptsShop, seconds: int
) -> None:
    """Simulated history 6003588: claimed by a clock that was behind, its watch was over for all others."""
    reference = await _given_up(prompted)
    prompted.skip(seconds=seconds)
    await _recorded_as_not_paid(prompted)
    prompted.prompts.silent = False

    prompted.prompts.pays(reference)
    await prompted.pass_time(hours=2)

    assert (await prompted.payment()).status is PaymentStatus.SUCCESS


async def test_a_person_is_asked_again_of_what_was_given_up_where_the_look_after_theirs_finds_silence(
    prompted: PromptsShop,
) -> None:
    await _given_up(prompted)
    prompted.skip(seconds=60)
    await _recorded_as_not_paid(prompted)

    await prompted.pass_time(hours=3)

    assert await prompted.reviews() == ["stuck_unknown"]


async def test_what_a_person_decided_an_hour_after_it_was_given_up_is_not_asked_about_again(
    prompted: PromptsShop,
) -> None:
    reference = await _given_up(prompted)
    await prompted.pass_time(hours=2)
    await _recorded_as_not_paid(prompted)

    await prompted.pass_time(hours=5)

    assert (await prompted.attempt(reference)).next_check_at is None
    assert await prompted.reviews() == []


@pytest.mark.parametrize("second", ["a redirect", "a report", "an operator"])
async def test_two_looks_in_a_row_end_no_watch(prompted: PromptsShop, second: str) -> None:
    shop = prompted
    opened = await shop.initiate()
    shop.skip(seconds=31)
    shop.prompts.declines(opened.reference, final=False)
    shop.skip(hours=25)
    await shop.kit.payments.sweep()
    shop.skip(seconds=5)
    if second == "a redirect":
        await shop.kit.payments.settle(opened.reference, "redirect", coalesce_s=3.0)
    elif second == "a report":
        await shop.reports(opened.reference, Claim.FAILED)
        await shop.kit.work()
    else:
        await shop.ask(opened.reference)
    shop.kit.clock.step_back(timedelta(hours=25))

    shop.prompts.pays(opened.reference)
    await shop.pass_time(hours=28)

    assert (await shop.payment()).status is PaymentStatus.SUCCESS


@pytest.mark.parametrize("hours", [2, 23])
async def test_what_a_clock_ahead_heard_first_is_believed_when_it_is_said_again(
    prompted: PromptsShop, hours: int
) -> None:
    shop = prompted
    opened = await shop.initiate()
    shop.prompts.pays(opened.reference)
    shop.skip(hours=hours)
    await shop.kit.payments.sweep()
    shop.kit.clock.step_back(timedelta(hours=hours))

    shop.skip(seconds=20)
    await shop.ask(opened.reference)
    await shop.pass_time(minutes=1)

    assert (await shop.payment()).status is PaymentStatus.SUCCESS


async def test_a_clock_that_is_days_ahead_costs_no_money_on_a_page(shop: Shop) -> None:
    opened = await shop.initiate()
    await shop.kit.pass_time(timedelta(minutes=3))
    shop.provider.declines(opened.reference)
    await shop.kit.pass_time(timedelta(minutes=1))
    shop.kit.clock.advance(timedelta(hours=73))
    await shop.kit.payments.sweep()
    shop.kit.clock.step_back(timedelta(hours=73))

    shop.provider.pays(opened.reference)
    await shop.kit.pass_time(timedelta(hours=100))

    assert (await shop.payment()).status is PaymentStatus.SUCCESS


@pytest.mark.parametrize("hours", [1, 23, 30])
async def test_what_is_said_again_after_a_long_silence_counts(prompted: PromptsShop, hours: int) -> None:
    """Whether its watch is over or not."""
    opened = await prompted.initiate()
    prompted.prompts.pays(opened.reference)
    await prompted.ask(opened.reference)
    prompted.prompts.silent = True
    await prompted.pass_time(hours=1)
    prompted.skip(hours=hours - 1)
    prompted.prompts.silent = False

    await prompted.ask(opened.reference)

    assert (await prompted.payment()).status is PaymentStatus.SUCCESS


async def test_what_is_said_again_at_the_last_look_of_a_watch_is_made_sure_of(prompted: PromptsShop) -> None:
    opened = await prompted.initiate()
    prompted.prompts.pays(opened.reference)
    await prompted.ask(opened.reference)
    prompted.prompts.silent = True
    await prompted.pass_time(hours=24, minutes=30)
    prompted.prompts.silent = False

    await prompted.pass_time(hours=1)

    assert (await prompted.payment()).status is PaymentStatus.SUCCESS


async def test_what_many_names_are_reported_of_is_made_sure_of_under_its_own(prompted: PromptsShop) -> None:
    """The reports are of nothing that their provider knows, and it is asked about each name in turns."""
    opened = await prompted.initiate()
    for name in range(12):
        await prompted.reports(opened.reference, name=f"C-none-{name}")
    prompted.prompts.silent = True
    await prompted.pass_time(minutes=30)
    assert not (await prompted.attempt(opened.reference)).live
    prompted.prompts.silent = False
    prompted.prompts.pays(opened.reference)

    await prompted.pass_time(hours=23)

    assert (await prompted.payment()).status is PaymentStatus.SUCCESS


@attrs.define
class SlowPrompts(ScriptedPrompts):
    """Prompts that somebody else acts beside, while the push is answered."""

    meanwhile: Callable[[], Awaitable[object]] | None = None

    async def open(self, request: CheckoutRequest) -> Checkout:
        checkout = await super().open(request)
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            await meanwhile()
        return checkout


@attrs.frozen
class TimedOut:
    """A shop whose first prompt a process times out, by a clock that is ahead, while its push is answered."""

    shop: PromptsShop
    prompts: SlowPrompts

    async def reference(self) -> str:
        (attempt,) = (await self.shop.payment()).attempts
        return attempt.reference


@pytest.fixture(params=[2, 30])
async def timed_out(request: pytest.FixtureRequest) -> TimedOut:
    prompts = SlowPrompts()
    kit = in_memory_payments(prompts=prompts)
    kit.order(amount="1000.00", currency="KES")
    shop = PromptsShop(kit=kit, prompts=prompts)
    ahead = timedelta(hours=request.param)

    async def sweep_by_a_clock_that_is_ahead() -> None:
        kit.clock.step_back(-ahead)
        await kit.payments.sweep()
        kit.clock.step_back(ahead)

    prompts.meanwhile = sweep_by_a_clock_that_is_ahead
    with pytest.raises(PaymentInFlight) as refused:
        await shop.initiate()
    assert refused.value.retry_after_s
    (attempt,) = (await shop.payment()).attempts
    assert (attempt.status, attempt.provider_reference) == (AttemptStatus.EXPIRED, "C-1")
    return TimedOut(shop=shop, prompts=prompts)


class TestTimedOutWhileItsPushIsAnswered:
    async def test_it_brings_no_second_prompt_to_the_phone(self, timed_out: TimedOut) -> None:
        shop = timed_out.shop
        shop.skip(seconds=30)
        with pytest.raises(PaymentInFlight):
            await shop.initiate()

        assert timed_out.prompts.calls["open"] == 1, "two prompts are on the phone"
        await everything_holds(shop.kit)

    async def test_its_money_is_found_soon(self, timed_out: TimedOut) -> None:
        shop = timed_out.shop
        timed_out.prompts.pays(await timed_out.reference())
        await shop.pass_time(minutes=2)

        assert (await shop.payment()).status is PaymentStatus.SUCCESS
        await everything_holds(shop.kit)

    async def test_its_payer_is_asked_again_once_they_declined(self, timed_out: TimedOut) -> None:
        shop = timed_out.shop
        timed_out.prompts.declines(await timed_out.reference())
        shop.skip(seconds=30)
        again = await shop.initiate()

        assert again.reference != await _first(shop)
        await everything_holds(shop.kit)

    async def test_its_payer_is_asked_again_once_it_is_off_the_phone(self, timed_out: TimedOut) -> None:
        shop = timed_out.shop
        timed_out.prompts.silent = True
        shop.skip(seconds=301)
        again = await shop.initiate()

        assert again.reference != await _first(shop)
        await everything_holds(shop.kit)


def _slow() -> PromptsShop:
    prompts = SlowPrompts()
    kit = in_memory_payments(prompts=prompts)
    kit.order(amount="1000.00", currency="KES")
    return PromptsShop(kit=kit, prompts=prompts)


async def _while_its_push_is_answered(shop: PromptsShop, act: Callable[[str], Awaitable[object]]) -> None:
    """``act`` on the reference of the prompt whose push is just being answered."""
    assert isinstance(shop.prompts, SlowPrompts)

    async def meanwhile() -> None:
        await act(await _first(shop))

    shop.prompts.meanwhile = meanwhile
    await shop.initiate()


async def test_a_prompt_that_is_declined_while_its_push_is_answered_is_followed_by_none() -> None:
    shop = _slow()

    async def declined(reference: str) -> None:
        shop.prompts.declines(reference)
        await shop.reports(reference, Claim.FAILED)
        await shop.kit.work()

    with pytest.raises(PaymentInFlight):
        await _while_its_push_is_answered(shop, declined)

    first = await shop.attempt(await _first(shop))
    assert (first.status, first.provider_reference) == (AttemptStatus.FAILED, "C-1")
    assert shop.prompts.calls["open"] == 1
    assert (await shop.initiate()).reference != first.reference
    await everything_holds(shop.kit)


async def test_a_prompt_that_is_paid_while_its_push_is_answered_is_followed_by_none() -> None:
    shop = _slow()

    async def paid(reference: str) -> None:
        shop.prompts.pays(reference)
        await shop.reports(reference)
        await shop.kit.work()

    with pytest.raises(PaymentAlreadyProcessed):
        await _while_its_push_is_answered(shop, paid)

    assert shop.prompts.calls["open"] == 1
    await everything_holds(shop.kit)


@pytest.mark.parametrize("seen", [False, True])
async def test_a_prompt_whose_claim_grew_too_old_by_another_clock_keeps_its_name(
    seen: bool,  # noqa: FBT001 -- a row's field
) -> None:
    shop = _slow()

    async def look(reference: str) -> None:
        shop.kit.clock.step_back(-timedelta(minutes=2))
        if seen:
            await shop.reports(reference, Claim.FAILED)
            await shop.kit.work()
        await shop.kit.payments.sweep()
        shop.kit.clock.step_back(timedelta(minutes=2))

    with suppress(PaymentInFlight):
        await _while_its_push_is_answered(shop, look)
    shop.prompts.pays(await _first(shop))
    await shop.pass_time(minutes=4)

    assert shop.prompts.calls["open"] == 1
    assert (await shop.payment()).status is PaymentStatus.SUCCESS
    await everything_holds(shop.kit)


async def _first(shop: PromptsShop) -> str:
    return (await shop.payment()).attempts[0].reference


async def _timed_out_by_a_clock_that_is_ahead(shop: PromptsShop) -> None:
    shop.prompts.silent = True
    shop.kit.clock.step_back(-timedelta(hours=2))
    await shop.kit.payments.sweep()
    shop.kit.clock.step_back(timedelta(hours=2))
    (attempt,) = (await shop.payment()).attempts
    assert attempt.status is AttemptStatus.EXPIRED


@pytest.mark.parametrize("provider", ["prompts", "scripted"])
async def test_a_prompt_that_a_clock_ahead_timed_out_is_still_on_the_phone(
    prompted: PromptsShop, provider: str
) -> None:
    await prompted.initiate()
    prompted.skip(seconds=20)
    await _timed_out_by_a_clock_that_is_ahead(prompted)

    with pytest.raises(PaymentInFlight):
        await prompted.initiate(provider=provider)


async def test_a_prompt_whose_answer_was_lost_is_still_on_the_phone_though_a_clock_ahead_timed_it_out(
    prompted: PromptsShop,
) -> None:
    await prompted.lost()
    prompted.skip(seconds=20)
    await _timed_out_by_a_clock_that_is_ahead(prompted)

    with pytest.raises(OutcomeUnknown):
        await prompted.initiate()


async def test_a_prompt_that_a_clock_ahead_timed_out_and_that_was_paid_is_paid_once(
    prompted: PromptsShop,
) -> None:
    opened = await prompted.initiate()
    prompted.skip(seconds=20)
    await _timed_out_by_a_clock_that_is_ahead(prompted)
    prompted.prompts.silent = False
    prompted.prompts.pays(opened.reference)

    with pytest.raises(PaymentInFlight):
        await prompted.initiate()
    await prompted.pass_time(seconds=15)

    assert (await prompted.payment()).status is PaymentStatus.SUCCESS
    assert prompted.prompts.calls["open"] == 1

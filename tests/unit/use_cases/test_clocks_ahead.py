"""A process whose clock is hours or days off, beside others: no money is lost by it (docs/adr/0032)."""

from datetime import timedelta

import pytest

from payments.application.records import Claim
from payments.application.review_details import Details
from payments.domain.transitions import PaymentStatus
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
    await prompted.kit.payments.settle(opened.reference, "redirect", coalesce_s=3.0)
    prompted.prompts.pays(opened.reference)

    await prompted.pass_time(hours=3)

    assert (await prompted.payment()).status is PaymentStatus.SUCCESS


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


async def test_a_clock_that_is_behind_does_not_make_two_words_in_a_second_a_proof(
    prompted: PromptsShop,
) -> None:
    opened = await prompted.initiate()
    prompted.skip(seconds=20)
    prompted.prompts.pays(opened.reference)
    prompted.kit.clock.step_back(timedelta(hours=2))
    await prompted.ask(opened.reference)
    prompted.kit.clock.advance(timedelta(hours=2, seconds=1))
    await prompted.ask(opened.reference)
    prompted.prompts.declines(opened.reference)
    await prompted.pass_time(minutes=1)

    assert (await prompted.payment()).status is not PaymentStatus.SUCCESS
    assert await prompted.reviews() == ["stuck_unknown"]


@pytest.mark.parametrize("hours", [1, 23, 30])
async def test_what_is_said_again_after_a_long_silence_is_made_sure_of_at_once(
    prompted: PromptsShop, hours: int
) -> None:
    """Whether its watch is over or not, the second word is a first one again, and the third is heard soon."""
    opened = await prompted.initiate()
    prompted.prompts.pays(opened.reference)
    await prompted.ask(opened.reference)
    prompted.prompts.silent = True
    await prompted.pass_time(hours=1)
    prompted.skip(hours=hours - 1)
    prompted.prompts.silent = False

    await prompted.ask(opened.reference)
    assert (await prompted.payment()).status is not PaymentStatus.SUCCESS
    await prompted.pass_time(seconds=15)

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

"""What each answer of a provider does (docs/model.md section 3, the table of outcomes)."""

import asyncio
from datetime import timedelta

import pytest

from payments.application.records import Destination
from payments.domain.errors import OrderNotFound, PaymentInReview, ReferenceNotFound
from payments.domain.events import Reason
from payments.domain.evidence import Answer, Outcome, Rule
from payments.domain.transitions import AttemptStatus, Disposition, PaymentStatus, RefundStatus
from tests.unit.use_cases.kept import everything_holds
from tests.unit.use_cases.shop import CLOSED, IN_FLIGHT, NOT_FOUND, NOTHING, Shop, birr, refused

pytestmark = pytest.mark.anyio


async def test_paid_money_that_matches_settles_the_payment(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)

    payment = await shop.ask(opened.reference)

    assert payment.status is PaymentStatus.SUCCESS
    assert payment.received == birr("1000.00")
    assert payment.settling_capture is not None
    assert payment.settling_capture.disposition is Disposition.SETTLES
    attempt = payment.attempt(opened.reference)
    assert (attempt.status, attempt.next_check_at) == (AttemptStatus.SUCCEEDED, None)
    assert attempt.provider_reference == f"T-{opened.reference}"
    assert await shop.verdicts() == [Rule.SETTLED]


async def test_money_that_is_already_recorded_is_not_counted_again(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)

    await shop.ask(opened.reference)
    payment = await shop.ask(opened.reference)

    assert len(payment.captures) == 1
    assert await shop.told() == ["paid"]
    # An answer that says nothing new leaves no second piece of evidence.
    assert await shop.verdicts() == [Rule.SETTLED]


async def test_success_is_absorbing_whatever_the_provider_says_next(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    await shop.ask(opened.reference)

    for answer in (NOTHING, IN_FLIGHT, CLOSED, NOT_FOUND):
        shop.provider.answers(opened.reference, answer)
        payment = await shop.ask(opened.reference)
        assert payment.status is PaymentStatus.SUCCESS
        assert payment.attempt(opened.reference).status is AttemptStatus.SUCCEEDED


async def test_a_declined_try_fails_the_attempt_and_leaves_its_page_alone_and_watched(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.declines(opened.reference, detail="Not enough money in the wallet")

    payment = await shop.ask(opened.reference)

    attempt = payment.attempt(opened.reference)
    assert (payment.status, attempt.status) == (PaymentStatus.FAILED, AttemptStatus.FAILED)
    assert (attempt.reason, attempt.detail) == (Reason.DECLINED, "Not enough money in the wallet")
    assert not attempt.page_closed
    assert attempt.next_check_at == shop.kit.clock.now() + timedelta(seconds=30)
    assert shop.provider.calls["cancel"] == 0


async def test_money_on_a_failed_attempt_still_settles_the_payment(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.declines(opened.reference)
    await shop.ask(opened.reference)
    shop.provider.pays(opened.reference)

    payment = await shop.ask(opened.reference)

    assert payment.status is PaymentStatus.SUCCESS
    assert payment.attempt(opened.reference).status is AttemptStatus.SUCCEEDED
    assert await shop.told() == ["failed", "paid"]


async def test_an_equal_decline_is_no_news_after_the_page_was_handed_out_again(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.declines(opened.reference, fingerprint="the-first-try")
    await shop.ask(opened.reference)
    again = await shop.initiate()

    payment = await shop.ask(again.reference)

    assert again.reference == opened.reference
    assert payment.status is PaymentStatus.PROCESSING
    assert (await shop.verdicts())[-1:] == [Rule.DECLINED], "the answer said nothing new"


async def test_another_decline_after_that_fails_it_again(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.declines(opened.reference, fingerprint="the-first-try")
    await shop.ask(opened.reference)
    await shop.initiate()
    shop.provider.declines(opened.reference, fingerprint="the-second-try")

    payment = await shop.ask(opened.reference)

    assert payment.status is PaymentStatus.FAILED
    assert payment.attempt(opened.reference).declines == ("the-first-try", "the-second-try")


async def test_still_payable_changes_nothing(shop: Shop) -> None:
    opened = await shop.initiate()

    payment = await shop.ask(opened.reference)

    assert (payment.status, payment.attempt(opened.reference).status) == (
        PaymentStatus.PROCESSING,
        AttemptStatus.OPEN,
    )
    assert await shop.verdicts() == [Rule.STILL_PAYABLE]


async def test_in_flight_changes_nothing_about_an_open_attempt(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.answers(opened.reference, IN_FLIGHT)

    payment = await shop.ask(opened.reference)

    assert payment.attempt(opened.reference).status is AttemptStatus.OPEN
    assert await shop.verdicts() == [Rule.IN_FLIGHT]


async def test_closed_expires_a_live_attempt_and_ends_its_page(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.skip(minutes=10)
    shop.provider.answers(opened.reference, CLOSED)

    payment = await shop.ask(opened.reference)

    attempt = payment.attempt(opened.reference)
    assert (payment.status, attempt.status) == (PaymentStatus.FAILED, AttemptStatus.EXPIRED)
    assert (attempt.page_closed, attempt.payable_until) == (True, shop.kit.clock.now())


@pytest.mark.parametrize("minutes", [0, 4])
async def test_not_found_proves_nothing_within_the_hold_window(shop: Shop, minutes: int) -> None:
    opened = await shop.initiate()
    shop.provider.answers(opened.reference, NOT_FOUND)
    shop.skip(minutes=minutes)
    for _ in range(3):
        await shop.ask(opened.reference)

    payment = await shop.payment()
    assert payment.attempt(opened.reference).status is AttemptStatus.OPEN


async def test_not_found_within_the_hold_window_does_not_count_as_the_first_of_two(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.answers(opened.reference, NOT_FOUND)
    for _ in range(4):
        shop.skip(seconds=61)
        assert (await shop.ask(opened.reference)).attempt(opened.reference).status is AttemptStatus.OPEN
    shop.skip(seconds=61)
    past_the_window = await shop.ask(opened.reference)
    assert past_the_window.attempt(opened.reference).status is AttemptStatus.OPEN


async def test_not_found_twice_past_the_window_and_a_minute_apart_means_never_created(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.answers(opened.reference, NOT_FOUND)
    shop.skip(minutes=5)

    first = await shop.ask(opened.reference)
    shop.skip(seconds=59)
    too_soon = await shop.ask(opened.reference)
    shop.skip(seconds=1)
    payment = await shop.ask(opened.reference)

    statuses = [p.attempt(opened.reference).status for p in (first, too_soon, payment)]
    assert statuses == [AttemptStatus.OPEN, AttemptStatus.OPEN, AttemptStatus.EXPIRED]
    attempt = payment.attempt(opened.reference)
    assert (attempt.reason, attempt.page_closed) == (Reason.NEVER_CREATED, True)


async def test_any_other_word_in_between_starts_the_count_of_not_found_again(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.skip(minutes=6)
    for answer in (NOT_FOUND, IN_FLIGHT, NOT_FOUND):
        shop.provider.answers(opened.reference, answer)
        await shop.ask(opened.reference)
        shop.skip(minutes=2)

    payment = await shop.payment()
    assert payment.attempt(opened.reference).status is AttemptStatus.OPEN


async def test_no_information_changes_nothing_and_is_asked_again(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.silent = True

    payment = await shop.ask(opened.reference)

    attempt = payment.attempt(opened.reference)
    assert (payment.status, attempt.status) == (PaymentStatus.PROCESSING, AttemptStatus.OPEN)
    assert attempt.next_check_at == shop.kit.clock.now() + timedelta(seconds=30)
    assert await shop.verdicts() == [Rule.NO_INFORMATION]


@pytest.mark.parametrize("answer", [CLOSED, Answer(outcome=Outcome.DECLINED, word="failed", fingerprint="x")])
async def test_what_would_fail_or_expire_an_ended_attempt_is_only_recorded(
    shop: Shop, answer: Answer
) -> None:
    opened = await shop.initiate()
    payment = await shop.payment()
    await shop.kit.payments.cancel(payment.payment_id, "user_1", "payer:user_1")
    before = await shop.attempt(opened.reference)
    shop.provider.answers(opened.reference, answer)

    payment = await shop.ask(opened.reference)

    attempt = payment.attempt(opened.reference)
    assert (attempt.status, attempt.reason) == (before.status, before.reason)
    assert (await shop.verdicts())[-1] is Rule.NO_LONGER_LIVE


async def test_money_that_came_and_went_unseen_is_held_and_wholly_refunded(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference, outcome=Outcome.RETURNED, word="refunded")

    payment = await shop.ask(opened.reference)

    attempt, (capture,), (refund,) = payment.attempt(opened.reference), payment.captures, payment.refunds
    assert (payment.status, attempt.status) == (PaymentStatus.FAILED, AttemptStatus.FAILED)
    assert attempt.reason is Reason.RETURNED
    assert capture.disposition is Disposition.HELD
    assert (refund.status, refund.amount) == (RefundStatus.SUCCEEDED, capture.amount)
    assert payment.held_captures == ()
    assert await shop.reviews() == ["dispute"]
    retried = await shop.initiate()
    assert retried.reference != opened.reference, "a dispute blocks nobody from paying"


async def test_money_that_goes_back_after_it_settled_is_taken_in_as_a_refund(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    await shop.ask(opened.reference)
    shop.provider.pays(opened.reference, outcome=Outcome.RETURNED, word="reversed")

    payment = await shop.ask(opened.reference)
    again = await shop.ask(opened.reference)

    assert payment.status is PaymentStatus.SUCCESS
    assert payment.given_back == birr("1000.00")
    assert len(again.refunds) == 1
    assert await shop.told() == ["paid", "refunded"]
    assert await shop.told(Destination.PAYER) == ["confirmation", "refunded"]
    assert await shop.reviews() == ["dispute"]


async def test_only_the_attested_part_that_went_back_is_taken_in(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    await shop.ask(opened.reference)

    shop.provider.pays(opened.reference, outcome=Outcome.RETURNED, returned=birr("300.00"))
    part = await shop.ask(opened.reference)
    shop.provider.pays(opened.reference, outcome=Outcome.RETURNED, returned=birr("1000.00"))
    whole = await shop.ask(opened.reference)

    assert (part.given_back, whole.given_back) == (birr("300.00"), birr("1000.00"))
    assert [refund.amount for refund in whole.refunds] == [birr("300.00"), birr("700.00")]
    assert await shop.told() == ["paid", "partially_refunded", "refunded"]


async def test_what_stays_of_money_that_partly_went_back_before_we_saw_it_waits_for_a_person(
    shop: Shop,
) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference, outcome=Outcome.RETURNED, returned=birr("200.00"))

    payment = await shop.ask(opened.reference)

    (held,) = payment.held_captures
    assert (held.amount, payment.given_back) == (birr("1000.00"), birr("200.00"))
    assert await shop.reviews() == ["amount_mismatch"]
    await shop.initiate_refused(PaymentInReview)
    await everything_holds(shop.kit)


async def test_money_whose_return_has_only_begun_changes_nothing_before_it_is_seen(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(
        opened.reference, outcome=Outcome.RETURNED, word="reversal-pending", returned=birr("0.00")
    )

    payment = await shop.ask(opened.reference)

    assert (payment.status, payment.captures, payment.refunds) == (PaymentStatus.PROCESSING, (), ())
    assert payment.attempt(opened.reference).next_check_at is not None
    shop.provider.pays(opened.reference)
    assert (await shop.ask(opened.reference)).status is PaymentStatus.SUCCESS


async def test_asking_about_a_reference_nobody_carries_is_refused(shop: Shop) -> None:
    await shop.initiate()
    await refused(ReferenceNotFound, shop.ask("p-aaaaaaaaaaaaaaaaaaaaaaaaaa"))


async def test_many_who_ask_at_once_ask_the_provider_once(shop: Shop) -> None:
    opened = await shop.initiate()
    for _ in range(5):
        await shop.kit.payments.settle(opened.reference, "redirect", coalesce_s=10.0)
    assert shop.provider.calls["check"] == 1

    shop.skip(seconds=10)
    await shop.kit.payments.settle(opened.reference, "redirect", coalesce_s=10.0)
    assert shop.provider.calls["check"] == 2


async def test_whoever_comes_back_after_the_money_is_there_asks_nobody(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    await shop.ask(opened.reference)

    payment = await shop.kit.payments.settle(opened.reference, "redirect", coalesce_s=10.0)

    assert payment.status is PaymentStatus.SUCCESS
    assert shop.provider.calls["check"] == 1


async def test_a_provider_that_takes_longer_than_the_budget_gave_no_information(shop: Shop) -> None:
    opened = await shop.initiate()

    async def too_long(_question: object) -> None:
        await asyncio.Event().wait()

    shop.provider.before_answering = too_long
    payment = await shop.kit.payments.settle(opened.reference, "redirect", budget_s=0.01)

    assert payment.attempt(opened.reference).last_word == "no answer in time"
    assert await shop.verdicts() == [Rule.NO_INFORMATION]


async def test_a_payment_of_somebody_else_is_not_to_be_seen(shop: Shop) -> None:
    await shop.initiate()
    await shop.initiate_refused(OrderNotFound, user_id="user_2")

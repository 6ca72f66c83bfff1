"""Who is asked about, when, and until when (docs/model.md section 3, "Watching"), and what the sweep does."""

from datetime import timedelta

import pytest

from payments.application.records import Claim
from payments.domain.errors import OutcomeUnknown
from payments.domain.events import Reason
from payments.domain.evidence import Answer
from payments.domain.transitions import AttemptStatus, Disposition, PaymentStatus
from tests.unit.use_cases.deciding import decide, story
from tests.unit.use_cases.shop import IN_FLIGHT, NOTHING, Shop

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("age", "step"),
    [
        (timedelta(0), timedelta(seconds=30)),
        (timedelta(minutes=4), timedelta(seconds=30)),
        (timedelta(minutes=5), timedelta(minutes=2)),
        (timedelta(minutes=29), timedelta(minutes=2)),
        (timedelta(minutes=30), timedelta(minutes=15)),
        (timedelta(hours=2), timedelta(minutes=15)),
        (timedelta(hours=3), timedelta(hours=1)),
        (timedelta(hours=70), timedelta(hours=1)),
    ],
)
async def test_the_older_an_attempt_the_seldomer_it_is_asked_about(
    shop: Shop, age: timedelta, step: timedelta
) -> None:
    opened = await shop.initiate()
    shop.provider.answers(opened.reference, IN_FLIGHT)
    shop.kit.clock.advance(age)

    payment = await shop.ask(opened.reference)

    assert payment.attempt(opened.reference).next_check_at == shop.kit.clock.now() + step


async def test_the_sweep_alone_finds_the_money(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)

    await shop.pass_minutes(0.5)

    payment = await shop.payment()
    assert payment.status is PaymentStatus.SUCCESS
    assert shop.provider.calls["check"] == 1
    assert await shop.told() == ["paid"]


async def test_an_attempt_with_its_money_is_not_asked_about_any_more(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)

    await shop.pass_hours(24)

    assert shop.provider.calls["check"] == 1


async def test_a_page_nobody_paid_in_time_is_cancelled_and_expires(shop: Shop) -> None:
    opened = await shop.initiate()

    await shop.pass_minutes(59)
    assert (await shop.payment()).status is PaymentStatus.PROCESSING
    await shop.pass_minutes(20)

    payment = await shop.payment()
    attempt = payment.attempt(opened.reference)
    assert (payment.status, attempt.status) == (PaymentStatus.FAILED, AttemptStatus.EXPIRED)
    assert (attempt.reason, attempt.page_closed) == (Reason.TIMED_OUT, True)
    assert shop.provider.calls["cancel"] == 1
    assert await shop.told() == ["failed"]


async def test_no_attempt_fails_by_time_alone_while_the_payer_may_be_paying(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.answers(opened.reference, IN_FLIGHT)

    await shop.pass_hours(71)

    payment = await shop.payment()
    assert payment.attempt(opened.reference).status is AttemptStatus.OPEN
    assert payment.status is PaymentStatus.PROCESSING


@pytest.mark.parametrize("answer", [NOTHING, IN_FLIGHT], ids=["nothing", "in_flight"])
async def test_a_live_attempt_whose_watch_ends_expires_and_a_person_is_asked(
    shop: Shop, answer: Answer
) -> None:
    opened = await shop.initiate()
    shop.provider.answers(opened.reference, answer)

    await shop.pass_hours(73)

    attempt = await shop.attempt(opened.reference)
    assert (attempt.status, attempt.reason) == (AttemptStatus.EXPIRED, Reason.TIMED_OUT)
    assert attempt.next_check_at is None
    assert await shop.reviews() == ["stuck_unknown"]
    (question,) = (await shop.kit.payments.reviews()).items
    assert question.detail == "Its watch ended and the provider never said whether it was paid."
    asked = shop.provider.calls["check"]
    await shop.pass_hours(24)
    assert shop.provider.calls["check"] == asked, "its watch has ended"


@pytest.mark.parametrize("last", [NOTHING, IN_FLIGHT], ids=["nothing", "in_flight"])
async def test_an_ended_attempt_whose_watch_ends_without_a_word_on_money_is_put_before_a_person(
    shop: Shop, last: Answer
) -> None:
    opened = await shop.initiate()
    shop.provider.declines(opened.reference)
    await shop.ask(opened.reference)
    shop.provider.answers(opened.reference, last)

    await shop.pass_hours(73)

    attempt = await shop.attempt(opened.reference)
    assert (attempt.status, attempt.next_check_at) == (AttemptStatus.FAILED, None)
    assert await shop.reviews() == ["stuck_unknown"]
    (question,) = (await shop.kit.payments.reviews()).items
    silence = "Its watch ended, and the provider's last answer does not say whether it was paid."
    assert question.detail == silence
    await shop.ask(opened.reference)
    assert await shop.reviews() == ["stuck_unknown"], "asked once"


@pytest.mark.parametrize("missing", ["amount", "capture_key"])
async def test_paid_without_proof_after_a_decline_is_put_before_a_person_once(
    shop: Shop, missing: str
) -> None:
    opened = await shop.initiate()
    shop.provider.declines(opened.reference)
    await shop.ask(opened.reference)
    await shop.attests(opened.reference, **{missing: None})
    await shop.ask(opened.reference)
    assert await shop.reviews() == ["stuck_unknown"]
    (question,) = (await shop.kit.payments.reviews()).items
    told_both = "The provider said that it was declined, and then that it was paid, which proves nothing."
    assert question.detail == told_both

    await shop.pass_hours(73)

    told = [event["event"] for event in await story(shop, await shop.payment())]
    assert told.count("ReviewOpened") == 1, "asked once, however often it is said"
    shop.provider.declines(opened.reference)
    await decide(shop, "ask_again")
    assert await shop.reviews() == []
    await shop.attests(opened.reference, **{missing: None})
    await shop.ask(opened.reference)
    assert await shop.reviews() == ["stuck_unknown"], "after a decline it says so anew"


async def test_an_ended_attempt_that_nobody_paid_ends_its_watch_unnoticed(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.declines(opened.reference)

    await shop.pass_hours(73)

    assert (await shop.attempt(opened.reference)).next_check_at is None
    assert await shop.reviews() == []


async def test_only_a_notice_wakes_an_attempt_whose_watch_has_ended(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.answers(opened.reference, NOTHING)
    await shop.pass_hours(73)
    shop.provider.pays(opened.reference)
    await shop.pass_hours(2)
    assert (await shop.payment()).status is PaymentStatus.FAILED

    await shop.hear(opened.reference)
    await shop.kit.work()

    assert (await shop.payment()).status is PaymentStatus.SUCCESS
    assert await shop.told() == ["failed", "paid"]


async def test_a_failed_or_expired_attempt_is_watched_to_the_end_and_then_left_without_a_question(
    shop: Shop,
) -> None:
    opened = await shop.initiate()
    await shop.pass_hours(2)
    assert (await shop.attempt(opened.reference)).status is AttemptStatus.EXPIRED

    await shop.pass_hours(72)

    assert (await shop.attempt(opened.reference)).next_check_at is None
    assert await shop.reviews() == []


async def test_money_that_arrives_days_later_on_an_expired_attempt_still_settles_the_payment(
    shop: Shop,
) -> None:
    opened = await shop.initiate()
    await shop.pass_hours(50)
    assert (await shop.attempt(opened.reference)).status is AttemptStatus.EXPIRED
    shop.provider.pays(opened.reference)

    await shop.pass_hours(1.5)

    payment = await shop.payment()
    assert payment.status is PaymentStatus.SUCCESS
    assert payment.settling_capture is not None
    assert payment.settling_capture.disposition is Disposition.SETTLES
    assert await shop.told() == ["failed", "paid"]


async def test_what_the_provider_never_knew_expires_as_never_created(shop: Shop) -> None:
    shop.provider.trouble.append(OutcomeUnknown("The answer was lost."))
    await shop.initiate_refused(OutcomeUnknown)
    (attempt,) = (await shop.payment()).attempts
    assert attempt.status is AttemptStatus.UNKNOWN

    await shop.pass_minutes(4.5)
    assert (await shop.attempt(attempt.reference)).status is AttemptStatus.UNKNOWN
    await shop.pass_minutes(5)

    after = await shop.attempt(attempt.reference)
    assert (after.status, after.reason) == (AttemptStatus.EXPIRED, Reason.NEVER_CREATED)
    assert (await shop.payment()).status is PaymentStatus.PENDING, "nobody got anything to pay with"
    assert await shop.told() == []


@pytest.mark.parametrize("handed_out", [True, False])
async def test_of_what_its_provider_never_knew_a_person_is_asked_only_if_its_payer_had_it(
    shop: Shop,
    handed_out: bool,  # noqa: FBT001 -- a row's field
) -> None:
    if handed_out:
        reference = (await shop.initiate()).reference
        shop.provider.forgets(reference)
    else:
        reference = await shop.died_while_claiming(accepted=False)
    await shop.pass_minutes(10)
    assert (await shop.attempt(reference)).reason is Reason.NEVER_CREATED
    shop.provider.answers(reference, NOTHING)

    await shop.pass_hours(75)

    assert (await shop.attempt(reference)).next_check_at is None
    assert await shop.reviews() == (["stuck_unknown"] if handed_out else [])


async def test_an_unknown_attempt_on_which_somebody_acts_becomes_open(shop: Shop) -> None:
    shop.provider.trouble.append(OutcomeUnknown("The answer was lost."))
    shop.provider.accepts_in_trouble = True
    await shop.initiate_refused(OutcomeUnknown)
    (attempt,) = (await shop.payment()).attempts
    shop.provider.answers(attempt.reference, IN_FLIGHT)

    payment = await shop.ask(attempt.reference)

    seen = payment.attempt(attempt.reference)
    assert (seen.status, payment.status) == (AttemptStatus.OPEN, PaymentStatus.PROCESSING)
    assert seen.handed_out_at is not None


async def test_a_decline_of_an_unknown_attempt_shows_that_it_was_handed_out(shop: Shop) -> None:
    shop.provider.trouble.append(OutcomeUnknown("The answer was lost."))
    shop.provider.accepts_in_trouble = True
    await shop.initiate_refused(OutcomeUnknown)
    (attempt,) = (await shop.payment()).attempts
    shop.provider.declines(attempt.reference)

    payment = await shop.ask(attempt.reference)

    assert payment.status is PaymentStatus.FAILED
    assert await shop.told() == ["failed"]


async def test_settling_expires_every_other_live_attempt_and_the_sweep_cancels_it(shop: Shop) -> None:
    first = await shop.initiate()
    shop.provider.declines(first.reference)
    await shop.ask(first.reference)
    second = await shop.initiate(provider="other")
    shop.provider.pays(first.reference)

    payment = await shop.ask(first.reference)

    live = payment.attempt(second.reference)
    assert (live.status, live.reason) == (AttemptStatus.EXPIRED, Reason.SUPERSEDED)
    await shop.pass_minutes(1)
    assert (await shop.attempt(second.reference)).page_closed
    assert shop.other.calls["cancel"] == 1


async def test_a_page_that_could_not_be_cancelled_is_cancelled_later(shop: Shop) -> None:
    first = await shop.initiate()
    shop.provider.forgets_to_cancel = True
    second = await shop.initiate(provider="other")
    assert not (await shop.attempt(first.reference)).page_closed

    shop.provider.forgets_to_cancel = False
    await shop.pass_minutes(1)

    assert (await shop.attempt(first.reference)).page_closed
    assert (await shop.attempt(second.reference)).status is AttemptStatus.OPEN


async def test_the_outcome_of_a_claim_whose_process_died_is_unknown_after_a_minute(shop: Shop) -> None:
    reference = await shop.died_while_claiming()

    await shop.pass_minutes(1)
    assert (await shop.attempt(reference)).status is AttemptStatus.CLAIMED
    await shop.pass_minutes(0.5)

    assert (await shop.attempt(reference)).status is AttemptStatus.UNKNOWN


async def test_a_notice_has_it_asked_about_without_waiting_for_the_schedule(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)

    await shop.hear(opened.reference, Claim.OTHER)
    await shop.kit.work()

    assert (await shop.payment()).status is PaymentStatus.SUCCESS

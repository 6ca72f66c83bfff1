"""What people decide, and what then happens (docs/model.md section 8): each kind and each way out."""

from uuid import UUID

import pytest

from payments.application.ports.providers import Question, RefundOutcome
from payments.domain.collection import MOST_WRONG_CODES, AtTheDoor, CashRecord, CashResult, Collection
from payments.domain.errors import (
    ApprovalByRequester,
    CashCodeLocked,
    DecisionNotPossible,
    FieldError,
    InvalidRequest,
    OutcomeUnknown,
    PaymentAlreadyProcessed,
    ReviewAlreadyDecided,
    ReviewNotFound,
    WrongDeliveryCode,
)
from payments.domain.events import Reason, ReviewKind
from payments.domain.evidence import Channel, Rule
from payments.domain.money import Money
from payments.domain.refund import Refund
from payments.domain.refund_rules import RefundRules
from payments.domain.review import ReviewState
from payments.domain.reviewing import WAYS_OUT, WayOut
from payments.domain.transitions import AttemptStatus, Disposition, PaymentStatus, RefundStatus
from payments.testing import in_memory_payments
from payments.testing.provider import ScriptedProvider, ScriptedRefunds
from tests.unit.use_cases.deciding import (
    BOSS,
    OTHER,
    decide,
    decide_refused,
    dispositions,
    is_open,
    paid_after_cancel,
    paid_twice,
    refund_of,
    resolve,
    short_money,
    story,
    stuck,
    the_review,
    told_by,
)
from tests.unit.use_cases.kept import everything_holds
from tests.unit.use_cases.shop import CLOSED, IN_FLIGHT, OTHER_MODE, HesitatingProvider, Shop, birr, refused

pytestmark = pytest.mark.anyio

NOT_OURS = "p-" + "b" * 26
UNKNOWN = "p-" + "c" * 26


# --- money of another amount or currency


@pytest.mark.parametrize("amount", ["900.00", "1100.00"])
async def test_accepted_money_is_the_payment(shop: Shop, amount: str) -> None:
    await short_money(shop, amount)

    review = await decide(shop, "accept")

    payment = await shop.payment()
    assert (payment.status, dispositions(payment)) == (PaymentStatus.SUCCESS, [Disposition.SETTLES])
    assert payment.attempts[0].status is AttemptStatus.SUCCEEDED
    assert (review.state, review.decision, review.actor) == (ReviewState.RESOLVED, "accept", BOSS)
    assert await shop.told() == ["paid"]
    assert await told_by(shop, payment, BOSS) == [
        "CaptureAccepted",
        "AttemptSucceeded",
        "PaymentSucceeded",
        "ReviewResolved",
    ]
    await shop.initiate_refused(PaymentAlreadyProcessed)


async def test_the_payers_confirmation_tells_of_what_was_accepted(shop: Shop) -> None:
    await short_money(shop)
    await decide(shop, "accept")
    await shop.kit.work()

    (mail,) = shop.kit.notifier.sent
    assert "900.00" in mail.text
    assert "1,000.00" not in mail.text


async def test_accepted_money_ends_what_could_still_be_paid_on(shop: Shop) -> None:
    first = await shop.initiate()
    shop.kit.order(amount="1200.00")
    second = await shop.initiate()
    shop.provider.pays(first.reference)
    await shop.ask(first.reference)

    await decide(shop, "accept")

    payment = await shop.payment()
    assert payment.attempt(first.reference).status is AttemptStatus.SUCCEEDED
    ended = payment.attempt(second.reference)
    assert (ended.status, ended.reason) == (AttemptStatus.EXPIRED, Reason.SUPERSEDED)


async def test_money_accepted_for_a_payment_that_is_settled_is_surplus_with_a_question_of_its_own(
    shop: Shop,
) -> None:
    first = await shop.initiate()
    shop.kit.order(amount="1200.00")
    second = await shop.initiate()
    shop.provider.pays(first.reference)
    await shop.ask(first.reference)
    shop.provider.pays(second.reference)
    await shop.ask(second.reference)

    await decide(shop, "accept")

    assert dispositions(await shop.payment()) == [Disposition.SURPLUS, Disposition.SETTLES]
    assert await shop.reviews() == ["surplus"]
    assert await shop.told() == ["paid"]


async def test_held_money_that_is_to_go_back_is_reserved_and_the_question_waits(shop: Shop) -> None:
    await short_money(shop)

    review = await decide(shop, "refund")

    payment = await shop.payment()
    refund = refund_of(payment)
    assert (refund.amount, refund.status, refund.actor) == (birr("900.00"), RefundStatus.RESERVED, BOSS)
    assert refund.reference.startswith("r-")
    assert len(refund.reference) == 28
    assert (review.state, review.decision, review.refund_id) == (
        ReviewState.OPEN,
        "refund",
        refund.refund_id,
    )
    assert await told_by(shop, payment, BOSS) == ["RefundReserved", "ReviewDecided"]
    assert (await shop.kit.payments.review(review.review_id)).ways_out == ()


async def test_a_refund_that_succeeded_answers_the_question(shop: Shop) -> None:
    await paid_twice(shop)
    review = await decide(shop, "refund")

    await shop.kit.work()

    told = (await shop.kit.payments.review(review.review_id)).review
    assert (told.state, told.decision, told.actor, told.reason) == (
        ReviewState.RESOLVED,
        "refund",
        BOSS,
        "seen",
    )


async def test_a_refund_that_failed_returns_the_question_and_it_can_be_decided_anew(shop: Shop) -> None:
    await paid_twice(shop)
    refunds_of(shop).answer = RefundOutcome.FAILED
    await decide(shop, "refund")
    await shop.kit.work()
    review = await the_review(shop)
    assert (review.decision, review.refund_id) == (None, None)

    again = await decide(shop, "dismiss", actor=OTHER)

    assert (again.state, again.actor) == (ReviewState.RESOLVED, OTHER)


async def test_money_on_its_way_back_cannot_be_accepted(shop: Shop) -> None:
    await short_money(shop)
    await decide(shop, "refund")

    error = await decide_refused(shop, ReviewAlreadyDecided, "accept")

    assert "'refund'" in error.detail


async def test_money_the_provider_gave_back_meanwhile_can_only_be_told_so(shop: Shop) -> None:
    payment = await short_money(shop)
    await shop.attests_returned(payment.attempts[0].reference)
    await shop.ask(payment.attempts[0].reference)
    mismatch = await the_review(shop, ReviewKind.AMOUNT_MISMATCH)
    assert (await shop.kit.payments.review(mismatch.review_id)).ways_out == (WayOut.REFUND,)
    await refused(DecisionNotPossible, resolve(shop, mismatch, "accept"))

    answered = await resolve(shop, mismatch, "refund")

    assert answered.state is ReviewState.RESOLVED
    assert len((await shop.payment()).refunds) == 1, "nothing goes back twice"


async def test_money_in_another_currency_only_goes_back(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference, amount=Money.of("1000.00", "USD"))
    await shop.ask(opened.reference)
    await decide_refused(shop, DecisionNotPossible, "accept")

    await decide(shop, "refund")

    assert refund_of(await shop.payment()).amount == Money.of("1000.00", "USD")


# --- money twice, and money for an order that was cancelled


async def test_surplus_goes_back_and_the_order_stays_paid(shop: Shop) -> None:
    await paid_twice(shop)

    await decide(shop, "refund")

    payment = await shop.payment()
    assert refund_of(payment).capture_id == payment.captures[1].capture_id
    assert payment.status is PaymentStatus.SUCCESS


async def test_dismissed_surplus_stays(shop: Shop) -> None:
    payment = await paid_twice(shop)

    review = await decide(shop, "dismiss")

    assert review.state is ReviewState.RESOLVED
    assert dispositions(await shop.payment()) == dispositions(payment)
    assert (await shop.payment()).refunds == ()


async def test_money_for_a_cancelled_order_goes_back(shop: Shop) -> None:
    payment = await paid_after_cancel(shop)

    await decide(shop, "refund")

    settling = payment.settling_capture
    assert settling is not None
    assert refund_of(await shop.payment()).capture_id == settling.capture_id


async def test_money_for_a_cancelled_order_may_stay(shop: Shop) -> None:
    await paid_after_cancel(shop)

    assert (await decide(shop, "dismiss")).state is ReviewState.RESOLVED


# --- money that somebody sends back without looking at the queue


async def sent_back(shop: Shop, amount: str, capture: int) -> Refund:
    """A clerk gives money of one capture back."""
    payment = await shop.payment()
    return await shop.kit.payments.refund(
        payment.payment_id,
        amount=amount,
        reason="paid twice",
        actor="operator:clerk",
        capture_id=payment.captures[capture].capture_id,
    )


async def test_sending_all_of_a_surplus_back_answers_the_question_about_it(shop: Shop) -> None:
    await paid_twice(shop)
    review = await the_review(shop)

    refund = await sent_back(shop, "1000.00", 1)

    told = (await shop.kit.payments.review(review.review_id)).review
    assert (told.state, told.decision, told.actor, told.reason, told.refund_id) == (
        ReviewState.RESOLVED,
        "refund",
        "operator:clerk",
        "paid twice",
        refund.refund_id,
    )


async def test_a_question_waits_for_the_refund_that_takes_the_rest_and_is_asked_anew_if_it_fails(
    shop: Shop,
) -> None:
    await short_money(shop)
    await sent_back(shop, "400.00", 0)
    assert (await the_review(shop)).decision is None, "part of it is still here"
    refunds = shop.provider.refunds
    assert refunds is not None
    refunds.answer = RefundOutcome.PENDING

    rest = await sent_back(shop, "500.00", 0)

    assert (await the_review(shop)).refund_id == rest.refund_id
    refunds.ends(rest.reference, RefundOutcome.FAILED)
    await shop.pass_minutes(5)
    assert (await the_review(shop)).decision is None


async def test_cash_handed_back_answers_the_question_about_it_at_once(shop: Shop) -> None:
    await collected(shop, "order_9", amount="900.00")
    opened = await shop.initiate(provider="cash")
    await decide(shop, "attach", reference=opened.reference)

    await sent_back(shop, "900.00", 0)

    assert await shop.reviews() == []
    payment = await shop.payment()
    assert (payment.status, payment.attempts[0].reason) == (PaymentStatus.FAILED, Reason.RETURNED)


async def test_a_refund_of_other_money_answers_no_question(shop: Shop) -> None:
    await paid_twice(shop)

    await sent_back(shop, "1000.00", 0)

    assert (await the_review(shop)).decision is None


# --- money that belongs to nobody


async def test_money_under_another_reference_is_attached_to_the_attempt_a_person_names(shop: Shop) -> None:
    opened = await shop.initiate()
    await shop.attests(opened.reference, reference=NOT_OURS)
    await shop.ask(opened.reference)

    await decide(shop, "attach", reference=opened.reference)

    payment = await shop.payment()
    assert payment.status is PaymentStatus.SUCCESS
    last = (await shop.kit.unit_of_work.reads.evidence_of(payment.payment_id))[-1]
    assert (last.channel, last.cause, last.rule) == (Channel.OPERATOR, "review", Rule.SETTLED)
    assert (await told_by(shop, payment, BOSS))[-1] == "ReviewResolved"


async def test_attached_money_of_another_amount_is_held_as_ever(shop: Shop) -> None:
    opened = await shop.initiate()
    await shop.attests(opened.reference, reference=NOT_OURS, amount=birr("5.00"))
    await shop.ask(opened.reference)

    await decide(shop, "attach", reference=opened.reference)

    assert dispositions(await shop.payment()) == [Disposition.HELD]
    assert await shop.reviews() == ["amount_mismatch"]


async def test_money_attested_for_one_payment_is_attached_to_another_and_both_trails_tell_of_it(
    shop: Shop,
) -> None:
    shop.kit.order("order_2")
    asked, owner = await shop.initiate(), await shop.initiate("order_2")
    await shop.attests(asked.reference, reference=owner.reference, capture_key="X1", provider_reference="X1")
    await shop.ask(asked.reference)

    await decide(shop, "attach", reference=owner.reference)

    assert (await shop.payment("order_2")).status is PaymentStatus.SUCCESS
    assert (await shop.payment()).status is PaymentStatus.PROCESSING
    assert await told_by(shop, await shop.payment(), BOSS) == ["ReviewResolved"]
    assert "AttemptSucceeded" in await told_by(shop, await shop.payment("order_2"), BOSS)


async def test_what_the_provider_said_before_stands_where_it_says_nothing_now(shop: Shop) -> None:
    opened = await shop.initiate()
    await shop.attests(opened.reference, reference=NOT_OURS)
    await shop.ask(opened.reference)
    shop.provider.silent = True

    await decide(shop, "attach", reference=opened.reference)

    assert (await shop.payment()).status is PaymentStatus.SUCCESS


async def test_money_that_counts_elsewhere_is_attached_to_nothing(shop: Shop) -> None:
    shop.kit.order("order_2")
    first, second = await shop.initiate(), await shop.initiate("order_2")
    shop.provider.pays(first.reference)
    await shop.ask(first.reference)
    shop.provider.pays(second.reference, capture_key=f"T-{first.reference}")
    await shop.ask(second.reference)

    error = await decide_refused(shop, DecisionNotPossible, "attach", reference=second.reference)

    assert error.detail == (
        "This money cannot count here: this provider transaction already counts for another attempt, "
        "so it proves nothing here."
    )
    assert (await shop.payment("order_2")).captures == ()
    assert is_open(await the_review(shop))


async def test_money_of_the_other_mode_is_attached_to_nothing(shop: Shop) -> None:
    opened = await shop.initiate()
    await shop.attests(opened.reference, mode=OTHER_MODE)
    await shop.ask(opened.reference)

    error = await decide_refused(shop, DecisionNotPossible, "attach", reference=opened.reference)

    assert error.detail == "Money of the provider's test world never counts in the live one, or back."
    assert (await decide(shop, "dismiss")).state is ReviewState.RESOLVED


async def test_money_is_attached_to_an_attempt_of_the_provider_that_has_it(shop: Shop) -> None:
    opened = await shop.initiate()
    await shop.attests(opened.reference, reference=NOT_OURS)
    await shop.ask(opened.reference)
    shop.kit.order("order_2")
    elsewhere = await shop.initiate("order_2", provider="other")

    error = await decide_refused(shop, DecisionNotPossible, "attach", reference=elsewhere.reference)

    assert error.detail == "The money is at scripted, and the attempt is one of other."
    assert error.errors == (FieldError("/reference", "Name an attempt of scripted."),)


def question(reference: str) -> Question:
    return Question(reference=reference, provider_reference=None, amount=birr("1000.00"))


async def heard_of(shop: Shop, reference: str) -> None:
    """A genuine notice about a reference that is none of ours, a day and more ago."""
    await shop.hear(reference)
    await shop.pass_hours(36)


async def test_a_notice_that_named_no_attempt_of_ours_is_attached_by_asking_about_its_reference(
    shop: Shop,
) -> None:
    await heard_of(shop, UNKNOWN)
    opened = await shop.initiate()
    await shop.attests(opened.reference, reference=UNKNOWN)
    paid = await ScriptedProvider.check(shop.provider, question(opened.reference))
    shop.provider.answers(UNKNOWN, paid)

    await decide(shop, "attach", reference=opened.reference)

    payment = await shop.payment()
    assert payment.status is PaymentStatus.SUCCESS
    assert (await told_by(shop, payment, BOSS))[-1] == "ReviewResolved"


async def test_a_notice_the_provider_confirms_no_money_for_is_attached_to_nothing(shop: Shop) -> None:
    await heard_of(shop, UNKNOWN)
    opened = await shop.initiate()

    error = await decide_refused(shop, DecisionNotPossible, "attach", reference=opened.reference)

    assert error.detail == "The provider answered 'not found', which is not money that arrived."
    assert is_open(await the_review(shop))


async def test_an_orphan_of_no_payment_keeps_who_dismissed_it_and_why(shop: Shop) -> None:
    await heard_of(shop, UNKNOWN)

    review = await decide(shop, "dismiss")

    kept = (await shop.kit.payments.review(review.review_id)).review
    assert (kept.state, kept.actor, kept.reason) == (ReviewState.RESOLVED, BOSS, "seen")
    assert kept.resolved_at == shop.kit.clock.now()


async def test_an_orphan_of_no_payment_is_dismissed_once_and_by_one_person(shop: Shop) -> None:
    await heard_of(shop, UNKNOWN)
    review = await decide(shop, "dismiss")
    links = await shop.kit.unit_of_work.reads.review_trail(review.review_id)

    assert await resolve(shop, review, "dismiss") == review
    error = await refused(ReviewAlreadyDecided, resolve(shop, review, "dismiss", actor=OTHER))

    assert error.detail == "operator:boss decided 'dismiss'."
    assert await shop.kit.unit_of_work.reads.review_trail(review.review_id) == links


async def test_the_trail_of_an_orphan_of_no_payment_tells_who_opened_and_who_answered_it(shop: Shop) -> None:
    await heard_of(shop, UNKNOWN)
    opened = await the_review(shop)
    before = (await shop.kit.payments.review(opened.review_id)).trail
    assert [(step.actor, step.at) for step in before] == [("provider:scripted", opened.opened_at)]

    await decide(shop, "dismiss")

    after = (await shop.kit.payments.review(opened.review_id)).trail
    assert after[:-1] == before
    assert (after[-1].actor, after[-1].at) == (BOSS, shop.kit.clock.now())
    assert "dismiss" in after[-1].what
    await everything_holds(shop.kit)


async def test_the_attempt_to_attach_to_must_be_one_of_ours(shop: Shop) -> None:
    await heard_of(shop, UNKNOWN)

    error = await decide_refused(shop, InvalidRequest, "attach", reference=NOT_OURS)

    assert error.errors == (FieldError("/reference", "Name an attempt of ours: p- and 26 characters."),)


# --- cash that belongs to no cash attempt


async def collected(
    shop: Shop, order_id: str, *, amount: str = "1000.00", collector: str = "rider_7"
) -> None:
    """A collector brings cash for an order that has no cash attempt yet."""
    said = CashRecord(
        collection_id="c-1",
        collector=collector,
        outcome=AtTheDoor.COLLECTED,
        amount=birr(amount),
        order_id=order_id,
    )
    assert (await shop.kit.payments.collect_cash(said)).result is CashResult.ORPHAN


async def collection(shop: Shop) -> Collection:
    kept = await shop.kit.unit_of_work.reads.collection("c-1")
    assert kept is not None
    return kept


@pytest.mark.parametrize("order_id", ["order_9", "order_1"])
async def test_cash_is_attached_to_the_cash_attempt_a_person_names(shop: Shop, order_id: str) -> None:
    online = await shop.initiate()
    await collected(shop, order_id)
    opened = await shop.initiate(provider="cash")

    review = await decide(shop, "attach", reference=opened.reference)

    assert (review.state, review.actor) == (ReviewState.RESOLVED, BOSS)
    payment = await shop.payment()
    assert (payment.status, dispositions(payment)) == (PaymentStatus.SUCCESS, [Disposition.SETTLES])
    kept = await collection(shop)
    assert (kept.result, kept.payment_id, kept.reference, kept.status) == (
        CashResult.SETTLED,
        online.payment_id,
        opened.reference,
        PaymentStatus.SUCCESS,
    )
    assert kept.collector == "rider_7", "whoever collected it holds it still"
    links = await shop.kit.unit_of_work.reads.review_trail(review.review_id)
    attested = await shop.kit.unit_of_work.reads.evidence_of(payment.payment_id)
    of_nobody = [("collector:rider_7", None), (BOSS, attested[-1].evidence_id)]
    assert [(link.actor, link.evidence_id) for link in links] == (of_nobody if order_id == "order_9" else [])
    await everything_holds(shop.kit)
    assert (await told_by(shop, payment, BOSS))[-1] == "ReviewResolved"


async def test_cash_brought_for_another_order_is_attached_and_both_trails_tell_of_it(shop: Shop) -> None:
    shop.kit.order("order_2")
    await shop.initiate()
    await collected(shop, "order_1")
    owner = await shop.initiate("order_2", provider="cash")

    await decide(shop, "attach", reference=owner.reference)

    assert (await shop.payment("order_2")).status is PaymentStatus.SUCCESS
    assert await told_by(shop, await shop.payment(), BOSS) == ["ReviewResolved"]
    assert (await collection(shop)).payment_id == owner.payment_id


async def test_attached_cash_of_another_amount_is_held_as_ever(shop: Shop) -> None:
    await collected(shop, "order_9", amount="900.00")
    opened = await shop.initiate(provider="cash")

    await decide(shop, "attach", reference=opened.reference)

    assert dispositions(await shop.payment()) == [Disposition.HELD]
    assert await shop.reviews() == ["amount_mismatch"]
    assert (await collection(shop)).result is CashResult.HELD


async def test_attached_cash_for_what_is_paid_already_is_surplus(shop: Shop) -> None:
    await collected(shop, "order_9")
    opened = await shop.initiate(provider="cash")
    online = await shop.initiate()
    shop.provider.pays(online.reference)
    await shop.ask(online.reference)

    await decide(shop, "attach", reference=opened.reference)

    assert await shop.reviews() == ["surplus"]
    assert (await collection(shop)).result is CashResult.SURPLUS


async def test_cash_is_attached_to_nothing_but_a_cash_attempt_of_somebody_else(shop: Shop) -> None:
    await collected(shop, "order_9", collector="user_1")
    online = await shop.initiate()
    error = await decide_refused(shop, DecisionNotPossible, "attach", reference=online.reference)
    assert error.detail == "The money is cash, and the attempt is one of scripted."
    assert error.errors == (FieldError("/reference", "Name a cash attempt."),)
    own = await shop.initiate(provider="cash")

    error = await decide_refused(shop, DecisionNotPossible, "attach", reference=own.reference)

    assert error.detail == "Nobody collects their own cash."
    assert (await collection(shop)).result is CashResult.ORPHAN
    assert is_open(await the_review(shop))


# --- nobody knows


async def test_asking_again_answers_the_question_once_the_provider_knows(shop: Shop) -> None:
    reference = await stuck(shop)
    shop.provider.pays(reference)

    review = await decide(shop, "ask_again")

    assert review.state is ReviewState.RESOLVED
    assert (await shop.payment()).status is PaymentStatus.SUCCESS


async def test_an_attempt_that_can_no_longer_be_paid_needs_no_more_asking(shop: Shop) -> None:
    reference = await stuck(shop)
    shop.provider.answers(reference, CLOSED)

    assert (await decide(shop, "ask_again")).state is ReviewState.RESOLVED


async def test_asking_again_in_vain_leaves_the_question_open_and_is_on_record(shop: Shop) -> None:
    reference = await stuck(shop)
    shop.provider.answers(reference, IN_FLIGHT)

    review = await decide(shop, "ask_again")

    assert (review.state, review.decision) == (ReviewState.OPEN, None)
    payment = await shop.payment()
    assert await told_by(shop, payment, BOSS) == ["ReviewDecided", "ReviewReturned"]
    assert "'processing'" in (await story(shop, payment))[-1]["detail"]


async def test_what_a_person_saw_paid_settles_by_the_ordinary_rules(shop: Shop) -> None:
    await stuck(shop)

    await decide(shop, "record", outcome="paid", provider_reference="AP-1")

    payment = await shop.payment()
    assert payment.status is PaymentStatus.SUCCESS
    assert [(c.key, c.amount) for c in payment.captures] == [("AP-1", birr("1000.00"))]
    last = (await shop.kit.unit_of_work.reads.evidence_of(payment.payment_id))[-1]
    assert last.channel is Channel.OPERATOR


async def test_a_recorded_amount_that_differs_is_held_and_asked_about(shop: Shop) -> None:
    await stuck(shop)

    await decide(shop, "record", outcome="paid", provider_reference="AP-1", amount="999.00")

    assert dispositions(await shop.payment()) == [Disposition.HELD]
    assert await shop.reviews() == ["amount_mismatch"]


async def test_nobody_records_money_that_counts_elsewhere(shop: Shop) -> None:
    await stuck(shop)
    shop.kit.order("order_2")
    paid = await shop.initiate("order_2")
    shop.provider.pays(paid.reference)
    await shop.ask(paid.reference)

    key = f"T-{paid.reference}"
    await decide_refused(shop, DecisionNotPossible, "record", outcome="paid", provider_reference=key)

    assert (await shop.payment()).captures == ()


async def test_what_a_person_saw_unpaid_ends_the_question_and_late_money_still_counts(shop: Shop) -> None:
    reference = await stuck(shop)

    review = await decide(shop, "record", outcome="not_paid")

    assert review.state is ReviewState.RESOLVED
    assert (await shop.attempt(reference)).status is AttemptStatus.EXPIRED
    shop.provider.pays(reference)
    assert (await shop.ask(reference)).status is PaymentStatus.SUCCESS


# --- money that went back by itself


async def test_a_dispute_is_dismissed_once_it_was_read(shop: Shop) -> None:
    opened = await shop.initiate()
    await shop.attests_returned(opened.reference)
    await shop.ask(opened.reference)

    assert (await decide(shop, "dismiss")).state is ReviewState.RESOLVED


# --- delivery codes


async def code_locked(shop: Shop) -> str:
    """The reference of a cash attempt whose delivery code was given wrong too often."""
    opened = await shop.initiate(provider="cash")
    code = await shop.kit.delivery_code(opened.checkout_url)
    wrong = CashRecord(
        collection_id="c-1",
        collector="rider_7",
        outcome=AtTheDoor.COLLECTED,
        amount=birr("1000.00"),
        reference=opened.reference,
        delivery_code=f"{(int(code) + 1) % 1_000_000:06d}",
    )
    for _ in range(MOST_WRONG_CODES):
        with pytest.raises((WrongDeliveryCode, CashCodeLocked)):
            await shop.kit.payments.collect_cash(wrong)
    return opened.reference


async def test_an_unlocked_code_may_be_tried_again(shop: Shop) -> None:
    reference = await code_locked(shop)

    assert (await decide(shop, "unlock")).state is ReviewState.RESOLVED

    assert (await shop.attempt(reference)).wrong_codes == 0
    assert await told_by(shop, await shop.payment(), BOSS) == ["DeliveryCodeUnlocked", "ReviewResolved"]


async def test_a_refused_door_fails_the_attempt_and_another_may_be_made(shop: Shop) -> None:
    reference = await code_locked(shop)

    await decide(shop, "refuse")

    attempt = await shop.attempt(reference)
    assert (attempt.status, attempt.reason) == (AttemptStatus.FAILED, Reason.DECLINED)
    assert (await shop.payment()).status is PaymentStatus.FAILED


# --- refunds nobody knows the end of


def refunds_of(shop: Shop) -> ScriptedRefunds:
    """What sends the surplus back, which came through the second provider."""
    refunds = shop.other.refunds
    assert refunds is not None
    return refunds


async def refund_unknown(shop: Shop) -> None:
    """A refund whose answer was lost, a day ago; nobody could tell what became of it since."""
    await paid_twice(shop)
    refunds_of(shop).trouble.append(OutcomeUnknown("read timeout"))
    await decide(shop, "refund")
    await shop.kit.work()
    refunds_of(shop).silent = True
    await shop.pass_hours(25)


async def test_a_refund_seen_at_the_provider_succeeds_and_answers_both_questions(shop: Shop) -> None:
    await refund_unknown(shop)
    unknown = await the_review(shop, ReviewKind.REFUND_UNKNOWN)

    await resolve(shop, unknown, "record", outcome="succeeded", provider_reference="RF-1")

    refund = refund_of(await shop.payment())
    assert (refund.status, refund.provider_reference) == (RefundStatus.SUCCEEDED, "RF-1")
    assert await shop.reviews() == []


async def test_a_refund_seen_to_have_failed_returns_the_first_question(shop: Shop) -> None:
    await refund_unknown(shop)
    unknown = await the_review(shop, ReviewKind.REFUND_UNKNOWN)

    await resolve(shop, unknown, "record", outcome="failed")

    assert refund_of(await shop.payment()).status is RefundStatus.FAILED
    first = await the_review(shop)
    assert (first.kind, first.decision) == (ReviewKind.SURPLUS, None)


async def test_asking_again_about_a_refund_that_went_answers_both_questions(shop: Shop) -> None:
    await refund_unknown(shop)
    unknown = await the_review(shop, ReviewKind.REFUND_UNKNOWN)
    refunds_of(shop).silent = False
    refunds_of(shop).ends(refund_of(await shop.payment()).reference, RefundOutcome.SUCCEEDED)

    assert not is_open(await resolve(shop, unknown, "ask_again"))

    assert refund_of(await shop.payment()).status is RefundStatus.SUCCEEDED
    assert await shop.reviews() == []


async def test_asking_again_about_a_refund_in_vain_leaves_the_question_open(shop: Shop) -> None:
    await refund_unknown(shop)
    unknown = await the_review(shop, ReviewKind.REFUND_UNKNOWN)

    assert is_open(await resolve(shop, unknown, "ask_again"))

    assert (await told_by(shop, await shop.payment(), BOSS))[-2:] == ["ReviewDecided", "ReviewReturned"]


async def test_a_refund_above_the_limit_waits_for_a_second_person() -> None:
    provider, other = HesitatingProvider(), HesitatingProvider(name="other")
    kit = in_memory_payments(
        provider, other, refund_rules=RefundRules(approval_above={"ETB": birr("500.00")})
    )
    kit.order()
    shop = Shop(kit=kit, provider=provider, other=other)
    payment = await paid_twice(shop)
    review = await decide(shop, "refund")
    refund = refund_of(await shop.payment())
    assert refund.status is RefundStatus.AWAITING_APPROVAL
    await refused(
        ApprovalByRequester, kit.payments.approve_refund(payment.payment_id, refund.refund_id, approver=BOSS)
    )

    await kit.payments.approve_refund(payment.payment_id, refund.refund_id, approver=OTHER)

    assert not is_open((await kit.payments.review(review.review_id)).review)
    await everything_holds(kit)


# --- all of them


@pytest.mark.parametrize("kind", ReviewKind)
async def test_every_kind_has_a_way_out(kind: ReviewKind) -> None:
    assert WAYS_OUT[kind]


async def test_a_way_out_of_another_kind_is_refused_and_the_right_ones_are_named(shop: Shop) -> None:
    await paid_twice(shop)
    impossible = [way.value for way in WayOut if way not in WAYS_OUT[ReviewKind.SURPLUS]]

    for decision in impossible:
        error = await decide_refused(shop, DecisionNotPossible, decision)
        assert [each.detail for each in error.errors] == ["Use refund or dismiss."]

    assert is_open(await the_review(shop))


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501])
async def test_a_decision_has_a_reason(shop: Shop, reason: str) -> None:
    await paid_twice(shop)
    review = await the_review(shop)

    error = await refused(InvalidRequest, resolve(shop, review, "dismiss", reason=reason))

    assert error.errors == (FieldError("/reason", "Say why, in 1 to 500 characters."),)


@pytest.mark.parametrize(
    ("decision", "details", "wrong"),
    [
        ("attach", {}, {"/decision": "Use ask_again or record."}),
        ("ask_again", {"amount": "1.00"}, {"/amount": "Leave it out: ask_again does not use it."}),
        ("record", {}, {"/outcome": "Use paid or not_paid."}),
        ("record", {"outcome": "succeeded"}, {"/outcome": "Use paid or not_paid."}),
        (
            "record",
            {"outcome": "paid"},
            {"/provider_reference": "Give the provider's own name for it."},
        ),
        (
            "record",
            {"outcome": "paid", "provider_reference": " \t"},
            {"/provider_reference": "Give the provider's own name for it."},
        ),
        (
            "record",
            {"outcome": "not_paid", "amount": "1.00"},
            {"/amount": "Leave it out: it is said only of money that was paid."},
        ),
        (
            "record",
            {"outcome": "paid", "provider_reference": "A", "reference": "p", "paid_under": "p"},
            {
                "/reference": "Leave it out: record does not use it.",
                "/paid_under": "Leave it out: record does not use it.",
            },
        ),
        (
            "record",
            {"outcome": "paid", "provider_reference": "A", "amount": "1.005"},
            {"/amount": "Use a decimal text in ETB with up to 2 digits after the point."},
        ),
    ],
)
async def test_a_decision_takes_what_it_needs_and_no_more(
    shop: Shop, decision: str, details: dict[str, str], wrong: dict[str, str]
) -> None:
    await stuck(shop)
    review = await the_review(shop)

    with pytest.raises(InvalidRequest) as raised:
        await resolve(shop, review, decision, **details)

    assert {each.pointer: each.detail for each in raised.value.errors} == wrong


async def test_money_is_attached_to_an_attempt_that_is_named(shop: Shop) -> None:
    await heard_of(shop, UNKNOWN)

    error = await decide_refused(shop, InvalidRequest, "attach")

    assert error.errors == (FieldError("/reference", "Name the attempt that the money belongs to."),)


@pytest.mark.parametrize(
    ("details", "wrong"),
    [
        ({"outcome": "paid"}, {"/outcome": "Use succeeded or failed."}),
        ({"outcome": "succeeded"}, {"/provider_reference": "Give the provider's own name for it."}),
        (
            {"outcome": "succeeded", "provider_reference": "R", "amount": "1.00"},
            {"/amount": "Leave it out: it is said only of money that was paid."},
        ),
    ],
)
async def test_what_became_of_a_refund_is_recorded_in_words_of_its_own(
    shop: Shop, details: dict[str, str], wrong: dict[str, str]
) -> None:
    await refund_unknown(shop)
    review = await the_review(shop, ReviewKind.REFUND_UNKNOWN)

    error = await refused(InvalidRequest, resolve(shop, review, "record", **details))

    assert {each.pointer: each.detail for each in error.errors} == wrong


async def test_a_word_that_is_no_decision_is_refused(shop: Shop) -> None:
    await paid_twice(shop)

    error = await decide_refused(shop, InvalidRequest, "set_status_success")

    every = "accept, refund, dismiss, attach, ask_again, record, unlock, refuse"
    assert error.errors == (FieldError("/decision", f"Use one of: {every}."),)


async def test_a_review_that_is_not_there_is_not_found(shop: Shop) -> None:
    await paid_twice(shop)

    await refused(ReviewNotFound, shop.kit.payments.resolve(UUID(int=0), "dismiss", "seen", BOSS))
    await refused(ReviewNotFound, shop.kit.payments.review(UUID(int=0)))


async def test_the_second_person_is_told_that_it_is_decided(shop: Shop) -> None:
    await paid_twice(shop)
    review = await decide(shop, "dismiss")

    error = await refused(ReviewAlreadyDecided, resolve(shop, review, "dismiss", actor=OTHER))
    assert error.facts["decision"] == "dismiss"
    await refused(ReviewAlreadyDecided, resolve(shop, review, "refund"))


async def test_the_same_decision_by_the_same_person_is_answered_again_and_nothing_happens_twice(
    shop: Shop,
) -> None:
    await paid_twice(shop)
    first = await decide(shop, "refund")

    second = await resolve(shop, first, "refund")

    assert second == first
    assert len((await shop.payment()).refunds) == 1


async def test_a_review_tells_what_it_is_about(shop: Shop) -> None:
    payment = await short_money(shop)
    review = await the_review(shop)

    told = await shop.kit.payments.review(review.review_id)

    assert told.capture == payment.captures[0]
    assert told.payment is not None
    assert told.payment.payment_id == payment.payment_id
    assert [each.rule for each in told.evidence] == [Rule.AMOUNT_DIFFERS]
    assert told.ways_out == (WayOut.ACCEPT, WayOut.REFUND)


async def test_resolved_reviews_are_listed_by_themselves(shop: Shop) -> None:
    await paid_twice(shop)
    review = await decide(shop, "dismiss")

    open_ones = await shop.kit.payments.reviews()
    done = await shop.kit.payments.reviews(state=ReviewState.RESOLVED, kind=ReviewKind.SURPLUS)

    assert (open_ones.items, done.items) == ((), (review,))


async def test_a_decision_is_told_in_the_payments_story(shop: Shop) -> None:
    payment = await short_money(shop)
    shop.skip(seconds=20)
    await decide(shop, "accept")

    told = await shop.kit.payments.explain(payment.payment_id, None)

    assert [step.at for step in told.steps if step.source == "review"] == [shop.kit.clock.now()]

    said = " ".join(step.what for step in told.steps)
    assert "The held money was accepted as the payment." in said
    assert "operator:boss decided 'accept' about amount_mismatch: seen" in said

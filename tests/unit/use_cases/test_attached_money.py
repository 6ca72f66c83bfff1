"""Money that a person puts to an attempt says nothing about the attempt's own page: more may come there."""

from datetime import timedelta

import pytest

from payments.application.ports.providers import CheckoutRequest, RefundOutcome, Span
from payments.application.records import Claim
from payments.domain.errors import DecisionNotPossible, PaymentInFlight, PaymentInReview
from payments.domain.events import Reason, ReviewKind
from payments.domain.evidence import Answer, Mode, Outcome
from payments.domain.refund_rules import RefundRules
from payments.domain.transitions import AttemptStatus, Disposition, PaymentStatus, RefundStatus
from payments.testing import in_memory_payments
from tests.unit.use_cases.deciding import decide, decide_refused, dispositions, resolve, the_review, under_way
from tests.unit.use_cases.kept import everything_holds
from tests.unit.use_cases.shop import (
    IN_FLIGHT,
    NOTHING,
    OTHER_MODE,
    PAYABLE,
    HesitatingProvider,
    InterruptedStorage,
    Shop,
    birr,
)

pytestmark = pytest.mark.anyio

FORGOTTEN = "p-" + "c" * 26
WATCHED = timedelta(days=3)


def forgotten_money(amount: str = "1000.00", outcome: Outcome = Outcome.PAID) -> Answer:
    return Answer(
        outcome=outcome,
        word=outcome.value,
        reference=FORGOTTEN,
        amount=birr(amount),
        mode=Mode.TEST,
        provider_reference="4711",
        capture_key="4711",
    )


async def attached(shop: Shop, amount: str = "1000.00") -> str:
    """The reference of an open attempt that got money which was paid under a forgotten reference."""
    await shop.hear(FORGOTTEN)
    await shop.pass_hours(36)
    opened = await shop.initiate()
    shop.provider.answers(FORGOTTEN, forgotten_money(amount))
    await decide(shop, "attach", reference=opened.reference)
    assert [c.attached for c in (await shop.payment()).captures] == [True]
    return opened.reference


@pytest.mark.parametrize("learnt_by", ["a notice", "a redirect", "a reminder long after its watch"])
async def test_a_page_that_got_other_money_is_asked_about_when_it_is_said_to_be_paid(
    shop: Shop, learnt_by: str
) -> None:
    """Simulated history 2027816: the payer's own money was taken for the money that a person had attached."""
    reference = await attached(shop)
    shop.provider.forgets_to_cancel = True
    if learnt_by == "a reminder long after its watch":
        await shop.pass_hours(24 * 4)
        assert (await shop.attempt(reference)).next_check_at is None
    shop.provider.pays(reference)
    if learnt_by == "a redirect":
        shop.skip(seconds=5)
        await shop.kit.payments.settle(reference, "redirect", coalesce_s=3.0)
    else:
        await shop.hear(reference, Claim.PAID)
        await shop.kit.work()
    assert dispositions(await shop.payment()) == [Disposition.SETTLES, Disposition.SURPLUS]
    await everything_holds(shop.kit)


async def test_the_watch_of_a_page_goes_on_after_other_money_was_put_to_it(shop: Shop) -> None:
    reference = await attached(shop)
    shop.provider.forgets_to_cancel = True
    await shop.pass_minutes(10)
    shop.provider.pays(reference)

    await shop.pass_minutes(10)

    payment = await shop.payment()
    assert dispositions(payment) == [Disposition.SETTLES, Disposition.SURPLUS]
    assert payment.attempt(reference).next_check_at is None
    assert [c.attached for c in payment.captures] == [True, False]


async def test_a_page_that_other_money_paid_is_closed_at_its_provider(shop: Shop) -> None:
    reference = await attached(shop)
    shop.skip(seconds=31)

    await shop.kit.work()

    attempt = await shop.attempt(reference)
    assert (attempt.status, attempt.page_closed) == (AttemptStatus.SUCCEEDED, True)


async def test_the_watch_of_a_page_that_other_money_paid_ends_without_a_question(shop: Shop) -> None:
    reference = await attached(shop)

    await shop.pass_hours(WATCHED / timedelta(hours=1) + 3)

    assert (await shop.attempt(reference)).next_check_at is None
    assert await shop.reviews() == []
    await everything_holds(shop.kit)


@pytest.mark.parametrize("last", [NOTHING, IN_FLIGHT], ids=["no answer", "in flight"])
async def test_a_person_is_asked_where_the_watch_of_such_a_page_ends_in_silence(
    shop: Shop, last: Answer
) -> None:
    reference = await attached(shop)
    shop.provider.answers(reference, last)

    await shop.pass_hours(WATCHED / timedelta(hours=1) + 3)

    assert await shop.reviews() == ["stuck_unknown"]
    shop.provider.pays(reference)
    await decide(shop, "ask_again")
    assert dispositions(await shop.payment()) == [Disposition.SETTLES, Disposition.SURPLUS]


async def test_asking_again_about_such_a_page_ends_nothing_while_its_own_money_is_not_known(
    shop: Shop,
) -> None:
    reference = await attached(shop)
    shop.provider.answers(reference, IN_FLIGHT)
    await shop.pass_hours(WATCHED / timedelta(hours=1) + 3)

    await decide(shop, "ask_again")

    assert await shop.reviews() == ["stuck_unknown"]


async def test_a_page_on_which_other_money_is_held_ends_as_if_nothing_had_come(shop: Shop) -> None:
    reference = await attached(shop, "5.00")
    assert dispositions(await shop.payment()) == [Disposition.HELD]

    await shop.pass_hours(WATCHED / timedelta(hours=1) + 3)

    attempt = await shop.attempt(reference)
    assert (attempt.status, attempt.reason) == (AttemptStatus.EXPIRED, Reason.TIMED_OUT)
    assert attempt.next_check_at is None
    await everything_holds(shop.kit)


async def test_held_money_is_accepted_after_the_page_it_was_put_to_has_ended(shop: Shop) -> None:
    reference = await attached(shop, "5.00")
    await shop.pass_hours(WATCHED / timedelta(hours=1) + 3)

    await decide(shop, "accept")

    payment = await shop.payment()
    assert (payment.status, payment.attempt(reference).status) == (
        PaymentStatus.SUCCESS,
        AttemptStatus.SUCCEEDED,
    )
    await everything_holds(shop.kit)


async def test_what_was_paid_on_a_page_of_which_the_held_money_went_back_is_found(shop: Shop) -> None:
    reference = await attached(shop, "5.00")
    await decide(shop, "refund")
    await shop.kit.work()
    shop.provider.pays(reference)

    await shop.pass_minutes(10)

    payment = await shop.payment()
    assert payment.status is PaymentStatus.SUCCESS
    assert [(c.disposition, c.attached) for c in payment.captures] == [
        (Disposition.HELD, True),
        (Disposition.SETTLES, False),
    ]
    await everything_holds(shop.kit)


async def test_nobody_is_asked_about_a_page_whose_provider_names_the_very_money_that_was_put_to_it(
    shop: Shop,
) -> None:
    opened = await shop.initiate()
    await shop.attests(opened.reference, reference=FORGOTTEN)
    await shop.ask(opened.reference)
    await decide(shop, "attach", reference=opened.reference)

    await shop.pass_hours(WATCHED / timedelta(hours=1) + 3)

    assert await shop.reviews() == []
    assert (await shop.attempt(opened.reference)).next_check_at is None


async def test_a_refund_of_attached_money_never_takes_the_pages_own(shop: Shop) -> None:
    await shop.hear(FORGOTTEN)
    await shop.pass_hours(36)
    reference = (await shop.initiate()).reference
    shop.provider.answers(FORGOTTEN, forgotten_money("5.00"))
    await decide(shop, "attach", reference=reference)
    shop.provider.pays(reference)
    await shop.hear(reference, Claim.PAID)
    await shop.kit.work()
    assert dispositions(await shop.payment()) == [Disposition.HELD, Disposition.SETTLES]
    await decide(shop, "refund")
    await shop.kit.work()
    assert shop.provider.refunds is not None
    (request,) = shop.provider.refunds.requests.values()
    assert (request.attempt, request.capture_key) == (None, "4711")


async def test_no_second_checkout_while_the_payer_pays_on_a_page_whose_attached_money_went_back(
    shop: Shop,
) -> None:
    reference = await attached(shop, "5.00")
    shop.provider.answers(reference, IN_FLIGHT)
    await decide(shop, "refund")
    await shop.kit.work()
    await shop.initiate_refused(PaymentInFlight, provider="other")


async def test_a_person_is_asked_where_the_watch_ends_in_silence_after_attached_money_went_back(
    shop: Shop,
) -> None:
    reference = await attached(shop, "5.00")
    await decide(shop, "refund")
    await shop.kit.work()
    shop.provider.answers(reference, NOTHING)
    await shop.pass_hours(75)
    assert await shop.reviews() == ["stuck_unknown"]


async def test_attaching_is_no_look_at_the_page(shop: Shop) -> None:
    await shop.hear(FORGOTTEN)
    await shop.pass_hours(36)
    reference = (await shop.initiate()).reference
    shop.provider.forgets_to_cancel = True
    await shop.kit.payments.cancel((await shop.payment()).payment_id, "user_1", "payer:user_1")
    await shop.pass_hours(71)
    shop.provider.pays(reference)
    shop.provider.silent = True
    await shop.pass_hours(1)
    shop.skip(minutes=61)
    shop.provider.silent = False
    shop.provider.answers(FORGOTTEN, forgotten_money())
    await decide(shop, "attach", reference=reference)
    await shop.pass_hours(5)
    assert len((await shop.payment()).captures) == 2


async def test_a_refund_of_attached_money_explains_no_return_of_the_pages_own(shop: Shop) -> None:
    reference = await attached(shop)
    shop.provider.pays(reference)
    await shop.hear(reference, Claim.PAID)
    await shop.kit.work()
    payment = await shop.payment()
    await shop.kit.payments.refund(
        payment.payment_id, amount=birr("1000.00"), reason="returned", actor="operator:ann"
    )
    await shop.kit.work()
    assert (await shop.payment()).refunds[0].status is RefundStatus.SUCCEEDED
    await shop.hear(reference, Claim.RETURNED)
    await shop.kit.work()
    await shop.attests_returned(reference)
    await shop.pass_hours(26)
    assert len((await shop.payment()).refunds) == 2


async def test_money_that_went_back_is_not_attached_by_an_old_word(shop: Shop) -> None:
    opened = await shop.initiate()
    await shop.attests(opened.reference, reference=FORGOTTEN, capture_key="4711", provider_reference="4711")
    await shop.ask(opened.reference)
    shop.provider.answers(opened.reference, PAYABLE)
    shop.provider.answers(FORGOTTEN, forgotten_money(outcome=Outcome.RETURNED))
    await decide(shop, "attach", reference=opened.reference)
    assert (await shop.payment()).status is not PaymentStatus.SUCCESS


async def test_an_old_word_of_what_went_back_does_nothing_to_money_that_is_here(shop: Shop) -> None:
    """A refund of ours had come back since, and counted as gone without us (a simulated history)."""
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    await shop.ask(opened.reference)
    refund = await under_way(shop, opened.reference, amount="500.00")
    assert shop.provider.refunds is not None
    shop.provider.refunds.ends(refund.reference, RefundOutcome.SUCCEEDED)
    await shop.pass_minutes(2)
    gone = {"outcome": Outcome.RETURNED, "returned": birr("500.00")}
    await shop.attests(opened.reference, mode=OTHER_MODE, word="reversed", **gone)
    await shop.ask(opened.reference)
    await shop.attests(opened.reference, word="reversal-pending", **gone)
    await shop.ask(opened.reference)
    shop.provider.refunds.ends(refund.reference, RefundOutcome.FAILED)
    await shop.hear(refund.reference, Claim.FAILED)
    await shop.kit.payments.process_notices()
    assert (await shop.payment()).given_back == birr("0.00")
    shop.provider.answers(opened.reference, NOTHING)

    await resolve(shop, await the_review(shop, ReviewKind.ORPHAN), "attach", reference=opened.reference)

    assert (await shop.payment()).given_back == birr("0.00")


async def test_attaching_asks_no_question_again_that_was_decided(shop: Shop) -> None:
    """More went back than arrived; that was dismissed, and the same answer was then attached."""
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    await shop.ask(opened.reference)
    more = {"outcome": Outcome.RETURNED, "word": "refunded", "returned": birr("1200.00")}
    await shop.attests(opened.reference, mode=OTHER_MODE, **more)
    await shop.ask(opened.reference)
    await shop.attests(opened.reference, **more)
    for _ in range(2):
        await shop.ask(opened.reference)
    for question in (await shop.kit.payments.reviews(kind=ReviewKind.DISPUTE)).items:
        await resolve(shop, question, "dismiss")

    await decide(shop, "attach", reference=opened.reference)

    assert await shop.reviews() == []


async def test_what_became_of_money_that_is_attached_by_an_old_word_is_asked_about(shop: Shop) -> None:
    """Its provider was silent, and the watch of the attempt that it was paid on ended with that word."""
    first = await shop.initiate()
    shop.kit.order("order_2")
    second = await shop.initiate("order_2")
    said = {"reference": second.reference, "capture_key": "4711", "provider_reference": "4711"}
    await shop.attests(first.reference, **said)
    await shop.ask(first.reference)
    shop.provider.answers(first.reference, NOTHING)
    shop.provider.answers(second.reference, NOTHING)
    await decide(shop, "attach", reference=second.reference)
    assert dispositions(await shop.payment("order_2")) == [Disposition.SETTLES]
    await shop.attests(second.reference, **said, outcome=Outcome.RETURNED, word="reversed")

    await shop.pass_hours(2)

    assert (await shop.payment("order_2")).given_back == birr("1000.00")
    await shop.pass_hours(30)
    assert (await shop.attempt(second.reference)).next_check_at is None
    await everything_holds(shop.kit)


async def test_what_is_attached_while_a_refund_of_ours_fails_does_not_count_that_as_gone() -> None:
    storage, provider = InterruptedStorage(), HesitatingProvider()
    kit = in_memory_payments(provider, unit_of_work=storage)
    kit.order()
    shop = Shop(kit=kit, provider=provider, other=HesitatingProvider(name="other"))
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    payment = await shop.ask(opened.reference)
    refund = await under_way(shop, opened.reference, amount="500.00")
    gone = {"outcome": Outcome.RETURNED, "word": "reversed", "returned": birr("500.00")}
    await shop.attests(opened.reference, mode=OTHER_MODE, **gone)
    await shop.ask(opened.reference)
    await shop.attests(opened.reference, **gone)

    async def it_fails() -> None:
        assert shop.provider.refunds is not None
        shop.provider.refunds.ends(refund.reference, RefundOutcome.FAILED)
        await kit.payments.settle_refund(payment.payment_id, refund.refund_id, "operator")

    storage.meanwhile = it_fails
    await decide_refused(shop, DecisionNotPossible, "attach", reference=opened.reference)
    assert (await shop.payment()).given_back == birr("0.00")

    shop.provider.pays(opened.reference)
    await decide(shop, "attach", reference=opened.reference)
    assert (await shop.payment()).given_back == birr("0.00")
    assert await shop.reviews() == []


async def test_a_page_that_opens_after_money_was_attached_to_its_claim_is_not_handed_out(shop: Shop) -> None:
    await shop.hear(FORGOTTEN)
    await shop.pass_hours(36)
    shop.provider.answers(FORGOTTEN, forgotten_money("5.00"))

    async def attach(request: CheckoutRequest) -> None:
        (orphan,) = (await shop.kit.payments.reviews()).items
        await resolve(shop, orphan, "attach", reference=request.reference)

    shop.provider.after_opening = attach
    await shop.initiate_refused(PaymentInReview)


async def test_a_failed_refund_of_attached_money_asks_nobody_about_the_page(shop: Shop) -> None:
    reference = await attached(shop)
    await shop.pass_hours(24 * 4)
    shop.provider.answers(reference, NOTHING)
    assert shop.provider.refunds is not None
    shop.provider.refunds.answer = RefundOutcome.FAILED
    payment_id = (await shop.payment()).payment_id
    await shop.kit.payments.refund(payment_id, amount="300.00", reason="late", actor="operator:anna")
    await shop.pass_hours(5)

    assert await shop.reviews() == []


@pytest.mark.parametrize("outcome", [Outcome.PAID, Outcome.RETURNED])
async def test_money_that_is_put_to_the_attempt_it_was_paid_on_is_the_attempts_own(
    shop: Shop, outcome: Outcome
) -> None:
    """Seed 61045741: it was asked whether it was paid, and what a person recorded counted again."""
    opened = await shop.initiate()
    await shop.attests(opened.reference, mode=OTHER_MODE)
    await shop.ask(opened.reference)
    await shop.attests(opened.reference, outcome=outcome, word="said")

    await decide(shop, "attach", reference=opened.reference)
    shop.provider.answers(opened.reference, NOTHING)
    await shop.pass_hours(80)

    payment = await shop.payment()
    assert payment.has_own_money(opened.reference)
    assert "stuck_unknown" not in await shop.reviews()
    await everything_holds(shop.kit)


async def test_attached_money_that_its_provider_lists_as_returned_is_put_before_a_person(shop: Shop) -> None:
    reference = await attached(shop)
    back = forgotten_money(outcome=Outcome.RETURNED)
    shop.provider.answers(FORGOTTEN, back)
    shop.provider.ledger.lists(back)
    await shop.pass_hours(80)
    now = shop.kit.clock.now()
    span = Span(since=now - timedelta(days=9), until=now)
    told = [each async for each in shop.kit.payments.reconcile("scripted", span, apply=True)]

    assert [each.came.value for each in told] == ["asked_a_person"]
    assert [review.subject for review in (await shop.kit.payments.reviews()).items] == ["4711:returned"]
    await decide(shop, "attach", reference=reference, paid_under=FORGOTTEN)
    assert (await shop.payment()).given_back == birr("1000.00")


async def test_a_question_whose_refund_gives_way_to_attached_money_that_went_back_is_asked_again() -> None:
    """It waited for that refund, and nobody else would ever have been asked (seed 10532703)."""
    provider = HesitatingProvider()
    kit = in_memory_payments(provider, refund_rules=RefundRules(approval_above={"ETB": birr("500.00")}))
    kit.order()
    shop = Shop(kit=kit, provider=provider, other=provider)
    reference = (await shop.initiate()).reference
    await shop.attests(reference, mode=OTHER_MODE)
    await shop.ask(reference)
    await shop.attests(reference, amount=birr("900.00"))
    await shop.ask(reference)
    held = await the_review(shop, ReviewKind.AMOUNT_MISMATCH)
    await resolve(shop, held, "refund")
    await shop.attests(reference, outcome=Outcome.RETURNED, word="refunded")

    orphan = await the_review(shop, ReviewKind.ORPHAN)
    await resolve(shop, orphan, "attach", reference=reference)

    (refund, _) = (await shop.payment()).refunds
    assert refund.status is RefundStatus.FAILED
    asked = await the_review(shop, ReviewKind.AMOUNT_MISMATCH)
    assert (asked.decision, asked.refund_id) == (None, None)
    await everything_holds(kit)

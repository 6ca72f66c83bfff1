"""Whoever decides between the two steps of somebody else finds the question answered, never left behind."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from payments.application.ports.providers import Question, RefundOutcome, RefundRequest
from payments.application.records import Claim
from payments.domain.events import ReviewKind
from payments.domain.evidence import Outcome, Rule
from payments.domain.refund_rules import RefundRules
from payments.domain.review import Review, ReviewState
from payments.domain.transitions import RefundStatus
from payments.testing import in_memory_payments
from payments.testing.provider import ScriptedRefunds
from tests.unit.use_cases.deciding import OTHER, decide, is_open, refund_of, resolve, short_money, the_review
from tests.unit.use_cases.kept import everything_holds
from tests.unit.use_cases.shop import (
    HesitatingProvider,
    HesitatingRefunds,
    InterruptedStorage,
    Shop,
    birr,
)
from tests.unit.use_cases.test_refunds import Till

pytestmark = pytest.mark.anyio


async def paid_and_refused(
    storage: InterruptedStorage,
    rules: RefundRules | None = None,
    refunds: ScriptedRefunds | None = None,
) -> Till:
    """A paid order whose orders service will not hear of it; it has not been told yet."""
    provider = HesitatingProvider(refunds=refunds or ScriptedRefunds())
    kit = in_memory_payments(provider, unit_of_work=storage, refund_rules=rules)
    kit.order()
    kit.orders.refusing = True
    shop = Shop(kit=kit, provider=provider, other=provider)
    opened = await shop.initiate()
    provider.pays(opened.reference)
    await shop.ask(opened.reference)
    return Till(shop, opened.reference)


async def send_all_back(till: Till) -> Callable[[], Awaitable[Review]]:
    """A refund of all of it is asked for before the question is; the answer decides the question likewise."""
    await till.refund("1000.00")
    await till.shop.kit.work()
    question = await the_review(till.shop, ReviewKind.PAID_AFTER_CANCEL)
    return lambda: resolve(till.shop, question, "refund")


@pytest.mark.parametrize(
    ("answer", "open_still"), [(RefundOutcome.SUCCEEDED, []), (RefundOutcome.FAILED, ["paid_after_cancel"])]
)
async def test_a_question_decided_while_the_refund_it_waits_for_ends_is_answered_or_asked_again(
    answer: RefundOutcome, open_still: list[str]
) -> None:
    storage = InterruptedStorage()
    till = await paid_and_refused(storage)
    refunds = till.shop.provider.refunds
    assert refunds is not None
    refunds.answer = RefundOutcome.PENDING
    decide = await send_all_back(till)
    (refund,) = await till.refunds()

    refunds.ends(refund.reference, answer)
    storage.meanwhile = decide
    await till.ask(refund)

    assert await till.shop.reviews() == open_still
    await everything_holds(till.shop.kit)
    if open_still:
        assert (await the_review(till.shop, ReviewKind.PAID_AFTER_CANCEL)).decision is None


async def test_a_question_decided_while_its_refund_is_refused_is_asked_again() -> None:
    storage = InterruptedStorage()
    till = await paid_and_refused(storage, RefundRules(approval_above={"ETB": birr("1.00")}))
    decide = await send_all_back(till)
    (refund,) = await till.refunds()
    payment = await till.shop.payment()

    storage.meanwhile = decide
    await till.shop.kit.payments.refuse_refund(
        payment.payment_id, refund.refund_id, actor="operator:clerk", reason="another order's"
    )

    assert (await the_review(till.shop, ReviewKind.PAID_AFTER_CANCEL)).decision is None
    await everything_holds(till.shop.kit)


async def test_an_answer_of_success_to_a_refund_that_failed_meanwhile_is_a_question_to_a_person() -> None:
    """Somebody saw it fail at the provider while the provider's own yes was on its way in."""
    storage = InterruptedStorage()
    till = await paid_and_refused(storage)
    refunds = till.shop.provider.refunds
    assert refunds is not None
    refunds.answer = RefundOutcome.PENDING
    refund = await till.refund("300.00")
    refunds.ends(refund.reference, RefundOutcome.SUCCEEDED, word="processed")

    async def somebody_else_is_told_no() -> None:
        refunds.ends(refund.reference, RefundOutcome.FAILED, word="failed")
        await till.ask(refund)

    storage.meanwhile = somebody_else_is_told_no
    await till.ask(refund)

    assert await till.statuses() == ["failed"]
    (question,) = (await till.shop.kit.payments.reviews(kind=ReviewKind.DISPUTE)).items
    assert question.subject == str(refund.refund_id)
    await everything_holds(till.shop.kit)


async def test_a_review_that_comes_to_wait_for_a_refund_just_before_its_answer_is_recorded_is_resolved() -> (
    None
):
    refunds, storage = HesitatingRefunds(), InterruptedStorage()
    till = await paid_and_refused(storage, refunds=refunds)

    async def decide_for_the_refund_under_way() -> None:
        await till.shop.kit.work()
        payment = await till.shop.payment()
        assert (await decide(till.shop, "refund")).refund_id == refund_of(payment).refund_id

    async def arm(_request: RefundRequest) -> None:
        storage.meanwhile = decide_for_the_refund_under_way

    refunds.after_request = arm
    refund = await till.refund("1000.00")

    payment_id = (await till.shop.payment()).payment_id
    (review,) = await till.shop.kit.unit_of_work.reads.reviews_of(payment_id)
    assert (review.kind, review.state, review.decision, review.refund_id) == (
        ReviewKind.PAID_AFTER_CANCEL,
        ReviewState.RESOLVED,
        "refund",
        refund.refund_id,
    )
    await everything_holds(till.shop.kit)


async def test_a_review_that_waits_for_a_refund_which_gives_way_a_moment_later_is_open_again() -> None:
    storage = InterruptedStorage()
    till = await paid_and_refused(storage, RefundRules(approval_above={"ETB": birr("500.00")}))
    await till.refund("1000.00")
    await till.shop.kit.work()
    await till.shop.attests_returned(till.reference)

    async def decide_for_the_refund_that_waits() -> None:
        await decide(till.shop, "refund", actor=OTHER)

    storage.meanwhile = decide_for_the_refund_that_waits
    await till.shop.ask(till.reference)

    assert (await till.refunds())[0].status is RefundStatus.FAILED
    assert (await till.shop.verdicts())[-1] is Rule.RETURNED
    review = await the_review(till.shop, ReviewKind.PAID_AFTER_CANCEL)
    assert (review.decision, review.refund_id) == (None, None)
    await everything_holds(till.shop.kit)


@pytest.mark.parametrize(
    ("afterwards", "statuses", "reviews"),
    [
        ({"outcome": Outcome.PAID, "word": "success"}, ["failed"], []),
        ({}, ["failed", "succeeded"], ["dispute"]),
    ],
    ids=["came back", "went without us"],
)
async def test_money_that_seemed_gone_while_our_refund_failed_is_asked_about_again_and_not_taken_in(
    afterwards: dict[str, Any], statuses: list[str], reviews: list[str]
) -> None:
    """The answer counted our refund as gone; it had failed by the time the answer could be applied."""
    storage = InterruptedStorage()
    till = await paid_and_refused(storage)
    gone = {"outcome": Outcome.RETURNED, "word": "partially refunded", "returned": birr("300.00")}
    till.provider.answer = RefundOutcome.PENDING
    refund = await till.refund("300.00")
    await till.shop.attests(till.reference, **gone)

    async def it_fails() -> None:
        till.provider.ends(refund.reference, RefundOutcome.FAILED, word="failed")
        await till.ask(refund)
        await till.shop.attests(till.reference, **(afterwards or gone))

    storage.meanwhile = it_fails
    await till.shop.ask(till.reference)

    assert await till.statuses() == statuses
    assert await till.shop.reviews() == reviews
    await everything_holds(till.shop.kit)


async def test_where_refunds_fail_with_every_answer_its_notice_is_looked_at_again() -> None:
    storage = InterruptedStorage()
    till = await paid_and_refused(storage)
    till.provider.answer = RefundOutcome.PENDING
    refunds = [await till.refund("300.00"), await till.refund("200.00")]
    await till.shop.attests(
        till.reference, outcome=Outcome.RETURNED, word="partially refunded", returned=birr("500.00")
    )
    await till.shop.hear(till.reference, Claim.RETURNED)

    async def one_fails(_question: Question) -> None:
        async def fails() -> None:
            refund = refunds.pop()
            till.provider.ends(refund.reference, RefundOutcome.FAILED, word="failed")
            await till.ask(refund)

        storage.meanwhile = fails if refunds else None

    till.shop.provider.before_answering = one_fails
    await till.shop.kit.payments.process_notices()

    assert await till.statuses() == ["failed", "failed"]
    (notice,) = await till.shop.notices(till.reference)
    assert notice.handled_at is None
    till.shop.kit.clock.advance(timedelta(seconds=5))
    await till.shop.kit.payments.process_notices()
    assert await till.statuses() == ["failed", "failed", "succeeded"]
    await everything_holds(till.shop.kit)


async def test_a_refund_that_failed_before_its_decision_was_known_to_be_stored_is_not_reserved_again() -> (
    None
):
    storage, provider = InterruptedStorage(unheard=True), HesitatingProvider()
    kit = in_memory_payments(provider, unit_of_work=storage)
    kit.order()
    shop = Shop(kit=kit, provider=provider, other=provider)
    await short_money(shop)
    refunds = provider.refunds
    assert refunds is not None
    refunds.answer = RefundOutcome.FAILED
    storage.meanwhile = kit.work

    answered = await decide(shop, "refund")

    assert is_open(answered)
    assert [refund.status.value for refund in (await shop.payment()).refunds] == ["failed"]
    assert refunds.calls["request"] == 1
    await everything_holds(kit)

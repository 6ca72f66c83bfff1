"""Money that arrived, and then went back at the provider without us."""

from uuid import UUID

import attrs
import pytest

from payments.application.ports.providers import Question, RefundOutcome
from payments.application.records import Claim
from payments.domain.errors import ProviderRejected
from payments.domain.events import Reason, ReviewKind
from payments.domain.evidence import Outcome, Rule
from payments.domain.refund import Refund
from payments.domain.transitions import AttemptStatus, PaymentStatus, RefundStatus
from tests.unit.domain.one_page import DUE, LATER, found, paid
from tests.unit.use_cases.deciding import resolve, the_review
from tests.unit.use_cases.kept import everything_holds
from tests.unit.use_cases.shop import NOTHING, Shop, birr
from tests.unit.use_cases.test_reconcile import reconciled

pytestmark = pytest.mark.anyio


async def held_then_returned(shop: Shop) -> str:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference, amount=birr("400.00"))
    await shop.ask(opened.reference)
    await shop.attests(opened.reference, amount=birr("400.00"), word="refunded", outcome=Outcome.RETURNED)
    return opened.reference


async def test_once_held_money_is_wholly_given_back_its_attempt_is_failed_and_the_order_is_told(
    shop: Shop,
) -> None:
    reference = await held_then_returned(shop)
    await shop.hear(reference, Claim.RETURNED)
    await shop.kit.work()

    payment = await shop.payment()
    attempt = payment.attempt(reference)
    assert (attempt.status, attempt.reason) == (AttemptStatus.FAILED, Reason.RETURNED)
    assert payment.status is PaymentStatus.FAILED
    assert await shop.told() == ["failed"]


async def test_after_held_money_went_back_the_payer_gets_a_new_page_and_not_the_one_that_was_paid_on(
    shop: Shop,
) -> None:
    reference = await held_then_returned(shop)
    await shop.hear(reference, Claim.RETURNED)
    await shop.kit.work()

    again = await shop.initiate()

    assert again.reference != reference
    shop.provider.pays(again.reference)
    await shop.ask(again.reference)
    assert (await shop.payment()).status is PaymentStatus.SUCCESS


async def test_while_part_of_held_money_is_still_here_its_attempt_waits_for_a_person(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference, amount=birr("400.00"))
    await shop.ask(opened.reference)
    await shop.attests(
        opened.reference,
        amount=birr("400.00"),
        outcome=Outcome.RETURNED,
        returned=birr("150.00"),
        word="part",
    )
    await shop.hear(opened.reference, Claim.RETURNED)
    await shop.kit.work()

    payment = await shop.payment()
    assert payment.attempt(opened.reference).live
    assert payment.given_back == birr("150.00")


def test_a_return_after_a_refund_of_ours_that_failed_is_taken_in() -> None:
    once = paid()
    failed = Refund(
        refund_id=UUID(int=2),
        capture_id=once.captures[0].capture_id,
        reference="r-1",
        amount=DUE,
        status=RefundStatus.FAILED,
        reason="asked for",
        actor="operator",
        created_at=LATER,
    )
    payment = attrs.evolve(once, refunds=(failed,))

    settled = found(payment, Outcome.RETURNED, capture_key="k")

    assert settled.rule is Rule.RETURNED
    assert settled.payment.given_back == DUE


async def test_the_payer_hears_by_mail_that_money_went_back_and_through_whom(shop: Shop) -> None:
    first = await shop.initiate()
    second = await shop.initiate(provider="other")
    shop.provider.pays(first.reference)
    await shop.ask(first.reference)
    shop.other.pays(second.reference)
    await shop.ask(second.reference)
    await shop.kit.work()

    paid = await shop.other.check(
        Question(reference=second.reference, provider_reference=None, amount=birr("1000.00"))
    )
    shop.other.answers(second.reference, attrs.evolve(paid, outcome=Outcome.RETURNED, word="refunded"))
    await shop.ask(second.reference)
    await shop.kit.work()

    mail = shop.kit.notifier.sent[-1]
    assert mail.subject == "Money returned: 1000.00 ETB for order order_1"
    assert "Returned through: Other" in mail.text
    assert await shop.told() == ["paid"], "a surplus that goes back never makes the order refunded"


async def paid_and_refunded(shop: Shop, amount: str) -> str:
    """The reference of an attempt that was paid, and given back by us in whole or in part."""
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    payment = await shop.ask(opened.reference)
    await shop.kit.payments.refund(payment.payment_id, amount=amount, reason="broken", actor="operator:clerk")
    await shop.attests_returned(opened.reference)
    return opened.reference


@pytest.mark.parametrize("amount", ["1000.00", "400.00"])
@pytest.mark.parametrize("claim", [Claim.DISPUTED, Claim.CHARGED_BACK])
async def test_a_banks_claim_of_money_that_we_gave_back_is_asked_about_once(
    shop: Shop, claim: Claim, amount: str
) -> None:
    reference = await paid_and_refunded(shop, amount)
    for _ in range(2):
        shop.skip(minutes=5)
        await shop.hear(reference, claim)
        await shop.kit.work()

    reviews = await shop.kit.unit_of_work.reads.reviews_of((await shop.payment()).payment_id)
    subject = f"{reference}:charged_back" if claim is Claim.CHARGED_BACK else reference
    assert [(r.kind, r.subject) for r in reviews] == [(ReviewKind.DISPUTE, subject)]
    assert (await shop.payment()).given_back == birr(amount), "nobody guesses that it went twice"
    for notice in await shop.notices(reference):
        assert notice.handled_at is not None


async def test_a_notice_of_our_own_refund_is_no_dispute(shop: Shop) -> None:
    reference = await paid_and_refunded(shop, "1000.00")
    await shop.hear(reference, Claim.RETURNED)
    await shop.kit.work()

    assert await shop.reviews() == []


async def test_a_bank_that_took_money_we_never_gave_back_is_one_dispute(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    await shop.ask(opened.reference)
    await shop.hear(opened.reference, Claim.DISPUTED)
    await shop.kit.work()
    assert await shop.reviews() == []
    await shop.attests_returned(opened.reference)

    await shop.hear(opened.reference, Claim.CHARGED_BACK)
    await shop.kit.work()

    assert await shop.reviews() == ["dispute"]
    assert (await shop.payment()).given_back == birr("1000.00")


async def test_more_that_went_back_than_arrived_is_asked_about_once(shop: Shop) -> None:
    reference = await paid_and_refunded(shop, "1000.00")
    await shop.attests(reference, outcome=Outcome.RETURNED, word="reversed", returned=birr("2000.00"))

    await shop.ask(reference)
    await shop.ask(reference)

    reviews = await shop.kit.unit_of_work.reads.reviews_of((await shop.payment()).payment_id)
    assert [(r.kind, r.subject) for r in reviews] == [(ReviewKind.DISPUTE, reference)]
    assert "2000.00 ETB went back" in reviews[0].detail


async def test_what_went_back_is_asked_for_again_until_it_is_answered(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    await shop.ask(opened.reference)
    payment = await shop.payment()
    assert shop.provider.refunds is not None
    shop.provider.refunds.answer = RefundOutcome.PENDING
    mine = await shop.kit.payments.refund(
        payment.payment_id, amount="300.00", reason="late", actor="operator:anna"
    )
    # Somebody sends as much back at the provider.
    await shop.attests(opened.reference, outcome=Outcome.RETURNED, word="refunded", returned=birr("300.00"))
    await shop.ask(opened.reference)
    shop.provider.refunds.ends(mine.reference, RefundOutcome.FAILED)
    shop.provider.silent = True
    await shop.pass_minutes(30)
    shop.provider.silent = False
    await shop.pass_hours(2)
    assert (await shop.payment()).given_back == birr("300.00")


@pytest.mark.parametrize("before", [False, True])
async def test_a_banks_claim_is_asked_about_although_the_money_was_missing_once(
    shop: Shop,
    before: bool,  # noqa: FBT001 -- a row's field
) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    await shop.ask(opened.reference)
    await shop.kit.work()
    shop.skip(minutes=10)
    if before:
        shop.provider.forgets(opened.reference)
        await reconciled(shop, apply=True)
        await resolve(shop, await the_review(shop), "dismiss")
        shop.provider.pays(opened.reference)
    payment = await shop.payment()
    await shop.kit.payments.refund(payment.payment_id, amount="1000.00", reason="late", actor="operator:anna")
    await shop.attests_returned(opened.reference)
    await shop.hear(opened.reference, Claim.DISPUTED)
    await shop.pass_minutes(5)
    assert await shop.reviews() == ["dispute"]


async def test_missing_money_is_asked_about_although_a_bank_claimed_it_once(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    await shop.ask(opened.reference)
    await shop.kit.work()
    payment = await shop.payment()
    await shop.kit.payments.refund(payment.payment_id, amount="400.00", reason="late", actor="operator:anna")
    await shop.attests(opened.reference, outcome=Outcome.RETURNED, word="refunded", returned=birr("400.00"))
    await shop.hear(opened.reference, Claim.DISPUTED)
    await shop.pass_minutes(5)
    await resolve(shop, await the_review(shop), "dismiss")
    shop.skip(minutes=10)
    shop.provider.forgets(opened.reference)
    await reconciled(shop, apply=True)
    assert await shop.reviews() == ["dispute"]


@pytest.mark.parametrize("part", ["300.00", "1000.00"])
@pytest.mark.parametrize("came_back", [False, True])
async def test_of_a_refund_that_failed_no_money_is_taken_for_gone_where_nobody_says_how_much(
    shop: Shop,
    part: str,
    came_back: bool,  # noqa: FBT001 -- a row's field
) -> None:
    """Chapa goes on saying "refunded" of a transaction whose refund was reversed."""
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    payment = await shop.ask(opened.reference)
    assert shop.provider.refunds is not None
    shop.provider.refunds.answer = RefundOutcome.PENDING
    mine = await shop.kit.payments.refund(
        payment.payment_id, amount=part, reason="late", actor="operator:anna"
    )
    await shop.attests_returned(opened.reference)
    if came_back:
        shop.provider.refunds.ends(mine.reference, RefundOutcome.SUCCEEDED)
        await shop.pass_minutes(30)
    shop.provider.refunds.ends(mine.reference, RefundOutcome.FAILED)
    await shop.hear(mine.reference, Claim.OTHER)
    await shop.pass_hours(3)

    assert (await shop.payment()).given_back == birr("0.00")
    assert "dispute" in await shop.reviews()
    assert "refunded" not in (await shop.told())[-1:]
    await everything_holds(shop.kit)


async def test_what_may_have_gone_back_is_not_asked_about_for_ever(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    payment = await shop.ask(opened.reference)
    await shop.kit.work()
    shop.skip(days=30)
    shop.provider.silent = True
    assert shop.provider.refunds is not None
    shop.provider.refunds.answer = RefundOutcome.FAILED
    await shop.kit.payments.refund(payment.payment_id, amount="300.00", reason="late", actor="operator:anna")
    before = shop.provider.calls["check"]

    await shop.pass_hours(30)

    assert 7 <= shop.provider.calls["check"] - before <= 9
    assert (await shop.attempt(opened.reference)).next_check_at is None


@pytest.mark.parametrize("claim", [Claim.RETURNED, Claim.CHARGED_BACK])
@pytest.mark.parametrize("came_back", [True, False])
async def test_a_reversal_after_a_refund_that_failed_is_a_question_whatever_was_decided_before(
    shop: Shop,
    came_back: bool,  # noqa: FBT001 -- a row's field
    claim: Claim,
) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    payment = await shop.ask(opened.reference)
    assert shop.provider.refunds is not None
    shop.provider.refunds.answer = RefundOutcome.PENDING
    mine = await shop.kit.payments.refund(
        payment.payment_id, amount="300.00", reason="late", actor="operator:anna"
    )
    if came_back:
        shop.provider.refunds.ends(mine.reference, RefundOutcome.SUCCEEDED)
        await shop.pass_minutes(30)
    else:
        await shop.attests_returned(opened.reference)
    shop.provider.refunds.ends(mine.reference, RefundOutcome.FAILED)
    await shop.hear(mine.reference, Claim.OTHER)
    await shop.pass_hours(3)
    await resolve(shop, await the_review(shop), "dismiss")
    shop.skip(days=20)

    await shop.attests(opened.reference, outcome=Outcome.RETURNED, word="reversed")
    await shop.hear(opened.reference, claim)
    await shop.pass_hours(26)

    assert "dispute" in await shop.reviews()


async def test_what_went_back_beside_a_refund_that_was_refused_outright_is_taken_in(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    payment = await shop.ask(opened.reference)
    assert shop.provider.refunds is not None
    shop.provider.refunds.trouble = [ProviderRejected("insufficient balance")]
    await shop.kit.payments.refund(payment.payment_id, amount="1000.00", reason="late", actor="operator:anna")
    await shop.pass_hours(3)
    await shop.attests_returned(opened.reference)
    await shop.hear(opened.reference, Claim.RETURNED)
    await shop.pass_hours(3)

    assert (await shop.payment()).given_back == birr("1000.00")
    assert await shop.told() == ["paid", "refunded"]


async def test_one_bad_answer_long_after_the_watch_ends_no_question_about_what_went_back(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    payment = await shop.ask(opened.reference)
    await shop.kit.work()
    shop.skip(days=4)
    assert shop.provider.refunds is not None
    shop.provider.refunds.answer = RefundOutcome.PENDING
    mine = await shop.kit.payments.refund(
        payment.payment_id, amount="300.00", reason="late", actor="operator:anna"
    )
    await shop.attests_returned(opened.reference)
    await shop.hear(opened.reference, Claim.RETURNED)
    await shop.pass_minutes(5)
    shop.provider.answers(opened.reference, NOTHING)
    shop.provider.refunds.ends(mine.reference, RefundOutcome.FAILED)
    await shop.hear(mine.reference, Claim.OTHER)
    await shop.pass_minutes(5)
    await shop.attests_returned(opened.reference)
    await shop.pass_hours(5)

    assert await shop.reviews() == ["dispute"]

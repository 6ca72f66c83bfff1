"""Which money counts (docs/model.md section 3, "Matching"): each fact must be attested and equal."""

import pytest

from payments.application.records import Claim
from payments.domain.errors import PaymentInReview
from payments.domain.evidence import Answer, Mode, Outcome, Rule
from payments.domain.money import Money
from payments.domain.payment import Payment
from payments.domain.transitions import AttemptStatus, Disposition, PaymentStatus
from tests.unit.use_cases.shop import OTHER_MODE, Shop, birr

pytestmark = pytest.mark.anyio


async def held(shop: Shop, amount: Money) -> Payment:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference, amount=amount)
    return await shop.ask(opened.reference)


@pytest.mark.parametrize("amount", ["999.99", "1000.01", "1.00"])
async def test_another_amount_is_held_and_neither_paid_nor_failed(shop: Shop, amount: str) -> None:
    payment = await held(shop, birr(amount))

    assert payment.status is PaymentStatus.PROCESSING
    assert [c.disposition for c in payment.captures] == [Disposition.HELD]
    assert payment.received == birr(amount)
    assert await shop.verdicts() == [Rule.AMOUNT_DIFFERS]
    assert await shop.reviews() == ["amount_mismatch"]
    assert await shop.told() == []


async def test_fees_passed_on_settle_and_the_capture_holds_all_that_arrived(shop: Shop) -> None:
    opened = await shop.initiate()
    await shop.attests(opened.reference, captured=birr("1025.00"))

    payment = await shop.ask(opened.reference)

    assert payment.status is PaymentStatus.SUCCESS
    assert [(c.disposition, c.amount) for c in payment.captures] == [(Disposition.SETTLES, birr("1025.00"))]
    assert payment.amount == birr("1000.00")
    assert await shop.verdicts() == [Rule.SETTLED]
    assert await shop.reviews() == []


@pytest.mark.parametrize(
    ("facts", "rule"),
    [
        ({"amount": birr("999.00"), "captured": birr("1000.00")}, Rule.AMOUNT_DIFFERS),
        ({"amount": birr("1000.00"), "captured": birr("999.99")}, Rule.AMOUNT_DIFFERS),
        ({"captured": Money.of("1025.00", "USD")}, Rule.CURRENCY_DIFFERS),
    ],
    ids=["another amount was asked for", "less arrived than was asked for", "another currency arrived"],
)
async def test_fees_passed_on_never_make_up_for_what_was_due(
    shop: Shop, facts: dict[str, Money], rule: Rule
) -> None:
    opened = await shop.initiate()
    await shop.attests(opened.reference, **facts)

    payment = await shop.ask(opened.reference)

    assert [(c.disposition, c.amount) for c in payment.captures] == [(Disposition.HELD, facts["captured"])]
    assert await shop.verdicts() == [rule]


async def test_another_currency_is_held_and_shown_by_its_review_alone(shop: Shop) -> None:
    payment = await held(shop, Money.of("1000.00", "USD"))

    assert payment.status is PaymentStatus.PROCESSING
    assert payment.received == birr("0.00")
    assert await shop.verdicts() == [Rule.CURRENCY_DIFFERS]
    assert await shop.reviews() == ["currency_mismatch"]


async def test_held_money_stays_held_for_ever_without_a_person(shop: Shop) -> None:
    payment = await held(shop, birr("10.00"))

    await shop.pass_hours(80)

    after = await shop.payment()
    assert after.status is PaymentStatus.PROCESSING
    assert after.captures == payment.captures
    assert await shop.told() == []
    await shop.initiate_refused(PaymentInReview)


async def test_the_attempts_own_amount_is_held_when_the_order_was_edited_meanwhile(shop: Shop) -> None:
    first = await shop.initiate()
    shop.kit.order(amount="1200.00")
    second = await shop.initiate()
    shop.provider.pays(first.reference)

    payment = await shop.ask(first.reference)

    assert payment.amount == birr("1200.00")
    assert [c.disposition for c in payment.captures] == [Disposition.HELD]
    assert payment.attempt(second.reference).status is AttemptStatus.OPEN
    assert await shop.reviews() == ["amount_mismatch"]


async def test_the_right_money_still_settles_while_other_money_is_held(shop: Shop) -> None:
    first = await shop.initiate()
    shop.kit.order(amount="1200.00")
    second = await shop.initiate()
    shop.provider.pays(first.reference)
    await shop.ask(first.reference)
    shop.provider.pays(second.reference)

    payment = await shop.ask(second.reference)

    assert payment.status is PaymentStatus.SUCCESS
    assert sorted(c.disposition.value for c in payment.captures) == ["held", "settles"]


@pytest.mark.parametrize(
    "attested",
    [{"reference": "p-bbbbbbbbbbbbbbbbbbbbbbbbbb"}, {"mode": OTHER_MODE}],
    ids=["reference", "mode"],
)
async def test_another_reference_or_the_other_mode_is_no_money_of_ours(
    shop: Shop, attested: dict[str, str | Mode]
) -> None:
    opened = await shop.initiate()
    await shop.attests(opened.reference, **attested)

    payment = await shop.ask(opened.reference)

    assert payment.captures == ()
    assert payment.status is PaymentStatus.PROCESSING
    assert await shop.verdicts() == [Rule.NOT_OURS]
    assert await shop.reviews() == ["orphan"]
    again = await shop.initiate()
    assert again.reference == opened.reference, "an orphan never blocks anybody"


@pytest.mark.parametrize("fact", ["reference", "amount", "mode", "capture_key"])
async def test_money_with_a_fact_unattested_proves_nothing(shop: Shop, fact: str) -> None:
    opened = await shop.initiate()
    await shop.attests(opened.reference, **{fact: None})

    payment = await shop.ask(opened.reference)

    assert payment.captures == ()
    assert payment.status is PaymentStatus.PROCESSING
    assert await shop.verdicts() == [Rule.NOT_ATTESTED]
    assert await shop.reviews() == []


async def test_a_transaction_that_counts_for_another_attempt_is_not_counted_twice(shop: Shop) -> None:
    shop.kit.order("order_2")
    first, second = await shop.initiate(), await shop.initiate("order_2")
    shop.provider.pays(first.reference)
    await shop.ask(first.reference)
    shop.provider.pays(second.reference, capture_key=f"T-{first.reference}")

    payment = await shop.ask(second.reference)

    assert payment.captures == ()
    evidence = await shop.kit.unit_of_work.reads.evidence_of(payment.payment_id)
    assert [e.rule for e in evidence] == [Rule.KEY_TAKEN]
    reviews = await shop.kit.unit_of_work.reads.reviews_of(payment.payment_id)
    assert [r.kind.value for r in reviews] == ["orphan"]


async def test_a_second_payment_of_a_settled_order_is_surplus_and_put_before_a_person(shop: Shop) -> None:
    first = await shop.initiate()
    second = await shop.initiate(provider="other")
    shop.other.pays(second.reference)
    await shop.ask(second.reference)
    shop.provider.pays(first.reference)

    payment = await shop.ask(first.reference)

    assert [c.disposition for c in payment.captures] == [Disposition.SETTLES, Disposition.SURPLUS]
    assert payment.attempt(first.reference).status is AttemptStatus.SUCCEEDED
    assert payment.received == birr("2000.00")
    assert await shop.reviews() == ["surplus"]
    assert await shop.told() == ["paid"]


async def test_a_decline_that_names_the_other_mode_proves_nothing(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.answers(
        opened.reference, Answer(outcome=Outcome.DECLINED, word="failed", mode=OTHER_MODE, fingerprint="x")
    )

    payment = await shop.ask(opened.reference)

    assert payment.attempt(opened.reference).status is AttemptStatus.OPEN
    assert await shop.verdicts() == [Rule.NOT_OURS]


@pytest.mark.parametrize("learnt_by", ["a notice", "a redirect"])
async def test_a_page_whose_only_money_is_held_is_asked_about_when_it_is_said_to_be_paid(
    shop: Shop, learnt_by: str
) -> None:
    """Money of another transaction may have been put down to it by a person (simulated history 3034887)."""
    opened = await shop.initiate()
    shop.provider.pays(opened.reference, amount=Money.of("250.00", "USD"), capture_key="T-other")
    await shop.ask(opened.reference)
    assert [c.disposition for c in (await shop.payment()).captures] == [Disposition.HELD]
    shop.provider.pays(opened.reference)
    shop.skip(seconds=20)
    if learnt_by == "a notice":
        await shop.hear(opened.reference, Claim.PAID)
        await shop.kit.work()
    else:
        await shop.kit.payments.settle(opened.reference, "redirect", coalesce_s=3.0)
    captures = (await shop.payment()).captures
    assert [c.disposition for c in captures] == [Disposition.HELD, Disposition.SETTLES]

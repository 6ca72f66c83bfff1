"""Money that was lost, or counted twice, by what several rules made of it together."""

from functools import partial

import pytest

from payments.application.ports.providers import Question, RefundOutcome
from payments.application.records import Claim
from payments.domain.evidence import Outcome
from payments.domain.transitions import PaymentStatus, RefundStatus
from payments.testing import in_memory_payments
from tests.unit.use_cases.deciding import decide, stuck, under_way
from tests.unit.use_cases.kept import everything_holds
from tests.unit.use_cases.shop import OTHER_MODE, HesitatingProvider, InterruptedStorage, Shop, birr

pytestmark = pytest.mark.anyio


async def test_what_went_back_beside_a_failed_refund_is_found_although_another_refund_was_under_way(
    shop: Shop,
) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    payment = await shop.ask(opened.reference)
    assert shop.provider.refunds is not None
    shop.provider.refunds.answer = RefundOutcome.PENDING
    again = partial(
        shop.kit.payments.refund, payment.payment_id, amount="300.00", reason="late", actor="operator:anna"
    )
    first = await again()
    # Somebody sends as much back at the provider, which is taken for ours.
    await shop.attests(opened.reference, outcome=Outcome.RETURNED, word="refunded", returned=birr("300.00"))
    await shop.ask(opened.reference)
    shop.provider.refunds.ends(first.reference, RefundOutcome.FAILED)
    shop.skip(seconds=40)
    await shop.hear(first.reference, Claim.OTHER)
    await shop.kit.payments.process_notices()
    assert [r.status for r in (await shop.payment()).refunds] == [RefundStatus.FAILED]
    # It is tried again before the sweep had its turn.
    second = await again()
    await shop.pass_minutes(5)
    shop.provider.refunds.ends(second.reference, RefundOutcome.SUCCEEDED)
    await shop.attests(opened.reference, outcome=Outcome.RETURNED, word="refunded", returned=birr("600.00"))
    await shop.pass_hours(30)

    assert (await shop.payment()).given_back == birr("600.00")


@pytest.mark.parametrize("first", ["as it was before", "about another mode"])
async def test_one_answer_does_not_end_the_looks_for_what_went_back_beside_a_failed_refund(
    shop: Shop, first: str
) -> None:
    """Of the look after the failure: from a cache, or of other money (seeds 10512901 and 10001737)."""
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    await shop.ask(opened.reference)
    refund = await under_way(shop, opened.reference)
    assert shop.provider.refunds is not None
    # As much goes back in the dashboard, and its notice is taken for ours.
    await shop.attests(opened.reference, outcome=Outcome.RETURNED, word="refunded", returned=birr("300.00"))
    await shop.hear(opened.reference, Claim.RETURNED)
    await shop.pass_minutes(1)
    shop.provider.refunds.ends(refund.reference, RefundOutcome.FAILED)
    if first == "as it was before":
        shop.provider.pays(opened.reference)
    else:
        await shop.attests(opened.reference, mode=OTHER_MODE)
    await shop.pass_minutes(10)
    assert [r.status for r in (await shop.payment()).refunds] == [RefundStatus.FAILED]
    await shop.attests(opened.reference, outcome=Outcome.RETURNED, word="refunded", returned=birr("300.00"))
    await shop.pass_hours(30)

    assert (await shop.payment()).given_back == birr("300.00")


async def test_money_that_comes_again_does_not_end_the_looks_for_what_went_back(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    await shop.ask(opened.reference)
    refund = await under_way(shop, opened.reference)
    assert shop.provider.refunds is not None
    shop.provider.refunds.ends(refund.reference, RefundOutcome.FAILED)
    await shop.attests(opened.reference, outcome=Outcome.NOTHING, word="HTTP 503")
    await shop.pass_minutes(10)
    await shop.attests(opened.reference, capture_key="another")
    await shop.ask(opened.reference)
    assert len((await shop.payment()).captures) == 2
    await shop.attests(opened.reference, outcome=Outcome.RETURNED, word="refunded", returned=birr("300.00"))
    await shop.pass_hours(30)

    assert (await shop.payment()).given_back == birr("300.00")


async def test_what_went_back_while_a_refund_could_not_be_sent_is_found_once_it_is_recorded_as_failed() -> (
    None
):
    provider = HesitatingProvider(refunds=None)
    kit = in_memory_payments(provider)
    kit.order()
    shop = Shop(kit=kit, provider=provider, other=provider)
    opened = await shop.initiate()
    provider.pays(opened.reference)
    payment = await shop.ask(opened.reference)
    await kit.payments.refund(payment.payment_id, amount="300.00", reason="late", actor="operator:anna")
    # As much goes back there for another reason.
    await shop.attests(opened.reference, outcome=Outcome.RETURNED, word="refunded", returned=birr("300.00"))
    await shop.hear(opened.reference, Claim.RETURNED)
    await shop.pass_minutes(5)
    await decide(shop, "record", outcome="failed")
    await shop.pass_hours(30)

    assert (await shop.payment()).given_back == birr("300.00")
    await everything_holds(kit)


@pytest.mark.parametrize("claim", [Claim.RETURNED, Claim.CHARGED_BACK])
async def test_that_money_went_back_is_not_handled_by_an_answer_that_nothing_went_yet(
    shop: Shop, claim: Claim
) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    await shop.ask(opened.reference)
    await shop.attests(
        opened.reference, outcome=Outcome.RETURNED, word="reversal-pending", returned=birr("0.00")
    )
    await shop.hear(opened.reference, claim)
    await shop.pass_minutes(2)
    await shop.attests(opened.reference, outcome=Outcome.RETURNED, word="reversed")
    await shop.pass_hours(30)

    assert (await shop.payment()).given_back == birr("1000.00")


@pytest.mark.parametrize("outcome", [Outcome.PAID, Outcome.RETURNED])
async def test_what_a_person_recorded_is_not_counted_again_because_its_payer_bore_the_fees(
    shop: Shop, outcome: Outcome
) -> None:
    reference = await stuck(shop)
    await decide(shop, "record", outcome="paid", provider_reference="slip 7")

    await shop.attests(
        reference, outcome=outcome, word="said", amount=birr("1000.00"), captured=birr("1030.00")
    )
    await shop.ask(reference)

    assert [capture.key for capture in (await shop.payment()).captures] == ["slip 7"]


async def test_a_late_notice_is_not_handled_by_an_old_decline_because_a_commit_was_in_doubt() -> None:
    storage, provider = InterruptedStorage(), HesitatingProvider()
    kit = in_memory_payments(provider, unit_of_work=storage)
    kit.order()
    shop = Shop(kit=kit, provider=provider, other=provider)
    opened = await shop.initiate()
    await shop.pass_hours(80)
    provider.declines(opened.reference)
    await shop.hear(opened.reference)

    async def nobody_else() -> None:
        return None

    async def lose_the_next_commit(_question: Question) -> None:
        storage.unheard, storage.meanwhile = True, nobody_else
        provider.before_answering = None

    provider.before_answering = lose_the_next_commit
    await kit.payments.process_notices()
    provider.pays(opened.reference)
    await shop.pass_hours(30)

    assert (await shop.payment()).status is PaymentStatus.SUCCESS
    await everything_holds(kit)

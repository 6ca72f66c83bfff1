"""What becomes of money that arrived for an order already paid, by the policy that the shop chose."""

import pytest

from payments.domain.errors import ApprovalByRequester, ProviderRejected
from payments.domain.money import Money
from payments.domain.refund_rules import RefundRules, SurplusPolicy
from payments.domain.review import Review
from tests.unit.use_cases.deciding import resolve
from tests.unit.use_cases.shop import HesitatingProvider, Shop, birr, refused
from tests.unit.use_cases.test_refunds import Till, paid_again, till_of

pytestmark = pytest.mark.anyio

PROPOSE = RefundRules(surplus=SurplusPolicy.PROPOSE)
AUTOMATIC = RefundRules(surplus=SurplusPolicy.AUTOMATIC, automatic_up_to={"ETB": birr("1000.00")})


async def surplus(till: Till) -> tuple[Review, ...]:
    """The questions about surplus after money arrived twice."""
    await paid_again(till.shop)
    return await questions(till.shop)


async def questions(shop: Shop) -> tuple[Review, ...]:
    payment = await shop.payment()
    return await shop.kit.unit_of_work.reads.reviews_of(payment.payment_id)


async def test_without_a_policy_a_person_decides() -> None:
    till = await till_of()
    (question,) = await surplus(till)
    assert (question.decision, question.refund_id) == (None, None)
    assert await till.refunds() == ()


async def test_a_proposal_waits_for_any_operator_and_resolves_the_question_once_it_succeeded() -> None:
    till = await till_of(rules=PROPOSE)
    (question,) = await surplus(till)
    (proposed,) = await till.refunds()
    assert (proposed.actor, proposed.status.value) == ("policy:surplus", "awaiting_approval")
    assert (question.refund_id, question.decision) == (proposed.refund_id, "refund")
    assert await till.shop.kit.payments.check() == ()

    await till.approve(proposed, "operator:clerk")

    assert await till.statuses() == ["succeeded"]
    assert await till.shop.reviews() == []
    assert await till.shop.told() == ["paid"]
    assert await till.shop.kit.payments.check() == ()


async def test_nobody_is_told_that_a_person_decided_what_the_policy_did() -> None:
    till = await till_of(rules=AUTOMATIC)
    await surplus(till)

    payment = await till.shop.payment()
    told = [step.what for step in (await till.shop.kit.payments.explain(payment.payment_id, None)).steps]
    assert "It was decided 'refund' about surplus: by the surplus policy" in told
    assert not any(said.startswith("A person decided") for said in told)


async def never_sent() -> tuple[Till, Review]:
    """Surplus that is set aside and cannot be sent, because its receipt never came; and who is asked."""
    till = await till_of(HesitatingProvider(refunds_by_receipt=True), rules=AUTOMATIC)
    await surplus(till)
    await till.shop.pass_hours(23)
    assert await till.statuses() == ["reserved"]
    assert [q.kind.value for q in await questions(till.shop)] == ["surplus"]

    await till.shop.pass_hours(2)

    _, asked = await questions(till.shop)
    assert (asked.kind.value, asked.decision) == ("refund_unknown", None)
    return till, asked


async def test_what_cannot_be_sent_for_a_day_is_a_persons_question_and_may_be_given_up() -> None:
    till, asked = await never_sent()

    await resolve(till.shop, asked, "record", outcome="failed")

    assert await till.statuses() == ["failed"]
    assert await till.shop.reviews() == ["surplus"]
    assert (await questions(till.shop))[0].decision is None, "a person decides about the surplus again"
    assert await till.shop.kit.payments.check() == ()


async def test_what_could_not_be_sent_may_be_recorded_as_sent_by_hand() -> None:
    till, asked = await never_sent()

    await resolve(till.shop, asked, "record", outcome="succeeded", provider_reference="SKE52PAWR9")

    (refund,) = await till.refunds()
    assert (refund.status.value, refund.provider_reference) == ("succeeded", "SKE52PAWR9")
    assert await till.shop.reviews() == []
    assert till.provider.calls["request"] == 0
    assert await till.shop.kit.payments.check() == ()


async def test_nobody_can_approve_in_the_name_of_the_policy() -> None:
    till = await till_of(rules=PROPOSE)
    await surplus(till)
    (proposed,) = await till.refunds()
    await refused(ApprovalByRequester, till.approve(proposed, "policy:surplus"))


async def test_a_proposal_that_is_refused_gives_the_question_back() -> None:
    till = await till_of(rules=PROPOSE)
    await surplus(till)
    (proposed,) = await till.refunds()
    payment = await till.shop.payment()

    await till.shop.kit.payments.refuse_refund(
        payment.payment_id, proposed.refund_id, actor="operator:clerk", reason="another order's"
    )

    (question,) = await questions(till.shop)
    assert (question.decision, question.refund_id) == (None, None)
    assert await till.shop.reviews() == ["surplus"]
    assert await till.shop.kit.payments.check() == ()


async def test_up_to_the_limit_surplus_goes_back_by_itself() -> None:
    till = await till_of(rules=AUTOMATIC)
    await surplus(till)
    assert await till.statuses() == ["reserved"]

    await till.shop.kit.work()

    assert await till.statuses() == ["succeeded"]
    assert await till.shop.reviews() == []
    assert till.provider.calls["request"] == 1
    assert await till.shop.kit.payments.check() == ()


async def test_an_automatic_refund_that_fails_gives_the_question_to_a_person() -> None:
    till = await till_of(rules=AUTOMATIC)
    till.provider.trouble = [ProviderRejected("no balance")]
    await surplus(till)

    await till.shop.kit.work()

    assert await till.statuses() == ["failed"]
    assert await till.shop.reviews() == ["surplus"]
    assert till.provider.calls["request"] == 1
    assert await till.shop.kit.payments.check() == ()


@pytest.mark.parametrize("limits", [{"ETB": birr("999.99")}, {"KES": Money.of("5000.00", "KES")}, {}])
async def test_beyond_the_limit_it_is_proposed(limits: dict[str, Money]) -> None:
    rules = RefundRules(surplus=SurplusPolicy.AUTOMATIC, automatic_up_to=limits)
    till = await till_of(rules=rules)
    await surplus(till)
    assert await till.statuses() == ["awaiting_approval"]


async def test_money_that_a_person_hands_back_is_never_automatic() -> None:
    till = await till_of(HesitatingProvider(refunds=None), rules=AUTOMATIC)
    await surplus(till)
    await till.shop.kit.work()
    assert await till.statuses() == ["awaiting_approval"]

"""What ``check`` says: every broken promise, and nothing about a lawful history, however odd."""

import attrs
import pytest

from payments.application.invariants import Case, violations_of
from payments.domain.transitions import AttemptStatus
from tests.unit.use_cases.shop import Shop, birr

pytestmark = pytest.mark.anyio


async def case_of(shop: Shop) -> Case:
    payment = await shop.payment()
    reads = shop.kit.unit_of_work.reads
    return Case(
        payment=payment,
        evidence=await reads.evidence_of(payment.payment_id),
        messages=await reads.messages_of(payment.payment_id),
        reviews=await reads.reviews_of(payment.payment_id),
        audit=await reads.audit_of(payment.payment_id),
        now=shop.kit.clock.now(),
    )


async def test_a_live_attempt_whose_money_is_gone_and_that_nobody_asks_about_is_found(shop: Shop) -> None:
    opened = await shop.initiate()
    await shop.attests_returned(opened.reference)
    await shop.ask(opened.reference)
    case = await case_of(shop)
    attempt = case.payment.attempt(opened.reference)
    forgotten = attrs.evolve(attempt, status=AttemptStatus.OPEN, reason=None)

    found = violations_of(attrs.evolve(case, payment=case.payment.with_attempt(forgotten)))

    assert any(v.invariant == "I13" and "its money is gone" in v.detail for v in found)


async def test_a_live_attempt_whose_money_waits_for_a_person_is_not(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference, amount=birr("1.00"))
    await shop.ask(opened.reference)

    assert violations_of(await case_of(shop)) == ()

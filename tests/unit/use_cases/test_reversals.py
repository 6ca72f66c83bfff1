"""Money of prompts that goes back whole, by its receipt, as at M-Pesa."""

from datetime import timedelta
from typing import Any, cast

import attrs
import pytest

from payments.application.ports.providers import Provider, RefundAnswer, RefundOutcome, RefundQuestion
from payments.application.records import Claim
from payments.application.review_details import Details
from payments.domain.money import Money
from payments.domain.payment import Payment
from payments.domain.refund_rules import RefundRules, SurplusPolicy
from payments.domain.transitions import RefundStatus
from payments.testing import ScriptedPrompts, in_memory_payments
from payments.testing.provider import ScriptedRefunds
from tests.unit.use_cases.kept import everything_holds
from tests.unit.use_cases.prompts_shop import PromptsShop
from tests.unit.use_cases.test_names_of_money import RECEIPT, record

pytestmark = pytest.mark.anyio


@attrs.define
class Reversing(ScriptedPrompts):
    """Prompts whose money is sent back whole, by its receipt."""

    refunds: ScriptedRefunds = attrs.field(factory=ScriptedRefunds)

    def provider(self, **how: timedelta) -> Provider:
        return attrs.evolve(
            super().provider(**how), refunds=self.refunds, refunds_by_receipt=True, refunds_whole=True
        )


def reversing(
    rules: RefundRules | None = None, refunds: ScriptedRefunds | None = None
) -> tuple[PromptsShop, Reversing]:
    prompts = Reversing(refunds=refunds or ScriptedRefunds())
    kit = in_memory_payments(prompts=prompts, refund_rules=rules)
    kit.order(amount="1000.00", currency="KES")
    return PromptsShop(kit=kit, prompts=prompts), prompts


async def test_no_policy_sends_back_the_only_money_of_a_prompt() -> None:
    rules = RefundRules(surplus=SurplusPolicy.AUTOMATIC, automatic_up_to={"KES": Money.of("5000.00", "KES")})
    prompted, prompts = reversing(rules)
    opened = await prompted.initiate()
    prompts.silent = True
    await prompted.pass_time(hours=26)
    await record(prompted, "as the portal has it")
    prompts.silent = False
    prompts.pays(opened.reference)
    await prompted.reports(opened.reference, receipt=RECEIPT)
    await prompted.ask(opened.reference)
    await prompted.pass_time(minutes=5)
    assert prompts.refunds.calls["request"] == 0
    # It may be sent by a person who knows that it is other money.
    assert [r.status for r in (await prompted.payment()).refunds] == [RefundStatus.AWAITING_APPROVAL]
    await everything_holds(prompted.kit)


async def test_money_that_a_person_recorded_by_its_receipt_can_be_sent_back() -> None:
    prompted, prompts = reversing()
    await prompted.initiate()
    prompts.silent = True
    await prompted.pass_time(hours=26)
    (asked,) = (await prompted.kit.payments.reviews()).items
    seen = Details(outcome="paid", provider_reference=RECEIPT, amount="900.00")
    await prompted.kit.payments.resolve(asked.review_id, "record", "seen", "operator:boss", seen)
    (asked,) = (await prompted.kit.payments.reviews()).items
    await prompted.kit.payments.resolve(asked.review_id, "refund", "too little", "operator:boss")
    await prompted.pass_time(minutes=5)
    assert [r.receipt for r in prompts.refunds.requests.values()] == [RECEIPT]
    assert await prompted.reviews() == []
    await everything_holds(prompted.kit)


@attrs.define
class Reporting(ScriptedRefunds):
    """Knows of a refund only what was reported, as M-Pesa."""

    async def check(self, question: RefundQuestion) -> RefundAnswer:
        self.calls["check"] += 1
        said = [r for r in question.reports if r.claim is Claim.RETURNED]
        outcome = RefundOutcome.SUCCEEDED if said else RefundOutcome.NOTHING
        return RefundAnswer(outcome=outcome, word="reported" if said else "no result yet")


async def test_a_refund_that_was_reported_done_is_not_sent_again() -> None:
    """A restored database has it reserved; its report came after the restore."""
    prompted, prompts = reversing(refunds=Reporting())
    opened = await prompted.initiate()
    prompts.pays(opened.reference)
    await prompted.reports(opened.reference, receipt=RECEIPT)
    await prompted.kit.work()
    payment = await prompted.payment()

    async def not_sent(*_which: object, **_why: object) -> Payment:
        return await prompted.payment()

    # What the backup has: reserved, and nothing sent.
    reserving = attrs.evolve(prompted.kit.payments.refund, send=cast(Any, not_sent))
    refund = await reserving(payment.payment_id, amount="1000.00", reason="late", actor="operator:anna")
    assert refund.status is RefundStatus.RESERVED
    tokens = prompted.kit.payments.refund._send._tokens
    token = tokens.callback(refund.reference)
    body = prompts.callback(opened.reference, Claim.RETURNED, name="AG-1", amount="1000.00")
    prompted.skip(minutes=2)
    await prompted.kit.payments.receive_callback(token, body)
    await prompted.pass_time(minutes=5)
    assert prompts.refunds.calls["request"] == 0
    assert [r.status for r in (await prompted.payment()).refunds] == [RefundStatus.SUCCEEDED]


async def test_a_receipt_that_was_recorded_for_another_order_is_a_question_when_it_is_learnt() -> None:
    prompted, prompts = reversing()
    prompted.kit.order("order_2", amount="1000.00", currency="KES")
    first = await prompted.initiate()
    prompts.pays(first.reference)
    await prompted.ask(first.reference)
    prompted.skip(seconds=11)
    await prompted.ask(first.reference)
    await prompted.initiate("order_2")
    prompts.silent = True
    await prompted.pass_time(hours=26)
    await record(prompted, RECEIPT)
    prompts.silent = False
    for _ in range(2):
        await prompted.reports(first.reference, receipt=RECEIPT)
        await prompted.pass_time(hours=1)
        await prompted.ask(first.reference)

    (capture,) = (await prompted.payment()).captures
    assert capture.receipt is None
    assert await prompted.reviews() == ["dispute"]
    await everything_holds(prompted.kit)

"""Whoever decides between the two steps of somebody else finds the question answered, never left behind."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import attrs
import pytest

from payments.adapters.memory.unit_of_work import MemoryUnitOfWork
from payments.application.ports.providers import RefundOutcome
from payments.application.ports.repository import Transaction
from payments.domain.events import ReviewKind
from payments.domain.refund_rules import RefundRules
from payments.domain.review import Review
from payments.testing import in_memory_payments
from tests.unit.use_cases.deciding import resolve, the_review
from tests.unit.use_cases.shop import HesitatingProvider, Shop, birr
from tests.unit.use_cases.test_refunds import Till

T = TypeVar("T")

pytestmark = pytest.mark.anyio


@attrs.define
class InterruptedStorage(MemoryUnitOfWork):
    """Lets somebody else do something between what a use-case read and what it writes, once."""

    meanwhile: Callable[[], Awaitable[object]] | None = None

    async def write(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            await meanwhile()
        return await super().write(work)


async def paid_and_refused(storage: InterruptedStorage, rules: RefundRules | None = None) -> Till:
    """A paid order whose orders service will not hear of it; it has not been told yet."""
    provider = HesitatingProvider()
    kit = in_memory_payments(provider, unit_of_work=storage, refund_rules=rules)
    kit.order()
    kit.orders.refusing = True
    till = Till(Shop(kit=kit, provider=provider, other=provider), "")
    opened = await till.shop.initiate()
    provider.pays(opened.reference)
    await till.shop.ask(opened.reference)
    return till


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
    assert await till.shop.kit.payments.check() == ()
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
    assert await till.shop.kit.payments.check() == ()


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
    assert await till.shop.kit.payments.check() == ()

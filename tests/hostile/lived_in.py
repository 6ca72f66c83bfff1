"""A service in which everything has happened once: what an address may name is there, and is ``user_1``'s."""

from typing import Final
from uuid import UUID, uuid4

import attrs

from payments.application.review_recording import opened_alone
from payments.domain.events import ReviewKind
from payments.domain.money import Money
from payments.domain.refund_rules import RefundRules
from payments.domain.review import Review
from payments.testing import InMemoryPayments, ScriptedPrompts, cash_on_delivery, in_memory_payments

OWNER: Final = "user_1"
CLERK: Final = "operator:clerk"


@attrs.frozen(kw_only=True)
class LivedIn:
    """The service, and the names of what is in it."""

    kit: InMemoryPayments
    open_payment: UUID
    paid_payment: UUID
    refund: UUID
    """Of the paid payment; it waits for approval."""
    review: UUID
    page_token: str
    callback_token: str
    references: tuple[str, ...]

    def named(self) -> dict[str, str]:
        """What stands for each part of a path, where it is to be there."""
        return {
            "order_id": "order_new",
            "payment_id": str(self.paid_payment),
            "refund_id": str(self.refund),
            "review_id": str(self.review),
            "provider": "scripted",
            "name": "page.css",
            "token": self.page_token,
        }


async def lived_in() -> LivedIn:
    """A service with an order not begun, one being paid, one paid and to be returned, and one at the door."""
    prompts = ScriptedPrompts()
    rules = RefundRules(approval_above={"ETB": Money.of("100.00", "ETB")})
    kit = in_memory_payments(prompts=prompts, cash=cash_on_delivery(), refund_rules=rules)
    kit.order("order_new")
    kit.order("order_open", "10.00", "KES")
    kit.order("order_paid")
    kit.order("order_cash")
    opened = await kit.payments.initiate("order_open", OWNER, "prompts", phone_number="0712345678")
    at_the_door = await kit.payments.initiate("order_cash", OWNER, "cash")
    paid = await kit.payments.initiate("order_paid", OWNER, "scripted")
    kit.provider.pays(paid.reference)
    await kit.payments.settle(paid.reference)
    refund = await kit.payments.refund(paid.payment_id, amount="500.00", reason="came back", actor=CLERK)
    review = Review(
        review_id=uuid4(),
        kind=ReviewKind.ORPHAN,
        subject="p-aaaaaaaaaaaaaaaaaaaaaaaaaa",
        payment_id=None,
        detail="scripted said 'paid', and never confirmed it when asked.",
        opened_at=kit.clock.now(),
    )
    told = opened_alone(review, actor="provider:scripted", cause="webhook")
    await kit.unit_of_work.write(lambda transaction: transaction.add_review(told))
    return LivedIn(
        kit=kit,
        open_payment=opened.payment_id,
        paid_payment=paid.payment_id,
        refund=refund.refund_id,
        review=review.review_id,
        page_token=at_the_door.checkout_url.rstrip("/").rpartition("/")[2],
        callback_token=prompts.token(opened.reference),
        references=(opened.reference, at_the_door.reference, paid.reference),
    )

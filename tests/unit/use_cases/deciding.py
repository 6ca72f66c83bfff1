"""What the stories about reviews share: a question is asked, and an operator answers it."""

import json
from typing import Any

from payments.application.ports.providers import RefundOutcome
from payments.application.review_details import Details
from payments.domain.errors import PaymentsError
from payments.domain.events import ReviewKind
from payments.domain.payment import Payment
from payments.domain.refund import Refund
from payments.domain.review import Review, ReviewState
from payments.domain.transitions import Disposition
from tests.unit.use_cases.shop import NOTHING, Shop, birr, refused

BOSS = "operator:boss"
OTHER = "operator:other"


async def the_review(shop: Shop, kind: ReviewKind | None = None) -> Review:
    """The one open review, of this kind if there are several."""
    page = await shop.kit.payments.reviews(kind=kind)
    (review,) = page.items
    return review


async def decide(shop: Shop, decision: str, *, actor: str = BOSS, **details: str) -> Review:
    """Decide the one open review."""
    review = await the_review(shop)
    return await resolve(shop, review, decision, actor=actor, **details)


async def resolve(
    shop: Shop, review: Review, decision: str, *, actor: str = BOSS, reason: str = "seen", **details: str
) -> Review:
    return await shop.kit.payments.resolve(
        review.review_id, decision, reason, actor, Details(**details) if details else None
    )


async def decide_refused(
    shop: Shop, error: type[PaymentsError], decision: str, **details: str
) -> PaymentsError:
    return await refused(error, decide(shop, decision, **details))


async def short_money(shop: Shop, amount: str = "900.00") -> Payment:
    """Money of another amount than was due."""
    opened = await shop.initiate()
    shop.provider.pays(opened.reference, amount=birr(amount))
    return await shop.ask(opened.reference)


async def paid_twice(shop: Shop) -> Payment:
    """Two attempts, both paid: the second one is surplus."""
    first = await shop.initiate()
    second = await shop.initiate(provider="other")
    shop.provider.pays(first.reference)
    shop.other.pays(second.reference)
    await shop.ask(first.reference)
    return await shop.ask(second.reference)


async def paid_after_cancel(shop: Shop) -> Payment:
    """Paid, and the orders service will not hear of it."""
    shop.kit.orders.refusing = True
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    await shop.ask(opened.reference)
    await shop.kit.work()
    return await shop.payment()


async def stuck(shop: Shop) -> str:
    """The reference of an attempt whose watch ended without an answer."""
    opened = await shop.initiate()
    shop.provider.answers(opened.reference, NOTHING)
    await shop.pass_hours(73)
    return opened.reference


async def story(shop: Shop, payment: Payment) -> list[dict[str, Any]]:
    """Every event of the payment's trail, oldest first, with who is behind it."""
    links = await shop.kit.unit_of_work.reads.audit_of(payment.payment_id)
    return [
        {"actor": link.actor, "cause": link.cause, **event}
        for link in links
        for event in json.loads(link.events)
    ]


async def told_by(shop: Shop, payment: Payment, actor: str) -> list[str]:
    """The events that ``actor`` is behind."""
    return [event["event"] for event in await story(shop, payment) if event["actor"] == actor]


def dispositions(payment: Payment) -> list[Disposition]:
    return [capture.disposition for capture in payment.captures]


def refund_of(payment: Payment) -> Refund:
    """The one refund there is."""
    (refund,) = payment.refunds
    return refund


def is_open(review: Review) -> bool:
    return review.state is ReviewState.OPEN


async def under_way(shop: Shop, reference: str, amount: str = "300.00") -> Refund:
    """A refund of ours of the paid attempt that its provider has not ended."""
    assert shop.provider.refunds is not None
    shop.provider.refunds.answer = RefundOutcome.PENDING
    payment = await shop.kit.unit_of_work.reads.payment_with_reference(reference)
    assert payment is not None
    return await shop.kit.payments.refund(
        payment.payment_id, amount=amount, reason="late", actor="operator:anna"
    )

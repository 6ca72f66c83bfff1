"""The shapes of answers: what is written, and what ``/openapi.json`` declares.

They are dictionary-based (``slots=False``): msgspec writes slotted classes in alphabetical order, and people
read these documents.
"""

from typing import Annotated, Any, Final, Self
from uuid import UUID

import attrs
from msgspec import UNSET, Meta, UnsetType

from payments.application import answers
from payments.application.ports.providers import Flow
from payments.application.records import PaymentSummary, summary_of
from payments.domain import attempt as attempts
from payments.domain import collection as cash
from payments.domain import payment as payments
from payments.domain import refund as refunds
from payments.domain.events import Reason
from payments.domain.money import Money
from payments.domain.transitions import AttemptStatus, PaymentStatus, RefundStatus
from payments.entrypoints.http.fields import (
    Amount,
    CheckoutUrl,
    CollectionId,
    Collector,
    CurrencyCode,
    HandoverId,
    Instant,
    OrderId,
    PaymentId,
    ProviderName,
    Reference,
)


@attrs.frozen(kw_only=True, slots=False)
class NextAction:
    """What the payer does next: ``redirect`` to ``url``, ``confirm_on_phone`` or ``pay_on_delivery``."""

    type: Annotated[Flow, Meta(examples=["redirect"])]
    url: CheckoutUrl
    phone: (
        Annotated[
            str, Meta(description="The phone that shows the prompt, masked; only for `confirm_on_phone`.")
        ]
        | UnsetType
    ) = UNSET


@attrs.frozen(kw_only=True, slots=False)
class Checkout:
    """A checkout the payer can pay on now."""

    payment_id: PaymentId
    reference: Reference
    status: Annotated[PaymentStatus, Meta(examples=["processing"])]
    provider: ProviderName
    checkout_url: CheckoutUrl
    next_action: NextAction
    expires_at: Annotated[Instant | None, Meta(description="Until when it can be paid on; null: no end.")]

    @classmethod
    def of(cls, initiated: answers.Initiated) -> Self:
        """What the use-case answered, as it is written."""
        return cls(
            payment_id=initiated.payment_id,
            reference=initiated.reference,
            status=initiated.status,
            provider=initiated.provider,
            checkout_url=initiated.checkout_url,
            next_action=NextAction(
                type=initiated.flow, url=initiated.checkout_url, phone=initiated.phone or UNSET
            ),
            expires_at=initiated.expires_at,
        )


@attrs.frozen(kw_only=True, slots=False)
class Failure:
    """Why a payment is failed. It is not final: money that arrives later still counts."""

    code: Reason
    message: str


@attrs.frozen(kw_only=True, slots=False)
class PaymentLine:
    """One payment in a list."""

    payment_id: PaymentId
    order_id: OrderId
    status: Annotated[PaymentStatus, Meta(examples=["success"])]
    amount: Amount
    currency: CurrencyCode
    provider: ProviderName | None
    reference: Reference | None
    checkout_url: Annotated[
        CheckoutUrl | None, Meta(description="Where the payer can pay right now, if anywhere.")
    ]
    amount_received: Amount
    amount_refunded: Amount
    failure: Failure | None
    in_review: Annotated[bool, Meta(description="Money arrived that did not match; a person decides.")]
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, summary: PaymentSummary, **more: Any) -> Self:
        """One line of a history; ``more`` is what a subclass adds."""
        return cls(
            payment_id=summary.payment_id,
            order_id=summary.order_id,
            status=summary.status,
            amount=summary.amount.decimal,
            currency=summary.amount.currency.code,
            provider=summary.provider,
            reference=summary.reference,
            checkout_url=summary.checkout_url,
            amount_received=summary.received.decimal,
            amount_refunded=summary.given_back.decimal,
            failure=_failure(summary),
            in_review=summary.in_review,
            created_at=summary.created_at,
            updated_at=summary.updated_at,
            **more,
        )


@attrs.frozen(kw_only=True, slots=False)
class Attempt:
    """One try to collect a payment through one provider."""

    reference: Reference
    provider: ProviderName
    status: Annotated[AttemptStatus, Meta(examples=["succeeded"])]
    reason: Reason | None
    amount: Amount
    currency: CurrencyCode
    provider_reference: Annotated[str | None, Meta(description="The provider's own name for it.")]
    expires_at: Instant | None
    created_at: Instant

    @classmethod
    def of(cls, attempt: attempts.Attempt) -> Self:
        """An attempt, without what only we need to know."""
        return cls(
            reference=attempt.reference,
            provider=attempt.provider,
            status=attempt.status,
            reason=attempt.reason,
            amount=attempt.amount.decimal,
            currency=attempt.amount.currency.code,
            provider_reference=attempt.provider_reference,
            expires_at=attempt.payable_until,
            created_at=attempt.claimed_at,
        )


@attrs.frozen(kw_only=True, slots=False)
class Refund:
    """Money that goes back, or went back."""

    refund_id: UUID
    capture_id: UUID
    status: RefundStatus
    amount: Amount
    currency: CurrencyCode
    reason: str
    created_at: Instant

    @classmethod
    def of(cls, refund: refunds.Refund, **more: Any) -> Self:
        """A refund, without who decided it; ``more`` is what a subclass adds."""
        return cls(
            refund_id=refund.refund_id,
            capture_id=refund.capture_id,
            status=refund.status,
            amount=refund.amount.decimal,
            currency=refund.amount.currency.code,
            reason=refund.reason,
            created_at=refund.created_at,
            **more,
        )


@attrs.frozen(kw_only=True, slots=False)
class RefundInFull(Refund):
    """A refund, for those who may give money back."""

    payment_id: PaymentId
    reference: Annotated[str, Meta(description="Our own name for the refund.")]
    provider_reference: Annotated[str | None, Meta(description="The provider's own name for it.")]
    detail: Annotated[str, Meta(description="What the provider said last, or why it failed.")]
    requested_by: str
    approved_by: str | None
    requested_at: Annotated[Instant | None, Meta(description="When the provider was asked for it.")]
    next_check_at: Annotated[Instant | None, Meta(description="When it is looked at next.")]

    @classmethod
    def in_full(cls, payment_id: UUID, refund: refunds.Refund) -> Self:
        """A refund of the domain, whole."""
        return cls.of(
            refund,
            payment_id=payment_id,
            reference=refund.reference,
            provider_reference=refund.provider_reference,
            detail=refund.detail,
            requested_by=refund.actor,
            approved_by=refund.approver,
            requested_at=refund.requested_at,
            next_check_at=refund.next_check_at,
        )


@attrs.frozen(kw_only=True, slots=False)
class RefundList:
    """The refunds of one payment."""

    data: tuple[RefundInFull, ...]


@attrs.frozen(kw_only=True, slots=False)
class Payment(PaymentLine):
    """What one payer owes for one order, with every try and every refund."""

    attempts: tuple[Attempt, ...]
    refunds: tuple[Refund, ...]

    @classmethod
    def whole(cls, payment: payments.Payment) -> Self:
        """A payment of the domain, as its owner may see it."""
        return cls.of(
            summary_of(payment),
            attempts=tuple(Attempt.of(attempt) for attempt in payment.attempts),
            refunds=tuple(Refund.of(refund) for refund in payment.refunds),
        )


@attrs.frozen(kw_only=True, slots=False)
class History:
    """A page of payments, newest first."""

    data: tuple[PaymentLine, ...]
    has_more: bool
    next_cursor: Annotated[str | None, Meta(description="Pass it as `cursor` for the next page.")]


@attrs.frozen(kw_only=True, slots=False)
class Step:
    """One thing that happened."""

    at: Instant
    what: str
    source: Annotated[str, Meta(description="evidence, notice, change, message or review.")]
    reference: Reference | None
    verdict: Annotated[str | None, Meta(description="Name of the rule that decided.")]
    rule: Annotated[str | None, Meta(description="The rule's sentence.")]


@attrs.frozen(kw_only=True, slots=False)
class Explanation:
    """Why a payment is what it is, what we wait for, and what may be done."""

    payment_id: PaymentId
    order_id: OrderId
    status: Annotated[PaymentStatus, Meta(examples=["success"])]
    summary: str
    steps: Annotated[tuple[Step, ...], Meta(description="Oldest first.")]
    waiting_for: tuple[str, ...]
    next_check_at: Annotated[Instant | None, Meta(description="When the provider is asked next.")]
    may_do: tuple[str, ...]

    @classmethod
    def of(cls, told: answers.Explanation) -> Self:
        """What the use-case told, as it is written."""
        return cls(
            payment_id=told.payment_id,
            order_id=told.order_id,
            status=told.status,
            summary=told.summary,
            steps=tuple(
                Step(
                    at=step.at,
                    what=step.what,
                    source=step.source,
                    reference=step.reference,
                    verdict=step.verdict,
                    rule=step.rule,
                )
                for step in told.steps
            ),
            waiting_for=told.waiting_for,
            next_check_at=told.next_check_at,
            may_do=told.may_do,
        )


@attrs.frozen(kw_only=True, slots=False)
class Offer:
    """A provider and whether it can take this order's money."""

    provider: ProviderName
    type: Annotated[Flow, Meta(examples=["redirect"])]
    available: bool
    detail: Annotated[str, Meta(description="Why not, when it is not available.")]
    minimum: Amount | None
    maximum: Amount | None
    currency: CurrencyCode | None
    needs: Annotated[tuple[str, ...], Meta(description="Fields to send beyond `provider`.")]

    @classmethod
    def of(cls, offer: answers.Offer) -> Self:
        """One offer of the use-case."""
        span = offer.least or offer.most
        return cls(
            provider=offer.provider,
            type=offer.flow,
            available=offer.available,
            detail=offer.detail,
            minimum=_decimal(offer.least),
            maximum=_decimal(offer.most),
            currency=span.currency.code if span else None,
            needs=offer.needs,
        )


@attrs.frozen(kw_only=True, slots=False)
class Offers:
    """What can pay an order."""

    data: tuple[Offer, ...]


@attrs.frozen(kw_only=True, slots=False)
class Collection:
    """A collector's record as it is kept. The same record again is answered the same."""

    collection_id: CollectionId
    collector: Collector
    outcome: cash.AtTheDoor
    amount: Annotated[Amount | None, Meta(description="What was collected; null when it was refused.")]
    currency: CurrencyCode | None
    result: Annotated[cash.CashResult, Meta(description="What the record did.", examples=["settled"])]
    payment_id: PaymentId | None
    reference: Annotated[Reference | None, Meta(description="The cash attempt it counts for; null: none.")]
    order_id: OrderId | None
    status: Annotated[PaymentStatus | None, Meta(description="The payment's status right afterwards.")]
    recorded_at: Instant

    @classmethod
    def of(cls, collection: cash.Collection) -> Self:
        """What the use-case answered, as it is written."""
        amount = collection.amount
        return cls(
            collection_id=collection.collection_id,
            collector=collection.collector,
            outcome=collection.outcome,
            amount=_decimal(amount),
            currency=amount.currency.code if amount else None,
            result=collection.result,
            payment_id=collection.payment_id,
            reference=collection.reference,
            order_id=collection.order_id,
            status=collection.status,
            recorded_at=collection.recorded_at,
        )


@attrs.frozen(kw_only=True, slots=False)
class CashInHand:
    """What one collector holds in one currency and has not handed in."""

    collector: Collector
    currency: CurrencyCode
    amount: Amount
    count: int
    oldest_at: Instant
    collections: Annotated[
        tuple[Collection, ...], Meta(description="Oldest first; at most 1000 over all collectors.")
    ]

    @classmethod
    def of(cls, in_hand: answers.CashInHand) -> Self:
        """One line of the use-case's answer."""
        held = in_hand.held
        return cls(
            collector=held.collector,
            currency=held.total.currency.code,
            amount=held.total.decimal,
            count=held.count,
            oldest_at=held.oldest_at,
            collections=tuple(Collection.of(collection) for collection in in_hand.collections),
        )


@attrs.frozen(kw_only=True, slots=False)
class Cash:
    """What collectors hold."""

    data: tuple[CashInHand, ...]


@attrs.frozen(kw_only=True, slots=False)
class Handover:
    """Cash that changed hands. The same hand-over again is answered the same."""

    handover_id: HandoverId
    collector: Collector
    collections: tuple[CollectionId, ...]
    recorded_by: Annotated[str, Meta(examples=["operator:user_3"])]
    recorded_at: Instant

    @classmethod
    def of(cls, handover: cash.Handover) -> Self:
        """What the use-case answered, as it is written."""
        return cls(
            handover_id=handover.handover_id,
            collector=handover.collector,
            collections=handover.collections,
            recorded_by=handover.actor,
            recorded_at=handover.recorded_at,
        )


@attrs.frozen(kw_only=True, slots=False)
class PageStatus:
    """How a payer's page stands; nothing in it is about a person."""

    status: Annotated[AttemptStatus, Meta(description="Of the attempt the page is about.")]
    payment_status: PaymentStatus
    face: Annotated[answers.Face, Meta(description="What the page says now.")]


@attrs.frozen(kw_only=True, slots=False)
class NoticeReceipt:
    """The notice is on disk. ``duplicate``: it already was."""

    status: Annotated[str, Meta(pattern="^(stored|duplicate)$", examples=["stored"])]


@attrs.frozen(kw_only=True, slots=False)
class CallbackReceipt:
    """The callback is on disk; what else stands here are the provider's own words."""


@attrs.frozen(kw_only=True, slots=False)
class Health:
    """A sign of life."""

    status: Annotated[str, Meta(examples=["alive"])]


@attrs.frozen(kw_only=True, slots=False)
class WrongField:
    """One wrong field and what would be right."""

    pointer: Annotated[str, Meta(description="JSON pointer into the body, or the name of a parameter.")]
    detail: str


@attrs.frozen(kw_only=True, slots=False)
class Problem:
    """RFC 9457. Some kinds carry further members, such as ``payment_id`` and ``checkout_url``."""

    type: Annotated[str, Meta(description="Where this kind of problem is described.")]
    title: str
    status: Annotated[int, Meta(ge=400, le=599)]
    code: Annotated[str, Meta(description="Stable; switch on this.")]
    detail: str
    error: Annotated[str, Meta(description="The title again.")]
    request_id: Annotated[str, Meta(description="As in `X-Request-Id`.")]
    errors: tuple[WrongField, ...]


_SAID: Final = {
    Reason.DECLINED: "The provider declined this try.",
    Reason.REFUSED: "The provider refused to open a checkout.",
    Reason.NOT_SENT: "The provider could not be reached.",
    Reason.TIMED_OUT: "Nobody paid while the checkout was open.",
    Reason.CANCELLED_BY_PAYER: "The payer cancelled it.",
    Reason.SUPERSEDED: "Another try took its place.",
    Reason.ORDER_CLOSED: "The order can no longer be paid.",
    Reason.NEVER_CREATED: "The provider never opened a checkout.",
    Reason.RETURNED: "The money arrived and was given back.",
}


def _failure(summary: PaymentSummary) -> Failure | None:
    if summary.failure is None:
        return None
    code = Reason(summary.failure)
    return Failure(code=code, message=summary.failure_detail or _SAID[code])


def _decimal(amount: Money | None) -> str | None:
    return None if amount is None else amount.decimal

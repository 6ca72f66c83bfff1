"""The shapes of requests. Each is closed: a field that is not here is refused."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import attrs
from msgspec import Meta

from payments.domain.collection import AtTheDoor
from payments.domain.events import ReviewKind
from payments.domain.review import ReviewState
from payments.domain.reviewing import WayOut
from payments.domain.transitions import PaymentStatus
from payments.entrypoints.http import cursors
from payments.entrypoints.http.fields import (
    NO_CONTROLS,
    SAYS_SOMETHING,
    Amount,
    CollectionId,
    Collector,
    CurrencyCode,
    DeliveryCode,
    GivenReference,
    HandoverId,
    OrderId,
    PageKey,
    PhoneNumber,
    ProviderName,
    RefundAmount,
    Why,
)


@attrs.frozen(kw_only=True)
class InitiateRequest:
    """How the order is to be paid. Amount, currency and payer always come from the orders service."""

    provider: ProviderName
    phone_number: PhoneNumber | None = None
    return_to: PageKey | None = None


@attrs.frozen(kw_only=True)
class RefundWish:
    """How much goes back, and why."""

    amount: RefundAmount
    reason: Why
    capture_id: (
        Annotated[UUID, Meta(description="Whose money; by default what settles the payment.")] | None
    ) = None


@attrs.frozen(kw_only=True)
class RefundRefusal:
    """Why the refund shall not be made."""

    reason: Why


@attrs.frozen(kw_only=True)
class HistoryRequest:
    """Which of the caller's payments are wanted."""

    status: Annotated[PaymentStatus, Meta(description="Only payments that stand so.")] | None = None
    provider: ProviderName | None = None
    order_id: OrderId | None = None
    created_after: Annotated[datetime, Meta(tz=True, description="Only later ones; RFC 3339.")] | None = None
    created_before: Annotated[datetime, Meta(tz=True, description="Only earlier ones; RFC 3339.")] | None = (
        None
    )
    limit: Annotated[int, Meta(ge=1, le=100, description="How many at most.")] = 20
    cursor: (
        Annotated[
            str,
            Meta(pattern=cursors.PATTERN, description="`next_cursor` of the page before, unchanged."),
        ]
        | None
    ) = None


@attrs.frozen(kw_only=True)
class ReviewsRequest:
    """Which reviews are wanted."""

    state: Annotated[ReviewState, Meta(description="Those that wait, or those that were answered.")] = (
        ReviewState.OPEN
    )
    kind: Annotated[ReviewKind, Meta(description="Only reviews of this kind.")] | None = None
    limit: Annotated[int, Meta(ge=1, le=100, description="How many at most.")] = 20
    cursor: (
        Annotated[
            str,
            Meta(pattern=cursors.PATTERN, description="`next_cursor` of the page before, unchanged."),
        ]
        | None
    ) = None


@attrs.frozen(kw_only=True)
class ResolveRequest:
    """What is decided about a review, and why."""

    decision: Annotated[
        str,
        Meta(
            description="One of the review's may_decide.",
            examples=["dismiss"],
            extra_json_schema={"enum": [way_out.value for way_out in WayOut]},
        ),
    ]
    reason: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=500,
            description="Why, for whoever reads it later.",
            extra_json_schema={"pattern": SAYS_SOMETHING},
        ),
    ]
    reference: GivenReference | None = None
    paid_under: (
        Annotated[
            str,
            Meta(
                pattern="^p-[a-z2-7]{26}$",
                examples=["p-q3m7zk5v2h4t6x7w2y4r6n2b4d"],
                description="With `attach`, where the review has only the provider's name for the money: the"
                " forgotten reference of ours that it was paid under.",
            ),
        ]
        | None
    ) = None
    outcome: (
        Annotated[
            str,
            Meta(
                pattern="^(paid|not_paid|succeeded|failed)$",
                description="With `record`: paid or not_paid; about a refund succeeded or failed.",
            ),
        ]
        | None
    ) = None
    provider_reference: (
        Annotated[
            str,
            Meta(
                pattern="^[!-~]{1,128}$",
                description="With `record`: the provider's own name for the money or the refund.",
            ),
        ]
        | None
    ) = None
    amount: Amount | None = None


@attrs.frozen(kw_only=True)
class OffersRequest:
    """Which order is to be paid."""

    order_id: OrderId


@attrs.frozen(kw_only=True)
class ReturnRequest:
    """How providers name our reference when they send the payer back."""

    trx_ref: GivenReference | None = None
    tx_ref: GivenReference | None = None
    trxref: GivenReference | None = None
    reference: GivenReference | None = None


@attrs.frozen(kw_only=True)
class CollectionRequest:
    """What happened at the door. Exactly one of `reference` and `order_id` says about what."""

    collection_id: CollectionId
    outcome: AtTheDoor
    reference: GivenReference | None = None
    order_id: OrderId | None = None
    amount: Annotated[Amount, Meta(description="What was collected; needed for `collected`.")] | None = None
    currency: CurrencyCode | None = None
    delivery_code: DeliveryCode | None = None
    reason: (
        Annotated[
            str,
            Meta(
                max_length=200,
                description="Why it was refused; the payer reads it.",
                extra_json_schema=NO_CONTROLS,
            ),
        ]
        | None
    ) = None


@attrs.frozen(kw_only=True)
class CashRequest:
    """Whose cash is wanted."""

    collector: Collector | None = None


@attrs.frozen(kw_only=True)
class HandoverRequest:
    """Cash that a collector brought in."""

    handover_id: HandoverId
    collector: Collector
    collections: Annotated[
        tuple[CollectionId, ...],
        Meta(
            min_length=1,
            max_length=500,
            description="All of them or none.",
            extra_json_schema={"uniqueItems": True},
        ),
    ]

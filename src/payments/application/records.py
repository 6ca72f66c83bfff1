"""The records around a payment: notices, messages, audit trail and stored answers (docs/model.md 1)."""

import enum
from datetime import datetime
from typing import Final
from uuid import UUID

import attrs

from payments.domain.collection import Collection
from payments.domain.events import ReviewKind
from payments.domain.evidence import Evidence
from payments.domain.money import Money
from payments.domain.payment import Payment
from payments.domain.review import Review, ReviewState
from payments.domain.transitions import PaymentStatus

ERASED: Final = b"{}"
"""The body of a payer's message once it is no longer known who that was."""


class Claim(enum.Enum):
    """What a notice says happened. It decides nothing; it only says how urgent and how final it sounds."""

    PAID = "paid"
    FAILED = "failed"
    RETURNED = "returned"
    DISPUTED = "disputed"
    """The payer's bank wants the money back, and has not got it yet."""
    CHARGED_BACK = "charged_back"
    """The payer's bank got the money back."""
    OTHER = "other"
    IGNORED = "ignored"
    """No charge or refund event, or a reference that has not our form: stored, and never acted on."""


UNKNOWN_REFERENCE: Final = "unknown reference"
"""The outcome, so far, of a notice that waits and named no attempt or refund of ours when it came."""


@attrs.frozen(kw_only=True)
class Notice:
    """A stored message that says "look again". Received and handled are two facts."""

    notice_id: UUID
    provider: str
    digest: str
    """SHA-256 of provider and body, hexadecimal; unique."""
    sealed: bytes
    """The raw message, encrypted; empty once it is old enough (:mod:`~payments.application.retention`)."""
    reference: str | None
    claim: Claim
    word: str
    """The event's own name, shortened."""
    received_at: datetime
    handled_at: datetime | None = None
    outcome: str = ""
    """What handling it came to; until then empty, or ``UNKNOWN_REFERENCE``."""
    next_try_at: datetime | None = None
    """When it is looked at next; None once it is handled."""
    tries: int = 0


class Destination(enum.Enum):
    """Who a message is for."""

    ORDERS = "orders"
    PAYER = "payer"


class MessageState(enum.Enum):
    """How far a message got."""

    PENDING = "pending"
    DELIVERED = "delivered"
    PARKED = "parked"
    """Refused for good: kept for a person, never dropped."""
    OVERTAKEN = "overtaken"
    """A newer message of the same order carries the full state."""


@attrs.frozen(kw_only=True)
class Message:
    """One row of the outbox: frozen bytes, committed with the change that caused them."""

    message_id: UUID
    payment_id: UUID
    order_id: str
    sequence: int
    """Above that of every earlier message of its order, to whomever: see ``application/sequences.py``."""
    destination: Destination
    kind: str
    """``paid``, ``failed``, ``confirmation``, ``declined`` ..."""
    body: bytes
    created_at: datetime
    state: MessageState = MessageState.PENDING
    next_try_at: datetime | None = None
    tries: int = 0
    delivered_at: datetime | None = None
    last_error: str = ""


@attrs.frozen(kw_only=True)
class AuditEntry:
    """One link of a payment's append-only, hash-chained trail."""

    payment_id: UUID
    sequence: int
    """From 1, gap-free; equal to the payment's version after the change."""
    at: datetime
    actor: str
    """``payer:<sub>``, ``provider:chapa``, ``system`` ..."""
    cause: str
    events: bytes
    """The events as canonical JSON."""
    evidence_id: UUID | None
    state_digest: str
    """SHA-256 of the payment's state after the change."""
    previous_hash: str
    hash: str


@attrs.frozen(kw_only=True)
class ReviewLink:
    """One link of the append-only, hash-chained trail of a review that is about no payment of ours."""

    review_id: UUID
    sequence: int
    """From 1, gap-free."""
    at: datetime
    actor: str
    """``provider:chapa``, ``collector:<sub>``, ``operator:<sub>`` ..."""
    cause: str
    events: bytes
    """The events as canonical JSON."""
    evidence_id: UUID | None
    """What was attested about the attempt that its money was attached to."""
    state_digest: str
    """SHA-256 of the review as it stands after the change."""
    previous_hash: str
    hash: str


@attrs.frozen(kw_only=True)
class StoredReview:
    """All that one transaction writes about a review of no payment: how it stands, and what tells of that."""

    review: Review
    link: ReviewLink


@attrs.frozen(kw_only=True)
class StoredChange:
    """All that one transaction writes about one payment."""

    before: Payment
    """As it was locked."""
    after: Payment
    evidence: Evidence | None = None
    messages: tuple[Message, ...] = ()
    reviews: tuple[Review, ...] = ()
    """Opened by it."""
    decided: tuple[Review, ...] = ()
    """As they stand after it: decided, resolved, or open again."""
    audit: AuditEntry | None = None


@attrs.frozen(kw_only=True)
class Records:
    """What is kept about one payment beside itself, each kind in the order in which it is read alone."""

    evidence: tuple[Evidence, ...]
    messages: tuple[Message, ...]
    reviews: tuple[Review, ...]
    audit: tuple[AuditEntry, ...]
    collections: tuple[Collection, ...]


@attrs.frozen(kw_only=True)
class PaymentSummary:
    """One line of a list of payments."""

    payment_id: UUID
    order_id: str
    payer: str
    status: PaymentStatus
    amount: Money
    provider: str | None
    reference: str | None
    checkout_url: str | None
    received: Money
    given_back: Money
    failure: str | None
    """Why the payment is failed: the value of a :class:`~payments.domain.events.Reason`."""
    failure_detail: str
    in_review: bool
    created_at: datetime
    updated_at: datetime


@attrs.frozen(kw_only=True)
class HistoryQuery:
    """Which of a payer's payments are wanted. Newest first, by (created_at, payment_id)."""

    payer: str
    limit: int
    status: PaymentStatus | None = None
    provider: str | None = None
    order_id: str | None = None
    created_after: datetime | None = None
    """Strictly after."""
    created_before: datetime | None = None
    """Strictly before."""
    beyond: tuple[datetime, UUID] | None = None
    """Only what comes after this (created_at, payment_id) in the listing's order."""


@attrs.frozen(kw_only=True)
class Search:
    """Which of all payers' payments are wanted. Newest first, by payment id: later ones sort later."""

    limit: int
    status: PaymentStatus | None = None
    name: str | None = None
    """Only the payments with this payment id (in either case), order id or reference of an attempt."""
    beyond: UUID | None = None
    """Only what comes after this payment id in the listing's order."""


@attrs.frozen(kw_only=True)
class ReviewQuery:
    """Which reviews are wanted. Newest first, by (opened_at, review_id)."""

    limit: int
    state: ReviewState = ReviewState.OPEN
    kind: ReviewKind | None = None
    beyond: tuple[datetime, UUID] | None = None
    """Only what comes after this (opened_at, review_id) in the listing's order."""


@attrs.frozen(kw_only=True)
class StoredAnswer:
    """What a request with an Idempotency-Key was answered; ``status`` is None while it is being answered."""

    user: str
    operation: str
    key: str
    fingerprint: str
    holder: UUID
    """Which request reserved the key: how it recognises its own reservation when it runs again."""
    expires_at: datetime
    status: int | None = None
    body: bytes = b""
    """As it is sealed; empty while it is being answered."""


@attrs.frozen(kw_only=True)
class HeldCash:
    """What one collector holds in one currency and has not handed in."""

    collector: str
    count: int
    total: Money
    oldest_at: datetime


@attrs.frozen(kw_only=True)
class Backlog:
    """How much work waits, for metrics and readiness. Ages in seconds; 0 when nothing waits."""

    notices: int
    oldest_notice_age_s: float
    messages: int
    oldest_message_age_s: float
    parked: int
    open_reviews: int
    unknown_attempts: int


def summary_of(payment: Payment) -> PaymentSummary:
    """The line that stands for ``payment`` in a list."""
    attempt = payment.current_attempt
    failed = payment.status is PaymentStatus.FAILED and attempt is not None
    return PaymentSummary(
        payment_id=payment.payment_id,
        order_id=payment.order_id,
        payer=payment.payer,
        status=payment.status,
        amount=payment.amount,
        provider=attempt.provider if attempt else None,
        reference=attempt.reference if attempt else None,
        checkout_url=open_checkout(payment),
        received=payment.received,
        given_back=payment.given_back,
        failure=attempt.reason.value if failed and attempt and attempt.reason else None,
        failure_detail=attempt.detail if failed and attempt else "",
        in_review=bool(payment.held_captures),
        created_at=payment.created_at,
        updated_at=payment.updated_at,
    )


def open_checkout(payment: Payment) -> str | None:
    """Where the payer can pay right now; None when there is no such page."""
    attempt = payment.live_attempt
    return attempt.checkout_url if attempt and attempt.handed_out_at and not attempt.page_closed else None

"""Facts in the past tense: why a payment is what it is now.

Every change of a payment returns the events that explain it; the audit trail stores them and the outbox is
written from them.
"""

import enum
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

import attrs

from payments.domain.money import Money


class Reason(enum.Enum):
    """Why an attempt is failed or expired."""

    DECLINED = "declined"
    REFUSED = "refused"
    NOT_SENT = "not_sent"
    TIMED_OUT = "timed_out"
    CANCELLED_BY_PAYER = "cancelled_by_payer"
    SUPERSEDED = "superseded"
    ORDER_CLOSED = "order_closed"
    NEVER_CREATED = "never_created"
    RETURNED = "returned"


class ReviewKind(enum.Enum):
    """The questions only a person can answer (docs/model.md section 8)."""

    AMOUNT_MISMATCH = "amount_mismatch"
    CURRENCY_MISMATCH = "currency_mismatch"
    SURPLUS = "surplus"
    PAID_AFTER_CANCEL = "paid_after_cancel"
    ORPHAN = "orphan"
    STUCK_UNKNOWN = "stuck_unknown"
    REFUND_UNKNOWN = "refund_unknown"
    DISPUTE = "dispute"
    CASH_CODE_LOCKED = "cash_code_locked"


# --- the payment


@attrs.frozen(kw_only=True)
class PaymentInitiated:
    """The payer got something to pay with: pending -> processing."""

    payment_id: UUID


@attrs.frozen(kw_only=True)
class PaymentSucceeded:
    """A capture settles the payment: processing -> success."""

    payment_id: UUID


@attrs.frozen(kw_only=True)
class PaymentFailed:
    """No attempt is live any more: processing -> failed, which is not final."""

    payment_id: UUID
    reason: Reason


@attrs.frozen(kw_only=True)
class PaymentRetried:
    """An attempt is live again: failed -> processing."""

    payment_id: UUID


# --- its attempts


@attrs.frozen(kw_only=True)
class AttemptClaimed:
    """The reference is on disk; nothing has been sent yet."""

    reference: str
    provider: str
    amount: Money


@attrs.frozen(kw_only=True)
class CheckoutOpened:
    """The provider returned something the payer can pay with."""

    reference: str
    provider_reference: str | None
    payable_until: datetime | None


@attrs.frozen(kw_only=True)
class OutcomeLost:
    """We asked for a checkout and cannot tell whether there is one."""

    reference: str
    detail: str


@attrs.frozen(kw_only=True)
class PayerSeen:
    """Evidence shows that the payer, or the provider, is acting on an attempt we had lost sight of."""

    reference: str


@attrs.frozen(kw_only=True)
class AttemptFailed:
    """An authoritative no. Soft: money that arrives later still counts."""

    reference: str
    reason: Reason
    detail: str = ""


@attrs.frozen(kw_only=True)
class AttemptExpired:
    """Closed without an answer about money. Soft, and still watched."""

    reference: str
    reason: Reason


@attrs.frozen(kw_only=True)
class AttemptReopened:
    """The same page is handed out again after a declined try."""

    reference: str


@attrs.frozen(kw_only=True)
class AttemptSucceeded:
    """Money arrived for this attempt."""

    reference: str


@attrs.frozen(kw_only=True)
class PageClosed:
    """The provider will take no payment on this checkout any more."""

    reference: str


@attrs.frozen(kw_only=True)
class CheckoutFoundLate:
    """A checkout came back for an attempt that was no longer claimed; that hands it to nobody."""

    reference: str


# --- money that arrived


@attrs.frozen(kw_only=True)
class CaptureRecorded:
    """Money arrived: one provider transaction, or one cash record."""

    capture_id: UUID
    reference: str
    key: str
    amount: Money
    disposition: str


@attrs.frozen(kw_only=True)
class ReceiptLearnt:
    """Money that is here got another name: its provider named the receipt, or a person called it so, too."""

    capture_id: UUID
    receipt: str


@attrs.frozen(kw_only=True)
class CaptureAccepted:
    """A person accepted held money as the payment."""

    capture_id: UUID


@attrs.frozen(kw_only=True)
class CaptureSurplus:
    """Held money was accepted, but another capture settles the payment already."""

    capture_id: UUID


# --- money that goes back


@attrs.frozen(kw_only=True)
class RefundReserved:
    """Money of a capture was set aside to go back; nothing has been sent."""

    refund_id: UUID
    capture_id: UUID
    amount: Money
    reason: str
    awaiting_approval: bool = False


@attrs.frozen(kw_only=True)
class RefundRecorded:
    """A refund was made at the provider and is taken in."""

    refund_id: UUID
    capture_id: UUID
    amount: Money


@attrs.frozen(kw_only=True)
class RefundApproved:
    """A second person approved the refund."""

    refund_id: UUID
    approver: str = ""


@attrs.frozen(kw_only=True)
class RefundRequested:
    """The request to the provider is committed; only its committer sends it."""

    refund_id: UUID
    request_id: UUID | None = None
    """Names the request: how a unit of work that runs again recognises its own."""


@attrs.frozen(kw_only=True)
class RefundNamed:
    """The provider took the refund on, under a name of its own."""

    refund_id: UUID
    provider_reference: str


@attrs.frozen(kw_only=True)
class RefundSucceeded:
    """The provider gave the money back."""

    refund_id: UUID
    detail: str = ""


@attrs.frozen(kw_only=True)
class RefundFailed:
    """The refund was refused, or came back later."""

    refund_id: UUID
    detail: str = ""
    came_back: bool = False
    """It had succeeded before."""


@attrs.frozen(kw_only=True)
class RefundOutcomeLost:
    """We asked for the refund and cannot tell whether it happened."""

    refund_id: UUID
    detail: str = ""


# --- cash at the door


@attrs.frozen(kw_only=True)
class DeliveryCodeWrong:
    """A collector gave a wrong delivery code; ``tries`` is how many there were by now."""

    reference: str
    tries: int


@attrs.frozen(kw_only=True)
class DeliveryCodeUnlocked:
    """A person let collectors try the delivery code again."""

    reference: str


# --- questions for people


@attrs.frozen(kw_only=True)
class ReviewOpened:
    """A question only a person can answer. Opening one changes no status."""

    kind: ReviewKind
    subject: str
    """What it is about: a capture id, a payment id, a reference, or a reference, ``:`` and a transaction."""
    detail: str


@attrs.frozen(kw_only=True)
class ReviewDecided:
    """A person or a policy decided, and that is under way: the review stays open until it is done."""

    kind: ReviewKind
    subject: str
    decision: str
    reason: str


@attrs.frozen(kw_only=True)
class ReviewResolved:
    """The question is answered."""

    kind: ReviewKind
    subject: str
    decision: str
    reason: str


@attrs.frozen(kw_only=True)
class ReviewReturned:
    """What was decided could not be done: the question is open again."""

    kind: ReviewKind
    subject: str
    detail: str


Event: TypeAlias = (
    PaymentInitiated
    | PaymentSucceeded
    | PaymentFailed
    | PaymentRetried
    | AttemptClaimed
    | CheckoutOpened
    | OutcomeLost
    | PayerSeen
    | AttemptFailed
    | AttemptExpired
    | AttemptReopened
    | AttemptSucceeded
    | PageClosed
    | CheckoutFoundLate
    | CaptureRecorded
    | ReceiptLearnt
    | CaptureAccepted
    | CaptureSurplus
    | RefundReserved
    | RefundRecorded
    | RefundApproved
    | RefundRequested
    | RefundNamed
    | RefundSucceeded
    | RefundFailed
    | RefundOutcomeLost
    | DeliveryCodeWrong
    | DeliveryCodeUnlocked
    | ReviewOpened
    | ReviewDecided
    | ReviewResolved
    | ReviewReturned
)

"""What the use-cases answer."""

import enum
from datetime import datetime
from uuid import UUID

import attrs

from payments.application.ports.providers import Flow
from payments.application.records import HeldCash, PaymentSummary
from payments.domain.capture import Capture
from payments.domain.collection import Collection
from payments.domain.evidence import Evidence
from payments.domain.money import Money
from payments.domain.payment import Payment
from payments.domain.refund import Refund
from payments.domain.review import Review
from payments.domain.reviewing import WayOut
from payments.domain.transitions import AttemptStatus, PaymentStatus


@attrs.frozen(kw_only=True)
class Initiated:
    """A checkout the payer can pay on now."""

    payment_id: UUID
    reference: str
    status: PaymentStatus
    provider: str
    checkout_url: str
    flow: Flow
    expires_at: datetime | None
    """Until when it can be paid on; None: no end of its own."""
    phone: str | None = None
    """The phone that shows the prompt, all but its end masked; None where there is none."""


class Face(enum.Enum):
    """What a payer's page says."""

    CONFIRM = "confirm"
    """Confirm on the phone."""
    DELIVER = "deliver"
    """Hand the money over at delivery."""
    WAIT = "wait"
    """Nothing to do: the provider is being asked."""
    PAID = "paid"
    HELD = "held"
    """Money arrived that did not match; the shop decides."""
    UNPAID = "unpaid"
    ELSEWHERE = "elsewhere"
    """The payer chose another way to pay."""


@attrs.frozen(kw_only=True)
class PayerPage:
    """Our own page for the payer of one attempt."""

    reference: str
    face: Face
    status: AttemptStatus
    payment_status: PaymentStatus
    order_id: str
    amount: Money
    """What this attempt asks for."""
    arrived: tuple[Money, ...]
    """What is held, where money did not match."""
    due: Money
    on_delivery: bool
    phone: str | None
    """Masked."""
    delivery_code: str | None
    """What the payer hands to the collector; only while cash is to be collected."""
    wants_code: bool
    """Whether the collector will ask for a code."""
    detail: str
    """Why it was not paid, or empty."""
    payable_until: datetime | None


@attrs.frozen(kw_only=True)
class Received:
    """A notice was taken in. ``stored`` is False for one that was already here."""

    stored: bool


@attrs.frozen(kw_only=True)
class Acknowledged:
    """A callback was taken in."""

    body: bytes
    """What the provider expects in answer, as JSON."""


@attrs.frozen(kw_only=True)
class Page:
    """Some of a payer's payments, newest first."""

    items: tuple[PaymentSummary, ...]
    beyond: tuple[datetime, UUID] | None
    """Where the next page begins; None when there is none."""


@attrs.frozen(kw_only=True)
class Found:
    """Some payments of all payers, newest first."""

    items: tuple[PaymentSummary, ...]
    beyond: UUID | None
    """Where the next page begins; None when there is none."""


@attrs.frozen(kw_only=True)
class Reviews:
    """Some of the questions for people, newest first."""

    items: tuple[Review, ...]
    beyond: tuple[datetime, UUID] | None
    """Where the next page begins; None when there is none."""


@attrs.frozen(kw_only=True)
class ReviewStep:
    """One link of the audit trail of a review of no payment, for a person to read."""

    at: datetime
    actor: str
    what: str
    """A plain sentence."""


@attrs.frozen(kw_only=True)
class ReviewStory:
    """One review with what a person has to know to decide it."""

    review: Review
    ways_out: tuple[WayOut, ...]
    """What may be decided now; nothing once it is decided."""
    payment: Payment | None
    """The payment it is about; None for an orphan that belongs to none."""
    capture: Capture | None
    """The money it is about, if it is about money that is here."""
    refund: Refund | None
    """The refund it is about, or waits for."""
    evidence: tuple[Evidence, ...]
    """What was attested about its attempt or its money, oldest first."""
    trail: tuple[ReviewStep, ...] = ()
    """Who opened and who answered it, oldest first; a payment's review is told of in the payment's story."""


@attrs.frozen(kw_only=True)
class Offer:
    """A provider and whether it can take an order's money."""

    provider: str
    flow: Flow
    available: bool
    detail: str
    """Why not, when it is not available."""
    least: Money | None
    most: Money | None
    needs: tuple[str, ...]
    """Fields of the initiate request this provider needs beyond ``provider``."""


@attrs.frozen(kw_only=True)
class Step:
    """One thing that happened, for a person to read."""

    at: datetime
    what: str
    """A plain sentence."""
    source: str
    """``evidence``, ``notice``, ``change``, ``message`` or ``review``."""
    reference: str | None = None
    verdict: str | None = None
    """Name of the rule that decided, for evidence."""
    rule: str | None = None
    """The rule's sentence."""


@attrs.frozen(kw_only=True)
class Explanation:
    """Why a payment is what it is, what we wait for, and what may be done."""

    payment_id: UUID
    order_id: str
    status: PaymentStatus
    summary: str
    steps: tuple[Step, ...]
    """Oldest first."""
    waiting_for: tuple[str, ...]
    next_check_at: datetime | None
    may_do: tuple[str, ...]


@attrs.frozen(kw_only=True)
class CashInHand:
    """What one collector holds in one currency."""

    held: HeldCash
    collections: tuple[Collection, ...]
    """Oldest first; fewer than ``held`` counts where there are very many."""


@attrs.frozen(kw_only=True)
class Violation:
    """A broken promise, as ``payments check`` reports it."""

    invariant: str
    """Its number in the catalogue: ``I1`` ..."""
    subject: str
    """The payment id, reference or record it was found on."""
    detail: str


@attrs.frozen(kw_only=True)
class Answered:
    """What a request is answered: kept under its Idempotency-Key if ``final``."""

    status: int
    body: bytes
    final: bool
    replayed: bool = False

"""From a decided change to the rows that are written together: messages, reviews and the audit trail."""

import enum
import hashlib
import json
from datetime import datetime
from operator import attrgetter
from typing import Any, Final, get_args
from uuid import UUID, uuid5

import attrs

from payments.application.messages import messages_for
from payments.application.records import AuditEntry, Destination, ReviewLink, StoredChange
from payments.domain import events as happened
from payments.domain.capture import Capture
from payments.domain.evidence import Evidence
from payments.domain.money import Money
from payments.domain.payment import Change, Payment
from payments.domain.review import Review


def record(
    before: Payment,
    change: Change,
    *,
    actor: str,
    cause: str,
    now: datetime,
    evidence: Evidence | None = None,
    decided: tuple[Review, ...] = (),
) -> StoredChange:
    """All rows of ``change``. Without events there is nothing to tell: only bookkeeping is stored.

    ``decided`` are the reviews whose fate the events tell.
    """
    if not change.events:
        return StoredChange(before=before, after=change.payment, evidence=evidence)
    messages = messages_for(change.payment, change.events, now)
    to_orders = [message.kind for message in messages if message.destination is Destination.ORDERS]
    version = before.version + 1
    told_last = messages[-1].sequence if messages else change.payment.told
    last_told = to_orders[-1] if to_orders else change.payment.last_told
    entry = AuditEntry(
        payment_id=change.payment.payment_id,
        sequence=version,
        at=now,
        actor=actor,
        cause=cause,
        events=canonical([told(event) for event in change.events]),
        evidence_id=evidence.evidence_id if evidence else None,
        state_digest=digest(_state(change.payment, version, told_last, last_told)),
        previous_hash=change.payment.trail,
        hash="",
    )
    entry = attrs.evolve(entry, hash=chain_hash(entry))
    # Copied once, with all that is new: its digest leaves the trail out.
    after = attrs.evolve(
        change.payment, version=version, told=told_last, last_told=last_told, trail=entry.hash
    )
    return StoredChange(
        before=before,
        after=after,
        evidence=evidence,
        messages=messages,
        reviews=tuple(_reviews(after, change.events, now)),
        decided=decided,
        audit=entry,
    )


def state_digest(payment: Payment) -> str:
    """SHA-256 over everything about ``payment`` that is about money or status.

    Bookkeeping of when we ask and what we were last told is left out: it changes without an audit entry.
    """
    return digest(_state(payment, payment.version, payment.told, payment.last_told))


def _state(payment: Payment, version: int, told_last: int, last_told: str) -> list[Any]:
    return [
        [payment.payment_id, payment.order_id, payment.payer, payment.amount, payment.order_version],
        [payment.status, version, told_last, last_told, payment.created_at],
        [_OF_ATTEMPT(attempt) for attempt in payment.attempts],
        [_of_capture(capture) for capture in payment.captures],
        [_OF_REFUND(refund) for refund in payment.refunds],
    ]


_OF_ATTEMPT: Final = attrgetter(
    "reference",
    "provider",
    "mode",
    "amount",
    "order_version",
    "claimed_at",
    "status",
    "reason",
    "handed_out_at",
    "checkout_url",
    "page_closed",
    "reopened_at",
    "declines",
    "on_delivery",
    "wrong_codes",
)
_OF_CAPTURE: Final = attrgetter(*(field.name for field in attrs.fields(Capture)))
_OF_REFUND: Final = attrgetter(
    "refund_id",
    "capture_id",
    "reference",
    "amount",
    "status",
    "reason",
    "actor",
    "created_at",
    "approver",
    "provider_reference",
    "requested_at",
)


def _of_capture(capture: Capture) -> tuple[Any, ...]:
    """All of it; its last two only where one of them says something: there are digests older than these."""
    fields: tuple[Any, ...] = _OF_CAPTURE(capture)
    return fields if capture.vouched is not None or capture.accepted else fields[:-2]


def chain_hash(entry: AuditEntry | ReviewLink) -> str:
    """The hash that ``entry`` must carry: over all its fields and its predecessor's hash."""
    return digest([[name, getattr(entry, name)] for name in _HASHED[type(entry)]])


_HASHED: Final = {
    kind: tuple(sorted(field.name for field in attrs.fields(kind) if field.name != "hash"))
    for kind in (AuditEntry, ReviewLink)
}
"""By kind of link, the fields that its hash is over, in their order."""


def told(event: happened.Event) -> dict[str, Any]:
    """An event as the trail tells it."""
    kind = type(event)
    return {"event": kind.__name__, **{name: getattr(event, name) for name in _TOLD[kind]}}


_TOLD: Final = {kind: tuple(field.name for field in attrs.fields(kind)) for kind in get_args(happened.Event)}
"""By kind of event, what the trail tells of it, in this order."""


def _reviews(after: Payment, events: tuple[happened.Event, ...], now: datetime) -> list[Review]:
    return [
        Review(
            review_id=uuid5(after.payment_id, f"review:{after.version}:{event.kind.value}:{event.subject}"),
            kind=event.kind,
            subject=event.subject,
            payment_id=after.payment_id,
            detail=event.detail,
            opened_at=now,
        )
        for event in events
        if isinstance(event, happened.ReviewOpened)
    ]


def digest(value: Any) -> str:
    """SHA-256 over ``value`` as canonical JSON, hexadecimal."""
    return hashlib.sha256(canonical(value)).hexdigest()


def canonical(value: Any) -> bytes:
    """``value`` as the one JSON text that stands for it."""
    return _CANONICAL.encode(value).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, Money):
        return str(value)
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds")
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, bytes):
        return value.decode()
    raise TypeError(type(value).__name__)


# Made once, and without looking for circles: frozen values cannot hold themselves.
_CANONICAL: Final = json.JSONEncoder(
    default=_plain, ensure_ascii=True, separators=(",", ":"), sort_keys=True, check_circular=False
)

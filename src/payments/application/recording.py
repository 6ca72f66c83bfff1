"""From a decided change to the rows that are written together: messages, reviews and the audit trail."""

import enum
import hashlib
import json
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

import attrs

from payments.application.messages import messages_for
from payments.application.records import AuditEntry, ReviewLink, StoredChange
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
    after, messages = messages_for(change.payment, change.events, now)
    after = attrs.evolve(after, version=before.version + 1)
    entry = AuditEntry(
        payment_id=after.payment_id,
        sequence=after.version,
        at=now,
        actor=actor,
        cause=cause,
        events=canonical([told(event) for event in change.events]),
        evidence_id=evidence.evidence_id if evidence else None,
        state_digest=state_digest(after),
        previous_hash=after.trail,
        hash="",
    )
    entry = attrs.evolve(entry, hash=chain_hash(entry))
    return StoredChange(
        before=before,
        after=attrs.evolve(after, trail=entry.hash),
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
    state = [
        [payment.payment_id, payment.order_id, payment.payer, payment.amount, payment.order_version],
        [payment.status, payment.version, payment.told, payment.last_told, payment.created_at],
        [
            [
                a.reference,
                a.provider,
                a.mode,
                a.amount,
                a.order_version,
                a.claimed_at,
                a.status,
                a.reason,
                a.handed_out_at,
                a.checkout_url,
                a.page_closed,
                a.reopened_at,
                a.declines,
                a.on_delivery,
                a.wrong_codes,
            ]
            for a in payment.attempts
        ],
        [_fields(capture) for capture in payment.captures],
        [
            [
                *(r.refund_id, r.capture_id, r.reference, r.amount, r.status, r.reason, r.actor),
                *(r.created_at, r.approver, r.provider_reference, r.requested_at),
            ]
            for r in payment.refunds
        ],
    ]
    return digest(state)


def _fields(capture: Capture) -> tuple[Any, ...]:
    """All of it; its last two only where one of them says something: there are digests older than these."""
    fields = attrs.astuple(capture, recurse=False)
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
    return {"event": type(event).__name__, **attrs.asdict(event, recurse=False)}


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

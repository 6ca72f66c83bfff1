"""What the databases' unique indexes refuse (docs/model.md section 1), refused in memory too."""

from collections.abc import Collection, Iterable, Iterator
from uuid import UUID

from payments.application.records import AuditEntry, Message, ReviewLink, StoredChange
from payments.domain.errors import StaleVersion
from payments.domain.payment import Payment
from payments.domain.transitions import Disposition


class DuplicateKey(Exception):
    """Two records claim what only one may have: a defect of the caller, as an integrity error would be."""


def refuse_duplicates(payments: Iterable[Payment], changed: Payment) -> None:
    """Return if ``changed`` may stand beside the other payments.

    Raises:
        DuplicateKey: naming the key that is taken.
    """
    seen: set[tuple[object, ...]] = set()
    for key in unique_keys(changed):
        if key in seen:
            raise DuplicateKey(f"{key} is taken.")
        seen.add(key)
    for payment in payments:
        if payment.payment_id != changed.payment_id and not seen.isdisjoint(unique_keys(payment)):
            raise DuplicateKey(f"{next(key for key in unique_keys(payment) if key in seen)} is taken.")


def refuse_other_attempts(stored: Payment, change: StoredChange) -> None:
    """Return if each attempt that ``change`` writes again was asked about as often as it takes for granted.

    Raises:
        StaleVersion: one was asked about meanwhile.
    """
    known = {attempt.reference: attempt for attempt in change.before.attempts}
    checks = {attempt.reference: attempt.checks for attempt in stored.attempts}
    for attempt in change.after.attempts:
        before = known.get(attempt.reference, attempt)
        if before is not attempt and before != attempt and before.checks != checks.get(attempt.reference):
            raise StaleVersion(f"Attempt {attempt.reference} was asked about meanwhile.")


def refuse_rewriting(
    change: StoredChange,
    messages: Iterable[Message],
    evidence: Collection[UUID],
    audit: Iterable[AuditEntry],
) -> None:
    """Return if what ``change`` adds to the outbox, the evidence and the audit trail is new there.

    Raises:
        DuplicateKey: naming the place that is taken.
    """
    told = {(message.order_id, message.sequence) for message in change.messages}
    ids = {message.message_id for message in change.messages}
    if any((m.order_id, m.sequence) in told or m.message_id in ids for m in messages):
        raise DuplicateKey("A message's id, or its place in its order's sequence, is taken.")
    if change.evidence is not None and change.evidence.evidence_id in evidence:
        raise DuplicateKey(f"The evidence {change.evidence.evidence_id} is stored already.")
    new = change.audit
    if new and any((a.payment_id, a.sequence) == (new.payment_id, new.sequence) for a in audit):
        raise DuplicateKey(f"Place {new.sequence} of the audit trail is taken.")


def refuse_second_link(new: ReviewLink, links: Iterable[ReviewLink]) -> None:
    """Return if nothing stands at the place of ``new`` in its review's trail.

    Raises:
        DuplicateKey: naming the place that is taken.
    """
    if any((link.review_id, link.sequence) == (new.review_id, new.sequence) for link in links):
        raise DuplicateKey(f"Place {new.sequence} of the review's trail is taken.")


def unique_keys(payment: Payment) -> Iterator[tuple[object, ...]]:
    """Everything of ``payment`` that no other row may carry, in one order for everybody."""
    for attempt in payment.attempts:
        yield ("attempt reference", attempt.reference)
        if attempt.live:
            yield ("live attempt", payment.payment_id)
        if attempt.provider_reference is not None:
            yield ("provider reference", attempt.provider, attempt.mode.value, attempt.provider_reference)
        if attempt.callback_token_hash is not None:
            yield ("callback token", attempt.callback_token_hash)
        if attempt.page_token_hash is not None:
            yield ("page token", attempt.page_token_hash)
    for capture in payment.captures:
        yield ("capture key", capture.provider, capture.mode.value, capture.key)
        if capture.receipt is not None:
            yield ("receipt", capture.provider, capture.mode.value, capture.receipt)
        if capture.disposition is Disposition.SETTLES:
            yield ("settling capture", payment.payment_id)
    for refund in payment.refunds:
        yield ("refund reference", refund.reference)
        if refund.callback_token_hash is not None:
            yield ("refund's callback token", refund.callback_token_hash)

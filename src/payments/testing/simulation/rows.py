"""What one open transaction has written, laid over what others have committed since: row by row.

Payments are stored as a row each for the payment, its attempts, its captures and its refunds, and only the
rows that differ are written. So a lease of an attempt, which takes no lock on its payment, and a change of
that payment meet here as they meet in the databases.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import attrs

from payments.adapters.memory.repository import Tables, without_people
from payments.application.records import AuditEntry, ReviewLink, StoredChange
from payments.domain.payment import Payment

GONE: Final = object()
"""In the place of a row that was deleted."""

_BY_KEY: Final = tuple(
    field.name for field in attrs.fields(Tables) if field.name not in ("payments", "audit", "review_audit")
)


@attrs.frozen
class SavedRows:
    """The rows of one payment that were written."""

    payment: Payment
    attempts: frozenset[str]
    refunds: frozenset[UUID]

    def over(self, stored: Payment) -> Payment:
        """``stored`` with these rows in place of its own."""
        attempts = {a.reference: a for a in stored.attempts if a.reference not in self.attempts}
        refunds = {r.refund_id: r for r in stored.refunds if r.refund_id not in self.refunds}
        # Always another value: what a database returns is never the very one that was saved.
        return attrs.evolve(
            self.payment,
            attempts=tuple(attempts.get(mine.reference, mine) for mine in self.payment.attempts),
            refunds=tuple(refunds.get(mine.refund_id, mine) for mine in self.payment.refunds),
        )


def rows_of(change: StoredChange) -> SavedRows:
    """The rows that ``change`` writes: those that differ from what it began from."""
    known = {attempt.reference: attempt for attempt in change.before.attempts}
    refunds = {refund.refund_id: refund for refund in change.before.refunds}
    return SavedRows(
        change.after,
        frozenset(a.reference for a in change.after.attempts if _differs(a, known.get(a.reference))),
        frozenset(r.refund_id for r in change.after.refunds if _differs(r, refunds.get(r.refund_id))),
    )


def _differs(row: object, known: object) -> bool:
    # Most are the very same, and to compare all their fields takes long.
    return row is not known and row != known


@attrs.define
class Written:
    """All that one transaction has written so far."""

    saved: dict[UUID, SavedRows] = attrs.field(factory=dict, init=False)
    opened: dict[UUID, Payment] = attrs.field(factory=dict, init=False)
    postponed: dict[str, datetime] = attrs.field(factory=dict, init=False)
    """By reference, when an attempt is looked at next."""
    postponed_refunds: dict[UUID, datetime] = attrs.field(factory=dict, init=False)
    nameless: set[UUID] = attrs.field(factory=set, init=False)
    """Payments whose payers are erased."""
    trail: list[AuditEntry] = attrs.field(factory=list, init=False)
    review_trail: list[ReviewLink] = attrs.field(factory=list, init=False)
    rows: dict[str, dict[Any, Any]] = attrs.field(factory=dict, init=False)
    """By table and key: the row, or :data:`GONE`."""

    @property
    def empty(self) -> bool:
        return not (
            self.saved
            or self.opened
            or self.postponed
            or self.postponed_refunds
            or self.nameless
            or self.trail
            or self.review_trail
            or self.rows
        )

    def over(self, committed: Tables) -> Tables:
        """``committed`` as this transaction sees it."""
        if self.empty:
            return committed
        changed: dict[str, Any] = {}
        if self.saved or self.opened or self.postponed or self.postponed_refunds or self.nameless:
            changed["payments"] = self._payments(committed.payments)
        if self.trail:
            changed["audit"] = (*committed.audit, *self.trail)
        if self.review_trail:
            changed["review_audit"] = (*committed.review_audit, *self.review_trail)
        for name, rows in self.rows.items():
            merged = dict(getattr(committed, name))
            for key, row in rows.items():
                if row is GONE:
                    merged.pop(key, None)
                else:
                    merged[key] = row
            changed[name] = merged
        return committed.having(**changed)

    def learn(self, before: Tables, after: Tables) -> None:
        """Note the rows by which ``after`` differs from ``before``, payments left out."""
        for name in _BY_KEY:
            old, new = getattr(before, name), getattr(after, name)
            if old is new:
                continue
            rows = self.rows.setdefault(name, {})
            rows.update({key: row for key, row in new.items() if old.get(key) is not row})
            rows.update({key: GONE for key in old if key not in new})
        self.trail.extend(after.audit[len(before.audit) :])
        self.review_trail.extend(after.review_audit[len(before.review_audit) :])

    def save(self, rows: SavedRows) -> None:
        """Note the rows of one change of a payment."""
        known = self.saved.get(rows.payment.payment_id)
        if known is not None:
            rows = SavedRows(rows.payment, known.attempts | rows.attempts, known.refunds | rows.refunds)
        self.saved[rows.payment.payment_id] = rows

    def _payments(self, committed: Mapping[UUID, Payment]) -> Mapping[UUID, Payment]:
        payments = {**self.opened, **committed}
        for payment_id, rows in self.saved.items():
            payments[payment_id] = rows.over(payments[payment_id])
        if self.postponed or self.postponed_refunds:
            for payment_id, payment in payments.items():
                payments[payment_id] = self._later(payment)
        payments.update({name: without_people(payments[name]) for name in self.nameless})
        return payments

    def _later(self, payment: Payment) -> Payment:
        attempts = tuple(
            attrs.evolve(a, next_check_at=self.postponed[a.reference]) if a.reference in self.postponed else a
            for a in payment.attempts
        )
        refunds = tuple(
            attrs.evolve(r, next_check_at=self.postponed_refunds[r.refund_id])
            if r.refund_id in self.postponed_refunds
            else r
            for r in payment.refunds
        )
        if attempts == payment.attempts and refunds == payment.refunds:
            return payment
        return attrs.evolve(payment, attempts=attempts, refunds=refunds)

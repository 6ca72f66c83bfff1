"""How one change of a payment becomes rows: only what differs is written, in an order the indexes accept."""

from collections.abc import Iterator

import attrs

from payments.adapters.sql import mapping, record_mapping, statements
from payments.adapters.sql.runner import Runner, Write
from payments.application.records import StoredChange
from payments.domain.evidence import Mode
from payments.domain.payment import Payment
from payments.domain.review import Review


def writes_of(change: StoredChange, *, fresh: bool) -> tuple[Write, ...]:
    """All rows of ``change``, the payment first: without it none is written.

    The payment has to be at the version the change began from; or, when ``fresh``, its order may have none.
    """
    return tuple(_writes(change, fresh=fresh))


def _writes(change: StoredChange, *, fresh: bool) -> Iterator[Write]:
    yield _new_payment(change) if fresh else _payment(change)
    yield from _attempts(change.before, change.after)
    yield from _captures(change.before, change.after)
    yield from _refunds(change.before, change.after)
    if change.evidence is not None:
        yield Write(statements.ADD_EVIDENCE, record_mapping.evidence_values(change.evidence))
    for message in change.messages:
        yield Write(statements.ADD_MESSAGE, record_mapping.message_values(message))
    for review in change.reviews:
        yield Write(statements.ADD_REVIEW, record_mapping.review_values(review), may_miss=True)
    for review in change.decided:
        yield _decided(review)
    if change.audit is not None:
        yield Write(statements.ADD_AUDIT, record_mapping.audit_values(change.audit))


def writes_money_again(change: StoredChange) -> bool:
    """Whether ``change`` writes a capture or a refund that was there before.

    What we know of a refund besides its status changes without a new version of its payment: only under the
    lock is it as it was read.
    """
    captures = {capture.capture_id: capture for capture in change.before.captures}
    refunds = {refund.refund_id: refund for refund in change.before.refunds}
    return any(captures.get(c.capture_id, c) != c for c in change.after.captures) or any(
        refunds.get(r.refund_id, r) != r for r in change.after.refunds
    )


@attrs.frozen
class Names:
    """What a provider calls money, and its transaction: unique indexes let one attempt have each."""

    provider: str
    mode: Mode
    key: str | None
    provider_reference: str | None

    def are_written_by(self, change: StoredChange) -> bool:
        """Whether ``change`` adds the money under this key, on an attempt of this name.

        Then the indexes refuse it while another attempt has one of them. That some other attempt of the same
        payment bears the name would prove nothing.
        """
        this = (self.provider, self.mode)
        before = {capture.capture_id for capture in change.before.captures}
        paid = {
            c.reference
            for c in change.after.captures
            if c.capture_id not in before and (c.provider, c.mode, c.key) == (*this, self.key)
        }
        named = {
            a.reference
            for a in change.after.attempts
            if (a.provider, a.mode, a.provider_reference) == (*this, self.provider_reference)
        }
        return bool(paid) and (self.provider_reference is None or paid <= named)


async def decide_review(runner: Runner, review: Review) -> bool:
    """Store what was decided about an open review; False if it is not there, or not open any more."""
    decided = _decided(review)
    return await runner.run(decided.statement, decided.values) == 1


def _decided(review: Review) -> Write:
    values = record_mapping.review_values(review)
    return Write(statements.DECIDE_REVIEW, {**values, "this_review": values["review_id"]})


def _new_payment(change: StoredChange) -> Write:
    return Write(statements.OPEN_PAYMENT, mapping.payment_values(change.after))


def _payment(change: StoredChange) -> Write:
    values = mapping.payment_values(change.after)
    this = {"this_payment": values["payment_id"], "version_before": change.before.version}
    return Write(statements.SAVE_PAYMENT, {**values, **this})


def _attempts(before: Payment, after: Payment) -> Iterator[Write]:
    # Those that ended go first: the index lets one be live at a time.
    numbered = sorted(enumerate(after.attempts), key=lambda entry: entry[1].live)
    known = {attempt.reference: attempt for attempt in before.attempts}
    for position, attempt in numbered:
        old = known.get(attempt.reference)
        if old == attempt:
            continue
        values = mapping.attempt_values(after.payment_id, position, attempt)
        if old is None:
            yield Write(statements.ADD_ATTEMPT, values)
        else:
            this = {"this_reference": attempt.reference, "checks_before": old.checks}
            yield Write(statements.SAVE_ATTEMPT, {**values, **this})


def _captures(before: Payment, after: Payment) -> Iterator[Write]:
    known = {capture.capture_id: capture for capture in before.captures}
    for position, capture in enumerate(after.captures):
        old = known.get(capture.capture_id)
        if old == capture:
            continue
        values = mapping.capture_values(after.payment_id, position, capture)
        if old is None:
            yield Write(statements.ADD_CAPTURE, values)
        else:
            yield Write(statements.SAVE_CAPTURE, {**values, "this_capture": values["capture_id"]})


def _refunds(before: Payment, after: Payment) -> Iterator[Write]:
    known = {refund.refund_id: refund for refund in before.refunds}
    for position, refund in enumerate(after.refunds):
        old = known.get(refund.refund_id)
        if old == refund:
            continue
        values = mapping.refund_values(after.payment_id, position, refund)
        if old is None:
            yield Write(statements.ADD_REFUND, values)
        else:
            yield Write(statements.SAVE_REFUND, {**values, "this_refund": values["refund_id"]})

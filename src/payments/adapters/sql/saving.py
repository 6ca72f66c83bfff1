"""How one change of a payment becomes rows: only what differs is written, in an order the indexes accept."""

from payments.adapters.sql import mapping, record_mapping, statements
from payments.adapters.sql.runner import Runner
from payments.application.records import StoredChange
from payments.domain.errors import StaleVersion
from payments.domain.payment import Payment
from payments.domain.review import Review


async def save(runner: Runner, change: StoredChange) -> None:
    """Write all of ``change``.

    Raises:
        StaleVersion: the stored version is not the one the change began from.
        NotUnique: something of it is already stored, here or elsewhere.
    """
    await _save_payment(runner, change)
    await _save_attempts(runner, change.before, change.after)
    await _save_captures(runner, change.before, change.after)
    await _save_refunds(runner, change.before, change.after)
    if change.evidence is not None:
        await runner.run(statements.ADD_EVIDENCE, record_mapping.evidence_values(change.evidence))
    for message in change.messages:
        await runner.run(statements.ADD_MESSAGE, record_mapping.message_values(message))
    for review in change.reviews:
        await runner.run(statements.ADD_REVIEW, record_mapping.review_values(review))
    for review in change.decided:
        if not await decide_review(runner, review):
            raise StaleVersion(f"The review {review.review_id} is resolved already.")
    if change.audit is not None:
        await runner.run(statements.ADD_AUDIT, record_mapping.audit_values(change.audit))


async def decide_review(runner: Runner, review: Review) -> bool:
    """Store what was decided about an open review; False if it is not there, or not open any more."""
    values = record_mapping.review_values(review)
    return await runner.run(statements.DECIDE_REVIEW, {**values, "this_review": values["review_id"]}) == 1


async def _save_payment(runner: Runner, change: StoredChange) -> None:
    values = mapping.payment_values(change.after)
    this = {"this_payment": values["payment_id"], "version_before": change.before.version}
    if not await runner.run(statements.SAVE_PAYMENT, {**values, **this}):
        raise StaleVersion(f"Payment {change.after.payment_id} is no longer at {change.before.version}.")


async def _save_attempts(runner: Runner, before: Payment, after: Payment) -> None:
    # Those that ended go first: the index lets one be live at a time.
    numbered = sorted(enumerate(after.attempts), key=lambda entry: entry[1].live)
    known = {attempt.reference: attempt for attempt in before.attempts}
    for position, attempt in numbered:
        old = known.get(attempt.reference)
        if old == attempt:
            continue
        values = mapping.attempt_values(after.payment_id, position, attempt)
        if old is None:
            await runner.run(statements.ADD_ATTEMPT, values)
        else:
            this = {"this_reference": attempt.reference}
            await runner.run(statements.SAVE_ATTEMPT, {**values, **this})


async def _save_captures(runner: Runner, before: Payment, after: Payment) -> None:
    known = {capture.capture_id: capture for capture in before.captures}
    for position, capture in enumerate(after.captures):
        old = known.get(capture.capture_id)
        if old == capture:
            continue
        values = mapping.capture_values(after.payment_id, position, capture)
        if old is None:
            await runner.run(statements.ADD_CAPTURE, values)
        else:
            await runner.run(statements.SAVE_CAPTURE, {**values, "this_capture": values["capture_id"]})


async def _save_refunds(runner: Runner, before: Payment, after: Payment) -> None:
    known = {refund.refund_id: refund for refund in before.refunds}
    for position, refund in enumerate(after.refunds):
        old = known.get(refund.refund_id)
        if old == refund:
            continue
        values = mapping.refund_values(after.payment_id, position, refund)
        if old is None:
            await runner.run(statements.ADD_REFUND, values)
        else:
            await runner.run(statements.SAVE_REFUND, {**values, "this_refund": values["refund_id"]})

"""What can happen to a transaction at Chapa: each changes it, then tells the merchant.

Whether it may happen (the link is open, the amount is left) is the caller's question: the page asks, the
control surface need not, since a payment in flight may succeed after its link was closed [5].
"""

import time
from decimal import Decimal

import attrs

from payments.simulators.chapa import formats
from payments.simulators.chapa.announcements import announce
from payments.simulators.chapa.simulation import Simulation
from payments.simulators.chapa.transactions import Refund, Transaction

# Section 9 knows no tariff; 3.5 % is what its samples show.
_CHARGE_RATE = Decimal("0.035")


def succeed(
    simulation: Simulation, transaction: Transaction, method: str, phone_number: str | None
) -> Transaction:
    """Return the paid transaction; the caller announces it, with or without a browser waiting."""
    paid = transaction.changed(
        time.time(),
        f"Payment of {transaction.amount} {transaction.currency} by {method} completed",
        status="success",
        reference=transaction.reference or formats.chapa_reference(),
        method=method,
        phone_number=phone_number or transaction.phone_number,
        charge=formats.cents(Decimal(transaction.amount) * _CHARGE_RATE),
        failure_reason=None,
    )
    simulation.ledger.put(paid)
    return paid


def fail(simulation: Simulation, transaction: Transaction, method: str | None, reason: str) -> Transaction:
    """Record a failed try: the link stays open for the others, and a webhook says so; no redirect [3]."""
    failed = transaction.changed(
        time.time(),
        f"Payment attempt failed: {reason}",
        status="failed",
        reference=transaction.reference or formats.chapa_reference(),
        method=method or transaction.method,
        failed_tries=transaction.failed_tries + 1,
        failure_reason=reason,
    )
    simulation.ledger.put(failed)
    announce(simulation, failed, "charge.failed/cancelled", "failed/cancelled")
    return failed


def abandon(simulation: Simulation, transaction: Transaction) -> Transaction:
    """Record that the payer left. Nothing is sent and the link stays open."""
    left = transaction.changed(time.time(), "The payer left the checkout")
    simulation.ledger.put(left)
    return left


def reverse(simulation: Simulation, transaction: Transaction) -> Transaction:
    reversed_ = transaction.changed(time.time(), "Payment reversed", status="reversed")
    simulation.ledger.put(reversed_)
    announce(simulation, reversed_, "charge.reversed", "reversed")
    return reversed_


def left_to_refund(simulation: Simulation, transaction: Transaction) -> Decimal:
    refunds = simulation.ledger.refunds(transaction.tx_ref)
    taken = sum((Decimal(refund.amount) for refund in refunds if refund.status != "reversed"), Decimal(0))
    return Decimal(transaction.amount) - taken


def start_refund(
    simulation: Simulation,
    transaction: Transaction,
    amount: Decimal,
    reason: str | None,
    reference: str | None,
) -> Refund:
    now = time.time()
    refund = Refund(
        ref=formats.refund_reference(),
        tx_ref=transaction.tx_ref,
        amount=formats.cents(amount),
        currency=transaction.currency,
        reason=reason,
        reference=reference,
        created_at=now,
        updated_at=now,
    )
    simulation.ledger.put_refund(refund)
    simulation.ledger.put(transaction.changed(now, f"Refund of {refund.amount} initiated"))
    settles_after_s = simulation.switchboard.current(transaction.tx_ref).refund_settles_after_s
    if settles_after_s is not None:
        simulation.timers.set("settle_refund", refund.ref, settles_after_s)
    return refund


def end_refund(simulation: Simulation, refund: Refund, status: str) -> Refund:
    """End a refund as `refunded` or `reversed`.

    Once all of the amount went back, the transaction is refunded.
    """
    now = time.time()
    ended = attrs.evolve(refund, status=status, updated_at=now)
    simulation.ledger.put_refund(ended)
    transaction = simulation.ledger.by_tx_ref(refund.tx_ref)
    if transaction is None or status != "refunded":
        return ended
    whole = not any(other.status == "initiated" for other in simulation.ledger.refunds(refund.tx_ref)) and (
        left_to_refund(simulation, transaction) == 0
    )
    changed = transaction.changed(
        now, f"Refund of {refund.amount} completed", status="refunded" if whole else transaction.status
    )
    simulation.ledger.put(changed)
    announce(simulation, changed, "charge.refunded", "refunded")
    return ended

"""What becomes of a refund: queued, received by the processor, ended; and of its transaction (sheet 5, 8)."""

import time

import attrs

from payments.simulators.paystack import formats
from payments.simulators.paystack.announcements import announce_refund
from payments.simulators.paystack.refund_bodies import REFUNDED_BY
from payments.simulators.paystack.simulation import Simulation
from payments.simulators.paystack.transactions import Refund, Transaction


def start_refund(
    simulation: Simulation,
    transaction: Transaction,
    amount: int,
    *,
    customer_note: str | None = None,
    merchant_note: str | None = None,
) -> Refund:
    """Queue a refund: from now on verify says `reversal-pending`, full or partial [5]."""
    now = time.time()
    switches = simulation.switchboard.current(transaction.reference)
    end = transaction.refund_end if switches.refund_end == "as_paid" else switches.refund_end
    note = f"Refund for transaction {transaction.reference}"
    refund = Refund(
        id=simulation.ledger.next_refund_id(),
        transaction_id=transaction.id,
        amount=amount,
        currency=transaction.currency,
        customer_note=customer_note or note,
        merchant_note=merchant_note or f"{note} by {REFUNDED_BY}",
        created_at=now,
        updated_at=now,
        end=end,
    )
    _write_refund(simulation, refund, transaction)
    return refund


def advance_refund(simulation: Simulation, refund_id: str) -> None:
    """Take a refund one step on: from pending to processing, from processing to its end."""
    refund = simulation.ledger.refund(refund_id)
    if refund is None or refund.status not in {"pending", "processing"}:
        return
    move_refund(simulation, refund, "processing" if refund.status == "pending" else refund.end)


def move_refund(simulation: Simulation, refund: Refund, status: str) -> Refund:
    """Give a refund a status, and its transaction the one that follows from it."""
    now = time.time()
    transaction = simulation.ledger.by_id(refund.transaction_id)
    if transaction is None:
        raise ValueError("a refund without its transaction")
    reference = {
        "processed": formats.bank_reference,
        "failed": formats.transfer_reference,
        "needs-attention": formats.transfer_reference,
    }.get(status)
    moved = attrs.evolve(
        refund,
        status=status,
        updated_at=now,
        reference=None if reference is None else reference(),
        refunded_at=now if status == "processed" else None,
    )
    _write_refund(simulation, moved, transaction)
    return moved


def left_to_refund(simulation: Simulation, transaction: Transaction) -> int:
    refunds = simulation.ledger.refunds(transaction.id)
    return transaction.amount - sum(refund.amount for refund in refunds if refund.counts)


def _write_refund(simulation: Simulation, refund: Refund, transaction: Transaction) -> None:
    simulation.ledger.put_refund(refund)
    status = _status_by_refunds(simulation, transaction)
    changed = attrs.evolve(transaction, status=status)
    simulation.ledger.put(changed)
    announce_refund(simulation, refund, changed)
    step_s = simulation.switchboard.current(transaction.reference).refund_step_s
    if refund.status in {"pending", "processing"} and step_s is not None:
        simulation.timers.set("advance_refund", str(refund.id), step_s)


def _status_by_refunds(simulation: Simulation, transaction: Transaction) -> str:
    """Return what verify says; what it says after a partial refund is not known, and a switch [8]."""
    refunds = simulation.ledger.refunds(transaction.id)
    disputes = simulation.ledger.disputes(transaction.id)
    if any(dispute.resolution in {"merchant-accepted", "auto-accepted"} for dispute in disputes):
        return "reversed"
    if any(refund.under_way for refund in refunds):
        return "reversal-pending"
    gone = sum(refund.amount for refund in refunds if refund.status == "processed")
    if gone >= transaction.amount:
        return "reversed"
    partial = simulation.switchboard.current(transaction.reference).after_partial_refund
    return partial if gone else "success"

"""What can happen to a transaction at Paystack: each changes it, then tells the merchant.

Whether it may happen (it is unpaid, the amount is left) is the caller's question: the page asks, the control
surface need not.
"""

import time
from typing import Any

import attrs

from payments.simulators.paystack import formats
from payments.simulators.paystack.announcements import announce_refund, announce_success
from payments.simulators.paystack.instruments import DECLINED, bank_authorization
from payments.simulators.paystack.refund_bodies import REFUNDED_BY
from payments.simulators.paystack.simulation import Simulation
from payments.simulators.paystack.transactions import Refund, Transaction

# What the sheet's samples show, in thousandths: 14500 of 500000 by card, 7500 by mobile money.
_FEES_PER_MILLE = {"card": 29, "mobile_money": 15}
_OTHER_FEES_PER_MILLE = 15


def fees_of(amount: int, channel: str) -> int:
    return amount * _FEES_PER_MILLE.get(channel, _OTHER_FEES_PER_MILLE) // 1000


def succeed(
    simulation: Simulation,
    transaction: Transaction,
    channel: str,
    *,
    authorization: dict[str, Any] | None = None,
    refund_end: str = "processed",
    amount: int | None = None,
    currency: str | None = None,
) -> Transaction:
    """Return the paid transaction; the caller announces it, with or without a browser waiting.

    What is charged is what was asked for, unless the switches or the arguments say otherwise.
    """
    switches = simulation.switchboard.current(transaction.reference)
    now = time.time()
    asked = amount or switches.paid_amount or transaction.requested_amount
    fees = fees_of(asked, channel)
    attempted = _attempted(transaction, now, channel)
    paid = attempted.logged(
        now,
        "success",
        f"Successfully paid with {channel.replace('_', ' ')}",
        status="success",
        paid_at=now,
        channel=channel,
        gateway_response="Successful",
        amount=asked + fees if switches.fees_passed_on else asked,
        currency=currency or switches.paid_currency or transaction.currency,
        fees=fees,
        authorization=authorization or bank_authorization(channel, transaction.currency),
        refund_end=refund_end,
        waiting=None,
    )
    simulation.ledger.put(paid)
    return paid


def decline(
    simulation: Simulation, transaction: Transaction, channel: str, reason: str = DECLINED
) -> Transaction:
    """Record a try that was declined at its first step: the status stays `abandoned` [12]."""
    return _not_paid(simulation, transaction, channel, reason, "abandoned")


def fail(simulation: Simulation, transaction: Transaction, channel: str, reason: str) -> Transaction:
    """Record a try that failed at a later step, such as a wrong PIN; nothing is told [10.1, 12]."""
    return _not_paid(simulation, transaction, channel, reason, "failed")


def _not_paid(
    simulation: Simulation, transaction: Transaction, channel: str, reason: str, status: str
) -> Transaction:
    now = time.time()
    attempted = _attempted(transaction, now, channel)
    tried = attempted.logged(
        now,
        "error",
        f"Error: {reason}",
        status=status,
        channel=channel,
        gateway_response=reason,
        errors=transaction.errors + 1,
        waiting=None,
    )
    simulation.ledger.put(tried)
    return tried


def ask(simulation: Simulation, transaction: Transaction, channel: str, what: str) -> Transaction:
    """Record that the customer is at a step, such as entering a code: `ongoing` [5]."""
    now = time.time()
    asked = transaction.logged(now, "auth", f"Authentication required: {what}", status="ongoing")
    simulation.ledger.put(attrs.evolve(asked, channel=channel))
    return asked


def leave(simulation: Simulation, transaction: Transaction, how: str) -> Transaction:
    """Record that the customer left or cancelled. Nothing is sent and the page can still be paid.

    Money in flight may arrive all the same, where a switch says so.
    """
    status = "abandoned" if transaction.status == "ongoing" else transaction.status
    left = transaction.logged(time.time(), "action", how, status=status)
    simulation.ledger.put(left)
    late_s = simulation.switchboard.current(transaction.reference).late_success_after_leaving_s
    if late_s is not None:
        simulation.timers.set("late_success", str(transaction.id), late_s)
    return left


def late_success(simulation: Simulation, transaction_id: str) -> None:
    """Let the money that was in flight arrive."""
    transaction = simulation.ledger.by_id(transaction_id)
    if transaction is not None and not transaction.paid:
        announce_success(simulation, succeed(simulation, transaction, transaction.channel or "card"))


def _attempted(transaction: Transaction, now: float, channel: str) -> Transaction:
    return transaction.logged(
        now,
        "action",
        f"Attempted to pay with {channel.replace('_', ' ')}",
        attempts=transaction.attempts + 1,
    )


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

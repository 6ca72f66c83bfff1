"""What can happen to a transaction at Paystack until it is paid: each changes it.

Whether it may happen (it is unpaid) is the caller's question: the page asks, and so does the control surface.
"""

import time
from typing import Any

from payments.simulators.paystack import authorizations
from payments.simulators.paystack.announcements import announce_success
from payments.simulators.paystack.instruments import DECLINED
from payments.simulators.paystack.simulation import Simulation
from payments.simulators.paystack.transactions import Transaction

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
        authorization=authorization or authorizations.of_bank(channel, transaction.currency),
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
    asked = transaction.logged(
        now, "auth", f"Authentication required: {what}", status="ongoing", channel=channel
    )
    simulation.ledger.put(asked)
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

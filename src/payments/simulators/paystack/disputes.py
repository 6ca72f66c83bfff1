"""What becomes of a dispute: the customer's bank opens it, the merchant answers (fact sheet, section 9)."""

import time
from typing import Any

import attrs

from payments.simulators.paystack.announcements import announce_dispute
from payments.simulators.paystack.simulation import Simulation
from payments.simulators.paystack.transactions import Dispute, Transaction

RESOLUTIONS = ("merchant-accepted", "declined", "auto-accepted")
_MERCHANT = "ops@example.com"
_DUE_IN_S = 86400.0


def open_dispute(
    simulation: Simulation, transaction: Transaction, refund_amount: int, category: str, message: str
) -> Dispute:
    """Open a dispute over a paid transaction, and say so; the transaction stays what it was."""
    now = time.time()
    by = transaction.customer.email
    dispute = Dispute(
        id=simulation.ledger.next_dispute_id(),
        transaction_id=transaction.id,
        refund_amount=refund_amount,
        category=category,
        created_at=now,
        updated_at=now,
        due_at=now + _DUE_IN_S,
        history=({"status": "pending", "by": by, "at": now},),
        messages=({"sender": by, "body": message, "at": now},),
    )
    simulation.ledger.put_dispute(dispute)
    announce_dispute(simulation, dispute, transaction, "create")
    return dispute


def remind(simulation: Simulation, dispute: Dispute) -> Dispute:
    """Remind the merchant that the time is running."""
    announce_dispute(simulation, dispute, _transaction_of(simulation, dispute), "remind")
    return dispute


def resolve(
    simulation: Simulation, dispute: Dispute, resolution: str, message: str | None = None
) -> tuple[Dispute, Transaction]:
    """End a dispute and say so: one that is accepted takes the money back, so `reversed` [5]."""
    now = time.time()
    transaction = _transaction_of(simulation, dispute)
    resolved = dispute.changed(
        now, _MERCHANT, status="resolved", resolution=resolution, resolved_at=now, note=message
    )
    if message is not None:
        said = {"sender": _MERCHANT, "body": message, "at": now}
        resolved = attrs.evolve(resolved, messages=(*resolved.messages, said))
    simulation.ledger.put_dispute(resolved)
    if resolution != "declined":
        transaction = attrs.evolve(transaction, status="reversed")
        simulation.ledger.put(transaction)
    announce_dispute(simulation, resolved, transaction, "resolve")
    return resolved, transaction


def add_evidence(simulation: Simulation, dispute: Dispute, evidence: dict[str, Any]) -> Dispute:
    """Keep the merchant's evidence; from now on the bank is to answer."""
    waiting = dispute.changed(time.time(), _MERCHANT, status="awaiting-bank-feedback", evidence=evidence)
    simulation.ledger.put_dispute(waiting)
    return waiting


def _transaction_of(simulation: Simulation, dispute: Dispute) -> Transaction:
    transaction = simulation.ledger.by_id(dispute.transaction_id)
    if transaction is None:
        raise ValueError("a dispute without its transaction")
    return transaction

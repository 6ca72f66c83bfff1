"""A dispute, written alike by the API and its webhooks (fact sheet, sections 9 and 10.3)."""

from typing import Any

from payments.simulators.paystack import formats
from payments.simulators.paystack.transaction_bodies import customer, disputed
from payments.simulators.paystack.transactions import Dispute, Transaction


def written(dispute: Dispute, transaction: Transaction) -> dict[str, Any]:
    """Return the dispute; its own `transaction_reference` is null, the one inside `transaction` is not."""
    return {
        "id": dispute.id,
        "refund_amount": dispute.refund_amount,
        "currency": transaction.currency,
        "status": dispute.status,
        "resolution": dispute.resolution,
        "domain": transaction.domain,
        "transaction": disputed(transaction),
        "transaction_reference": None,
        "category": dispute.category,
        "customer": {**customer(transaction.customer), "metadata": {}, "risk_action": "allow"},
        "bin": transaction.authorization.get("bin"),
        "last4": transaction.authorization.get("last4"),
        "dueAt": formats.timestamp(dispute.due_at),
        "resolvedAt": formats.timestamp(dispute.resolved_at),
        "evidence": dispute.evidence,
        "attachments": None,
        "note": dispute.note,
        "history": [_dated(entry) for entry in dispute.history],
        "messages": [_dated(message) for message in dispute.messages],
        "created_at": formats.timestamp(dispute.created_at),
        "updated_at": formats.timestamp(dispute.updated_at),
    }


def _dated(entry: dict[str, Any]) -> dict[str, Any]:
    said = {name: value for name, value in entry.items() if name != "at"}
    return {**said, "createdAt": formats.timestamp(entry["at"])}

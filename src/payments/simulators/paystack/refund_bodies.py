"""A refund as the API and its webhooks write it (fact sheet, sections 8 and 10.3)."""

from typing import Any

from payments.simulators.paystack import formats
from payments.simulators.paystack.transaction_bodies import INTEGRATION, customer, refunded
from payments.simulators.paystack.transactions import Refund, Transaction

REFUNDED_BY = "ops@example.com"
# The processor of the sheet's samples; a refund that needs attention has none.
_PROCESSOR = "instant-transfer"
_ARRIVES_IN_S = 11 * 86400.0


def created(refund: Refund, transaction: Transaction) -> dict[str, Any]:
    """Return the answer to a new refund, in which `transaction` is an object."""
    return {
        "transaction": refunded(transaction),
        "integration": INTEGRATION,
        "deducted_amount": 0,
        "channel": None,
        "merchant_note": refund.merchant_note,
        "customer_note": refund.customer_note,
        "status": refund.status,
        "refunded_by": REFUNDED_BY,
        "expected_at": formats.timestamp(refund.created_at + _ARRIVES_IN_S),
        "currency": refund.currency,
        "domain": transaction.domain,
        "amount": refund.amount,
        "fully_deducted": False,
        "id": refund.id,
        "createdAt": formats.timestamp(refund.created_at),
        "updatedAt": formats.timestamp(refund.updated_at),
        "reason": "PENDING",
        "initiated_by": REFUNDED_BY,
        "customer": customer(transaction.customer),
        "session_id": None,
    }


def fetched(refund: Refund, transaction: Transaction) -> dict[str, Any]:
    """Return a refund as it is listed and fetched, in which `transaction` is a number."""
    deducted = refund.status == "processed"
    return {
        "integration": INTEGRATION,
        "transaction": transaction.id,
        "dispute": None,
        "settlement": None,
        "id": refund.id,
        "domain": transaction.domain,
        "currency": refund.currency,
        "amount": refund.amount,
        "status": refund.status,
        "refunded_at": formats.timestamp(refund.refunded_at),
        "refunded_by": REFUNDED_BY,
        "expected_at": formats.timestamp(refund.created_at + _ARRIVES_IN_S),
        "customer_note": refund.customer_note,
        "merchant_note": refund.merchant_note,
        "deducted_amount": refund.amount if deducted else 0,
        "fully_deducted": deducted,
        "channel": transaction.channel,
        "createdAt": formats.timestamp(refund.created_at),
        "updatedAt": formats.timestamp(refund.updated_at),
        "bank_reference": refund.reference,
        "transaction_reference": transaction.reference,
        "reason": refund.status.upper(),
        "customer": customer(transaction.customer),
        "refund_type": "full" if refund.amount == transaction.amount else "partial",
        "transaction_amount": transaction.amount,
        "initiated_by": REFUNDED_BY,
        "refund_channel": transaction.channel,
        "session_id": None,
        "collect_account_number": refund.status == "needs-attention",
    }


def announced(refund: Refund, transaction: Transaction, style: str) -> dict[str, Any]:
    """Return the data of `refund.*`: the amount is text, save for failed and needs-attention."""
    as_number = refund.status in {"failed", "needs-attention"}
    data: dict[str, Any] = {
        "status": refund.status,
        "transaction_reference": transaction.reference,
        "refund_reference": refund.reference,
        "amount": refund.amount if as_number else str(refund.amount),
        "currency": refund.currency,
        "processor": _PROCESSOR,
        "customer": {"first_name": None, "last_name": None, "email": transaction.customer.email},
        "integration": INTEGRATION,
        "domain": transaction.domain,
        "id": str(refund.id),
        "customer_note": refund.customer_note,
        "merchant_note": refund.merchant_note,
    }
    absent = {"processor"} if refund.status == "needs-attention" else set()
    if style == "docs" and refund.status != "needs-attention":
        absent |= {"id", "customer_note", "merchant_note"}
    return {name: value for name, value in data.items() if name not in absent}

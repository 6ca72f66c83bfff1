"""A transaction as verify, list, fetch and webhooks write it, each with its keys (sections 5, 6, 10.3)."""

from typing import Any

from payments.simulators.paystack import formats
from payments.simulators.paystack.switches import PaystackSwitches
from payments.simulators.paystack.transactions import Customer, Transaction

INTEGRATION = 412829
_UNPAID = "The transaction was not completed"
_PAYER_ADDRESS = "102.0.2.10"


def verified(transaction: Transaction, switches: PaystackSwitches) -> dict[str, Any]:
    """Return what verify says, with what the switches put in the place of the truth."""
    return _misreported(verified_truly(transaction), switches)


def verified_truly(transaction: Transaction) -> dict[str, Any]:
    """Return what verify says where no switch interferes."""
    created_at = formats.timestamp(transaction.created_at)
    return {
        **_shared(transaction),
        "receipt_number": None,
        "metadata": "" if transaction.metadata is None else transaction.metadata,
        "plan": None,
        "split": {},
        "source": None,
        "fees_breakdown": None,
        "connect": None,
        "transaction_date": created_at,
        "plan_object": {},
        "subaccount": {},
    }


def listed(transaction: Transaction) -> dict[str, Any]:
    """Return a row of the list."""
    return {
        **_shared(transaction),
        "metadata": transaction.metadata,
        "plan": {},
        "split": {},
        "subaccount": {},
        "source": _source(transaction),
        "connect": None,
    }


def fetched(transaction: Transaction) -> dict[str, Any]:
    """Return what fetching by id says."""
    return {
        **_shared(transaction),
        "receipt_number": None,
        "helpdesk_link": None,
        "metadata": "" if transaction.metadata is None else transaction.metadata,
        "plan": None,
        "split": {},
        "source": None,
        "fees_breakdown": None,
        "connect": None,
        "subaccount": {},
    }


def announced(transaction: Transaction) -> dict[str, Any]:
    """Return the data of `charge.success`."""
    body = _shared(transaction)
    del body["createdAt"]
    return {
        **body,
        "status": "success",
        "gateway_response": "Approved",
        "metadata": 0 if transaction.metadata is None else transaction.metadata,
        "fees_breakdown": None,
        "plan": {},
        "subaccount": {},
        "split": {},
        "source": _source(transaction),
    }


def disputed(transaction: Transaction) -> dict[str, Any]:
    """Return the transaction inside of a dispute."""
    body = _shared(transaction)
    for key in ("createdAt", "log"):
        del body[key]
    return {
        **body,
        "ip_address": None,
        "metadata": "" if transaction.metadata is None else transaction.metadata,
        "log": None,
        "plan": {},
        "subaccount": {},
        "split": {},
    }


def refunded(transaction: Transaction) -> dict[str, Any]:
    """Return the transaction inside of the answer to a new refund."""
    return {
        "id": transaction.id,
        "domain": transaction.domain,
        "reference": transaction.reference,
        "amount": transaction.amount,
        "paid_at": formats.timestamp(transaction.paid_at),
        "channel": transaction.channel,
        "currency": transaction.currency,
        "authorization": {"exp_month": None, "exp_year": None, "account_name": None},
        "customer": {"international_format_phone": None},
        "plan": {},
        "subaccount": {"currency": None},
        "split": {},
        "order_id": None,
        "paidAt": formats.timestamp(transaction.paid_at),
        "pos_transaction_data": None,
        "source": None,
        "fees_breakdown": None,
    }


def log(transaction: Transaction) -> dict[str, Any]:
    """Return the timeline: what the customer did, in seconds since they began."""
    return {
        "start_time": int(transaction.started_at or transaction.created_at),
        "time_spent": transaction.history[-1]["time"] if transaction.history else 0,
        "attempts": transaction.attempts,
        "errors": transaction.errors,
        "success": transaction.paid,
        "mobile": False,
        "input": [],
        "history": list(transaction.history),
    }


def customer(known: Customer) -> dict[str, Any]:
    return {
        "id": known.id,
        "first_name": None,
        "last_name": None,
        "email": known.email,
        "customer_code": known.customer_code,
        "phone": None,
        "metadata": None,
        "risk_action": "default",
        "international_format_phone": None,
    }


def _shared(transaction: Transaction) -> dict[str, Any]:
    paid_at = formats.timestamp(transaction.paid_at)
    created_at = formats.timestamp(transaction.created_at)
    return {
        "id": transaction.id,
        "domain": transaction.domain,
        "status": transaction.status,
        "reference": transaction.reference,
        "amount": transaction.amount,
        "message": _message(transaction),
        "gateway_response": transaction.gateway_response or _UNPAID,
        "paid_at": paid_at,
        "created_at": created_at,
        "channel": transaction.channel or "card",
        "currency": transaction.currency,
        "ip_address": _PAYER_ADDRESS,
        "log": log(transaction) if transaction.history else None,
        "fees": transaction.fees,
        "fees_split": None,
        "authorization": transaction.authorization,
        "customer": customer(transaction.customer),
        "order_id": None,
        "paidAt": paid_at,
        "createdAt": created_at,
        "requested_amount": transaction.requested_amount,
        "pos_transaction_data": None,
    }


def _message(transaction: Transaction) -> str | None:
    """Return why mobile money did not pay [7]; everything else has its reason in `gateway_response` alone."""
    if transaction.paid or transaction.channel != "mobile_money":
        return None
    return transaction.gateway_response


def _source(transaction: Transaction) -> dict[str, Any]:
    return {
        "source": "merchant_api",
        "type": "api",
        "identifier": None,
        "entry_point": transaction.entry_point,
    }


def _misreported(body: dict[str, Any], switches: PaystackSwitches) -> dict[str, Any]:
    wanted = {
        "amount": switches.verify_amount,
        "requested_amount": switches.verify_requested_amount,
        "currency": switches.verify_currency,
        "domain": switches.verify_domain,
        "reference": switches.verify_reference,
        "id": switches.verify_id,
        "status": switches.verify_status,
    }
    said = {**body, **{name: value for name, value in wanted.items() if value is not None}}
    if switches.verify_requested_amount_as == "null":
        said["requested_amount"] = None
    if switches.verify_requested_amount_as == "missing":
        del said["requested_amount"]
    return said

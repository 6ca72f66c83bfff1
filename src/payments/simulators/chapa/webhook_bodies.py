"""The bodies of transaction webhooks, in styles that re-serialising verifiers break on (sheet 6.3, 6.5)."""

import json
from typing import Any

from payments.simulators.chapa import formats
from payments.simulators.chapa.transactions import Transaction


def webhook_fields(transaction: Transaction, event: str, status: str) -> dict[str, Any]:
    """Return the flat object of a charge event; `amount` and `charge` are texts here, unlike in verify."""
    return {
        "event": event,
        "first_name": transaction.first_name,
        "last_name": transaction.last_name,
        "email": transaction.email,
        "mobile": formats.international(transaction.phone_number),
        "currency": transaction.currency,
        "amount": transaction.amount,
        "charge": transaction.charge,
        "failure_reason": transaction.failure_reason,
        "status": status,
        "mode": transaction.mode,
        "reference": transaction.reference,
        "created_at": formats.timestamp(transaction.created_at),
        "updated_at": formats.timestamp(transaction.updated_at),
        "type": "API",
        "tx_ref": transaction.tx_ref,
        "payment_method": transaction.method,
        "customization": transaction.customization,
        "meta": transaction.meta,
    }


def webhook_body(fields: dict[str, Any], style: str) -> str:
    r"""Return the exact text.

    `compact` ASCII, `php` (compact, with `\/`), or `pretty` (indented raw UTF-8).
    """
    if style == "pretty":
        return json.dumps(fields, ensure_ascii=False, indent=2) + "\n"
    compact = json.dumps(fields, separators=(",", ":"))
    # A slash occurs in JSON inside strings only, so PHP's escape is a plain replacement.
    return compact.replace("/", "\\/") if style == "php" else compact

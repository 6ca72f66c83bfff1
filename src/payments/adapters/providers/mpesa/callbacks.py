"""Reading what Daraja reports to a secret address (fact sheet, sections 4 and 7, vectors V3).

Nothing is signed and every item is optional: it is found by name, and what cannot be read says "look again".
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from payments.adapters.providers.mpesa.api import line_of
from payments.adapters.providers.mpesa.results import RESULTS
from payments.application import strict_json
from payments.application.ports.providers import Callback, Callbacks
from payments.application.records import Claim
from payments.domain.errors import InvalidMoney
from payments.domain.evidence import Outcome
from payments.domain.money import Money

ACKNOWLEDGEMENT: Final = b'{"ResultCode":0,"ResultDesc":"Accepted"}'

REVERSAL_REFUSALS: Final[Mapping[str, str]] = {
    "1": "The shop's M-Pesa balance is too low for this refund.",
    "11": "The M-Pesa account is not active.",
    "21": "The initiator lacks the role for reversals.",
    "2001": "M-Pesa does not accept the initiator's password.",
    "2006": "The M-Pesa account is not active.",
    "2028": "The shop's account is not allowed to reverse payments.",
    "8006": "The initiator's password is locked.",
    "R000002": "M-Pesa does not know this receipt.",
}
"""Definite failures of a reversal (section 7). R000001, "already reversed", is none of them."""

UNREADABLE: Final = Callback(claim=Claim.OTHER, word="unreadable")
_ENDED: Final = "0"
_CLAIMS: Final = {Outcome.PAID: Claim.PAID, Outcome.DECLINED: Claim.FAILED}
_NAME: Final = re.compile(r"[\x21-\x7e]{1,128}", re.ASCII)
RECEIPT: Final = re.compile(r"[A-Z0-9]{6,20}", re.ASCII)
_LONGEST_WORD_CHARACTERS: Final = 80


class MpesaCallbacks(Callbacks):
    """Reports about pushes and reversals. Phones are neither kept nor compared: they come masked, or not."""

    def read(self, body: bytes) -> Callback:
        try:
            document = strict_json.read_object(body)
        except ValueError:
            return UNREADABLE
        wrapped = document.get("Body")
        push = wrapped.get("stkCallback") if isinstance(wrapped, dict) else None
        if isinstance(push, dict):
            return _push(push)
        result = document.get("Result")
        return _reversal(result) if isinstance(result, dict) else UNREADABLE

    def acknowledgement(self) -> bytes:
        return ACKNOWLEDGEMENT


def as_written(name: str) -> str:
    """A name as M-Pesa writes it: its receipts are in capitals, names of prompts and reversals not."""
    typed = name.strip()
    capitals = typed.upper()
    return capitals if RECEIPT.fullmatch(capitals) else typed


def _push(said: Mapping[str, Any]) -> Callback:
    code = line_of(said.get("ResultCode"))
    known = RESULTS.get(code)
    metadata = said.get("CallbackMetadata")
    items = _items(metadata.get("Item") if isinstance(metadata, dict) else None, "Name")
    return Callback(
        claim=_CLAIMS.get(known.outcome, Claim.OTHER) if known else Claim.OTHER,
        word=code[:_LONGEST_WORD_CHARACTERS] or "no code",
        provider_reference=_named(said.get("CheckoutRequestID"), _NAME),
        amount=_amount(items.get("Amount")),
        receipt=_named(items.get("MpesaReceiptNumber"), RECEIPT),
    )


def _reversal(said: Mapping[str, Any]) -> Callback:
    code = line_of(said.get("ResultCode"))
    parameters = said.get("ResultParameters")
    items = _items(parameters.get("ResultParameter") if isinstance(parameters, dict) else None, "Key")
    claim = Claim.OTHER
    # ResultType 0 is the one mark of an end that section 7 knows. What a time-out carries is documented
    # nowhere, and its code says nothing about the money. Nor does the code of a result that tells a
    # transaction's status (section 8): it says that a question was answered.
    if line_of(said.get("ResultType")) == _ENDED and "TransactionStatus" not in items:
        claim = Claim.RETURNED if code == "0" else claim
        claim = Claim.FAILED if code in REVERSAL_REFUSALS else claim
    return Callback(
        claim=claim,
        word=code[:_LONGEST_WORD_CHARACTERS] or "no code",
        provider_reference=_named(said.get("ConversationID"), _NAME),
        amount=_amount(items.get("Amount")),
        receipt=_named(said.get("TransactionID"), RECEIPT),
    )


def _items(listed: Any, key: str) -> dict[str, Any]:
    """Values by name; one object in place of a list, missing values and repeated names are all seen."""
    rows = listed if isinstance(listed, list) else [listed]
    found: dict[str, Any] = {}
    for row in rows:
        if isinstance(row, dict) and isinstance(row.get(key), str) and "Value" in row:
            found.setdefault(row[key], row["Value"])
    return found


def _amount(value: Any) -> Money | None:
    """Shillings, written as a number or a text; None when they cannot be read, or are none."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return None
    try:
        amount = Money.of(Decimal(value) if isinstance(value, int) else value, "KES")
    except InvalidMoney:
        return None
    return amount if amount.minor > 0 else None


def _named(value: Any, shape: re.Pattern[str]) -> str | None:
    return value if isinstance(value, str) and shape.fullmatch(value) else None

"""The bodies of STK callbacks and C2B confirmations (fact sheet, sections 4 and 9)."""

import secrets
from collections.abc import Sequence
from typing import Any

from payments.simulators.mpesa import formats, result_codes
from payments.simulators.mpesa.formats import Written
from payments.simulators.mpesa.prompts import Payment, Prompt
from payments.simulators.mpesa.switches import MpesaSwitches

_BALANCE = "{Amount={CurrencyCode=KES, MinimumAmount=618683, BasicAmount=6186.83}}"
Item = dict[str, Any]


def stk_callback(prompt: Prompt, switches: MpesaSwitches) -> str:
    """Return the exact text of the callback of a prompt that has its result."""
    code = prompt.code or result_codes.NO_ANSWER
    said: dict[str, Any] = {
        "MerchantRequestID": prompt.merchant_request_id,
        "CheckoutRequestID": prompt.checkout_request_id,
        "ResultCode": code if switches.callback_codes_as == "string" else result_codes.as_number(code),
        "ResultDesc": result_codes.on_callback(code, old_text=switches.callback_old_text),
    }
    if code == result_codes.PAID:
        said["CallbackMetadata"] = {"Item": _arranged(_items(prompt, switches), switches.callback_items)}
    return formats.json_text({"Body": {"stkCallback": said}})


def _items(prompt: Prompt, switches: MpesaSwitches) -> list[Item]:
    ended_at = prompt.ended_at or prompt.created_at
    items: list[Item] = [{"Name": "Amount", "Value": _amount(prompt, switches)}]
    if switches.callback_receipt == "given":
        items.append({"Name": "MpesaReceiptNumber", "Value": prompt.receipt})
    if switches.callback_balance == "no_value":
        items.append({"Name": "Balance"})
    elif switches.callback_balance == "text":
        items.append({"Name": "Balance", "Value": _BALANCE})
    as_text = switches.callback_date_as == "text"
    at = f"{formats.eat(ended_at):%Y-%m-%d %H:%M:%S}" if as_text else int(formats.timestamp(ended_at))
    items.append({"Name": "TransactionDate", "Value": at})
    if switches.callback_phone == "full":
        items.append({"Name": "PhoneNumber", "Value": int(prompt.phone)})
    elif switches.callback_phone == "masked":
        items.append({"Name": "PhoneNumber", "Value": formats.masked(prompt.phone)})
    return items


def _amount(prompt: Prompt, switches: MpesaSwitches) -> Any:
    if switches.callback_amount is not None:
        return Written(switches.callback_amount)
    return {
        "two_decimals": Written(f"{prompt.amount}.00"),
        "whole": prompt.amount,
        "string": f"{prompt.amount}.00",
    }[switches.callback_amount_as]


def _arranged(items: Sequence[Item], arrangement: str) -> list[Item]:
    if arrangement == "reversed":
        return list(reversed(items))
    if arrangement == "shuffled":
        return secrets.SystemRandom().sample(items, len(items))
    return list(items)


def confirmation(payment: Payment, balance: str) -> str:
    """Return the body of a C2B confirmation or validation: every value is a text."""
    return formats.json_text(
        {
            "TransactionType": "Buy Goods" if payment.source == "stk_till" else "Pay Bill",
            "TransID": payment.receipt,
            "TransTime": formats.timestamp(payment.at),
            "TransAmount": f"{payment.amount}.00",
            "BusinessShortCode": payment.shortcode,
            "BillRefNumber": payment.account_reference,
            "InvoiceNumber": "",
            "OrgAccountBalance": balance,
            "ThirdPartyTransID": "",
            "MSISDN": formats.masked_in_confirmation(payment.phone),
            "FirstName": "JOHN",
            "MiddleName": "",
            "LastName": "DOE",
        }
    )

"""How Daraja writes times, ids, receipts and numbers (fact sheet, sections 2.3, 3.2, 4 and 7)."""

import json
import secrets
import string
import uuid
from datetime import datetime, timedelta, timezone
from typing import Any

import attrs

EAT = timezone(timedelta(hours=3), "EAT")

_RECEIPT_LETTERS = string.ascii_uppercase + string.digits
_TOKEN_LETTERS = string.ascii_letters + string.digits
_TOKEN_LENGTH = 28
# Receipts of 2019 begin with N, of 2024 with S: one letter a year.
_YEAR_OF_A = 2006
# Days are written 1 to 9, then A (10) to V (31).
_DAYS = "0123456789ABCDEFGHIJKLMNOPQRSTUV"


@attrs.frozen
class Written:
    """A JSON number that is to stand in the text exactly so, as in `1.00`."""

    text: str


def json_text(value: Any) -> str:
    """Return compact JSON in which each `Written` number stands as written."""
    if isinstance(value, Written):
        return value.text
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{json_text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(json_text(item) for item in value) + "]"
    return json.dumps(value)


def eat(at_s: float) -> datetime:
    return datetime.fromtimestamp(at_s, EAT)


def timestamp(at_s: float) -> str:
    """Return the 14 digits `20191219102115` of East Africa Time."""
    return eat(at_s).strftime("%Y%m%d%H%M%S")


def checkout_request_id(at_s: float, phone: str) -> str:
    """Return `ws_CO_`, the EAT time to up to three digits below the second, and nine digits of the phone."""
    at = eat(at_s)
    return f"ws_CO_{at:%d%m%Y%H%M%S}{at.microsecond // 1000}{phone[-9:]}"


def _four_groups(digits: int) -> str:
    number = secrets.randbelow(9 * 10 ** (digits - 1)) + 10 ** (digits - 1)
    return f"{str(uuid.uuid4()).partition('-')[2]}{number}"


def request_id() -> str:
    """Return the id of an error, as `1c5b-4ba8-815c-ac45c57a3db01495926`."""
    return _four_groups(7)


def merchant_request_id() -> str:
    """Return an id as `2654-4b64-97ff-b827b542881d3130`."""
    return _four_groups(4)


def originator_conversation_id() -> str:
    """Return an id as `f1e2-4b95-a71d-b30d3cdbb7a7735297`."""
    return _four_groups(6)


def conversation_id(at_s: float) -> str:
    """Return an id as `AG_20210706_20106e9209f64bebd05b`."""
    return f"AG_{eat(at_s):%Y%m%d}_2010{secrets.token_hex(8)}"


def receipt(at_s: float) -> str:
    """Return ten letters and digits; the first three are the EAT date (19 December 2019: `NLJ`)."""
    at = eat(at_s)
    date = f"{chr(ord('A') + at.year - _YEAR_OF_A)}{chr(ord('A') + at.month - 1)}{_DAYS[at.day]}"
    return date + "".join(secrets.choice(_RECEIPT_LETTERS) for _ in range(7))


def access_token() -> str:
    return "".join(secrets.choice(_TOKEN_LETTERS) for _ in range(_TOKEN_LENGTH))


def masked(phone: str) -> str:
    """Return `254722000126` as `0722000***`, as callbacks carry it since numbers are masked."""
    return f"0{phone[3:9]}***"


def masked_in_confirmation(phone: str) -> str:
    """Return `254722000126` as `2547 ***** 126`, as C2B confirmations carry it."""
    return f"{phone[:4]} ***** {phone[-3:]}"

"""Every result of the fact sheet (sections 4.1 and 7) and what Daraja says with it."""

from collections.abc import Mapping

PAID = "0"
INSUFFICIENT = "1"
SAME_AGAIN = "17"
LOCKED_SUBSCRIBER = "1001"
TOO_LONG = "1025"
CANCELLED = "1032"
NO_ANSWER = "1037"
WRONG_PIN = "2001"
WRONG_STORE = "2002"
NOT_ASSIGNED = "2028"
INITIATOR_UNKNOWN = "2001"
INITIATOR_LOCKED = "8006"
NO_SUCH_OPERATOR = "SFC_IC0003"
ALREADY_REVERSED = "R000001"
NO_SUCH_TRANSACTION = "R000002"

LOCKED_TEXT = "Unable to lock subscriber, a transaction is already in process for the current subscriber"

RESULTS: Mapping[str, str] = {
    "0": "The service request is processed successfully.",
    "1": "The balance is insufficient for the transaction.",
    "2": "Declined due to limit rule: less than the minimum transaction amount.",
    "3": "Declined due to limit rule: greater than the maximum transaction amount.",
    "4": "Declined due to limit rule: would exceed daily transfer limit.",
    "8": "Declined due to limit rule: would exceed the maximum balance.",
    "11": "The DebitParty is in an invalid state.",
    "17": "Rule limited.",
    "21": "The initiator is not allowed to initiate this request.",
    "26": "System busy. Traffic blocking in place.",
    "1001": LOCKED_TEXT,
    "1019": "Transaction has expired.",
    "1025": "An error occurred while sending a push request.",
    "1032": "Request cancelled by user",
    "1037": "No response from user.",
    "2001": "The initiator information is invalid.",
    "2002": "The agent number does not match the store number.",
    "2006": "Declined due to account rule: the account is not active.",
    "2028": "The request is not permitted according to product assignment.",
    "2029": "An unresolved reason type was found.",
    "8006": "The security credential is locked.",
    "9999": "An error occurred while sending a push request.",
    "SFC_IC0003": "The operator does not exist.",
    "R000001": "The transaction has already been reversed.",
    "R000002": "The OriginalTransactionID is invalid.",
}
# The same code is told in other words when it is asked for [4.1].
_ON_QUERY = {"1037": "DS timeout user cannot be reached."}
_OLD_PREFIX = "[STK_CB - ]"

# What a payer can do with a prompt, in words.
ANSWERS: Mapping[str, str] = {
    "approve": PAID,
    "wrong_pin": WRONG_PIN,
    "cancel": CANCELLED,
    "low_balance": INSUFFICIENT,
    "unreachable": NO_ANSWER,
}


def on_callback(code: str, *, old_text: bool = False) -> str:
    text = RESULTS.get(code, "An unknown error occurred.")
    return f"{_OLD_PREFIX}{text}" if old_text and code == CANCELLED else text


def on_query(code: str) -> str:
    return _ON_QUERY.get(code, on_callback(code))


def as_number(code: str) -> int | str:
    """Return the code as the JSON number it is told as; some codes are not numbers."""
    return int(code) if code.isascii() and code.isdigit() else code

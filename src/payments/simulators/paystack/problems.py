"""What Paystack says when it says no: the error catalogue (fact sheet, sections 1.1, 7, 8 and 9)."""

from http import HTTPStatus

import attrs
from starlette.responses import JSONResponse

_VALIDATION = "validation_error"


@attrs.frozen(kw_only=True)
class Problem:
    """One row. Fields the sheet does not know are None, and then not in the answer at all."""

    status: int
    message: str
    type: str | None = None
    code: str | None = None
    next_step: str | None = None

    def answer(self) -> JSONResponse:
        body: dict[str, object] = {"status": False, "message": self.message}
        if self.next_step is not None:
            body["meta"] = {"nextStep": self.next_step}
        if self.type is not None:
            body["type"] = self.type
        if self.code is not None:
            body["code"] = self.code
        return JSONResponse(body, status_code=self.status)


def _invalid(message: str, code: str | None = None, next_step: str | None = None) -> Problem:
    return Problem(
        status=HTTPStatus.BAD_REQUEST, message=message, type=_VALIDATION, code=code, next_step=next_step
    )


def _plain(status: int, message: str) -> Problem:
    return Problem(status=status, message=message)


def required(field: str) -> Problem:
    """Return how a field that must be there is asked for, named as a person would."""
    return _invalid(f"{field} is required", "missing_params", "Provide all required params")


def invalid_date(name: str) -> Problem:
    return _invalid(f"Invalid '{name}' date passed", "invalid_params")


# Of every call.
NO_KEY = _plain(HTTPStatus.UNAUTHORIZED, "No Authorization Header was found")
INVALID_KEY = Problem(
    status=HTTPStatus.UNAUTHORIZED,
    message="Invalid key",
    type=_VALIDATION,
    code="invalid_Key",
    next_step="Ensure that you provide the correct authorization key for the request",
)
RATE_LIMITED = Problem(
    status=HTTPStatus.TOO_MANY_REQUESTS,
    message="Rate limit exceeded!",
    type="api_error",
    code="rate_limited",
    next_step="Wait a few minutes and try the API call again",
)
# The real bodies of 5xx are not known.
UNAVAILABLE = _plain(HTTPStatus.SERVICE_UNAVAILABLE, "Service Unavailable")

# Of transactions.
INVALID_EMAIL = _invalid("Invalid Email Address Passed", "invalid_email_address")
INVALID_AMOUNT = _invalid("Invalid Amount Sent", "invalid_amount")
FRACTIONAL_AMOUNT = _invalid('"amount" must be an integer', "invalid_params")
UNSUPPORTED_CURRENCY = _invalid("Currency not supported by merchant", "unsupported_currency")
# The text of an illegal character is not known.
INVALID_REFERENCE = _invalid(
    "Invalid reference passed", "invalid_params", "Ensure that the value(s) you're passing are valid."
)
DUPLICATE_REFERENCE = _invalid(
    "Duplicate Transaction Reference",
    "duplicate_reference",
    "Try and create the Transaction or Charge with a new reference",
)
UNKNOWN_REFERENCE = _invalid(
    "Transaction reference not found.",
    "transaction_not_found",
    "Ensure that you're passing the reference of a transaction that exists on this integration",
)
UNKNOWN_TRANSACTION = _plain(HTTPStatus.NOT_FOUND, "Transaction not found")
UNKNOWN_TIMELINE = _plain(HTTPStatus.NOT_FOUND, "Transaction ID or reference is invalid")
UNKNOWN_SPLIT = _plain(HTTPStatus.NOT_FOUND, "Invalid Split code.")
UNKNOWN_SUBACCOUNT = _plain(HTTPStatus.NOT_FOUND, "Invalid Subaccount.")

# Of charges.
UNKNOWN_AUTHORIZATION = _plain(HTTPStatus.BAD_REQUEST, "Authorization code is invalid")
AUTHORIZATION_OF_ANOTHER = _plain(
    HTTPStatus.BAD_REQUEST,
    "Email does not match Authorization code. Authorization may be inactive or belong to a different email. "
    "Please confirm.",
)
UNKNOWN_CHARGE = _plain(HTTPStatus.BAD_REQUEST, "Transaction reference is invalid")
INVALID_PROVIDER = _plain(HTTPStatus.BAD_REQUEST, "Invalid provider")
# Without a way to pay: the text is ours.
NO_CHANNEL = _invalid("Payment channel is required", "missing_params", "Provide all required params")
# A step of a charge that waits for none: the text is ours.
NO_STEP_EXPECTED = _plain(HTTPStatus.BAD_REQUEST, "Charge is not waiting for this step")

# Of refunds.
NOTHING_TO_REFUND = _invalid(
    "Transaction not found", "transaction_not_found", "Ensure the transaction reference or ID is correct"
)
# The text for a transaction that was not paid is ours.
REFUND_OF_UNPAID = _invalid("Transaction has not been paid and cannot be refunded", "invalid_transaction")
REFUND_EXCEEDS = _invalid(
    "Refund amount exceeds transaction amount",
    "refund_amount_exceeds_transaction_amount",
    "The refund amount should not exceed original transaction amount.",
)
REFUNDS_EXCEED = _plain(
    HTTPStatus.BAD_REQUEST, "Total refund amount cannot exceed original transaction amount"
)
FULLY_REVERSED = Problem(
    status=HTTPStatus.BAD_REQUEST,
    message="Transaction has been fully reversed",
    type="api_error",
    code="transaction_reversed",
)
REFUND_CURRENCY = _plain(HTTPStatus.BAD_REQUEST, "Transaction currency must match refund currency")
REFUND_BELOW_MINIMUM = _plain(
    HTTPStatus.BAD_REQUEST, "The minimum amount you may send in a single refund at this time is: GHS1.00"
)
REFUND_TOO_SMALL = _plain(HTTPStatus.BAD_REQUEST, "Cannot refund less than GHS0.5")
BALANCE_TOO_LOW = _plain(
    HTTPStatus.BAD_REQUEST, "Insufficient balance to fulfill this refund. Please top up."
)
UNKNOWN_REFUND = Problem(
    status=HTTPStatus.NOT_FOUND, message="Refund not found", type=_VALIDATION, code="not_found"
)
REFUND_STATE = Problem(
    status=HTTPStatus.UNPROCESSABLE_ENTITY,
    message='Invalid Refund state, refund status should be "needs-attention"',
    type=_VALIDATION,
    code="invalid_params",
    next_step="Ensure that the value(s) you're passing are valid.",
)

# Of disputes.
UNKNOWN_DISPUTE = Problem(
    status=HTTPStatus.NOT_FOUND, message="Dispute not found", type=_VALIDATION, code="not_found"
)
# What is said of a dispute that is over, and of a word that is no resolution, is not known.
DISPUTE_RESOLVED = _invalid("Dispute has been resolved", "invalid_params")
INVALID_RESOLUTION = _invalid("Invalid resolution passed", "invalid_params")

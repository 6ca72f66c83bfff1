"""Problem documents (RFC 9457): the one table from errors to HTTP, and their writer."""

import math
from collections.abc import Mapping
from typing import Any, Final

import attrs
import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from payments.domain import errors
from payments.domain.errors import FieldError, PaymentsError, Retry

MEDIA_TYPE: Final = "application/problem+json"


@attrs.frozen
class Kind:
    """One kind of problem: its HTTP status, its stable code, and the sentence clients read."""

    status: int
    code: str
    title: str


STATUS: Final[Mapping[type[PaymentsError], int]] = {
    errors.InvalidRequest: 422,
    errors.InvalidMoney: 422,
    errors.UnsupportedProvider: 422,
    errors.UnsupportedCurrency: 422,
    errors.UnsupportedAmount: 422,
    errors.WrongDeliveryCode: 422,
    errors.DecisionNotPossible: 422,
    errors.ApprovalByRequester: 403,
    errors.CollectorIsPayer: 403,
    errors.OperatorIsPayer: 403,
    errors.OrderNotFound: 404,
    errors.PaymentNotFound: 404,
    errors.ReferenceNotFound: 404,
    errors.RefundNotFound: 404,
    errors.ReviewNotFound: 404,
    errors.PaymentAlreadyProcessed: 400,
    errors.PaymentSettled: 409,
    errors.OrderNotPayable: 409,
    errors.PaymentInReview: 409,
    errors.AttemptInFlight: 409,
    errors.PaymentInFlight: 409,
    errors.NothingToRefund: 409,
    errors.RefundTooLarge: 409,
    errors.ReceiptPending: 409,
    errors.RefundNotAwaiting: 409,
    errors.CashCodeLocked: 409,
    errors.CollectionConflict: 409,
    errors.HandoverConflict: 409,
    errors.ReviewAlreadyDecided: 409,
    errors.IdempotencyKeyInFlight: 409,
    errors.IdempotencyKeyReused: 422,
    errors.NoticeForged: 401,
    errors.NoticeMalformed: 400,
    errors.InboxFull: 503,
    errors.ProviderRejected: 502,
    errors.ProviderUnavailable: 503,
    errors.OutcomeUnknown: 504,
    errors.OrdersUnavailable: 503,
    errors.IdentityUnavailable: 503,
    errors.StorageUnavailable: 503,
    errors.StorageBusy: 503,
    errors.StaleVersion: 503,
    # These never answer a request; one that does is a defect of ours.
    errors.MessageRefused: 500,
    errors.DeliveryFailed: 500,
    errors.IllegalTransition: 500,
    errors.ConfigurationInvalid: 500,
}
"""Every leaf of the error tree (and ``InvalidRequest`` itself) to its HTTP status."""

MALFORMED_JSON: Final = Kind(400, "malformed_json", "The body is not valid JSON")
UNAUTHENTICATED: Final = Kind(401, "unauthenticated", "A valid bearer token is needed")
INSUFFICIENT_SCOPE: Final = Kind(403, "insufficient_scope", "The token does not allow this")
NOT_FOUND: Final = Kind(404, "not_found", "There is nothing at this address")
METHOD_NOT_ALLOWED: Final = Kind(405, "method_not_allowed", "This address does not take this method")
REQUEST_TIMEOUT: Final = Kind(408, "request_timeout", "The body did not arrive in time")
CONTENT_TOO_LARGE: Final = Kind(413, "content_too_large", "The body is too large")
UNSUPPORTED_MEDIA_TYPE: Final = Kind(415, "unsupported_media_type", "The body must be application/json")
DRAINING: Final = Kind(503, "draining", "This process is shutting down")
INTERNAL_ERROR: Final = Kind(
    500, "internal_error", "The service failed; the request identifier finds out why"
)

EDGE: Final = (
    MALFORMED_JSON,
    UNAUTHENTICATED,
    INSUFFICIENT_SCOPE,
    NOT_FOUND,
    METHOD_NOT_ALLOWED,
    REQUEST_TIMEOUT,
    CONTENT_TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    DRAINING,
    INTERNAL_ERROR,
)
"""The problems that HTTP itself brings, beside those of the error tree."""

# The inside of the database is nobody's business, a forger learns nothing from how it was caught, and absent
# and foreign must read alike: for these only the title is said.
_DISCREET: Final = (errors.StorageError, errors.NoticeForged, errors.OrderNotFound, errors.PaymentNotFound)
_FIRST_WAIT_S: Final[Mapping[int, int]] = {409: 1, 503: 5, 504: 5}
_RESERVED: Final = frozenset({"type", "title", "status", "code", "detail", "error", "request_id", "errors"})


def kind_of(error: type[PaymentsError]) -> Kind:
    """The row of the table for a class of errors; the code and title are the error's own."""
    status = STATUS.get(error, INTERNAL_ERROR.status)
    return Kind(status, error.code, error.title) if status != INTERNAL_ERROR.status else INTERNAL_ERROR


@attrs.frozen(kw_only=True)
class Problem:
    """One problem, ready to be written. ``facts`` are further members of the document."""

    kind: Kind
    detail: str
    errors: tuple[FieldError, ...] = ()
    facts: Mapping[str, Any] = attrs.field(factory=dict)
    headers: Mapping[str, str] = attrs.field(factory=dict)


class Refused(Exception):
    """A request that HTTP itself refuses, with the problem it is answered."""

    def __init__(self, kind: Kind, detail: str | None = None, **headers: str) -> None:
        super().__init__(kind.code)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.problem = Problem(kind=kind, detail=detail or f"{kind.title}.", headers=named)


def problem_of(error: PaymentsError) -> Problem:
    """The problem a caller is told for ``error``: never the inside of a defect."""
    kind = kind_of(type(error))
    if kind is INTERNAL_ERROR:
        return Problem(kind=kind, detail=f"{kind.title}.")
    headers = {}
    if kind.status == UNAUTHENTICATED.status:
        headers["WWW-Authenticate"] = "Signature"
    if error.retry is not Retry.NEVER and kind.status in _FIRST_WAIT_S:
        wait_s = _FIRST_WAIT_S[kind.status] if error.retry_after_s is None else error.retry_after_s
        headers["Retry-After"] = str(max(1, math.ceil(wait_s)))
    discreet = isinstance(error, _DISCREET)
    return Problem(
        kind=kind,
        detail=f"{kind.title}." if discreet else error.detail,
        errors=error.errors,
        facts={} if discreet else error.facts,
        headers=headers,
    )


@attrs.frozen
class ProblemWriter:
    """Writes problems; ``docs_url`` is the page on which each code has its anchor."""

    docs_url: str

    def body(self, problem: Problem, request_id: str) -> bytes:
        """The document's bytes. ``error`` repeats the title: it is the sentence existing clients read."""
        kind = problem.kind
        document = {
            "type": f"{self.docs_url}#{kind.code}",
            "title": kind.title,
            "status": kind.status,
            "code": kind.code,
            "detail": problem.detail,
            "error": kind.title,
            "request_id": request_id,
            "errors": [{"pointer": error.pointer, "detail": error.detail} for error in problem.errors],
        }
        facts = {name: value for name, value in problem.facts.items() if name not in _RESERVED}
        return msgspec.json.encode(document | facts)

    def response(self, problem: Problem, request_id: str) -> Response:
        """The whole answer."""
        return Response(
            self.body(problem, request_id),
            status_code=problem.kind.status,
            headers=dict(problem.headers),
            media_type=MEDIA_TYPE,
        )

    async def answer(self, request: Request, error: Exception) -> Response:
        """Answer an exception that a handler or the router raised on purpose."""
        return self.response(problem_for(error), request.scope["payments.request_id"])


def problem_for(error: Exception) -> Problem:
    """The problem that stands for any exception; one nobody foresaw is an internal error."""
    match error:
        case Refused():
            return error.problem
        case PaymentsError():
            return problem_of(error)
        case HTTPException(status_code=NOT_FOUND.status):
            return Problem(kind=NOT_FOUND, detail=f"{NOT_FOUND.title}.")
        case HTTPException(status_code=METHOD_NOT_ALLOWED.status):
            allowed = dict(error.headers or {})
            detail = f"It takes {allowed.get('Allow', 'other methods')}."
            return Problem(kind=METHOD_NOT_ALLOWED, detail=detail, headers=allowed)
        case _:
            return Problem(kind=INTERNAL_ERROR, detail=f"{INTERNAL_ERROR.title}.")

"""The error tree. Every leaf has a stable ``code`` and says whether repeating is safe.

::

    PaymentsError
    ├── InvalidRequest              a field is wrong; ``errors`` names it and the remedy
    │   ├── InvalidMoney            an amount or a currency cannot be what it claims
    │   ├── UnsupportedProvider     this name is not offered here
    │   ├── UnsupportedCurrency     the provider cannot take this currency
    │   ├── UnsupportedAmount       zero, or outside what the provider takes
    │   ├── WrongDeliveryCode       not the code that the payer was shown
    │   └── DecisionNotPossible     this review has no such way out
    ├── Forbidden
    │   ├── ApprovalByRequester     who asked for a refund does not approve it
    │   ├── CollectorIsPayer        nobody collects their own cash
    │   └── OperatorIsPayer         nobody decides about a payment that they owe
    ├── NotFound
    │   ├── OrderNotFound           absent, or somebody else's: the answers are identical
    │   ├── PaymentNotFound         likewise
    │   ├── ReferenceNotFound       no attempt carries this reference
    │   ├── RefundNotFound          this payment has no such refund
    │   └── ReviewNotFound          no review carries this id
    ├── Conflict
    │   ├── PaymentAlreadyProcessed the order is paid
    │   ├── PaymentSettled          it is paid, so it cannot be cancelled
    │   ├── OrderNotPayable         the orders service says so
    │   ├── PaymentInReview         money is held until a person decides
    │   ├── AttemptInFlight         another request is opening the checkout right now
    │   ├── PaymentInFlight         the payer may be paying on the present checkout
    │   ├── NothingToRefund         no money of it is here to go back
    │   ├── RefundTooLarge          more than what is left of the capture
    │   ├── ReceiptPending          the provider has not named the receipt it refunds by
    │   ├── RefundNotAwaiting       it waits for nobody's approval
    │   ├── CashCodeLocked          too many wrong delivery codes
    │   ├── CollectionConflict      the same collection id, and another record
    │   ├── HandoverConflict        cash that this collector does not hold
    │   ├── ReviewAlreadyDecided    somebody was faster
    │   ├── IdempotencyKeyInFlight  the same key is being answered
    │   └── IdempotencyKeyReused    the key belongs to another request
    ├── NoticeRefused
    │   ├── NoticeForged            the signature does not cover these bytes
    │   ├── NoticeMalformed         signed, but not a notice we can read
    │   └── InboxFull               too many about references nobody knows wait already
    ├── GatewayError                a provider call ended in one of three ways
    │   ├── ProviderRejected        definite no: do not repeat
    │   ├── ProviderUnavailable     nothing happened: may repeat
    │   └── OutcomeUnknown          it may have happened: ask first
    ├── OrdersUnavailable           the orders service gave no usable answer
    ├── IdentityUnavailable         whoever issues tokens gives no answer, so none can be checked
    ├── DeliveryError
    │   ├── MessageRefused          the receiver will never take it: park
    │   └── DeliveryFailed          not delivered, or we cannot know: repeat the same bytes
    ├── StorageError
    │   ├── StorageUnavailable      the database gave no answer in time
    │   ├── StorageBusy             another process writes this database
    │   └── StaleVersion            the row changed under us: read again
    ├── IllegalTransition           a defect: an event outside the tables
    └── ConfigurationInvalid        every mistake in the settings, at once
"""

import enum
from collections.abc import Mapping
from typing import Any, ClassVar

import attrs


class Retry(enum.Enum):
    """What repeating the same request can do."""

    NEVER = "never"
    """The answer will not change until something else does."""
    SAFE = "safe"
    """Nothing happened, or repeating cannot make it happen twice."""
    ASK_FIRST = "ask_first"
    """It may have happened: ask for the payment before repeating."""


@attrs.frozen
class FieldError:
    """One wrong field: where it is and what would be right."""

    pointer: str
    """JSON pointer into the request, such as ``/provider``, or the name of a parameter."""
    detail: str


class PaymentsError(Exception):
    """Root of all errors this package raises on purpose.

    ``detail`` is one sentence for a person. ``facts`` are further machine-readable members of the answer.
    """

    code: ClassVar[str] = "payments_error"
    title: ClassVar[str] = "The request could not be completed"
    retry: ClassVar[Retry] = Retry.NEVER

    def __init__(
        self,
        detail: str | None = None,
        *,
        errors: tuple[FieldError, ...] = (),
        facts: Mapping[str, Any] | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        self.detail = detail or self.title
        self.errors = errors
        self.facts: Mapping[str, Any] = dict(facts or {})
        self.retry_after_s = retry_after_s
        super().__init__(self.detail)


class InvalidRequest(PaymentsError):
    """A field is wrong; ``errors`` names each and the remedy."""

    code = "invalid_request"
    title = "The request has invalid fields"


class InvalidMoney(InvalidRequest):
    """An amount or a currency that cannot be what it claims to be."""

    code = "invalid_money"
    title = "The amount is not valid"


class UnsupportedProvider(InvalidRequest):
    """The named provider is unknown, or switched off here."""

    code = "unsupported_provider"
    title = "The provider is not supported"


class UnsupportedCurrency(InvalidRequest):
    """The provider cannot take the order's currency."""

    code = "unsupported_currency"
    title = "The provider does not take this currency"


class UnsupportedAmount(InvalidRequest):
    """The order's amount is zero or outside what the provider takes."""

    code = "unsupported_amount"
    title = "The provider does not take this amount"


class WrongDeliveryCode(InvalidRequest):
    """Not the delivery code that the payer was shown; after five wrong ones it is locked."""

    code = "delivery_code_wrong"
    title = "The delivery code is wrong"


class DecisionNotPossible(InvalidRequest):
    """A review of this kind, or about this money, has no such way out."""

    code = "decision_not_possible"
    title = "This decision is not possible here"


class Forbidden(PaymentsError):
    """Somebody else has to do it."""

    code = "forbidden"
    title = "Somebody else has to do this"


class ApprovalByRequester(Forbidden):
    """Whoever asked for a refund does not approve it."""

    code = "approval_by_requester"
    title = "Another person has to approve this refund"


class CollectorIsPayer(Forbidden):
    """The collector of cash is never its payer."""

    code = "collector_is_payer"
    title = "Another person has to record this cash"


class OperatorIsPayer(Forbidden):
    """Whoever owes a payment decides nothing about its money."""

    code = "operator_is_payer"
    title = "Another person has to decide this: it is about a payment of yours"


class NotFound(PaymentsError):
    """Something named by the caller is absent, or not the caller's to see."""

    code = "not_found"
    title = "Not found"


class OrderNotFound(NotFound):
    """The order is absent or belongs to somebody else; nobody can tell which from the answer."""

    code = "order_not_found"
    title = "There is no such order"


class PaymentNotFound(NotFound):
    """The payment is absent or belongs to somebody else; nobody can tell which from the answer."""

    code = "payment_not_found"
    title = "There is no such payment"


class ReferenceNotFound(NotFound):
    """No attempt of ours carries this reference."""

    code = "reference_not_found"
    title = "There is no attempt with this reference"


class RefundNotFound(NotFound):
    """The payment has no such refund."""

    code = "refund_not_found"
    title = "There is no such refund"


class ReviewNotFound(NotFound):
    """No review carries this id."""

    code = "review_not_found"
    title = "There is no such review"


class Conflict(PaymentsError):
    """The present state does not allow what was asked."""

    code = "conflict"
    title = "The present state does not allow this"


class PaymentAlreadyProcessed(Conflict):
    """The order is paid. The sentence is the one existing clients read."""

    code = "payment_already_processed"
    title = "Payment already processed"


class PaymentSettled(Conflict):
    """The payment is paid, so nothing is left to cancel."""

    code = "payment_settled"
    title = "Payment already processed"


class OrderNotPayable(Conflict):
    """The orders service says that this order cannot be paid now."""

    code = "order_not_payable"
    title = "The order cannot be paid"


class PaymentInReview(Conflict):
    """Money arrived that does not match; the shop will accept or return it."""

    code = "payment_in_review"
    title = "Money that arrived for this order is being reviewed"


class AttemptInFlight(Conflict):
    """Another request is opening the checkout at this moment."""

    code = "attempt_in_flight"
    title = "A checkout is being opened for this order"
    retry = Retry.SAFE


class PaymentInFlight(Conflict):
    """The payer may be paying on a checkout, or is said to have paid; it cannot be replaced yet."""

    code = "payment_in_flight"
    title = "A payment for this order may be under way"
    retry = Retry.SAFE


class NothingToRefund(Conflict):
    """No money of this payment is here to go back."""

    code = "nothing_to_refund"
    title = "There is nothing to refund"


class RefundTooLarge(Conflict):
    """More than what is left of the capture, refunds under way counted."""

    code = "refund_too_large"
    title = "That is more than what is left to refund"


class ReceiptPending(Conflict):
    """The provider refunds by receipt and has not named it yet."""

    code = "receipt_pending"
    title = "The receipt of this money is not known yet"
    retry = Retry.SAFE


class RefundNotAwaiting(Conflict):
    """The refund waits for nobody's approval: it was approved, or ended."""

    code = "refund_not_awaiting_approval"
    title = "This refund does not wait for approval"


class CashCodeLocked(Conflict):
    """Five wrong delivery codes were given; a person decides in the review queue."""

    code = "cash_code_locked"
    title = "The delivery code is locked"


class CollectionConflict(Conflict):
    """The same collection id was used for another record."""

    code = "collection_conflict"
    title = "This collection id belongs to another record"


class HandoverConflict(Conflict):
    """The hand-over names cash its collector does not hold, or its id belongs to another hand-over."""

    code = "handover_conflict"
    title = "This cash cannot be handed over so"


class ReviewAlreadyDecided(Conflict):
    """Somebody decided this review before."""

    code = "review_already_decided"
    title = "This review is decided already"


class IdempotencyKeyInFlight(Conflict):
    """A request with this Idempotency-Key is being answered."""

    code = "idempotency_key_in_flight"
    title = "A request with this Idempotency-Key is in progress"
    retry = Retry.SAFE


class IdempotencyKeyReused(Conflict):
    """This Idempotency-Key was used for a different request."""

    code = "idempotency_key_reused"
    title = "The Idempotency-Key was used for another request"


class NoticeRefused(PaymentsError):
    """A message that claims to come from a provider and is not taken in."""

    code = "notice_refused"
    title = "The notice was refused"


class NoticeForged(NoticeRefused):
    """The signature is missing, unknown, or does not cover these bytes."""

    code = "notice_forged"
    title = "The signature is not valid"


class NoticeMalformed(NoticeRefused):
    """The bytes are authentic but cannot be read as a notice."""

    code = "notice_malformed"
    title = "The notice cannot be read"


class InboxFull(NoticeRefused):
    """Nobody has its reference, and as many like it as may wait do wait. Send it again later."""

    code = "inbox_full"
    title = "Too many notices about unknown references wait"
    retry = Retry.SAFE

    first: bool = True
    """Whether it is the first in a while of its provider: one of many is worth a line in the log."""


class GatewayError(PaymentsError):
    """A call to a provider ended without the wanted answer, in one of exactly three ways."""

    code = "gateway_error"
    title = "The provider did not complete the call"


class ProviderRejected(GatewayError):
    """The provider definitely refused; repeating the same request is useless."""

    code = "provider_rejected"
    title = "The provider refused the payment"


class ProviderUnavailable(GatewayError):
    """Nothing happened at the provider; the call may be repeated."""

    code = "provider_unavailable"
    title = "The provider is not available"
    retry = Retry.SAFE


class OutcomeUnknown(GatewayError):
    """The call may or may not have happened; ask the provider before anything else."""

    code = "outcome_unknown"
    title = "The provider's answer was lost"
    retry = Retry.ASK_FIRST


class OrdersUnavailable(PaymentsError):
    """The orders service gave no usable answer."""

    code = "orders_unavailable"
    title = "The orders service is not available"
    retry = Retry.SAFE


class IdentityUnavailable(PaymentsError):
    """The keys that tokens are signed with cannot be had: this token can be neither believed nor refused."""

    code = "identity_unavailable"
    title = "Tokens cannot be checked at this moment"
    retry = Retry.SAFE


class DeliveryError(PaymentsError):
    """A message of the outbox was not delivered."""

    code = "delivery_error"
    title = "The message was not delivered"


class MessageRefused(DeliveryError):
    """The receiver will not take this message, now or later: it is parked for a person."""

    code = "message_refused"
    title = "The receiver refused the message"


class DeliveryFailed(DeliveryError):
    """Not delivered, or we cannot know; the same bytes are sent again later."""

    code = "delivery_failed"
    title = "The message could not be delivered"
    retry = Retry.SAFE


class StorageError(PaymentsError):
    """The database did not do what was asked."""

    code = "storage_error"
    title = "The database could not complete the request"


class StorageUnavailable(StorageError):
    """The database gave no answer in time; nothing of ours is half done."""

    code = "storage_unavailable"
    title = "The database is not available"
    retry = Retry.SAFE


class StorageBusy(StorageError):
    """Another process writes this database; SQLite takes exactly one."""

    code = "storage_busy"
    title = "Another process is writing to this database"


class StaleVersion(StorageError):
    """The payment changed between reading and writing; read it again."""

    code = "stale_version"
    title = "The payment changed in the meantime"
    retry = Retry.SAFE


class IllegalTransition(PaymentsError):
    """An event that the tables of ``transitions`` do not allow: a defect of ours."""

    code = "illegal_transition"
    title = "The change is not allowed"


class ConfigurationInvalid(PaymentsError):
    """The settings cannot be used; ``errors`` lists every mistake at once."""

    code = "configuration_invalid"
    title = "The configuration is not valid"

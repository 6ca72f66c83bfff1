"""A payment as rows, both ways, with its attempts, captures and refunds. Pure.

Columns are called like the fields they hold wherever they can be.
"""

from operator import itemgetter
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Table

from payments.adapters.sql.conversion import (
    at,
    identifier,
    instant,
    maybe_at,
    maybe_instant,
    money,
    read_as,
    text_of,
)
from payments.adapters.sql.runner import Row
from payments.adapters.sql.tables import ATTEMPTS, CAPTURES, REFUNDS
from payments.application.records import PaymentSummary, summary_of
from payments.domain.attempt import Attempt
from payments.domain.capture import Capture, Vouched
from payments.domain.events import Reason
from payments.domain.evidence import Mode
from payments.domain.payment import Customer, Payment
from payments.domain.refund import Refund
from payments.domain.transitions import AttemptStatus, Disposition, PaymentStatus, RefundStatus

_COLUMNS: Final = {table: tuple(table.columns.keys()) for table in (ATTEMPTS, CAPTURES, REFUNDS)}


def _children(table: Table, answer: str | None) -> list[dict[str, Any]]:
    """The rows that :class:`RowsAsJson` answered, by their places in the payment."""
    if answer is None or answer == "[]":
        return []
    rows = [dict(zip(_COLUMNS[table], row, strict=True)) for row in msgspec.json.decode(answer)]
    return sorted(rows, key=itemgetter("position"))


@read_as("payment", "payment_id")
def payment_of(row: Row) -> Payment:
    """A payment from a row with its attempts, captures and refunds."""
    return Payment(
        payment_id=identifier(row["payment_id"]),
        order_id=row["order_id"],
        payer=row["payer"],
        amount=money(row["amount_minor"], row["currency"]),
        order_version=row["order_version"],
        customer=Customer(
            email=row["email"],
            first_name=row["first_name"],
            last_name=row["last_name"],
            phone_number=row["phone_number"],
        ),
        created_at=at(row["created_at"]),
        updated_at=at(row["updated_at"]),
        status=PaymentStatus(row["status"]),
        version=row["version"],
        told=row["told"],
        last_told=row["last_told"],
        trail=row["trail"],
        attempts=tuple(map(_attempt_of, _children(ATTEMPTS, row["attempts"]))),
        captures=tuple(map(_capture_of, _children(CAPTURES, row["captures"]))),
        refunds=tuple(map(_refund_of, _children(REFUNDS, row["refunds"]))),
    )


def payment_values(payment: Payment) -> dict[str, Any]:
    """A payment's own row, its line of history included."""
    line = summary_of(payment)
    return {
        "payment_id": text_of(payment.payment_id),
        "order_id": payment.order_id,
        "payer": payment.payer,
        "amount_minor": payment.amount.minor,
        "currency": payment.amount.currency.code,
        "order_version": payment.order_version,
        "email": payment.customer.email,
        "first_name": payment.customer.first_name,
        "last_name": payment.customer.last_name,
        "phone_number": payment.customer.phone_number,
        "created_at": instant(payment.created_at),
        "updated_at": instant(payment.updated_at),
        "status": payment.status.value,
        "version": payment.version,
        "told": payment.told,
        "last_told": payment.last_told,
        "trail": payment.trail,
        "provider": line.provider,
        "reference": line.reference,
        "checkout_url": line.checkout_url,
        "received_minor": line.received.minor,
        "given_back_minor": line.given_back.minor,
        "failure": line.failure,
        "failure_detail": line.failure_detail,
        "in_review": line.in_review,
    }


def summary(row: Row) -> PaymentSummary:
    """One line of a payer's history."""
    code = row["currency"]
    return PaymentSummary(
        payment_id=identifier(row["payment_id"]),
        order_id=row["order_id"],
        payer=row["payer"],
        status=PaymentStatus(row["status"]),
        amount=money(row["amount_minor"], code),
        provider=row["provider"],
        reference=row["reference"],
        checkout_url=row["checkout_url"],
        received=money(row["received_minor"], code),
        given_back=money(row["given_back_minor"], code),
        failure=row["failure"],
        failure_detail=row["failure_detail"],
        in_review=bool(row["in_review"]),
        created_at=at(row["created_at"]),
        updated_at=at(row["updated_at"]),
    )


@read_as("attempt", "reference")
def _attempt_of(row: Row) -> Attempt:
    return Attempt(
        reference=row["reference"],
        provider=row["provider"],
        mode=Mode(row["mode"]),
        amount=money(row["amount_minor"], row["currency"]),
        order_version=row["order_version"],
        claimed_at=at(row["claimed_at"]),
        watch_until=maybe_at(row["watch_until"]),
        payable_until=maybe_at(row["payable_until"]),
        next_check_at=maybe_at(row["next_check_at"]),
        status=AttemptStatus(row["status"]),
        reason=None if row["reason"] is None else Reason(row["reason"]),
        detail=row["detail"],
        phone=row["phone"],
        return_to=row["return_to"],
        checkout_url=row["checkout_url"],
        provider_reference=row["provider_reference"],
        callback_token_hash=row["callback_token_hash"],
        page_token_hash=row["page_token_hash"],
        on_delivery=bool(row["on_delivery"]),
        handed_out_at=maybe_at(row["handed_out_at"]),
        page_closed=bool(row["page_closed"]),
        reopened_at=maybe_at(row["reopened_at"]),
        declines=tuple(msgspec.json.decode(row["declines"])),
        not_found_at=maybe_at(row["not_found_at"]),
        said_paid_at=maybe_at(row["said_paid_at"]),
        wrong_codes=row["wrong_codes"],
        checks=row["checks"],
        last_checked_at=maybe_at(row["last_checked_at"]),
        last_word=row["last_word"],
    )


def attempt_values(payment_id: UUID, position: int, attempt: Attempt) -> dict[str, Any]:
    """An attempt's row."""
    return {
        "reference": attempt.reference,
        "payment_id": text_of(payment_id),
        "position": position,
        "provider": attempt.provider,
        "mode": attempt.mode.value,
        "amount_minor": attempt.amount.minor,
        "currency": attempt.amount.currency.code,
        "order_version": attempt.order_version,
        "claimed_at": instant(attempt.claimed_at),
        "watch_until": maybe_instant(attempt.watch_until),
        "payable_until": maybe_instant(attempt.payable_until),
        "next_check_at": maybe_instant(attempt.next_check_at),
        "status": attempt.status.value,
        "reason": attempt.reason.value if attempt.reason else None,
        "detail": attempt.detail,
        "phone": attempt.phone,
        "return_to": attempt.return_to,
        "checkout_url": attempt.checkout_url,
        "provider_reference": attempt.provider_reference,
        "callback_token_hash": attempt.callback_token_hash,
        "page_token_hash": attempt.page_token_hash,
        "on_delivery": attempt.on_delivery,
        "handed_out_at": maybe_instant(attempt.handed_out_at),
        "page_closed": attempt.page_closed,
        "reopened_at": maybe_instant(attempt.reopened_at),
        "declines": msgspec.json.encode(attempt.declines).decode(),
        "not_found_at": maybe_instant(attempt.not_found_at),
        "said_paid_at": maybe_instant(attempt.said_paid_at),
        "wrong_codes": attempt.wrong_codes,
        "checks": attempt.checks,
        "last_checked_at": maybe_instant(attempt.last_checked_at),
        "last_word": attempt.last_word,
    }


@read_as("capture", "capture_id")
def _capture_of(row: Row) -> Capture:
    return Capture(
        capture_id=identifier(row["capture_id"]),
        reference=row["reference"],
        provider=row["provider"],
        mode=Mode(row["mode"]),
        key=row["key"],
        amount=money(row["amount_minor"], row["currency"]),
        disposition=Disposition(row["disposition"]),
        captured_at=at(row["captured_at"]),
        receipt=row["receipt"],
        vouched=None if row["vouched"] is None else Vouched(row["vouched"]),
        accepted=bool(row["accepted"]),
    )


def capture_values(payment_id: UUID, position: int, capture: Capture) -> dict[str, Any]:
    """A capture's row."""
    return {
        "capture_id": text_of(capture.capture_id),
        "payment_id": text_of(payment_id),
        "position": position,
        "reference": capture.reference,
        "provider": capture.provider,
        "mode": capture.mode.value,
        "key": capture.key,
        "amount_minor": capture.amount.minor,
        "currency": capture.amount.currency.code,
        "disposition": capture.disposition.value,
        "captured_at": instant(capture.captured_at),
        "receipt": capture.receipt,
        "vouched": None if capture.vouched is None else capture.vouched.value,
        "accepted": capture.accepted,
    }


@read_as("refund", "refund_id")
def _refund_of(row: Row) -> Refund:
    return Refund(
        refund_id=identifier(row["refund_id"]),
        capture_id=identifier(row["capture_id"]),
        reference=row["reference"],
        amount=money(row["amount_minor"], row["currency"]),
        status=RefundStatus(row["status"]),
        reason=row["reason"],
        actor=row["actor"],
        created_at=at(row["created_at"]),
        approver=row["approver"],
        provider_reference=row["provider_reference"],
        callback_token_hash=row["callback_token_hash"],
        requested_at=maybe_at(row["requested_at"]),
        next_check_at=maybe_at(row["next_check_at"]),
        detail=row["detail"],
    )


def refund_values(payment_id: UUID, position: int, refund: Refund) -> dict[str, Any]:
    """A refund's row."""
    return {
        "refund_id": text_of(refund.refund_id),
        "payment_id": text_of(payment_id),
        "position": position,
        "capture_id": text_of(refund.capture_id),
        "reference": refund.reference,
        "amount_minor": refund.amount.minor,
        "currency": refund.amount.currency.code,
        "status": refund.status.value,
        "reason": refund.reason,
        "actor": refund.actor,
        "created_at": instant(refund.created_at),
        "approver": refund.approver,
        "provider_reference": refund.provider_reference,
        "callback_token_hash": refund.callback_token_hash,
        "requested_at": maybe_instant(refund.requested_at),
        "next_check_at": maybe_instant(refund.next_check_at),
        "detail": refund.detail,
    }

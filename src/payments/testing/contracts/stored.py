"""Records to store for the unit-of-work contract. Numbers tell them apart, and order them."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import attrs

from payments.application.ports.repository import Transaction
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.records import (
    AuditEntry,
    Claim,
    Destination,
    Message,
    Notice,
    StoredAnswer,
    StoredChange,
    StoredReview,
)
from payments.application.review_recording import opened_alone
from payments.domain.attempt import Attempt
from payments.domain.capture import Capture
from payments.domain.events import ReviewKind
from payments.domain.evidence import Answer, Channel, Evidence, Mode, Outcome, Rule
from payments.domain.money import Money
from payments.domain.payment import Customer, Payment
from payments.domain.refund import Refund
from payments.domain.review import Review
from payments.domain.transitions import AttemptStatus, Disposition, RefundStatus

NOW: Final = datetime(2026, 1, 5, 9, 30, 0, 123456, tzinfo=UTC)
DUE: Final = Money.of("1000.00", "ETB")


def after_s(seconds: float) -> datetime:
    """``seconds`` after NOW."""
    return NOW + timedelta(seconds=seconds)


def numbered(kind: int, number: int) -> UUID:
    """A UUID of its own for each kind of record and number; larger numbers sort later."""
    return UUID(int=(number << 80) | (0x7 << 76) | (0b10 << 62) | kind)


def a_payment(number: int = 1, **changes: Any) -> Payment:
    """Nobody has tried to pay it yet."""
    fields: dict[str, Any] = {
        "payment_id": numbered(1, number),
        "order_id": f"order_{number}",
        "payer": "42",
        "amount": DUE,
        "order_version": "7",
        "customer": Customer(email="abebe@example.com", first_name="አበበ", last_name="O'Brien"),
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Payment(**{**fields, **changes})


def an_attempt(number: int = 1, **changes: Any) -> Attempt:
    """Claimed, and due to be asked about at once."""
    fields: dict[str, Any] = {
        "reference": f"p-{number:026d}",
        "provider": "chapa",
        "mode": Mode.TEST,
        "amount": DUE,
        "order_version": "7",
        "claimed_at": NOW,
        "watch_until": after_s(259_200),
        "payable_until": None,
        "next_check_at": NOW,
    }
    return Attempt(**{**fields, **changes})


def a_capture(number: int = 1, **changes: Any) -> Capture:
    """It settles, for the attempt of the same number."""
    fields: dict[str, Any] = {
        "capture_id": numbered(2, number),
        "reference": f"p-{number:026d}",
        "provider": "chapa",
        "mode": Mode.TEST,
        "key": f"AP{number}",
        "amount": DUE,
        "disposition": Disposition.SETTLES,
        "captured_at": NOW,
    }
    return Capture(**{**fields, **changes})


def a_refund(number: int = 1, **changes: Any) -> Refund:
    """Reserved, of the capture of the same number."""
    fields: dict[str, Any] = {
        "refund_id": numbered(3, number),
        "capture_id": numbered(2, number),
        "reference": f"r-{number}",
        "amount": Money.of("10.00", "ETB"),
        "status": RefundStatus.RESERVED,
        "reason": "damaged",
        "actor": "operator:7",
        "created_at": NOW,
    }
    return Refund(**{**fields, **changes})


def some_evidence(number: int = 1, **changes: Any) -> Evidence:
    """About the payment and the attempt of number 1: it gave no information."""
    fields: dict[str, Any] = {
        "evidence_id": numbered(4, number),
        "payment_id": numbered(1, 1),
        "reference": f"p-{1:026d}",
        "channel": Channel.STATUS_CHECK,
        "cause": "sweep",
        "answer": Answer(outcome=Outcome.NOTHING, word="HTTP 502"),
        "rule": Rule.NO_INFORMATION,
        "observed_at": after_s(number),
    }
    return Evidence(**{**fields, **changes})


def a_message(number: int = 1, **changes: Any) -> Message:
    """To the orders service about the payment of number 1, due at once."""
    fields: dict[str, Any] = {
        "message_id": numbered(5, number),
        "payment_id": numbered(1, 1),
        "order_id": "order_1",
        "sequence": number,
        "destination": Destination.ORDERS,
        "kind": "failed",
        "body": b'{"sequence":  %d}\x00\xff' % number,
        "created_at": after_s(number),
        "next_try_at": after_s(number),
    }
    return Message(**{**fields, **changes})


def a_review(number: int = 1, **changes: Any) -> Review:
    """Open, about a surplus of the payment of number 1."""
    fields: dict[str, Any] = {
        "review_id": numbered(6, number),
        "kind": ReviewKind.SURPLUS,
        "subject": f"subject {number}",
        "payment_id": numbered(1, 1),
        "detail": "1000.00 ETB arrived again.",
        "opened_at": after_s(number),
    }
    return Review(**{**fields, **changes})


def an_entry(number: int = 1, **changes: Any) -> AuditEntry:
    """A link of the trail of the payment of number 1."""
    fields: dict[str, Any] = {
        "payment_id": numbered(1, 1),
        "sequence": number,
        "at": after_s(number),
        "actor": "system",
        "cause": "sweep",
        "events": b'[{"event":"AttemptClaimed"}]',
        "evidence_id": None,
        "state_digest": "d" * 64,
        "previous_hash": "",
        "hash": f"{number:064d}",
    }
    return AuditEntry(**{**fields, **changes})


def a_review_alone(number: int = 1, **changes: Any) -> StoredReview:
    """An orphan about no payment, open, with the first link of its trail."""
    fields = {"kind": ReviewKind.ORPHAN, "payment_id": None, **changes}
    return opened_alone(a_review(number, **fields), actor="provider:chapa", cause="webhook")


def a_notice(number: int = 1, **changes: Any) -> Notice:
    """Received and due at its own second."""
    fields: dict[str, Any] = {
        "notice_id": numbered(7, number),
        "provider": "chapa",
        "digest": hashlib.sha256(b"%d" % number).hexdigest(),
        "sealed": b"\x00\xffsealed %d" % number,
        "reference": f"p-{1:026d}",
        "claim": Claim.PAID,
        "word": "charge.success",
        "received_at": after_s(number),
        "next_try_at": after_s(number),
    }
    return Notice(**{**fields, **changes})


def an_answer(number: int = 1, **changes: Any) -> StoredAnswer:
    """A reservation of one key, by the request of this number."""
    fields: dict[str, Any] = {
        "user": "42",
        "operation": "refund",
        "key": "key-1",
        "fingerprint": "f" * 64,
        "holder": numbered(8, number),
        "expires_at": after_s(60),
    }
    return StoredAnswer(**{**fields, **changes})


async def keep(unit_of_work: UnitOfWork, payment: Payment, **rest: Any) -> Payment:
    """Store ``payment``, whole, as its first change, with the ``rest`` of it; what then stands."""
    bare = attrs.evolve(payment, version=0, attempts=(), captures=(), refunds=())

    async def work(transaction: Transaction) -> Payment:
        before = await transaction.open_payment(bare)
        after = attrs.evolve(payment, version=before.version + 1)
        await transaction.save(StoredChange(before=before, after=after, **rest))
        return after

    return await unit_of_work.write(work)


async def change(unit_of_work: UnitOfWork, before: Payment, after: Payment, **rest: Any) -> None:
    """Store the way from ``before`` to ``after``, with the ``rest`` of a StoredChange."""
    stored = StoredChange(before=before, after=after, **rest)
    await unit_of_work.write(lambda transaction: transaction.save(stored))


FAILED: Final = AttemptStatus.FAILED
SUCCEEDED: Final = AttemptStatus.SUCCEEDED
EXPIRED: Final = AttemptStatus.EXPIRED
OPEN: Final = AttemptStatus.OPEN

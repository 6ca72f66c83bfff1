"""The records around a payment as rows, both ways: evidence, notices, messages, reviews, audit, answers."""

from datetime import datetime
from typing import Any
from uuid import UUID

from payments.adapters.sql.conversion import (
    at,
    identifier,
    instant,
    maybe_at,
    maybe_instant,
    maybe_money,
    money,
    read_as,
    text_of,
)
from payments.adapters.sql.runner import Row
from payments.application.records import (
    AuditEntry,
    Backlog,
    Claim,
    Destination,
    HeldCash,
    Message,
    MessageState,
    Notice,
    ReviewLink,
    StoredAnswer,
)
from payments.domain.collection import AtTheDoor, CashResult, Collection, Handover
from payments.domain.events import ReviewKind
from payments.domain.evidence import Answer, Channel, Evidence, Mode, Outcome, Rule
from payments.domain.review import Review, ReviewState
from payments.domain.transitions import PaymentStatus


@read_as("piece of evidence", "evidence_id")
def evidence_of(row: Row) -> Evidence:
    """A piece of evidence."""
    return Evidence(
        evidence_id=identifier(row["evidence_id"]),
        payment_id=identifier(row["payment_id"]),
        reference=row["reference"],
        channel=Channel(row["channel"]),
        cause=row["cause"],
        answer=Answer(
            outcome=Outcome(row["outcome"]),
            word=row["word"],
            reference=row["attested_reference"],
            amount=maybe_money(row["attested_minor"], row["attested_currency"]),
            mode=None if row["attested_mode"] is None else Mode(row["attested_mode"]),
            provider_reference=row["provider_reference"],
            capture_key=row["capture_key"],
            fingerprint=row["fingerprint"],
            detail=row["detail"],
            returned=maybe_money(row["returned_minor"], row["returned_currency"]),
            captured=maybe_money(row["captured_minor"], row["captured_currency"]),
        ),
        rule=Rule[row["rule"].upper()],
        observed_at=at(row["observed_at"]),
    )


def evidence_values(evidence: Evidence) -> dict[str, Any]:
    """A piece of evidence's row."""
    answer = evidence.answer
    return {
        "evidence_id": text_of(evidence.evidence_id),
        "payment_id": text_of(evidence.payment_id),
        "reference": evidence.reference,
        "channel": evidence.channel.value,
        "cause": evidence.cause,
        "rule": evidence.rule.name.lower(),
        "observed_at": instant(evidence.observed_at),
        "outcome": answer.outcome.value,
        "word": answer.word,
        "attested_reference": answer.reference,
        "attested_minor": answer.amount.minor if answer.amount else None,
        "attested_currency": answer.amount.currency.code if answer.amount else None,
        "attested_mode": answer.mode.value if answer.mode else None,
        "provider_reference": answer.provider_reference,
        "capture_key": answer.capture_key,
        "fingerprint": answer.fingerprint,
        "detail": answer.detail,
        "returned_minor": answer.returned.minor if answer.returned else None,
        "returned_currency": answer.returned.currency.code if answer.returned else None,
        "captured_minor": answer.captured.minor if answer.captured else None,
        "captured_currency": answer.captured.currency.code if answer.captured else None,
    }


@read_as("notice", "notice_id")
def notice_of(row: Row) -> Notice:
    """A notice."""
    return Notice(
        notice_id=identifier(row["notice_id"]),
        provider=row["provider"],
        digest=row["digest"],
        sealed=bytes(row["sealed"]),
        reference=row["reference"],
        claim=Claim(row["claim"]),
        word=row["word"],
        received_at=at(row["received_at"]),
        handled_at=maybe_at(row["handled_at"]),
        outcome=row["outcome"],
        next_try_at=maybe_at(row["next_try_at"]),
        tries=row["tries"],
    )


def notice_values(notice: Notice) -> dict[str, Any]:
    """A notice's row, leased by nobody."""
    return {
        "notice_id": text_of(notice.notice_id),
        "provider": notice.provider,
        "digest": notice.digest,
        "sealed": notice.sealed,
        "reference": notice.reference,
        "claim": notice.claim.value,
        "word": notice.word,
        "received_at": instant(notice.received_at),
        "handled_at": maybe_instant(notice.handled_at),
        "outcome": notice.outcome,
        "next_try_at": maybe_instant(notice.next_try_at),
        "tries": notice.tries,
        "lease": None,
    }


@read_as("message", "message_id")
def message_of(row: Row) -> Message:
    """A message of the outbox."""
    return Message(
        message_id=identifier(row["message_id"]),
        payment_id=identifier(row["payment_id"]),
        order_id=row["order_id"],
        sequence=row["sequence"],
        destination=Destination(row["destination"]),
        kind=row["kind"],
        body=bytes(row["body"]),
        created_at=at(row["created_at"]),
        state=MessageState(row["state"]),
        next_try_at=maybe_at(row["next_try_at"]),
        tries=row["tries"],
        delivered_at=maybe_at(row["delivered_at"]),
        last_error=row["last_error"],
    )


def message_values(message: Message) -> dict[str, Any]:
    """A message's row, leased by nobody."""
    return {
        "message_id": text_of(message.message_id),
        "payment_id": text_of(message.payment_id),
        "order_id": message.order_id,
        "sequence": message.sequence,
        "destination": message.destination.value,
        "kind": message.kind,
        "body": message.body,
        "created_at": instant(message.created_at),
        "state": message.state.value,
        "next_try_at": maybe_instant(message.next_try_at),
        "tries": message.tries,
        "delivered_at": maybe_instant(message.delivered_at),
        "last_error": message.last_error,
        "lease": None,
    }


@read_as("refund", "refund_id")
def leased_refund_of(row: Row) -> tuple[UUID, UUID]:
    """Which refund of which payment is due."""
    return identifier(row["payment_id"]), identifier(row["refund_id"])


@read_as("review", "review_id")
def review_of(row: Row) -> Review:
    """A review."""
    return Review(
        review_id=identifier(row["review_id"]),
        kind=ReviewKind(row["kind"]),
        subject=row["subject"],
        payment_id=None if row["payment_id"] is None else identifier(row["payment_id"]),
        detail=row["detail"],
        opened_at=at(row["opened_at"]),
        state=ReviewState(row["state"]),
        decision=row["decision"],
        actor=row["actor"],
        reason=row["reason"],
        resolved_at=maybe_at(row["resolved_at"]),
        refund_id=None if row["refund_id"] is None else identifier(row["refund_id"]),
    )


def review_values(review: Review) -> dict[str, Any]:
    """A review's row."""
    return {
        "review_id": text_of(review.review_id),
        "kind": review.kind.value,
        "subject": review.subject,
        "payment_id": None if review.payment_id is None else text_of(review.payment_id),
        "detail": review.detail,
        "opened_at": instant(review.opened_at),
        "state": review.state.value,
        "decision": review.decision,
        "actor": review.actor,
        "reason": review.reason,
        "resolved_at": maybe_instant(review.resolved_at),
        "refund_id": None if review.refund_id is None else text_of(review.refund_id),
    }


@read_as("link of the audit trail of", "payment_id")
def audit_entry_of(row: Row) -> AuditEntry:
    """A link of the audit trail."""
    return AuditEntry(
        payment_id=identifier(row["payment_id"]),
        sequence=row["sequence"],
        at=at(row["at"]),
        actor=row["actor"],
        cause=row["cause"],
        events=bytes(row["events"]),
        evidence_id=None if row["evidence_id"] is None else identifier(row["evidence_id"]),
        state_digest=row["state_digest"],
        previous_hash=row["previous_hash"],
        hash=row["hash"],
    )


def audit_values(entry: AuditEntry) -> dict[str, Any]:
    """A link's row."""
    return {
        "payment_id": text_of(entry.payment_id),
        "sequence": entry.sequence,
        "at": instant(entry.at),
        "actor": entry.actor,
        "cause": entry.cause,
        "events": entry.events,
        "evidence_id": None if entry.evidence_id is None else text_of(entry.evidence_id),
        "state_digest": entry.state_digest,
        "previous_hash": entry.previous_hash,
        "hash": entry.hash,
    }


@read_as("trail of review", "review_id")
def review_id_of(row: Row) -> UUID:
    """Whose trail it is."""
    return identifier(row["review_id"])


@read_as("link of the trail of review", "review_id")
def review_link_of(row: Row) -> ReviewLink:
    """A link of the trail of a review about no payment."""
    return ReviewLink(
        review_id=identifier(row["review_id"]),
        sequence=row["sequence"],
        at=at(row["at"]),
        actor=row["actor"],
        cause=row["cause"],
        events=bytes(row["events"]),
        evidence_id=None if row["evidence_id"] is None else identifier(row["evidence_id"]),
        state_digest=row["state_digest"],
        previous_hash=row["previous_hash"],
        hash=row["hash"],
    )


def review_link_values(link: ReviewLink) -> dict[str, Any]:
    """Such a link's row."""
    return {
        "review_id": text_of(link.review_id),
        "sequence": link.sequence,
        "at": instant(link.at),
        "actor": link.actor,
        "cause": link.cause,
        "events": link.events,
        "evidence_id": None if link.evidence_id is None else text_of(link.evidence_id),
        "state_digest": link.state_digest,
        "previous_hash": link.previous_hash,
        "hash": link.hash,
    }


def answer_of(row: Row) -> StoredAnswer:
    """An answer kept under its Idempotency-Key."""
    return StoredAnswer(
        user=row["user"],
        operation=row["operation"],
        key=row["key"],
        fingerprint=row["fingerprint"],
        holder=identifier(row["holder"]),
        expires_at=at(row["expires_at"]),
        status=row["status"],
        body=bytes(row["body"]),
    )


def answer_values(answer: StoredAnswer) -> dict[str, Any]:
    """An answer's row."""
    return {
        "user": answer.user,
        "operation": answer.operation,
        "key": answer.key,
        "fingerprint": answer.fingerprint,
        "holder": text_of(answer.holder),
        "expires_at": instant(answer.expires_at),
        "status": answer.status,
        "body": answer.body,
    }


@read_as("collection", "collection_id")
def collection_of(row: Row) -> Collection:
    """A collector's record."""
    return Collection(
        collection_id=row["collection_id"],
        fingerprint=row["fingerprint"],
        collector=row["collector"],
        outcome=AtTheDoor(row["outcome"]),
        amount=maybe_money(row["amount_minor"], row["currency"]),
        payment_id=None if row["payment_id"] is None else identifier(row["payment_id"]),
        reference=row["reference"],
        order_id=row["order_id"],
        reason=row["reason"],
        result=CashResult(row["result"]),
        status=None if row["status"] is None else PaymentStatus(row["status"]),
        recorded_at=at(row["recorded_at"]),
        handover_id=row["handover_id"],
    )


def collection_values(collection: Collection) -> dict[str, Any]:
    """A collector's record's row."""
    amount = collection.amount
    return {
        "collection_id": collection.collection_id,
        "fingerprint": collection.fingerprint,
        "collector": collection.collector,
        "outcome": collection.outcome.value,
        "amount_minor": amount.minor if amount else None,
        "currency": amount.currency.code if amount else None,
        "payment_id": None if collection.payment_id is None else text_of(collection.payment_id),
        "reference": collection.reference,
        "order_id": collection.order_id,
        "reason": collection.reason,
        "result": collection.result.value,
        "status": None if collection.status is None else collection.status.value,
        "recorded_at": instant(collection.recorded_at),
        "handover_id": collection.handover_id,
    }


def handover_of(row: Row, collections: tuple[str, ...]) -> Handover:
    """A hand-over and the ids of its collections."""
    return Handover(
        handover_id=row["handover_id"],
        collector=row["collector"],
        collections=collections,
        actor=row["actor"],
        recorded_at=at(row["recorded_at"]),
    )


def handover_values(handover: Handover) -> dict[str, Any]:
    """A hand-over's row."""
    return {
        "handover_id": handover.handover_id,
        "collector": handover.collector,
        "actor": handover.actor,
        "recorded_at": instant(handover.recorded_at),
    }


def held_cash_of(row: Row) -> HeldCash:
    """What one collector holds in one currency."""
    return HeldCash(
        collector=row["collector"],
        count=row["count"],
        # PostgreSQL sums 64-bit numbers to a decimal.
        total=money(int(row["total_minor"]), row["currency"]),
        oldest_at=at(row["oldest_at"]),
    )


def backlog_of(row: Row, now: datetime) -> Backlog:
    """What waits at ``now``."""
    return Backlog(
        notices=row["notices"],
        oldest_notice_age_s=_age_s(row["oldest_notice"], now),
        messages=row["messages"],
        oldest_message_age_s=_age_s(row["oldest_message"], now),
        parked=row["parked"],
        open_reviews=row["open_reviews"],
        unknown_attempts=row["unknown_attempts"],
    )


def _age_s(since: Any, now: datetime) -> float:
    # SQLite has a word, too, where somebody wrote one for an instant: that row waits since nobody knows when.
    return 0.0 if not isinstance(since, int) else max(0.0, (instant(now) - since) / 1_000_000)

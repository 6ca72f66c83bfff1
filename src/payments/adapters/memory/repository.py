"""What is kept, in memory: persistent maps of frozen records, one whole set of them per commit."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import attrs

from payments.adapters.memory.uniqueness import (
    refuse_duplicates,
    refuse_other_attempts,
    refuse_rewriting,
    refuse_second_link,
)
from payments.application.ports.repository import Place, Reads, Transaction
from payments.application.records import (
    ERASED,
    UNKNOWN_REFERENCE,
    AuditEntry,
    Backlog,
    Destination,
    HeldCash,
    HistoryQuery,
    Message,
    MessageState,
    Notice,
    PaymentSummary,
    ReviewLink,
    ReviewQuery,
    Search,
    StoredAnswer,
    StoredChange,
    StoredReview,
    summary_of,
)
from payments.domain.collection import AtTheDoor, CashResult, Collection, Handover
from payments.domain.errors import InboxFull, StaleVersion
from payments.domain.evidence import Evidence, Mode, Rule
from payments.domain.payment import Customer, Payment
from payments.domain.refund import PENDING
from payments.domain.review import Review, ReviewState
from payments.domain.transitions import AttemptStatus

K = TypeVar("K")
V = TypeVar("V")

Answers = Mapping[tuple[str, str, str], StoredAnswer]


# Without slots :meth:`having` takes half the time, and simulations spend a lot of theirs there.
@attrs.frozen(kw_only=True, slots=False)
class Tables:
    """All records of one instant. A commit replaces the whole; nothing in it is ever changed."""

    payments: Mapping[UUID, Payment] = attrs.field(factory=dict)
    orders: Mapping[str, UUID] = attrs.field(factory=dict)
    references: Mapping[str, UUID] = attrs.field(factory=dict)
    evidence: Mapping[UUID, Evidence] = attrs.field(factory=dict)
    notices: Mapping[str, Notice] = attrs.field(factory=dict)
    notice_leases: Mapping[UUID, UUID] = attrs.field(factory=dict)
    messages: Mapping[UUID, Message] = attrs.field(factory=dict)
    message_leases: Mapping[UUID, UUID] = attrs.field(factory=dict)
    reviews: Mapping[UUID, Review] = attrs.field(factory=dict)
    review_audit: tuple[ReviewLink, ...] = ()
    audit: tuple[AuditEntry, ...] = ()
    answers: Answers = attrs.field(factory=dict)
    collections: Mapping[str, Collection] = attrs.field(factory=dict)
    handovers: Mapping[str, Handover] = attrs.field(factory=dict)

    def having(self, **changed: Any) -> "Tables":
        """These, with the ``changed`` ones in place of their own."""
        return Tables(**{**vars(self), **changed})


@attrs.frozen
class MemoryReads(Reads):
    """Reads of whatever is committed at the moment of each call."""

    _tables: Callable[[], Tables]

    async def payment(self, payment_id: UUID) -> Payment | None:
        return self._tables().payments.get(payment_id)

    async def payment_of_order(self, order_id: str) -> Payment | None:
        tables = self._tables()
        payment_id = tables.orders.get(order_id)
        return tables.payments[payment_id] if payment_id else None

    async def payment_with_reference(self, reference: str) -> Payment | None:
        tables = self._tables()
        payment_id = tables.references.get(reference)
        return tables.payments[payment_id] if payment_id else None

    async def payment_with_callback_token(self, token_hash: str) -> Payment | None:
        for payment in self._tables().payments.values():
            hashes = {attempt.callback_token_hash for attempt in payment.attempts}
            if token_hash in hashes | {refund.callback_token_hash for refund in payment.refunds}:
                return payment
        return None

    async def payment_with_refund_reference(self, reference: str) -> Payment | None:
        for payment in self._tables().payments.values():
            if reference in {refund.reference for refund in payment.refunds}:
                return payment
        return None

    async def payment_with_page_token(self, token_hash: str) -> Payment | None:
        for payment in self._tables().payments.values():
            if token_hash in {attempt.page_token_hash for attempt in payment.attempts}:
                return payment
        return None

    async def attempt_with_money(self, provider: str, mode: Mode, key: str) -> str | None:
        for payment in self._tables().payments.values():
            for capture in payment.captures:
                if (capture.provider, capture.mode, capture.key) == (provider, mode, key):
                    return capture.reference
        return None

    async def history(self, query: HistoryQuery) -> tuple[PaymentSummary, ...]:
        lines = [summary_of(p) for p in self._tables().payments.values() if p.payer == query.payer]
        wanted = [line for line in lines if _wanted(line, query)]
        wanted.sort(key=lambda line: (line.created_at, line.payment_id), reverse=True)
        return tuple(wanted[: query.limit])

    async def found(self, search: Search) -> tuple[PaymentSummary, ...]:
        wanted = [summary_of(p) for p in self._tables().payments.values() if _sought(p, search)]
        wanted.sort(key=lambda line: line.payment_id, reverse=True)
        return tuple(wanted[: search.limit])

    async def evidence_of(self, payment_id: UUID) -> tuple[Evidence, ...]:
        found = [e for e in self._tables().evidence.values() if e.payment_id == payment_id]
        return tuple(sorted(found, key=lambda e: (e.observed_at, e.evidence_id)))

    async def messages_of(self, payment_id: UUID) -> tuple[Message, ...]:
        found = [m for m in self._tables().messages.values() if m.payment_id == payment_id]
        return tuple(sorted(found, key=lambda m: m.sequence))

    async def reviews_of(self, payment_id: UUID) -> tuple[Review, ...]:
        return _reviews_of(self._tables().reviews, payment_id)

    async def review(self, review_id: UUID) -> Review | None:
        return self._tables().reviews.get(review_id)

    async def reviews(self, query: ReviewQuery) -> tuple[Review, ...]:
        found = [
            r
            for r in self._tables().reviews.values()
            if r.state is query.state
            and query.kind in (None, r.kind)
            and (query.beyond is None or (r.opened_at, r.review_id) < query.beyond)
        ]
        found.sort(key=lambda r: (r.opened_at, r.review_id), reverse=True)
        return tuple(found[: query.limit])

    async def review_trail(self, review_id: UUID) -> tuple[ReviewLink, ...]:
        return _trail_of(self._tables(), review_id)

    async def reviews_alone_after(self, review_id: Place, limit: int) -> tuple[Review, ...]:
        reviews = self._tables().reviews
        alone = {key for key, review in reviews.items() if review.payment_id is None}
        return tuple(reviews[key] for key in _later(alone, review_id, limit))

    async def review_trails_after(self, review_id: Place, limit: int) -> tuple[UUID, ...]:
        return _later({link.review_id for link in self._tables().review_audit}, review_id, limit)

    async def collection(self, collection_id: str) -> Collection | None:
        return self._tables().collections.get(collection_id)

    async def collections_of(self, payment_id: UUID) -> tuple[Collection, ...]:
        found = [c for c in self._tables().collections.values() if c.payment_id == payment_id]
        return tuple(sorted(found, key=lambda c: (c.recorded_at, c.collection_id)))

    async def cash_held(self, collector: str | None, limit: int) -> tuple[Collection, ...]:
        found = [c for c in self._tables().collections.values() if _held_by(c, collector)]
        found.sort(key=lambda c: (c.collector, _currency(c), c.recorded_at, c.collection_id))
        return tuple(found[:limit])

    async def cash_held_sums(self, collector: str | None) -> tuple[HeldCash, ...]:
        sums: dict[tuple[str, str], HeldCash] = {}
        for collection in self._tables().collections.values():
            if collection.amount is None or not _held_by(collection, collector):
                continue
            key = (collection.collector, collection.amount.currency.code)
            known = sums.get(key)
            sums[key] = HeldCash(
                collector=collection.collector,
                count=known.count + 1 if known else 1,
                total=known.total + collection.amount if known else collection.amount,
                oldest_at=min(known.oldest_at, collection.recorded_at) if known else collection.recorded_at,
            )
        return tuple(sums[key] for key in sorted(sums))

    async def handover(self, handover_id: str) -> Handover | None:
        return self._tables().handovers.get(handover_id)

    async def audit_of(self, payment_id: UUID) -> tuple[AuditEntry, ...]:
        found = [a for a in self._tables().audit if a.payment_id == payment_id]
        return tuple(sorted(found, key=lambda a: a.sequence))

    async def notices_about(self, reference: str) -> tuple[Notice, ...]:
        found = [n for n in self._tables().notices.values() if n.reference == reference]
        return tuple(sorted(found, key=lambda n: (n.received_at, n.notice_id)))

    async def newest_notices(self, reference: str, provider: str, limit: int) -> tuple[Notice, ...]:
        found = [n for n in await self.notices_about(reference) if n.provider == provider]
        return tuple(found[max(len(found) - limit, 0) :])

    async def payments_after(self, payment_id: Place, limit: int) -> tuple[Payment, ...]:
        tables = self._tables()
        return tuple(tables.payments[key] for key in _later(tables.payments, payment_id, limit))

    async def backlog(self, now: datetime) -> Backlog:
        tables = self._tables()
        notices = [n.received_at for n in tables.notices.values() if n.handled_at is None]
        pending = [m.created_at for m in tables.messages.values() if m.state is MessageState.PENDING]
        return Backlog(
            notices=len(notices),
            oldest_notice_age_s=_age_s(notices, now),
            messages=len(pending),
            oldest_message_age_s=_age_s(pending, now),
            parked=sum(m.state is MessageState.PARKED for m in tables.messages.values()),
            open_reviews=sum(r.state is ReviewState.OPEN for r in tables.reviews.values()),
            unknown_attempts=sum(
                a.status is AttemptStatus.UNKNOWN for p in tables.payments.values() for a in p.attempts
            ),
        )


@attrs.define
class MemoryTransaction(Transaction):
    """Changes a copy of the tables; the unit of work publishes it, or drops it."""

    tables: Tables

    async def open_payment(self, payment: Payment, *, fresh: bool = False) -> Payment:  # noqa: ARG002 -- looking costs nothing
        known = self.tables.orders.get(payment.order_id)
        if known is not None:
            return self.tables.payments[known]
        self._change(
            payments={**self.tables.payments, payment.payment_id: payment},
            orders={**self.tables.orders, payment.order_id: payment.payment_id},
        )
        return payment

    async def lock_payment(self, payment_id: UUID, known: Payment | None = None) -> Payment | None:  # noqa: ARG002 -- looking costs nothing
        return self.tables.payments.get(payment_id)

    async def attempt_holding(
        self,
        provider: str,
        mode: Mode,
        key: str | None,
        provider_reference: str | None,
        *,
        proven_by_save: bool = False,  # noqa: ARG002 -- looking costs nothing
    ) -> str | None:
        for payment in self.tables.payments.values():
            for capture in payment.captures:
                if key is not None and (capture.provider, capture.mode, capture.key) == (provider, mode, key):
                    return capture.reference
        for payment in self.tables.payments.values():
            for attempt in payment.attempts:
                names = (attempt.provider, attempt.mode, attempt.provider_reference)
                if provider_reference is not None and names == (provider, mode, provider_reference):
                    return attempt.reference
        return None

    async def attempt_with_receipt(self, provider: str, mode: Mode, receipt: str) -> str | None:
        for payment in self.tables.payments.values():
            for capture in payment.captures:
                if (capture.provider, capture.mode, capture.receipt) == (provider, mode, receipt):
                    return capture.reference
        return None

    async def verdict_of(self, evidence_id: UUID) -> Rule | None:
        stored = self.tables.evidence.get(evidence_id)
        return None if stored is None else stored.rule

    async def save(self, change: StoredChange) -> None:
        after = change.after
        stored = self.tables.payments.get(after.payment_id)
        if stored is None or stored.version != change.before.version:
            raise StaleVersion
        refuse_other_attempts(stored, change)
        after = _with_what_is_stored(stored, change)
        refuse_duplicates(self.tables.payments.values(), after)
        refuse_rewriting(change, self.tables.messages.values(), self.tables.evidence, self.tables.audit)
        changed: dict[str, Any] = {"payments": {**self.tables.payments, after.payment_id: after}}
        new = {
            a.reference: after.payment_id for a in after.attempts if a.reference not in self.tables.references
        }
        if new:
            changed["references"] = {**self.tables.references, **new}
        if change.messages:
            changed["messages"] = {**self.tables.messages, **{m.message_id: m for m in change.messages}}
        if change.evidence is not None:
            changed["evidence"] = {**self.tables.evidence, change.evidence.evidence_id: change.evidence}
        if change.audit is not None:
            changed["audit"] = (*self.tables.audit, change.audit)
        self._change(**changed)
        for review in change.reviews:
            self._open(review)
        for review in change.decided:
            if not self._decide(review):
                raise StaleVersion(f"The review {review.review_id} is resolved already.")

    async def add_review(self, opened: StoredReview) -> bool:
        if not self._open(opened.review):
            return False
        self._tell(opened.link)
        return True

    def _open(self, review: Review) -> bool:
        for known in self.tables.reviews.values():
            same = (known.kind, known.subject) == (review.kind, review.subject)
            if known.review_id == review.review_id or (same and known.state is ReviewState.OPEN):
                return False
        self._change(reviews={**self.tables.reviews, review.review_id: review})
        return True

    async def reviews_of(self, payment_id: UUID) -> tuple[Review, ...]:
        return _reviews_of(self.tables.reviews, payment_id)

    async def lock_review(self, review_id: UUID) -> Review | None:
        return self.tables.reviews.get(review_id)

    async def review_trail(self, review_id: UUID) -> tuple[ReviewLink, ...]:
        return _trail_of(self.tables, review_id)

    async def decide_review(self, decided: StoredReview) -> bool:
        if not self._decide(decided.review):
            return False
        self._tell(decided.link)
        return True

    def _tell(self, link: ReviewLink) -> None:
        refuse_second_link(link, self.tables.review_audit)
        self._change(review_audit=(*self.tables.review_audit, link))

    def _decide(self, review: Review) -> bool:
        known = self.tables.reviews.get(review.review_id)
        if known is None or known.state is not ReviewState.OPEN:
            return False
        decided = attrs.evolve(
            known,
            state=review.state,
            decision=review.decision,
            actor=review.actor,
            reason=review.reason,
            resolved_at=review.resolved_at,
            refund_id=review.refund_id,
        )
        self._change(reviews={**self.tables.reviews, review.review_id: decided})
        return True

    async def collection(self, collection_id: str) -> Collection | None:
        return self.tables.collections.get(collection_id)

    async def add_collection(self, collection: Collection) -> bool:
        if collection.collection_id in self.tables.collections:
            return False
        self._change(collections={**self.tables.collections, collection.collection_id: collection})
        return True

    async def attach_collection(self, collection: Collection) -> bool:
        known = self.tables.collections.get(collection.collection_id)
        if known is None or known.result is not CashResult.ORPHAN:
            return False
        attached = attrs.evolve(
            known,
            payment_id=collection.payment_id,
            reference=collection.reference,
            result=collection.result,
            status=collection.status,
        )
        self._change(collections={**self.tables.collections, known.collection_id: attached})
        return True

    async def handover(self, handover_id: str) -> Handover | None:
        return self.tables.handovers.get(handover_id)

    async def add_handover(self, handover: Handover) -> tuple[str, ...] | None:
        if handover.handover_id in self.tables.handovers:
            return None
        known = self.tables.collections
        missing = tuple(
            name
            for name in handover.collections
            if name not in known or not _held_by(known[name], handover.collector)
        )
        brought_in = {
            name: attrs.evolve(known[name], handover_id=handover.handover_id)
            for name in handover.collections
            if name not in missing
        }
        self._change(
            collections={**known, **brought_in},
            handovers={**self.tables.handovers, handover.handover_id: handover},
        )
        return missing

    async def add_notice(self, notice: Notice, *, most_unknown: int | None = None) -> bool:
        known = self.tables.notices.get(notice.digest)
        if known is not None:
            planned, sooner = known.next_try_at, notice.next_try_at
            leased = known.notice_id in self.tables.notice_leases
            if planned is not None and sooner is not None and sooner < planned and not leased:
                hastened = attrs.evolve(known, next_try_at=sooner)
                self._change(notices={**self.tables.notices, notice.digest: hastened})
            return False
        if most_unknown is not None and notice.next_try_at is not None and not self._knows(notice.reference):
            waiting = sum(
                (n.provider, n.outcome) == (notice.provider, UNKNOWN_REFERENCE)
                for n in self.tables.notices.values()
                if n.next_try_at is not None
            )
            if waiting >= most_unknown:
                raise InboxFull
            notice = attrs.evolve(notice, outcome=UNKNOWN_REFERENCE)
        self._change(notices={**self.tables.notices, notice.digest: notice})
        return True

    def _knows(self, reference: str | None) -> bool:
        refunds = (refund for payment in self.tables.payments.values() for refund in payment.refunds)
        return reference in self.tables.references or any(refund.reference == reference for refund in refunds)

    async def add_known_notice(self, notice: Notice) -> bool:
        if notice.next_try_at is not None and not self._knows(notice.reference):
            return False
        return notice.digest not in self.tables.notices and await self.add_notice(notice)

    async def lease_notices(
        self, now: datetime, *, until: datetime, token: UUID, limit: int
    ) -> tuple[Notice, ...]:
        due = [n for n in self.tables.notices.values() if n.next_try_at is not None and n.next_try_at <= now]
        chosen = sorted(due, key=lambda n: (n.next_try_at, n.received_at, n.notice_id))[:limit]
        taken = [attrs.evolve(notice, next_try_at=until) for notice in chosen]
        if not taken:
            return ()
        self._change(
            notices={**self.tables.notices, **{n.digest: n for n in taken}},
            notice_leases={**self.tables.notice_leases, **{n.notice_id: token for n in taken}},
        )
        return tuple(sorted(taken, key=lambda n: (n.received_at, n.notice_id)))

    async def finish_notices(self, notices: tuple[Notice, ...], *, token: UUID) -> None:
        for notice in notices:
            await self.finish_notice(notice, token=token)

    async def finish_notice(self, notice: Notice, *, token: UUID) -> bool:
        if self.tables.notice_leases.get(notice.notice_id) != token:
            return False
        self._change(
            notices={**self.tables.notices, notice.digest: notice},
            notice_leases=_without(self.tables.notice_leases, notice.notice_id),
        )
        return True

    async def lease_messages(
        self, now: datetime, *, until: datetime, token: UUID, limit: int
    ) -> tuple[Message, ...]:
        newest: dict[str, int] = {}
        for message in self.tables.messages.values():
            if message.destination is Destination.ORDERS:
                newest[message.order_id] = max(newest.get(message.order_id, 0), message.sequence)
        due = [
            m
            for m in self.tables.messages.values()
            if m.state is MessageState.PENDING and m.next_try_at is not None and m.next_try_at <= now
        ]
        taken = []
        for message in sorted(due, key=lambda m: (m.next_try_at, m.created_at, m.message_id))[:limit]:
            overtaken = (
                message.destination is Destination.ORDERS and message.sequence < newest[message.order_id]
            )
            if overtaken:
                taken.append(attrs.evolve(message, state=MessageState.OVERTAKEN, next_try_at=None))
            else:
                taken.append(attrs.evolve(message, next_try_at=until))
        if not taken:
            return ()
        leased = {m.message_id: token for m in taken if m.state is MessageState.PENDING}
        self._change(
            messages={**self.tables.messages, **{m.message_id: m for m in taken}},
            message_leases={**self.tables.message_leases, **leased},
        )
        return tuple(sorted(taken, key=lambda m: (m.created_at, m.message_id)))

    async def finish_messages(self, messages: tuple[Message, ...], *, token: UUID) -> None:
        for message in messages:
            await self.finish_message(message, token=token)

    async def finish_message(self, message: Message, *, token: UUID) -> bool:
        if self.tables.message_leases.get(message.message_id) != token:
            return False
        self._keep(message)
        self._change(message_leases=_without(self.tables.message_leases, message.message_id))
        return True

    async def lease_attempts(self, now: datetime, *, until: datetime, limit: int) -> tuple[str, ...]:
        due = [
            (attempt.next_check_at, attempt.reference, payment)
            for payment in self.tables.payments.values()
            for attempt in payment.attempts
            if attempt.next_check_at is not None and attempt.next_check_at <= now
        ]
        taken = sorted(due, key=lambda row: row[:2])[:limit]
        for _, reference, payment in taken:
            stored = self.tables.payments[payment.payment_id]
            postponed = attrs.evolve(stored.attempt(reference), next_check_at=until)
            self._change(
                payments={**self.tables.payments, payment.payment_id: stored.with_attempt(postponed)}
            )
        return tuple(sorted(reference for _, reference, _ in taken))

    async def lease_refunds(
        self, now: datetime, *, until: datetime, limit: int
    ) -> tuple[tuple[UUID, UUID], ...]:
        due = [
            (refund.next_check_at, refund.refund_id, payment.payment_id)
            for payment in self.tables.payments.values()
            for refund in payment.refunds
            if refund.next_check_at is not None and refund.next_check_at <= now
        ]
        taken = tuple((payment_id, refund_id) for _, refund_id, payment_id in sorted(due)[:limit])
        for payment_id, refund_id in taken:
            stored = self.tables.payments[payment_id]
            refunds = tuple(
                attrs.evolve(r, next_check_at=until) if r.refund_id == refund_id else r
                for r in stored.refunds
            )
            self._change(payments={**self.tables.payments, payment_id: attrs.evolve(stored, refunds=refunds)})
        return tuple(sorted(taken, key=lambda one: one[1]))

    async def begin_answer(self, answer: StoredAnswer, now: datetime) -> StoredAnswer | None:
        key = (answer.user, answer.operation, answer.key)
        known = self.tables.answers.get(key)
        if known is not None and known.expires_at > now:
            return known
        self._change(answers={**self.tables.answers, key: answer})
        return None

    async def end_answer(self, answer: StoredAnswer) -> bool:
        key = (answer.user, answer.operation, answer.key)
        known = self.tables.answers.get(key)
        if known is not None and known.holder != answer.holder:
            return False
        self._change(answers={**self.tables.answers, key: answer})
        return True

    async def drop_answer(self, answer: StoredAnswer) -> None:
        key = (answer.user, answer.operation, answer.key)
        known = self.tables.answers.get(key)
        if known is not None and known.holder == answer.holder and known.status is None:
            self._change(answers=_without(self.tables.answers, key))

    async def forget_answers(self, now: datetime, *, limit: int) -> int:
        expired = [(a.expires_at, key) for key, a in self.tables.answers.items() if a.expires_at <= now]
        gone = {key for _, key in sorted(expired)[:limit]}
        self._change(answers={key: a for key, a in self.tables.answers.items() if key not in gone})
        return len(gone)

    async def erase_notices(self, until: datetime, *, limit: int) -> int:
        old = [
            n
            for n in self.tables.notices.values()
            if n.next_try_at is None and n.sealed and n.received_at <= until
        ]
        old.sort(key=lambda n: (n.received_at, n.notice_id))
        emptied = {n.digest: attrs.evolve(n, sealed=b"") for n in old[:limit]}
        self._change(notices={**self.tables.notices, **emptied})
        return len(emptied)

    async def erase_people(self, until: datetime, *, limit: int) -> int:
        old = [p for p in self.tables.payments.values() if p.updated_at <= until and self._names_someone(p)]
        old.sort(key=lambda p: (p.created_at, p.payment_id))
        erased = [p for p in old if self._is_over(p)][:limit]
        for payment in erased:
            self._change(payments={**self.tables.payments, payment.payment_id: without_people(payment)})
            for message in _mails_of(self.tables.messages.values(), payment.payment_id):
                self._keep(attrs.evolve(message, body=ERASED))
        return len(erased)

    def _names_someone(self, payment: Payment) -> bool:
        mails = _mails_of(self.tables.messages.values(), payment.payment_id)
        return payment != without_people(payment) or any(mail.body != ERASED for mail in mails)

    def _is_over(self, payment: Payment) -> bool:
        """Whether nothing about it is under way."""
        return not (
            any(a.live or a.next_check_at is not None for a in payment.attempts)
            or any(r.status in PENDING for r in payment.refunds)
            or any(r.state is ReviewState.OPEN for r in _reviews_of(self.tables.reviews, payment.payment_id))
            or any(
                m.state is MessageState.PENDING
                for m in self.tables.messages.values()
                if m.payment_id == payment.payment_id
            )
        )

    def _keep(self, message: Message) -> None:
        self._change(messages={**self.tables.messages, message.message_id: message})

    def _change(self, **changed: Any) -> None:
        self.tables = self.tables.having(**changed)


def _with_what_is_stored(stored: Payment, change: StoredChange) -> Payment:
    """What ``change`` leads to, where what it does not write is as it is stored: rows are written one by one.

    What was learnt by asking changes no version, so it may be newer than what the change began from.
    """
    before, after = change.before, change.after
    if stored is before:
        return after
    return attrs.evolve(
        after,
        attempts=_rows(stored.attempts, before.attempts, after.attempts, lambda attempt: attempt.reference),
        captures=_rows(stored.captures, before.captures, after.captures, lambda capture: capture.capture_id),
        refunds=_rows(stored.refunds, before.refunds, after.refunds, lambda refund: refund.refund_id),
    )


def _rows(
    stored: tuple[V, ...], before: tuple[V, ...], after: tuple[V, ...], name: Callable[[V], K]
) -> tuple[V, ...]:
    present, known = {name(row): row for row in stored}, {name(row): row for row in before}
    return tuple(present.get(name(row), row) if known.get(name(row)) == row else row for row in after)


def _reviews_of(reviews: Mapping[UUID, Review], payment_id: UUID) -> tuple[Review, ...]:
    found = [review for review in reviews.values() if review.payment_id == payment_id]
    return tuple(sorted(found, key=lambda review: (review.opened_at, review.review_id)))


def _trail_of(tables: Tables, review_id: UUID) -> tuple[ReviewLink, ...]:
    found = [link for link in tables.review_audit if link.review_id == review_id]
    return tuple(sorted(found, key=lambda link: link.sequence))


def _later(ids: Iterable[UUID], after: Place, limit: int) -> tuple[UUID, ...]:
    return tuple(sorted(each for each in ids if after is None or str(each) > str(after))[:limit])


def without_people(payment: Payment) -> Payment:
    """``payment``, and nothing of who its payer was."""
    attempts = tuple(attrs.evolve(attempt, phone=None) for attempt in payment.attempts)
    return attrs.evolve(payment, customer=Customer(), attempts=attempts)


def _mails_of(messages: Iterable[Message], payment_id: UUID) -> list[Message]:
    return [m for m in messages if m.payment_id == payment_id and m.destination is Destination.PAYER]


def _held_by(collection: Collection, collector: str | None) -> bool:
    """Whether its cash was collected, was not handed in, and is with ``collector`` (None: with anybody)."""
    holds = collection.outcome is AtTheDoor.COLLECTED and collection.handover_id is None
    return holds and collector in (None, collection.collector)


def _currency(collection: Collection) -> str:
    return collection.amount.currency.code if collection.amount else ""


def _wanted(line: PaymentSummary, query: HistoryQuery) -> bool:
    return all(_conditions(line, query))


def _conditions(line: PaymentSummary, query: HistoryQuery) -> Iterator[bool]:
    yield query.status in (None, line.status)
    yield query.provider in (None, line.provider)
    yield query.order_id in (None, line.order_id)
    yield query.created_after is None or line.created_at > query.created_after
    yield query.created_before is None or line.created_at < query.created_before
    yield query.beyond is None or (line.created_at, line.payment_id) < query.beyond


def _sought(payment: Payment, search: Search) -> bool:
    names = {payment.order_id, *(attempt.reference for attempt in payment.attempts)}
    return (
        search.status in (None, payment.status)
        and (search.beyond is None or payment.payment_id < search.beyond)
        and (search.name is None or search.name in names or search.name.lower() == str(payment.payment_id))
    )


def _age_s(instants: list[datetime], now: datetime) -> float:
    return max(0.0, (now - min(instants)).total_seconds()) if instants else 0.0


def _without(mapping: Mapping[K, V], key: K) -> Mapping[K, V]:
    return {k: v for k, v in mapping.items() if k != key}

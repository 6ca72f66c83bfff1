"""What every store keeps around a payment: evidence, messages, reviews, the audit trail, the backlog."""

from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any

import attrs

from payments.application.ports.repository import Transaction
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.records import (
    AuditEntry,
    Backlog,
    Destination,
    Message,
    MessageState,
    Notice,
    ReviewLink,
    ReviewQuery,
    StoredChange,
    StoredReview,
)
from payments.application.review_recording import resolved_alone
from payments.domain.events import ReviewKind
from payments.domain.evidence import Answer, Channel, Evidence, Mode, Outcome, Rule
from payments.domain.money import Money
from payments.domain.payment import Payment
from payments.domain.review import Review, ReviewState
from payments.domain.transitions import AttemptStatus
from payments.testing.contracts.promises import promise, promise_to_raise
from payments.testing.contracts.stored import (
    NOW,
    a_message,
    a_notice,
    a_payment,
    a_review,
    a_review_alone,
    after_s,
    an_attempt,
    an_entry,
    change,
    keep,
    numbered,
    some_evidence,
)

A_WHOLE_ANSWER = Answer(
    outcome=Outcome.RETURNED,
    word="reversed",
    reference=an_attempt().reference,
    amount=Money.of("0.01", "ETB"),
    mode=Mode.LIVE,
    provider_reference="C-1",
    capture_key="AP-1",
    fingerprint="a|b",
    detail="ተመላሽ",
    returned=Money.of("0", "KWD"),
    captured=Money.of("0.02", "ETB"),
)


class RecordsContract(ABC):
    """The records around a payment."""

    @abstractmethod
    def stage(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """A unit of work over an empty store."""

    async def test_evidence_comes_back_as_stored_oldest_first(self) -> None:
        async with self.stage() as units:
            stored = [
                some_evidence(3, observed_at=after_s(1)),
                some_evidence(
                    2,
                    observed_at=after_s(2),
                    channel=Channel.COLLECTOR,
                    answer=A_WHOLE_ANSWER,
                    rule=Rule.RETURNED,
                ),
                some_evidence(1, observed_at=after_s(3)),
            ]
            payment = await keep(units, a_payment(attempts=(an_attempt(),)), evidence=stored[1])
            for evidence in (stored[2], stored[0]):
                payment = await _one_more(units, payment, evidence=evidence)
            found = await units.reads.evidence_of(payment.payment_id)
            promise(f"evidence is read as stored, oldest first; found {found!r}.", kept=list(found) == stored)

    async def test_evidence_is_never_replaced(self) -> None:
        async with self.stage() as units:
            payment = await keep(units, a_payment(attempts=(an_attempt(),)), evidence=some_evidence())
            with promise_to_raise(Exception, "evidence is immutable."):
                await _one_more(units, payment, evidence=some_evidence(cause="another"))
            found = await units.reads.evidence_of(payment.payment_id)
            promise(f"what was stored first stays; found {found!r}.", kept=found == (some_evidence(),))

    async def test_every_rule_and_outcome_can_be_kept(self) -> None:
        async with self.stage() as units:
            payment = await keep(units, a_payment(attempts=(an_attempt(),)))
            stored = [
                some_evidence(number, rule=rule, answer=Answer(outcome=outcome, word=""))
                for number, (rule, outcome) in enumerate(zip(Rule, [*Outcome] * 3, strict=False))
            ]
            for evidence in stored:
                payment = await _one_more(units, payment, evidence=evidence)
            found = await units.reads.evidence_of(payment.payment_id)
            promise("every verdict can be kept.", kept=list(found) == stored)

    async def test_messages_come_back_with_their_bytes_by_sequence(self) -> None:
        async with self.stage() as units:
            stored = [
                a_message(1, created_at=after_s(9)),
                a_message(2, destination=Destination.PAYER, kind="confirmation"),
                a_message(3, state=MessageState.PARKED, next_try_at=None, tries=7, last_error="HTTP 410"),
                a_message(4, state=MessageState.DELIVERED, next_try_at=None, delivered_at=after_s(5)),
            ]
            payment = await keep(units, a_payment(), messages=(stored[2], stored[0]))
            await _one_more(units, payment, messages=(stored[3], stored[1]))
            found = await units.reads.messages_of(payment.payment_id)
            promise(f"messages are read as stored, by sequence; found {found!r}.", kept=list(found) == stored)

    async def test_a_sequence_number_is_given_once_per_order(self) -> None:
        async with self.stage() as units:
            payment = await keep(units, a_payment(), messages=(a_message(),))
            again = a_message(2, sequence=1)
            with promise_to_raise(Exception, "an order's messages have numbers of their own."):
                await _one_more(units, payment, messages=(again,))
            found = await units.reads.messages_of(payment.payment_id)
            promise("a refused change leaves no message.", kept=found == (a_message(),))

    async def test_the_audit_trail_comes_back_by_sequence(self) -> None:
        async with self.stage() as units:
            first = an_entry(1, evidence_id=numbered(4, 1), previous_hash="")
            second = an_entry(2, at=NOW, previous_hash=first.hash, events=b"[]")
            payment = await keep(units, a_payment(trail=first.hash), audit=first)
            await _one_more(units, payment, audit=second)
            found = await units.reads.audit_of(payment.payment_id)
            promise(f"the trail is read by sequence; found {found!r}.", kept=found == (first, second))

    async def test_a_place_in_the_audit_trail_is_taken_once(self) -> None:
        async with self.stage() as units:
            payment = await keep(units, a_payment(), audit=an_entry(1))
            with promise_to_raise(Exception, "the audit trail is append-only."):
                await _one_more(units, payment, audit=an_entry(1, actor="somebody else"))
            found = await units.reads.audit_of(payment.payment_id)
            promise("an audit entry is never replaced.", kept=found == (an_entry(1),))

    async def test_one_review_is_open_per_kind_and_subject(self) -> None:
        async with self.stage() as units:
            first, other = a_review(1), a_review(2)
            same = a_review(3, subject=first.subject, detail="again")
            kind = a_review(4, subject=first.subject, kind=ReviewKind.DISPUTE)
            await keep(units, a_payment(), reviews=(first, same, other, kind))
            found = await units.reads.reviews_of(a_payment().payment_id)
            promise(
                f"a question is open once; found {[r.review_id.int >> 80 for r in found]}, not [1, 2, 4].",
                kept=found == (first, other, kind),
            )

    async def test_an_orphan_is_a_review_of_no_payment(self) -> None:
        async with self.stage() as units:
            orphan = a_review_alone()
            await units.write(lambda transaction: transaction.add_review(orphan))
            backlog = await units.reads.backlog(NOW)
            promise("a review may be about no payment of ours.", kept=backlog.open_reviews == 1)

    async def test_a_review_of_no_payment_is_opened_once_and_its_trail_begins_with_it(self) -> None:
        async with self.stage() as units:
            first = a_review_alone(1)
            again = a_review_alone(2, subject=first.review.subject)
            news = [await units.write(partial(_add_review, opened)) for opened in (first, first, again)]
            promise(f"it says whether it was opened; it said {news}.", kept=news == [True, False, False])
            trail = await units.reads.review_trail(first.review.review_id)
            promise(f"the trail begins with its opening; it is {trail!r}.", kept=trail == (first.link,))
            none = await units.reads.review_trail(again.review.review_id)
            promise("a question that is open already begins no second trail.", kept=none == ())

    async def test_a_decision_about_a_review_of_no_payment_is_stored_with_its_link(
        self,
    ) -> None:
        async with self.stage() as units:
            opened = a_review_alone(1)
            await units.write(partial(_add_review, opened))
            decided = _dismissed(opened, evidence_id=numbered(4, 1))

            async def decide(transaction: Transaction) -> tuple[bool, tuple[ReviewLink, ...]]:
                known = await transaction.decide_review(decided)
                return known, await transaction.review_trail(decided.review.review_id)

            stored = await units.write(decide)
            promise(f"a transaction reads its own link; {stored!r}.", kept=stored[1][1:] == (decided.link,))
            found = await units.reads.review(decided.review.review_id)
            promise("what was decided is read back.", kept=stored[0] and found == decided.review)
            for refused in (_dismissed(opened, sequence=3), _dismissed(a_review_alone(9))):
                known = await units.write(partial(_decide_review, refused))
                trail = await units.reads.review_trail(decided.review.review_id)
                promise(
                    f"a refused decision leaves no link; the trail is {trail!r}.",
                    kept=not known and trail == (opened.link, decided.link),
                )

    async def test_a_place_in_the_trail_of_a_review_is_taken_once(self) -> None:
        async with self.stage() as units:
            opened = a_review_alone(1)
            await units.write(partial(_add_review, opened))
            second = _dismissed(opened, sequence=1)
            with promise_to_raise(Exception, "a review's trail is append-only."):
                await units.write(partial(_decide_review, second))
            found = await units.reads.review(opened.review.review_id)
            promise("what was not told was not decided.", kept=found == opened.review)
            trail = await units.reads.review_trail(opened.review.review_id)
            promise("a link is never replaced.", kept=trail == (opened.link,))

    async def test_reviews_of_no_payment_and_their_trails_are_walked_over_by_id(self) -> None:
        async with self.stage() as units:
            await keep(units, a_payment(), reviews=(a_review(4),))
            alone = {number: a_review_alone(number) for number in (3, 1, 5, 2)}
            for opened in alone.values():
                await units.write(partial(_add_review, opened))
            await units.write(partial(_decide_review, _dismissed(alone[1])))
            ids = [alone[number].review.review_id for number in (1, 2, 3, 5)]
            pages = [await units.reads.reviews_alone_after(last, 2) for last in (None, ids[1], ids[3])]
            met = [review.review_id for page in pages for review in page]
            promise(f"all reviews of no payment are met, each once; met {met!r}.", kept=met == ids)
            trails = [await units.reads.review_trails_after(last, 2) for last in (None, ids[1], ids[3])]
            met = [review_id for page in trails for review_id in page]
            promise(f"all their trails are met, each once; met {met!r}.", kept=met == ids)

    async def test_reviews_are_read_newest_first_page_by_page(self) -> None:
        async with self.stage() as units:
            opened = {
                number: a_review(number, opened_at=after_s(number // 3), payment_id=None)
                for number in (4, 1, 6, 3, 5, 2)
            }
            decided = a_review(
                9,
                opened_at=after_s(1),
                state=ReviewState.RESOLVED,
                decision="dismiss",
                actor="operator:7",
                reason="known",
                resolved_at=after_s(2),
            )
            await keep(units, a_payment(), reviews=(decided, *opened.values()))
            met: list[Review] = []
            for _ in range(3):
                beyond = (met[-1].opened_at, met[-1].review_id) if met else None
                met += await units.reads.reviews(ReviewQuery(limit=2, beyond=beyond))
            wanted = [opened[number] for number in (6, 5, 4, 3, 2, 1)]
            promise(f"open reviews are read newest first, each once; met {met!r}.", kept=met == wanted)
            resolved = await units.reads.reviews(ReviewQuery(limit=9, state=ReviewState.RESOLVED))
            promise("resolved reviews are read by themselves.", kept=resolved == (decided,))

    async def test_reviews_of_one_kind_are_read_by_themselves(self) -> None:
        async with self.stage() as units:
            first = a_review(1, kind=ReviewKind.ORPHAN, payment_id=None)
            second = a_review(2, kind=ReviewKind.ORPHAN, payment_id=None, opened_at=after_s(1))
            other = a_review(3, kind=ReviewKind.DISPUTE, opened_at=after_s(2))
            await keep(units, a_payment(), reviews=(first, second, other))
            orphans = ReviewQuery(limit=9, kind=ReviewKind.ORPHAN)
            found = await units.reads.reviews(orphans)
            promise("reviews of one kind are read newest first.", kept=found == (second, first))
            rest = await units.reads.reviews(
                attrs.evolve(orphans, beyond=(second.opened_at, second.review_id))
            )
            promise("their pages begin where the last one ended.", kept=rest == (first,))
            none = await units.reads.reviews(attrs.evolve(orphans, state=ReviewState.RESOLVED))
            promise("what is open is not resolved.", kept=none == ())

    async def test_a_review_is_read_inside_a_transaction_as_it_stands_there(self) -> None:
        async with self.stage() as units:
            opened = a_review_alone(1)
            await units.write(partial(_add_review, opened))
            decided = _dismissed(opened)

            async def decide_and_read(transaction: Transaction) -> tuple[Review | None, Review | None]:
                await transaction.decide_review(decided)
                unknown = a_review(9).review_id
                return await transaction.lock_review(decided.review.review_id), await transaction.lock_review(
                    unknown
                )

            seen = await units.write(decide_and_read)
            promise(
                f"a transaction reads its own decision; read {seen!r}.", kept=seen == (decided.review, None)
            )

    async def test_the_reviews_of_a_payment_are_read_inside_a_transaction_as_they_stand_there(self) -> None:
        async with self.stage() as units:
            first, second = a_review(1), a_review(2)
            before = await keep(units, a_payment(), reviews=(second, first, a_review(3, payment_id=None)))
            decided = attrs.evolve(second, decision="refund", actor="operator:7", reason="twice")
            after = attrs.evolve(before, version=2)

            async def decide_and_read(transaction: Transaction) -> tuple[Review, ...]:
                await transaction.save(StoredChange(before=before, after=after, decided=(decided,)))
                return await transaction.reviews_of(a_payment().payment_id)

            seen = await units.write(decide_and_read)
            promise(f"a transaction reads what it decided; read {seen!r}.", kept=seen == (first, decided))

    async def test_nothing_waits_in_an_empty_store(self) -> None:
        async with self.stage() as units:
            backlog = await units.reads.backlog(NOW)
            nothing = Backlog(
                notices=0,
                oldest_notice_age_s=0.0,
                messages=0,
                oldest_message_age_s=0.0,
                parked=0,
                open_reviews=0,
                unknown_attempts=0,
            )
            promise(f"nothing waits in an empty store; found {backlog!r}.", kept=backlog == nothing)

    async def test_what_waits_is_counted_with_the_age_of_the_oldest(self) -> None:
        async with self.stage() as units:
            parked = a_message(5, state=MessageState.PARKED, next_try_at=None)
            delivered = a_message(6, state=MessageState.DELIVERED, next_try_at=None)
            unknown = an_attempt(status=AttemptStatus.UNKNOWN)
            await keep(
                units,
                a_payment(attempts=(unknown,)),
                messages=(a_message(3, next_try_at=after_s(99)), a_message(4), parked, delivered),
                reviews=(a_review(1), a_review(2)),
            )
            handled = a_notice(1, handled_at=NOW, next_try_at=None)
            for notice in (a_notice(2, next_try_at=after_s(99)), a_notice(7), handled):
                await _stored(units, notice)
            backlog = await units.reads.backlog(after_s(12))
            wanted = Backlog(
                notices=2,
                oldest_notice_age_s=10.0,
                messages=2,
                oldest_message_age_s=9.0,
                parked=1,
                open_reviews=2,
                unknown_attempts=1,
            )
            promise(f"the backlog is {wanted!r}, not {backlog!r}.", kept=backlog == wanted)


async def _one_more(
    units: UnitOfWork,
    before: Payment,
    *,
    evidence: Evidence | None = None,
    messages: tuple[Message, ...] = (),
    audit: AuditEntry | None = None,
) -> Payment:
    after = attrs.evolve(before, version=before.version + 1)
    await change(units, before, after, evidence=evidence, messages=messages, audit=audit)
    return after


async def _stored(units: UnitOfWork, notice: Notice) -> None:
    await units.write(lambda transaction: transaction.add_notice(notice))


async def _add_review(opened: StoredReview, transaction: Transaction) -> bool:
    return await transaction.add_review(opened)


async def _decide_review(decided: StoredReview, transaction: Transaction) -> bool:
    return await transaction.decide_review(decided)


def _dismissed(opened: StoredReview, **changes: Any) -> StoredReview:
    """``opened`` as a person dismissed it; ``changes`` of the link."""
    review = attrs.evolve(
        opened.review,
        state=ReviewState.RESOLVED,
        decision="dismiss",
        actor="operator:7",
        reason="known",
        resolved_at=after_s(9),
    )
    stored = resolved_alone((opened.link,), review, actor="operator:7", cause="review", now=after_s(9))
    return attrs.evolve(stored, link=attrs.evolve(stored.link, **changes))

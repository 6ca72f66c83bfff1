"""The promises of the README as predicates over one payment and all its records.

One module for ``payments check``, the simulation and the crash loops. Numbers follow the catalogue in
``docs/invariants.md``. Every function returns what is broken, in sentences; an empty tuple is the proof.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import attrs

from payments.application.answers import Violation
from payments.application.recording import chain_hash, state_digest
from payments.application.records import AuditEntry, Destination, Message, ReviewLink
from payments.application.review_recording import review_digest
from payments.application.sequences import misplaced
from payments.application.trail_walk import TrailWalk, events_in
from payments.domain.attempt import Attempt
from payments.domain.capture import Capture
from payments.domain.collection import AtTheDoor, CashResult, Collection
from payments.domain.errors import IllegalTransition
from payments.domain.events import Reason, ReviewKind
from payments.domain.evidence import Evidence, Outcome
from payments.domain.money import zero
from payments.domain.payment import Payment
from payments.domain.refund import PENDING, refundable
from payments.domain.review import Review, ReviewState
from payments.domain.transitions import AttemptStatus, Disposition, PaymentStatus, RefundStatus
from payments.domain.watching import CLAIM_LIFETIME

OVERDUE: Final = timedelta(minutes=30)
"""How long after its time a check, or an expired claim, counts as forgotten."""

OF_REVIEWS: Final = "I21"
"""The promise about reviews of no payment."""


@attrs.frozen(kw_only=True)
class Case:
    """A payment with everything recorded about it, at one instant."""

    payment: Payment
    evidence: tuple[Evidence, ...]
    messages: tuple[Message, ...]
    reviews: tuple[Review, ...]
    audit: tuple[AuditEntry, ...]
    now: datetime
    collections: tuple[Collection, ...] = ()
    """What collectors recorded about it."""


def violations_of(case: Case) -> tuple[Violation, ...]:
    """Every promise that ``case`` breaks; of a trail that cannot be read this alone."""
    unreadable = _unreadable_link(case.audit)
    if unreadable:
        return (Violation(invariant="I14", subject=str(case.payment.payment_id), detail=unreadable),)
    return tuple(
        Violation(invariant=number, subject=str(case.payment.payment_id), detail=detail)
        for number, promise in INVARIANTS.items()
        for detail in promise(case)
    )


def _settled_exactly_when_paid(case: Case) -> Iterator[str]:
    payment = case.payment
    settling = [c for c in payment.captures if c.disposition is Disposition.SETTLES]
    if (payment.status is PaymentStatus.SUCCESS) != (len(settling) == 1):
        yield f"It is {payment.status.value} with {len(settling)} settling captures."
    for capture in settling:
        accepted = any(
            r.state is ReviewState.RESOLVED
            and r.decision == "accept"
            and r.subject == str(capture.capture_id)
            for r in case.reviews
        )
        if capture.amount != payment.amount and not accepted and not _is_due_with_fees(case, capture):
            yield f"It is settled by {capture.amount}, but {payment.amount} is owed and nobody accepted that."
        attempt = next((a for a in payment.attempts if a.reference == capture.reference), None)
        if attempt is None or attempt.status is not AttemptStatus.SUCCEEDED:
            yield f"The attempt {capture.reference} settles it without having succeeded."


def _is_due_with_fees(case: Case, capture: Capture) -> bool:
    """Whether its own evidence attests that what was due was paid, and that the rest is fees passed on."""
    due = case.payment.amount
    return any(
        e.evidence_id == capture.capture_id
        and e.answer.amount == due
        and e.answer.captured == capture.amount
        and capture.amount.currency == due.currency
        and capture.amount > due
        for e in case.evidence
    )


def _one_live_attempt(case: Case) -> Iterator[str]:
    live = [attempt.reference for attempt in case.payment.attempts if attempt.live]
    if len(live) > 1:
        yield f"It has {len(live)} live attempts: {', '.join(live)}."
    if live and case.payment.settling_capture:
        yield f"It is settled, and the payer can still pay on {', '.join(live)}."


def _only_published_edges(case: Case) -> Iterator[str]:
    walk = TrailWalk()
    for entry in case.audit:
        for told in events_in(entry.events):
            try:
                walk.follow(told)
            except (IllegalTransition, KeyError, ValueError) as error:
                yield f"Change {entry.sequence}: {told.get('event')} is no edge: {error}"
                return
    payment = case.payment
    if walk.status is not payment.status:
        yield f"Its changes lead to {walk.status.value}, but it is {payment.status.value}."
    for attempt in payment.attempts:
        if walk.attempts.get(attempt.reference) is not attempt.status:
            yield f"The changes of {attempt.reference} do not lead to {attempt.status.value}."
    for capture in payment.captures:
        if walk.captures.get(str(capture.capture_id)) is not capture.disposition:
            yield f"The changes of the money {capture.key} do not lead to {capture.disposition.value}."
    for refund in payment.refunds:
        if walk.refunds.get(str(refund.refund_id)) is not refund.status:
            yield f"The changes of the refund {refund.reference} do not lead to {refund.status.value}."


def _each_change_told_once(case: Case) -> Iterator[str]:
    sequences = tuple(message.sequence for message in case.messages)
    if misplaced(sequences) or max(sequences, default=0) != case.payment.told:
        yield f"Its messages are numbered {sequences}, and the last one told is {case.payment.told}."
    succeeded = _count(case, "PaymentSucceeded")
    paid = sum(m.kind == "paid" and m.destination is Destination.ORDERS for m in case.messages)
    if paid != succeeded:
        yield f"It became paid {succeeded} times and {paid} messages say so."
    went = _refunds_to_tell(case)
    refunded = sum(
        m.kind in ("refunded", "partially_refunded") and m.destination is Destination.ORDERS
        for m in case.messages
    )
    if refunded != went:
        yield f"Money that settled it went back, or came back, {went} times and {refunded} messages say so."


def _refunds_to_tell(case: Case) -> int:
    """How often money of the settling capture went back, or came back after that, while it settled."""
    walk, count = TrailWalk(), 0
    try:
        for entry in case.audit:
            events = events_in(entry.events)
            for told in events:
                walk.follow(told)
            # A message tells the state after its whole change.
            count += sum(
                walk.captures[walk.money_of[told["refund_id"]]] is Disposition.SETTLES
                for told in events
                if told["event"] in ("RefundSucceeded", "RefundRecorded")
                or (told["event"] == "RefundFailed" and told["came_back"])
            )
    except (IllegalTransition, KeyError, ValueError):
        # The trail itself is broken, which others say.
        return count
    return count


def _no_change_without_evidence(case: Case) -> Iterator[str]:
    for attempt in case.payment.attempts:
        # Evidence that names a reference is younger than its claim, whatever the clock said at either moment.
        outcomes = {e.answer.outcome for e in case.evidence if e.reference == attempt.reference}
        # Of accepted money, a part may have gone back before any answer was heard: that is all it ever said.
        accepted = any(c.accepted and c.reference == attempt.reference for c in case.payment.captures)
        money = {Outcome.PAID, Outcome.RETURNED} if accepted else {Outcome.PAID}
        if attempt.status is AttemptStatus.SUCCEEDED and not money & outcomes:
            yield f"The attempt {attempt.reference} succeeded without evidence of money."
        if attempt.reason is Reason.DECLINED and Outcome.DECLINED not in outcomes:
            yield f"The attempt {attempt.reference} is declined without evidence."
    known = {e.evidence_id for e in case.evidence}
    for capture in case.payment.captures:
        if capture.capture_id not in known:
            yield f"The money {capture.key} has no evidence."


def _money_is_conserved(case: Case) -> Iterator[str]:
    payment = case.payment
    for capture in payment.captures:
        if refundable(capture, payment.refunds) < zero(capture.amount.currency):
            yield f"More than {capture.amount} of {capture.key} is refunded or reserved."
        asked = {r.subject for r in case.reviews}
        needs_person = capture.disposition is not Disposition.SETTLES
        if needs_person and str(capture.capture_id) not in asked:
            yield f"{capture.disposition.value} money {capture.key} was put before nobody."
    recorded = _count(case, "CaptureRecorded")
    if recorded != len(payment.captures):
        yield f"{recorded} captures were recorded and {len(payment.captures)} are there."


def _failed_only_on_a_clear_no(case: Case) -> Iterator[str]:
    allowed = {
        AttemptStatus.FAILED: {Reason.DECLINED, Reason.REFUSED, Reason.NOT_SENT, Reason.RETURNED},
        AttemptStatus.EXPIRED: {
            Reason.TIMED_OUT,
            Reason.CANCELLED_BY_PAYER,
            Reason.SUPERSEDED,
            Reason.ORDER_CLOSED,
            Reason.NEVER_CREATED,
        },
    }
    for attempt in case.payment.attempts:
        reasons = allowed.get(attempt.status, {None})
        if attempt.reason not in reasons:
            yield f"The attempt {attempt.reference} is {attempt.status.value} for {attempt.reason}."


def _nothing_is_forgotten(case: Case) -> Iterator[str]:
    for attempt in case.payment.attempts:
        watched = _is_watched(attempt, case.now)
        if case.payment.has_own_money(attempt.reference):
            held = any(capture.reference == attempt.reference for capture in case.payment.held_captures)
            if attempt.live and not held:
                yield f"The attempt {attempt.reference} is live, its money is gone, and nobody asks about it."
            continue
        if watched and attempt.next_check_at is None:
            yield f"The attempt {attempt.reference} has no money of its own, and nobody asks any more."
        if attempt.next_check_at is not None and case.now - attempt.next_check_at > OVERDUE:
            yield f"The attempt {attempt.reference} should have been asked about at {attempt.next_check_at}."
        claimed = attempt.status is AttemptStatus.CLAIMED
        if claimed and case.now - attempt.claimed_at > CLAIM_LIFETIME + OVERDUE:
            yield f"The claim {attempt.reference} was left behind."
        if attempt.live and attempt.watch_until is not None and not watched:
            overdue = case.now - attempt.watch_until > OVERDUE
            if overdue:
                yield f"The attempt {attempt.reference} is live although its watch has ended."
    for capture in case.payment.held_captures:
        left = refundable(capture, case.payment.refunds)
        asked = {review.subject for review in case.reviews if review.state is ReviewState.OPEN}
        if left.minor > 0 and str(capture.capture_id) not in asked:
            yield f"{left} of {capture.key} is held, and nobody is asked what is to become of it."
    yield from _refunds_are_brought_on(case)


def _refunds_are_brought_on(case: Case) -> Iterator[str]:
    for refund in case.payment.refunds:
        waits = refund.status in (RefundStatus.RESERVED, RefundStatus.REQUESTED, RefundStatus.UNKNOWN)
        if waits is (refund.next_check_at is None):
            when = refund.next_check_at or "no set time"
            yield f"The refund {refund.reference} is {refund.status.value} and looked at next at {when}."
        elif refund.next_check_at is not None and case.now - refund.next_check_at > OVERDUE:
            yield f"The refund {refund.reference} should have been looked at at {refund.next_check_at}."
    for review in case.reviews:
        if review.state is not ReviewState.OPEN or review.refund_id is None:
            continue
        refund_of_it = next((r for r in case.payment.refunds if r.refund_id == review.refund_id), None)
        if refund_of_it is None or refund_of_it.status not in PENDING:
            yield f"The question {review.kind.value} waits for a refund that has ended or never was."


def _is_watched(attempt: Attempt, now: datetime) -> bool:
    """Whether its watch has not ended, nor had ended when it was last asked about: clocks jump back."""
    if attempt.watch_until is None or now >= attempt.watch_until:
        return False
    return attempt.last_checked_at is None or attempt.last_checked_at < attempt.watch_until


def _trail_is_whole(case: Case) -> Iterator[str]:
    broken = _broken_chain(case.audit)
    if broken:
        yield broken
        return
    payment, previous = case.payment, case.audit[-1].hash if case.audit else ""
    if (payment.version, payment.trail) != (len(case.audit), previous):
        yield f"It is at version {payment.version}, and its trail ends at {len(case.audit)}."
    elif case.audit and case.audit[-1].state_digest != state_digest(payment):
        yield "Its rows were changed without a change being recorded."


def _broken_chain(links: Sequence[AuditEntry | ReviewLink]) -> str:
    """Where a trail is no chain any more, in one sentence; empty when it is whole as far as it goes."""
    previous = ""
    for expected, link in enumerate(links, start=1):
        if link.sequence != expected:
            return f"Link {expected} of the audit trail is missing."
        if link.previous_hash != previous or chain_hash(link) != link.hash:
            return f"Link {link.sequence} of the audit trail was changed."
        previous = link.hash
    return ""


def _unreadable_link(links: Sequence[AuditEntry | ReviewLink]) -> str:
    """Which link tells nothing that could be followed, in one sentence; empty if each does."""
    for link in links:
        try:
            events_in(link.events)
        except ValueError:
            return f"Link {link.sequence} of the audit trail tells of no events of ours."
    return ""


def _amounts_never_change(case: Case) -> Iterator[str]:
    claimed = {
        told["reference"]: told["amount"]
        for entry in case.audit
        for told in events_in(entry.events)
        if told["event"] == "AttemptClaimed"
    }
    for attempt in case.payment.attempts:
        if claimed.get(attempt.reference) != str(attempt.amount):
            yield f"The attempt {attempt.reference} asks for {attempt.amount}, which was never claimed."


def _open_questions_are_asked(case: Case) -> Iterator[str]:
    asked = {(review.kind, review.subject) for review in case.reviews}
    for entry in case.audit:
        for told in events_in(entry.events):
            if told["event"] == "ReviewOpened" and (ReviewKind(told["kind"]), told["subject"]) not in asked:
                yield f"The question {told['kind']} about {told['subject']} is gone."
    for review in case.reviews:
        yield from _decision_is_on_record(case, review)
    for kind, subject in sorted(asked, key=str):
        answered = sum(
            review.state is ReviewState.RESOLVED and (review.kind, review.subject) == (kind, subject)
            for review in case.reviews
        )
        told_so = sum(
            told["event"] == "ReviewResolved" and (told["kind"], told["subject"]) == (kind.value, subject)
            for entry in case.audit
            for told in events_in(entry.events)
        )
        if answered != told_so:
            yield f"The question {kind.value} about {subject} was answered {told_so} times, not {answered}."


def _decision_is_on_record(case: Case, review: Review) -> Iterator[str]:
    """What stands in a review as decided is what the trail says, with the same person behind it."""
    if review.decision is None:
        if review.state is ReviewState.RESOLVED:
            yield f"The question {review.kind.value} about {review.subject} is resolved by no decision."
        return
    said = [
        entry.actor
        for entry in case.audit
        for told in events_in(entry.events)
        if told["event"] in ("ReviewDecided", "ReviewResolved")
        and (told["kind"], told["subject"]) == (review.kind.value, review.subject)
        and (told["decision"], told["reason"]) == (review.decision, review.reason)
    ]
    # What the provider answered, or a policy decided, is told by whoever brought the news.
    by_a_person = (review.actor or "").startswith("operator:")
    if not said or (by_a_person and review.actor not in said):
        yield f"Nothing tells that {review.actor} decided {review.decision!r} about {review.subject}."
    known = {refund.refund_id for refund in case.payment.refunds}
    if review.refund_id is not None and review.refund_id not in known:
        yield f"The question {review.kind.value} about {review.subject} waits for a refund that never was."


def _cash_is_accounted_for(case: Case) -> Iterator[str]:
    at_the_door = {attempt.reference for attempt in case.payment.attempts if attempt.on_delivery}
    recorded = {c.collection_id: c for c in case.collections if c.outcome is AtTheDoor.COLLECTED}
    for capture in case.payment.captures:
        if capture.reference in at_the_door:
            collection = recorded.pop(capture.key, None)
            if collection is None or (collection.amount, collection.reference) != (
                capture.amount,
                capture.reference,
            ):
                yield f"The cash {capture.key} was collected by nobody, or not as {capture.amount}."
    for collection in recorded.values():
        if collection.result is not CashResult.ORPHAN:
            yield f"{collection.amount} of collection {collection.collection_id} counts for nothing."
    told = sum(m.kind == "pay_on_delivery" and m.destination is Destination.ORDERS for m in case.messages)
    opened = sum(
        told["event"] in {"CheckoutOpened", "AttemptReopened"} and told["reference"] in at_the_door
        for entry in case.audit
        for told in events_in(entry.events)
    )
    if told != opened:
        yield f"It was to be paid on delivery {opened} times and {told} messages say so."


def violations_of_review(
    review_id: UUID, review: Review | None, trail: tuple[ReviewLink, ...]
) -> tuple[Violation, ...]:
    """Every promise (I21) that a review of no payment breaks; ``review`` None: its trail is all there is."""
    return tuple(
        Violation(invariant=OF_REVIEWS, subject=str(review_id), detail=detail)
        for detail in _question_is_on_record(review, trail)
    )


def _question_is_on_record(review: Review | None, trail: tuple[ReviewLink, ...]) -> Iterator[str]:
    if review is None:
        yield "The question is gone, and its audit trail is there."
        return
    if not trail:
        yield f"The question {review.kind.value} about {review.subject} has no audit trail."
        return
    broken = _broken_chain(trail) or _unreadable_link(trail)
    if broken:
        yield broken
        return
    # A question of nobody is opened once and answered once; each has its link.
    told = [event["event"] for link in trail for event in events_in(link.events)]
    wanted = ["ReviewOpened", "ReviewResolved"] if review.state is ReviewState.RESOLVED else ["ReviewOpened"]
    if told != wanted:
        yield f"It is {review.state.value}, and its audit trail tells of {', '.join(told) or 'nothing'}."
    elif trail[-1].state_digest != review_digest(review):
        yield "Its row was changed without a change being recorded."
    elif review.state is ReviewState.RESOLVED and trail[-1].actor != review.actor:
        yield f"Its audit trail says that {trail[-1].actor} decided, not {review.actor}."


def _count(case: Case, event: str) -> int:
    return sum(told["event"] == event for entry in case.audit for told in events_in(entry.events))


INVARIANTS: Final[dict[str, Callable[[Case], Iterator[str]]]] = {
    "I1": _settled_exactly_when_paid,
    "I2": _one_live_attempt,
    "I3": _only_published_edges,
    "I4": _each_change_told_once,
    "I8": _no_change_without_evidence,
    "I10": _money_is_conserved,
    "I12": _failed_only_on_a_clear_no,
    "I13": _nothing_is_forgotten,
    "I14": _trail_is_whole,
    "I16": _amounts_never_change,
    "I19": _open_questions_are_asked,
    "I20": _cash_is_accounted_for,
}
"""By number, of one payment. I9, one capture key for one attempt, spans payments and stands in the use-case;
I21 is about reviews of no payment (:func:`violations_of_review`)."""

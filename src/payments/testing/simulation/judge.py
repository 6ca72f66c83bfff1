"""What must be true: the product's own invariants after every commit, and at the end what really happened."""

from contextlib import suppress
from datetime import timedelta
from operator import attrgetter
from typing import Final
from uuid import UUID

import attrs

from payments.adapters.memory.repository import Tables
from payments.application.answers import Violation
from payments.application.invariants import Case, violations_of
from payments.application.records import ERASED, Destination, Message, MessageState
from payments.application.trail_walk import (
    OF_ATTEMPTS,
    OF_CAPTURES,
    OF_PAYMENTS,
    OF_REFUNDS,
    Told,
    TrailWalk,
    events_in,
)
from payments.domain import events as happened
from payments.domain.attempt import Attempt
from payments.domain.capture import Capture
from payments.domain.errors import IllegalTransition, StorageError
from payments.domain.events import Reason, ReviewKind
from payments.domain.payment import Customer, Payment
from payments.domain.refund import Refund
from payments.domain.review import ReviewState
from payments.domain.transitions import AttemptStatus, Disposition, RefundStatus
from payments.testing.simulation.behaviours import Behaviour
from payments.testing.simulation.coverage import Coverage, edge_name
from payments.testing.simulation.erasing import is_over
from payments.testing.simulation.ledger import PAGES, PROMPTS, Ledger
from payments.testing.simulation.processes import BEGINNING

AT_REST_ONLY: Final = frozenset({"I13"})
"""Invariants about what is left undone: they hold once everything has healed."""

_ASKED: Final = attrgetter(
    *(f.name for f in attrs.fields(Attempt) if f.name not in ("next_check_at", "phone"))
)
"""All of an attempt but for when it is asked about next, and what is erased."""

_OWN: Final = attrgetter(
    *(f.name for f in attrs.fields(Payment) if f.name not in ("attempts", "refunds", "customer"))
)
"""All of a payment but for its attempts and refunds, and what is erased."""

ALMOST_A_DAY: Final = timedelta(hours=23)
"""A key is asked with again within minutes."""


@attrs.frozen(kw_only=True)
class Acknowledged:
    """Something that somebody was told was done."""

    what: str
    """``attempt``, ``notice``, ``collection``, ``refund``, ``handover`` or ``review``."""
    name: object


@attrs.define(eq=False)
class Judge:
    """Watches one history."""

    _ledger: Ledger
    _coverage: Coverage
    found: list[Violation] = attrs.field(factory=list, init=False)
    acknowledged: list[Acknowledged] = attrs.field(factory=list, init=False)
    tables: Tables = attrs.field(factory=Tables, init=False)
    _arrived: set[UUID] = attrs.field(factory=set, init=False)
    """Messages that reached whom they are for."""
    _answers: dict[str, tuple[bytes, tuple[timedelta, ...]]] = attrs.field(factory=dict, init=False)
    """By Idempotency-Key, and by how much the clocks of whoever answered were ahead."""
    _believed: dict[str, Message] = attrs.field(factory=dict, init=False)
    """By order: the newest message that the orders service was told."""
    _walks: dict[UUID, TrailWalk] = attrs.field(factory=dict, init=False)
    _gone_before: dict[UUID, int] = attrs.field(factory=dict, init=False)
    """By capture: what had gone back without us when a refund of ours failed, in minor units."""
    _closed_before: dict[tuple[str, str], frozenset[UUID]] = attrs.field(factory=dict, init=False)
    """By money that was taken: the questions that were answered already. They were about other money."""

    def committed(self, before: Tables, after: Tables) -> None:
        """Look at every payment that a commit changed."""
        self.tables = after
        for money in self._ledger.taken.keys() - self._closed_before.keys():
            self._closed_before[money] = frozenset(
                r.review_id for r in before.reviews.values() if r.state is ReviewState.RESOLVED
            )
        self._walk(after, len(before.audit))
        self._erased(before, after)
        if before.payments is after.payments and before.reviews is after.reviews:
            return
        for payment_id, payment in after.payments.items():
            known = before.payments.get(payment_id)
            if known is payment:
                continue
            self._payer_erased(before, known, payment)
            if known is None and payment.order_id in before.orders:
                self._broken("X8", payment.order_id, "It has two payments.")
            self._no_older_order(known, payment)
            self._a_refund_failed(known, payment)
            if known is not None and known.version == payment.version:
                self._told_apart(known, payment)
                continue
            self.found += [
                v for v in violations_of(case_of(after, payment)) if v.invariant not in AT_REST_ONLY
            ]

    def _erased(self, before: Tables, after: Tables) -> None:
        """X9: what is erased is not needed any more. Count it."""
        seen = self._coverage.behaviours
        for digest, notice in before.notices.items() if after.notices is not before.notices else ():
            now = after.notices.get(digest)
            if notice.sealed and now is not None and not now.sealed:
                seen[Behaviour.NOTICE_ERASED] += 1
                if notice.handled_at is None:
                    self._broken(
                        "X9", digest[:8], f"The notice {notice.word} is emptied, and nobody read it."
                    )
        for key, answer in before.answers.items() if after.answers is not before.answers else ():
            # One that was never given is dropped by whoever was to give it.
            if answer.status is not None and key not in after.answers:
                seen[Behaviour.ANSWER_FORGOTTEN] += 1

    def _payer_erased(self, before: Tables, known: Payment | None, payment: Payment) -> None:
        """X9: who a payer was is erased once nothing about the payment is under way. Count it."""
        if known is None or known.customer == Customer() or payment.customer != Customer():
            return
        self._coverage.behaviours[Behaviour.PAYER_ERASED] += 1
        if not is_over(before, known):
            self._broken("X9", payment.order_id, "Its payer is erased while something is under way.")

    def _no_older_order(self, before: Payment | None, after: Payment) -> None:
        """X7: nothing is handed out by an older order than what was handed out before."""
        if before is None or after.attempts is before.attempts:
            return
        known = {(a.reference, a.reopened_at) for a in before.attempts}
        newest = max((_version(a) for a in before.attempts), default=0)
        for attempt in after.attempts:
            if (attempt.reference, attempt.reopened_at) not in known and _version(attempt) < newest:
                self._broken("X7", attempt.reference, f"It follows {attempt.order_version}, not v{newest}.")

    def _a_refund_failed(self, before: Payment | None, after: Payment) -> None:
        """Note what had gone back of its money without us when a refund that was asked for fails."""
        if before is None or after.refunds is before.refunds:
            return
        status = {refund.refund_id: refund.status for refund in before.refunds}
        for refund in after.refunds:
            failed = refund.status is RefundStatus.FAILED and refund.requested_at is not None
            if not failed or status.get(refund.refund_id) in (None, RefundStatus.FAILED):
                continue
            capture = next(c for c in after.captures if c.capture_id == refund.capture_id)
            taken = self._ledger.meant(capture.provider, capture.key)
            own = taken is not None and taken.reference == capture.reference
            if taken is not None and own and taken.provider == PAGES:
                gone = self._ledger.without_us(PAGES, taken.key)
                self._gone_before[capture.capture_id] = gone

    def _told_apart(self, before: Payment, after: Payment) -> None:
        """X6: what changes without a version is seen all the same by whoever knows how it was before.

        Attempts count it, but for when they are asked about next; refunds are not taken as known at all. Who
        the payer was is erased without it, and a change that brings that back is erased again in time.
        """
        for old, new in zip(before.attempts, after.attempts, strict=True):
            if new is old or new.checks != old.checks:
                continue
            if _ASKED(new) != _ASKED(old) or _another(old.phone, new.phone, None):
                self._broken("X6", new.reference, "It changed, and neither version nor checks tell.")
        if _OWN(after) != _OWN(before) or _another(before.customer, after.customer, Customer()):
            self._broken("X6", str(after.payment_id), "It changed, and its version does not tell.")

    def told(self, message: Message) -> None:
        """I5: what reaches the orders service or a payer was committed before, with the same bytes.

        Of what is sent once more those of the first time may be erased meanwhile.
        """
        known = self.tables.messages.get(message.message_id)
        if known is None or known.body not in (message.body, ERASED) or message.body == ERASED:
            self._broken("I5", message.order_id, f"{message.kind} was sent, and never committed like that.")
        self._arrived.add(message.message_id)
        believed = self._believed.get(message.order_id)
        newer = believed is None or message.sequence > believed.sequence
        if message.destination is Destination.ORDERS and newer:
            self._believed[message.order_id] = message

    def trouble(self, flow: str, error: BaseException) -> None:
        """An error reached the edge of a process: the database may be away, and nothing else may be."""
        if isinstance(error, BaseExceptionGroup):
            for each in error.exceptions:
                self.trouble(flow, each)
        elif not isinstance(error, StorageError):
            self._broken("X1", flow, f"{type(error).__name__}: {error}")

    def answered(self, key: str, body: bytes, *clocks: timedelta) -> None:
        """I15: the same key and request were answered; once and for all, for a day.

        The day is one by the clock of whoever asks (docs/adr/0037): by ``clocks`` a day apart it is over.
        """
        first, others = self._answers.setdefault(key, (body, clocks))
        read = (*others, *clocks)
        if first != body and max(read) - min(read) < ALMOST_A_DAY:
            self._broken("I15", key, f"It was answered {first.decode()} and then {body.decode()}.")

    def acknowledge(self, what: str, name: object) -> None:
        """Somebody outside was told that it is done."""
        self.acknowledged.append(Acknowledged(what=what, name=name))

    def _broken(self, invariant: str, subject: str, detail: str) -> None:
        self.found.append(Violation(invariant=invariant, subject=subject, detail=detail))

    def _walk(self, after: Tables, known: int) -> None:
        """Count the edges that new links of the trails walk."""
        for entry in after.audit[known:]:
            walk = self._walks.setdefault(entry.payment_id, TrailWalk())
            for told in events_in(entry.events):
                kind = getattr(happened, told["event"])
                edge = _edge(walk, kind, told)
                if edge is not None:
                    self._coverage.edges[edge] += 1
                # I3 says it, with the whole trail before it.
                with suppress(IllegalTransition, KeyError):
                    walk.follow(told)

    # At the end, when nothing goes wrong any more and everybody has had time.

    def at_rest(self, refused: frozenset[str], *, kept_too_long: bool) -> None:
        """Compare what we believe with what the world outside knows; ``refused`` orders would not be told."""
        if kept_too_long:
            self._broken("X9", "erasing", "What is old is still there.")
        self._acknowledged_is_kept()
        self._money_is_what_was_taken()
        self._failed_only_where_said()
        self._nothing_was_asked_twice()
        self._refunds_are_what_went_back()
        self._went_back_as_counted()
        self._all_is_told(refused)
        self._all_has_ended()

    def _acknowledged_is_kept(self) -> None:
        tables = self.tables
        kept = {
            "attempt": tables.references,
            "notice": tables.notices,
            "collection": tables.collections,
            "handover": tables.handovers,
            "refund": {r.refund_id for p in tables.payments.values() for r in p.refunds},
            "review": tables.reviews,
        }
        for each in self.acknowledged:
            if each.name not in kept[each.what]:
                self._broken("I7", str(each.name), f"This {each.what} was acknowledged and is gone.")

    def _money_is_what_was_taken(self) -> None:
        reviews = self.tables.reviews.values()
        counted: dict[tuple[str, str], Capture] = {}
        for payment in self.tables.payments.values():
            by_a_person = {r.subject for r in reviews if r.decision in ("record", "attach")}
            for capture in payment.captures:
                if capture.provider == "cash":
                    continue
                taken = self._ledger.meant(capture.provider, capture.key)
                if taken is not None:
                    before = counted.setdefault((taken.provider, taken.key), capture)
                    if before is not capture and not self._may_count_twice(before, capture):
                        self._broken("I10", taken.reference, f"{taken.amount} was paid and counts twice.")
                if taken is None:
                    if not by_a_person:
                        self._broken("I10", capture.key, f"{capture.amount} is counted and nobody paid it.")
                elif taken.amount != capture.amount and capture.reference not in by_a_person:
                    self._broken(
                        "I10", capture.key, f"{taken.amount} was paid and {capture.amount} is counted."
                    )
        names = {a.provider_reference for p in self.tables.payments.values() for a in p.attempts}
        for (provider, key), taken in self._ledger.taken.items():
            closed = self._closed_before.get((provider, key), frozenset())
            about = {r.subject for r in reviews if r.review_id not in closed}
            asked = taken.reference in about or any(s.endswith(f":{key}") for s in about)
            if (provider, key) in self._ledger.unheard and key not in names:
                # Neither our request nor a report was ever told its name: only a list would.
                continue
            if (provider, key) not in counted and not asked:
                self._broken(
                    "I10",
                    taken.reference,
                    f"{taken.amount} was paid, is counted nowhere and asked of nobody.",
                )

    def _may_count_twice(self, one: Capture, other: Capture) -> bool:
        return self._asked_whether_the_same(one, other) or self._untold(one, other)

    def _asked_whether_the_same(self, one: Capture, other: Capture) -> bool:
        """Whether money that counts twice is a person's question, and had to be one.

        What they recorded of a prompt by a name of their own, and what is then reported with a receipt, or
        recorded once more, only a person can tell apart (ADR 0034).
        """
        kinds = (ReviewKind.SURPLUS, ReviewKind.AMOUNT_MISMATCH)
        asked_about = {r.subject for r in self.tables.reviews.values() if r.kind in kinds}
        by_name = [c for c in (one, other) if (c.provider, c.key) in self._ledger.recorded]
        told_apart = all(c.vouched is not None or c.receipt is not None for c in (one, other))
        asked = asked_about & {str(c.capture_id) for c in (one, other)}
        return one.provider == PROMPTS and bool(by_name and told_apart and asked)

    def _untold(self, one: Capture, other: Capture) -> bool:
        """Whether money counts for two attempts because nobody told that both names are its own.

        A person recorded it by a name of theirs, and its provider told its own first of the other attempt.
        """
        recorded, offered = (one, other) if (one.provider, one.key) in self._ledger.recorded else (other, one)
        if (recorded.provider, recorded.key) not in self._ledger.recorded:
            return False
        told_before = False
        for evidence in self.tables.evidence.values():
            if evidence.evidence_id == offered.capture_id:
                return recorded.reference != offered.reference and not told_before
            told = (evidence.reference, evidence.answer.capture_key)
            told_before = told_before or told == (recorded.reference, offered.key)
        return False

    def _failed_only_where_said(self) -> None:
        for payment in self.tables.payments.values():
            for attempt in payment.attempts:
                said = attempt.reference in self._ledger.declined or attempt.on_delivery
                if attempt.reason is Reason.DECLINED and not said:
                    self._broken("I12", attempt.reference, "It counts as declined, and nobody declined it.")

    def _nothing_was_asked_twice(self) -> None:
        for reference, times in self._ledger.opened.items():
            if times > 1:
                self._broken("X2", reference, f"Its checkout was asked for {times} times.")
        for reference, times in self._ledger.refunds_asked.items():
            if times > 1:
                self._broken("X3", reference, f"This refund was asked for {times} times.")

    def _refunds_are_what_went_back(self) -> None:
        gone = {one.reference: one for one in self._ledger.given_back if one.reference is not None}
        for payment in self.tables.payments.values():
            for refund in payment.refunds:
                if refund.reference not in self._ledger.refunds_asked:
                    continue
                back = refund.reference in gone and refund.reference not in self._ledger.bounced
                if refund.status is RefundStatus.SUCCEEDED and refund.reference not in gone:
                    self._broken("I10", refund.reference, "The refund succeeded, and nothing went back.")
                if refund.status is RefundStatus.FAILED and back:
                    self._broken("I10", refund.reference, "The refund failed, and the money went back.")

    def _went_back_as_counted(self) -> None:
        """What went back without us counts for no more than that; beside a refund that failed, for no less.

        Once ours has failed, its money is asked about until there is an answer (docs/model.md section 9).
        """
        disputed = {r.payment_id for r in self.tables.reviews.values() if r.kind is ReviewKind.DISPUTE}
        for payment in self.tables.payments.values():
            for capture in payment.captures:
                taken = self._ledger.meant(capture.provider, capture.key)
                if taken is None:
                    continue
                of_it = [r for r in payment.refunds if r.capture_id == capture.capture_id]
                taken_in = sum(r.amount.minor for r in of_it if r.requested_at is None and _taken_in(r))
                gone = self._ledger.without_us(taken.provider, taken.key)
                if taken_in > gone:
                    self._broken("I10", taken.reference, f"{taken_in} counts as gone, and {gone} went.")
                known = self._gone_before.get(capture.capture_id, 0)
                ended = all(r.status in (RefundStatus.SUCCEEDED, RefundStatus.FAILED) for r in of_it)
                ours = any(r.status is RefundStatus.SUCCEEDED and not _taken_in(r) for r in of_it)
                # What came back untold is as much as what went without us: the sum of both is right.
                bounced = any(r.reference in self._ledger.bounced for r in of_it if not _taken_in(r))
                # Of whom does not say how much, only a refund's own answer counts once one of ours went.
                told = not bounced and (self._ledger.says_how_much or not ours)
                if taken_in < known and ended and told and payment.payment_id not in disputed:
                    self._broken("I10", taken.reference, f"{known} went, and {taken_in} counts as gone.")

    def _all_is_told(self, refused: frozenset[str]) -> None:
        newest: dict[str, Message] = {}
        for message in self.tables.messages.values():
            order_id, kind = message.order_id, message.kind
            if message.state is MessageState.PENDING:
                self._broken("I6", order_id, f"{kind} was never delivered: {message.last_error}")
            if message.state is MessageState.DELIVERED and message.message_id not in self._arrived:
                self._broken("I6", order_id, f"{kind} counts as delivered and never arrived.")
            if message.destination is Destination.ORDERS:
                known = newest.get(order_id, message)
                newest[order_id] = max(known, message, key=lambda m: m.sequence)
        for order_id, message in newest.items():
            believed = self._believed.get(order_id)
            if order_id not in refused and (believed is None or believed.body != message.body):
                self._broken("I6", order_id, f"The orders service does not believe what {message.kind} says.")

    def _all_has_ended(self) -> None:
        asked = {r.subject for r in self.tables.reviews.values()}
        for notice in self.tables.notices.values():
            if notice.handled_at is None:
                self._broken("I13", notice.digest[:8], f"The notice {notice.word} was never handled.")
        for payment in self.tables.payments.values():
            held = {c.reference for c in payment.held_captures}
            for attempt in payment.attempts:
                waits = attempt.status in (AttemptStatus.CLAIMED, AttemptStatus.UNKNOWN)
                if waits and attempt.reference not in held:
                    self._broken("I13", attempt.reference, f"It is still {attempt.status.value}.")
            for refund in payment.refunds:
                waits = refund.status in (RefundStatus.RESERVED, RefundStatus.REQUESTED, RefundStatus.UNKNOWN)
                if waits and str(refund.refund_id) not in asked:
                    self._broken("I13", refund.reference, f"The refund is still {refund.status.value}.")


def _another(before: object, after: object, erased: object) -> bool:
    """Whether another one came in the place of somebody, who was not only erased or is back."""
    return before != after and erased not in (before, after)


def _version(attempt: Attempt) -> int:
    return int(attempt.order_version.removeprefix("v") or 0)


def _taken_in(refund: Refund) -> bool:
    """Whether it is no refund of ours, and went back at the provider."""
    return refund.status is RefundStatus.SUCCEEDED and refund.actor.startswith("provider:")


def case_of(tables: Tables, payment: Payment) -> Case:
    """``payment`` with everything recorded about it, as ``payments check`` reads it."""
    own = payment.payment_id
    last = max((a.at for a in tables.audit if a.payment_id == own), default=BEGINNING)
    return Case(
        payment=payment,
        evidence=tuple(e for e in tables.evidence.values() if e.payment_id == own),
        messages=tuple(
            sorted((m for m in tables.messages.values() if m.payment_id == own), key=lambda m: m.sequence)
        ),
        reviews=tuple(r for r in tables.reviews.values() if r.payment_id == own),
        audit=tuple(a for a in tables.audit if a.payment_id == own),
        collections=tuple(c for c in tables.collections.values() if c.payment_id == own),
        now=last,
    )


def _edge(walk: TrailWalk, kind: type, told: Told) -> str | None:
    name = kind.__name__
    if kind in OF_PAYMENTS:
        return edge_name("payment", walk.status.value, name)
    if kind in OF_ATTEMPTS:
        attempt = walk.attempts.get(told["reference"])
        return edge_name("attempt", attempt.value, name) if attempt else None
    if kind in OF_CAPTURES:
        capture: Disposition | None = walk.captures.get(told["capture_id"])
        return edge_name("capture", capture.value, name) if capture else None
    if kind in OF_REFUNDS:
        refund: RefundStatus | None = walk.refunds.get(told["refund_id"])
        return edge_name("refund", refund.value, name) if refund else None
    return None

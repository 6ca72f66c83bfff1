"""What must be true: the product's own invariants after every commit, and at the end what really happened."""

from contextlib import suppress
from operator import attrgetter
from typing import Final
from uuid import UUID

import attrs

from payments.adapters.memory.repository import Tables
from payments.application.answers import Violation
from payments.application.invariants import Case, violations_of
from payments.application.records import Destination, Message, MessageState
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
from payments.domain.errors import IllegalTransition, StorageError
from payments.domain.events import Reason
from payments.domain.payment import Payment
from payments.domain.review import ReviewState
from payments.domain.transitions import AttemptStatus, Disposition, RefundStatus
from payments.testing.simulation.coverage import Coverage, edge_name
from payments.testing.simulation.ledger import Ledger
from payments.testing.simulation.processes import BEGINNING

AT_REST_ONLY: Final = frozenset({"I13"})
"""Invariants about what is left undone: they hold once everything has healed."""

_ASKED: Final = attrgetter(*(f.name for f in attrs.fields(Attempt) if f.name != "next_check_at"))
"""All of an attempt but for when it is asked about next."""

_OWN: Final = attrgetter(*(f.name for f in attrs.fields(Payment) if f.name not in ("attempts", "refunds")))
"""All of a payment but for its attempts and refunds."""


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
    _answers: dict[str, bytes] = attrs.field(factory=dict, init=False)
    """By Idempotency-Key."""
    _believed: dict[str, Message] = attrs.field(factory=dict, init=False)
    """By order: the newest message that the orders service was told."""
    _walks: dict[UUID, TrailWalk] = attrs.field(factory=dict, init=False)
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
        if before.payments is after.payments and before.reviews is after.reviews:
            return
        for payment_id, payment in after.payments.items():
            known = before.payments.get(payment_id)
            if known is payment:
                continue
            if known is not None and known.version == payment.version:
                self._told_apart(known, payment)
                continue
            self.found += [
                v for v in violations_of(case_of(after, payment)) if v.invariant not in AT_REST_ONLY
            ]

    def _told_apart(self, before: Payment, after: Payment) -> None:
        """X6: what changes without a version is seen all the same by whoever knows how it was before.

        Attempts count it, but for when they are asked about next; refunds are not taken as known at all.
        """
        for old, new in zip(before.attempts, after.attempts, strict=True):
            if new is not old and new.checks == old.checks and _ASKED(new) != _ASKED(old):
                self._broken("X6", new.reference, "It changed, and neither version nor checks tell.")
        if _OWN(after) != _OWN(before):
            self._broken("X6", str(after.payment_id), "It changed, and its version does not tell.")

    def told(self, message: Message) -> None:
        """I5: what reaches the orders service or a payer was committed before, with the same bytes."""
        known = self.tables.messages.get(message.message_id)
        if known is None or known.body != message.body:
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

    def answered(self, key: str, body: bytes) -> None:
        """I15: the same key and request were answered; once and for all, for a day."""
        first = self._answers.setdefault(key, body)
        if first != body:
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

    def at_rest(self, refused: frozenset[str]) -> None:
        """Compare what we believe with what the world outside knows; ``refused`` orders would not be told."""
        self._acknowledged_is_kept()
        self._money_is_what_was_taken()
        self._failed_only_where_said()
        self._nothing_was_asked_twice()
        self._refunds_are_what_went_back()
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
        counted = {}
        for payment in self.tables.payments.values():
            by_a_person = {r.subject for r in reviews if r.decision in ("record", "attach")}
            for capture in payment.captures:
                if capture.provider == "cash":
                    continue
                counted[capture.provider, capture.key] = capture
                taken = self._ledger.taken.get((capture.provider, capture.key))
                if taken is None:
                    if not by_a_person:
                        self._broken("I10", capture.key, f"{capture.amount} is counted and nobody paid it.")
                elif taken.amount != capture.amount and capture.reference not in by_a_person:
                    self._broken(
                        "I10", capture.key, f"{taken.amount} was paid and {capture.amount} is counted."
                    )
        for (provider, key), taken in self._ledger.taken.items():
            closed = self._closed_before.get((provider, key), frozenset())
            about = {r.subject for r in reviews if r.review_id not in closed}
            asked = taken.reference in about or any(s.endswith(f":{key}") for s in about)
            if (provider, key) not in counted and not asked:
                self._broken(
                    "I10",
                    taken.reference,
                    f"{taken.amount} was paid, is counted nowhere and asked of nobody.",
                )

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

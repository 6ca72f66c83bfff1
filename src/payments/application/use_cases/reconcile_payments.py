"""Reconcile: compare what a provider lists with what is kept here, and have each break looked at.

A line of a list is never evidence, and neither is a line that is missing: what the list makes likely is asked
about one by one, and only that answer counts, by the ordinary rules.
"""

import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Final
from uuid import UUID

import attrs

from payments.application.asking import answer_of
from payments.application.notice_subjects import WENT, subject_of
from payments.application.ports.cipher import Cipher
from payments.application.ports.clock import Clock
from payments.application.ports.identifiers import Identifiers
from payments.application.ports.providers import (
    LedgerLine,
    LedgerPage,
    Provider,
    Providers,
    Question,
    Span,
    Urgency,
)
from payments.application.ports.repository import Transaction
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.reconciling import MONEY, Came, Compared, Kind, difference
from payments.application.recording import record
from payments.application.records import Claim, Notice
from payments.application.review_recording import opened_alone
from payments.application.use_cases.process_notices import left_to_review
from payments.application.use_cases.settle_payment import SettlePayment
from payments.domain import events as happened
from payments.domain.attempt import Attempt
from payments.domain.capture import Vouched
from payments.domain.errors import OutcomeUnknown, PaymentNotFound, ProviderUnavailable, UnsupportedProvider
from payments.domain.events import ReviewKind
from payments.domain.evidence import Answer, Channel, Outcome
from payments.domain.payment import Change, Payment
from payments.domain.review import Review
from payments.domain.watching import HOLD_WINDOW

CAUSE: Final = "reconcile"
BATCH: Final = 500
_OF_MONEY: Final = frozenset({Claim.PAID, Claim.RETURNED, Claim.DISPUTED, Claim.CHARGED_BACK})
"""What a notice may claim that is about money which arrived."""
MOST_REMEMBERED: Final = 250_000
"""Names of money that the ledger showed, eight bytes each. What is beyond is asked about instead."""
TRIES: Final = 5
_BEYOND: Final = timedelta(minutes=5)
"""A transaction begins later than our claim, and by another clock: what was claimed just outside of a span
may be listed within it."""
_PAUSE_S: Final = 2.0
_LONGEST_PAUSE_S: Final = 120.0


class _OtherwiseAsked(Exception):
    """A question about this reference is open already, and not about this money: nothing is written."""


@attrs.frozen
class ReconcilePayments:
    """Walk over a provider's ledger page by page, and over our own payments; nothing is kept of either.

    It may be broken off and begun again at any time: whatever it did is found done. Without ``apply`` it
    writes nothing, here or at the provider.
    """

    _cipher: Cipher
    _clock: Clock
    _identifiers: Identifiers
    _providers: Providers
    _settle: SettlePayment
    _unit_of_work: UnitOfWork

    async def __call__(self, name: str, span: Span, *, apply: bool = False) -> AsyncIterator[Compared]:
        """Each transaction and attempt of ``span`` that was compared, one after the other.

        With ``apply`` a break is asked about, and settled by the answer or put before a person, once.

        Raises:
            UnsupportedProvider: unknown here, switched off, or without a list.
            ProviderRejected, ProviderUnavailable, OutcomeUnknown: its list cannot be had.
        """
        provider = self._providers.named(name)
        if provider.ledger is None:
            raise UnsupportedProvider(f"{name} cannot be reconciled. {provider.no_ledger}")
        run = _Run(provider=provider, span=span, apply=apply)
        if not provider.ledger_names_references:
            async for compared in self._unpaid_here(run):
                yield compared
        async for line in self._lines(run):
            yield await self._line(run, line)
        async for compared in self._not_shown(run):
            yield compared

    async def _unpaid_here(self, run: "_Run") -> AsyncIterator[Compared]:
        """Attempts without own money, where only asking tells by which name the ledger knows them."""
        async for payment, attempt in self._ours(run, beyond=_BEYOND):
            recorded = [
                c.amount
                for c in payment.captures
                if c.reference == attempt.reference and c.vouched is Vouched.RECORDED
            ]
            if payment.has_own_money(attempt.reference) and not recorded:
                continue
            after, answer = await self._asked(run, payment, attempt)
            key = answer.capture_key or ""
            if recorded:
                # A person recorded it, perhaps by a name that its provider does not list.
                meant = answer.amounts(attempt.amount)
                if answer.outcome in MONEY and not meant.isdisjoint(recorded):
                    run.remember(key)
                continue
            if after.has_own_money(attempt.reference):
                yield _compared(run, Kind.DIFFERS, attempt.reference, key, _PAID_THERE, came=Came.SETTLED)
            elif answer.outcome in MONEY:
                run.remember(key)
                yield _compared(run, Kind.DIFFERS, attempt.reference, key, _PAID_THERE)
            elif answer.outcome is Outcome.NOTHING:
                yield _compared(run, Kind.UNCLEAR, attempt.reference, key, f"asked, it said {answer.word!r}")

    async def _lines(self, run: "_Run") -> AsyncIterator[LedgerLine]:
        begins: str | None = None
        while True:
            page = await self._page(run, begins)
            for line in page.lines:
                yield line
            if page.following is None:
                return
            begins = page.following

    async def _page(self, run: "_Run", begins: str | None) -> LedgerPage:
        """One page, asked for again after as long a pause as the provider wants."""
        if run.provider.ledger is None:
            raise UnsupportedProvider(run.provider.no_ledger)
        for left in reversed(range(TRIES)):
            try:
                return await run.provider.ledger.page(run.span, begins)
            except (ProviderUnavailable, OutcomeUnknown) as trouble:
                if not left:
                    raise
                await self._clock.sleep(min(trouble.retry_after_s or _PAUSE_S, _LONGEST_PAUSE_S))
        raise AssertionError("the last try returns or raises")

    async def _line(self, run: "_Run", line: LedgerLine) -> Compared:
        found = await self._known(run, line)
        if found is None:
            return await self._unknown(run, line)
        payment, reference = found
        if any(capture.key == line.name for capture in payment.captures):
            run.remember(line.name)
        what = difference(payment, reference, line)
        if what is None:
            return _compared(run, Kind.AGREES, reference, line.name)
        if not run.apply:
            return _compared(run, Kind.DIFFERS, reference, line.name, what)
        return await self._differing(run, line, payment, reference, what)

    async def _differing(
        self, run: "_Run", line: LedgerLine, payment: Payment, reference: str, what: str
    ) -> Compared:
        """What came of a line that differs: asked about, or put before a person."""
        if any((c.reference, c.key) == (reference, line.name) and c.attached for c in payment.captures):
            # The attempt that it counts for is not the one it was paid on, and says nothing about it.
            came = await self._put_before_a_person(run, line, line.name, what)
            return _compared(run, Kind.DIFFERS, reference, line.name, what, came=came)
        after, answer = await self._asked(run, payment, payment.attempt(reference))
        if answer.outcome is Outcome.NOTHING:
            return _compared(
                run, Kind.UNCLEAR, reference, line.name, f"{what}; asked, it said {answer.word!r}"
            )
        run.remember(line.name)
        if difference(after, reference, line) is None:
            return _compared(run, Kind.DIFFERS, reference, line.name, what, came=Came.SETTLED)
        said = f"{what}; asked, it said {answer.word!r}"
        came = Came.NOTHING
        if line.outcome in MONEY and answer.capture_key not in (None, line.name):
            # It answers about other money of that reference, and will not speak of this.
            came = await self._put_before_a_person(run, line, line.name, what)
        return _compared(run, Kind.DIFFERS, reference, line.name, said, came=came)

    async def _known(self, run: "_Run", line: LedgerLine) -> tuple[Payment, str] | None:
        """Our payment and the reference of its attempt that the line is about, by its name or by ours."""
        reads, provider = self._unit_of_work.reads, run.provider
        # The money may count for another attempt than the one it was paid on: a person attached it there.
        holder = await reads.attempt_with_money(provider.name, provider.mode, line.name)
        for reference in (holder, line.reference):
            payment = await reads.payment_with_reference(reference) if reference else None
            if payment is not None and reference and run.is_about(payment.attempt(reference)):
                return payment, reference
        return None

    async def _unknown(self, run: "_Run", line: LedgerLine) -> Compared:
        """Put money that no attempt of ours has before a person, once."""
        reference = line.reference or line.name
        if line.outcome not in MONEY or run.remembers(line.name):
            return _compared(run, Kind.AGREES, reference, line.name)
        amount = f"{line.amount} is " if line.amount else "it is "
        what = f"{amount}{line.word!r} there, and nothing here is called so"
        came = await self._put_before_a_person(run, line, reference, what)
        return _compared(run, Kind.UNKNOWN_HERE, reference, line.name, what, came=came)

    async def _put_before_a_person(self, run: "_Run", line: LedgerLine, reference: str, what: str) -> Came:
        """Keep the line as a notice that was handled, so that attaching finds it, with its review."""
        now, name = self._clock.now(), run.provider.name
        claim = Claim.RETURNED if line.outcome is Outcome.RETURNED else Claim.PAID
        said = (name, "ledger", line.name, reference, claim.value)
        digest = hashlib.sha256("\x00".join(said).encode()).hexdigest()
        about = await self._unit_of_work.reads.notices_about(reference)
        # Whoever was asked about a failure, or about what nobody could read, was not asked about money; nor
        # was, about what went back, who was asked when it was paid.
        alike = WENT if claim is Claim.RETURNED else _OF_MONEY
        notices = [notice for notice in about if notice.claim in alike]
        if any(notice.handled_at is not None for notice in notices):
            return Came.ASKED_BEFORE
        if notices:
            return Came.IN_THE_INBOX
        if not run.apply:
            return Came.NOTHING
        notice = Notice(
            notice_id=self._identifiers.unique(),
            provider=name,
            digest=digest,
            sealed=self._cipher.seal(line.raw),
            reference=reference,
            claim=claim,
            word=line.word,
            received_at=now,
            handled_at=now,
            outcome=left_to_review(ReviewKind.ORPHAN),
        )
        review = Review(
            review_id=self._identifiers.unique(),
            kind=ReviewKind.ORPHAN,
            subject=subject_of(reference, claim, known=False),
            payment_id=None,
            detail=f"{name} lists {line.name}: {what}.",
            opened_at=now,
        )

        alone = opened_alone(review, actor=f"provider:{name}", cause=CAUSE)

        async def write(transaction: Transaction) -> None:
            # Without its question the line must not be on record as one that was put before a person.
            if not (await transaction.add_notice(notice) and await transaction.add_review(alone)):
                raise _OtherwiseAsked

        try:
            await self._unit_of_work.write(write)
        except _OtherwiseAsked:
            return Came.ASKED_BEFORE
        return Came.ASKED_A_PERSON

    async def _not_shown(self, run: "_Run") -> AsyncIterator[Compared]:
        """Money that is here and that the ledger did not show: each is asked about."""
        ended = min(run.span.until, self._clock.now() - HOLD_WINDOW)
        async for payment, attempt in self._ours(run):
            here = [c for c in payment.captures if c.reference == attempt.reference]
            hidden = [c for c in here if not run.remembers(c.key)]
            if not hidden or attempt.claimed_at > ended:
                continue
            # What a person put to this attempt, its provider knows by another reference.
            vouched = await self._vouched_for(payment)
            keys = [c.key for c in hidden if c.capture_id not in vouched]
            if not keys:
                continue
            after, answer = await self._asked(run, payment, attempt)
            said = f"asked, it said {answer.word!r}"
            for key in keys:
                if answer.capture_key == key:
                    yield _instead(run, payment, after, attempt.reference, answer)
                elif answer.outcome is Outcome.NOTHING:
                    yield _compared(run, Kind.UNCLEAR, attempt.reference, key, f"not in its list; {said}")
                else:
                    yield await self._missing(run, after, attempt, key, f"its money is not there; {said}")

    async def _vouched_for(self, payment: Payment) -> frozenset[UUID]:
        """The money for which a person's word stands."""
        evidence = await self._unit_of_work.reads.evidence_of(payment.payment_id)
        return frozenset(e.evidence_id for e in evidence if e.channel is Channel.OPERATOR)

    async def _missing(
        self, run: "_Run", payment: Payment, attempt: Attempt, key: str, what: str
    ) -> Compared:
        question = happened.ReviewOpened(
            kind=ReviewKind.DISPUTE,
            # By its own subject: a bank's claim of the same attempt is another question.
            subject=f"{attempt.reference}:{key}",
            detail=f"{run.provider.name} does not know {key}, which is here: {what}.",
        )

        def asked(reviews: tuple[Review, ...]) -> bool:
            return any((r.kind, r.subject) == (question.kind, question.subject) for r in reviews)

        async def write(transaction: Transaction) -> bool:
            locked = await transaction.lock_payment(payment.payment_id)
            if locked is None:
                raise PaymentNotFound
            if asked(await transaction.reviews_of(payment.payment_id)):
                return False
            change, actor = Change(locked, (question,)), f"provider:{run.provider.name}"
            await transaction.save(record(locked, change, actor=actor, cause=CAUSE, now=self._clock.now()))
            return True

        came = Came.NOTHING
        if asked(await self._unit_of_work.reads.reviews_of(payment.payment_id)):
            came = Came.ASKED_BEFORE
        elif run.apply:
            await self._unit_of_work.write(write)
            came = Came.ASKED_A_PERSON
        return _compared(run, Kind.MISSING_THERE, attempt.reference, key, what, came=came)

    async def _asked(self, run: "_Run", payment: Payment, attempt: Attempt) -> tuple[Payment, Answer]:
        """The provider's own answer about one attempt, applied if that is wanted; asked again for a while."""
        after, answer = payment, None
        for left in reversed(range(TRIES)):
            if run.apply:
                settled = await self._settle.ask(payment, attempt.reference, CAUSE, urgency=Urgency.SWEEP)
                after, answer = settled.payment, settled.answer
            else:
                question = Question(
                    reference=attempt.reference,
                    provider_reference=attempt.provider_reference,
                    amount=attempt.amount,
                    urgency=Urgency.SWEEP,
                )
                answer = await answer_of(run.provider, question, None)
            if answer.outcome is not Outcome.NOTHING or not left:
                return after, answer
            await self._clock.sleep(_PAUSE_S)
        raise AssertionError("the last try returns")

    async def _ours(
        self, run: "_Run", *, beyond: timedelta = timedelta(0)
    ) -> AsyncIterator[tuple[Payment, Attempt]]:
        """Every attempt of ours at this provider that was claimed in the span, with its payment.

        So are those of as long as ``beyond`` before and after it.
        """
        last: UUID | None = None
        while batch := await self._unit_of_work.reads.payments_after(last, BATCH):
            for payment in batch:
                for attempt in payment.attempts:
                    early, late = run.span.since - attempt.claimed_at, attempt.claimed_at - run.span.until
                    if run.is_about(attempt) and early <= beyond and late <= beyond:
                        yield payment, attempt
            last = batch[-1].payment_id


def _instead(run: "_Run", before: Payment, after: Payment, reference: str, answer: Answer) -> Compared:
    """What is compared where an answer has to stand in for the line that the list did not show."""
    name = answer.capture_key or ""
    line = LedgerLine(
        name=name,
        reference=reference,
        outcome=answer.outcome,
        word=answer.word,
        amount=answer.arrived,
        raw=b"",
    )
    what = difference(before, reference, line)
    if what is None:
        return _compared(run, Kind.AGREES, reference, name)
    came = Came.SETTLED if difference(after, reference, line) is None else Came.NOTHING
    return _compared(run, Kind.DIFFERS, reference, name, f"not in its list; asked, {what}", came=came)


_PAID_THERE: Final = "money of it is there, and none was here"


@attrs.frozen(kw_only=True)
class _Run:
    """One walk: what is compared, and which money the ledger showed."""

    provider: Provider
    span: Span
    apply: bool
    _shown: set[int] = attrs.field(factory=set, init=False)

    def is_about(self, attempt: Attempt) -> bool:
        return (attempt.provider, attempt.mode) == (self.provider.name, self.provider.mode)

    def remember(self, name: str) -> None:
        if len(self._shown) < MOST_REMEMBERED:
            self._shown.add(hash(name))

    def remembers(self, name: str) -> bool:
        return hash(name) in self._shown


def _compared(
    run: _Run, kind: Kind, reference: str, name: str, what: str = "", *, came: Came = Came.NOTHING
) -> Compared:
    return Compared(
        provider=run.provider.name, kind=kind, reference=reference, name=name, what=what, came=came
    )

"""Process notices: settle what each is about; it is handled when the answer says as much as it does."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import attrs

from payments.application.notice_subjects import WENT, subject_of
from payments.application.ports.clock import Clock
from payments.application.ports.identifiers import Identifiers
from payments.application.ports.providers import Callback, Providers, Urgency
from payments.application.ports.repository import Transaction
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.recording import record
from payments.application.records import Claim, Notice, StoredChange
from payments.application.reported import were_recorded
from payments.application.review_recording import opened_alone
from payments.application.together import Together, all_of
from payments.application.use_cases.settle_payment import Settled, SettlePayment
from payments.application.use_cases.settle_refund import SettleRefund
from payments.domain import events as happened
from payments.domain.errors import PaymentNotFound, StorageError
from payments.domain.events import ReviewKind
from payments.domain.evidence import Outcome, Rule
from payments.domain.payment import Change, Payment
from payments.domain.refund import Refund
from payments.domain.refunding import capture_of, contradicted, refund_of
from payments.domain.review import Review, ReviewState
from payments.domain.reviewing import was_asked
from payments.domain.transitions import RefundStatus
from payments.domain.watching import TURN_AGAIN

CAUSE: Final = "webhook"
LEASE: Final = timedelta(seconds=60)
BATCH: Final = 32

AGAIN: Final = tuple(
    timedelta(seconds=s) for s in (5, 15, 60, 300, 900, 1800, 3600, 7200, 14400, 28800, 43200)
)
"""How long to wait before asking again about a notice that is not handled yet, for a day at most."""

KEPT_FOR: Final = timedelta(hours=24)
"""After this long an unhandled notice becomes a question for a person."""

_BY_A_REFUND: Final = "explained by a refund"
"""What became of a claim that money went back which a refund of ours explains."""

KNOWN: Final = "known already"
"""What became of a notice that the money which is here has answered."""

_NOT_YET: Final[dict[Claim, frozenset[Outcome]]] = {
    Claim.PAID: frozenset({Outcome.PAYABLE, Outcome.IN_FLIGHT, Outcome.NOT_FOUND, Outcome.NOTHING}),
    Claim.FAILED: frozenset({Outcome.NOTHING}),
    Claim.RETURNED: frozenset(Outcome) - {Outcome.RETURNED},
    Claim.DISPUTED: frozenset({Outcome.NOTHING}),
    Claim.CHARGED_BACK: frozenset(Outcome) - {Outcome.RETURNED},
    Claim.OTHER: frozenset({Outcome.NOTHING}),
}
"""Answers that are less final than what the notice claims."""

_QUESTION: Final = {
    Claim.RETURNED: ReviewKind.DISPUTE,
    Claim.DISPUTED: ReviewKind.DISPUTE,
    Claim.CHARGED_BACK: ReviewKind.DISPUTE,
}
_BY_THE_BANK: Final = frozenset({Claim.DISPUTED, Claim.CHARGED_BACK})


_SAYS_NOT_WHOSE: Final = frozenset({Rule.RETURN_KNOWN, Rule.RETURN_OF_OURS})
"""Verdicts on money that went back by a refund we know, which a bank's own claim is not."""

_PUT_BEFORE_A_PERSON: Final = frozenset({Rule.NOT_OURS, Rule.KEY_TAKEN})
"""Verdicts on money that each open a question of their own."""


class _NotOurTurn(Exception):
    """Nobody was asked."""


@attrs.frozen
class ProcessNotices:
    """Work through the inbox. Leases keep processes apart; a lost lease costs only a repeated question."""

    _clock: Clock
    _identifiers: Identifiers
    _providers: Providers
    _settle: SettlePayment
    _settle_refund: SettleRefund
    _unit_of_work: UnitOfWork

    async def __call__(self, limit: int = BATCH) -> int:
        """How many notices were looked at; 0 when none is due.

        Raises:
            ExceptionGroup: with what went wrong about some, after all were looked at and put off or handled.
        """
        now, token = self._clock.now(), self._identifiers.unique()
        single = self._unit_of_work.single
        notices = await single.lease_notices(now, until=now + LEASE, token=token, limit=limit)
        finish = Together[Notice](lambda looked_at: single.finish_notices(looked_at, token=token))
        await all_of(self._handle(alike, token, finish) for alike in _alike(notices))
        return len(notices)

    async def _handle(self, alike: tuple[Notice, ...], token: UUID, finish: Together[Notice]) -> None:
        """Look at notices that claim the same of one reference: one question serves them all."""
        newest = max(alike, key=lambda notice: notice.received_at)
        try:
            outcome = await self._settled(newest)
        except _NotOurTurn:
            await all_of(self._finish(notice, None, token, finish, asked=False) for notice in alike)
            return
        except Exception:
            # It proves nothing about the money, like any answer that gives no information: looked at again,
            # and after a day a question for a person. The trouble itself is for whoever runs the worker.
            await all_of(self._finish(notice, None, token, finish) for notice in alike)
            raise
        if outcome == _BY_A_REFUND:
            # It explains one of them. The others are looked at by themselves, however old they are by then.
            first, *others = sorted(alike, key=lambda notice: notice.received_at)
            again_at = self._clock.now() + TURN_AGAIN
            await all_of(finish(attrs.evolve(notice, next_try_at=again_at)) for notice in others)
            alike = (first,)
        await all_of(self._finish(notice, outcome, token, finish) for notice in alike)

    async def _finish(
        self,
        notice: Notice,
        outcome: str | None,
        token: UUID,
        finish: Together[Notice],
        *,
        asked: bool = True,
    ) -> None:
        """Write down what became of ``notice``; without an outcome, when it is looked at again.

        Where nobody was ``asked`` that was no try, and the next one waits no longer for it.
        """
        now = self._clock.now()
        question: Review | None = None
        until = notice.received_at + KEPT_FOR
        if outcome is None and now >= until:
            question = await self._question(notice, now)
            outcome = left_to_review(question.kind)
            if question.payment_id is None and await self._asked_already(notice, outcome):
                question = None
        if outcome is None:
            wait = AGAIN[min(notice.tries, len(AGAIN) - 1)] if asked else TURN_AGAIN
            tries = notice.tries + 1 if asked else notice.tries
            after = attrs.evolve(notice, tries=tries, next_try_at=min(now + wait, until))
        else:
            after = attrs.evolve(
                notice, tries=notice.tries + 1, handled_at=now, next_try_at=None, outcome=outcome
            )

        if question is None:
            await finish(after)
        else:
            await self._finish_asking(after, question, token)

    async def _finish_asking(self, after: Notice, question: Review, token: UUID) -> None:
        """Write down what became of the notice together with the question that it leaves to a person."""
        callbacks = await self._reported(after)

        async def write(transaction: Transaction) -> None:
            about = question.payment_id
            locked = await transaction.lock_payment(about) if about else None
            answered = locked is not None and _is_answered(locked, after, callbacks)
            handled = attrs.evolve(after, outcome=KNOWN) if answered else after
            if not await transaction.finish_notice(handled, token=token) or answered:
                return
            if locked is None:
                alone = opened_alone(question, actor=f"provider:{after.provider}", cause=CAUSE)
                await transaction.add_review(alone)
            else:
                opened = happened.ReviewOpened(
                    kind=question.kind, subject=question.subject, detail=question.detail
                )
                await transaction.save(_asked(locked, opened, after.provider, question.opened_at))

        await self._unit_of_work.write(write)

    async def _reported(self, notice: Notice) -> tuple[Callback, ...] | None:
        """What its provider reported of what a "paid" is about; None where not all of it can be read."""
        if notice.claim is not Claim.PAID or notice.reference is None:
            return ()
        try:
            return await self._settle.callbacks_of(notice.provider, notice.reference)
        except StorageError:
            raise
        except Exception:  # noqa: BLE001 -- a report that cannot be read must not keep the question from people
            return None

    async def _settled(self, notice: Notice) -> str | None:
        """What became of the notice; None when it has to be looked at again.

        Raises:
            _NotOurTurn: its provider was not asked.
        """
        ours = await self._refund(notice)
        if ours is not None:
            return await self._settled_refund(notice, *ours)
        payment = await self._payment(notice)
        if payment is None or notice.reference is None:
            return None
        if notice.claim is Claim.PAID and payment.was_paid_on(notice.reference):
            all_is_here = await self._settle.learn_receipt(payment, notice.reference)
            if all_is_here and self._settle.was_paid_for_good(payment, notice.reference):
                return KNOWN
        failed_at = notice.received_at if notice.claim is Claim.FAILED else None
        went = await self._refunds_of(payment, notice)
        urgency = Urgency.SUCCESS_NOTICED if notice.claim is Claim.PAID else Urgency.PAYER
        settled = await self._settle.ask(
            payment,
            notice.reference,
            CAUSE,
            failure_noticed_at=failed_at,
            return_noticed=notice.claim is Claim.RETURNED,
            urgency=urgency,
        )
        if notice.claim in _BY_THE_BANK and settled.rule in _SAYS_NOT_WHOSE:
            await self._ask_about_dispute(notice, settled)
        not_yet = settled.outcome in _NOT_YET.get(notice.claim, frozenset()) or _went_nowhere(notice, settled)
        if not_yet or self._contradicts(notice, settled):
            # Silence tells nothing of the money, whatever went back of it before.
            told = settled.outcome is not Outcome.NOTHING
            explained = went if notice.claim is Claim.RETURNED and told else None
            if explained is not None and await self._explained_another(notice, settled.payment):
                explained = None
            if explained is None and not settled.answer.asked:
                raise _NotOurTurn
            return explained
        unfound = notice.claim is Claim.PAID and await self._may_be_unfound(settled)
        return None if unfound else settled.rule.name.lower()

    async def _may_be_unfound(self, settled: Settled) -> bool:
        """Whether money that was said to be paid is not here after asking, and nobody else would ask again.

        The attempt had ended, its watch is over, and one old answer must not have the last word. Or it is
        said to be paid under another name than was asked about now.
        """
        if settled.rule in _PUT_BEFORE_A_PERSON:
            return False
        if settled.rule is Rule.NO_LONGER_LIVE and not settled.attempt.watched(self._clock.now()):
            return not settled.payment.has_own_money(settled.reference)
        return not await self._settle.reported_money_is_here(settled.payment, settled.reference)

    async def _ask_about_dispute(self, notice: Notice, settled: Settled) -> None:
        """Have a person look, once, whether money that a refund of ours took back is to go a second time.

        The provider's answer shows that money went back, and cannot tell by whom.
        """
        question = happened.ReviewOpened(
            kind=ReviewKind.DISPUTE,
            subject=subject_of(settled.reference, notice.claim, known=True),
            detail=f"{notice.provider} said {notice.word!r} of money that a refund takes back or took back.",
        )
        await self._ask_once(
            settled.payment.payment_id,
            notice.provider,
            lambda locked: question if _went_before(locked, settled.reference, notice) else None,
            since=notice.received_at if notice.claim in WENT else None,
        )

    async def _ask_once(
        self,
        payment_id: UUID,
        provider: str,
        asking: Callable[[Payment], happened.ReviewOpened | None],
        *,
        since: datetime | None = None,
    ) -> None:
        """Open the question that the locked payment raises, unless it was asked before, decided or not.

        With ``since``, what was asked and decided before that was about something else.
        """

        async def write(transaction: Transaction) -> None:
            locked = await transaction.lock_payment(payment_id)
            if locked is None:
                raise PaymentNotFound
            question, reviews = asking(locked), await transaction.reviews_of(payment_id)
            if since is not None:
                reviews = tuple(r for r in reviews if r.state is ReviewState.OPEN or r.opened_at >= since)
            if question is not None and not was_asked(question, reviews):
                await transaction.save(_asked(locked, question, provider, self._clock.now()))

        await self._unit_of_work.write(write)

    def _contradicts(self, notice: Notice, settled: Settled) -> bool:
        """Whether a report says paid and its provider no: neither may have the last word.

        The answer may be an old one. Of money that is here only an unsigned report is looked at again.
        """
        if notice.claim is not Claim.PAID or settled.outcome is not Outcome.DECLINED:
            return False
        provider = self._providers.by_name.get(notice.provider)
        unsigned = provider is not None and provider.callbacks is not None
        return unsigned or not settled.payment.has_own_money(settled.reference)

    async def _settled_refund(self, notice: Notice, payment: Payment, refund: Refund) -> str | None:
        """What became of a notice about a refund of ours: one that claims no end needs none to be handled."""
        after = await self._settle_refund(payment.payment_id, refund.refund_id, CAUSE)
        status = refund_of(after, refund.refund_id).status
        explained = refund.status is RefundStatus.SUCCEEDED
        if status is RefundStatus.FAILED and notice.claim is Claim.RETURNED and not explained:
            # A notice decides nothing, but two words about money that may be gone are a question.
            # Money that had gone, and came back just now, asks its own.
            await self._ask_once(
                payment.payment_id,
                notice.provider,
                lambda locked: contradicted(refund_of(locked, refund.refund_id), notice.word),
            )
            return f"refund failed, left to review {ReviewKind.DISPUTE.value}"
        ended = status in (RefundStatus.SUCCEEDED, RefundStatus.FAILED)
        return f"refund {status.value}" if ended or notice.claim is Claim.OTHER else None

    async def _refunds_of(self, payment: Payment, notice: Notice) -> str | None:
        """What became of our refunds of this attempt: a provider may name them after it.

        They are asked about beside each other: in a row, a few slow answers would outlive the lease.
        """
        if notice.claim is Claim.PAID:
            return None
        went: list[Refund] = []

        async def look(refund: Refund) -> None:
            after = refund_of(
                await self._settle_refund(payment.payment_id, refund.refund_id, CAUSE), refund.refund_id
            )
            went.extend([after] if after.status is RefundStatus.SUCCEEDED else [])

        await all_of(map(look, _asked_for(payment, notice.reference)))
        return _BY_A_REFUND if went else None

    async def _explained_another(self, notice: Notice, payment: Payment) -> bool:
        """Whether each refund of ours that went has explained a notice of its own already.

        What came before the first of them was asked for was about another, that came back since.
        """
        went = [r for r in _asked_for(payment, notice.reference) if r.status is RefundStatus.SUCCEEDED]
        since = min((r.requested_at for r in went if r.requested_at), default=notice.received_at)
        about = await self._unit_of_work.reads.notices_about(notice.reference or "")
        told = [n for n in about if n.outcome == _BY_A_REFUND and n.received_at >= since]
        return len(told) >= len(went)

    async def _refund(self, notice: Notice) -> tuple[Payment, Refund] | None:
        """The refund of ours it is about, with its payment, if it was asked of the provider that sent it."""
        if notice.reference is None or not notice.reference.startswith("r-"):
            return None
        payment = await self._unit_of_work.reads.payment_with_refund_reference(notice.reference)
        if payment is None:
            return None
        refund = next(r for r in payment.refunds if r.reference == notice.reference)
        sent_to = capture_of(payment, refund.capture_id).provider
        return (payment, refund) if sent_to == notice.provider else None

    async def _payment(self, notice: Notice) -> Payment | None:
        """The payment it is about, if the attempt belongs to the provider that sent it."""
        if notice.reference is None:
            return None
        payment = await self._unit_of_work.reads.payment_with_reference(notice.reference)
        if payment is None or payment.attempt(notice.reference).provider != notice.provider:
            return None
        return payment

    async def _asked_already(self, notice: Notice, outcome: str) -> bool:
        """Whether a person was asked because of another notice that claims the same of this reference."""
        if notice.reference is None or notice.claim in WENT:
            return False
        about = await self._unit_of_work.reads.notices_about(notice.reference)
        return any(
            (other.provider, other.claim, other.outcome) == (notice.provider, notice.claim, outcome)
            for other in about
        )

    async def _question(self, notice: Notice, now: datetime) -> Review:
        try:
            ours = await self._refund(notice)
            payment = ours[0] if ours else await self._payment(notice)
        except StorageError:
            raise
        except Exception:  # noqa: BLE001 -- a payment that cannot be read must not keep the question from people
            ours = payment = None
        kind = _QUESTION.get(notice.claim, ReviewKind.STUCK_UNKNOWN) if payment else ReviewKind.ORPHAN
        about = notice.reference or notice.digest
        subject = subject_of(about, notice.claim, known=payment is not None)
        if ours is not None:
            kind, subject = ReviewKind.REFUND_UNKNOWN, str(ours[1].refund_id)
        return Review(
            review_id=self._identifiers.unique(),
            kind=kind,
            subject=subject,
            payment_id=payment.payment_id if payment else None,
            detail=f"{notice.provider} said {notice.word!r}, and never confirmed it when asked.",
            opened_at=now,
        )


def _went_nowhere(notice: Notice, settled: Settled) -> bool:
    """Whether money is said to have gone back of which, asked, the provider says that nothing went yet."""
    gone = settled.answer.returned
    return notice.claim in (Claim.RETURNED, Claim.CHARGED_BACK) and gone is not None and gone.minor == 0


def _is_answered(payment: Payment, notice: Notice, callbacks: tuple[Callback, ...] | None) -> bool:
    """Whether money that is here answers what this notice leaves open: a person recorded it meanwhile.

    One that says "paid" is answered by what they recorded after it came, unless there were more payments.
    Money that was here before may be another, and a refund's reference is no attempt's.
    """
    about = notice.reference
    if about is None or all(attempt.reference != about for attempt in payment.attempts):
        return False
    if notice.claim is Claim.PAID:
        return callbacks is not None and were_recorded(payment, about, callbacks, notice.received_at)
    return notice.claim in (Claim.FAILED, Claim.OTHER) and payment.has_own_money(about)


def left_to_review(kind: ReviewKind) -> str:
    """What became of a notice that a person decides about."""
    return f"left to review {kind.value}"


def _alike(notices: tuple[Notice, ...]) -> list[tuple[Notice, ...]]:
    """The notices, those together that claim the same of one reference. One without a reference is alone."""
    together: dict[tuple[str, str, Claim], list[Notice]] = {}
    for notice in notices:
        about = notice.reference or notice.digest
        together.setdefault((notice.provider, about, notice.claim), []).append(notice)
    return [tuple(alike) for alike in together.values()]


def _asked_for(payment: Payment, reference: str | None, *, failed: bool = False) -> tuple[Refund, ...]:
    """Refunds of this attempt's money that its provider was asked for and may have news about.

    Of one that ``failed`` it may have none, and a claim of the payer's bank may be about it all the same.
    """
    captures = {c.capture_id for c in payment.captures if c.paid_on == reference}
    speaks = (RefundStatus.REQUESTED, RefundStatus.UNKNOWN, RefundStatus.SUCCEEDED)
    return tuple(
        r
        for r in payment.refunds
        if r.capture_id in captures
        and r.requested_at is not None
        and (r.status in speaks or (failed and r.status is RefundStatus.FAILED))
    )


def _went_before(payment: Payment, reference: str, notice: Notice) -> bool:
    """Whether money of this attempt went, or was to, by a refund that is not what the bank claims now."""
    captures = {c.capture_id for c in payment.captures if c.paid_on == reference}
    at_the_dashboard = any(
        r.capture_id in captures and r.requested_at is None and r.created_at < notice.received_at
        for r in payment.refunds
        if r.status is RefundStatus.SUCCEEDED
    )
    return at_the_dashboard or bool(_asked_for(payment, reference, failed=True))


def _asked(locked: Payment, question: happened.ReviewOpened, provider: str, now: datetime) -> StoredChange:
    """The question as a change of its payment, so that its trail tells of it."""
    return record(locked, Change(locked, (question,)), actor=f"provider:{provider}", cause=CAUSE, now=now)

"""Collect cash: a collector's signed-in record is the evidence (docs/model.md section 7)."""

import hashlib
import hmac
import json
from functools import cache, partial
from uuid import UUID, uuid5

import attrs

from payments.application.applying import Application
from payments.application.card_numbers import without_card_numbers
from payments.application.ports.clock import Clock
from payments.application.ports.identifiers import Identifiers
from payments.application.ports.providers import Providers
from payments.application.ports.repository import Transaction
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.recording import record as recorded
from payments.application.review_recording import opened_alone
from payments.application.tokens import Tokens
from payments.application.use_cases.reserve_refund import ReserveRefund
from payments.domain.attempt import Attempt
from payments.domain.collection import (
    MOST_WRONG_CODES,
    AtTheDoor,
    CashRecord,
    CashResult,
    Collection,
    answer_of,
    cash_attempt,
    code_wrong,
    locked,
    orphan_detail,
    orphaned,
    result_of,
    subject_of,
    wrong_code_answer,
)
from payments.domain.errors import (
    CashCodeLocked,
    CollectionConflict,
    CollectorIsPayer,
    ConfigurationInvalid,
    FieldError,
    InvalidRequest,
    PaymentNotFound,
    PaymentsError,
    ReferenceNotFound,
    WrongDeliveryCode,
)
from payments.domain.events import ReviewKind, ReviewOpened
from payments.domain.evidence import Channel, Evidence, Rule
from payments.domain.payment import Change, Payment
from payments.domain.persons import owes
from payments.domain.review import Review, ReviewState

CAUSE = "collector"


@attrs.frozen
class CollectCash:
    """Take a collector's record in, exactly once, and do what follows from it in the same transaction."""

    _clock: Clock
    _identifiers: Identifiers
    _providers: Providers
    _reserve: ReserveRefund
    _tokens: Tokens
    _unit_of_work: UnitOfWork

    async def __call__(self, record: CashRecord) -> Collection:
        """What is kept of ``record``; the same record again is answered with what is kept already.

        Raises:
            InvalidRequest: it names no attempt and no order, or both; or collects nothing.
            ReferenceNotFound: nobody has the reference, or it refuses what was never to be collected.
            CollectorIsPayer: nobody collects their own cash.
            CollectionConflict: its id belongs to another record.
            WrongDeliveryCode, CashCodeLocked: that is counted, and nothing else is stored.
        """
        _refuse_senseless(record)
        record = attrs.evolve(record, reason=without_card_numbers(record.reason))
        reads = self._unit_of_work.reads
        if record.reference is not None:
            payment = await reads.payment_with_reference(record.reference)
            if payment is None and await reads.collection(record.collection_id) is None:
                raise ReferenceNotFound
        else:
            payment = await reads.payment_of_order(record.order_id or "")
        taking = _Taking(
            clock=self._clock,
            evidence_id=self._identifiers.unique(),
            payment_id=payment.payment_id if payment else None,
            providers=self._providers,
            record=record,
            reserve=self._reserve,
            tokens=self._tokens,
        )
        try:
            taken = await self._unit_of_work.write(taking)
        except CollectionConflict:
            # The id was perhaps taken in this instant, by this very record: where there is no payment to
            # lock, both looked for it in vain. It is there to be looked at now.
            taken = await self._unit_of_work.write(taking)
        if isinstance(taken, PaymentsError):
            raise taken
        return taken


@attrs.frozen(kw_only=True)
class _Taking:
    """One unit of work. Running it again finds its own collection, or its own wrong code, and stops.

    A wrong delivery code is committed, so it is returned and not raised here.
    """

    clock: Clock
    evidence_id: UUID
    payment_id: UUID | None
    providers: Providers
    record: CashRecord
    reserve: ReserveRefund
    tokens: Tokens

    async def __call__(self, transaction: Transaction) -> Collection | PaymentsError:
        payment = None
        if self.payment_id is not None:
            payment = await transaction.lock_payment(self.payment_id)
            if payment is None:
                raise PaymentNotFound
        known = await transaction.collection(self.record.collection_id)
        if known is not None:
            return self._same(known, payment)
        if payment is not None and owes(payment, self.record.collector):
            raise CollectorIsPayer
        attempt = cash_attempt(payment, self.record.reference) if payment else None
        if payment is None or attempt is None:
            return await self._without_attempt(transaction, payment)
        if self._needs_code(attempt):
            counted = await transaction.verdict_of(self.evidence_id) is not None
            if not counted and locked(attempt):
                await self._put_before_a_person(transaction, payment, attempt)
            if counted or locked(attempt) or self.record.delivery_code is None:
                return _told(attempt)
            if not self._code_is_right(attempt):
                return await self._wrong_code(transaction, payment, attempt)
        return await self._apply(transaction, payment, attempt)

    def _same(self, known: Collection, payment: Payment | None) -> Collection:
        attempt = cash_attempt(payment, known.reference) if payment and known.reference else None
        # What was taken in had the right code. It is not kept, so it is looked at instead of compared. What a
        # person attached had none of this attempt's, and whoever repeats it is not told which would be right.
        given = self.record.delivery_code is not None and not _put_there(known, payment)
        another = given and attempt and self._needs_code(attempt) and not self._code_is_right(attempt)
        if another or known.fingerprint != _fingerprint(self.record):
            raise CollectionConflict(facts={"collection_id": known.collection_id})
        return known

    async def _apply(self, transaction: Transaction, payment: Payment, attempt: Attempt) -> Collection:
        provider = self.providers.by_name.get(attempt.provider)
        answer = answer_of(self.record, attempt, provider.mode if provider else attempt.mode)
        applying = Application(
            channel=Channel.COLLECTOR,
            actor=self._actor,
            clock=self.clock,
            evidence_id=self.evidence_id,
            payment_id=payment.payment_id,
            attempt=attempt,
            answer=answer,
            provider=provider,
            report=None,
            cause=CAUSE,
            failure_noticed_at=None,
            surplus_refund=cache(partial(self.reserve.of_surplus, attempt, answer, self.evidence_id)),
        )
        change, rule = await applying.decide(transaction, payment)
        kept = await self._keep(transaction, change.after, attempt, result_of(rule))
        await transaction.save(change)
        return kept

    async def _put_before_a_person(
        self, transaction: Transaction, payment: Payment, attempt: Attempt
    ) -> None:
        """Ask what to do about cash that somebody holds for a locked code, unless that is asked already."""
        question = ReviewOpened(
            kind=ReviewKind.CASH_CODE_LOCKED,
            subject=attempt.reference,
            detail=f"{self.record.collector} collected {self.record.amount}, and the code is locked.",
        )
        reviews = await transaction.reviews_of(payment.payment_id)
        about = (question.kind, question.subject)
        if any((r.kind, r.subject) == about and r.state is ReviewState.OPEN for r in reviews):
            return
        change = recorded(
            payment, Change(payment, (question,)), actor=self._actor, cause=CAUSE, now=self.clock.now()
        )
        await transaction.save(change)

    async def _wrong_code(
        self, transaction: Transaction, payment: Payment, attempt: Attempt
    ) -> PaymentsError:
        now = self.clock.now()
        evidence = Evidence(
            evidence_id=self.evidence_id,
            payment_id=payment.payment_id,
            reference=attempt.reference,
            channel=Channel.COLLECTOR,
            cause=CAUSE,
            answer=wrong_code_answer(attempt),
            rule=Rule.CODE_WRONG,
            observed_at=now,
        )
        change = recorded(
            payment,
            code_wrong(payment, attempt.reference),
            actor=self._actor,
            cause=CAUSE,
            now=now,
            evidence=evidence,
        )
        await transaction.save(change)
        return _told(change.after.attempt(attempt.reference))

    async def _without_attempt(self, transaction: Transaction, payment: Payment | None) -> Collection:
        record, now = self.record, self.clock.now()
        if record.outcome is AtTheDoor.REFUSED:
            raise ReferenceNotFound("There is no cash to be collected here, so nothing was refused.")
        kept = await self._keep(transaction, payment, None, CashResult.ORPHAN)
        if payment is not None:
            change = recorded(payment, orphaned(payment, record), actor=self._actor, cause=CAUSE, now=now)
            await transaction.save(change)
            return kept
        question = Review(
            review_id=uuid5(self.evidence_id, "review"),
            kind=ReviewKind.ORPHAN,
            subject=subject_of(record.collection_id),
            payment_id=None,
            detail=orphan_detail(record),
            opened_at=now,
        )
        await transaction.add_review(opened_alone(question, actor=self._actor, cause=CAUSE))
        return kept

    async def _keep(
        self, transaction: Transaction, after: Payment | None, attempt: Attempt | None, result: CashResult
    ) -> Collection:
        record = self.record
        collection = Collection(
            collection_id=record.collection_id,
            fingerprint=_fingerprint(record),
            collector=record.collector,
            outcome=record.outcome,
            amount=record.amount if record.outcome is AtTheDoor.COLLECTED else None,
            payment_id=after.payment_id if after else None,
            reference=attempt.reference if attempt else None,
            order_id=after.order_id if after else record.order_id,
            reason=record.reason,
            result=result,
            status=after.status if after else None,
            recorded_at=self.clock.now(),
        )
        if not await transaction.add_collection(collection):
            # Another record took this id at the same instant: nothing of ours may stay.
            raise CollectionConflict(facts={"collection_id": record.collection_id})
        return collection

    def _needs_code(self, attempt: Attempt) -> bool:
        provider = self.providers.by_name.get(attempt.provider)
        required = provider.delivery_codes if provider else True
        return required and self.record.outcome is AtTheDoor.COLLECTED

    def _code_is_right(self, attempt: Attempt) -> bool:
        try:
            right = self.tokens.delivery_code(attempt)
        except ValueError as error:
            raise ConfigurationInvalid(
                "The key this delivery code was made with is gone.",
                errors=(
                    FieldError("PAYMENTS_DATA_KEYS", "Put the earlier key back, behind the present one."),
                ),
            ) from error
        given = self.record.delivery_code or ""
        return hmac.compare_digest(given.encode(), right.encode())

    @property
    def _actor(self) -> str:
        return f"collector:{self.record.collector}"


def _refuse_senseless(record: CashRecord) -> None:
    wrong = []
    if (record.reference is None) == (record.order_id is None):
        wrong.append(FieldError("/reference", "Name the reference or the order_id, and only one of them."))
    if record.outcome is AtTheDoor.COLLECTED and (record.amount is None or record.amount.minor <= 0):
        wrong.append(FieldError("/amount", "Say how much was collected: more than nothing."))
    if wrong:
        raise InvalidRequest(errors=tuple(wrong))


def _put_there(known: Collection, payment: Payment | None) -> bool:
    """Whether a person attached the cash of ``known`` to the attempt that it counts for."""
    captures = payment.captures if payment else ()
    return any(
        c.attached and (c.reference, c.key) == (known.reference, known.collection_id) for c in captures
    )


def _told(attempt: Attempt) -> PaymentsError:
    """What a collector who gave a wrong delivery code, or one too many, is answered."""
    facts = {"reference": attempt.reference}
    if locked(attempt):
        return CashCodeLocked(facts=facts)
    left = MOST_WRONG_CODES - attempt.wrong_codes
    tries = "one more wrong one locks" if left == 1 else f"{left} more wrong ones lock"
    return WrongDeliveryCode(
        f"It is not the delivery code of this order; {tries} it.",
        errors=(FieldError("/delivery_code", "Ask the payer for the code on their page."),),
        facts={**facts, "tries_left": left},
    )


def _fingerprint(record: CashRecord) -> str:
    """SHA-256 of all that was said, however it was spelled; without the code, which a hash cannot hide."""
    said = attrs.asdict(attrs.evolve(record, delivery_code=None), recurse=False)
    text = json.dumps({name: _plain(value) for name, value in said.items()}, sort_keys=True)
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()


def _plain(value: object) -> str | None:
    if isinstance(value, AtTheDoor):
        return value.value
    return None if value is None else str(value)

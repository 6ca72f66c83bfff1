"""Mistakes that programs of this kind are known to make, each put into an otherwise whole service."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import attrs

from payments.adapters.memory.repository import MemoryTransaction
from payments.application.ports.providers import (
    Checkout,
    CheckoutRequest,
    Checkouts,
    Provider,
    Question,
    RefundAnswer,
    RefundOutcome,
    RefundQuestion,
    RefundRequest,
    Refunds,
    StatusChecks,
)
from payments.application.ports.repository import Reads, Transaction
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.records import Message, StoredChange
from payments.domain.errors import GatewayError, StorageError
from payments.domain.evidence import Answer, Mode, Outcome
from payments.domain.payment import Payment
from payments.domain.transitions import Disposition
from payments.testing.simulation.history import AsItIs
from payments.testing.simulation.rows import SavedRows
from payments.testing.simulation.storage import SimulatedTransaction

T = TypeVar("T")
Work = Callable[[Transaction], Awaitable[T]]


@attrs.frozen
class AlteredWrites(UnitOfWork):
    """Units of work whose transactions are not what they should be."""

    right: UnitOfWork
    alter: Callable[[SimulatedTransaction], Transaction]

    @property
    def reads(self) -> Reads:
        return self.right.reads

    async def write(self, work: Work[T]) -> T:
        async def altered(transaction: Transaction) -> T:
            assert isinstance(transaction, SimulatedTransaction)
            return await work(self.alter(transaction))

        return await self.right.write(altered)


class Passing:
    """Passes everything on that a mistake leaves alone."""

    def __init__(self, right: Any) -> None:
        self.right = right

    def __getattr__(self, name: str) -> Any:
        return getattr(self.right, name)


class WithoutLock(Passing):
    """Reads the payment and takes no lock; whoever writes last is right."""

    async def lock_payment(self, payment_id: UUID, known: Payment | None = None) -> Payment | None:
        await self.right._come("lock_payment")
        found: Payment | None = self.right._view().payments.get(payment_id)
        return found

    async def save(self, change: StoredChange) -> None:
        stored = self.right._view().payments[change.before.payment_id]
        with suppress(StorageError):
            await self.right.save(
                attrs.evolve(change, before=attrs.evolve(change.before, version=stored.version))
            )


class WithoutMessages(Passing):
    """Stores a change, and not the messages that it causes."""

    def __init__(self, right: Any, kept: list[Message]) -> None:
        super().__init__(right)
        self.kept = kept

    async def save(self, change: StoredChange) -> None:
        self.kept.extend(change.messages)
        await self.right.save(attrs.evolve(change, messages=()))


@attrs.frozen
class MessagesAfterwards(UnitOfWork):
    """Tells of a change in a transaction of its own, after the one that made it."""

    right: UnitOfWork

    @property
    def reads(self) -> Reads:
        return self.right.reads

    async def write(self, work: Work[T]) -> T:
        kept: list[Message] = []

        async def first(transaction: Transaction) -> T:
            kept.clear()
            return await work(WithoutMessages(transaction, kept))

        result = await self.right.write(first)
        if kept:

            async def second(transaction: Transaction) -> None:
                assert isinstance(transaction, SimulatedTransaction)
                await transaction._come("messages")
                transaction._learn_rows("messages", {message.message_id: message for message in kept})

            await self.right.write(second)
        return result


class WithoutLooking(Passing):
    """Opens a payment for an order that had none when it was asked for, whoever opened one since."""

    async def open_payment(self, payment: Payment, *, fresh: bool = False) -> Payment:
        if not fresh:
            opened: Payment = await self.right.open_payment(payment)
            return opened
        await self.right._come("open_payment")
        self.right._written.opened[payment.payment_id] = payment
        self.right._learn_rows("orders", {payment.order_id: payment.payment_id})
        return payment


class ErasesWhatIsHeld(Passing):
    """Erases who a payer was in the payment as it was read, whoever changes it meanwhile."""

    async def erase_people(self, until: datetime, *, limit: int) -> int:
        view = self.right._view()
        inner = MemoryTransaction(view)
        done = await inner.erase_people(until, limit=limit)
        await self.right._come("erase_people")
        self.right._written.learn(view, inner.tables)
        for payment in inner.tables.payments.values() if done else ():
            self.right._written.save(
                SavedRows(
                    payment,
                    frozenset(attempt.reference for attempt in payment.attempts),
                    frozenset(refund.refund_id for refund in payment.refunds),
                )
            )
        return done


class WithoutSurplus(Passing):
    """Takes money for an order that is paid already for nothing worth writing down."""

    async def save(self, change: StoredChange) -> None:
        captures = change.after.captures
        if (
            captures
            and captures[-1].disposition is Disposition.SURPLUS
            and captures != change.before.captures
        ):
            return
        await self.right.save(change)


@attrs.frozen
class AnswersBeforeCommit(UnitOfWork):
    """Says that it is done, whatever the database says."""

    right: UnitOfWork

    @property
    def reads(self) -> Reads:
        return self.right.reads

    async def write(self, work: Work[T]) -> T:
        result: list[T] = []

        async def noted(transaction: Transaction) -> T:
            result.append(await work(transaction))
            return result[-1]

        try:
            return await self.right.write(noted)
        except StorageError:
            if not result:
                raise
            return result[-1]


@attrs.frozen
class TimeoutIsNo(StatusChecks):
    """Takes no answer for a no."""

    right: StatusChecks

    async def check(self, question: Question) -> Answer:
        answer = await self.right.check(question)
        if answer.outcome is Outcome.NOTHING:
            return Answer(outcome=Outcome.DECLINED, word=answer.word, fingerprint=answer.word)
        return answer


@attrs.frozen
class AmountIsRight(StatusChecks):
    """Takes for granted that what was asked for was paid."""

    right: StatusChecks

    async def check(self, question: Question) -> Answer:
        answer = await self.right.check(question)
        return attrs.evolve(answer, amount=question.amount) if answer.amount else answer


@attrs.frozen
class ReferenceIsRight(StatusChecks):
    """Takes for granted that the answer is about what was asked, and of the right mode."""

    right: StatusChecks

    async def check(self, question: Question) -> Answer:
        answer = await self.right.check(question)
        if answer.outcome is not Outcome.PAID:
            return answer
        key = f"{answer.capture_key}-{question.reference}"
        return attrs.evolve(answer, reference=question.reference, mode=Mode.TEST, capture_key=key)


@attrs.frozen
class OpensAgain(Checkouts):
    """Sends the request once more when the answer was lost."""

    right: Checkouts

    async def open(self, request: CheckoutRequest) -> Checkout:
        try:
            return await self.right.open(request)
        except GatewayError:
            return await self.right.open(request)


@attrs.frozen
class RefundsAgain(Refunds):
    """Sends a refund once more when nobody knows what became of it."""

    right: Refunds

    async def request(self, request: RefundRequest) -> RefundAnswer:
        return await self.right.request(request)

    async def check(self, question: RefundQuestion) -> RefundAnswer:
        answer = await self.right.check(question)
        if answer.outcome not in (RefundOutcome.NOT_FOUND, RefundOutcome.NOTHING):
            return answer
        again = RefundRequest(
            reference=question.reference,
            attempt=question.attempt,
            capture_key=question.capture_key,
            receipt=question.receipt,
            amount=question.amount,
            captured=question.amount,
            reason="again",
        )
        return await self.right.request(again)


@attrs.frozen
class Planted(AsItIs):
    """A service with one mistake in its storage or in its gateways."""

    name: str
    storage: Callable[[UnitOfWork], UnitOfWork] | None = None
    gateway: Callable[[Provider], Provider] | None = None

    def __str__(self) -> str:
        return self.name

    def unit_of_work(self, right: UnitOfWork) -> UnitOfWork:
        return self.storage(right) if self.storage else right

    def providers(self, right: dict[str, Provider]) -> dict[str, Provider]:
        if self.gateway is None:
            return right
        return {name: self.gateway(one) if name != "cash" else one for name, one in right.items()}


def _altered(kind: Callable[[SimulatedTransaction], Any]) -> Callable[[UnitOfWork], UnitOfWork]:
    return lambda right: AlteredWrites(right, kind)


def _checks(kind: Callable[[StatusChecks], StatusChecks]) -> Callable[[Provider], Provider]:
    return lambda one: attrs.evolve(one, checks=kind(one.checks))


def _refunds(one: Provider) -> Provider:
    return attrs.evolve(one, refunds=RefundsAgain(one.refunds) if one.refunds else None)


MISTAKES = (
    Planted("settles what it read without a lock", storage=_altered(WithoutLock)),
    Planted("tells of a change in a transaction of its own", storage=MessagesAfterwards),
    Planted("opens a payment without looking", storage=_altered(WithoutLooking)),
    Planted("forgets surplus", storage=_altered(WithoutSurplus)),
    Planted("acknowledges before the commit", storage=AnswersBeforeCommit),
    Planted("takes a timeout for a no", gateway=_checks(TimeoutIsNo)),
    Planted("does not compare the amount", gateway=_checks(AmountIsRight)),
    Planted("does not compare the reference", gateway=_checks(ReferenceIsRight)),
    Planted("pushes again", gateway=lambda one: attrs.evolve(one, checkouts=OpensAgain(one.checkouts))),
    Planted("sends an unknown refund again", gateway=_refunds),
)

RARE = (Planted("erases what somebody changes", storage=_altered(ErasesWhatIsHeld)),)
"""Those that show only where two flows are made to meet."""

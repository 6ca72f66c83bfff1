"""A provider that keeps its own books: what it answers follows from what payers did, and nothing else."""

import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

import attrs

from payments.adapters.memory.unit_of_work import MemoryUnitOfWork
from payments.application.ports.providers import Cancelled, Checkout, CheckoutRequest, Question
from payments.application.ports.repository import Transaction
from payments.domain.errors import GatewayError
from payments.domain.evidence import Answer, Outcome
from payments.domain.money import Money
from payments.testing import MovableClock, ScriptedProvider

T = TypeVar("T")

HALF = 0.5
PAYABLE_FOR_S = timedelta(minutes=60).total_seconds()


@attrs.define(kw_only=True)
class Book:
    """What the provider knows about one page."""

    asked: Money
    opened_at_s: float
    tries: int = 0
    """How often a payer was declined on it."""
    taken: Money | None = None
    returned: bool = False
    closed: bool = False


@attrs.define
class HonestProvider(ScriptedProvider):
    """Pages can be paid on for an hour, or until they are closed; money under way then may still arrive."""

    clock: MovableClock | None = None
    names_declines: bool = True
    """Whether one decline can be told from the next."""
    breaks: bool = False
    """Asking raises what nobody thought of."""
    books: dict[str, Book] = attrs.field(factory=dict, init=False)

    async def open(self, request: CheckoutRequest) -> Checkout:
        trouble: GatewayError | None = self.trouble.pop(0) if self.trouble else None
        if trouble is None or self.accepts_in_trouble:
            self.books[request.reference] = Book(asked=request.amount, opened_at_s=self._now_s)
        if trouble is not None:
            raise trouble
        return Checkout(url=f"https://{self.name}.example/pay/{request.reference}")

    async def check(self, question: Question) -> Answer:
        if self.breaks:
            raise ValueError("what nobody thought of")
        if self.silent:
            return Answer(outcome=Outcome.NOTHING, word="HTTP 503")
        book = self.books.get(question.reference)
        if book is None:
            return Answer(outcome=Outcome.NOT_FOUND, word="not found")
        if book.taken is not None:
            return Answer(
                outcome=Outcome.RETURNED if book.returned else Outcome.PAID,
                word="refunded" if book.returned else "success",
                reference=question.reference,
                amount=book.taken,
                mode=self.mode,
                provider_reference=f"T-{question.reference}",
                capture_key=f"T-{question.reference}",
            )
        if book.tries:
            fingerprint = str(book.tries) if self.names_declines else None
            return Answer(
                outcome=Outcome.DECLINED,
                word="failed",
                reference=question.reference,
                fingerprint=fingerprint,
            )
        return Answer(outcome=Outcome.PAYABLE, word="pending", reference=question.reference)

    async def cancel(self, reference: str) -> Cancelled:
        if self.silent:
            return Cancelled.UNKNOWN
        book = self.books.get(reference)
        if book is None:
            return Cancelled.NOT_FOUND
        if book.taken is not None:
            return Cancelled.UNKNOWN
        book.closed = True
        return Cancelled.CLOSED

    def payer_pays(self, reference: str, amount: Money, *, late: bool) -> None:
        """The money of a payer arrives, if it still can; ``late``: it was under way when the page closed."""
        book = self.books[reference]
        open_for_s = PAYABLE_FOR_S * (2 if late else 1)
        if book.taken is None and (late or not book.closed) and self._now_s - book.opened_at_s < open_for_s:
            book.taken = amount

    def payer_is_declined(self, reference: str) -> None:
        """A payer tries, and is declined."""
        book = self.books[reference]
        if book.taken is None and not book.closed and self._now_s - book.opened_at_s < PAYABLE_FOR_S:
            book.tries += 1

    def gives_back(self, reference: str) -> None:
        """The money goes back, without us."""
        book = self.books[reference]
        book.returned = book.taken is not None

    @property
    def _now_s(self) -> float:
        return self.clock.monotonic() if self.clock else 0.0


@attrs.define
class DoubtfulStorage(MemoryUnitOfWork):
    """Commits whose answer is lost: every other unit of work or so is run again after it was committed."""

    chance: random.Random | None = None
    """None: none is."""

    async def write(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        result = await super().write(work)
        return await super().write(work) if self.chance and self.chance.random() < HALF else result

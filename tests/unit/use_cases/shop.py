"""A shop for the stories told in memory: one order, two providers to script, and short questions to ask."""

import asyncio
import hmac
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any, TypeVar

import attrs
import pytest

from payments.adapters.memory.unit_of_work import MemoryUnitOfWork
from payments.application.answers import Initiated
from payments.application.ports.orders import Order
from payments.application.ports.providers import (
    Cancelled,
    Checkout,
    CheckoutRequest,
    Question,
    RawNotice,
    RefundAnswer,
    RefundRequest,
)
from payments.application.ports.repository import Reads, Transaction
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.records import Claim, Destination, MessageState, Notice
from payments.domain.attempt import Attempt
from payments.domain.errors import (
    AttemptInFlight,
    GatewayError,
    PaymentAlreadyProcessed,
    PaymentInFlight,
    PaymentInReview,
    PaymentsError,
    PaymentSettled,
    StorageUnavailable,
)
from payments.domain.evidence import Answer, Mode, Outcome, Rule
from payments.domain.money import Money
from payments.domain.payment import Payment
from payments.domain.review import ReviewState
from payments.testing import InMemoryPayments, ScriptedProvider
from payments.testing.provider import SECRET, ScriptedRefunds
from tests.unit.use_cases.kept import misshapen

OTHER_MODE = Mode.LIVE
"""The scripted provider lives in the test world."""

NOTHING = Answer(outcome=Outcome.NOTHING, word="HTTP 503")
IN_FLIGHT = Answer(outcome=Outcome.IN_FLIGHT, word="processing")
CLOSED = Answer(outcome=Outcome.CLOSED, word="closed")
NOT_FOUND = Answer(outcome=Outcome.NOT_FOUND, word="not found")
PAYABLE = Answer(outcome=Outcome.PAYABLE, word="pending")


T = TypeVar("T")


@attrs.define
class InterruptedStorage(MemoryUnitOfWork):
    """Lets somebody else do something between what a use-case read or asked and what it writes, once."""

    meanwhile: Callable[[], Awaitable[object]] | None = None
    unheard: bool = False
    """It was written before that, and nobody heard of the commit: the work runs again."""

    async def write(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            if self.unheard:
                await super().write(work)
            await meanwhile()
        return await super().write(work)


@attrs.frozen
class InDoubt(UnitOfWork):
    """A store whose commits are applied although they seem to fail: each unit of work is run again."""

    _store: UnitOfWork

    @property
    def reads(self) -> Reads:
        return self._store.reads

    async def write(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        await self._store.write(work)
        return await self._store.write(work)


@attrs.frozen
class Full(UnitOfWork):
    """A store in which everything can be read, and whose commits fail for want of room."""

    _store: UnitOfWork

    @property
    def reads(self) -> Reads:
        return self._store.reads

    async def write(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        async def no_room(transaction: Transaction) -> T:
            await work(transaction)
            await asyncio.sleep(0)
            raise StorageUnavailable

        return await self._store.write(no_room)


class Death(Exception):
    """The process ends here: nothing after it happens."""


@attrs.define
class HesitatingProvider(ScriptedProvider):
    """A scripted provider that does something, or waits for something, before it answers."""

    before_opening: Callable[[CheckoutRequest], Awaitable[None]] | None = None
    after_opening: Callable[[CheckoutRequest], Awaitable[None]] | None = None
    before_answering: Callable[[Question], Awaitable[None]] | None = None
    forgets_to_cancel: bool = False
    """Gives no usable answer when it is asked to close a page."""

    async def open(self, request: CheckoutRequest) -> Checkout:
        assert misshapen(request) == []
        if self.before_opening is not None:
            await self.before_opening(request)
        checkout = await super().open(request)
        if self.after_opening is not None:
            await self.after_opening(request)
        return checkout

    async def check(self, question: Question) -> Answer:
        assert misshapen(question) == []
        if self.before_answering is not None:
            await self.before_answering(question)
        return await super().check(question)

    def signed(self, body: bytes) -> RawNotice:
        """``body`` as this provider would send it."""
        return RawNotice(
            headers=(("x-signature", hmac.digest(SECRET.encode(), body, "sha256").hex()),), body=body
        )

    async def cancel(self, reference: str) -> Cancelled:
        closed = await super().cancel(reference)
        return Cancelled.UNKNOWN if self.forgets_to_cancel else closed


@attrs.define
class HesitatingRefunds(ScriptedRefunds):
    """Refunds that do something before the request arrives, or before its answer leaves."""

    before_request: Callable[[RefundRequest], Awaitable[None]] | None = None
    after_request: Callable[[RefundRequest], Awaitable[None]] | None = None

    async def request(self, request: RefundRequest) -> RefundAnswer:
        assert misshapen(request) == []
        if self.before_request is not None:
            await self.before_request(request)
        answer = await super().request(request)
        if self.after_request is not None:
            await self.after_request(request)
        return answer


@attrs.frozen
class Shop:
    """The service in memory with ``order_1`` (1000.00 ETB, of ``user_1``) in its orders service."""

    kit: InMemoryPayments
    provider: HesitatingProvider
    other: HesitatingProvider
    """A second provider, called ``other``."""

    async def initiate(
        self, order_id: str = "order_1", *, provider: str = "scripted", user_id: str = "user_1"
    ) -> Initiated:
        initiated = await self.kit.payments.initiate(order_id, user_id, provider)
        assert misshapen(initiated) == []
        return initiated

    async def initiate_refused(self, error: type[PaymentsError], **how: str) -> PaymentsError:
        """What initiate refuses with; it must be exactly ``error``."""
        return await refused(error, self.initiate(**how))

    async def payment(self, order_id: str = "order_1") -> Payment:
        payment = await self.kit.unit_of_work.reads.payment_of_order(order_id)
        assert payment is not None
        return payment

    async def attempt(self, reference: str) -> Attempt:
        payment = await self.kit.unit_of_work.reads.payment_with_reference(reference)
        assert payment is not None
        return payment.attempt(reference)

    async def ask(self, reference: str) -> Payment:
        """Have the provider asked, as an operator would."""
        return await self.kit.payments.settle(reference)

    async def attests(self, reference: str, /, **facts: Any) -> None:
        """The provider says that ``reference`` is paid, with ``facts`` instead of the true ones."""
        self.provider.pays(reference)
        question = Question(reference=reference, provider_reference=None, amount=birr("1000.00"))
        paid = await ScriptedProvider.check(self.provider, question)
        self.provider.calls["check"] -= 1
        self.provider.answers(reference, attrs.evolve(paid, **facts))

    async def attests_returned(self, reference: str) -> None:
        """The provider says that the money of ``reference`` went back."""
        await self.attests(reference, outcome=Outcome.RETURNED, word="refunded")

    def without_email(self, order: Order) -> Order:
        return attrs.evolve(order, customer=attrs.evolve(order.customer, email=None))

    async def hear(
        self, reference: str, claim: Claim = Claim.PAID, *, provider: ScriptedProvider | None = None
    ) -> bool:
        """Receive a signed notice, without working on it yet; False when it was a duplicate."""
        sender = provider or self.provider
        notice = sender.notice(reference, claim, at=self.kit.clock.now().isoformat())
        received = await self.kit.payments.receive_notice(sender.name, notice.headers, notice.body)
        return received.stored

    async def notices(self, reference: str) -> tuple[Notice, ...]:
        return await self.kit.unit_of_work.reads.notices_about(reference)

    async def verdicts(self) -> list[Rule]:
        """The rule of each piece of evidence about ``order_1``, oldest first."""
        payment = await self.payment()
        return [e.rule for e in await self.kit.unit_of_work.reads.evidence_of(payment.payment_id)]

    async def reviews(self) -> list[str]:
        """The kinds of the open reviews about ``order_1``."""
        payment = await self.payment()
        reviews = await self.kit.unit_of_work.reads.reviews_of(payment.payment_id)
        return [review.kind.value for review in reviews if review.state is ReviewState.OPEN]

    async def told(self, destination: Destination = Destination.ORDERS) -> list[str]:
        """What was put out for ``destination`` about ``order_1``, delivered or not, by sequence."""
        payment = await self.payment()
        messages = await self.kit.unit_of_work.reads.messages_of(payment.payment_id)
        return [message.kind for message in messages if message.destination is destination]

    async def deliveries(self) -> list[tuple[int, str, MessageState]]:
        """Sequence, kind and state of every message about ``order_1``."""
        payment = await self.payment()
        messages = await self.kit.unit_of_work.reads.messages_of(payment.payment_id)
        return [(message.sequence, message.kind, message.state) for message in messages]

    async def died_while_claiming(self, *, accepted: bool = True) -> str:
        """The reference of a claim whose process died before the provider's answer could be recorded.

        With ``accepted`` the provider has a page by then.
        """

        async def die(_request: CheckoutRequest) -> None:
            raise Death

        moment = "after_opening" if accepted else "before_opening"
        setattr(self.provider, moment, die)
        with suppress(Death):
            await self.initiate()
        setattr(self.provider, moment, None)
        live = (await self.payment()).live_attempt
        assert live is not None
        return live.reference

    async def pass_minutes(self, minutes: float) -> None:
        """Let the time pass with the worker at work."""
        await self.kit.pass_time(timedelta(minutes=minutes), step=timedelta(seconds=30))

    async def pass_hours(self, hours: float) -> None:
        """Likewise, in steps long enough for a test of days."""
        await self.kit.pass_time(timedelta(hours=hours), step=timedelta(minutes=15))

    def skip(self, **span: float) -> None:
        """Let the time pass with nobody at work."""
        self.kit.clock.advance(timedelta(**span))


def birr(amount: str) -> Money:
    return Money.of(amount, "ETB")


async def refused(error: type[PaymentsError], call: Awaitable[object]) -> PaymentsError:
    """What ``call`` raises; it must be exactly ``error``, and be told in a form that others can read."""
    with pytest.raises(PaymentsError) as raised:
        await call
    told = raised.value
    assert type(told) is error, f"{type(told).__name__}: {told.detail}"
    # What a provider said is repeated as it came.
    in_words = told.detail.endswith(".") and not told.detail.isupper()
    assert in_words or told.detail == told.title or isinstance(told, GatewayError), told.detail
    assert misshapen(told.errors) == []
    in_the_way = (
        AttemptInFlight | PaymentAlreadyProcessed | PaymentInFlight | PaymentInReview | PaymentSettled
    )
    assert "payment_id" in told.facts or not isinstance(told, in_the_way)
    assert all(re.fullmatch("[a-z_]+", name) for name in told.facts), told.facts
    return told


async def turns(count: int = 20) -> None:
    """Let the other tasks take a few turns."""
    for _ in range(count):
        await asyncio.sleep(0)

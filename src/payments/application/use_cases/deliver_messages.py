"""Deliver messages: from the outbox to the orders service and the payer, for as long as it takes."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid5

import attrs

from payments.application.ports.clock import Clock
from payments.application.ports.identifiers import Identifiers
from payments.application.ports.notifier import Notifier
from payments.application.ports.orders import Orders
from payments.application.ports.repository import Transaction
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.recording import record
from payments.application.records import Destination, Message, MessageState
from payments.application.together import Together, all_of
from payments.domain import events as happened
from payments.domain.errors import DeliveryFailed, MessageRefused
from payments.domain.events import ReviewKind
from payments.domain.payment import Change

LEASE: Final = timedelta(seconds=60)
BATCH: Final = 50
_MONEY_IS_HERE: Final = frozenset({"paid", "partially_refunded"})
_ANSWERED: Final = frozenset({MessageState.DELIVERED, MessageState.PARKED})
SLOWEST: Final = timedelta(minutes=5)


@attrs.frozen
class DeliverMessages:
    """Send what was committed, with its own bytes. There is no last try; what is refused is parked."""

    _clock: Clock
    _identifiers: Identifiers
    _notifier: Notifier
    _orders: Orders
    _unit_of_work: UnitOfWork

    async def __call__(self, limit: int = BATCH) -> int:
        """How many messages were tried or found overtaken, at most ``limit``; 0 when none is due."""
        now, token = self._clock.now(), self._identifiers.unique()
        single = self._unit_of_work.single
        taken = await single.lease_messages(now, until=now + LEASE, token=token, limit=limit)
        finish = Together[Message](lambda messages: single.finish_messages(messages, token=token))
        await all_of(
            self._deliver(message, token, finish)
            for message in taken
            if message.state is not MessageState.OVERTAKEN
        )
        return len(taken)

    async def _deliver(self, message: Message, token: UUID, finish: Together[Message]) -> None:
        after = await self._sent(message)
        if not await self._refused_money(after):
            await finish(after)
            return

        async def write(transaction: Transaction) -> None:
            if await transaction.finish_message(after, token=token):
                await self._ask_a_person(transaction, after)

        await self._unit_of_work.write(write)

    async def _refused_money(self, message: Message) -> bool:
        """Whether it was refused for good and is the first to tell the orders service of money that is here.

        A part that went back may have overtaken "paid".
        """
        if message.state is not MessageState.PARKED or message.kind not in _MONEY_IS_HERE:
            return False
        if message.kind == "paid":
            return True
        others = await self._unit_of_work.reads.messages_of(message.payment_id)
        return not any(
            other.kind in _MONEY_IS_HERE
            and other.state in _ANSWERED
            and other.message_id != message.message_id
            for other in others
            if other.destination is Destination.ORDERS
        )

    async def _sent(self, message: Message) -> Message:
        """The message with what became of it."""
        tries = message.tries + 1
        try:
            if message.destination is Destination.ORDERS:
                await self._orders.tell(message)
            else:
                await self._notifier.notify(message)
        except MessageRefused as refusal:
            return attrs.evolve(
                message, tries=tries, state=MessageState.PARKED, next_try_at=None, last_error=refusal.detail
            )
        except DeliveryFailed as failure:
            again = self._clock.now() + _wait(message.message_id, tries, failure.retry_after_s)
            return attrs.evolve(message, tries=tries, next_try_at=again, last_error=failure.detail)
        return attrs.evolve(
            message,
            tries=tries,
            state=MessageState.DELIVERED,
            next_try_at=None,
            delivered_at=self._clock.now(),
            last_error="",
        )

    async def _ask_a_person(self, transaction: Transaction, message: Message) -> None:
        """The orders service will not take "paid": the order was cancelled while the payer paid."""
        locked = await transaction.lock_payment(message.payment_id)
        if locked is None:
            return
        asked = happened.ReviewOpened(
            kind=ReviewKind.PAID_AFTER_CANCEL,
            subject=str(message.payment_id),
            detail=f"The orders service refused the news that it is paid: {message.last_error}",
        )
        now: datetime = self._clock.now()
        change = record(locked, Change(locked, (asked,)), actor="orders", cause="delivery", now=now)
        await transaction.save(change)


def _wait(message_id: UUID, tries: int, asked_for_s: float | None) -> timedelta:
    """1 s doubling to 5 min, spread over half of it by the message's own name: no two march in step."""
    longest = min(SLOWEST, timedelta(seconds=2 ** min(tries - 1, 9)))
    spread = uuid5(message_id, str(tries)).int % 1000 / 2000
    return max(longest * (0.5 + spread), timedelta(seconds=min(asked_for_s or 0.0, 3600.0)))

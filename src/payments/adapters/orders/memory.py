"""An orders service in memory: for tests, and for programs that keep their orders themselves."""

from collections.abc import Iterable

import attrs

from payments.application.ports.orders import Order, Orders
from payments.application.records import Message
from payments.domain.errors import DeliveryFailed, MessageRefused, OrdersUnavailable


@attrs.define
class MemoryOrders(Orders):
    """Orders that are put in, and what they were told, by the rule receivers follow.

    A message seen before, or with a lower sequence than the newest of its order, is answered and ignored.
    ``down`` makes every call fail as an outage does; ``refusing`` makes it refuse every message for good.
    """

    down: bool = attrs.field(default=False, kw_only=True)
    refusing: bool = attrs.field(default=False, kw_only=True)
    _orders: dict[str, Order] = attrs.field(factory=dict, init=False)
    _received: list[Message] = attrs.field(factory=list, init=False)
    _applied: dict[str, Message] = attrs.field(factory=dict, init=False)

    def put(self, *orders: Order) -> None:
        """Add ``orders``, or replace those of the same id."""
        self._orders.update({order.order_id: order for order in orders})

    def remove(self, order_ids: Iterable[str]) -> None:
        """Forget these orders."""
        for order_id in order_ids:
            self._orders.pop(order_id, None)

    @property
    def received(self) -> tuple[Message, ...]:
        """Every message that was answered with yes, repetitions included, oldest first."""
        return tuple(self._received)

    def told(self, order_id: str) -> Message | None:
        """The message that says how ``order_id`` stands: the one with the highest sequence."""
        return self._applied.get(order_id)

    def times_applied(self, order_id: str) -> int:
        """How many messages changed ``order_id``."""
        newest = applied = 0
        for message in self._received:
            if message.order_id == order_id and message.sequence > newest:
                newest = message.sequence
                applied += 1
        return applied

    async def get(self, order_id: str) -> Order | None:
        if self.down:
            raise OrdersUnavailable("The orders service is down.", retry_after_s=1.0)
        return self._orders.get(order_id)

    async def tell(self, message: Message) -> None:
        if self.down:
            raise DeliveryFailed("The orders service is down.")
        if self.refusing:
            raise MessageRefused("The orders service refused the message.")
        self._received.append(message)
        newest = self._applied.get(message.order_id)
        if newest is None or message.sequence > newest.sequence:
            self._applied[message.order_id] = message

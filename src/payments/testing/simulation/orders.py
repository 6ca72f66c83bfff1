"""The orders service: down for days, asked twice, edited and cancelled, and not always willing to be told."""

from collections.abc import Callable
from typing import Final

import attrs

from payments.adapters.orders.memory import MemoryOrders
from payments.application.ports.orders import Order, Orders
from payments.application.records import Message
from payments.domain.errors import DeliveryFailed, MessageRefused, OrdersUnavailable
from payments.domain.money import Money
from payments.domain.payment import Customer
from payments.testing.simulation.behaviours import Behaviour
from payments.testing.simulation.faults import Fault
from payments.testing.simulation.outages import Outage
from payments.testing.simulation.processes import Steps

TIMEOUT_S = 3.0

SLOW_TAB: Final = "slow tab"
"""What requests are called that are held once they have read the order."""


@attrs.define(eq=False)
class SimulatedOrdersService(Orders):
    """What it believes is what it was told; it ignores what is older than what it knows."""

    _steps: Steps
    _outage: Outage
    told: Callable[[Message], None]
    """Called with everything that arrived, before the answer."""
    inside: MemoryOrders = attrs.field(factory=MemoryOrders)
    refused: set[str] = attrs.field(factory=set, init=False)
    """Orders of which it refused a message for good."""
    holds_s: list[float] = attrs.field(factory=list, init=False)
    """For how long the next answers to slow tabs are held."""
    _versions: dict[str, int] = attrs.field(factory=dict, init=False)

    def put(self, order_id: str, user_id: str, amount: Money, *, payable: bool = True) -> None:
        """Put an order in; putting it again changes it and its version."""
        version = self._versions[order_id] = self._versions.get(order_id, 0) + 1
        self.inside.put(
            Order(
                order_id=order_id,
                user_id=user_id,
                amount=amount,
                payable=payable,
                version=f"v{version}",
                customer=Customer(email="sara@shop.et", first_name="Sara", phone_number="0712345678"),
            )
        )

    async def get(self, order_id: str) -> Order | None:
        label = await self._steps.before("orders.get")
        if self._outage.at(label):
            await self._steps.rest(TIMEOUT_S)
            raise OrdersUnavailable("timeout")
        if self._steps.struck(Fault.MALFORMED, label):
            raise OrdersUnavailable("not JSON")
        order = await self.inside.get(order_id)
        self._steps.after(label)
        if self.holds_s and label.startswith(SLOW_TAB):
            # What it says is as old as that when it arrives, and nobody is told.
            self._steps.note(Behaviour.SLOW_TAB, order_id)
            await self._steps.rest(self.holds_s.pop(0))
        return order

    async def tell(self, message: Message) -> None:
        label = await self._steps.before("orders.tell")
        if self._outage.at(label) or self._steps.struck(Fault.REQUEST_LOST, label):
            raise DeliveryFailed("timeout")
        if self._steps.struck(Fault.ORDERS_REFUSE, label):
            self.refused.add(message.order_id)
            raise MessageRefused("HTTP 409")
        self.told(message)
        await self.inside.tell(message)
        self._steps.after(label)
        if self._steps.struck(Fault.ANSWER_LOST, label):
            await self._steps.rest(TIMEOUT_S)
            raise DeliveryFailed("timeout")

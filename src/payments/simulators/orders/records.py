"""What the simulated orders service keeps: orders, and the messages it was sent about them."""

import time
from typing import Any

import attrs

from payments.simulators.documents import Documents
from payments.simulators.orders.seeds import SEEDED_ORDERS, Order

_ORDER = "order"
_MESSAGE = "message"
_TAKEN = "taken"


@attrs.frozen
class Records:
    """Orders by id, messages in the order of their arrival."""

    _documents: Documents

    def seed(self) -> None:
        """Add the seeded orders that are not there yet."""
        for order in SEEDED_ORDERS:
            if self.order(order.id) is None:
                self.put(order)

    def put(self, order: Order) -> None:
        self._documents.put(_ORDER, order.id, attrs.asdict(order))

    def order(self, order_id: str) -> Order | None:
        stored = self._documents.get(_ORDER, order_id)
        return None if stored is None else Order(**stored)

    def orders(self) -> list[Order]:
        return [Order(**stored) for stored in self._documents.all(_ORDER)]

    def add_message(self, **message: Any) -> None:
        self._documents.add(_MESSAGE, {"at": time.time(), **message})
        if message["outcome"] != "refused":
            self._documents.put(_TAKEN, message["webhook_id"], {})

    def messages(self, order_id: str | None = None) -> list[dict[str, Any]]:
        messages = self._documents.all(_MESSAGE)
        return [message for message in messages if order_id in (None, message["order_id"])]

    def has_taken(self, webhook_id: str) -> bool:
        """Say whether a message of this id was answered 200 before."""
        return self._documents.get(_TAKEN, webhook_id) is not None

"""The orders service: what is owed, by whom; and telling it what became of the payment."""

from abc import abstractmethod
from typing import Protocol

import attrs

from payments.application.records import Message
from payments.domain.money import Money
from payments.domain.payment import Customer


@attrs.frozen(kw_only=True)
class Order:
    """An order as its service describes it at this moment."""

    order_id: str
    user_id: str
    amount: Money
    payable: bool
    version: str
    customer: Customer


class Orders(Protocol):
    """The orders service (docs/http.md, "What an orders service has to do")."""

    @abstractmethod
    async def get(self, order_id: str) -> Order | None:
        """The order, or None when there is none. The answer carries the same ``order_id``.

        Raises:
            OrdersUnavailable: no usable answer in time: outage, refusal, or an answer that makes no sense.
        """

    @abstractmethod
    async def tell(self, message: Message) -> None:
        """Deliver ``message`` with its own bytes and its stable id, signed.

        Raises:
            MessageRefused: 409, 410 or 422: the service will never take it.
            DeliveryFailed: anything else but 2xx, or no answer.
        """

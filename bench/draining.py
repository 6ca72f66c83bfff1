"""``python -m bench.draining``: how fast the outbox drains where delivering costs nothing, one process.

The settings are those of the environment; orders service and mail take the places of those it names, and
accept at once. One line of JSON says how many messages were delivered, how long it took, and what CPU.
"""

import asyncio
import json
import time

from payments import Settings, open_payments
from payments.application.ports.notifier import Notifier
from payments.application.ports.orders import Order, Orders
from payments.application.records import Message
from payments.bootstrap import Parts


class TakesAll(Orders, Notifier):
    """An orders service and a mailbox that take everything in no time."""

    async def get(self, order_id: str) -> Order | None:
        """There is nothing to pay here."""
        raise NotImplementedError(order_id)

    async def tell(self, message: Message) -> None:
        """Take it."""

    async def notify(self, message: Message) -> None:
        """Take it."""


async def drain() -> dict[str, float]:
    """Deliver until nothing is due, in the worker's own portions."""
    taking, done = TakesAll(), 0
    async with open_payments(Settings.from_env(), Parts(orders=taking, notifier=taking)) as payments:
        began, spent = time.perf_counter(), time.process_time()
        while delivered := await payments.deliver():
            done += delivered
        took_s, cpu_s = time.perf_counter() - began, time.process_time() - spent
    return {"delivered": done, "took_s": took_s, "cpu_s": cpu_s}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(drain())))

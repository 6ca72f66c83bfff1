"""``python -m bench.draining``: how fast the outbox drains where delivering costs nothing, one process.

With ``--what sweep``, how fast what is due is asked about; the provider is the one of the settings.

The settings are those of the environment; orders service and mail take the places of those it names, and
accept at once. One line of JSON says how much was done, how long it took, and what CPU.
"""

import argparse
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
        _ = order_id
        return None

    async def tell(self, message: Message) -> None:
        """Take it."""

    async def notify(self, message: Message) -> None:
        """Take it."""


async def work(what: str, seconds: float) -> dict[str, float]:
    """Do what is due, in the worker's own portions, until nothing is or the time is up."""
    taking, done = TakesAll(), 0
    async with open_payments(Settings.from_env(), Parts(orders=taking, notifier=taking)) as payments:
        step = payments.deliver if what == "deliver" else payments.sweep
        began, spent = time.perf_counter(), time.process_time()
        while time.perf_counter() - began < seconds and (did := await step()):
            done += did
        took_s, cpu_s = time.perf_counter() - began, time.process_time() - spent
    return {"delivered": done, "took_s": took_s, "cpu_s": cpu_s}


if __name__ == "__main__":
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--what", choices=("deliver", "sweep"), default="deliver")
    words.add_argument("--seconds", type=float, default=300.0, help="stop after so long, whatever is left")
    given = words.parse_args()
    print(json.dumps(asyncio.run(work(given.what, given.seconds))))

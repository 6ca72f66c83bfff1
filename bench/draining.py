"""How fast the outbox drains where delivering costs nothing: :func:`drained` has several processes do it.

``python -m bench.draining`` is one of them; with ``--what sweep`` it asks about what is due, at the provider
of the settings. They are those of the environment; orders service and mail take the places of those it
names, and accept at once. It says that it is ready, waits for a line, and begins; then it says what it did.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack

import attrs

from bench.servers import ROOT, clean
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


@attrs.frozen(kw_only=True)
class Drained:
    """What several processes did together."""

    done: int
    took_s: float
    """From the first beginning to the last end."""
    cpu_s: float
    """Theirs, without the database's."""


def drained(
    environ: Mapping[str, str], *, processes: int, what: str = "deliver", seconds: float = 300.0
) -> Drained:
    """Have so many processes, which begin at once, work until nothing is due or the time is up."""
    command = [sys.executable, "-m", "bench.draining", "--what", what, "--seconds", str(seconds)]
    with ExitStack() as ended:
        working = [
            ended.enter_context(
                subprocess.Popen(
                    command,
                    cwd=ROOT,
                    env={**clean(), **environ},
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
            for _ in range(processes)
        ]
        for process in working:
            ended.callback(process.kill)
        for process in working:
            assert process.stdout is not None
            if not process.stdout.readline():
                raise RuntimeError(f"bench.draining: {process.communicate()[1][-800:]}")
        for process in working:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        told = []
        for process in working:
            out, err = process.communicate(timeout=seconds + 120)
            if process.returncode:
                raise RuntimeError(f"bench.draining: {err[-800:]}")
            told.append(json.loads(out.splitlines()[-1]))
    return Drained(
        done=sum(each["done"] for each in told),
        took_s=max(each["ended_s"] for each in told) - min(each["began_s"] for each in told),
        cpu_s=sum(each["cpu_s"] for each in told),
    )


async def work(what: str, seconds: float) -> dict[str, float]:
    """Do what is due, in the worker's own portions, until nothing is or the time is up."""
    taking, done = TakesAll(), 0
    async with open_payments(Settings.from_env(), Parts(orders=taking, notifier=taking)) as payments:
        step = payments.deliver if what == "deliver" else payments.sweep
        print("ready", flush=True)
        sys.stdin.readline()
        began_s, spent = time.time(), time.process_time()
        while time.time() - began_s < seconds and (did := await step()):
            done += did
        ended_s, cpu_s = time.time(), time.process_time() - spent
    return {"done": done, "began_s": began_s, "ended_s": ended_s, "cpu_s": cpu_s}


if __name__ == "__main__":
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--what", choices=("deliver", "sweep"), default="deliver")
    words.add_argument("--seconds", type=float, default=300.0, help="stop after so long, whatever is left")
    given = words.parse_args()
    print(json.dumps(asyncio.run(work(given.what, given.seconds))))

"""How fast the outbox drains where delivering costs nothing: :func:`drained` has several processes do it.

``python -m bench.draining`` is one of them; with ``--what sweep`` it asks about what is due, at the provider
of the settings. They are those of the environment; orders service and mail take the places of those it
names, and accept at once. It says that it is ready, waits for a line, and begins; then it says what it did.
Its log goes to standard error, as the worker's does: a pipe that nobody reads would fill up and stop it.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from typing import IO

import attrs

from bench.servers import ROOT, clean
from payments import Settings, open_payments
from payments.application.ports.notifier import Notifier
from payments.application.ports.orders import Order, Orders
from payments.application.records import Message
from payments.bootstrap import Parts
from payments.entrypoints.logging import configure_logging


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
        logs = [ended.enter_context(tempfile.TemporaryFile()) for _ in range(processes)]
        working = [
            ended.enter_context(
                subprocess.Popen(
                    command,
                    cwd=ROOT,
                    env={**clean(), **environ},
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                )
            )
            for log in logs
        ]
        for process in working:
            ended.callback(process.kill)
        for process, log in zip(working, logs, strict=True):
            assert process.stdout is not None
            if not process.stdout.readline():
                process.wait()
                raise RuntimeError(f"bench.draining: {_end_of(log)}")
        for process in working:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        told = []
        for process, log in zip(working, logs, strict=True):
            out, _ = process.communicate(timeout=seconds + 120)
            if process.returncode:
                raise RuntimeError(f"bench.draining: {_end_of(log)}")
            told.append(json.loads(out.splitlines()[-1]))
    return Drained(
        done=sum(each["done"] for each in told),
        took_s=max(each["ended_s"] for each in told) - min(each["began_s"] for each in told),
        cpu_s=sum(each["cpu_s"] for each in told),
    )


def _end_of(log: IO[bytes]) -> str:
    """The last of what was written to ``log``."""
    log.seek(0)
    return log.read().decode(errors="replace")[-800:]


async def work(what: str, seconds: float) -> dict[str, float]:
    """Do what is due, in the worker's own portions, until nothing is or the time is up."""
    taking, done, settings = TakesAll(), 0, Settings.from_env()
    configure_logging(settings.logging, sys.stderr)
    async with open_payments(settings, Parts(orders=taking, notifier=taking)) as payments:
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

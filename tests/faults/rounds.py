"""``make faults``: every fault of a network on every way out of the service, under load (T16)."""

import argparse
import asyncio
import random
import secrets
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from tests.crash.blows import Blow, until_ready
from tests.crash.cycles import Account, percentile, say, strike
from tests.e2e.databases import opened
from tests.e2e.outside_world import Outside, outside_world
from tests.e2e.service import imported_once
from tests.e2e.story import Story, open_story
from tests.faults.wire import FAULTS, Wire
from tests.postgres import own_server

FAULT_S = 1.5
OUTAGE_S = 7.0
"""Of the database: longer than anybody waits for the answer to a commit."""


def faults(story: Story, wires: dict[str, Wire]) -> list[tuple[str, Blow]]:
    """Each fault on each wire."""
    return [
        (f"{name}, {fault}", _Blow(story, wire, fault, OUTAGE_S if _is_outage(name, fault) else FAULT_S))
        for name, wire in wires.items()
        for fault in FAULTS
    ]


def _is_outage(name: str, fault: str) -> bool:
    return name == "database" and fault in {"black_hole", "lost_answers"}


class _Blow:
    """A fault for a while; seconds from its end until we are ready again."""

    def __init__(self, story: Story, wire: Wire, fault: str, lasts_s: float) -> None:
        self._story, self._wire, self._fault, self._lasts_s = story, wire, fault, lasts_s

    async def __call__(self) -> float:
        self._wire.break_down(self._fault)
        await asyncio.sleep(self._lasts_s)
        self._wire.lift()
        began = time.monotonic()
        await until_ready(self._story)
        return time.monotonic() - began


async def on_postgres(outside: Outside, rounds: int, seed: int) -> Account:
    """Two that serve and two that work, with a wire to everybody they speak to."""
    simulators = urlsplit(outside.url).port or 0
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory(prefix="payments-faults-"))
        server, url = stack.enter_context(own_server())
        database = stack.enter_context(opened(url))
        wires = {
            "database": Wire(server.port),
            "providers": Wire(simulators),
            "orders": Wire(simulators),
            "mail": Wire(outside.smtp_port),
        }
        for wire in wires.values():
            await stack.enter_async_context(wire.laid())
        providers, orders = (f"http://127.0.0.1:{wires[name].our_port}" for name in ("providers", "orders"))
        more = {
            "PAYMENTS_DATABASE_URL": f"postgresql://payments@127.0.0.1:{wires['database'].our_port}/payments",
            "PAYMENTS_CHAPA_BASE_URL": f"{providers}/chapa/v1",
            "PAYMENTS_PAYSTACK_BASE_URL": f"{providers}/paystack",
            "PAYMENTS_MPESA_BASE_URL": f"{providers}/mpesa",
            "PAYMENTS_ORDERS_URL": f"{orders}/orders",
            "PAYMENTS_SMTP_URL": f"smtp://127.0.0.1:{wires['mail'].our_port}",
        }
        story = await stack.enter_async_context(open_story(outside, database, Path(folder), more))
        await story.two_serving()
        struck = faults(story, wires) * rounds
        random.Random(seed).shuffle(struck)  # noqa: S311 -- a seed is wanted
        return await strike(story, struck, seed)


async def all_of_it(rounds: int, seed: int) -> Account:
    imported_once()
    async with outside_world(retry_unit_s=1.0) as outside:
        return await on_postgres(outside, rounds, seed)


def main(arguments: Sequence[str]) -> int:
    """Exit code 1 when anything was lost or found."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("rounds", type=int, help="how often each fault happens on each wire")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**31), help="who comes, and when")
    wish = parser.parse_args(arguments)
    say(f"faults: seed {wish.seed}")
    account = asyncio.run(all_of_it(wish.rounds, wish.seed))
    for struck, took_s in sorted(account.ready_s.items()):
        say(f"  {struck}: ready at most {percentile(sorted(took_s), 100):.2f} s after its end")
    for found in account.findings:
        say(f"  {found}")
    say(account.last_line("faults"))
    return 1 if account.findings else 0

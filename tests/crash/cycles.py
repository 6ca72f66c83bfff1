"""``make crash``: a load that never ends, blows that do not either, and the account at the end."""

import argparse
import asyncio
import random
import secrets
import sys
import time
from collections.abc import Mapping, Sequence
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs

from payments.bootstrap import migrate_database
from payments.settings import Settings
from tests.crash import blows
from tests.crash.acknowledged import Acknowledged
from tests.crash.blows import Blow
from tests.crash.load import Load, load
from tests.crash.verifying import A_LEASE, file_findings, findings, until_quiet
from tests.e2e.databases import SqliteDatabase, opened
from tests.e2e.outside_world import Outside, outside_world
from tests.e2e.service import imported_once
from tests.e2e.story import Story, open_story
from tests.postgres import own_server

LOOK_EVERY = 25
"""After so many blows the tables are compared with what was acknowledged; in the end everything is."""

READY_WITHIN_S = 2.0
"""The goal for 99 of 100 blows. It is reported, and only what was lost fails the run: machines differ."""


OF_A_HUNDRED = {"sqlite": 40, "postgresql": 40, "its server": 20}
"""How the blows are shared out."""


@attrs.define
class Account:
    """What one stage, or all of them together, came to."""

    ready_s: dict[str, list[float]] = attrs.field(factory=dict)
    """How long each blow took to get over, by what was struck."""
    acknowledged: int = 0
    findings: list[str] = attrs.field(factory=list)

    @property
    def lost(self) -> int:
        return sum(found.startswith("lost: ") for found in self.findings)

    def add(self, other: "Account") -> None:
        for struck, took_s in other.ready_s.items():
            self.ready_s.setdefault(struck, []).extend(took_s)
        self.acknowledged += other.acknowledged
        self.findings += other.findings

    def last_line(self, name: str = "crash") -> str:
        all_s = sorted(took_s for each in self.ready_s.values() for took_s in each)
        return (
            f"{name}: {len(all_s)} cycles, {self.acknowledged:,} acknowledged, {self.lost} lost,"
            f" {len(self.findings) - self.lost} other findings,"
            f" ready again p50 {percentile(all_s, 50):.2f} s, p99 {percentile(all_s, 99):.2f} s"
            f" (max {all_s[-1]:.2f} s)"
        )


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def percentile(in_order: Sequence[float], percent: int) -> float:
    """The smallest of these that so many of a hundred do not exceed."""
    return in_order[max(0, -(-len(in_order) * percent // 100) - 1)]


async def strike(story: Story, struck: Sequence[tuple[str, Blow]], seed: int) -> Account:
    """Deal these blows under load, let it come to rest, and compare everything."""
    account, acknowledged = Account(), Acknowledged()
    chance = random.Random(seed)  # noqa: S311 -- a seed is wanted
    await story.outside.switch_chapa(refunds="allowed", refund_settles_after_s=0.0)
    await story.outside.switch_paystack(refund_step_s=0.0)
    async with load(story, acknowledged, seed) as crowd:
        for number, (what, blow) in enumerate(struck, start=1):
            await _some_time_under_load(crowd, chance.uniform(0.1, 0.7))
            account.ready_s.setdefault(what, []).append(await blow())
            # What the dead had leased is free, and whoever has not died meets others at it.
            story.clock.move(A_LEASE)
            if number % LOOK_EVERY == 0:
                account.findings += (f"lost: {lost}" for lost in acknowledged.lost(story.database))
                say(f"  {number} blows, {acknowledged.count():,} acknowledged")
    account.findings += crowd.defects
    account.findings += await until_quiet(story)
    account.findings += await findings(story, acknowledged)
    account.acknowledged = acknowledged.count()
    return account


async def _some_time_under_load(crowd: Load, seconds: float) -> None:
    """That long, and longer until something was acknowledged: a blow that meets nobody shows nothing."""
    before, deadline = crowd.acknowledged.count(), time.monotonic() + 10.0
    await asyncio.sleep(seconds)
    while crowd.acknowledged.count() == before and time.monotonic() < deadline:  # noqa: ASYNC110 -- as in tests/e2e
        await asyncio.sleep(0.01)


async def on_sqlite(outside: Outside, cycles: int, seed: int, *, fresh: bool) -> Account:
    """One process in front of a file."""
    with TemporaryDirectory(prefix="payments-crash-") as folder:
        database = SqliteDatabase(Path(folder) / "payments.db")
        migrate_database(Settings.from_env({"PAYMENTS_DATABASE_URL": database.url}))
        async with open_story(outside, database, Path(folder), fresh=fresh) as story:
            account = await strike(story, in_turn(blows.on_sqlite(story), cycles), seed)
        account.findings += file_findings(database)
        return account


async def on_postgres(outside: Outside, ours: int, servers: int, seed: int, *, fresh: bool) -> Account:
    """Two processes that serve and two that work, and a PostgreSQL that waits for the disk."""
    with (
        TemporaryDirectory(prefix="payments-crash-") as folder,
        own_server() as (server, url),
        opened(url) as database,
    ):
        async with open_story(outside, database, Path(folder), fresh=fresh) as story:
            await story.two_serving()
            struck = in_turn(blows.on_postgres(story), ours)
            struck += in_turn(blows.of_postgres(story, server), servers)
            random.Random(seed).shuffle(struck)  # noqa: S311 -- a seed is wanted
            return await strike(story, struck, seed)


def in_turn(dealt: Mapping[str, Blow], cycles: int) -> list[tuple[str, Blow]]:
    return list(islice(cycle(dealt.items()), cycles))


async def crash(cycles: int, seed: int, *, fresh: bool) -> Account:
    """All of it: so many blows, shared out over the databases."""
    imported_once()
    on_file = cycles * OF_A_HUNDRED["sqlite"] // 100
    of_servers = cycles * OF_A_HUNDRED["its server"] // 100
    account = Account()
    # Providers come again after a second, not after an hour.
    async with outside_world(retry_unit_s=1.0) as outside:
        say("crash: SQLite")
        account.add(await on_sqlite(outside, on_file, seed, fresh=fresh))
        say("crash: PostgreSQL")
        ours = cycles - on_file - of_servers
        account.add(await on_postgres(outside, ours, of_servers, seed, fresh=fresh))
    return account


def main(arguments: Sequence[str]) -> int:
    """Exit code 1 when anything was lost or found."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("cycles", type=int, help="how many blows in all")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**31), help="who comes, and when")
    parser.add_argument("--fresh", action="store_true", help="every process imports everything anew")
    wish = parser.parse_args(arguments)
    say(f"crash: seed {wish.seed}")
    account = asyncio.run(crash(wish.cycles, wish.seed, fresh=wish.fresh))
    for struck, took_s in account.ready_s.items():
        in_order = sorted(took_s)
        say(
            f"  {struck}: {len(in_order)} times, ready again p50 {percentile(in_order, 50):.2f} s,"
            f" p99 {percentile(in_order, 99):.2f} s"
        )
    for found in account.findings:
        say(f"  {found}")
    say(account.last_line())
    return 1 if account.findings else 0

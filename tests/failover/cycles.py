"""``make failover``: a primary that dies under load, the standby in its place, and the account at the end."""

import argparse
import asyncio
import os
import random
import secrets
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs

from tests.crash.acknowledged import Acknowledged
from tests.crash.cycles import say
from tests.crash.load import load
from tests.crash.verifying import A_LEASE, findings, until_quiet
from tests.e2e.databases import opened
from tests.e2e.outside_world import Outside, outside_world
from tests.e2e.service import imported_once
from tests.e2e.story import Story, open_story, until
from tests.failover import patroni
from tests.failover.nodes import Nodes, OwnNodes, Takeover
from tests.postgres_pair import pair

SERVING_WITHIN_S = 10.0
"""The goal for the first acknowledged write after the promotion. It is reported, and fails nothing."""


@attrs.define
class Account:
    """What so many fail-overs came to."""

    name: str
    takeovers: list[Takeover] = attrs.field(factory=list)
    acknowledged: int = 0
    lost: list[str] = attrs.field(factory=list)
    findings: list[str] = attrs.field(factory=list)

    def last_line(self) -> str:
        served = max(takeover.served_after_s for takeover in self.takeovers)
        died = max(takeover.promoted_after_s for takeover in self.takeovers)
        return (
            f"{self.name}: {len(self.takeovers)} fail-overs, {self.acknowledged:,} acknowledged,"
            f" {len(self.lost)} lost, {len(self.findings)} other findings,"
            f" promoted after at most {died:.1f} s, serving again at most {served:.1f} s after that"
        )


async def fail_over(story: Story, nodes: Nodes, cycles: int, seed: int, account: Account) -> None:
    """So many times: a load, a death, a promotion, and the first write that is acknowledged afterwards."""
    acknowledged = Acknowledged()
    chance = random.Random(seed)  # noqa: S311 -- a seed is wanted
    await story.outside.switch_chapa(refunds="allowed", refund_settles_after_s=0.0)
    await story.outside.switch_paystack(refund_step_s=0.0)
    async with load(story, acknowledged, seed) as crowd:
        for _ in range(cycles):
            await asyncio.sleep(chance.uniform(1.0, 2.0))
            promoted_after_s = await asyncio.to_thread(nodes.lose_the_primary)
            promoted_at, before = time.monotonic(), acknowledged.writes()
            await until(lambda: _writes(acknowledged), lambda now: now > before)  # noqa: B023 -- awaited here
            account.takeovers.append(Takeover(promoted_after_s, time.monotonic() - promoted_at))
            account.lost += acknowledged.lost(story.database)
            story.clock.move(A_LEASE)
            if not nodes.synchronous:
                break
            await asyncio.to_thread(nodes.mend)
    account.acknowledged = acknowledged.count()
    account.findings += crowd.defects
    if nodes.synchronous:
        account.findings += await until_quiet(story)
        told = await findings(story, acknowledged)
        account.lost += (found for found in told if found.startswith("lost: "))
        account.findings += (found for found in told if not found.startswith("lost: "))
        account.acknowledged = acknowledged.count()


async def _writes(acknowledged: Acknowledged) -> int:
    return acknowledged.writes()


async def on_nodes(outside: Outside, nodes: Nodes, account: Account, cycles: int, seed: int) -> Account:
    with TemporaryDirectory(prefix="payments-failover-") as folder, opened(nodes.url) as database:
        async with open_story(outside, database, Path(folder)) as story:
            await story.two_serving()
            await fail_over(story, nodes, cycles, seed, account)
    return account


async def all_of_it(cycles: int, seed: int) -> list[Account]:
    """Our own promotion, with a standby that is waited for and one that is not; then Patroni's."""
    imported_once()
    own, asynchronous = Account("failover, synchronous"), Account("failover, asynchronous")
    by_patroni = Account("failover by Patroni, synchronous")
    async with outside_world(retry_unit_s=1.0) as outside:
        with pair() as both:
            await on_nodes(outside, OwnNodes(both), own, cycles, seed)
        say(own.last_line())
        with pair(synchronous=False) as both:
            await on_nodes(outside, OwnNodes(both), asynchronous, 1, seed)
        say(f"{asynchronous.last_line()} (measured only: nobody waits for that standby)")
        if absent := patroni.missing():
            install = "apt-get install patroni etcd-server"
            say(f"failover by Patroni: NOT RUN, {' and '.join(absent)} missing here ({install})")
            if os.environ.get("CI") == "true":
                own.findings.append("CI leaves nothing out: .ci/run installs what is missing")
            return [own]
        with patroni.patroni_nodes() as nodes:
            # Each waits for a lease of twenty seconds to end.
            await on_nodes(outside, nodes, by_patroni, max(1, cycles // 2), seed)
        say(by_patroni.last_line())
    return [own, by_patroni]


def main(arguments: Sequence[str]) -> int:
    """Exit code 1 when a synchronous fail-over lost anything, or left anything undone."""
    parser = argparse.ArgumentParser(prog="python -m tests.failover", description=__doc__)
    parser.add_argument("cycles", type=int, help="how many fail-overs; by Patroni half as many")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**31), help="who comes, and when")
    wish = parser.parse_args(arguments)
    say(f"failover: seed {wish.seed}")
    accounts = asyncio.run(all_of_it(wish.cycles, wish.seed))
    lost = [found for account in accounts for found in (*account.lost, *account.findings)]
    for found in lost:
        say(f"  {found}")
    return 1 if lost else 0

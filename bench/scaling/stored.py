"""Databases with many payments: how long single questions take, and how fast backlogs go."""

import asyncio
import statistics
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from typing import Final

import psutil

from bench import rows
from bench.draining import drained
from bench.load import PAYER
from bench.measuring import MIB, Family
from bench.place import Place, execute
from bench.scaling.fact import Fact
from bench.servers import Server, clean, ours
from payments import Settings, open_payments

SMALL: Final = 10_000
_ASKED: Final = 300
_BACKLOG: Final = 100_000
_DRAINED_S: Final = 20
_CHECKED_WITHIN_S: Final = 3600.0
_PORTION: Final = 10_000


def fill(url: str, size: int) -> None:
    """Store ``size`` payments of :func:`bench.rows.shop`, by as many processes as there are cores."""
    with ProcessPoolExecutor() as processes:
        portions = [(url, first, min(first + _PORTION, size)) for first in range(0, size, _PORTION)]
        for _ in processes.map(_fill, *zip(*portions, strict=True)):
            pass


def _fill(url: str, first: int, until: int) -> None:
    for portion in rows.together(rows.shop(first, until)):
        rows.write(portion, url)


def depth(place: Place, size: int) -> Iterator[Fact]:
    """The same questions over few payments and over many; then everything that is stored, checked."""
    took: dict[int, dict[str, float]] = {}
    for number in (SMALL, size):
        server = ours(place.url(f"bench_{number}"), 2)
        server.make_tables(execute)
        fill(server.database, number)
        for statement in ("VACUUM ANALYZE", "CHECKPOINT"):
            execute(server.database, statement)
        took[number] = asyncio.run(_questions(server, number))
    for what, few_ms in took[SMALL].items():
        many_ms = took[size][what]
        yield Fact(part="depth", what=f"{what}, p50, {SMALL:,} payments", measured=few_ms, unit=" ms")
        yield Fact(part="depth", what=f"{what}, p50, {size:,} payments", measured=many_ms, unit=" ms")
        yield Fact(part="depth", what=f"{what}, many / few", measured=many_ms / few_ms, unit="x", at_most=1.3)


async def _questions(server: Server, size: int) -> dict[str, float]:
    """Milliseconds at p50, by question, of a service that runs in this process."""
    # Of the load's payer is each tenth; newest first, so what is old is deep.
    deep = size // 100 * 10
    beyond = (rows.shop_at(deep), rows.payment_id_of(deep))
    async with open_payments(Settings.from_env(server.environ)) as payments:
        numbers = [number * 7919 % size for number in range(_ASKED)]
        return {
            "first page of history": await _p50_ms(lambda _: payments.list(PAYER), numbers),
            "page after nine tenths": await _p50_ms(lambda _: payments.list(PAYER, beyond=beyond), numbers),
            "one payment": await _p50_ms(lambda n: payments.get(rows.payment_id_of(n), None), numbers),
            "story by reference": await _p50_ms(
                lambda n: payments.explain.by_reference(rows.reference_of(n)), numbers
            ),
        }


async def _p50_ms(ask: Callable[[int], Awaitable[object]], numbers: list[int]) -> float:
    took = []
    for number in numbers:
        began = time.perf_counter()
        await ask(number)
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


def check(place: Place, size: int) -> Iterator[Fact]:
    """``payments check`` over all that :func:`depth` stored."""
    server = ours(place.url(f"bench_{size}"), 2)
    command = (str(server.command[0]), "check", "--json")
    began, most_mib = time.perf_counter(), 0.0
    # What it finds may be more than a pipe takes that nobody reads.
    with (place.folder / "check.json").open("wb") as found:
        process = subprocess.Popen(
            command, env={**clean(), **server.environ}, stdout=found, stderr=subprocess.STDOUT
        )
    while process.poll() is None:
        if time.perf_counter() - began > _CHECKED_WITHIN_S:
            process.kill()
            process.wait()
            raise RuntimeError(f"payments check took longer than {_CHECKED_WITHIN_S:,.0f} s.")
        for member in Family(process.pid).members():
            # It may end in this very moment.
            with suppress(psutil.NoSuchProcess):
                most_mib = max(most_mib, member.memory_info().rss / MIB)
        time.sleep(0.5)
    took_s = time.perf_counter() - began
    yield Fact(part="check", what="exit code of payments check", measured=process.returncode, at_most=0)
    yield Fact(part="check", what=f"payments checked, of {size:,}", measured=size / took_s, unit="/s")
    yield Fact(part="check", what="most memory", measured=most_mib, unit=" MiB")


def backlogs(place: Place, size: int) -> Iterator[Fact]:
    """An outbox and a sweep with everything due at once, each worked on by two processes for some seconds."""
    count = min(_BACKLOG, size)
    server = ours(place.url("bench_backlog"), 1)
    server.make_tables(execute)
    for portion in rows.together(rows.untold(count // 2)):
        rows.write(portion, server.database)
    for portion in rows.together(rows.due(count, first=count)):
        rows.write(portion, server.database)
    execute(server.database, "VACUUM ANALYZE")
    for what, bound in (("deliver", 10_000.0), ("sweep", None)):
        told = drained(server.environ, processes=2, what=what, seconds=_DRAINED_S)
        yield Fact(
            part="backlogs",
            what=f"{what}, {count:,} due, two processes",
            measured=told.done / told.took_s,
            unit="/s",
            at_least=bound,
        )

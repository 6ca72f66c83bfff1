"""Databases with many payments: how long single questions take, and how fast backlogs go."""

import asyncio
import statistics
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import AsyncExitStack, suppress
from typing import Final

import psutil

from bench import rows
from bench.draining import drained
from bench.load import PAYER
from bench.measuring import MIB, Family
from bench.place import Place, execute
from bench.scaling.fact import Fact
from bench.servers import Server, clean, ours
from payments import Payments, Settings, open_payments

SMALL: Final = 10_000
_TURNS: Final = 20
_ASKED: Final = 100
"""So many times each question is asked in a turn."""
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
    """The same questions over few payments and over many, in turns."""
    servers = {number: ours(place.url(f"bench_{number}"), 2) for number in (SMALL, size)}
    for number, server in servers.items():
        server.make_tables(execute)
        fill(server.database, number)
        for statement in ("VACUUM ANALYZE", "CHECKPOINT"):
            execute(server.database, statement)
    took = asyncio.run(_took_ms(servers))
    for what, few_ms in took[SMALL].items():
        many_ms = took[size][what]
        yield Fact(part="depth", what=f"{what}, p50, {SMALL:,} payments", measured=few_ms, unit=" ms")
        yield Fact(part="depth", what=f"{what}, p50, {size:,} payments", measured=many_ms, unit=" ms")
        yield Fact(part="depth", what=f"{what}, many / few", measured=many_ms / few_ms, unit="x", at_most=1.3)


async def _took_ms(servers: Mapping[int, Server]) -> Mapping[int, Mapping[str, float]]:
    """Milliseconds at p50, by size and question, of services that run in this process.

    They take turns, so that a slow minute of the machine is one for all.
    """
    async with AsyncExitStack() as resources:
        questions = {
            size: _questions(await resources.enter_async_context(open_payments(_settings(server))), size)
            for size, server in servers.items()
        }
        took = {size: {what: list[float]() for what in asked} for size, asked in questions.items()}
        for turn in range(_TURNS):
            for size, asked in questions.items():
                for what, ask in asked.items():
                    numbers = [number * 7919 % size for number in range(turn * _ASKED, (turn + 1) * _ASKED)]
                    took[size][what] += [await _ms(ask, number) for number in numbers]
    return {
        size: {what: statistics.median(each) for what, each in told.items()} for size, told in took.items()
    }


def _settings(server: Server) -> Settings:
    return Settings.from_env(server.environ)


def _questions(payments: Payments, size: int) -> Mapping[str, Callable[[int], Awaitable[object]]]:
    # Of the load's payer is each tenth; newest first, so what is old is deep.
    deep = size // 100 * 10
    beyond = (rows.shop_at(deep), rows.payment_id_of(deep, rows.shop_at(deep)))
    return {
        "first page of history": lambda _: payments.list(PAYER),
        "page after nine tenths": lambda _: payments.list(PAYER, beyond=beyond),
        "one payment": lambda number: payments.get(rows.payment_id_of(number, rows.shop_at(number)), None),
        "story by reference": lambda number: payments.explain.by_reference(rows.reference_of(number)),
    }


async def _ms(ask: Callable[[int], Awaitable[object]], number: int) -> float:
    began = time.perf_counter()
    await ask(number)
    return (time.perf_counter() - began) * 1000


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

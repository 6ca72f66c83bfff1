"""A service that runs: a hot payment, a far provider beside a near one, workers, many writers, a soak."""

import asyncio
import json
import secrets
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import aiohttp
import attrs

from bench import rows
from bench.load import Answers, Load, webhook
from bench.measuring import MIB, Family, first_answer, percentile, stop
from bench.place import Place, execute
from bench.scaling.fact import Fact
from bench.servers import PORT, Server, clean, ours

_ORIGIN: Final = f"http://127.0.0.1:{PORT}"
_AT_ONCE: Final = 64
_WRITERS: Final = 32
_NEAR_C: Final = 8
_CELL_S: Final = 5
_FAR_MS: Final = 2000
_HANDLED_WITHIN_S: Final = 60.0


@attrs.frozen(kw_only=True)
class Running:
    """A service of ours that serves."""

    server: Server
    family: Family
    load: Load
    start_s: float
    log: Path

    def initiate(self, connections: int, seconds: int, provider: str = "chapa") -> Answers:
        """Payments of new orders, in the currency that the provider takes."""
        prefix = "ngn-" if provider == "paystack" else ""
        words = (str(self.load.token), provider, prefix, secrets.token_hex(4))
        return self.load.run(PORT, "initiate", *words, connections=connections, seconds=seconds)

    def read(self, connections: int, seconds: int) -> Answers:
        """The payer's first page."""
        words = (str(self.load.token), "/payments/")
        return self.load.run(PORT, "read", *words, connections=connections, seconds=seconds)

    def count(self, sql: str) -> int:
        """The number that ``sql`` answers."""
        ((number,),) = self.server.query(execute, sql)
        return int(number or 0)


@contextmanager
def running(place: Place, server: Server, waiting: int = 200) -> Iterator[Running]:
    """``server`` on new tables with some payments that wait."""
    server.make_tables(execute)
    for portion in rows.together(rows.waiting(waiting)):
        rows.write(portion, server.database)
    place.around.switch(late_ms="0", word="pending", told="at-once")
    log = place.folder / f"log-{secrets.token_hex(4)}"
    process = server.start(log)
    try:
        start_s = first_answer(PORT, server.ready, process)
        load = Load.of(place.folder)
        yield Running(server=server, family=Family(process.pid), load=load, start_s=start_s, log=log)
    finally:
        stop(process)


def hot(place: Place) -> Iterator[Fact]:
    """Many different webhooks about one payment, all at once: one transition, one message."""
    with running(place, ours(place.url("bench_hot"), 2)) as service:
        place.around.switch(word="success")
        reference = rows.reference_of(7)
        took_ms = asyncio.run(_webhooks_at_once(reference))
        give_up_at = time.perf_counter() + _HANDLED_WITHIN_S
        unhandled = "SELECT count(*) FROM notices WHERE handled_at IS NULL"
        while service.count(unhandled) and time.perf_counter() < give_up_at:
            time.sleep(0.05)
        part, of = "hot payment", f"of {_AT_ONCE} webhooks at once"
        yield Fact(part=part, what=f"p99 of the answer {of}", measured=percentile(took_ms, 0.99), unit=" ms")
        yield Fact(part=part, what=f"not handled {of}", measured=service.count(unhandled), at_most=0)
        for what, sql in (
            ("messages that say it is paid", "SELECT count(*) FROM messages WHERE kind = 'paid'"),
            ("captures", "SELECT count(*) FROM captures"),
        ):
            number = service.count(sql)
            yield Fact(part=part, what=what, measured=number, at_most=1, at_least=1)


async def _webhooks_at_once(reference: str) -> list[float]:
    async def send(client: aiohttp.ClientSession, number: int) -> float:
        body, signature = webhook(reference, charge=f"{number}.00")
        headers = {"Content-Type": "application/json", "X-Chapa-Signature": signature}
        began = time.perf_counter()
        async with client.post(f"{_ORIGIN}/payments/verify/chapa/", data=body, headers=headers) as answer:
            answer.raise_for_status()
        return (time.perf_counter() - began) * 1000

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as client:
        return await asyncio.gather(*(send(client, number) for number in range(_AT_ONCE)))


def far(place: Place) -> Iterator[Fact]:
    """A provider two seconds away, and how little those notice who pay by another or only look."""
    with running(place, ours(place.url("bench_far"), 2)) as service:
        service.initiate(_NEAR_C, 1, "paystack")
        alone = {
            "initiate at the near provider": service.initiate(_NEAR_C, _CELL_S, "paystack"),
            "history": service.read(_NEAR_C, _CELL_S),
        }
        # All as late as each other, they would come back in one crowd every two seconds, and what the others
        # wait for would be the processors.
        place.around.switch(late_ms=str(_FAR_MS), spread="0.5")
        crowd = threading.Thread(target=service.initiate, args=(_AT_ONCE, 2 * _CELL_S + 6))
        crowd.start()
        time.sleep(1)
        beside = {
            "initiate at the near provider": service.initiate(_NEAR_C, _CELL_S, "paystack"),
            "history": service.read(_NEAR_C, _CELL_S),
        }
        crowd.join()
        place.around.switch(late_ms="0", spread="0")
    for what, before in alone.items():
        after, part = beside[what], f"beside a provider {_FAR_MS} ms away"
        yield Fact(part=part, what=f"{what}, p99 alone", measured=before.p99_ms, unit=" ms")
        yield Fact(part=part, what=f"{what}, p99 beside it", measured=after.p99_ms, unit=" ms")
        yield Fact(
            part=part,
            what=f"{what}, beside / alone",
            measured=after.p99_ms / before.p99_ms,
            unit="x",
            at_most=2,
        )


def workers(place: Place) -> Iterator[Fact]:
    """How long a service takes to its first answer, and what a worker weighs after load."""
    for number in (1, 2, 4):
        with running(place, ours(place.url("bench_workers"), number)) as service:
            part = f"{number} worker{'s' if number > 1 else ''}"
            yield Fact(
                part=part, what="start to first answer", measured=service.start_s, unit=" s", at_most=1.5
            )
            service.initiate(16, _CELL_S)
            service.read(16, _CELL_S)
            most_mib, *_ = service.family.own_mib()
            yield Fact(part=part, what="memory of one after load", measured=most_mib, unit=" MiB", at_most=80)


def writers(place: Place) -> Iterator[Fact]:
    """SQLite with many who write at once: nobody starves, and nobody is told that it is busy."""
    with running(place, ours(str(place.folder / "writers.db"), 1)) as service:
        answers = service.initiate(_WRITERS, 2 * _CELL_S)
        part = f"SQLite, {_WRITERS} writers"
        yield Fact(part=part, what="initiate", measured=answers.rate_per_s, unit="/s")
        yield Fact(part=part, what="slowest answer", measured=answers.most_ms, unit=" ms", at_most=500)
        yield Fact(part=part, what="refused", measured=answers.refused, at_most=0)
        log = service.log.read_text(errors="replace")
        busy = sum("SQLITE_BUSY" in line or "database is locked" in line for line in log.splitlines())
        yield Fact(part=part, what="lines of the log that say busy", measured=busy, at_most=0)


def soak(place: Place, minutes: float) -> Iterator[Fact]:
    """Half of what it can do, for long: as fast at the end as at first; nothing grows, and all is whole.

    Each payment is paid when it is asked about, half a minute later, which costs as much again: half of what
    it can do is a quarter of what it can initiate. If nobody paid, each would be asked about ten times in
    five minutes.
    """
    with running(place, ours(place.url("bench_soak"), 2)) as service:
        service.initiate(16, 2)
        rate_per_s = service.initiate(16, _CELL_S).rate_per_s / 4
        place.around.switch(word="success")
        first, last, sizes = asyncio.run(_paced(service, rate_per_s, minutes * 60))
        # While it still serves and works on the rest, as an operator would.
        command = (str(service.server.command[0]), "check")
        checked = subprocess.run(
            command, env={**clean(), **service.server.environ}, capture_output=True, check=False
        )
        began, ended = sizes
        part = f"soak, {minutes:g} min at {rate_per_s:,.0f}/s"
        p99_before, p99_after = percentile(first, 0.99), percentile(last, 0.99)
        yield Fact(part=part, what="p99 of the first minute", measured=p99_before, unit=" ms")
        yield Fact(part=part, what="p99 of the last", measured=p99_after, unit=" ms")
        yield Fact(part=part, what="last / first", measured=p99_after / p99_before, unit="x", at_most=1.5)
        yield Fact(part=part, what="memory of all, early", measured=began[0], unit=" MiB")
        yield Fact(part=part, what="memory, end / early", measured=ended[0] / began[0], unit="x", at_most=1.2)
        yield Fact(part=part, what="open files, early", measured=began[1])
        yield Fact(part=part, what="open files, end - early", measured=ended[1] - began[1], at_most=20)
        yield Fact(part=part, what="exit code of payments check", measured=checked.returncode, at_most=0)


Sizes = tuple[float, float]


async def _paced(
    service: Running, rate_per_s: float, seconds: float
) -> tuple[list[float], list[float], tuple[Sizes, Sizes]]:
    """Latencies in ms of the first and the last sixth (a minute of long ones); sizes after it and at the end.

    Payments are initiated at their instant, however many are under way.
    """
    minute = min(60.0, seconds / 6)
    token, body = service.load.token.read_text(), json.dumps({"provider": "chapa"}).encode()
    run, took, tasks = secrets.token_hex(4), list[tuple[float, float]](), set[asyncio.Task[None]]()

    async def send(client: aiohttp.ClientSession, number: int, at: float) -> None:
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Idempotency-Key": f"soak-{run}-{number}",
        }
        path = f"/payments/initiate/{run}-0000-4000-8000-{number:012x}/"
        async with client.post(f"{_ORIGIN}{path}", data=body, headers=headers) as answer:
            answer.raise_for_status()
        took.append((at, (time.perf_counter() - began - at) * 1000))

    early: Sizes | None = None
    began = time.perf_counter()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as client:
        for number in range(round(rate_per_s * seconds)):
            at = number / rate_per_s
            await asyncio.sleep(max(0.0, began + at - time.perf_counter()))
            if early is None and at > minute:
                early = _sizes(service.family)
            task = asyncio.create_task(send(client, number, at))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await asyncio.gather(*tasks)
    end = _sizes(service.family)
    first = [ms for at, ms in took if at < minute]
    last = [ms for at, ms in took if at >= seconds - minute]
    return first, last, (early or end, end)


def _sizes(family: Family) -> Sizes:
    members = family.members()
    return (
        sum(member.memory_info().rss for member in members) / MIB,
        float(sum(member.num_fds() for member in members)),
    )

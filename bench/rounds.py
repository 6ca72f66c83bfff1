"""One round with one server: fresh tables, then initiate, webhook and history at each concurrency."""

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from bench.load import PAYER, Answers, Load
from bench.measuring import Family, cpu_s, first_answer, stop
from bench.servers import PORT, Server

Execute = Callable[[str, str], list[tuple[object, ...]]]

SETTLED_WITHIN_S: Final = 120.0
WARM_S: Final = 1


@attrs.frozen(kw_only=True)
class Figure:
    """One cell: a server, what was asked of it, over how many connections."""

    server: str
    what: str
    connections: int
    round: int
    late_ms: float
    rate_per_s: float
    """Answers; for webhooks, payments settled with their message queued, until the last one is."""
    p50_ms: float
    p99_ms: float
    most_ms: float
    service_us: float
    """CPU of the service for each."""
    database_us: float
    settled_p99_s: float | None = None
    worker_mib: float
    start_s: float
    refused: int
    rows: int | None = None
    """Rows written, to be compared with ``answers``."""
    answers: int


@attrs.define
class Round:
    """A server that was started on empty tables, and what is asked of it."""

    server: Server
    load: Load
    execute: Execute
    database: Family | None
    connections: Sequence[int]
    seconds: int
    number: int
    late_ms: float
    whats: Sequence[str]
    _start_s: float = attrs.field(init=False, default=0.0)

    def run(self, log: Path) -> Iterator[Figure]:
        """All figures of this round."""
        self.server.make_tables(self.execute)
        process = self.server.start(log)
        try:
            path = "/" if self.server.only_reads else "/payments/"
            self._start_s = first_answer(PORT, path, process)
            time.sleep(0.5)
            yield from self._figures(process)
        finally:
            stop(process)

    def _figures(self, process: subprocess.Popen[bytes]) -> Iterator[Figure]:
        family = Family(process.pid)
        if self.server.only_reads:
            for connections in self.connections:
                yield self._measured(family, "constant", connections, lambda c: self._initiate(c, self.seconds))
            return
        self._initiate(8, WARM_S)
        for connections in self.connections:
            yield self._measured(family, "initiate", connections, lambda c: self._initiate(c, self.seconds))
        if "webhook" in self.whats:
            for connections in self.connections:
                yield self._webhooks(family, connections)
        if "history" in self.whats:
            for connections in self.connections:
                yield self._measured(family, "history", connections, lambda c: self._read(c, "/payments/"))

    def _initiate(self, connections: int, seconds: int) -> Answers:
        return self.load.run(
            PORT, "initiate", str(self.load.token), connections=connections, seconds=seconds
        )

    def _read(self, connections: int, path: str) -> Answers:
        return self.load.run(
            PORT, "read", str(self.load.token), path, connections=connections, seconds=self.seconds
        )

    def _measured(
        self, family: Family, what: str, connections: int, ask: Callable[[int], Answers]
    ) -> Figure:
        counts = what == "initiate"
        rows = self._count(self.server.rows.payments) if counts else None
        before = self._spent(family)
        answers = ask(connections)
        time.sleep(0.2)
        spent = self._spent(family)
        written = None if rows is None else self._count(self.server.rows.payments) - rows
        return self._figure(family, what, connections, answers, before, spent, answers.rate_per_s, rows=written)

    def _webhooks(self, family: Family, connections: int) -> Figure:
        """Webhooks about payments that wait, and how long until the last of them is settled."""
        waiting = self._waiting(connections)
        settled = self._count(self.server.rows.settled)
        before, began = self._spent(family), time.perf_counter()
        file = self.load.webhooks(waiting)
        answers = self.load.run(PORT, "webhook", str(file), connections=connections, seconds=self.seconds)
        if answers.answers > len(waiting):
            raise RuntimeError("Webhooks were sent twice: too few payments waited.")
        while (done := self._count(self.server.rows.settled) - settled) < answers.answers:
            if time.perf_counter() - began > SETTLED_WITHIN_S:
                raise RuntimeError(f"{answers.answers} webhooks were answered, {done} payments are settled.")
            time.sleep(0.02)
        took_s = time.perf_counter() - began
        spent = self._spent(family)
        return self._figure(
            family, "webhook", connections, answers, before, spent, answers.answers / took_s, rows=done
        )

    def _waiting(self, connections: int) -> list[str]:
        """References of enough payments that wait: more are initiated where there are too few."""
        enough = 600 * self.seconds if connections == 1 else 2500 * self.seconds
        while True:
            found = [str(row[0]) for row in self.server.query(self.execute, self.server.rows.waiting)]
            if len(found) >= enough:
                return found
            self._initiate(16, 2)

    def _count(self, sql: str) -> int:
        ((number,),) = self.server.query(self.execute, sql)
        assert isinstance(number, int)
        return number

    def _spent(self, family: Family) -> tuple[float, float]:
        return cpu_s([family]), cpu_s([self.database]) if self.database else 0.0

    def _figure(
        self,
        family: Family,
        what: str,
        connections: int,
        answers: Answers,
        before: tuple[float, float],
        spent: tuple[float, float],
        rate_per_s: float,
        **more: Any,
    ) -> Figure:
        number = max(1, answers.answers)
        return Figure(
            server=self.server.name,
            what=what,
            connections=connections,
            round=self.number,
            late_ms=self.late_ms,
            rate_per_s=rate_per_s,
            p50_ms=answers.p50_ms,
            p99_ms=answers.p99_ms,
            most_ms=answers.most_ms,
            service_us=(spent[0] - before[0]) / number * 1e6,
            database_us=(spent[1] - before[1]) / number * 1e6,
            worker_mib=max(family.own_mib(), default=0.0),
            start_s=self._start_s,
            refused=answers.refused + answers.broken + answers.late,
            answers=answers.answers,
            **more,
        )


__all__ = ["PAYER", "Execute", "Figure", "Round"]

"""One round with one server, on fresh tables with payments that wait.

Webhook, history, one and initiate at each concurrency; for ours sweep and outbox, too; then the two that wait
for the provider again, with it far away.
"""

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import attrs

from bench.load import Answers, Load
from bench.measuring import Family, first_answer, percentile, stop
from bench.neighbours import Neighbours
from bench.servers import PORT, Server

Execute = Callable[[str, str], list[tuple[Any, ...]]]

SETTLED_WITHIN_S: Final = 60.0
"""How long a backlog of webhooks may take; with a far provider what is left then is told in the figure."""
FAR_SETTLED_WITHIN_S: Final = 15.0
SETTLED_LOOK_S: Final = 0.25
STEADY_WITHIN_S: Final = 15.0
WARM_S: Final = 2
"""How long each is asked for each thing before it is measured, so that nothing is done for the first time."""
WARM_C: Final = 16
MOST_PER_S: Final = {1: 1000}
"""Webhooks a second that nobody reaches over so many connections."""
MOST_PER_S_OVER_MANY: Final = 10_000
"""The same over more: with a far provider little is settled meanwhile, and over 5,000 came in."""
MOST_QUESTIONS_PER_S: Final = 5000
"""Questions a second that no sweep reaches."""
FAR_C: Final = 64

_PUT_OFF: Final = (
    "UPDATE attempts SET next_check_at = {now} + 72000000000 WHERE next_check_at < {now} + 36000000000"
)
_MAKE_DUE: Final = (
    "UPDATE attempts SET next_check_at = claimed_at WHERE reference IN"
    " (SELECT reference FROM attempts WHERE status = 'open' LIMIT {most})"
)


@attrs.frozen(kw_only=True)
class Figure:
    """One cell: a server, what was asked of it, over how many connections."""

    server: str
    what: str
    connections: int
    round: int
    late_ms: float = 0.0
    rate_per_s: float
    """Answers; for webhooks, payments settled with their message queued, until the last one is."""
    p50_ms: float | None = None
    p99_ms: float | None = None
    most_ms: float | None = None
    service_us: float | None = None
    """CPU of the service for each."""
    database_us: float | None = None
    settled_p99_ms: float | None = None
    """From a webhook's arrival to its payment's success on disk, where the answer does not wait for it."""
    worker_mib: float | None = None
    start_s: float | None = None
    refused: int = 0
    broken: int = 0
    """Connections that were refused or broken off."""
    overdue: int = 0
    """Answers that took longer than ten seconds, and are in no percentile."""
    left: int = 0
    """Webhooks that were answered and not settled yet when this gave up waiting."""
    answers: int
    rows: int | None = None
    """Rows written, to be compared with ``answers``."""

    @property
    def mismatch(self) -> str | None:
        """What the rows say against the answers, if they do.

        Requests under way when the time is up leave rows and no answer: as many as there are connections. One
        that was refused may have left its claim.
        """
        if self.rows is None:
            return None
        least = self.answers - self.refused - self.left
        if least <= self.rows <= least + self.refused + self.connections:
            return None
        return (
            f"round {self.round + 1}, {self.server}, {self.what}, c={self.connections}:"
            f" {self.answers} answers ({self.refused} refused), {self.rows} rows"
        )


@attrs.define(kw_only=True)
class Round:
    """A server that was started on seeded tables, and what is asked of it."""

    server: Server
    load: Load
    execute: Execute
    neighbours: Neighbours
    database: Family | None
    connections: Sequence[int]
    seconds: int
    number: int
    whats: Sequence[str]
    lates_ms: Sequence[float]
    seeds: int
    """How many payments wait."""
    template: str | None = None
    """A database in which they do, for a service of ours."""
    _start_s: float = attrs.field(init=False, default=0.0)

    def run(self, log: Path) -> Iterator[Figure]:
        """All figures of this round."""
        self._seed()
        self.neighbours.switch(late_ms="0", word="pending", told="held")
        process = self.server.start(log)
        try:
            self._start_s = first_answer(PORT, self.server.ready, process)
            time.sleep(0.5)
            yield from self._figures(Family(process.pid))
        finally:
            with suppress(OSError):
                self.neighbours.switch(late_ms="0", word="pending", told="at-once")
            stop(process)

    def _seed(self) -> None:
        if self.template is not None:
            self.server.copy_of(self.template, self.execute)
        else:
            self.server.make_tables(self.execute)
            if self.server.seed is not None:
                self.server.change(self.execute, self.server.seed(self.seeds))
        if self.server.on_postgres:
            self.execute(self.server.database, "CHECKPOINT")
            self._count_rows()

    def _count_rows(self) -> None:
        """Have PostgreSQL count its rows now, as it does by itself a minute after they came."""
        if self.server.on_postgres:
            self.execute(self.server.database, "ANALYZE")

    def _figures(self, family: Family) -> Iterator[Figure]:
        if not self.server.database:
            for connections in self.connections:
                yield self._asked(family, "constant", connections, self._initiate)
            return
        near = 0.0 in self.lates_ms
        self._initiate(WARM_C, WARM_S)
        self._read(WARM_C, "/payments/", WARM_S)
        if near and "webhook" in self.whats:
            self._webhooks(family, WARM_C, WARM_S)
        self._put_off()
        self._count_rows()
        if near and "webhook" in self.whats:
            for connections in self.connections:
                yield self._webhooks(family, connections, self.seconds)
        if near:
            yield from self._reads(family)
        if near and "initiate" in self.whats:
            for connections in self.connections:
                yield self._asked(family, "initiate", connections, self._initiate, counts=True)
        if near and self.server.is_ours:
            yield from self._work(family)
        for late_ms in filter(None, self.lates_ms):
            yield from self._far(family, late_ms)

    def _reads(self, family: Family) -> Iterator[Figure]:
        if "history" in self.whats:
            for connections in self.connections:
                yield self._asked(family, "history", connections, lambda c, s: self._read(c, "/payments/", s))
        if "one" in self.whats:
            ((one,),) = self.server.query(self.execute, self.server.rows.one)
            for connections in self.connections:
                yield self._asked(
                    family, "one", connections, lambda c, s: self._read(c, f"/payments/{one}/", s)
                )

    def _far(self, family: Family, late_ms: float) -> Iterator[Figure]:
        """The two that wait for a provider, with one that is far away."""
        seconds = self.seconds if late_ms < 1000 else max(self.seconds, round(late_ms * 3 / 1000))
        self.neighbours.switch(late_ms=str(late_ms))
        if "initiate" in self.whats:
            asked = self._asked(family, "initiate", FAR_C, self._initiate, seconds=seconds, counts=True)
            time.sleep(late_ms / 1000)
            yield attrs.evolve(asked, late_ms=late_ms)
        if "webhook" in self.whats:
            yield attrs.evolve(self._webhooks(family, FAR_C, seconds, far=True), late_ms=late_ms)
        self.neighbours.switch(late_ms="0")

    def _initiate(self, connections: int, seconds: int) -> Answers:
        words = (str(self.load.token), "chapa", "", secrets.token_hex(4))
        return self.load.run(PORT, "initiate", *words, connections=connections, seconds=seconds)

    def _read(self, connections: int, path: str, seconds: int) -> Answers:
        words = (str(self.load.token), path)
        return self.load.run(PORT, "read", *words, connections=connections, seconds=seconds)

    def _asked(
        self,
        family: Family,
        what: str,
        connections: int,
        ask: Callable[[int, int], Answers],
        *,
        seconds: int | None = None,
        counts: bool = False,
    ) -> Figure:
        before_rows = self._count(self.server.rows.payments) if counts else 0
        before = self._spent(family)
        answers = ask(connections, seconds or self.seconds)
        written = self._steady(self.server.rows.payments) - before_rows if counts else None
        spent = self._spent(family)
        if counts:
            self._put_off()
        return self._figure(
            family,
            what,
            connections,
            answers,
            (before, spent),
            # What was under way when the time was up has cost CPU, too.
            number=written,
            rate_per_s=answers.rate_per_s,
            rows=written,
        )

    def _webhooks(self, family: Family, connections: int, seconds: int, *, far: bool = False) -> Figure:
        """Webhooks about payments that wait, and how long until the last of them is settled."""
        waiting = [str(row[0]) for row in self.server.query(self.execute, self.server.rows.waiting)]
        waiting = waiting[: most_webhooks(connections, seconds)]
        # What was under way when the time of the cell before was up is not of this one.
        settled = self._steady(self.server.rows.settled)
        file = self.load.webhooks(waiting)
        self.neighbours.switch(word="success")
        since, before = time.time_ns() // 1000, self._spent(family)
        answers = self.load.run(PORT, "webhook", str(file), connections=connections, seconds=seconds)
        if answers.answers > len(waiting):
            raise RuntimeError(
                f"{self.server.name} answered {answers.answers} webhooks, and only {len(waiting)} payments"
                " waited: raise MOST_PER_S in bench/rounds.py."
            )
        give_up_at = time.perf_counter() + (FAR_SETTLED_WITHIN_S if far else SETTLED_WITHIN_S)
        sent = answers.answers - answers.refused
        while (done := self._count(self.server.rows.settled) - settled) < sent:
            if time.perf_counter() > give_up_at:
                break
            # Looking costs the database something, too; how long it took is read from the rows.
            time.sleep(SETTLED_LOOK_S)
        spent, took_s = self._spent(family), self._settled_in_s(since, answers)
        settled_p99_ms = self._settled_p99_ms(since)
        # Told "pending", what was under way when the time was up would come back during a cell to come.
        self._steady(self.server.rows.settled)
        self.neighbours.switch(word="pending")
        return self._figure(
            family,
            "webhook",
            connections,
            answers,
            (before, spent),
            number=done,
            rate_per_s=done / took_s,
            rows=done,
            left=max(0, sent - done),
            settled_p99_ms=settled_p99_ms,
        )

    def _settled_in_s(self, since: int, answers: Answers) -> float:
        """How long settling took, the last included; for those that settle first, as long as the answers."""
        if self.server.rows.settled_in is not None:
            ((took_us,),) = self.server.query(self.execute, self.server.rows.settled_in.format(since=since))
            # None when nothing came.
            return max(int(took_us or 0), answers.us) / 1e6
        return answers.us / 1e6

    def _settled_p99_ms(self, since: int) -> float | None:
        if self.server.rows.settled_after is None:
            return None
        found = self.server.query(self.execute, self.server.rows.settled_after.format(since=since))
        return percentile([row[0] / 1000 for row in found], 0.99) if found else None

    def _work(self, family: Family) -> Iterator[Figure]:
        """What nobody but ours has: the sweep and the outbox, over HTTP and as fast as they go."""
        if "sweep" in self.whats and self.server.on_postgres:
            most = MOST_QUESTIONS_PER_S * self.seconds
            self.server.change(self.execute, _MAKE_DUE.format(most=most))
            yield self._until_later(family, "sweep", "SELECT sum(checks) FROM attempts", "verify")
            self._put_off()
        if "outbox" in self.whats:
            self.neighbours.switch(told="at-once")
            delivered = "SELECT count(*) FROM messages WHERE state = 'delivered' AND destination = 'orders'"
            yield self._until_later(family, "outbox", delivered, "told")
            self.neighbours.switch(told="held")

    def _put_off(self) -> None:
        """Let no question fall due for hours: what one costs is the sweep's cell.

        Half a minute after a payment was begun ours asks about it, and the peers never do: those begun in one
        cell would be asked about in whichever comes then, and make its figure one of both.
        """
        if self.server.is_ours:
            self.server.change(self.execute, _PUT_OFF.format(now=time.time_ns() // 1000))

    def _until_later(self, family: Family, what: str, sql: str, asked: str) -> Figure:
        """How much is done in the time of a cell, by ``sql`` and by what the neighbours were asked."""
        rows_before, asked_before = self._count(sql), self.neighbours.count(asked)
        before, began = self._spent(family), time.perf_counter()
        time.sleep(self.seconds)
        took_s, spent = time.perf_counter() - began, self._spent(family)
        seen, written = self.neighbours.count(asked) - asked_before, self._count(sql) - rows_before
        answers = Answers(answers=seen, us=round(took_s * 1e6), p50_ms=0, p99_ms=0, most_ms=0)
        figure = self._figure(
            family, what, 0, answers, (before, spent), number=seen, rate_per_s=seen / took_s
        )
        # Asked and not yet written, or written between the two looks: at most what is leased at once.
        leased = 100 * 4
        rows_seen = seen if abs(written - seen) <= leased else written
        return attrs.evolve(figure, p50_ms=None, p99_ms=None, most_ms=None, rows=rows_seen)

    def _count(self, sql: str) -> int:
        ((number,),) = self.server.query(self.execute, sql)
        return int(number or 0)

    def _steady(self, sql: str) -> int:
        """The number once it stays: what was under way when the time was up is not of the next cell."""
        give_up_at, number = time.perf_counter() + STEADY_WITHIN_S, self._count(sql)
        while time.perf_counter() < give_up_at:
            time.sleep(0.3)
            before, number = number, self._count(sql)
            if number == before:
                break
        return number

    def _spent(self, family: Family) -> tuple[float, float]:
        return family.cpu_s(), self.database.cpu_s() if self.database else 0.0

    def _figure(
        self,
        family: Family,
        what: str,
        connections: int,
        answers: Answers,
        spent: tuple[tuple[float, float], tuple[float, float]],
        *,
        number: int | None = None,
        **more: Any,
    ) -> Figure:
        (service, database), (service_after, database_after) = spent
        each = max(1, answers.answers if number is None else number)
        return Figure(
            server=self.server.name,
            what=what,
            connections=connections,
            round=self.number,
            p50_ms=answers.p50_ms,
            p99_ms=answers.p99_ms,
            most_ms=answers.most_ms,
            service_us=(service_after - service) / each * 1e6,
            database_us=(database_after - database) / each * 1e6 if self.database else None,
            worker_mib=max(family.own_mib(), default=0.0),
            start_s=self._start_s,
            refused=answers.refused,
            broken=answers.broken,
            overdue=answers.late,
            answers=answers.answers,
            **more,
        )


def most_webhooks(connections: int, seconds: int) -> int:
    """More than anybody answers in ``seconds``."""
    return MOST_PER_S.get(connections, MOST_PER_S_OVER_MANY) * seconds


def seeds_needed(connections: Sequence[int], lates_ms: Sequence[float], seconds: int) -> int:
    """How many payments have to wait for the webhooks of a whole round."""
    near = sum(most_webhooks(each, seconds) for each in connections) if 0.0 in lates_ms else 0
    near += most_webhooks(WARM_C, WARM_S) if near else 0
    far = sum(most_webhooks(FAR_C, max(seconds, round(late * 3 / 1000))) for late in lates_ms if late)
    return near + far

"""What has to be reached: each goal with what was measured, "least" and "goal" reached or not."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import attrs

from bench.rounds import Figure
from bench.tables import DJANGO, FASTAPI, FLOOR, Cell, median, ratio

OURS: Final = "payments, PostgreSQL, 2 workers"
ON_SQLITE: Final = "payments, SQLite, 1 worker"
_PLAIN: Final = "Starlette threads"
_DRAIN: Final = "payments, outbox alone, PostgreSQL"

Measure = Callable[[Sequence[Figure]], float | None]


@attrs.frozen(kw_only=True)
class Goal:
    """One line: at least (or, for ``lower``, at most) ``least``, and better ``goal``."""

    name: str
    least: float
    goal: float
    measured: float | None
    unit: str = "x"
    lower: bool = False

    def reached(self, bound: float) -> bool | None:
        """Whether what was measured keeps ``bound``; None where nothing was measured."""
        if self.measured is None:
            return None
        return self.measured <= bound if self.lower else self.measured >= bound


def _against(
    name: str,
    to: str,
    what: str,
    field: str,
    *bounds: float,
    c: int = 16,
    late_ms: float = 0,
    server: str = OURS,
) -> Callable[[Sequence[Figure]], Goal]:
    least, goal = bounds
    lower = field != "rate_per_s"

    def measured(figures: Sequence[Figure]) -> Goal:
        found = ratio(figures, server, to, Cell(what, late_ms, c), field)
        return Goal(name=name, least=least, goal=goal, measured=found, lower=lower)

    return measured


def _flat(
    name: str, server: str, cell: Cell, field: str, unit: str, *bounds: float
) -> Callable[[Sequence[Figure]], Goal]:
    least, goal = bounds

    def measured(figures: Sequence[Figure]) -> Goal:
        found = median(figures, server, cell, field)
        lower = field != "rate_per_s"
        return Goal(name=name, least=least, goal=goal, measured=found, unit=unit, lower=lower)

    return measured


# The first bound is the least that counts as done, the second the goal.
_GOALS: Final = (
    _against("initiate, requests/s against Django", DJANGO, "initiate", "rate_per_s", 2.0, 3.0),
    _against("webhook until settled, /s against Django", DJANGO, "webhook", "rate_per_s", 3.0, 5.0),
    _against(
        "history page, requests/s against Django (c = 64)", DJANGO, "history", "rate_per_s", 3.0, 6.0, c=64
    ),
    _against("CPU of the service against Django, initiate", DJANGO, "initiate", "service_us", 0.40, 0.25),
    _against("CPU of the service against Django, webhook", DJANGO, "webhook", "service_us", 0.30, 0.18),
    _against("CPU of the service against Django, history", DJANGO, "history", "service_us", 0.25, 0.15),
    _against("p99 against Django, initiate", DJANGO, "initiate", "p99_ms", 0.5, 0.25),
    _against("p99 of the answer against Django, webhook", DJANGO, "webhook", "p99_ms", 0.5, 0.25),
    _against(
        "provider 50 ms away, initiate (c = 64)", DJANGO, "initiate", "rate_per_s", 3.0, 5.0, c=64, late_ms=50
    ),
    _against(
        "provider 50 ms away, webhook (c = 64)", DJANGO, "webhook", "rate_per_s", 3.0, 5.0, c=64, late_ms=50
    ),
    _against("share of the pgbench floor, initiate", FLOOR, "initiate", "rate_per_s", 0.15, 0.30),
    _against("share of the pgbench floor, webhook", FLOOR, "webhook", "rate_per_s", 0.15, 0.30),
    _against("against FastAPI + ORM + httpx, initiate", FASTAPI, "initiate", "rate_per_s", 2.5, 4.0),
    _against("against FastAPI + ORM + httpx, webhook", FASTAPI, "webhook", "rate_per_s", 3.0, 5.0),
    _against(
        *("SQLite against plain threads, initiate", _PLAIN, "initiate", "rate_per_s", 1.5, 2.5),
        server=ON_SQLITE,
    ),
    _against(
        *("SQLite against plain threads, webhook", _PLAIN, "webhook", "rate_per_s", 1.5, 2.5),
        server=ON_SQLITE,
    ),
    _flat("SQLite, p99 of initiate", ON_SQLITE, Cell("initiate", 0, 16), "p99_ms", " ms", 100, 100),
    _flat(
        "outbox drain without delivery cost", _DRAIN, Cell("drain", 0, 0), "rate_per_s", "/s", 10_000, 30_000
    ),
    _flat("memory per worker after load", OURS, Cell("initiate", 0, 16), "worker_mib", " MiB", 80, 64),
    _flat("start to first answer", OURS, Cell("initiate", 0, 16), "start_s", " s", 1.5, 0.7),
)


def goals(figures: Sequence[Figure]) -> tuple[Goal, ...]:
    """Every goal of ``make bench`` with what these figures say of it."""
    return tuple(goal(figures) for goal in _GOALS)


def goals_table(found: Iterable[Goal]) -> str:
    """A line for each goal, in Markdown."""
    lines = ["| goal | measured | least | goal | |", "|---|---|---|---|---|"]
    for goal in found:
        measured = "not measured" if goal.measured is None else _amount(goal.measured, goal)
        lines.append(
            f"| {goal.name} | {measured} | {_amount(goal.least, goal)} | {_amount(goal.goal, goal)}"
            f" | {_verdict(goal)} |"
        )
    return "\n".join(lines) + "\n"


def _amount(value: float, goal: Goal) -> str:
    digits = 0 if value >= 100 else 2
    return f"{value:,.{digits}f}{goal.unit}"


def _verdict(goal: Goal) -> str:
    if goal.measured is None:
        return ""
    if goal.reached(goal.goal):
        return "goal reached"
    return "least reached" if goal.reached(goal.least) else "**not reached**"

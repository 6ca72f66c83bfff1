"""Figures as tables: medians over the rounds, and ratios within a round."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import attrs

from bench.rounds import Figure

DJANGO: Final = "Django"
FASTAPI: Final = "FastAPI"
FLOOR: Final = "pgbench"
_AGAINST: Final = (DJANGO, FASTAPI, FLOOR)

_COLUMNS: Final = (
    ("rate_per_s", "a second", 0),
    ("p50_ms", "p50 ms", 1),
    ("p99_ms", "p99 ms", 1),
    ("settled_p99_ms", "settled p99 ms", 0),
    ("service_us", "CPU us", 0),
    ("database_us", "database us", 0),
    ("worker_mib", "MiB", 0),
    ("start_s", "start s", 2),
    ("refused", "refused", 0),
    ("broken", "broken", 0),
    ("overdue", "overdue", 0),
    ("left", "left", 0),
)


@attrs.frozen(order=True)
class Cell:
    """What was asked, how far the provider was, and over how many connections."""

    what: str
    late_ms: float
    connections: int

    @classmethod
    def of(cls, figure: Figure) -> "Cell":
        """The cell a figure is in."""
        return cls(figure.what, figure.late_ms, figure.connections)


def median(figures: Iterable[Figure], server: str, cell: Cell, name: str) -> float | None:
    """The median over the rounds of a field, for the first server whose name has ``server`` in it."""
    found = list(by_round(figures, server, cell, name).values())
    return statistics.median(found) if found else None


def ratio(figures: Sequence[Figure], server: str, to: str, cell: Cell, name: str) -> float | None:
    """The median of the ratios of one server to another within each round; None where one is missing."""
    ours, theirs = by_round(figures, server, cell, name), by_round(figures, to, cell, name)
    found = [ours[number] / theirs[number] for number in ours if theirs.get(number)]
    return statistics.median(found) if found else None


def by_round(figures: Iterable[Figure], server: str, cell: Cell, name: str) -> dict[int, float]:
    """A field of each round that has it."""
    return {
        figure.round: value
        for figure in figures
        if server in figure.server
        and Cell.of(figure) == cell
        and (value := getattr(figure, name)) is not None
    }


def table(figures: Sequence[Figure]) -> str:
    """All medians, in Markdown: a table for each thing that was asked."""
    lines: list[str] = []
    for what in dict.fromkeys(figure.what for figure in figures):
        cells = sorted({Cell.of(figure) for figure in figures if figure.what == what})
        lines += ["", f"### {what}", "", *_one_table(figures, cells)]
    return "\n".join(lines).lstrip("\n") + "\n"


def _one_table(figures: Sequence[Figure], cells: Sequence[Cell]) -> Iterable[str]:
    of_these = [figure for figure in figures if Cell.of(figure) in cells]
    columns = [each for each in _COLUMNS if any(getattr(figure, each[0]) for figure in of_these)]
    against = [
        name
        for name in _AGAINST
        if any(name in figure.server for figure in of_these)
        and len({figure.server for figure in of_these}) > 1
    ]
    titles = [
        "c",
        "provider ms",
        "server",
        *(title for _, title, _ in columns),
        *(f"/ {name}" for name in against),
    ]
    yield f"| {' | '.join(titles)} |"
    yield f"|{'---|' * len(titles)}"
    for cell in cells:
        servers = dict.fromkeys(figure.server for figure in of_these if Cell.of(figure) == cell)
        for server in sorted(servers, key=lambda name: -(median(figures, name, cell, "rate_per_s") or 0)):
            shown = [_shown(median(figures, server, cell, name), digits) for name, _, digits in columns]
            ratios = [_times(ratio(figures, server, name, cell, "rate_per_s")) for name in against]
            first = [str(cell.connections or "-"), f"{cell.late_ms:.0f}", server]
            yield f"| {' | '.join([*first, *shown, *ratios])} |"


def heading(about: Mapping[str, str]) -> str:
    """Names and values in one line."""
    return ", ".join(f"{name}: {value}" for name, value in about.items())


def _shown(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


def _times(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}x"

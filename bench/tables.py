"""Figures as tables: medians over the rounds, and ratios within one run."""

import statistics
from collections.abc import Iterable, Mapping, Sequence

from bench.rounds import Figure


def medians(figures: Iterable[Figure], name: str) -> dict[tuple[str, str, int], float]:
    """The median of a field over the rounds, by server, what was asked, and connections."""
    values: dict[tuple[str, str, int], list[float]] = {}
    for figure in figures:
        values.setdefault((figure.server, figure.what, figure.connections), []).append(getattr(figure, name))
    return {cell: statistics.median(found) for cell, found in values.items()}


def table(figures: Sequence[Figure], machine: Mapping[str, str]) -> str:
    """All medians, in Markdown."""
    names = ("rate_per_s", "p50_ms", "p99_ms", "service_us", "database_us", "worker_mib", "start_s", "refused")
    by_name = {name: medians(figures, name) for name in names}
    lines = [
        ", ".join(f"{name}: {value}" for name, value in machine.items()),
        "",
        "| what | c | server | a second | p50 ms | p99 ms | CPU us | database us | MiB | start s | refused |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    cells = sorted(by_name["rate_per_s"], key=lambda cell: (cell[1], cell[2], -by_name["rate_per_s"][cell]))
    for cell in cells:
        server, what, connections = cell
        shown = " | ".join(
            f"{by_name[name][cell]:,.{digits}f}"
            for name, digits in zip(names, (0, 1, 1, 0, 0, 0, 2, 0), strict=True)
        )
        lines.append(f"| {what} | {connections} | {server} | {shown} |")
    return "\n".join(lines) + "\n"

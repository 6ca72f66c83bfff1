"""``make bench``: everything side by side, in interleaved rounds, in a table and in JSON."""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import attrs

from bench import floors, goals, rows
from bench.load import Load
from bench.measuring import end_in_order_when_told, machine, versions
from bench.neighbours import neighbours
from bench.place import Place, execute
from bench.postgres import measured_server, postmaster
from bench.rounds import Figure, Round, seeds_needed
from bench.servers import OUTSIDE_PORT, PEERS, missing
from bench.tables import heading, table

WHATS: Final = ("webhook", "history", "one", "initiate", "sweep", "outbox", "drain")
UNTOLD: Final = 3000
"""Payments whose messages the outbox drains without delivery cost: two messages each."""


def main(words: Sequence[str] | None = None) -> int:
    """Measure and print; 1 if something is missing, or if rows and answers do not agree."""
    given = _arguments(words)
    if (lacking := missing(peers=not given.smoke)) is not None:
        sys.stderr.write(f"{lacking}\n")
        return 1
    end_in_order_when_told()
    with ExitStack() as resources:
        # On disk as a database is: what lies in memory commits for nothing.
        made = resources.enter_context(
            tempfile.TemporaryDirectory(prefix="payments-bench-", dir=given.folder)
        )
        postgres = None if given.smoke else resources.enter_context(measured_server(execute))
        place = Place(
            folder=Path(made), postgres=postgres, around=resources.enter_context(neighbours(OUTSIDE_PORT))
        )
        about = machine(place.folder) | versions(PEERS)
        if postgres is not None:
            about["PostgreSQL"] = str(execute(postgres.url(), "SHOW server_version")[0][0])
        figures = list(_said(_measure(given, place)))
    found = goals.goals(figures)
    mismatches = [each for figure in figures if (each := figure.mismatch)]
    report = {
        "about": about,
        "arguments": vars(given),
        "figures": [attrs.asdict(each) for each in figures],
        "goals": [attrs.asdict(each) for each in found],
        "mismatches": mismatches,
    }
    if given.json:
        Path(given.json).write_text(json.dumps(report, indent=1, default=str))
    rounds = f"{given.rounds} rounds, {given.seconds} s a cell; medians, ratios within a round\n"
    sys.stdout.write(
        f"{heading(about)}\n\n{rounds}\n{table(figures)}\n### goals\n\n{goals.goals_table(found)}"
    )
    for mismatch in mismatches:
        sys.stderr.write(f"Rows and answers do not agree: {mismatch}\n")
    return 1 if mismatches else 0


def _measure(given: argparse.Namespace, place: Place) -> Iterator[Figure]:
    load = Load.of(place.folder)
    seeds = (
        seeds_needed(given.connections, given.lates_ms, given.seconds) if "webhook" in given.whats else 100
    )
    _say(f"storing {seeds:,} payments that wait ...")
    waiting = place.fill("waiting", rows.together(rows.waiting(seeds)))
    untold = (
        place.fill("untold", rows.together(rows.untold(50 if given.smoke else UNTOLD)))
        if "drain" in given.whats
        else {}
    )
    servers = [each for each in place.everybody() if given.only.casefold() in each.name.casefold()]
    for number in range(given.rounds):
        for server in servers if number % 2 == 0 else reversed(servers):
            one = Round(
                server=server,
                load=load,
                execute=execute,
                neighbours=place.around,
                database=place.database_of(server),
                connections=given.connections,
                seconds=given.seconds,
                number=number,
                whats=given.whats,
                lates_ms=given.lates_ms,
                seeds=seeds,
                template=waiting[server.on_postgres] if server.is_ours else None,
            )
            yield from one.run(place.folder / "log")
        if given.only:
            continue
        if place.postgres is not None:
            database = postmaster(place.postgres)
            yield from floors.pgbench(
                place.postgres,
                execute,
                database=database,
                connections=given.connections,
                seconds=given.seconds,
                number=number,
            )
        for server in [each for each in servers if each.is_ours and not each.name.endswith("2 workers")]:
            if untold:
                template = untold[server.on_postgres]
                yield floors.drained(server, template, execute, place.database_of(server), number)


def _said(figures: Iterator[Figure]) -> Iterator[Figure]:
    """The same, each told as it comes."""
    for figure in figures:
        p99 = "" if figure.p99_ms is None else f"  p50 {figure.p50_ms:7.1f}  p99 {figure.p99_ms:7.1f} ms"
        cpu = f"  CPU {figure.service_us or 0:6,.0f} + {figure.database_us or 0:6,.0f} us"
        _say(
            f"round {figure.round + 1}  {figure.server:41} {figure.what:9} c={figure.connections:<3}"
            f" late {figure.late_ms:5.0f} {figure.rate_per_s:8,.0f}/s{p99}{cpu}"
        )
        yield figure


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3, help="how long each cell is loaded")
    parser.add_argument("--connections", type=_numbers, default=(1, 16, 64))
    parser.add_argument(
        "--lates-ms", type=_lates, default=(0.0, 50.0, 2000.0), help="how late the provider answers"
    )
    parser.add_argument("--only", default="", help="only servers with this in their name, and no floors")
    parser.add_argument("--whats", type=lambda text: tuple(text.split(",")), default=WHATS)
    parser.add_argument("--json", default="", help="where every figure is written")
    parser.add_argument("--folder", default=None, help="where databases are made; a disk, not memory")
    parser.add_argument(
        "--smoke", action="store_true", help="see that all works: one round, SQLite, no peers"
    )
    given = parser.parse_args(words)
    if given.smoke:
        given.rounds, given.seconds, given.connections, given.lates_ms = 1, 1, (4,), (0.0,)
    return given


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


def _lates(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(","))


if __name__ == "__main__":
    sys.exit(main())

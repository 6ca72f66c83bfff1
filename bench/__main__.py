"""``make bench``: everything side by side, in interleaved rounds, as a table and as JSON."""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import asyncpg
import attrs
import psutil

from bench.floors import pgbench
from bench.load import Load
from bench.measuring import Family, first_answer, machine, stop
from bench.rounds import Figure, Round
from bench.servers import OUTSIDE_PORT, Server, constant, django, fastapi, missing, ours
from bench.tables import table
from tests.ports import free_port
from tests.postgres_server import PostgresServer, server

_WHATS: Final = ("initiate", "webhook", "history")


def execute(url: str, sql: str) -> list[tuple[object, ...]]:
    """The rows of ``sql``, over a connection of its own."""

    async def run() -> list[tuple[object, ...]]:
        connection = await asyncpg.connect(url)
        try:
            return [tuple(row) for row in await connection.fetch(sql)]
        finally:
            await connection.close()

    return asyncio.run(run())


@contextmanager
def outside(late_ms: float) -> Iterator[None]:
    """Orders service and Chapa, each answer of Chapa ``late_ms`` late."""
    command = [sys.executable, "-m", "bench.outside", "--port", str(OUTSIDE_PORT), "--late-ms", str(late_ms)]
    process = subprocess.Popen(command)
    try:
        first_answer(OUTSIDE_PORT, "/count", process)
        yield
    finally:
        stop(process)


def postmaster(postgres: PostgresServer) -> Family:
    """The server process with its children."""
    return Family(int((postgres.cluster / "data" / "postmaster.pid").read_text().split()[0]))


def everybody(postgres: PostgresServer, folder: Path) -> tuple[Server, ...]:
    """All that are compared."""
    return (
        ours(postgres.url("bench_ours"), 2),
        ours(postgres.url("bench_ours"), 1),
        ours(str(folder / "bench.db"), 1),
        django(postgres.url("bench_django")),
        fastapi(postgres.url("bench_fastapi")),
        constant(),
    )


def main(words: Sequence[str] | None = None) -> int:
    given = _arguments(words)
    if (lacking := missing()) is not None:
        sys.stderr.write(f"{lacking}\n")
        return 1
    figures: list[Figure] = []
    # On disk as a database is: what lies in memory commits for nothing.
    with (
        tempfile.TemporaryDirectory(prefix="payments-bench-", dir=given.folder) as made,
        server("bench", free_port(), fsync=True) as postgres,
        outside(given.late_ms),
    ):
        folder = Path(made)
        load = Load.of(folder)
        servers = [each for each in everybody(postgres, folder) if given.only.casefold() in each.name.casefold()]
        for number in range(given.rounds):
            for each in servers if number % 2 == 0 else reversed(servers):
                stands_on = postmaster(postgres) if each.database.startswith("postgresql:") else None
                one = Round(
                    server=each,
                    load=load,
                    execute=execute,
                    database=stands_on,
                    connections=given.connections,
                    seconds=given.seconds,
                    number=number,
                    late_ms=given.late_ms,
                    whats=given.whats,
                )
                for figure in one.run(folder / "log"):
                    figures.append(figure)
                    _say(figure)
            if not given.only:
                figures += pgbench(postgres, execute, given.connections, given.seconds, number)
    report = {"machine": machine(), "arguments": vars(given), "figures": [attrs.asdict(each) for each in figures]}
    if given.json:
        Path(given.json).write_text(json.dumps(report, indent=1, default=str))
    sys.stdout.write(table(figures, machine()))
    return 0


def _say(figure: Figure) -> None:
    sys.stderr.write(
        f"round {figure.round + 1}  {figure.server:38} {figure.what:9} c={figure.connections:<3}"
        f" {figure.rate_per_s:8,.0f}/s  p50 {figure.p50_ms:7.1f}  p99 {figure.p99_ms:7.1f} ms"
        f"  CPU {figure.service_us:6,.0f} + {figure.database_us:6,.0f} us\n"
    )


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3, help="how long each cell is loaded")
    parser.add_argument("--connections", type=_numbers, default=(1, 16, 64))
    parser.add_argument("--late-ms", type=float, default=0.0, help="how late the provider answers")
    parser.add_argument("--only", default="", help="only servers with this in their name")
    parser.add_argument("--whats", type=lambda text: tuple(text.split(",")), default=_WHATS)
    parser.add_argument("--json", default="", help="where every figure is written")
    parser.add_argument("--folder", default=None, help="where databases are made; a disk, not memory")
    return parser.parse_args(words)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


if __name__ == "__main__":
    psutil.Process().nice(0)
    sys.exit(main())

"""The benchmarks run: one short round of our own on SQLite, with wrk."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench import rows
from bench.servers import ours
from tests.ports import free_port

ROOT = Path(__file__).parents[2]


@pytest.mark.stories
@pytest.mark.skipif(
    shutil.which("wrk") is None and "CI" not in os.environ, reason="wrk is absent; CI installs it"
)
def test_a_short_round_measures_every_cell_and_its_rows_agree(tmp_path: Path) -> None:
    report = tmp_path / "bench.json"
    ports = {"BENCH_PORT": str(free_port()), "BENCH_OUTSIDE_PORT": str(free_port())}
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--smoke", "--json", str(report), "--folder", str(tmp_path)],
        cwd=ROOT,
        env=os.environ | ports,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(report.read_text())["figures"]
    assert {figure["what"] for figure in figures} == {
        *("webhook", "history", "one", "initiate", "outbox", "drain"),
    }
    assert all(figure["answers"] for figure in figures)
    assert not any(figure[bad] for figure in figures for bad in ("refused", "broken", "overdue", "left"))
    assert "| start to first answer |" in done.stdout


@pytest.mark.stories
def test_payments_stored_in_bulk_keep_every_promise(tmp_path: Path) -> None:
    server = ours(str(tmp_path / "bulk.db"), 1)
    server.make_tables(lambda _url, _sql: None)
    untold = ((50 + number, shape) for number, shape in rows.untold(10))
    for payments in (rows.shop(0, 30), rows.waiting(10, first=30), untold):
        for portion in rows.together(payments):
            rows.write(portion, server.database)
    checked = subprocess.run(
        [server.command[0], "check"],
        env=os.environ | dict(server.environ),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (checked.returncode, checked.stdout) == (0, "Every promise is kept.\n"), checked.stderr

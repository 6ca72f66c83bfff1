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
        timeout=900,
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
def test_what_works_on_a_backlog_writes_its_log_where_it_stops_nobody(tmp_path: Path) -> None:
    server = ours(str(tmp_path / "due.db"), 1)
    server.make_tables(lambda _url, _sql: None)
    for portion in rows.together(rows.due(5)):
        rows.write(portion, server.database)
    # Nobody answers there, which is logged, too.
    nowhere = {"PAYMENTS_CHAPA_BASE_URL": f"http://127.0.0.1:{free_port()}"}
    working = subprocess.run(
        [sys.executable, "-m", "bench.draining", "--what", "sweep", "--seconds", "20"],
        cwd=ROOT,
        env=os.environ | dict(server.environ) | nowhere,
        input="go\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert working.returncode == 0, working.stderr
    ready, told = working.stdout.splitlines()
    assert (ready, json.loads(told)["done"]) == ("ready", 5)
    assert working.stderr.count('"provider call"') >= 5


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
        timeout=300,
    )
    assert (checked.returncode, checked.stdout) == (0, "Every promise is kept.\n"), checked.stderr

"""Floors: pgbench with the statements of initiate and webhook alone, and our outbox with free deliveries."""

import re
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from bench import draining
from bench.measuring import Family, percentile
from bench.rounds import Execute, Figure
from bench.servers import Server
from tests.postgres_server import PostgresServer, programs

PGBENCH: Final = "pgbench, the same statements"
DRAIN: Final = "payments, outbox alone"

# The tables and statements of the peers, which are the fewest that the work can be done with.
_TABLES: Final = """
DROP TABLE IF EXISTS outbox, event, attempt, payment;
CREATE TABLE payment (id uuid PRIMARY KEY, reference varchar(64) NOT NULL UNIQUE,
  user_id varchar(64) NOT NULL, order_id uuid NOT NULL, provider varchar(16) NOT NULL,
  amount numeric(18, 2) NOT NULL, currency varchar(3) NOT NULL, status varchar(16) NOT NULL,
  checkout_url varchar(500), created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL);
CREATE INDEX payment_user ON payment (user_id, created_at DESC, id DESC);
CREATE TABLE attempt (id uuid PRIMARY KEY, payment_id uuid NOT NULL REFERENCES payment,
  provider varchar(16) NOT NULL, status varchar(16) NOT NULL, created_at timestamptz NOT NULL);
CREATE INDEX ON attempt (payment_id);
CREATE TABLE event (id uuid PRIMARY KEY, payment_id uuid NOT NULL REFERENCES payment,
  kind varchar(32) NOT NULL, payload text NOT NULL, created_at timestamptz NOT NULL);
CREATE INDEX ON event (payment_id);
CREATE TABLE outbox (id uuid PRIMARY KEY, topic varchar(64) NOT NULL, payload text NOT NULL,
  created_at timestamptz NOT NULL, sent_at timestamptz);
INSERT INTO payment SELECT gen_random_uuid(), 'seed-' || n, 'user-1', gen_random_uuid(), 'chapa', 1000, 'ETB',
  'processing', NULL, now(), now() FROM generate_series(1, 100000) n;
ANALYZE;
"""
_INITIATE: Final = """\
SELECT gen_random_uuid() AS payment, gen_random_uuid() AS attempt \\gset
BEGIN;
INSERT INTO payment VALUES (:payment, 'pay-' || :payment, 'user-1', gen_random_uuid(), 'chapa', 1000.00,
  'ETB', 'pending', NULL, now(), now());
INSERT INTO attempt VALUES (:attempt, :payment, 'chapa', 'created', now());
INSERT INTO event VALUES (gen_random_uuid(), :payment, 'created', '{"to":"pending"}', now());
COMMIT;
BEGIN;
UPDATE payment SET status = 'processing', checkout_url = 'https://checkout.example/pay/1',
  updated_at = now() WHERE id = :payment;
UPDATE attempt SET status = 'accepted' WHERE id = :attempt;
COMMIT;
"""
_WEBHOOK: Final = """\
\\set n random(1, 100000)
SELECT id AS payment FROM payment WHERE reference = 'seed-' || :n AND provider = 'chapa' \\gset
BEGIN;
SELECT * FROM payment WHERE id = :payment FOR UPDATE;
UPDATE payment SET status = 'success', updated_at = now() WHERE id = :payment;
INSERT INTO event VALUES (gen_random_uuid(), :payment, 'status', '{"from":"processing","to":"success"}',
  now());
INSERT INTO outbox VALUES (gen_random_uuid(), 'order.payment_status', '{"status":"success"}', now(), NULL);
COMMIT;
"""


def pgbench(
    postgres: PostgresServer,
    execute: Execute,
    *,
    database: Family,
    connections: Sequence[int],
    seconds: int,
    number: int,
) -> Iterator[Figure]:
    """The statements of each, over so many connections; pgbench itself does nothing else."""
    url = postgres.url("postgres")
    execute(url, "DROP DATABASE IF EXISTS bench_floor WITH (FORCE)")
    execute(url, "CREATE DATABASE bench_floor")
    for statement in filter(str.strip, _TABLES.split(";\n")):
        execute(postgres.url("bench_floor"), statement)
    for what, script in (("initiate", _INITIATE), ("webhook", _WEBHOOK)):
        for count in connections:
            spent = database.cpu_s()
            rate, latencies_ms = _run(postgres, script, count, seconds)
            yield Figure(
                server=PGBENCH,
                what=what,
                connections=count,
                round=number,
                rate_per_s=rate,
                p50_ms=percentile(latencies_ms, 0.5),
                p99_ms=percentile(latencies_ms, 0.99),
                most_ms=max(latencies_ms),
                database_us=(database.cpu_s() - spent) / len(latencies_ms) * 1e6,
                answers=len(latencies_ms),
            )


def _run(postgres: PostgresServer, script: str, connections: int, seconds: int) -> tuple[float, list[float]]:
    """Scripts a second, and how long each took."""
    with tempfile.TemporaryDirectory(prefix="payments-pgbench-") as made:
        file = Path(made) / "script.sql"
        # One command a line, as pgbench reads them; those with \gset have none of their own semicolon.
        file.write_text(script)
        command = [str(programs(postgres.folder) / "pgbench"), "-n", "-M", "prepared", "-f", str(file)]
        command += [f"-c{connections}", f"-j{min(connections, 2)}", f"-T{seconds}", "-l"]
        command += ["-h", "127.0.0.1", "-p", str(postgres.port), "-U", "payments", "bench_floor"]
        done = subprocess.run(
            command, cwd=made, capture_output=True, text=True, check=False, timeout=seconds + 60
        )
        found = re.search(r"^tps = ([0-9.]+)", done.stdout, re.MULTILINE)
        if done.returncode or found is None:
            raise RuntimeError(f"pgbench: {done.stdout[-400:]}{done.stderr[-400:]}")
        lines = [line for log in Path(made).glob("pgbench_log.*") for line in log.read_text().splitlines()]
        return float(found[1]), [int(line.split()[2]) / 1000 for line in lines]


def drained(server: Server, template: str, execute: Execute, database: Family | None, number: int) -> Figure:
    """A copy of ``template``, whose messages wait, drained by two processes, or by the one of SQLite."""
    server.copy_of(template, execute)
    before = database.cpu_s() if database else 0.0
    done = draining.drained(server.environ, processes=2 if server.on_postgres else 1)
    ((written,),) = server.query(execute, "SELECT count(*) FROM messages WHERE state = 'delivered'")
    return Figure(
        server=f"{DRAIN}, {'PostgreSQL' if server.on_postgres else 'SQLite'}",
        what="drain",
        connections=0,
        round=number,
        rate_per_s=done.done / done.took_s,
        service_us=done.cpu_s / done.done * 1e6,
        database_us=(database.cpu_s() - before) / done.done * 1e6 if database else None,
        answers=done.done,
        rows=int(written),
    )

"""Who is measured: how each is started on an empty database, and where its rows are counted."""

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final

import attrs

from bench.load import AUTH_KEY, PAYER, WEBHOOK_SECRET

ROOT: Final = Path(__file__).parent.parent
OURS: Final = Path(sys.executable).parent
"""Where the programs of the environment are that this runs in."""
PEERS: Final = ROOT / ".venv-bench" / "bin"
DJANGO: Final = ROOT / "bench" / "peers" / "django_peer"
PORT: Final = int(os.environ.get("BENCH_PORT", "9200"))
OUTSIDE_PORT: Final = int(os.environ.get("BENCH_OUTSIDE_PORT", "9100"))

# Each has an address of its own, as in life: connections are counted by host, and a provider that is far away
# must not take those to the orders service.
_ORDERS: Final = f"http://127.0.0.1:{OUTSIDE_PORT}"
_CHAPA: Final = f"http://127.0.0.2:{OUTSIDE_PORT}"
_PAYSTACK: Final = f"http://127.0.0.3:{OUTSIDE_PORT}"


@attrs.frozen(kw_only=True)
class Rows:
    """What is asked of its tables, one query each."""

    payments: str
    """How many payments were written."""
    settled: str
    """How many payments are settled with their message to the orders service queued (or delivered since)."""
    waiting: str
    """References of payments that a webhook may be sent about, oldest first."""
    one: str
    """The id of some payment of the load's payer."""
    settled_after: str | None = None
    """Microseconds from receiving to settling each webhook since ``{since}`` (microseconds), for those that
    answer before they settle."""
    settled_in: str | None = None
    """Microseconds from receiving the first of these to settling the last, for the same."""


@attrs.frozen(kw_only=True)
class Server:
    """One deployment: processes, database, and what they are told."""

    name: str
    command: tuple[str, ...]
    environ: Mapping[str, str]
    rows: Rows
    makes_tables: tuple[str, ...]
    database: str
    """A PostgreSQL URL, or the path of an SQLite file; empty where there is none."""
    ready: str = "/payments/"
    """What answers first, once it serves."""
    folder: Path = ROOT
    is_ours: bool = False
    seed: Callable[[int], str] | None = None
    """SQL that stores so many payments of the load's payer that wait."""

    @property
    def on_postgres(self) -> bool:
        return self.database.startswith("postgresql:")

    def start(self, log: Path) -> subprocess.Popen[bytes]:
        """Start it; it listens on :data:`PORT` soon after.

        Raises:
            RuntimeError: somebody else listens there, and would be measured in its place.
        """
        refuse_taken(PORT)
        with log.open("ab") as said:
            return subprocess.Popen(
                self.command, cwd=self.folder, env={**clean(), **self.environ}, stdout=said, stderr=said
            )

    def copy_of(self, template: str, execute: Callable[[str, str], object]) -> None:
        """Begin with a copy of ``template``, a database of the same kind that nobody uses."""
        if self.on_postgres:
            server, _, name = self.database.rpartition("/")
            execute(f"{server}/postgres", f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            execute(f"{server}/postgres", f"CREATE DATABASE {name} TEMPLATE {template.rpartition('/')[2]}")
        else:
            self._forget_file()
            shutil.copyfile(template, self.database)
            with Path(self.database).open("rb+") as copy:
                # Else the first checkpoint would wait for all of it.
                os.fsync(copy.fileno())

    def _forget_file(self) -> None:
        for suffix in ("", "-wal", "-shm", ".lock"):
            Path(f"{self.database}{suffix}").unlink(missing_ok=True)

    def make_tables(self, execute: Callable[[str, str], object]) -> None:
        """Begin with an empty database.

        Raises:
            RuntimeError: its own program could not make the tables.
        """
        if not self.database:
            return
        if self.on_postgres:
            server, _, name = self.database.rpartition("/")
            execute(f"{server}/postgres", f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            execute(f"{server}/postgres", f"CREATE DATABASE {name}")
        else:
            self._forget_file()
        done = subprocess.run(
            self.makes_tables,
            cwd=self.folder,
            env={**clean(), **self.environ},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        if done.returncode:
            raise RuntimeError(f"{self.name} made no tables: {done.stderr[-800:]}")

    def query(self, execute: Callable[[str, str], list[tuple[Any, ...]]], sql: str) -> list[tuple[Any, ...]]:
        """The rows of ``sql`` in its database."""
        if self.on_postgres:
            return execute(self.database, sql)
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=30)) as connection:
            return connection.execute(sql).fetchall()

    def change(self, execute: Callable[[str, str], object], sql: str) -> None:
        """Run ``sql``, which writes; on SQLite in a moment in which the server has nothing to write."""
        if self.on_postgres:
            execute(self.database, sql)
            return
        with closing(sqlite3.connect(self.database, timeout=30)) as connection, connection:
            connection.execute(sql)


def ours(database: str, workers: int) -> Server:
    """This service, everything on: as ``payments serve`` runs it in production, but for where Chapa is."""
    url = database if database.startswith("postgresql:") else f"sqlite:///{database}"
    store = "PostgreSQL" if url == database else "SQLite"
    return Server(
        name=f"payments, {store}, {workers} worker{'s' if workers > 1 else ''}",
        command=(str(OURS / "payments"), "serve", "--port", str(PORT), "--workers", str(workers)),
        environ={
            "PAYMENTS_DATABASE_URL": url,
            "PAYMENTS_AUTH_KEY": AUTH_KEY,
            "PAYMENTS_DATA_KEYS": "bench-data-key-0000000001",
            "PAYMENTS_PROVIDERS": "chapa,paystack",
            "PAYMENTS_CHAPA_SECRET_KEY": "CHASECK_TEST-bench000000000000000000000000",
            "PAYMENTS_CHAPA_WEBHOOK_SECRETS": WEBHOOK_SECRET,
            "PAYMENTS_CHAPA_BASE_URL": _CHAPA,
            "PAYMENTS_PAYSTACK_SECRET_KEY": "sk_test_bench00000000000000000000000000000000",
            "PAYMENTS_PAYSTACK_BASE_URL": _PAYSTACK,
            "PAYMENTS_ORDERS_URL": _ORDERS,
            "PAYMENTS_ORDERS_TOKEN": "bench-orders-token-000001",
            "PAYMENTS_ORDERS_SIGNING_SECRETS": "whsec_YmVuY2gtc2lnbmluZy1zZWNyZXQtMDAwMDAwMDAwMDE=",
            "PAYMENTS_LOG_FORMAT": "json",
        },
        makes_tables=(str(OURS / "payments"), "migrate"),
        database=database,
        ready="/readyz",
        is_ours=True,
        rows=Rows(
            payments="SELECT count(*) FROM payments",
            # By their notices, with which a message was queued: the sweep, too, settles payments of its own.
            settled="SELECT count(*) FROM notices WHERE outcome = 'settled'",
            waiting="SELECT reference FROM attempts WHERE status = 'open' ORDER BY claimed_at",
            one="SELECT payment_id FROM payments LIMIT 1",
            settled_after="SELECT handled_at - received_at FROM notices"
            " WHERE handled_at IS NOT NULL AND received_at >= {since}",
            settled_in="SELECT max(handled_at) - min(received_at) FROM notices WHERE received_at >= {since}",
        ),
    )


_PEERS_ROWS: Final = Rows(
    payments="SELECT count(*) FROM attempt",
    settled="SELECT count(*) FROM outbox",
    waiting="SELECT reference FROM payment WHERE status = 'processing' ORDER BY created_at",
    one="SELECT id FROM payment LIMIT 1",
)


def _peers_seed(count: int) -> str:
    return (
        "INSERT INTO payment (id, reference, user_id, order_id, provider, amount, currency, status,"
        f" created_at, updated_at) SELECT gen_random_uuid(), 'seed-' || lpad(n::text, 8, '0'), '{PAYER}',"
        " gen_random_uuid(), 'chapa', 1000.00, 'ETB', 'processing',"
        f" now() - interval '1 hour' - ({count} - n) * interval '1 ms', now()"
        f" FROM generate_series(1, {count}) n"
    )


def _peers_seed_on_sqlite(count: int) -> str:
    one = "lower(hex(randomblob(4))||'-'||hex(randomblob(2))||'-4000-8000-'||hex(randomblob(6)))"
    at = f"(unixepoch() - 3600) * 1000000 - ({count} - n) * 1000"
    return (
        f"WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count})"
        " INSERT INTO payment (id, reference, user_id, order_id, provider, amount_minor, currency, status,"
        f" created_at, updated_at) SELECT {one}, 'seed-' || printf('%08d', n), '{PAYER}', {one}, 'chapa',"
        f" 100000, 'ETB', 'processing', {at}, {at} FROM numbers"
    )


def django(database: str) -> Server:
    """The Django peer as it was fastest here: gunicorn, two workers of eight threads, prepared statements."""
    return Server(
        name="Django + DRF, gunicorn 2 x 8",
        command=(
            *(str(PEERS / "gunicorn"), "-b", f"127.0.0.1:{PORT}", "--log-level", "error", "-k", "gthread"),
            *("-w", "2", "--threads", "8", "--keep-alive", "60", "peer.wsgi"),
        ),
        environ={**_peers_environ(database), "PEER_PREPARE": "1"},
        makes_tables=(str(PEERS / "python"), "manage.py", "migrate"),
        database=database,
        seed=_peers_seed,
        folder=DJANGO,
        rows=_PEERS_ROWS,
    )


def fastapi(database: str) -> Server:
    """The FastAPI peer on uvicorn with uvloop and httptools, two workers."""
    return Server(
        name="FastAPI + ORM + httpx, 2 workers",
        command=(
            *(str(PEERS / "uvicorn"), "bench.peers.fastapi_peer:app", "--port", str(PORT), "--workers", "2"),
            *("--no-access-log", "--log-level", "warning"),
        ),
        environ=_peers_environ(database),
        makes_tables=(str(PEERS / "python"), "-m", "bench.peers.fastapi_peer"),
        database=database,
        seed=_peers_seed,
        rows=_PEERS_ROWS,
    )


def threadpool(database: str) -> Server:
    """The plain style on SQLite: one uvicorn process, handlers in Starlette's forty threads."""
    return Server(
        name="Starlette threads + Core, SQLite, 1 worker",
        command=(
            *(str(PEERS / "uvicorn"), "bench.peers.threadpool_peer:app", "--port", str(PORT)),
            *("--no-access-log", "--log-level", "warning"),
        ),
        environ=_peers_environ(database),
        makes_tables=(str(PEERS / "python"), "-m", "bench.peers.threadpool_peer"),
        database=database,
        seed=_peers_seed_on_sqlite,
        rows=_PEERS_ROWS,
    )


def constant() -> Server:
    """The floor of HTTP: nothing but Starlette, msgspec and a constant, two workers."""
    return Server(
        name="Starlette + msgspec, a constant, 2 workers",
        command=(
            *(str(PEERS / "uvicorn"), "bench.peers.constant:app", "--port", str(PORT), "--workers", "2"),
            *("--no-access-log", "--log-level", "warning"),
        ),
        environ={},
        makes_tables=(),
        database="",
        ready="/",
        rows=Rows(payments="", settled="", waiting="", one=""),
    )


def _peers_environ(database: str) -> dict[str, str]:
    return {
        "PEER_DB": database,
        "PEER_JWT_KEY": AUTH_KEY,
        "PEER_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "PEER_ORDERS": f"{_ORDERS}/orders/",
        "PEER_PROVIDER": f"{_CHAPA}/provider/",
    }


def refuse_taken(port: int) -> None:
    """Make sure that nobody listens on ``port`` yet.

    Raises:
        RuntimeError: somebody does.
    """
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
        raise RuntimeError(
            f"Somebody listens on port {port} already; BENCH_PORT and BENCH_OUTSIDE_PORT move ours."
        )


def clean() -> dict[str, str]:
    """The environment without settings of ours or of Python's that would differ from shell to shell."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PAYMENTS_", "PYTHON"))}
    return {**kept, "PATH": kept.get("PATH", os.defpath), "HOME": kept.get("HOME", "/"), "LC_ALL": "C"}


def missing(*, peers: bool = True) -> str | None:
    """What has to be installed before anything can be measured, or None."""
    if shutil.which("wrk") is None:
        return "wrk is missing, which makes the load; on Debian and Ubuntu: apt-get install wrk"
    if peers and not (PEERS / "gunicorn").exists():
        return "The peers' environment is missing; make bench makes it."
    return None

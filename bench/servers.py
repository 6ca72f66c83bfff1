"""Who is measured: how each is started on an empty database, and where its rows are counted."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import attrs

from bench.load import AUTH_KEY, WEBHOOK_SECRET

ROOT: Final = Path(__file__).parent.parent
OURS: Final = Path(sys.executable).parent
"""Where the programs of the environment are that this runs in."""
PEERS: Final = ROOT / ".venv-bench" / "bin"
DJANGO: Final = ROOT / "bench" / "peers" / "django_peer"
PORT: Final = 9200
OUTSIDE_PORT: Final = 9100

_OUTSIDE: Final = f"http://127.0.0.1:{OUTSIDE_PORT}"


@attrs.frozen(kw_only=True)
class Rows:
    """How rows are counted: one query each, answered with one number; and the references that wait."""

    payments: str
    settled: str
    """Payments whose success is stored and whose message to the orders service is queued, or is gone already."""
    waiting: str
    """References of payments that a webhook may be sent about, oldest first."""


@attrs.frozen(kw_only=True)
class Server:
    """One deployment: processes, database, and what they are told."""

    name: str
    command: tuple[str, ...]
    environ: Mapping[str, str]
    rows: Rows
    makes_tables: tuple[str, ...]
    database: str
    """A PostgreSQL URL, or the path of an SQLite file."""
    folder: Path = ROOT
    only_reads: bool = False
    """Whether it has no database: a floor."""

    def start(self, log: Path) -> subprocess.Popen[bytes]:
        """Start it; it listens on :data:`PORT` soon after."""
        with log.open("ab") as said:
            return subprocess.Popen(
                self.command, cwd=self.folder, env={**_clean(), **self.environ}, stdout=said, stderr=said
            )

    def make_tables(self, execute: Callable[[str, str], object]) -> None:
        """Begin with an empty database."""
        if self.database.startswith("postgresql:"):
            server, _, name = self.database.rpartition("/")
            execute(f"{server}/postgres", f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            execute(f"{server}/postgres", f"CREATE DATABASE {name}")
        else:
            for suffix in ("", "-wal", "-shm", ".lock"):
                Path(f"{self.database}{suffix}").unlink(missing_ok=True)
        subprocess.run(
            self.makes_tables, check=True, cwd=self.folder, env={**_clean(), **self.environ}, capture_output=True
        )

    def query(self, execute: Callable[[str, str], list[tuple[object, ...]]], sql: str) -> list[tuple[object, ...]]:
        """The rows of ``sql`` in its database."""
        if self.database.startswith("postgresql:"):
            return execute(self.database, sql)
        connection = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=30)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()


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
            "PAYMENTS_PROVIDERS": "chapa",
            "PAYMENTS_CHAPA_SECRET_KEY": "CHASECK_TEST-bench000000000000000000000000",
            "PAYMENTS_CHAPA_WEBHOOK_SECRETS": WEBHOOK_SECRET,
            "PAYMENTS_CHAPA_BASE_URL": _OUTSIDE,
            "PAYMENTS_ORDERS_URL": _OUTSIDE,
            "PAYMENTS_ORDERS_TOKEN": "bench-orders-token-000001",
            "PAYMENTS_ORDERS_SIGNING_SECRETS": "whsec_YmVuY2gtc2lnbmluZy1zZWNyZXQtMDAwMDAwMDAwMDE=",
            "PAYMENTS_LOG_FORMAT": "json",
        },
        makes_tables=(str(OURS / "payments"), "migrate"),
        database=database,
        rows=Rows(
            payments="SELECT count(*) FROM payments",
            settled="SELECT count(*) FROM payments WHERE status = 'success'",
            waiting="SELECT reference FROM attempts WHERE status = 'open' ORDER BY claimed_at",
        ),
    )


_PEERS_ROWS: Final = Rows(
    payments="SELECT count(*) FROM attempt",
    settled="SELECT count(*) FROM outbox",
    waiting="SELECT reference FROM payment WHERE status = 'processing' ORDER BY created_at",
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
        makes_tables=("true",),
        database="",
        rows=Rows(payments="", settled="", waiting=""),
        only_reads=True,
    )


def _peers_environ(database: str) -> dict[str, str]:
    return {
        "PEER_DB": database,
        "PEER_JWT_KEY": AUTH_KEY,
        "PEER_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "PEER_ORDERS": f"{_OUTSIDE}/orders/",
        "PEER_PROVIDER": f"{_OUTSIDE}/provider/",
    }


def _clean() -> dict[str, str]:
    """The environment without settings of ours or of Python's that would differ from shell to shell."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PAYMENTS_", "PYTHON"))}
    return {**kept, "PATH": kept.get("PATH", os.defpath), "HOME": kept.get("HOME", "/"), "LC_ALL": "C"}


def missing() -> str | None:
    """What has to be installed before anything can be measured, or None."""
    if shutil.which("wrk") is None:
        return "wrk is missing; on Debian and Ubuntu: apt-get install wrk"
    if not (PEERS / "gunicorn").exists():
        return "the peers' environment is missing; make bench makes it"
    return None

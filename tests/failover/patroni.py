"""Patroni and etcd, as Debian packages them, over two nodes of the wheel's PostgreSQL.

Both programs are started here as they are, Patroni as nobody where we are root: PostgreSQL refuses root.
"""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import attrs
import httpx

from payments.adapters.sql import migrate
from tests.failover.nodes import Nodes
from tests.ports import free_port
from tests.postgres import execute
from tests.postgres_server import as_postgres, children_of, place, programs

NEEDED = ("patroni", "etcd")
WITHIN_S = 180.0

LEASE_S = 20
"""How long a leader that is not heard of stays the leader. Patroni takes no less."""


def missing() -> list[str]:
    """Which of the programs this machine does not have."""
    return [name for name in NEEDED if shutil.which(name) is None]


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise RuntimeError(f"{name} is missing.")
    return found


@attrs.define(kw_only=True)
class Node:
    """A Patroni with its PostgreSQL."""

    name: str
    port: int
    api_port: int
    folder: Path
    _process: subprocess.Popen[bytes] | None = attrs.field(default=None, init=False)

    def start(self) -> None:
        with (self.folder / "said").open("ab") as said:
            self._process = subprocess.Popen(
                [_program("patroni"), str(self.folder / "patroni.json")],
                cwd="/",
                env={"LC_ALL": "C.UTF-8", "PATH": os.environ.get("PATH", os.defpath), "TZ": "UTC"},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                **as_postgres(),
            )

    def answers(self, role: str) -> bool:
        """Whether it says that it is ``primary``, ``replica`` or ``synchronous``."""
        with suppress(httpx.TransportError):
            answer = httpx.get(f"http://127.0.0.1:{self.api_port}/{role}", trust_env=False, timeout=2.0)
            return answer.status_code == httpx.codes.OK
        return False

    def kill(self) -> None:
        """The machine is gone: Patroni, its PostgreSQL and all who work for that."""
        numbers = []
        with suppress(OSError, ValueError):
            main = int((self.folder / "data" / "postmaster.pid").read_text().splitlines()[0])
            numbers = [main, *children_of(main)]
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        for number in numbers:
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)

    def said(self) -> str:
        said = self.folder / "said"
        return said.read_text(errors="replace")[-4000:] if said.exists() else f"{self.name} was not started"


@attrs.frozen
class PatroniNodes(Nodes):
    """Two nodes, of which Patroni says who takes writes."""

    _nodes: tuple[Node, Node]
    synchronous = True

    @property
    def url(self) -> str:
        places = ",".join(f"127.0.0.1:{node.port}" for node in self._nodes)
        return f"postgresql://payments@{places}/payments?target_session_attrs=read-write"

    def lose_the_primary(self) -> float:
        primary, other = self._in_roles()
        began = time.monotonic()
        primary.kill()
        self._until(lambda: other.answers("primary"))
        return time.monotonic() - began

    def mend(self) -> None:
        _, other = self._in_roles()
        shutil.rmtree(other.folder / "data", ignore_errors=True)
        other.start()
        self.until_in_step()

    def until_in_step(self) -> None:
        """Wait until one takes writes and the other is waited for."""
        self._until(lambda: any(node.answers("primary") for node in self._nodes))
        self._until(lambda: any(node.answers("synchronous") for node in self._nodes))

    def leader_url(self, database: str) -> str:
        primary, _ = self._in_roles()
        return f"postgresql://payments@127.0.0.1:{primary.port}/{database}"

    def start(self) -> None:
        """Bring both up, with a migrated database."""
        first, second = self._nodes
        first.start()
        self._until(lambda: first.answers("primary"))
        second.start()
        self.until_in_step()
        execute(self.leader_url("postgres"), "CREATE DATABASE payments")
        migrate.upgrade(self.leader_url("payments"))

    def _in_roles(self) -> tuple[Node, Node]:
        one, other = self._nodes
        return (one, other) if one.answers("primary") else (other, one)

    def _until(self, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WITHIN_S
        while not done():
            if time.monotonic() > deadline:
                raise RuntimeError("\n".join(node.said() for node in self._nodes))
            time.sleep(0.05)


@contextmanager
def patroni_nodes() -> Iterator[PatroniNodes]:
    """etcd, two Patronis and their servers, until the block ends; then nothing is left of them."""
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="payments-patroni-", dir=place()))
        stack.callback(shutil.rmtree, folder)
        folder.chmod(0o755)
        etcd = stack.enter_context(_etcd(folder))
        nodes = tuple(_node(folder, name, etcd) for name in ("one", "two"))
        for node in nodes:
            stack.callback(node.kill)
        both = PatroniNodes((nodes[0], nodes[1]))
        both.start()
        yield both


@contextmanager
def _etcd(folder: Path) -> Iterator[int]:
    """The port of an etcd of one member."""
    port, peer = free_port(), free_port()
    client_url, peer_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer}"
    with (folder / "etcd.log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(_program("etcd"), "--name", "one", "--data-dir", str(folder / "etcd")),
                *("--listen-client-urls", client_url, "--advertise-client-urls", client_url),
                *("--listen-peer-urls", peer_url, "--initial-advertise-peer-urls", peer_url),
                *("--initial-cluster", f"one={peer_url}"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield port
    finally:
        process.kill()
        process.wait()


def _node(folder: Path, name: str, etcd: int) -> Node:
    node = Node(name=name, port=free_port(), api_port=free_port(), folder=folder / name)
    node.folder.mkdir()
    # JSON is YAML.
    (node.folder / "patroni.json").write_text(json.dumps(_configuration(node, folder, etcd)))
    who = as_postgres()
    if who:
        os.chown(node.folder, who["user"], who["group"])
    return node


def _configuration(node: Node, folder: Path, etcd: int) -> dict[str, Any]:
    """One node: synchronous replication, and as little patience as Patroni allows."""
    everybody = [
        "local all all trust",
        "host all all 127.0.0.1/32 trust",
        "host replication all 127.0.0.1/32 trust",
    ]
    api, server = f"127.0.0.1:{node.api_port}", f"127.0.0.1:{node.port}"
    return {
        "scope": "payments",
        "name": node.name,
        "restapi": {"listen": api, "connect_address": api},
        "etcd3": {"host": f"127.0.0.1:{etcd}"},
        "bootstrap": {
            "dcs": {
                "ttl": LEASE_S,
                "loop_wait": 1,
                "retry_timeout": 3,
                "synchronous_mode": True,
                "postgresql": {"parameters": {"max_connections": 200, "max_wal_senders": 10}},
            },
            "initdb": [{"encoding": "UTF8"}, {"locale": "C"}, {"auth": "trust"}],
        },
        "postgresql": {
            "listen": server,
            "connect_address": server,
            "data_dir": str(node.folder / "data"),
            "bin_dir": str(programs(folder)),
            "pg_hba": everybody,
            "pgpass": str(node.folder / "pgpass"),
            "authentication": {
                "superuser": {"username": "payments"},
                "replication": {"username": "payments"},
            },
            "parameters": {"unix_socket_directories": str(node.folder)},
        },
    }

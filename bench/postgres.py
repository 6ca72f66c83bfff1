"""The PostgreSQL that is measured: durable, on a disk, with the settings of a small server."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from bench.measuring import Family
from tests.ports import free_port
from tests.postgres_server import PostgresServer, server

_SETTINGS: Final = {"autovacuum": "on", "shared_buffers": "'256MB'", "max_wal_size": "'2GB'"}
"""Beside what tests use (tests/postgres_server.py). ``fsync`` and ``synchronous_commit`` are on."""


@contextmanager
def measured_server(execute: Callable[[str, str], Any]) -> Iterator[PostgresServer]:
    """A server that nobody else uses."""
    with server(f"bench-{os.getpid()}", free_port(), fsync=True) as postgres:
        for name, value in _SETTINGS.items():
            execute(postgres.url(), f"ALTER SYSTEM SET {name} = {value}")
        postgres.restart("fast")
        yield postgres


def postmaster(postgres: PostgresServer) -> Family:
    """The server process with its children."""
    return Family(int((postgres.cluster / "data" / "postmaster.pid").read_text().split()[0]))

"""The floor of the database: the statements of initiate and of webhook, by pgbench."""

import re
import subprocess
from collections.abc import Sequence

from bench.rounds import Execute, Figure
from tests.postgres_server import PostgresServer


def pgbench(
    postgres: PostgresServer, execute: Execute, connections: Sequence[int], seconds: int, number: int
) -> list[Figure]:
    """Nothing yet."""
    return []

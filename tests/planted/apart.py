"""Runs tests in processes of their own: each forked from one that has imported what is not ours.

Importing takes longer than most of these tests. What is ours is imported anew, so that a fault can be in it.
"""

import multiprocessing
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import pytest

from tests.planted.fault import ROOT

NOT_OURS: Final = (
    "aiohttp",
    "aiosmtplib",
    "alembic.command",
    "anyio.from_thread",
    "anyio._backends._asyncio",
    "asyncpg",
    "attrs",
    "cryptography.hazmat.primitives.asymmetric.rsa",
    "cryptography.hazmat.primitives.ciphers.aead",
    "email.headerregistry",
    "httptools",
    "httpx",
    "hypothesis.internal.conjecture.engine",
    "hypothesis.strategies._internal.core",
    "jinja2",
    "jsonschema",
    "jwt",
    "msgspec",
    "prometheus_client",
    "punq",
    "rich.console",
    "sqlalchemy.dialects.postgresql.asyncpg",
    "sqlalchemy.dialects.sqlite.aiosqlite",
    "sqlalchemy.ext.asyncio",
    "stamina",
    "starlette.applications",
    "structlog",
    "uuid_utils",
    "uvicorn.protocols.http.httptools_impl",
    "uvloop",
    "xdist.plugin",
)
"""What the service and its tests stand on. A name that is gone costs time and nothing else."""

# They were imported before pytest could rewrite the assertions in them; none of ours is among them.
IMPORTED_BEFORE: Final = ("-W", "ignore::pytest.PytestAssertRewriteWarning")

_FORKS = multiprocessing.get_context("forkserver")


def imported_once() -> None:
    """Have the parent of all these processes import what is not ours before it forks the first."""
    _FORKS.set_forkserver_preload(list(NOT_OURS))


def run_apart(words: Sequence[str], environ: Mapping[str, str], printed: Path) -> None:
    """Run pytest with ``words`` and these variables more; what it prints goes to ``printed``."""
    process = _FORKS.Process(target=_run, args=(words, environ, printed))
    process.start()
    process.join()


def _run(words: Sequence[str], environ: Mapping[str, str], printed: Path) -> None:
    # What is there already would not be read again, and the fault would not be in it.
    assert not [name for name in sys.modules if name.partition(".")[0] == "payments"]
    with printed.open("wb") as file:
        for descriptor in (1, 2):
            os.dup2(file.fileno(), descriptor)
    os.environ.update(environ)
    os.chdir(ROOT)
    sys.exit(pytest.main([*IMPORTED_BEFORE, *words]))

"""A service as a process of its own, on a database file: started, killed, and started again.

The process is forked from one that has imported everything, so a start takes a tenth of a second. What it
then runs is what ``payments serve`` runs; ``test_the_command.py`` starts the command itself.
"""

import asyncio
import multiprocessing
import os
import sys
from collections.abc import Mapping
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import attrs
import httpx

from payments.adapters.http_client import open_http_client
from payments.adapters.orders.http import HttpOrders
from payments.adapters.system import SystemClock
from payments.bootstrap import Parts
from payments.entrypoints.logging import configure_logging
from payments.entrypoints.serving import run, serve_payments
from payments.settings import Settings
from tests.e2e.moved_clock import clock_at

_FORKS = multiprocessing.get_context("forkserver")


def imported_once() -> None:
    """Have the parent of all service processes import what they need before it forks the first."""
    _FORKS.set_forkserver_preload(["tests.e2e.service_process"])


def _serve(environ: Mapping[str, str], clock_path: Path, log_path: Path) -> None:
    log = log_path.open("a", buffering=1)
    os.dup2(log.fileno(), sys.stderr.fileno())
    settings = Settings.from_env(environ)
    configure_logging(settings.logging, sys.stderr)

    async def serve() -> None:
        async with open_http_client() as client:
            parts = Parts(clock=clock_at(clock_path), orders=_orders(settings, client))
            await serve_payments(settings, lambda line: print(line, file=log), parts)

    run(serve())


def _orders(settings: Settings, client: httpx.AsyncClient) -> HttpOrders:
    """The orders service, told the machine's own time: it refuses signatures of another hour."""
    assert settings.orders is not None
    return HttpOrders.of(
        client,
        url=settings.orders.url,
        token=settings.orders.token.reveal(),
        signing_secrets=[secret.reveal() for secret in settings.orders.signing_secrets],
        clock=SystemClock(),
    )


@attrs.define
class ServiceProcess:
    """At most one process at a time: two cannot write one SQLite file."""

    environ: Mapping[str, str]
    clock_path: Path
    log_path: Path
    _process: ForkServerProcess | None = attrs.field(default=None, init=False)

    def start(self) -> None:
        """Start it; it answers soon after."""
        assert not self.alive
        self._process = _FORKS.Process(
            target=_serve, args=(dict(self.environ), self.clock_path, self.log_path), daemon=True
        )
        self._process.start()

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.is_alive()

    async def kill(self) -> None:
        """``kill -9``: no goodbye, nothing flushed, nothing finished."""
        process = self._own()
        process.kill()
        await self._ended(process, within_s=5.0)

    async def terminate(self, within_s: float = 30.0) -> int:
        """SIGTERM; the exit code once it has drained and stopped."""
        process = self._own()
        process.terminate()
        return await self._ended(process, within_s=within_s)

    def stop_at_once(self) -> None:
        """End it, if it runs, when its story is over."""
        if self._process is not None and self._process.is_alive():
            self._process.kill()
            self._process.join()

    def log(self) -> str:
        """What it wrote to standard error."""
        return self.log_path.read_text() if self.log_path.exists() else ""

    def _own(self) -> ForkServerProcess:
        assert self._process is not None
        return self._process

    async def _ended(self, process: ForkServerProcess, *, within_s: float) -> int:
        await asyncio.to_thread(process.join, within_s)
        assert process.exitcode is not None, "it did not end in time"
        return process.exitcode

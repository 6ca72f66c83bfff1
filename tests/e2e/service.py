"""A service as processes of its own: started, killed, paused, and started again.

Each is forked from one that has imported everything, so a start takes a tenth of a second; a ``fresh`` one is
an interpreter of its own, as a command is. What it then runs is what ``payments serve`` and ``payments
worker`` run; ``test_the_command.py`` and ``test_serving_by_many.py`` start the commands themselves.
"""

import asyncio
import json
import multiprocessing
import os
import pickle
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from multiprocessing.context import ForkServerProcess, SpawnProcess
from pathlib import Path
from typing import Any

import attrs

from payments.adapters.http_client import open_http_client
from payments.adapters.orders.http import HttpOrders
from payments.adapters.system import SystemClock
from payments.bootstrap import Parts
from payments.domain.errors import ConfigurationInvalid
from payments.entrypoints.logging import configure_logging
from payments.entrypoints.one_of_many import served_from
from payments.entrypoints.serving import listen, run, serve_payments
from payments.entrypoints.supervisor import Parent, Supervisor
from payments.entrypoints.working import work_until_stopped
from payments.settings import Settings
from tests.e2e.begun_anew import begun_anew
from tests.e2e.moved_clock import clock_at
from tests.e2e.programs import alive

SERVING, WORKING = 2, 2
"""How many processes of each kind a service by many has."""

_FORKS = multiprocessing.get_context("forkserver")
_FRESH = multiprocessing.get_context("spawn")


def imported_once() -> None:
    """Have the parent of all service processes import what they need before it forks the first."""
    _FORKS.set_forkserver_preload(["tests.e2e.service"])


@attrs.frozen
class Surroundings:
    """What every process of a service is given."""

    environ: Mapping[str, str]
    clock_path: Path
    log_path: Path
    fresh: bool = False
    """Whether each process that a command would start imports everything anew."""

    def settings(self) -> Settings:
        """The settings, once all that this process says goes to the log."""
        log = self.log_path.open("a", buffering=1)
        os.dup2(log.fileno(), sys.stderr.fileno())
        settings = Settings.from_env(self.environ)
        configure_logging(settings.logging, sys.stderr)
        return settings

    @asynccontextmanager
    async def parts(self, settings: Settings) -> AsyncIterator[Parts]:
        """The moved clock for all but the orders service: it refuses signatures of another hour."""
        assert settings.orders is not None
        async with open_http_client() as client:
            orders = HttpOrders.of(
                client,
                url=settings.orders.url,
                token=settings.orders.token.reveal(),
                signing_secrets=[secret.reveal() for secret in settings.orders.signing_secrets],
                clock=SystemClock(),
            )
            yield Parts(clock=clock_at(self.clock_path), orders=orders)


def _announce(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _serve_alone(given: Surroundings) -> None:
    settings = given.settings()

    async def serve() -> None:
        async with given.parts(settings) as parts:
            await serve_payments(settings, _announce, parts)

    run(serve())


def _work(given: Surroundings) -> None:
    settings = given.settings()

    async def work() -> None:
        async with given.parts(settings) as parts:
            await work_until_stopped(settings, _announce, parts)

    run(work())


def _serve_by_many(given: Surroundings) -> None:
    settings = given.settings()
    with listen(settings.http.host, settings.http.port) as listening:
        supervisor = Supervisor(
            # Copies, as those that `payments serve --workers` makes on Linux, however this process began.
            context=multiprocessing.get_context("fork"),
            main=partial(_serve_as_one_of_many, given),
            listening=listening,
            on_ready=lambda: _announce("Payments answers."),
            count=SERVING,
        )
        sys.exit(supervisor.run())


def _serve_as_one_of_many(given: Surroundings, listening: socket.socket, parent: Parent) -> None:
    settings = given.settings()

    async def serve() -> None:
        async with given.parts(settings) as parts:
            await served_from(settings, parts, listening, parent, works=False)

    run(serve())


@attrs.define
class Service:
    """The processes of one service."""

    given: Surroundings
    _mains: tuple[Callable[[Surroundings], None], ...]
    _processes: list[ForkServerProcess | SpawnProcess] = attrs.field(factory=list, init=False)

    @property
    def environ(self) -> Mapping[str, str]:
        return self.given.environ

    @property
    def clock_path(self) -> Path:
        return self.given.clock_path

    def start(self) -> None:
        """Start them; they answer soon after."""
        assert not any(process.is_alive() for process in self._processes)
        self._processes = [self._started(main) for main in self._mains]

    def start_worker(self) -> None:
        """One more worker, in place of one that ended."""
        self._processes.append(self._started(_work))

    def workers(self) -> list[int]:
        """The numbers of the workers that are processes of their own, and alive."""
        return [process.pid or 0 for process in self._processes[1:] if process.is_alive()]

    def serving(self) -> list[int]:
        """The numbers of the processes that a supervisor started, and that are alive."""
        return [line["child"] for line in self.events("process_started") if alive(line["child"])]

    async def kill(self) -> None:
        """``kill -9`` for all: no goodbye, nothing flushed, nothing finished."""
        self.stop_at_once()
        # A supervisor that dies while it starts a process leaves one that nobody has heard of; it holds the
        # socket until it finds itself alone.
        await _until(lambda: not self.serving() and self._nobody_listens())

    async def kill_worker(self, number: int) -> None:
        """``kill -9`` for one worker."""
        (process,) = (process for process in self._processes if process.pid == number)
        process.kill()
        await asyncio.to_thread(process.join)

    async def terminate(self, within_s: float = 30.0) -> int:
        """SIGTERM for all; the worst exit code once they have drained and stopped."""
        # Whoever is not there yet would not drain, but just go.
        await _until(self._workers_are_there)
        for process in self._processes:
            process.terminate()
        await asyncio.gather(*(asyncio.to_thread(process.join, within_s) for process in self._processes))
        codes = [process.exitcode for process in self._processes]
        assert None not in codes, "they did not end in time"
        return max((code or 0 for code in codes), key=abs)

    def stop_at_once(self) -> None:
        """End what runs, when its story is over. The supervisor goes first: it would start others."""
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.join()
        for number in self.serving():
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)

    def log(self) -> str:
        """What they wrote to standard error."""
        return self.given.log_path.read_text() if self.given.log_path.exists() else ""

    def events(self, name: str) -> list[dict[str, Any]]:
        """The log's lines with this event."""
        # The last one may be half written.
        whole, _, _ = self.log().rpartition("\n")
        return [json.loads(line) for line in whole.splitlines() if f'"event": "{name}"' in line]

    def _nobody_listens(self) -> bool:
        try:
            listen("127.0.0.1", int(self.environ["PAYMENTS_PORT"])).close()
        except ConfigurationInvalid:
            return False
        return True

    def _workers_are_there(self) -> bool:
        return {line["process"] for line in self.events("started")} >= set(self.workers())

    def _started(self, main: Callable[[Surroundings], None]) -> ForkServerProcess | SpawnProcess:
        # No daemons: these may have no children.
        process: ForkServerProcess | SpawnProcess
        if self.given.fresh:
            process = _FRESH.Process(target=begun_anew, args=(pickle.dumps(partial(main, self.given)),))
        else:
            process = _FORKS.Process(target=main, args=(self.given,))
        process.start()
        return process


def by_one(environ: Mapping[str, str], directory: Path, *, fresh: bool = False) -> Service:
    """One process that serves and works."""
    return Service(_in(environ, directory, fresh=fresh), (_serve_alone,))


def by_many(environ: Mapping[str, str], directory: Path, *, fresh: bool = False) -> Service:
    """Two processes that serve, and two that work."""
    return Service(_in(environ, directory, fresh=fresh), (_serve_by_many, *[_work] * WORKING))


def _in(environ: Mapping[str, str], directory: Path, *, fresh: bool) -> Surroundings:
    return Surroundings(dict(environ), directory / "clock", directory / "service.log", fresh)


async def _until(done: Callable[[], bool], *, within_s: float = 90.0) -> None:
    async with asyncio.timeout(within_s):
        while not done():  # noqa: ASYNC110 -- the ends of other processes' children are no events of ours
            await asyncio.sleep(0.005)

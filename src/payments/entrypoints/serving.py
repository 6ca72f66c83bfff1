"""Serving an application until the process is asked to stop, and starting the event loop it runs on."""

import asyncio
import socket
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import attrs
import structlog
import uvicorn
from starlette.types import ASGIApp

from payments.bootstrap import Parts, open_payments
from payments.domain.errors import ConfigurationInvalid
from payments.entrypoints.connections import BoundedConnection
from payments.entrypoints.http import create_app
from payments.entrypoints.starting import collect_from_now_on
from payments.entrypoints.stopping import DRAIN_S, WORKER_DRAIN_S, asked_to_stop
from payments.entrypoints.worker import Worker
from payments.settings import Settings

_KEEP_ALIVE_S: Final = 75

T = TypeVar("T")

_log = structlog.get_logger(__name__)


def run(main: Coroutine[Any, Any, T]) -> T:
    """What ``main`` returns, run on uvloop where there is one."""
    collect_from_now_on()
    if sys.platform == "win32":
        return asyncio.run(main)
    import uvloop  # noqa: PLC0415 -- not to be had on Windows

    return uvloop.run(main)


def listen(host: str, port: int) -> socket.socket:
    """A socket on which connections wait from now on; port 0 takes a free one.

    Raises:
        ConfigurationInvalid: somebody else listens there, or this machine has no such address.
    """
    listening: socket.socket | None = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=socket.AI_PASSIVE
        )[0]
        # Named TCP, so that the loop switches Nagle's algorithm off: it costs 40 ms an answer otherwise.
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(2048)
    except UnicodeError as error:
        # Before anybody is asked, a name is written as the DNS has it: not every text can be.
        raise ConfigurationInvalid(f"{host} is no address of this machine.") from error
    except OSError as error:
        if listening is not None:
            listening.close()
        if isinstance(error, socket.gaierror):
            raise ConfigurationInvalid(f"{host} is no address of this machine.") from error
        raise ConfigurationInvalid(
            f"Port {port} on {host} cannot be used: {error.strerror}. Choose another."
        ) from error
    return listening


class _Server(uvicorn.Server):
    """uvicorn without its hands on the signals: it would raise them again before the worker has drained."""

    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_started()


@attrs.frozen(kw_only=True)
class Service:
    """An application to be served, and who wants to know when that begins and ends."""

    app: ASGIApp
    lifespan: bool = False
    """Whether the application opens and closes things of its own."""
    started: Callable[[], None] = lambda: None
    """Called once connections are answered."""
    stopping: Callable[[], None] = lambda: None
    """Called on the first signal, before requests are drained."""
    parent: int | None = None
    """A file that becomes readable when the process that looks after this one has ended, if one does."""

    async def serve(self, listening: socket.socket) -> None:
        """Answer until asked to stop, then drain for at most 25 s; a second signal ends it at once.

        Raises:
            RuntimeError: the application's own lifespan failed; why was logged.
        """
        config = uvicorn.Config(
            self.app,
            http=BoundedConnection,
            ws="none",
            lifespan="on" if self.lifespan else "off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=DRAIN_S,
        )
        server = _Server(config, self.started)

        def stop() -> None:
            server.should_exit = True
            self.stopping()

        def at_once() -> None:
            server.force_exit = True

        with asked_to_stop(stop, at_once, self.parent):
            await server.serve(sockets=[listening])
        if not server.started:
            raise RuntimeError("The application did not start.")


async def serve_payments(
    settings: Settings, announce: Callable[[str], None], parts: Parts | None = None, *, works: bool = True
) -> None:
    """Serve HTTP in one process until asked to stop; ``announce`` gets one line for people.

    ``parts`` replace single adapters, as :func:`~payments.bootstrap.open_payments` has it. ``works`` says
    whether this process works on inbox, sweep and outbox, too.

    Raises:
        ConfigurationInvalid: the port is in use, or something the service needs is not configured.
        StorageBusy: another process writes the database.
    """
    with listen(settings.http.host, settings.http.port) as listening:
        await serve_on(
            listening, settings, lambda: announce(answers_on(settings)), parts, works=works, parent=None
        )


def answers_on(settings: Settings, processes: int = 1) -> str:
    """What people are told once requests are answered."""
    many = "" if processes == 1 else f", {processes} processes"
    return f"Payments answers on {settings.public_url} ({settings.mode.value} mode{many})."


async def serve_on(
    listening: socket.socket,
    settings: Settings,
    on_started: Callable[[], None],
    parts: Parts | None,
    *,
    works: bool,
    parent: int | None,
) -> None:
    """Serve what arrives at ``listening``, which other processes may serve, too, until asked to stop.

    Raises:
        ConfigurationInvalid: something the service needs is not configured.
        StorageBusy: another process writes the database.
    """
    async with open_payments(settings, parts) as payments:
        worker = Worker(payments) if works else None
        app = create_app(payments, settings, on_notice=None if worker is None else worker.wake)

        def stopping() -> None:
            app.state.draining = True
            if worker is not None:
                worker.stop()

        def started() -> None:
            on_started()
            _log.info("started", host=settings.http.host, port=settings.http.port, works=works)

        service = Service(app=app, started=started, stopping=stopping, parent=parent)
        if worker is not None:
            await serve_with(worker, service, listening)
        else:
            await service.serve(listening)
            _log.info("stopped")


async def serve_with(worker: Worker, service: Service, listening: socket.socket) -> None:
    """Serve while ``worker`` works; neither outlives the other by more than 3 s."""
    async with asyncio.TaskGroup() as tasks:
        working = tasks.create_task(worker.run())
        try:
            await service.serve(listening)
        finally:
            worker.stop()
        _, late = await asyncio.wait({working}, timeout=WORKER_DRAIN_S)
        if late:
            # Whatever it was doing is leased: the next process takes it up when the lease ends.
            _log.warning("worker_cut_off")
            working.cancel()
    _log.info("stopped")

"""Serving an application until the process is asked to stop, and starting the event loop it runs on."""

import asyncio
import signal
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
from payments.entrypoints.http import create_app
from payments.entrypoints.worker import Worker
from payments.settings import Settings

DRAIN_S: Final = 25
"""How long requests under way may take after the signal to stop."""

WORKER_DRAIN_S: Final = 3.0
"""What the worker gets beyond that: together less than the 30 s after which supervisors kill."""

_KEEP_ALIVE_S: Final = 75
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)

T = TypeVar("T")

_log = structlog.get_logger(__name__)


def run(main: Coroutine[Any, Any, T]) -> T:
    """What ``main`` returns, run on uvloop where there is one."""
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

    async def serve(self, listening: socket.socket) -> None:
        """Answer until SIGINT or SIGTERM, then drain for at most 25 s; a second signal ends it at once.

        Raises:
            RuntimeError: the application's own lifespan failed; why was logged.
        """
        config = uvicorn.Config(
            self.app,
            http="httptools",
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
        loop = asyncio.get_running_loop()

        def on_signal() -> None:
            server.force_exit = server.should_exit
            if not server.should_exit:
                server.should_exit = True
                self.stopping()

        for each in _SIGNALS:
            loop.add_signal_handler(each, on_signal)
        try:
            await server.serve(sockets=[listening])
        finally:
            for each in _SIGNALS:
                loop.remove_signal_handler(each)
        if not server.started:
            raise RuntimeError("The application did not start.")


async def serve_payments(
    settings: Settings, announce: Callable[[str], None], parts: Parts | None = None
) -> None:
    """Serve HTTP and work, in one process, until asked to stop; ``announce`` gets one line for people.

    ``parts`` replace single adapters, as :func:`~payments.bootstrap.open_payments` has it.

    Raises:
        ConfigurationInvalid: the port is in use, or something the service needs is not configured.
        StorageBusy: another process writes the database.
    """
    with listen(settings.http.host, settings.http.port) as listening:
        async with open_payments(settings, parts) as payments:
            worker = Worker(payments)
            app = create_app(payments, settings, on_notice=worker.wake)

            def stopping() -> None:
                app.state.draining = True
                worker.stop()

            def started() -> None:
                announce(f"Payments answers on {settings.public_url} ({settings.mode.value} mode).")
                _log.info("started", host=settings.http.host, port=settings.http.port)

            service = Service(app=app, started=started, stopping=stopping)
            await serve_with(worker, service, listening)


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

"""``payments serve --workers N``: N processes that answer on one address, and share one database."""

import multiprocessing
import os
import secrets
import socket
import sys
from collections.abc import Callable, Mapping
from functools import partial
from multiprocessing.connection import Connection
from tempfile import TemporaryDirectory
from typing import Final

from payments.bootstrap import Parts
from payments.domain.errors import ConfigurationInvalid
from payments.entrypoints.exits import code_of
from payments.entrypoints.logging import configure_logging
from payments.entrypoints.serving import answers_on, listen, run, serve_on
from payments.entrypoints.supervisor import Supervisor
from payments.settings import Settings

_MEASURED_TOGETHER: Final = "PROMETHEUS_MULTIPROC_DIR"
"""Where the Prometheus client of several processes keeps what each has measured; it looks when imported."""


def serve_by_many(
    environ: Mapping[str, str], processes: int, announce: Callable[[str], None], *, works: bool
) -> int:
    """Have ``processes`` serve until this one is asked to stop; the exit code.

    Each is a fresh interpreter with settings from ``environ``, and all accept from one socket: who waits in
    its queue is answered even if a process dies.

    Raises:
        ConfigurationInvalid: the port is in use, or the database takes one process that writes.
    """
    settings = Settings.from_env(environ)
    if sys.platform == "win32":
        raise ConfigurationInvalid("On Windows one process serves; start it without --workers.")
    if not settings.many_may_write:
        raise one_process_alone(settings, f"--workers {processes}")
    with (
        listen(settings.http.host, settings.http.port) as listening,
        TemporaryDirectory(prefix="payments-measures-") as measured,
    ):
        # The environment that the children are born with; ours alone would come too late for their imports.
        os.environ[_MEASURED_TOGETHER] = measured
        supervisor = Supervisor(
            context=multiprocessing.get_context("spawn"),
            main=partial(serve_as_one_of_many, _the_same_for_all(environ, settings), works=works),
            listening=listening,
            on_ready=lambda: announce(answers_on(settings, processes)),
            count=processes,
        )
        try:
            return supervisor.run()
        finally:
            del os.environ[_MEASURED_TOGETHER]


def serve_as_one_of_many(
    environ: Mapping[str, str], listening: socket.socket, ready: Connection, *, works: bool
) -> None:
    """What each of the processes does."""
    settings = Settings.from_env(environ)
    configure_logging(settings.logging, sys.stderr)
    sys.exit(code_of(lambda: run(served_from(settings, None, listening, ready, works=works))))


async def served_from(
    settings: Settings, parts: Parts | None, listening: socket.socket, ready: Connection, *, works: bool
) -> None:
    """Serve in a process that a :class:`Supervisor` started, for as long as that wants and lives."""
    parent = multiprocessing.parent_process()
    await serve_on(
        listening,
        settings,
        lambda: ready.send_bytes(b"ready"),
        parts,
        works=works,
        parent=None if parent is None else parent.sentinel,
    )


def one_process_alone(settings: Settings, asked_for: str) -> ConfigurationInvalid:
    """Why ``asked_for`` is refused on this database."""
    scheme = settings.database_url.partition(":")[0]
    name = {"sqlite": "SQLite"}.get(scheme, scheme)
    return ConfigurationInvalid(
        f"{asked_for} needs PostgreSQL (PAYMENTS_DATABASE_URL): {name} takes exactly one process that writes,"
        " so that one serves and works."
    )


def _the_same_for_all(environ: Mapping[str, str], settings: Settings) -> Mapping[str, str]:
    """The sandbox may go without a data key; one that each process made for itself would open nothing."""
    if settings.data_keys:
        return dict(environ)
    return {**environ, "PAYMENTS_DATA_KEYS": secrets.token_urlsafe(32)}

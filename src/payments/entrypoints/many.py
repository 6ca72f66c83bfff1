"""``payments serve --workers N``: N processes that answer on one address, and share one database."""

import multiprocessing
import os
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from multiprocessing.context import BaseContext
from tempfile import TemporaryDirectory
from typing import Final

from payments.domain.errors import ConfigurationInvalid
from payments.entrypoints.starting import collect_from_now_on
from payments.entrypoints.supervisor import Supervisor
from payments.settings import Settings

_MEASURED_TOGETHER: Final = "PROMETHEUS_MULTIPROC_DIR"
"""Where the Prometheus client of several processes keeps what each has measured; it looks when imported."""


def serve_by_many(
    environ: Mapping[str, str], processes: int, announce: Callable[[str], None], *, works: bool
) -> int:
    """Have ``processes`` serve until this one is asked to stop; the exit code.

    Each has its settings from ``environ``, and all accept from one socket: who waits in its queue is answered
    even if a process dies.

    Raises:
        ConfigurationInvalid: the port is in use, or the database takes one process that writes.
    """
    settings = Settings.from_env(environ)
    if sys.platform == "win32":
        raise ConfigurationInvalid("On Windows one process serves; start it without --workers.")
    if not settings.many_may_write:
        raise one_process_alone(settings, f"--workers {processes}")
    with _measured_together():
        context = _how_they_start()
        # Only now, because the Prometheus client comes with it; and here, so that copies have all they need.
        from payments.entrypoints import one_of_many, serving  # noqa: PLC0415 -- as said above

        with serving.listen(settings.http.host, settings.http.port) as listening:
            supervisor = Supervisor(
                context=context,
                main=partial(one_of_many.serve, _the_same_for_all(environ, settings), works=works),
                listening=listening,
                on_ready=lambda: announce(serving.answers_on(settings, processes)),
                count=processes,
            )
            # Before there are copies: a search among what they share would write to it, and unshare it.
            collect_from_now_on()
            return supervisor.run()


@contextmanager
def _measured_together() -> Iterator[None]:
    """Where all of them keep what they measure, for as long as the block runs.

    Only what imports the Prometheus client inside of the block, or in a process born there, has it.
    """
    with TemporaryDirectory(prefix="payments-measures-") as measured:
        os.environ[_MEASURED_TOGETHER] = measured
        try:
            yield
        finally:
            del os.environ[_MEASURED_TOGETHER]


def _how_they_start() -> BaseContext:
    """As copies of this process where that is safe: they start at once, and share what was imported.

    It is where no thread and no event loop ran yet, as in ours. Elsewhere they are fresh interpreters: macOS
    forbids its own libraries in copies, and a Prometheus client imported before has chosen to count alone.
    """
    copies = sys.platform == "linux" and "prometheus_client" not in sys.modules
    return multiprocessing.get_context("fork" if copies else "spawn")


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

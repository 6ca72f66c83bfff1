"""``payments worker``: inbox, sweep and outbox without HTTP, beside processes that only serve."""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from payments.bootstrap import Parts, open_payments
from payments.entrypoints.stopping import asked_to_stop
from payments.entrypoints.worker import Worker
from payments.settings import Settings

DRAIN_S: Final = 25.0
"""How long what is under way may take after the signal to stop; the rest is leased, and taken up again."""

_log = structlog.get_logger(__name__)


async def work_until_stopped(
    settings: Settings, announce: Callable[[str], None], parts: Parts | None = None
) -> None:
    """Work on what is due until asked to stop; ``announce`` gets one line for people.

    ``parts`` replace single adapters, as :func:`~payments.bootstrap.open_payments` has it.

    Raises:
        ConfigurationInvalid: something the worker needs is not configured.
        StorageBusy: another process writes this SQLite database.
        StorageUnavailable: the database cannot be opened.
    """
    async with open_payments(settings, parts) as payments:
        worker = Worker(payments)
        working = asyncio.create_task(worker.run())
        # Should it ever end by itself, nothing is left to wait for: a new process may do better.
        working.add_done_callback(lambda _: worker.stop())

        def at_once() -> None:
            working.cancel()

        with asked_to_stop(worker.stop, at_once):
            announce(f"Payments works on what is due ({settings.mode.value} mode).")
            _log.info("started", works=True)
            await worker.asked_to_stop()
            _, late = await asyncio.wait({working}, timeout=DRAIN_S)
            if late:
                _log.warning("worker_cut_off")
                working.cancel()
                await asyncio.wait({working})
            if not working.cancelled():
                working.result()
    _log.info("stopped")

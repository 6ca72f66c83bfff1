"""What dies, how it is brought back, and how many seconds that takes, from the blow until it is ready."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import httpx

from payments.entrypoints.supervisor import HEALTHY_S
from tests.e2e.story import Story, until
from tests.postgres_server import PostgresServer

Blow = Callable[[], Awaitable[float]]

_OLD_ENOUGH_S = HEALTHY_S + 1.0
"""A process of this age that dies is started again at once, however often others died in its place."""

_PATIENCE_S, _LONG_PATIENCE_S = 0.3, 5.0
"""What one look at the readiness page may take at first, and later; the next one follows at once."""

_SLOW_AFTER_S = 20.0
"""Where it was not ready by then, the machine may be too slow for short looks."""


def on_sqlite(story: Story) -> dict[str, Blow]:
    """The one process dies."""
    return {"the process": lambda: _everybody(story)}


def on_postgres(story: Story) -> dict[str, Blow]:
    """A worker dies, one of those who serve, or everybody who belongs to us."""
    return {
        "a worker": lambda: _a_worker(story),
        "a serving process": lambda: _a_serving_process(story),
        "all processes": lambda: _everybody(story),
    }


def of_postgres(story: Story, server: PostgresServer) -> dict[str, Blow]:
    """PostgreSQL is shut down at once, which kills all its processes, and is started again."""

    async def database() -> float:
        began = time.monotonic()
        await asyncio.to_thread(server.restart, "immediate")
        await until_ready(story)
        return time.monotonic() - began

    return {"PostgreSQL": database}


async def until_ready(story: Story) -> None:
    """Wait for the first good answer of the readiness page."""
    slow_at = time.monotonic() + _SLOW_AFTER_S
    await until(lambda: _is_ready(story, slow_at), bool)


async def _everybody(story: Story) -> float:
    began = time.monotonic()
    await story.service.kill()
    # Nobody writes it now, and reading it whole takes the longer the more is in it.
    story.service.given.log_path.write_text("")
    story.service.start()
    await until_ready(story)
    took_s = time.monotonic() - began
    if story.database.by_many:
        await story.two_serving()
        await until(lambda: _started(story, story.service.workers()), bool)
    return took_s


async def _a_worker(story: Story) -> float:
    began = time.monotonic()
    await story.service.kill_worker(story.service.workers()[0])
    story.service.start_worker()
    await until(lambda: _started(story, story.service.workers()), bool)
    return time.monotonic() - began


async def _a_serving_process(story: Story) -> float:
    """The one that has lived longest, once it is old enough: whoever dies young has to wait, as it should."""
    first, _ = await story.two_serving()
    # Under load all the while. Nothing that kills our processes in earnest comes back every few seconds.
    await asyncio.sleep(_OLD_ENOUGH_S - _age_s(story, first))
    began = time.monotonic()
    os.kill(first, signal.SIGKILL)
    await until(story.two_serving, lambda them: first not in them)
    await until_ready(story)
    return time.monotonic() - began


def _age_s(story: Story, number: int) -> float:
    """How long this serving process lives by now."""
    (began,) = (line for line in story.service.events("process_started") if line["child"] == number)
    return (datetime.now(UTC) - datetime.fromisoformat(began["timestamp"])).total_seconds()


async def _started(story: Story, numbers: list[int]) -> bool:
    return {line["process"] for line in story.service.events("started")} >= set(numbers)


async def _is_ready(story: Story, slow_at: float) -> bool:
    patience_s = _PATIENCE_S if time.monotonic() < slow_at else _LONG_PATIENCE_S
    try:
        return (await story.client.get("/readyz", timeout=patience_s)).is_success
    except httpx.TransportError:
        return False

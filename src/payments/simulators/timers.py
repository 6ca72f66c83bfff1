"""What a simulator does by itself, later: stored, and resumed after a restart."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import attrs

from payments.simulators.documents import Documents

_KIND = "timer"


@attrs.define
class Timers:
    """Actions by name, each on one subject at one time. They must bear being carried out late."""

    _documents: Documents
    _tasks: set[asyncio.Task[None]] = attrs.field(factory=set, init=False)
    _actions: Mapping[str, Callable[[str], None]] = attrs.field(factory=dict, init=False)

    @asynccontextmanager
    async def running(self, actions: Mapping[str, Callable[[str], None]]) -> AsyncIterator[None]:
        self._actions = actions
        for timer in self._documents.all(_KIND):
            self._start(timer)
        try:
            yield
        finally:
            tasks = list(self._tasks)
            self.forget()
            await asyncio.gather(*tasks, return_exceptions=True)

    def set(self, action: str, subject: str, after_s: float) -> None:
        timer: dict[str, Any] = {
            "id": secrets.token_hex(8),
            "action": action,
            "subject": subject,
            "at": time.time() + after_s,
        }
        self._documents.put(_KIND, timer["id"], timer)
        self._start(timer)

    def forget(self) -> None:
        for task in self._tasks:
            task.cancel()

    def _start(self, timer: dict[str, Any]) -> None:
        task = asyncio.get_running_loop().create_task(self._carry_out(timer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry_out(self, timer: dict[str, Any]) -> None:
        await asyncio.sleep(max(0.0, timer["at"] - time.time()))
        self._actions[timer["action"]](timer["subject"])
        self._documents.remove(_KIND, timer["id"])

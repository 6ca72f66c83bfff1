"""``payments worker``, whatever becomes of its work."""

import asyncio

import pytest

from payments.adapters.orders.memory import MemoryOrders
from payments.bootstrap import Parts
from payments.entrypoints.worker import Worker
from payments.entrypoints.working import work_until_stopped
from payments.settings import Settings

pytestmark = pytest.mark.anyio

LATE_S = 10.0


async def test_a_process_whose_work_has_ended_by_itself_ends_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken_off(_worker: Worker) -> None:
        raise RuntimeError("a defect of the worker")

    monkeypatch.setattr(Worker, "run", broken_off)
    settings = Settings.from_env({"PAYMENTS_DATABASE_URL": "memory://"})
    async with asyncio.timeout(LATE_S):
        with pytest.raises(RuntimeError, match="a defect of the worker"):
            await work_until_stopped(settings, lambda _line: None, Parts(orders=MemoryOrders()))

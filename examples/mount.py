"""A shop of your own with the payments interface inside it: one process, one port.

uvicorn examples.mount:app --port 8001
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from payments import Parts, Settings, open_payments
from payments.adapters.notifiers.memory import MemoryNotifier
from payments.adapters.orders.memory import MemoryOrders
from payments.adapters.secret import Secret
from payments.application.ports.providers import Providers
from payments.entrypoints.http import create_app
from payments.entrypoints.worker import Worker
from payments.settings import AuthSettings
from payments.testing import ScriptedProvider

SETTINGS = Settings(  # Settings.from_env() in real life
    database_url="memory://",
    public_url="http://127.0.0.1:8001",
    auth=AuthSettings(
        key=Secret("only-for-this-example-0123456789abcdef"), algorithm="HS256", issuer=None, audience=None
    ),
)
PARTS = Parts(  # none of them in real life: the settings say which orders service and which providers
    orders=MemoryOrders(),
    notifier=MemoryNotifier(),
    providers=Providers({"scripted": ScriptedProvider().provider()}),
)


@asynccontextmanager
async def lifespan(shop: Starlette) -> AsyncIterator[None]:
    async with open_payments(SETTINGS, PARTS) as payments, asyncio.TaskGroup() as tasks:
        worker = Worker(payments)
        tasks.create_task(worker.run())  # inbox, sweep and outbox; without it nothing is delivered
        shop.router.routes.append(Mount("/", create_app(payments, SETTINGS, on_notice=worker.wake)))
        yield
        worker.stop()


async def front_page(_request: Request) -> PlainTextResponse:
    return PlainTextResponse("The shop. Payments answer below /payments/.")


app = Starlette(routes=[Route("/", front_page)], lifespan=lifespan)

"""All simulators in one application, with an index page."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import attrs
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from payments.simulators.chapa import ChapaSimulatorConfig, create_chapa_simulator
from payments.simulators.lifespans import running
from payments.simulators.mailbox import MailboxConfig, create_mailbox, smtp_port
from payments.simulators.mpesa import MpesaSimulatorConfig, create_mpesa_simulator
from payments.simulators.orders import OrdersSimulatorConfig, create_orders_simulator
from payments.simulators.pages import Pages, pages_of, styles_of
from payments.simulators.paystack import PaystackSimulatorConfig, create_paystack_simulator

# Opens nothing anywhere: it is the key of the fact sheet's vectors.
_PAYSTACK_SECRET_KEY = "sk_test_sandbox_0000000000000000000000000000000000000001"  # noqa: S105 - no secret: see above


@attrs.frozen(kw_only=True)
class SimulatorsConfig:
    """The set-up of each simulator.

    The public address of one is that of all and its name, as in `{url}/chapa`.
    """

    chapa: ChapaSimulatorConfig
    paystack: PaystackSimulatorConfig
    orders: OrdersSimulatorConfig
    mpesa: MpesaSimulatorConfig
    mailbox: MailboxConfig = attrs.field(factory=MailboxConfig)


def simulators_at(
    public_url: str,
    *,
    webhook_url: str | None,
    webhook_secret: str,
    orders_token: str,
    orders_signing_secrets: tuple[str, ...],
    smtp_port: int = 0,
    state_directory: Path | None = None,
    paystack_webhook_url: str | None = None,
    paystack_secret_key: str = _PAYSTACK_SECRET_KEY,
    mpesa: MpesaSimulatorConfig | None = None,
) -> SimulatorsConfig:
    """Return the usual set-up of simulators served at `public_url`.

    `webhook_url` and `webhook_secret` are Chapa's; Paystack signs with its secret key, and sends nothing
    without an address of its own. `mpesa` holds what a Daraja app is to be set up with; its address and its
    file are those of the others. Each keeps one file in the directory, if given.
    """

    def state(name: str) -> Path | None:
        return None if state_directory is None else state_directory / f"{name}.db"

    return SimulatorsConfig(
        chapa=ChapaSimulatorConfig(
            public_url=f"{public_url.rstrip('/')}/chapa",
            webhook_url=webhook_url,
            webhook_secret=webhook_secret,
            state_path=state("chapa"),
        ),
        paystack=PaystackSimulatorConfig(
            public_url=f"{public_url.rstrip('/')}/paystack",
            webhook_url=paystack_webhook_url,
            secret_key=paystack_secret_key,
            state_path=state("paystack"),
        ),
        mpesa=attrs.evolve(
            mpesa or MpesaSimulatorConfig(public_url=public_url),
            public_url=f"{public_url.rstrip('/')}/mpesa",
            state_path=state("mpesa"),
        ),
        orders=OrdersSimulatorConfig(
            token=orders_token, signing_secrets=orders_signing_secrets, state_path=state("orders")
        ),
        mailbox=MailboxConfig(smtp_port=smtp_port, state_path=state("mailbox")),
    )


def create_simulators(config: SimulatorsConfig) -> Starlette:
    """Return one application with `/chapa`, `/paystack`, `/mpesa`, `/orders` and `/mailbox`, opened together.

    Mounted elsewhere it is held open with `async with running(app)`. `mailbox_port(app)` tells the SMTP port.
    """
    mailbox = create_mailbox(config.mailbox)
    mounted = {
        "chapa": create_chapa_simulator(config.chapa),
        "paystack": create_paystack_simulator(config.paystack),
        "mpesa": create_mpesa_simulator(config.mpesa),
        "orders": create_orders_simulator(config.orders),
        "mailbox": mailbox,
    }
    here = Path(__file__).parent
    pages = pages_of(here)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for app in mounted.values():
                await stack.enter_async_context(running(app))
            yield

    routes = [
        Route("/", partial(_index, pages, mailbox)),
        *(Mount(f"/{name}", app) for name, app in mounted.items()),
        styles_of(here),
    ]
    simulators = Starlette(routes=routes, lifespan=lifespan)
    simulators.state.mailbox_app = mailbox
    return simulators


def mailbox_port(simulators: Starlette) -> int:
    """Return the SMTP port of the mailbox among the simulators; they must be running."""
    return smtp_port(simulators.state.mailbox_app)


async def _index(pages: Pages, mailbox: Starlette, request: Request) -> Response:
    return pages.render(request, "index.html", smtp_port=smtp_port(mailbox))

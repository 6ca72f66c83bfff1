"""``payments simulators``: the simulators without the service."""

import base64
import secrets
from collections.abc import Callable
from pathlib import Path

from payments.entrypoints.demo.surroundings import as_shell
from payments.entrypoints.serving import Service, listen
from payments.settings import Settings
from payments.simulators.app import create_simulators, mailbox_port, simulators_at


async def run_simulators(
    settings: Settings, *, host: str, port: int, directory: Path | None, announce: Callable[[str], None]
) -> None:
    """Serve the simulators until asked to stop; ``announce`` gets the variables that point a service at them.

    Raises:
        PortTaken: the port is in use.
    """
    with listen(host, port) as listening:
        bound = listening.getsockname()[1]
        url = f"http://{f'[{host}]' if ':' in host else host}:{bound}"
        orders = settings.orders
        chapa = settings.provider_settings.get("chapa")
        orders_token = orders.token.reveal() if orders else secrets.token_hex(20)
        signing = (
            tuple(secret.reveal() for secret in orders.signing_secrets)
            if orders
            else ("whsec_" + base64.b64encode(secrets.token_bytes(32)).decode(),)
        )
        webhook = (
            chapa.webhook_secrets[0].reveal() if chapa and chapa.webhook_secrets else secrets.token_hex(20)
        )
        simulators = create_simulators(
            simulators_at(
                url,
                webhook_url=f"{settings.public_url}/payments/verify/chapa/",
                webhook_secret=webhook,
                orders_token=orders_token,
                orders_signing_secrets=signing,
                state_directory=directory,
            )
        )

        def started() -> None:
            variables = {
                "PAYMENTS_CHAPA_BASE_URL": f"{url}/chapa",
                "PAYMENTS_ORDERS_URL": f"{url}/orders",
                "PAYMENTS_SMTP_URL": f"smtp://127.0.0.1:{mailbox_port(simulators)}",
                "PAYMENTS_MAIL_FROM": "shop@shop.example",
            }
            if orders is None:
                variables |= {
                    "PAYMENTS_ORDERS_TOKEN": orders_token,
                    "PAYMENTS_ORDERS_SIGNING_SECRETS": ",".join(signing),
                }
            if chapa is None:
                variables |= {
                    "PAYMENTS_CHAPA_SECRET_KEY": "CHASECK_TEST-" + secrets.token_hex(16),
                    "PAYMENTS_CHAPA_WEBHOOK_SECRETS": webhook,
                }
            announce(
                f"The simulators answer on {url}/ and send webhooks to {settings.public_url}.\n"
                f"A service talks to them with these variables:\n\n{as_shell(variables)}"
            )

        await Service(app=simulators, lifespan=True, started=started).serve(listening)

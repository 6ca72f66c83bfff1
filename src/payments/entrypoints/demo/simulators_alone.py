"""``payments simulators``: the simulators without the service."""

import base64
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Self

import attrs

from payments.entrypoints.demo.surroundings import as_shell
from payments.entrypoints.serving import Service, listen
from payments.settings import Settings
from payments.simulators.app import create_simulators, mailbox_port, simulators_at


@attrs.frozen(kw_only=True)
class _Shared:
    """What the simulators and a service must agree on: from the settings where they say it, else made up."""

    orders_token: str = attrs.field(repr=False)
    signing_secrets: tuple[str, ...] = attrs.field(repr=False)
    webhook_secret: str = attrs.field(repr=False)
    made_up: dict[str, str] = attrs.field(repr=False)
    """The variables a service needs beyond those that are set."""

    @classmethod
    def of(cls, settings: Settings) -> Self:
        token, webhook = secrets.token_hex(20), secrets.token_hex(20)
        signing: tuple[str, ...] = ("whsec_" + base64.b64encode(secrets.token_bytes(32)).decode(),)
        made_up: dict[str, str] = {}
        if settings.orders is None:
            made_up |= {"PAYMENTS_ORDERS_TOKEN": token, "PAYMENTS_ORDERS_SIGNING_SECRETS": signing[0]}
        else:
            token = settings.orders.token.reveal()
            signing = tuple(secret.reveal() for secret in settings.orders.signing_secrets)
        chapa = settings.provider_settings.get("chapa")
        if chapa is None:
            made_up["PAYMENTS_CHAPA_SECRET_KEY"] = "CHASECK_TEST-" + secrets.token_hex(16)
        if chapa is None or not chapa.webhook_secrets:
            made_up["PAYMENTS_CHAPA_WEBHOOK_SECRETS"] = webhook
        else:
            webhook = chapa.webhook_secrets[0].reveal()
        return cls(orders_token=token, signing_secrets=signing, webhook_secret=webhook, made_up=made_up)


async def run_simulators(
    settings: Settings, *, host: str, port: int, directory: Path | None, announce: Callable[[str], None]
) -> None:
    """Serve the simulators until asked to stop; ``announce`` gets the variables that point a service at them.

    Raises:
        ConfigurationInvalid: the port is in use.
    """
    shared = _Shared.of(settings)
    with listen(host, port) as listening:
        url = f"http://{f'[{host}]' if ':' in host else host}:{listening.getsockname()[1]}"
        simulators = create_simulators(
            simulators_at(
                url,
                webhook_url=f"{settings.public_url}/payments/verify/chapa/",
                webhook_secret=shared.webhook_secret,
                orders_token=shared.orders_token,
                orders_signing_secrets=shared.signing_secrets,
                state_directory=directory,
            )
        )

        def started() -> None:
            variables = {
                "PAYMENTS_CHAPA_BASE_URL": f"{url}/chapa",
                "PAYMENTS_ORDERS_URL": f"{url}/orders",
                "PAYMENTS_SMTP_URL": f"smtp://127.0.0.1:{mailbox_port(simulators)}",
                "PAYMENTS_MAIL_FROM": "shop@shop.example",
                **shared.made_up,
            }
            announce(
                f"The simulators answer on {url}/ and send webhooks to {settings.public_url}.\n"
                f"A service talks to them with these variables:\n\n{as_shell(variables)}"
            )

        await Service(app=simulators, lifespan=True, started=started).serve(listening)

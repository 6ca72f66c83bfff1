"""The world of a demonstration: its addresses, and the settings that point the service at them."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import attrs

from payments.entrypoints.demo.state import DemoSecrets

USER: Final = "demo-user"
"""Who the seeded orders belong to, and whose token is printed."""

OPERATOR: Final = "demo-operator"
"""Who the printed token for the console belongs to."""

MOUNT: Final = "/simulators"


@attrs.frozen(kw_only=True)
class DemoAddresses:
    """Where everything is. ``public`` is the one address all else stands under."""

    public: str

    @property
    def simulators(self) -> str:
        """The page that lists the simulators."""
        return self.public + MOUNT

    @property
    def chapa(self) -> str:
        """Stands where the base of Chapa's API stands."""
        return f"{self.simulators}/chapa"

    @property
    def orders(self) -> str:
        """The orders service."""
        return f"{self.simulators}/orders"

    @property
    def mailbox(self) -> str:
        """What was e-mailed."""
        return f"{self.simulators}/mailbox"

    @property
    def console(self) -> str:
        """The operator's pages."""
        return f"{self.public}/console/"

    @property
    def notices(self) -> str:
        """Where Chapa sends its webhooks."""
        return f"{self.public}/payments/verify/chapa/"

    @property
    def shop_return(self) -> str:
        """Where payers come back to the shop."""
        return f"{self.public}/shop/return"


def environment_of(
    secrets: DemoSecrets, addresses: DemoAddresses, *, database: Path, smtp_port: int, port: int
) -> dict[str, str]:
    """The ``PAYMENTS_*`` variables of a service that talks to the simulators, and to nobody else."""
    return {
        "PAYMENTS_MODE": "sandbox",
        "PAYMENTS_DATABASE_URL": f"sqlite:///{database}",
        "PAYMENTS_PORT": str(port),
        "PAYMENTS_PUBLIC_URL": addresses.public,
        "PAYMENTS_RETURN_URLS": f"shop={addresses.shop_return}",
        "PAYMENTS_CHAPA_BASE_URL": addresses.chapa,
        "PAYMENTS_CHAPA_SECRET_KEY": secrets.chapa_secret_key,
        "PAYMENTS_CHAPA_WEBHOOK_SECRETS": secrets.chapa_webhook_secret,
        "PAYMENTS_ORDERS_URL": addresses.orders,
        "PAYMENTS_ORDERS_TOKEN": secrets.orders_token,
        "PAYMENTS_ORDERS_SIGNING_SECRETS": secrets.orders_signing_secret,
        "PAYMENTS_AUTH_KEY": secrets.auth_key,
        "PAYMENTS_AUTH_ALGORITHM": "HS256",
        "PAYMENTS_DATA_KEYS": secrets.data_key,
        "PAYMENTS_SMTP_URL": f"smtp://127.0.0.1:{smtp_port}",
        "PAYMENTS_MAIL_FROM": "Demo shop <shop@shop.example>",
    }


def as_shell(environment: Mapping[str, str]) -> str:
    """``environment`` as a shell reads it."""
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in environment.items())

"""The world of a demonstration: its addresses, and the settings that point the service at them."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import attrs

from payments.entrypoints.demo.state import DemoSecrets
from payments.simulators.mpesa import SANDBOX_PASSKEY, SANDBOX_SHORTCODE

USER: Final = "demo-user"
"""Who the seeded orders belong to, and whose token is printed."""

OPERATOR: Final = "demo-operator"
"""Who the printed token for the console belongs to."""

COLLECTOR: Final = "demo-collector"
"""Who takes cash at the door."""

MPESA_INITIATOR: Final = "testapi"
"""Who asks Daraja to send money back."""

MOUNT: Final = "/simulators"
COLLECTOR_PAGE: Final = "/shop/collector"


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
    def paystack(self) -> str:
        """Stands where the base of Paystack's API stands."""
        return f"{self.simulators}/paystack"

    @property
    def mpesa(self) -> str:
        """Stands where the base of Daraja's API stands."""
        return f"{self.simulators}/mpesa"

    @property
    def phones(self) -> str:
        """The simulated phones that M-Pesa prompts on."""
        return f"{self.mpesa}/phone/"

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
    def collector(self) -> str:
        """Where a person plays the collector."""
        return f"{self.public}{COLLECTOR_PAGE}"

    def notices(self, provider: str) -> str:
        """Where this provider sends its webhooks."""
        return f"{self.public}/payments/verify/{provider}/"

    @property
    def shop_return(self) -> str:
        """Where payers come back to the shop."""
        return f"{self.public}/shop/return"


def environment_of(
    secrets: DemoSecrets,
    addresses: DemoAddresses,
    *,
    database: Path,
    mpesa_certificate: Path,
    smtp_port: int,
    port: int,
) -> dict[str, str]:
    """The ``PAYMENTS_*`` variables of a service that talks to the simulators, and to nobody else."""
    return {
        "PAYMENTS_MODE": "sandbox",
        "PAYMENTS_DATABASE_URL": f"sqlite:///{database}",
        "PAYMENTS_PORT": str(port),
        "PAYMENTS_PUBLIC_URL": addresses.public,
        "PAYMENTS_RETURN_URLS": f"shop={addresses.shop_return}",
        **_providers(secrets, addresses, mpesa_certificate),
        "PAYMENTS_ORDERS_URL": addresses.orders,
        "PAYMENTS_ORDERS_TOKEN": secrets.orders_token,
        "PAYMENTS_ORDERS_SIGNING_SECRETS": secrets.orders_signing_secret,
        "PAYMENTS_AUTH_KEY": secrets.auth_key,
        "PAYMENTS_AUTH_ALGORITHM": "HS256",
        "PAYMENTS_DATA_KEYS": secrets.data_key,
        "PAYMENTS_SMTP_URL": f"smtp://127.0.0.1:{smtp_port}",
        "PAYMENTS_MAIL_FROM": "Demo shop <shop@shop.example>",
    }


def _providers(secrets: DemoSecrets, addresses: DemoAddresses, mpesa_certificate: Path) -> dict[str, str]:
    return {
        "PAYMENTS_CHAPA_BASE_URL": addresses.chapa,
        "PAYMENTS_CHAPA_SECRET_KEY": secrets.chapa_secret_key,
        "PAYMENTS_CHAPA_WEBHOOK_SECRETS": secrets.chapa_webhook_secret,
        "PAYMENTS_PAYSTACK_BASE_URL": addresses.paystack,
        "PAYMENTS_PAYSTACK_SECRET_KEY": secrets.paystack_secret_key,
        "PAYMENTS_MPESA_BASE_URL": addresses.mpesa,
        "PAYMENTS_MPESA_CONSUMER_KEY": secrets.mpesa_consumer_key,
        "PAYMENTS_MPESA_CONSUMER_SECRET": secrets.mpesa_consumer_secret,
        "PAYMENTS_MPESA_SHORTCODE": SANDBOX_SHORTCODE,
        "PAYMENTS_MPESA_PASSKEY": SANDBOX_PASSKEY,
        "PAYMENTS_MPESA_INITIATOR": MPESA_INITIATOR,
        "PAYMENTS_MPESA_INITIATOR_PASSWORD": secrets.mpesa_initiator_password,
        # Its lines would break those who read the variables line by line.
        "PAYMENTS_MPESA_CERTIFICATE_FILE": str(mpesa_certificate),
        "PAYMENTS_CASH_CURRENCIES": "all",
    }


def as_shell(environment: Mapping[str, str]) -> str:
    """``environment`` as a shell reads it."""
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in environment.items())

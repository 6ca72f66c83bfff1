"""``payments simulators``: the simulators without the service."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

import attrs

from payments.entrypoints.demo.state import DemoSecrets, make_directory
from payments.entrypoints.demo.surroundings import MPESA_INITIATOR, as_shell
from payments.entrypoints.serving import Service, listen
from payments.settings import Settings
from payments.simulators.app import create_simulators, mailbox_port, simulators_at
from payments.simulators.mpesa import (
    SANDBOX_PASSKEY,
    SANDBOX_SHORTCODE,
    MpesaSimulatorConfig,
    certificate_of,
)


@attrs.frozen(kw_only=True)
class _Shared:
    """What the simulators and a service must agree on: from the settings where they say it, else made up."""

    orders_token: str = attrs.field(repr=False)
    signing_secrets: tuple[str, ...] = attrs.field(repr=False)
    chapa_webhook_secret: str = attrs.field(repr=False)
    paystack_secret_key: str = attrs.field(repr=False)
    mpesa: MpesaSimulatorConfig = attrs.field(repr=False)
    made_up: dict[str, str] = attrs.field(repr=False)
    """The variables a service needs beyond those that are set."""

    @classmethod
    def of(cls, settings: Settings, mpesa_certificate: Path) -> Self:
        fresh = DemoSecrets()
        signing: tuple[str, ...]
        # It holds no secret, and its lines would break those who read the variables line by line.
        mpesa_certificate.write_bytes(certificate_of(fresh.mpesa_private_key.encode()))
        made_up = {"PAYMENTS_MPESA_CERTIFICATE_FILE": str(mpesa_certificate)}
        if settings.orders is None:
            token, signing = fresh.orders_token, (fresh.orders_signing_secret,)
            made_up |= {"PAYMENTS_ORDERS_TOKEN": token, "PAYMENTS_ORDERS_SIGNING_SECRETS": signing[0]}
        else:
            token = settings.orders.token.reveal()
            signing = tuple(secret.reveal() for secret in settings.orders.signing_secrets)
        return cls(
            orders_token=token,
            signing_secrets=signing,
            chapa_webhook_secret=_chapa(settings, fresh, made_up),
            paystack_secret_key=_paystack(settings, fresh, made_up),
            mpesa=_mpesa(settings, fresh, made_up),
            made_up=made_up,
        )


def _chapa(settings: Settings, fresh: DemoSecrets, made_up: dict[str, str]) -> str:
    chapa = settings.provider_settings.get("chapa")
    if chapa is None:
        made_up["PAYMENTS_CHAPA_SECRET_KEY"] = fresh.chapa_secret_key
    if chapa is None or not chapa.webhook_secrets:
        made_up["PAYMENTS_CHAPA_WEBHOOK_SECRETS"] = fresh.chapa_webhook_secret
        return fresh.chapa_webhook_secret
    return str(chapa.webhook_secrets[0].reveal())


def _paystack(settings: Settings, fresh: DemoSecrets, made_up: dict[str, str]) -> str:
    paystack = settings.provider_settings.get("paystack")
    if paystack is None:
        made_up["PAYMENTS_PAYSTACK_SECRET_KEY"] = fresh.paystack_secret_key
        return fresh.paystack_secret_key
    return str(paystack.secret_key.reveal())


def _mpesa(settings: Settings, fresh: DemoSecrets, made_up: dict[str, str]) -> MpesaSimulatorConfig:
    """Daraja with the app of the settings; who may reverse is always made up, as its key is ours alone."""
    mpesa = settings.provider_settings.get("mpesa")
    config = MpesaSimulatorConfig(
        public_url="",
        consumer_key=mpesa.consumer_key.reveal() if mpesa else fresh.mpesa_consumer_key,
        consumer_secret=mpesa.consumer_secret.reveal() if mpesa else fresh.mpesa_consumer_secret,
        shortcode=mpesa.shortcode if mpesa else SANDBOX_SHORTCODE,
        passkey=mpesa.passkey.reveal() if mpesa else SANDBOX_PASSKEY,
        till=(mpesa.till or None) if mpesa else None,
        initiator_name=MPESA_INITIATOR,
        initiator_password=fresh.mpesa_initiator_password,
        private_key_pem=fresh.mpesa_private_key.encode(),
    )
    if mpesa is None:
        made_up |= {
            "PAYMENTS_MPESA_CONSUMER_KEY": config.consumer_key,
            "PAYMENTS_MPESA_CONSUMER_SECRET": config.consumer_secret,
            "PAYMENTS_MPESA_SHORTCODE": config.shortcode,
            "PAYMENTS_MPESA_PASSKEY": config.passkey,
        }
    made_up |= {
        "PAYMENTS_MPESA_INITIATOR": config.initiator_name,
        "PAYMENTS_MPESA_INITIATOR_PASSWORD": config.initiator_password,
    }
    return config


async def run_simulators(
    settings: Settings, *, host: str, port: int, directory: Path | None, announce: Callable[[str], None]
) -> None:
    """Serve the simulators until asked to stop; ``announce`` gets the variables that point a service at them.

    Raises:
        ConfigurationInvalid: the port is in use, or the directory cannot be used.
    """
    if directory is not None:
        make_directory(directory)
    with listen(host, port) as listening, TemporaryDirectory() as meanwhile:
        url = f"http://{f'[{host}]' if ':' in host else host}:{listening.getsockname()[1]}"
        shared = _Shared.of(settings, Path(meanwhile) / "mpesa-certificate.pem")
        simulators = create_simulators(
            simulators_at(
                url,
                webhook_url=f"{settings.public_url}/payments/verify/chapa/",
                webhook_secret=shared.chapa_webhook_secret,
                orders_token=shared.orders_token,
                orders_signing_secrets=shared.signing_secrets,
                state_directory=directory,
                paystack_webhook_url=f"{settings.public_url}/payments/verify/paystack/",
                paystack_secret_key=shared.paystack_secret_key,
                mpesa=shared.mpesa,
            )
        )

        def started() -> None:
            variables = {
                "PAYMENTS_CHAPA_BASE_URL": f"{url}/chapa",
                "PAYMENTS_PAYSTACK_BASE_URL": f"{url}/paystack",
                "PAYMENTS_MPESA_BASE_URL": f"{url}/mpesa",
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

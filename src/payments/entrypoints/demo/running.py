"""``payments demo``: put together, serve, tell."""

import socket
import sys
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final

import attrs
from starlette.applications import Starlette

from payments.bootstrap import open_payments
from payments.domain.errors import ConfigurationInvalid, FieldError
from payments.entrypoints.demo.app import Demo, create_demo
from payments.entrypoints.demo.banner import banner
from payments.entrypoints.demo.collecting import open_collecting
from payments.entrypoints.demo.shop_client import open_shop_client
from payments.entrypoints.demo.state import DemoState, open_state
from payments.entrypoints.demo.surroundings import (
    COLLECTOR,
    MPESA_INITIATOR,
    OPERATOR,
    USER,
    DemoAddresses,
    as_shell,
    environment_of,
)
from payments.entrypoints.http import create_app
from payments.entrypoints.http.auth import Scope
from payments.entrypoints.logging import configure_logging
from payments.entrypoints.serving import Service, listen, serve_with
from payments.entrypoints.tokens import sign_token
from payments.entrypoints.worker import Worker
from payments.settings import SCOPES, Settings
from payments.simulators.app import create_simulators, mailbox_port, simulators_at
from payments.simulators.chapa import ChapaSwitches
from payments.simulators.lifespans import running
from payments.simulators.mpesa import MpesaSimulatorConfig, certificate_of

_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
_TOKEN_FOR: Final = timedelta(days=30)
_HEEDED: Final = ("PAYMENTS_LOG_LEVEL", "PAYMENTS_LOG_FORMAT")


async def run_demo(
    *,
    host: str,
    port: int,
    directory: Path,
    fresh: bool,
    environ: Mapping[str, str],
    announce: Callable[[str], None],
) -> None:
    """Run the demonstration until asked to stop; ``announce`` gets what a newcomer needs to know.

    Of ``environ`` only how to log is heeded: real keys stay unused.

    Raises:
        ConfigurationInvalid: live mode, a host that others could reach, or a port in use.
        StorageBusy: another demonstration runs on this directory.
    """
    _refuse_anything_real(host, environ)
    with listen(host, port) as listening, open_state(directory, fresh=fresh) as state:
        bound = int(listening.getsockname()[1])
        addresses = DemoAddresses(public=f"http://{'[::1]' if host == '::1' else host}:{bound}")
        simulators = _simulators(state, addresses)
        async with running(simulators):
            settings = _settings(state, addresses, mailbox_port(simulators), bound, environ)
            configure_logging(settings.logging, sys.stderr)
            demo = _demo(state, addresses, settings, simulators)
            ignored = sorted(n for n in environ if n.startswith("PAYMENTS_") and n not in _HEEDED)
            told = banner(demo, state.environment_file, ignored)
            await _serve(demo, listening, started=lambda: announce(told))


def _demo(state: DemoState, addresses: DemoAddresses, settings: Settings, simulators: Starlette) -> Demo:
    def token(user: str, *scopes: str) -> str:
        return sign_token(settings, user=user, scope=" ".join(scopes), valid_for=_TOKEN_FOR)

    return Demo(
        settings=settings,
        addresses=addresses,
        token=token(USER, *SCOPES),
        operator_token=token(OPERATOR, Scope.OPERATE.value, Scope.REFUND.value),
        collector_token=token(COLLECTOR, Scope.COLLECT.value),
        secrets=state.secrets,
        simulators=simulators,
    )


def _simulators(state: DemoState, addresses: DemoAddresses) -> Starlette:
    made = state.secrets
    config = simulators_at(
        addresses.simulators,
        webhook_url=addresses.notices("chapa"),
        webhook_secret=made.chapa_webhook_secret,
        orders_token=made.orders_token,
        orders_signing_secrets=(made.orders_signing_secret,),
        state_directory=state.simulators,
        paystack_webhook_url=addresses.notices("paystack"),
        paystack_secret_key=made.paystack_secret_key,
        mpesa=MpesaSimulatorConfig(
            public_url=addresses.mpesa,
            consumer_key=made.mpesa_consumer_key,
            consumer_secret=made.mpesa_consumer_secret,
            organisation="MERKATO",
            initiator_name=MPESA_INITIATOR,
            initiator_password=made.mpesa_initiator_password,
            private_key_pem=made.mpesa_private_key.encode(),
        ),
    )
    # Chapa refuses refunds in test mode. Here a person is to see one go through.
    chapa = attrs.evolve(config.chapa, switches=ChapaSwitches(refunds="allowed"))
    return create_simulators(attrs.evolve(config, chapa=chapa))


def _settings(
    state: DemoState, addresses: DemoAddresses, smtp_port: int, port: int, environ: Mapping[str, str]
) -> Settings:
    certificate = certificate_of(state.secrets.mpesa_private_key.encode()).decode()
    state.write_private(state.mpesa_certificate, certificate)
    variables = environment_of(
        state.secrets,
        addresses,
        database=state.database,
        mpesa_certificate=state.mpesa_certificate,
        smtp_port=smtp_port,
        port=port,
    )
    state.write_private(state.environment_file, as_shell(variables))
    heeded = {name: environ[name] for name in _HEEDED if name in environ}
    return Settings.from_env({"PAYMENTS_LOG_LEVEL": "warning"} | variables | heeded)


def _refuse_anything_real(host: str, environ: Mapping[str, str]) -> None:
    if host not in _LOOPBACK:
        raise ConfigurationInvalid(
            f"The demonstration is for this machine alone: its host is {', '.join(_LOOPBACK)}, not {host}."
        )
    if environ.get("PAYMENTS_MODE", "").strip().lower() == "live":
        raise ConfigurationInvalid(
            "The demonstration moves no real money.",
            errors=(
                FieldError("PAYMENTS_MODE", "Take live out, or start the service with `payments serve`."),
            ),
        )


async def _serve(demo: Demo, listening: socket.socket, *, started: Callable[[], None]) -> None:
    # Connections wait on the socket from now on, so nobody who is asked too early is refused.
    async with (
        open_payments(demo.settings) as payments,
        open_shop_client(demo.addresses, demo.token) as client,
        open_collecting(demo.addresses, demo.collector_token, demo.operator_token) as collecting,
    ):
        worker = Worker(payments)
        service = create_app(payments, demo.settings, on_notice=worker.wake)

        def stopping() -> None:
            service.state.draining = True
            worker.stop()

        app = create_demo(demo, service, client, collecting)
        await serve_with(worker, Service(app=app, started=started, stopping=stopping), listening)

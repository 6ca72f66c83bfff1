"""Chapa: hosted checkout pages, verification, refunds and signed webhooks. API v1 only."""

from typing import Final

from payments.adapters.providers.chapa.api import ChapaApi
from payments.adapters.providers.chapa.cancellations import ChapaCancellations
from payments.adapters.providers.chapa.checkouts import RANGES, ChapaCheckouts
from payments.adapters.providers.chapa.checks import ChapaChecks
from payments.adapters.providers.chapa.ledger import ChapaLedger
from payments.adapters.providers.chapa.refunds import ChapaRefunds, can_refund
from payments.adapters.providers.chapa.self_check import REGISTER_AT, ChapaSelfCheck
from payments.adapters.providers.chapa.settings import ChapaSettings, read_settings
from payments.adapters.providers.chapa.webhooks import ChapaWebhooks
from payments.adapters.providers.surroundings import Surroundings
from payments.application.ports.providers import Flow, Provider

__all__ = ["NAME", "ChapaSettings", "build", "read_settings"]

NAME: Final = "chapa"


def build(settings: ChapaSettings, surroundings: Surroundings) -> Provider:
    """Chapa as this service uses it."""
    api = ChapaApi(settings=settings, surroundings=surroundings)
    return Provider(
        name=NAME,
        mode=settings.mode,
        flow=Flow.HOSTED_PAGE,
        ranges=RANGES,
        payable_for=settings.payable_for,
        watched_for=settings.watched_for,
        checkouts=ChapaCheckouts(api),
        checks=ChapaChecks(api),
        cancellations=ChapaCancellations(api),
        webhooks=ChapaWebhooks(settings.webhook_secrets),
        refunds=ChapaRefunds(api) if can_refund(settings) else None,
        ledger=ChapaLedger(api),
        ledger_names_references=False,
        self_check=ChapaSelfCheck(api, surroundings.clock),
        register_at=REGISTER_AT,
    )

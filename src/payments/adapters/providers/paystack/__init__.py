"""Paystack: hosted checkout pages, verification, refunds and signed webhooks."""

from typing import Final

from payments.adapters.providers.paystack.amounts import REFUSES
from payments.adapters.providers.paystack.api import PaystackApi
from payments.adapters.providers.paystack.checkouts import PaystackCheckouts, ranges_of
from payments.adapters.providers.paystack.checks import PaystackChecks
from payments.adapters.providers.paystack.emails import PaystackEmails
from payments.adapters.providers.paystack.ledger import PaystackLedger
from payments.adapters.providers.paystack.refunds import PaystackRefunds
from payments.adapters.providers.paystack.self_check import REGISTER_AT, PaystackSelfCheck
from payments.adapters.providers.paystack.settings import PaystackSettings, read_settings
from payments.adapters.providers.paystack.webhooks import PaystackWebhooks
from payments.adapters.providers.surroundings import Surroundings
from payments.application.ports.providers import Flow, Provider

__all__ = ["NAME", "PaystackSettings", "build", "read_settings"]

NAME: Final = "paystack"


def build(settings: PaystackSettings, surroundings: Surroundings) -> Provider:
    """Paystack as this service uses it. It closes no checkout, so it has no cancellations."""
    api = PaystackApi(settings=settings, surroundings=surroundings)
    return Provider(
        name=NAME,
        mode=settings.mode,
        flow=Flow.HOSTED_PAGE,
        ranges=ranges_of(settings),
        refuses=REFUSES,
        payable_for=settings.payable_for,
        watched_for=settings.watched_for,
        checkouts=PaystackCheckouts(api),
        checks=PaystackChecks(api),
        emails=PaystackEmails(),
        webhooks=PaystackWebhooks((settings.secret_key, *settings.webhook_keys)),
        refunds=PaystackRefunds(api),
        ledger=PaystackLedger(api),
        self_check=PaystackSelfCheck(api, surroundings.clock),
        register_at=REGISTER_AT,
    )

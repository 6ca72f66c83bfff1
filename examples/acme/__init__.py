"""Acme: a provider made up for this example, whole and small. ``make provider NAME=...`` begins one from it.

Its fact sheet fits here. ``POST /checkouts`` with ``{reference, amount_minor, currency, return_url}`` answers
201 ``{reference, url}``, the page being on ``pay.acme.example``, 409 for a reference that was used, and 422
``{error}`` for whatever else is wrong.
``GET /checkouts/{reference}`` answers ``{reference, state, amount_minor, currency, mode, transaction,
tries}``; ``state`` is ``open``, ``failed``, ``paid`` or ``returned``. An unknown reference is 404
``{"error": "unknown_reference"}``, a refused key 401. A webhook is ``{type, reference}``, and
``acme-signature`` carries the HMAC-SHA256 of its bytes in hexadecimal.
"""

from datetime import timedelta
from typing import Final

from examples.acme.api import AcmeApi
from examples.acme.checkouts import RANGES, AcmeCheckouts
from examples.acme.checks import AcmeChecks
from examples.acme.settings import AcmeSettings, read_settings
from examples.acme.webhooks import AcmeWebhooks
from payments.adapters.providers.surroundings import Surroundings
from payments.application.ports.providers import Flow, Provider

__all__ = ["NAME", "AcmeSettings", "build", "read_settings"]

NAME: Final = "acme"


def build(settings: AcmeSettings, surroundings: Surroundings) -> Provider:
    """Acme as this service uses it."""
    api = AcmeApi(settings=settings, surroundings=surroundings)
    return Provider(
        name=NAME,
        mode=settings.mode,
        flow=Flow.HOSTED_PAGE,
        ranges=RANGES,
        payable_for=timedelta(hours=24),
        watched_for=timedelta(hours=72),
        checkouts=AcmeCheckouts(api),
        checks=AcmeChecks(api),
        webhooks=AcmeWebhooks(settings.webhook_secrets),
        register_at="Acme's dashboard, Developers → Webhooks: this URL",
    )

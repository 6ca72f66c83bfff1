"""Cash on delivery: a collector takes the money at the door. Nobody outside is asked or told anything."""

from typing import Final

from payments.adapters.providers.cash.checkouts import CashCheckouts, ranges_of
from payments.adapters.providers.cash.checks import CashChecks
from payments.adapters.providers.cash.settings import CashSettings, read_settings
from payments.adapters.providers.surroundings import Surroundings
from payments.application.ports.providers import Flow, Provider

__all__ = ["NAME", "CashSettings", "build", "read_settings"]

NAME: Final = "cash"


def build(settings: CashSettings, _surroundings: Surroundings) -> Provider:
    """Cash as this service uses it: an attempt has no end, and only a collector speaks of it."""
    ranges = ranges_of(settings.currencies)
    return Provider(
        name=NAME,
        mode=settings.mode,
        flow=Flow.CASH,
        ranges=ranges,
        payable_for=None,
        watched_for=None,
        checkouts=CashCheckouts(ranges),
        no_ledger="Cash is in our own records alone: `payments check` looks through them.",
        checks=CashChecks(),
        delivery_codes=settings.require_code,
    )

"""Cash on delivery for the kit: nobody outside has a part in it, so there is nothing to script."""

from typing import Final

import attrs

from payments.application.ports.providers import (
    Checkout,
    CheckoutRequest,
    Checkouts,
    Flow,
    Provider,
    Question,
    Range,
    StatusChecks,
)
from payments.domain.evidence import Answer, Mode, Outcome
from payments.domain.money import MAX_MINOR, Currency, Money

CURRENCIES: Final = ("ETB", "KES", "NGN", "GHS", "USD")


@attrs.frozen
class _AtTheDoor(Checkouts, StatusChecks):
    async def open(self, request: CheckoutRequest) -> Checkout:  # noqa: ARG002 -- the port's signature
        return Checkout(url=None)

    async def check(self, question: Question) -> Answer:
        return Answer(outcome=Outcome.PAYABLE, word="no money recorded", reference=question.reference)


def cash_on_delivery(*, currencies: tuple[str, ...] = CURRENCIES, delivery_codes: bool = True) -> Provider:
    """The provider ``cash``; with ``delivery_codes`` a collector has to name what the payer's page shows."""
    units = [Currency.of(code) for code in currencies]
    return Provider(
        name="cash",
        mode=Mode.TEST,
        flow=Flow.CASH,
        ranges={unit.code: Range(Money(1, unit), Money(MAX_MINOR, unit)) for unit in units},
        payable_for=None,
        watched_for=None,
        checkouts=_AtTheDoor(),
        checks=_AtTheDoor(),
        delivery_codes=delivery_codes,
    )

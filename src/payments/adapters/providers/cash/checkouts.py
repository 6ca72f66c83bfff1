"""Opening: there is nothing to open outside. The claim and its checkout are one transaction of ours."""

from collections.abc import Iterable, Mapping

import attrs

from payments.application.ports.providers import Checkout, CheckoutRequest, Checkouts, Range
from payments.domain.errors import ProviderRejected
from payments.domain.money import MAX_MINOR, Currency, Money


def ranges_of(currencies: Iterable[str]) -> Mapping[str, Range]:
    """What can be handed over at a door: from one minor unit to the largest amount there is."""
    return {code: _range(Currency.of(code)) for code in currencies}


def _range(currency: Currency) -> Range:
    return Range(Money(1, currency), Money(MAX_MINOR, currency))


@attrs.frozen
class CashCheckouts(Checkouts):
    """Hands out no page of its own: the payer gets ours."""

    _ranges: Mapping[str, Range]

    async def open(self, request: CheckoutRequest) -> Checkout:
        span = self._ranges.get(request.amount.currency.code)
        if span is None or not span.least <= request.amount <= span.most:
            raise ProviderRejected(f"Nobody collects {request.amount} at a door.")
        return Checkout(url=None)

"""Opening a checkout: ``POST /checkouts``."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

import attrs

from examples.acme.api import AcmeAnswer, AcmeApi
from examples.acme.settings import REAL_API_HOST, AcmeSettings
from payments.adapters.payers_pages import may_be_handed_out
from payments.application.ports.providers import Checkout, CheckoutRequest, Checkouts, Range
from payments.domain.errors import GatewayError, OutcomeUnknown, ProviderRejected, ProviderUnavailable
from payments.domain.money import Money

RANGES: Final[Mapping[str, Range]] = {
    code: Range(Money.of("1.00", code), Money.of("1000000.00", code)) for code in ("KES", "NGN")
}
"""By currency: the least and the most."""

_PAGE_HOST: Final = "pay.acme.example"
_REFUSALS: Final = range(400, 500)


@attrs.frozen
class AcmeCheckouts(Checkouts):
    """Opens hosted pages."""

    _api: AcmeApi

    async def open(self, request: CheckoutRequest) -> Checkout:
        span = RANGES.get(request.amount.currency.code)
        if span is None or not span.least <= request.amount <= span.most:
            raise ProviderRejected(f"Acme does not take {request.amount}.")
        fields = {
            "reference": request.reference,
            "amount_minor": request.amount.minor,
            "currency": request.amount.currency.code,
            "return_url": request.return_url,
        }
        return checkout_of(await self._api.call("POST", "/checkouts", fields), self._api.settings)


def checkout_of(answer: AcmeAnswer, settings: AcmeSettings) -> Checkout:
    """The page that ``answer`` gives. No payer is sent to another one than Acme's.

    Raises:
        ProviderRejected: a definite no.
        ProviderUnavailable: asked to come back later, and nothing was done.
        OutcomeUnknown: anything else; there may be a checkout.
    """
    url = answer.text("url")
    is_acmes = may_be_handed_out(
        url,
        page_host=_PAGE_HOST,
        api_host=REAL_API_HOST,
        base_url=settings.base_url,
        mode=settings.mode,
    )
    if answer.status == HTTPStatus.CREATED and is_acmes:
        return Checkout(url=url)
    raise _refusal(answer)


def _refusal(answer: AcmeAnswer) -> GatewayError:
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return ProviderUnavailable("Acme asks us to come back later.", retry_after_s=5.0)
    # 409: our reference is never used twice, so this very request arrived before and its answer was lost.
    undecided = answer.body is None or answer.status == HTTPStatus.CONFLICT
    if undecided or answer.status not in _REFUSALS:
        return OutcomeUnknown(f"Acme answered {answer.status}, which does not say whether it did anything.")
    return ProviderRejected(f"Acme refused: {answer.text('error') or answer.status}")

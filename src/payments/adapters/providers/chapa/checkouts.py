"""Opening a checkout: ``POST /transaction/initialize`` (fact sheet, section 2)."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import attrs

from payments.adapters.payers_pages import may_be_handed_out
from payments.adapters.providers.chapa.api import ChapaAnswer, ChapaApi, refusal
from payments.adapters.providers.chapa.payer_fields import (
    LONGEST_DESCRIPTION,
    LONGEST_TITLE,
    payer_fields,
    plain,
)
from payments.adapters.providers.chapa.settings import REAL_API_HOST, ChapaSettings
from payments.application.ports.providers import Checkout, CheckoutRequest, Checkouts, Range
from payments.domain.errors import OutcomeUnknown, ProviderRejected
from payments.domain.money import Money

RANGES: Final[Mapping[str, Range]] = {
    code: Range(Money.of("1.00", code), Money.of("1000000.00", code)) for code in ("ETB", "USD")
}
"""Sections 2.1 and 9; the least amount is not known exactly."""

_REAL_CHECKOUT_HOST: Final = "checkout.chapa.co"
_AMOUNT: Final = re.compile(r"[0-9]{1,7}\.[0-9]{2}")
_REFERENCE: Final = re.compile(r"[A-Za-z0-9_-]{1,50}")
_OPTIONAL: Final = ("email", "first_name", "last_name", "phone_number", "customization")


@attrs.frozen
class ChapaCheckouts(Checkouts):
    """Opens hosted pages."""

    _api: ChapaApi

    async def open(self, request: CheckoutRequest) -> Checkout:
        fields = checkout_fields(request, self._api.settings)
        answer = await self._initialize(fields)
        refused = set(_refused_fields(answer))
        if refused and refused <= set(_OPTIONAL):
            # Chapa looked up the e-mail's domain, say. Nothing was created, and none of these is needed.
            answer = await self._initialize({k: v for k, v in fields.items() if k not in refused})
        return checkout_of(answer, self._api.settings)

    async def _initialize(self, fields: Mapping[str, Any]) -> ChapaAnswer:
        return await self._api.call("initialize", "POST", "/transaction/initialize", fields)


def checkout_fields(request: CheckoutRequest, settings: ChapaSettings) -> dict[str, Any]:
    """What is sent, every limit of section 2.1 kept.

    Raises:
        ProviderRejected: Chapa could only refuse it, so nothing is sent.
    """
    span = RANGES.get(request.amount.currency.code)
    if span is None or not span.least <= request.amount <= span.most:
        raise ProviderRejected(f"Chapa does not take {request.amount}.")
    amount = request.amount.decimal
    if not _AMOUNT.fullmatch(amount) or not _REFERENCE.fullmatch(request.reference):
        raise ProviderRejected("Chapa does not take this amount or reference.")
    customization = {
        "title": plain(settings.title, LONGEST_TITLE),
        "description": plain(f"Order {request.order_id}", LONGEST_DESCRIPTION),
    }
    return {
        "amount": amount,
        "currency": request.amount.currency.code,
        "tx_ref": request.reference,
        "return_url": request.return_url,
        "customization": {name: text for name, text in customization.items() if text},
        **payer_fields(request),
    }


def checkout_of(answer: ChapaAnswer, settings: ChapaSettings) -> Checkout:
    """The page that ``answer`` gives.

    Raises:
        ProviderRejected: a definite no.
        ProviderUnavailable: asked to come back later, and nothing was done.
        OutcomeUnknown: anything else; there may be a transaction.
    """
    if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        url = answer.data.get("checkout_url") if answer.data else None
        if isinstance(url, str) and _is_ours_to_hand_out(url, settings):
            return Checkout(url=url)
        raise OutcomeUnknown("Chapa's answer has no usable checkout link.")
    if answer.says("has been used before"):
        # Our reference is random and never used twice (docs/model.md sections 1 and 4), so it was this very
        # request that arrived before, repeated on the way: there is a page whose address we never got.
        # "Rejected" would say that there is none, and nobody would cancel it.
        raise OutcomeUnknown("Chapa has this reference already; the answer that had the link was lost.")
    raise refusal(answer)


def _refused_fields(answer: ChapaAnswer) -> tuple[str, ...]:
    """The fields that a 400 complains about, ``customization.title`` as ``customization``."""
    message = answer.body.get("message") if answer.body else None
    if answer.status != HTTPStatus.BAD_REQUEST or not isinstance(message, dict):
        return ()
    return tuple(name.partition(".")[0] for name in message)


def _is_ours_to_hand_out(url: str, settings: ChapaSettings) -> bool:
    return may_be_handed_out(
        url,
        page_host=_REAL_CHECKOUT_HOST,
        api_host=REAL_API_HOST,
        base_url=settings.base_url,
        mode=settings.mode,
    )

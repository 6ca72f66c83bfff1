"""Opening a checkout: ``POST /transaction/initialize`` (fact sheet, sections 3 and 4)."""

import re
from typing import Any, Final
from urllib.parse import urlsplit

import attrs

from payments.adapters.payers_pages import may_be_handed_out
from payments.adapters.providers.paystack.amounts import ON_REQUEST, RANGES, REFUSES, subunits
from payments.adapters.providers.paystack.api import PaystackAnswer, PaystackApi, refusal
from payments.adapters.providers.paystack.emails import PaystackEmails
from payments.adapters.providers.paystack.settings import PaystackSettings
from payments.application.ports.providers import Checkout, CheckoutRequest, Checkouts, Range
from payments.domain.errors import InvalidRequest, OutcomeUnknown, ProviderRejected

_REAL_API_HOST: Final = "api.paystack.co"
_REAL_CHECKOUT_HOST: Final = "checkout.paystack.com"
_REFERENCE: Final = re.compile(r"[A-Za-z0-9.=-]{1,40}")
"""Section 3: the documented characters, and the longest that was seen to be taken."""


@attrs.frozen
class PaystackCheckouts(Checkouts):
    """Opens hosted pages."""

    _api: PaystackApi

    async def open(self, request: CheckoutRequest) -> Checkout:
        fields = checkout_fields(request, self._api.settings)
        answer = await self._api.send("initialize", "/transaction/initialize", fields)
        return checkout_of(answer, self._api.settings)


def ranges_of(settings: PaystackSettings) -> dict[str, Range]:
    """What the account takes, by currency code."""
    known = {**RANGES, **ON_REQUEST}
    return {code: known[code] for code in settings.currencies}


def checkout_fields(request: CheckoutRequest, settings: PaystackSettings) -> dict[str, Any]:
    """What is sent, every limit of sections 2 and 3 kept.

    Raises:
        ProviderRejected: Paystack could only refuse it, so nothing is sent.
    """
    amount = request.amount
    try:
        email = PaystackEmails().usable(request.customer.email)
    except InvalidRequest as unusable:
        raise ProviderRejected(unusable.detail) from unusable
    span = ranges_of(settings).get(amount.currency.code)
    if span is None:
        raise ProviderRejected(REFUSES.get(amount.currency.code, f"Paystack does not take {amount}."))
    if not span.least <= amount <= span.most or not _REFERENCE.fullmatch(request.reference):
        raise ProviderRejected(f"Paystack does not take {amount}, or this reference.")
    # Paystack adds the reference itself. What it does to a query that is already there is not known.
    callback_url = urlsplit(request.return_url)._replace(query="", fragment="").geturl()
    return {
        "email": email,
        "amount": subunits(amount),
        "currency": amount.currency.code,
        "reference": request.reference,
        "callback_url": callback_url,
        "metadata": {
            "cancel_action": request.return_url,
            "custom_fields": [
                {"display_name": "Order", "variable_name": "order_id", "value": request.order_id}
            ],
        },
    }


def checkout_of(answer: PaystackAnswer, settings: PaystackSettings) -> Checkout:
    """The page that ``answer`` gives.

    Raises:
        ProviderRejected: a definite no.
        ProviderUnavailable: asked to come back later, and nothing was done.
        OutcomeUnknown: anything else; there may be a transaction.
    """
    if answer.worked:
        url = answer.data.get("authorization_url") if answer.data else None
        if isinstance(url, str) and _is_ours_to_hand_out(url, settings):
            return Checkout(url=url)
        raise OutcomeUnknown("Paystack's answer has no usable checkout link.")
    if answer.refused and (
        answer.code == "duplicate_reference" or answer.says("Duplicate Transaction Reference")
    ):
        # Our reference is random and never used twice (docs/model.md sections 1 and 4), so it was this very
        # request that arrived before, repeated on the way: there is a page whose address we never got, and
        # Paystack tells it to nobody a second time.
        raise OutcomeUnknown("Paystack has this reference already; the answer that had the link was lost.")
    raise refusal(answer)


def _is_ours_to_hand_out(url: str, settings: PaystackSettings) -> bool:
    return may_be_handed_out(
        url,
        page_host=_REAL_CHECKOUT_HOST,
        api_host=_REAL_API_HOST,
        base_url=settings.base_url,
        mode=settings.mode,
    )

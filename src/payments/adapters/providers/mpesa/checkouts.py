"""Prompting on a phone: ``POST /mpesa/stkpush/v1/processrequest`` (fact sheet, section 3)."""

import re
from http import HTTPStatus
from typing import Any, Final

import attrs

from payments.adapters.providers.mpesa.api import MpesaAnswer, MpesaApi
from payments.adapters.providers.mpesa.credentials import password, timestamp
from payments.adapters.providers.mpesa.refusals import refusal_of
from payments.adapters.providers.mpesa.settings import MpesaSettings
from payments.adapters.providers.mpesa.whole_shillings import CENTS, is_whole
from payments.application.ports.providers import Checkout, CheckoutRequest, Checkouts
from payments.domain.errors import OutcomeUnknown, ProviderRejected
from payments.domain.money import Money

PATH: Final = "/mpesa/stkpush/v1/processrequest"
DESCRIPTION: Final = "Order payment"
"""What the push is for; at most 13 characters, and never left out (section 3.1)."""

LONGEST_LABEL: Final = 12
_NO_LABEL: Final = "order"
_ID: Final = re.compile(r"[\x21-\x7e]{1,128}", re.ASCII)


@attrs.frozen
class MpesaCheckouts(Checkouts):
    """Sends a prompt at most once: the same push twice would be two prompts and two charges."""

    _api: MpesaApi

    async def open(self, request: CheckoutRequest) -> Checkout:
        at = timestamp(self._api.surroundings.clock.now())
        answer = await self._api.call("push", PATH, push_fields(request, self._api.settings, at))
        return checkout_of(answer)


def push_fields(request: CheckoutRequest, settings: MpesaSettings, at: str) -> dict[str, Any]:
    """What is sent, every limit of section 3.1 kept.

    Raises:
        ProviderRejected: M-Pesa could only refuse it, so nothing is sent.
    """
    if request.phone is None or request.callback_url is None:
        raise ProviderRejected("M-Pesa needs the payer's phone, and an address to report to.")
    shillings = shillings_of(request.amount, settings)
    if shillings is None:
        raise ProviderRejected(f"M-Pesa does not take {request.amount}.")
    return {
        "BusinessShortCode": settings.shortcode,
        "Password": password(settings.shortcode, settings.passkey.reveal(), at),
        "Timestamp": at,
        "TransactionType": settings.transaction_type,
        "Amount": shillings,
        "PartyA": request.phone,
        "PartyB": settings.till or settings.shortcode,
        "PhoneNumber": request.phone,
        "CallBackURL": request.callback_url,
        "AccountReference": label_of(request.order_id),
        "TransactionDesc": DESCRIPTION,
    }


def shillings_of(amount: Money, settings: MpesaSettings) -> int | None:
    """``amount`` as M-Pesa takes it; None when it does not."""
    span = settings.ranges.get(amount.currency.code)
    if span is None or not span.least <= amount <= span.most or not is_whole(amount):
        return None
    return amount.minor // CENTS


def label_of(order_id: str) -> str:
    """What the payer's SMS calls the order: no secret, at most 12 letters and digits, from its end."""
    return re.sub(r"[^A-Za-z0-9]", "", order_id)[-LONGEST_LABEL:] or _NO_LABEL


def checkout_of(answer: MpesaAnswer) -> Checkout:
    """The prompt that ``answer`` confirms. Accepted is not paid.

    Raises:
        ProviderRejected: a definite no.
        ProviderUnavailable: asked to come back later, and nothing was done.
        OutcomeUnknown: anything else; the prompt may be on the phone.
    """
    if answer.status == HTTPStatus.OK and answer.text("ResponseCode") == "0" and not answer.error_code:
        name = answer.text("CheckoutRequestID")
        if _ID.fullmatch(name):
            return Checkout(url=None, provider_reference=name)
        raise OutcomeUnknown("M-Pesa accepted the request and did not name it.")
    raise refusal_of(answer)

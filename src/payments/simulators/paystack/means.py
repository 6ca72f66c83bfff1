"""How a customer pays on the checkout page, read from its forms."""

from typing import Any

import attrs

from payments.simulators.paystack import authorizations, instruments
from payments.simulators.paystack.transactions import Transaction

OTHER_CHANNELS = ("bank_transfer", "bank", "ussd", "qr", "eft", "apple_pay", "capitec_pay", "payattitude")
_WRONG = {"pin": "Incorrect PIN", "otp": "Incorrect OTP", "bank": "Bank declined the payment"}


@attrs.frozen(kw_only=True)
class Means:
    """How the customer wants to pay: `name` is what forms carry, `asks` what is to be told first, in turn."""

    name: str
    channel: str
    title: str
    authorization: dict[str, Any]
    asks: tuple[tuple[str, str], ...] = ()
    declined: str | None = None
    refund_end: str = "processed"


def offered(transaction: Transaction) -> tuple[str, ...]:
    """Return the channels of the page: those the merchant chose, mobile money where the currency has some."""
    chosen = transaction.channels or ("card", "mobile_money", "bank_transfer")
    wallet = instruments.wallet_for(transaction.currency)
    return tuple(
        channel
        for channel in ("card", "mobile_money", *OTHER_CHANNELS)
        if channel in chosen and (channel != "mobile_money" or wallet is not None)
    )


def means_in(transaction: Transaction, form: dict[str, str]) -> Means | None:
    """Return what the form pays with; None where it does not say. One tap carries it all, as `card:4084…`."""
    channel, _, tapped = form.get("with", "").partition(":")
    if channel not in offered(transaction):
        return None
    if channel == "card":
        return _card(transaction, form, tapped)
    if channel == "mobile_money":
        return _wallet(transaction, tapped or form.get("phone", ""))
    return Means(
        name=channel,
        channel=channel,
        title=channel.replace("_", " "),
        authorization=authorizations.of_bank(channel, transaction.currency),
    )


def _card(transaction: Transaction, form: dict[str, str], tapped: str) -> Means | None:
    number = instruments.digits(tapped or form.get("number", ""))
    if not number:
        return None
    card = instruments.card(number)
    wrong_code = card is not None and not tapped and form.get("cvv", "").strip() != card.cvv
    if card is None or wrong_code:
        stranger = card or instruments.Card(number=number, cvv="", says="")
        return _card_means(stranger, transaction, form, declined=instruments.DECLINED)
    return _card_means(card, transaction, form, declined=card.declined)


def _card_means(
    card: instruments.Card, transaction: Transaction, form: dict[str, str], declined: str | None
) -> Means:
    month, _, year = form.get("expiry", "12/30").replace(" ", "").partition("/")
    return Means(
        name=f"card:{card.number}",
        channel="card",
        title=f"card ending in {card.number[-4:]}",
        authorization=authorizations.of_card(card, transaction.currency, (month, f"20{year[-2:]}")),
        asks=() if declined == instruments.DECLINED else card.asks,
        declined=declined,
        refund_end=card.refund_end,
    )


def _wallet(transaction: Transaction, phone: str) -> Means | None:
    wallet = instruments.wallet_for(transaction.currency)
    if wallet is None or not instruments.digits(phone):
        return None
    pays = instruments.same_number(phone, wallet.number)
    return Means(
        name=f"mobile_money:{phone}",
        channel="mobile_money",
        title=wallet.name,
        authorization=authorizations.of_wallet(wallet, phone),
        asks=wallet.asks if pays else (),
        declined=None if pays else f"{wallet.name} declined the payment for {phone}",
    )


def wrong_step(means: Means, form: dict[str, str]) -> str | None:
    """Return what a step that was taken wrongly is called, or None."""
    for step, expected in means.asks:
        if expected and form.get(step, expected) != expected:
            return _WRONG[step]
    return None

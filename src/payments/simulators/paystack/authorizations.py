"""What Paystack remembers of what paid, to charge it again if it can (fact sheet, section 5)."""

from typing import Any

from payments.simulators.paystack import formats
from payments.simulators.paystack.instruments import COUNTRIES, Card, Wallet, digits


def of_card(paying: Card, currency: str, expiry: tuple[str, str]) -> dict[str, Any]:
    """Return what charges this card again; `card_type` ends in a blank, as Paystack's does."""
    month, year = expiry
    return {
        "authorization_code": formats.authorization_code(),
        "bin": paying.number[:6],
        "last4": paying.number[-4:],
        "exp_month": month,
        "exp_year": year,
        "channel": "card",
        "card_type": f"{paying.brand} ",
        "bank": "TEST BANK",
        "country_code": COUNTRIES.get(currency, "NG"),
        "brand": paying.brand,
        "reusable": paying.reusable,
        "signature": formats.card_signature(),
        "account_name": None,
    }


def of_wallet(paying: Wallet, phone: str) -> dict[str, Any]:
    """Return the authorization of mobile money: its number is masked, and it cannot be used again."""
    return {
        "authorization_code": formats.authorization_code(),
        "bin": f"{digits(phone)[:3]}XXX",
        "last4": f"X{digits(phone)[-3:]}",
        "exp_month": "12",
        "exp_year": "9999",
        "channel": "mobile_money",
        "card_type": "",
        "bank": paying.bank,
        "country_code": paying.country_code,
        "brand": paying.brand,
        "reusable": False,
        "signature": None,
        "account_name": None,
    }


def of_bank(channel: str, currency: str) -> dict[str, Any]:
    """Return the authorization of a transfer, a bank account or whatever else is no card."""
    return {
        "authorization_code": formats.authorization_code(),
        "bin": "000XXX",
        "last4": "X000",
        "exp_month": "12",
        "exp_year": "9999",
        "channel": channel,
        "card_type": "",
        "bank": "Zenith Bank" if currency == "NGN" else "TEST BANK",
        "country_code": COUNTRIES.get(currency, "NG"),
        "brand": channel,
        "reusable": False,
        "signature": None,
        "account_name": None,
    }

"""The payment methods of the checkout and the numbers that succeed in test mode (fact sheet, section 9)."""

import re

import attrs

_ETHIO_TELECOM = ("0900123456", "0900112233", "0900881111")
_SAFARICOM = ("0700123456", "0700112233", "0700881111")
_OTP = "12345"
_NOT_A_DIGIT = re.compile(r"[^0-9]")


@attrs.frozen
class Wallet:
    """A way to pay: `method` is Chapa's word for it, `numbers` are those that succeed; any other fails."""

    method: str
    name: str
    numbers: tuple[str, ...]
    otp: str | None = None


WALLETS = (
    Wallet("telebirr", "telebirr", _ETHIO_TELECOM),
    Wallet("cbebirr", "CBEBirr", _ETHIO_TELECOM),
    Wallet("mpesa", "M-Pesa", _SAFARICOM),
    Wallet("ebirr", "COOPPay-ebirr", _ETHIO_TELECOM),
    Wallet("awash_bank", "Awash Bank", _ETHIO_TELECOM, _OTP),
    Wallet("amole", "Amole", _ETHIO_TELECOM, _OTP),
)


def wallet(method: str) -> Wallet | None:
    return next((known for known in WALLETS if known.method == method), None)


def local_number(typed: str) -> str:
    """Return `+251 900 123 456`, `251900123456` or `900123456` as `0900123456`; other text as its digits."""
    digits = _NOT_A_DIGIT.sub("", typed)
    without_country = digits.removeprefix("251") if len(digits) > len("0900123456") else digits
    return without_country if without_country.startswith("0") else f"0{without_country}"


def why_it_fails(chosen: Wallet, number: str, otp: str | None) -> str | None:
    """Return why a payment with this number fails, or None when it succeeds."""
    if number not in chosen.numbers:
        return f"{chosen.name} declined the payment for {number}"
    if chosen.otp is not None and otp != chosen.otp:
        return f"{chosen.name} refused the one-time code"
    return None

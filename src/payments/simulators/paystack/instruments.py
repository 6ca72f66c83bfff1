"""What pays in test mode: cards, mobile money, bank accounts (fact sheet, section 12)."""

import re

import attrs

_NOT_A_DIGIT = re.compile(r"[^0-9]")
DECLINED = "Transaction declined. Please use the test card."


@attrs.frozen(kw_only=True)
class Card:
    """A test card. `asks` names what it wants to be told, in turn; `declined` why it never pays.

    `refund_end` is what becomes of a refund of what it paid.
    """

    number: str
    cvv: str
    says: str
    asks: tuple[tuple[str, str], ...] = ()
    declined: str | None = None
    reusable: bool = False
    refund_end: str = "processed"
    brand: str = "visa"


CARDS = (
    Card(number="4084084084084081", cvv="408", says="pays", reusable=True),
    Card(
        number="507850785078507812",
        cvv="081",
        says="pays, PIN 1111",
        asks=(("pin", "1111"),),
        brand="verve",
    ),
    Card(
        number="5060666666666666666",
        cvv="123",
        says="pays, PIN 1234, code 123456",
        asks=(("pin", "1234"), ("otp", "123456")),
        brand="verve",
    ),
    Card(
        number="507850785078507804",
        cvv="884",
        says="pays, PIN 0000, phone, code 123456",
        asks=(("pin", "0000"), ("phone", ""), ("otp", "123456")),
        brand="verve",
    ),
    Card(
        number="5192602720584796",
        cvv="123",
        says="pays, after the bank asks",
        asks=(("bank", "success"),),
        reusable=True,
        brand="mastercard",
    ),
    Card(number="4084080000005408", cvv="001", says="is declined", declined="Declined"),
    Card(
        number="507850785078507853",
        cvv="082",
        says="token not generated, PIN 0000",
        asks=(("pin", "0000"),),
        declined="Token Not Generated",
        brand="verve",
    ),
    Card(number="4084080000670037", cvv="787", says="has too little money", declined="Insufficient Funds"),
    Card(number="4084080000671803", cvv="180", says="pays; a refund fails", refund_end="failed"),
    Card(
        number="4084080000671902",
        cvv="190",
        says="pays; a refund needs attention",
        refund_end="needs-attention",
    ),
)


@attrs.frozen(kw_only=True)
class Wallet:
    """Mobile money of one currency; `number` is the one that pays, any other is declined."""

    provider: str
    name: str
    currency: str
    number: str
    bank: str
    brand: str
    country_code: str
    asks: tuple[tuple[str, str], ...] = ()


WALLETS = (
    Wallet(
        provider="mpesa",
        name="M-PESA",
        currency="KES",
        number="+254710000000",
        bank="M-PESA",
        brand="M-pesa",
        country_code="KE",
    ),
    Wallet(
        provider="mtn",
        name="MTN Mobile Money",
        currency="GHS",
        number="0551234987",
        bank="MTN Mobile Money",
        brand="Mtn mobile money",
        country_code="GH",
    ),
    Wallet(
        provider="orange",
        name="Orange Money",
        currency="XOF",
        number="0700000000",
        bank="Orange Money",
        brand="Orange money",
        country_code="CI",
        asks=(("otp", "1234"),),
    ),
)
# Which providers take which currency in a direct charge [7].
PROVIDERS = {
    "mpesa": ("KES",),
    "mpesa_offline": ("KES",),
    "mptill": ("KES",),
    "atl": ("KES", "GHS"),
    "mtn": ("GHS", "XOF"),
    "vod": ("GHS",),
    "orange": ("XOF",),
    "wave": ("XOF",),
}
COUNTRIES = {"NGN": "NG", "GHS": "GH", "ZAR": "ZA", "KES": "KE", "XOF": "CI", "USD": "US"}


def digits(typed: str) -> str:
    return _NOT_A_DIGIT.sub("", typed)


def card(number: str) -> Card | None:
    return next((known for known in CARDS if known.number == digits(number)), None)


def wallet_for(currency: str) -> Wallet | None:
    return next((known for known in WALLETS if known.currency == currency), None)


def wallet_of(provider: str, currency: str) -> Wallet:
    """Return how that provider pays in that currency; its number is empty where the sheet has none."""
    known = next((one for one in WALLETS if (one.provider, one.currency) == (provider, currency)), None)
    return known or Wallet(
        provider=provider,
        name=provider.upper(),
        currency=currency,
        number="",
        bank=provider.upper(),
        brand=provider,
        country_code=COUNTRIES[currency],
    )


def same_number(typed: str, known: str) -> bool:
    """Return whether both name one phone, with or without the country in front."""
    return len(digits(typed)) >= len("551234987") and digits(known)[-9:] == digits(typed)[-9:]

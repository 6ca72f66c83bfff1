"""M-Pesa's group of settings."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

import attrs

from payments.adapters.environment import Environment
from payments.adapters.providers.mpesa.credentials import can_seal, is_certificate
from payments.adapters.secret import Secret
from payments.application.ports.providers import Range
from payments.domain.evidence import Mode
from payments.domain.money import Money

SANDBOX_BASE_URL: Final = "https://sandbox.safaricom.co.ke"
LIVE_BASE_URL: Final = "https://api.safaricom.co.ke"

SANDBOX_SHORTCODE: Final = "174379"
SANDBOX_PASSKEY: Final = "bfb279f9aa9bdbcf158e97dd71a467cd2e0c893059b10f78e6b72ada1ed2c919"
"""The pair of Daraja's public sandbox (fact sheet, section 3.1)."""

FORBIDDEN_WORDS: Final = ("m-pesa", "mpesa", "safaricom", "exec", "exe", "cmd", "sql", "query")
"""Daraja refuses callback addresses that hold one of them, in any case (section 6.2)."""

PAYABLE_FOR: Final = timedelta(seconds=300)
WATCHED_FOR: Final = timedelta(hours=24)
CONFIRMED_AFTER: Final = timedelta(seconds=10)
QUERIES_PER_MINUTE: Final = 5
MOST_SHILLINGS: Final = 250_000

_LEAST_KEY_BYTES: Final = 16
_LEAST_PASSWORD_BYTES: Final = 8
_NUMBER: Final = re.compile(r"[0-9]{5,7}", re.ASCII)


@attrs.frozen(kw_only=True)
class ReversalSettings:
    """Who may send money back (section 7)."""

    initiator: str
    password: Secret
    certificate: str
    """Safaricom's X.509 certificate in PEM; its dates are not looked at (section 7.1)."""


@attrs.frozen(kw_only=True)
class MpesaSettings:
    """How to reach one business at Daraja."""

    mode: Mode
    consumer_key: Secret
    consumer_secret: Secret
    shortcode: str
    passkey: Secret
    till: str = ""
    """The till that is paid, where it is one (``CustomerBuyGoodsOnline``); empty: the paybill itself."""
    base_url: str = SANDBOX_BASE_URL
    public_url: str = ""
    """Where Daraja reports to, for the self-check."""
    queries_per_minute: int = QUERIES_PER_MINUTE
    most_shillings: int = MOST_SHILLINGS
    payable_for: timedelta = PAYABLE_FOR
    watched_for: timedelta = WATCHED_FOR
    confirmed_after: timedelta = CONFIRMED_AFTER
    reversals: ReversalSettings | None = None

    @property
    def transaction_type(self) -> str:
        """What Daraja calls a payment to a paybill or to a till."""
        return "CustomerBuyGoodsOnline" if self.till else "CustomerPayBillOnline"

    @property
    def ranges(self) -> Mapping[str, Range]:
        """One shilling to the most (section 3.1)."""
        return {"KES": Range(Money.of("1.00", "KES"), Money.of(f"{self.most_shillings}.00", "KES"))}


def read_settings(environment: Environment, mode: Mode) -> MpesaSettings | None:
    """The group, or None when there is no consumer key: M-Pesa is off."""
    key = environment.secret("MPESA_CONSUMER_KEY", least_bytes=_LEAST_KEY_BYTES)
    secret = environment.secret("MPESA_CONSUMER_SECRET", least_bytes=_LEAST_KEY_BYTES)
    shortcode = environment.text("MPESA_SHORTCODE")
    passkey = environment.secret("MPESA_PASSKEY")
    till = environment.text("MPESA_TILL")
    base_url = environment.url("MPESA_BASE_URL", LIVE_BASE_URL if mode is Mode.LIVE else SANDBOX_BASE_URL)
    queries = environment.whole_number("MPESA_QUERIES_PER_MINUTE", QUERIES_PER_MINUTE, least=1, most=600)
    most = environment.whole_number("MPESA_MOST", MOST_SHILLINGS, least=1, most=MOST_SHILLINGS)
    payable_for = environment.duration("MPESA_PAYABLE_FOR", PAYABLE_FOR)
    watched_for = environment.duration("MPESA_WATCHED_FOR", WATCHED_FOR)
    reversals = _reversals(environment)
    if key is None:
        return None
    _refuse_missing(environment, secret=secret, passkey=passkey)
    _refuse_numbers(environment, shortcode, till)
    public_url = environment.glance("PUBLIC_URL")
    if mode is Mode.LIVE:
        _refuse_sandbox(environment, shortcode, passkey, base_url)
        _refuse_words(environment, public_url)
    elif urlsplit(base_url).hostname == urlsplit(LIVE_BASE_URL).hostname:
        remedy = f"Its prompts take real money, and the mode is sandbox; use {SANDBOX_BASE_URL}."
        environment.refuse("MPESA_BASE_URL", remedy)
    return MpesaSettings(
        mode=mode,
        consumer_key=key,
        consumer_secret=secret or Secret(""),
        shortcode=shortcode,
        passkey=passkey or Secret(""),
        till=till,
        base_url=base_url,
        public_url=public_url,
        queries_per_minute=queries,
        most_shillings=most,
        payable_for=payable_for,
        watched_for=watched_for,
        reversals=reversals,
    )


def forbidden_word(address: str) -> str | None:
    """The word in ``address`` for which Daraja would refuse it as a callback; None when there is none."""
    return next((word for word in FORBIDDEN_WORDS if word in address.lower()), None)


def _reversals(environment: Environment) -> ReversalSettings | None:
    initiator = environment.text("MPESA_INITIATOR")
    password = environment.secret("MPESA_INITIATOR_PASSWORD", least_bytes=_LEAST_PASSWORD_BYTES)
    certificate = environment.secret("MPESA_CERTIFICATE")
    if not (initiator or password or certificate):
        return None
    for name, given in (
        ("MPESA_INITIATOR", initiator),
        ("MPESA_INITIATOR_PASSWORD", password),
        ("MPESA_CERTIFICATE", certificate),
    ):
        if not given and not environment.refused(name):
            environment.refuse(name, "It is missing. Reversals need an initiator, password and certificate.")
    if certificate and not is_certificate(certificate.reveal()):
        environment.refuse(
            "MPESA_CERTIFICATE",
            "It is no X.509 certificate with an RSA key in PEM; use MPESA_CERTIFICATE_FILE for its file.",
        )
    elif certificate and password and not can_seal(certificate.reveal(), password.reveal()):
        environment.refuse("MPESA_INITIATOR_PASSWORD", "It is too long to be sealed for Safaricom.")
    if not (initiator and password and certificate):
        return None
    return ReversalSettings(initiator=initiator, password=password, certificate=certificate.reveal())


def _refuse_missing(environment: Environment, **given: Secret | None) -> None:
    for part, secret in given.items():
        name = {"secret": "MPESA_CONSUMER_SECRET", "passkey": "MPESA_PASSKEY"}[part]
        if secret is None and not environment.refused(name):
            environment.refuse(name, "It is missing; copy it from your app at the Daraja portal.")


def _refuse_numbers(environment: Environment, shortcode: str, till: str) -> None:
    if not _NUMBER.fullmatch(shortcode):
        remedy = "Use the paybill, or the store number of a till: 5 to 7 digits."
        environment.refuse("MPESA_SHORTCODE", remedy)
    if till and not _NUMBER.fullmatch(till):
        environment.refuse("MPESA_TILL", "Use the till's number, 5 to 7 digits, or take it out.")


def _refuse_sandbox(environment: Environment, shortcode: str, passkey: Secret | None, base_url: str) -> None:
    if shortcode == SANDBOX_SHORTCODE:
        environment.refuse("MPESA_SHORTCODE", "It is the public sandbox's; use your own.")
    if passkey is not None and passkey.reveal() == SANDBOX_PASSKEY:
        environment.refuse(
            "MPESA_PASSKEY", "It is the public sandbox's, which everybody knows; use your own."
        )
    if base_url == SANDBOX_BASE_URL:
        environment.refuse("MPESA_BASE_URL", f"It is the sandbox, and the mode is live; use {LIVE_BASE_URL}.")


def _refuse_words(environment: Environment, public_url: str) -> None:
    word = forbidden_word(public_url)
    if word is not None:
        environment.refuse(
            "PUBLIC_URL",
            f"It holds {word!r}; M-Pesa reports to no address with that word in it. Use another.",
        )

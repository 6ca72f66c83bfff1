"""Paystack's group of settings."""

from datetime import timedelta
from typing import Final

import attrs

from payments.adapters.environment import Environment
from payments.adapters.providers.paystack.amounts import ON_REQUEST, RANGES
from payments.adapters.secret import Secret
from payments.domain.evidence import Mode

REAL_BASE_URL: Final = "https://api.paystack.co"
"""For test and live alike; only the key differs (fact sheet, section 1)."""

CURRENCIES: Final = tuple(RANGES)
PAYABLE_FOR: Final = timedelta(hours=24)
WATCHED_FOR: Final = timedelta(hours=72)

_KEY_PREFIXES: Final = {Mode.TEST: "sk_test_", Mode.LIVE: "sk_live_"}


@attrs.frozen(kw_only=True)
class PaystackSettings:
    """How to reach one merchant account at Paystack."""

    mode: Mode
    secret_key: Secret
    webhook_keys: tuple[Secret, ...] = ()
    """Further keys that still sign notices, while the secret key is being rotated."""
    base_url: str = REAL_BASE_URL
    """Without a slash at its end."""
    currencies: tuple[str, ...] = CURRENCIES
    """Those of the account."""
    payable_for: timedelta = PAYABLE_FOR
    watched_for: timedelta = WATCHED_FOR


def read_settings(environment: Environment, mode: Mode) -> PaystackSettings | None:
    """The group, or None when there is no key: Paystack is off."""
    key = environment.secret("PAYSTACK_SECRET_KEY")
    webhook_keys = environment.secrets("PAYSTACK_WEBHOOK_KEYS")
    base_url = environment.url("PAYSTACK_BASE_URL", REAL_BASE_URL)
    currencies = tuple(name.upper() for name in environment.names("PAYSTACK_CURRENCIES", CURRENCIES))
    watched_for = environment.duration("PAYSTACK_WATCHED_FOR", WATCHED_FOR)
    unknown = [code for code in currencies if code not in {*RANGES, *ON_REQUEST}]
    if unknown:
        environment.refuse(
            "PAYSTACK_CURRENCIES",
            f"{', '.join(unknown)} is none of Paystack's; use those your account has, of"
            f" {', '.join(CURRENCIES)}.",
        )
    if key is None:
        return None
    _refuse_wrong_keys(environment, "PAYSTACK_SECRET_KEY", (key,), mode)
    _refuse_wrong_keys(environment, "PAYSTACK_WEBHOOK_KEYS", webhook_keys, mode)
    return PaystackSettings(
        mode=mode,
        secret_key=key,
        webhook_keys=webhook_keys,
        base_url=base_url,
        currencies=tuple(dict.fromkeys(currencies)),
        watched_for=watched_for,
    )


def _refuse_wrong_keys(environment: Environment, name: str, keys: tuple[Secret, ...], mode: Mode) -> None:
    wanted, other = _KEY_PREFIXES[mode], _KEY_PREFIXES[Mode.LIVE if mode is Mode.TEST else Mode.TEST]
    for key in keys:
        text = key.reveal()
        if text.startswith(other):
            problem = "It is a test key, and the mode is live" if mode is Mode.LIVE else ""
            problem = problem or "It is a live key, and the mode is sandbox"
            environment.refuse(name, f"{problem}; use a key that begins with {wanted}.")
        elif not text.startswith(wanted) or not text.isascii() or not text.isprintable() or " " in text:
            environment.refuse(name, f"It is no secret key of Paystack; those begin with {wanted} here.")

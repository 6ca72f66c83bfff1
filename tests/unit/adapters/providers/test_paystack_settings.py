"""Paystack's group of settings: keys that fit the mode, and the currencies of the account."""

from datetime import timedelta

import pytest

from payments.adapters.environment import Environment
from payments.adapters.providers.paystack import PaystackSettings, read_settings
from payments.adapters.secret import Secret
from payments.domain.evidence import Mode

SK_TEST, SK_LIVE = "sk_test_aB3dE6gH9jK2mN5pQ8sT1vW4yZ7", "sk_live_aB3dE6gH9jK2mN5pQ8sT1vW4yZ7"
STRONG = "9fK2mQ7xLw4TzB8vRn3PdH6sYc5JgA1u"


def given(mode: Mode, **variables: str) -> tuple[PaystackSettings | None, dict[str, str]]:
    """The group, and what is wrong with it."""
    named = {f"PAYMENTS_PAYSTACK_{name}": value for name, value in variables.items()}
    environment = Environment(named, live=mode is Mode.LIVE)
    settings = read_settings(environment, mode)
    mistakes = {m.pointer.removeprefix("PAYMENTS_PAYSTACK_"): m.detail for m in environment.mistakes}
    return settings, mistakes


def test_without_a_key_it_is_off() -> None:
    assert given(Mode.TEST) == (None, {})


def test_a_key_alone_switches_it_on() -> None:
    settings = PaystackSettings(
        mode=Mode.TEST,
        secret_key=Secret(SK_TEST),
        webhook_keys=(),
        base_url="https://api.paystack.co",
        currencies=("GHS", "KES", "NGN", "USD", "XOF", "ZAR"),
        payable_for=timedelta(hours=24),
        watched_for=timedelta(hours=72),
    )
    assert given(Mode.TEST, SECRET_KEY=SK_TEST) == (settings, {})


def test_it_is_narrowed_to_what_the_account_has_and_euros_are_taken_only_where_they_are_named() -> None:
    settings = PaystackSettings(
        mode=Mode.LIVE,
        secret_key=Secret(SK_LIVE),
        webhook_keys=(Secret(f"{SK_LIVE}1"), Secret(f"{SK_LIVE}2")),
        base_url="https://paystack.proxy.shop.ke",
        currencies=("KES", "USD", "EUR"),
        watched_for=timedelta(hours=96),
    )
    read = given(
        Mode.LIVE,
        SECRET_KEY=SK_LIVE,
        WEBHOOK_KEYS=f"{SK_LIVE}1, {SK_LIVE}2",
        BASE_URL="https://paystack.proxy.shop.ke/",
        CURRENCIES="kes, USD EUR usd",
        WATCHED_FOR="96h",
    )
    assert read == (settings, {})


@pytest.mark.parametrize(
    ("mode", "name", "value"),
    [
        (Mode.LIVE, "SECRET_KEY", SK_TEST),
        (Mode.LIVE, "SECRET_KEY", "pk_live_aB3dE6gH9jK2mN5pQ8sT1vW4yZ7"),
        (Mode.LIVE, "SECRET_KEY", SK_LIVE + " x"),
        (Mode.LIVE, "SECRET_KEY", "sk_live_short"),
        (Mode.LIVE, "WEBHOOK_KEYS", SK_TEST),
        (Mode.LIVE, "WEBHOOK_KEYS", f"{SK_LIVE}1,{STRONG}"),
        (Mode.LIVE, "BASE_URL", "http://api.paystack.co"),
        (Mode.LIVE, "CURRENCIES", "KES ETB"),
        (Mode.LIVE, "WATCHED_FOR", "for ever"),
        (Mode.TEST, "SECRET_KEY", SK_LIVE),
        (Mode.TEST, "SECRET_KEY", "pk_test_aB3dE6gH9jK2mN5pQ8sT1vW4yZ7"),
        (Mode.TEST, "WEBHOOK_KEYS", SK_LIVE),
        (Mode.TEST, "CURRENCIES", "shillings"),
    ],
)
def test_what_is_unsafe_or_senseless_is_refused_and_named(mode: Mode, name: str, value: str) -> None:
    _, mistakes = given(mode, **({"SECRET_KEY": SK_LIVE if mode is Mode.LIVE else SK_TEST} | {name: value}))
    assert list(mistakes) == [name]
    assert not any(secret in mistakes[name] for secret in (SK_TEST, SK_LIVE, STRONG))

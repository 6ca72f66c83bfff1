"""M-Pesa's settings: off without a key, every mistake at once, and nothing public in live mode."""

from typing import Any

import pytest

from payments.adapters.environment import Environment
from payments.adapters.providers.mpesa.settings import (
    FORBIDDEN_WORDS,
    LIVE_BASE_URL,
    SANDBOX_BASE_URL,
    SANDBOX_PASSKEY,
    MpesaSettings,
    read_settings,
)
from payments.domain.evidence import Mode

GOOD = {
    "CONSUMER_KEY": "Zk3vT9qLw2XhP7rYb5NcJd8m",
    "CONSUMER_SECRET": "Gs6fQ1uKe4RzM0tW",
    "SHORTCODE": "600123",
    "PASSKEY": "8d1f6a2b9c3e7d4f5a0b1c2d3e4f5a6b",
}


def read(
    mode: Mode = Mode.TEST, public_url: str = "", **changed: Any
) -> tuple[MpesaSettings | None, set[str]]:
    """The group, and the names of the variables that were refused."""
    given = GOOD | changed
    variables = {f"PAYMENTS_MPESA_{name}": text for name, text in given.items() if text is not None}
    environment = Environment(variables | {"PAYMENTS_PUBLIC_URL": public_url}, live=mode is Mode.LIVE)
    settings = read_settings(environment, mode)
    return settings, {mistake.pointer.removeprefix("PAYMENTS_") for mistake in environment.mistakes}


def refused(changed: dict[str, Any], mode: Mode = Mode.TEST) -> set[str]:
    """The names of the variables that were refused."""
    return read(mode, **changed)[1]


def test_without_a_key_it_is_off() -> None:
    assert read(CONSUMER_KEY=None) == (None, set())


@pytest.mark.parametrize(("mode", "address"), [(Mode.TEST, SANDBOX_BASE_URL), (Mode.LIVE, LIVE_BASE_URL)])
def test_each_mode_has_its_own_address(mode: Mode, address: str) -> None:
    settings, mistakes = read(mode)
    assert mistakes == set()
    assert settings is not None
    assert (settings.base_url, settings.queries_per_minute, settings.most_shillings) == (address, 5, 250_000)
    assert settings.transaction_type == "CustomerPayBillOnline"


def test_everything_that_is_missing_is_said_at_once() -> None:
    _, mistakes = read(CONSUMER_SECRET=None, PASSKEY=None, SHORTCODE=None)
    assert mistakes == {"MPESA_CONSUMER_SECRET", "MPESA_PASSKEY", "MPESA_SHORTCODE"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("SHORTCODE", "1234"),
        ("SHORTCODE", "12345678"),
        ("SHORTCODE", "60012a"),
        ("TILL", "x"),
        ("QUERIES_PER_MINUTE", "0"),
        ("MOST", "250001"),
        ("BASE_URL", "ftp://daraja"),
    ],
)
def test_what_cannot_be_is_refused(name: str, text: str) -> None:
    mistakes = refused({name: text})
    assert mistakes == {f"MPESA_{name}"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("SHORTCODE", "174379"),
        ("PASSKEY", SANDBOX_PASSKEY),
        ("BASE_URL", SANDBOX_BASE_URL),
        ("BASE_URL", "http://api.safaricom.example"),
        ("CONSUMER_SECRET", "short"),
    ],
)
def test_live_mode_takes_nothing_public(name: str, text: str) -> None:
    mistakes = refused({name: text}, Mode.LIVE)
    assert mistakes == {f"MPESA_{name}"}
    if not text.startswith("http://"):
        assert refused({name: text}) == set()


@pytest.mark.parametrize("url", [LIVE_BASE_URL, "https://API.safaricom.co.ke:443/"])
def test_sandbox_mode_takes_no_host_that_prompts_for_real_money(url: str) -> None:
    """No answer tells the mode, no key has a prefix: the host is the environment (sheet, section 2)."""
    assert refused({"BASE_URL": url}) == {"MPESA_BASE_URL"}
    assert refused({"BASE_URL": url}, Mode.LIVE) == set()


@pytest.mark.parametrize("word", FORBIDDEN_WORDS)
def test_live_mode_takes_no_address_that_daraja_refuses_to_report_to(word: str) -> None:
    assert read(Mode.LIVE, f"https://pay.{word.upper()}-shop.co.ke")[1] == {"PUBLIC_URL"}
    assert read(Mode.LIVE, "https://pay.shop.co.ke")[1] == set()


def test_reversals_need_all_three() -> None:
    _, mistakes = read(INITIATOR="apiuser")
    assert mistakes == {"MPESA_INITIATOR_PASSWORD", "MPESA_CERTIFICATE"}
    _, mistakes = read(INITIATOR="apiuser", INITIATOR_PASSWORD="Safaricom111!", CERTIFICATE="no PEM")
    assert mistakes == {"MPESA_CERTIFICATE"}

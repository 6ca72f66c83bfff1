"""Cash is on when a shop says so, takes what it says, and answers for itself."""

import httpx
import pytest

from payments.adapters.providers.cash import CashSettings, build
from payments.adapters.providers.cash.settings import ALL
from payments.adapters.providers.surroundings import Surroundings
from payments.application.ports.providers import CheckoutRequest, Flow, Provider, Question
from payments.domain.errors import ConfigurationInvalid, UnsupportedAmount, UnsupportedCurrency
from payments.domain.evidence import Mode, Outcome
from payments.domain.money import Money
from payments.domain.payment import Customer
from payments.settings import Settings
from payments.testing import MovableClock

pytestmark = pytest.mark.anyio


def cash_of(**variables: str) -> CashSettings | None:
    """The group of cash after reading ``variables``."""
    settings = Settings.from_env({f"PAYMENTS_{name}": value for name, value in variables.items()})
    found: CashSettings | None = settings.provider_settings.get("cash")
    return found


async def provider(settings: CashSettings) -> Provider:
    async with httpx.AsyncClient() as client:
        return build(settings, Surroundings(client=client, clock=MovableClock()))


def test_nobody_takes_cash_by_accident() -> None:
    assert cash_of() is None
    assert cash_of(CASH_REQUIRE_CODE="off") is None


@pytest.mark.parametrize("said", [{"PROVIDERS": "cash"}, {"CASH_CURRENCIES": "all"}], ids=str)
def test_naming_it_switches_it_on_in_every_currency(said: dict[str, str]) -> None:
    assert cash_of(**said) == CashSettings(mode=Mode.TEST, currencies=ALL, require_code=True)
    assert len(ALL) > 150


def test_its_currencies_switch_it_on_and_bound_it() -> None:
    found = cash_of(CASH_CURRENCIES="etb, KES", CASH_REQUIRE_CODE="false")
    assert found == CashSettings(mode=Mode.TEST, currencies=("ETB", "KES"), require_code=False)


def test_what_cannot_be_paid_in_is_refused_by_name() -> None:
    with pytest.raises(ConfigurationInvalid) as caught:
        cash_of(CASH_CURRENCIES="ETB, XAU, BIRR")
    (mistake,) = caught.value.errors
    assert mistake.pointer == "PAYMENTS_CASH_CURRENCIES"
    assert mistake.detail.startswith("XAU, BIRR cannot be paid in")


def test_each_setting_is_one_line_of_the_table() -> None:
    names = [row.name for row in Settings.from_env({"PAYMENTS_PROVIDERS": "cash"}).rows()]
    assert names.count("PROVIDERS") == 1
    assert {"CASH_CURRENCIES", "CASH_REQUIRE_CODE"} <= set(names)


async def test_it_waits_for_ever_and_asks_nobody() -> None:
    cash = await provider(CashSettings(mode=Mode.LIVE))
    assert (cash.flow, cash.payable_for, cash.watched_for) == (Flow.CASH, None, None)
    assert (cash.webhooks, cash.callbacks, cash.cancellations, cash.refunds) == (None, None, None, None)
    due = Money.of("10.00", "ETB")
    request = CheckoutRequest(
        reference="p-1", amount=due, order_id="o", customer=Customer(), return_url="http://pay.example/"
    )
    assert (await cash.checkouts.open(request)).url is None
    answer = await cash.checks.check(Question(reference="p-1", provider_reference=None, amount=due))
    assert (answer.outcome, answer.word, answer.reference) == (Outcome.PAYABLE, "no money recorded", "p-1")


async def test_it_takes_from_one_minor_unit_of_the_currencies_it_was_given() -> None:
    cash = await provider(CashSettings(mode=Mode.TEST, currencies=("ETB", "JPY", "KWD")))
    for amount, code in (("0.01", "ETB"), ("1", "JPY"), ("0.001", "KWD")):
        cash.takes(Money.of(amount, code))
    with pytest.raises(UnsupportedCurrency):
        cash.takes(Money.of("1.00", "USD"))
    with pytest.raises(UnsupportedAmount):
        cash.takes(Money.of("0.00", "ETB"))

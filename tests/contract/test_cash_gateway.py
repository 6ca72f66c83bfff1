"""The gateway contract over cash: what every provider promises, with a collector in place of a service."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest

from payments.adapters.http_client import open_http_client
from payments.adapters.providers import cash
from payments.adapters.providers.cash import CashSettings
from payments.adapters.providers.surroundings import Surroundings
from payments.adapters.system import SystemClock
from payments.application.ports.providers import (
    Checkout,
    CheckoutRequest,
    Checkouts,
    Provider,
    Question,
    StatusChecks,
)
from payments.domain.collection import AtTheDoor, CashRecord, answer_of
from payments.domain.evidence import Answer, Mode, Outcome
from payments.domain.money import Money
from payments.testing.contracts.gateway import GatewayContract, GatewayStage
from payments.testing.contracts.promises import BrokenPromise
from payments.testing.contracts.stored import an_attempt

pytestmark = pytest.mark.anyio


@attrs.define
class AtADoor(GatewayStage):
    """A payer, and a collector who records what happened."""

    provider: Provider
    amount: Money = attrs.field(factory=lambda: Money.of("1234.50", "KES"))
    records: list[CashRecord] = attrs.field(factory=list)

    async def told(self, reference: str) -> tuple[Money, ...]:
        return ()

    async def pay(self, reference: str, amount: Money | None = None) -> None:
        self._record(reference, AtTheDoor.COLLECTED, amount or self.amount)

    async def fail(self, reference: str) -> None:
        self._record(reference, AtTheDoor.REFUSED, None)

    async def evidence(self, checkout: Checkout) -> Answer:
        if not self.records:
            return await super().evidence(checkout)
        record = self.records[-1]
        attempt = an_attempt(
            reference=record.reference, provider="cash", amount=self.amount, on_delivery=True
        )
        return answer_of(record, attempt, self.provider.mode)

    def _record(self, reference: str, outcome: AtTheDoor, amount: Money | None) -> None:
        number = len(self.records) + 1
        self.records.append(
            CashRecord(
                collection_id=f"c-{number}",
                collector="rider_7",
                outcome=outcome,
                amount=amount,
                reference=reference,
            )
        )


@asynccontextmanager
async def at_a_door(changed: Callable[[Provider], Provider]) -> AsyncIterator[GatewayStage]:
    async with open_http_client() as client:
        settings = CashSettings(mode=Mode.TEST, currencies=("ETB", "KES"))
        provider = cash.build(settings, Surroundings(client=client, clock=SystemClock()))
        yield AtADoor(provider=changed(provider))


class TestCash(GatewayContract):
    @asynccontextmanager
    async def stage(self) -> AsyncIterator[GatewayStage]:
        async with at_a_door(lambda provider: provider) as stage:
            yield stage


class TakesAnything(Checkouts):
    """Opens whatever it is asked for."""

    async def open(self, request: CheckoutRequest) -> Checkout:
        return Checkout(url=None)


class NamesAPage(Checkouts):
    """Sends the payer somewhere."""

    async def open(self, request: CheckoutRequest) -> Checkout:
        return Checkout(url=f"https://cash.example/{request.reference}")


class TakesTheirWord(StatusChecks):
    """Says paid before any collector did."""

    async def check(self, question: Question) -> Answer:
        return Answer(outcome=Outcome.PAID, word="surely", reference=question.reference)


@pytest.mark.parametrize(
    ("broken", "promise"),
    [
        ({"checkouts": TakesAnything()}, "test_an_amount_out_of_range_is_refused_before_it_is_sent"),
        ({"checkouts": TakesAnything()}, "test_another_currency_is_refused_before_it_is_sent"),
        ({"checkouts": NamesAPage()}, "test_a_checkout_says_where_to_pay"),
        ({"checks": TakesTheirWord()}, "test_an_open_checkout_is_not_paid"),
        ({"checks": TakesTheirWord()}, "test_what_was_never_opened_brings_no_money"),
        ({"bound": frozenset({"honesty"})}, "test_its_fields_say_what_it_can_do"),
        ({"refunds_whole": True}, "test_its_fields_say_what_it_can_do"),
    ],
)
async def test_the_contract_catches_broken_cash(broken: dict[str, Any], promise: str) -> None:
    class Broken(GatewayContract):
        @asynccontextmanager
        async def stage(self) -> AsyncIterator[GatewayStage]:
            async with at_a_door(lambda provider: attrs.evolve(provider, **broken)) as stage:
                yield stage

    with pytest.raises(BrokenPromise):
        await getattr(Broken(), promise)()


class AttestsWhatWasDue(AtADoor):
    """Says that all of it came, whatever the collector recorded."""

    async def evidence(self, checkout: Checkout) -> Answer:
        return attrs.evolve(await super().evidence(checkout), amount=self.amount)


async def test_the_contract_catches_cash_that_is_not_what_the_collector_recorded() -> None:
    class Broken(GatewayContract):
        @asynccontextmanager
        async def stage(self) -> AsyncIterator[GatewayStage]:
            async with at_a_door(lambda provider: provider) as stage:
                yield AttestsWhatWasDue(provider=stage.provider)

    with pytest.raises(BrokenPromise, match="the amount that arrived"):
        await Broken().test_what_arrived_is_said_and_not_what_was_asked()

"""The gateway contract over the scripted providers of the kit: they keep what the real ones keep."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import pytest

from payments.application.ports.providers import Provider, RawNotice
from payments.domain.errors import GatewayError, OutcomeUnknown, ProviderRejected, ProviderUnavailable
from payments.domain.evidence import Outcome
from payments.domain.money import Money
from payments.testing import ScriptedPrompts, ScriptedProvider
from payments.testing.contracts.gateway import OutsideGatewayContract, OutsideStage
from payments.testing.prompts import PHONE
from payments.testing.provider import signed

pytestmark = pytest.mark.anyio


@attrs.define
class ScriptedStage(OutsideStage):
    """A scripted provider, and what a test can do to it."""

    scripted: ScriptedProvider | ScriptedPrompts
    provider: Provider
    amount: Money
    phone: str | None = None
    callback_url: str | None = None
    tries: int = 0

    async def told(self, reference: str) -> tuple[Money, ...]:
        opened = self.scripted.opened.get(reference)
        return () if opened is None else (opened.amount,)

    async def pay(self, reference: str, amount: Money | None = None) -> None:
        if isinstance(self.scripted, ScriptedProvider):
            self.scripted.pays(reference, amount=amount)
        else:
            self.scripted.pays(reference)

    async def fail(self, reference: str) -> None:
        self.tries += 1
        if isinstance(self.scripted, ScriptedProvider):
            self.scripted.declines(reference, fingerprint=str(self.tries))
        else:
            self.scripted.declines(reference)

    async def give_back(self, reference: str) -> None:
        assert isinstance(self.scripted, ScriptedProvider)
        self.scripted.pays(reference, outcome=Outcome.RETURNED, word="reversed")

    async def lose_answers(self) -> None:
        self.scripted.accepts_in_trouble = True
        self._trouble(OutcomeUnknown())

    async def break_down(self) -> None:
        self._trouble(OutcomeUnknown())

    async def vanish(self) -> None:
        self._trouble(ProviderUnavailable())

    async def lock_out(self) -> None:
        self._trouble(ProviderRejected())

    async def recover(self) -> None:
        self.scripted.trouble, self.scripted.silent = [], False

    def sign(self, body: bytes) -> RawNotice:
        return signed(body)

    def paid_notice(self, reference: str) -> bytes:
        return json.dumps({"reference": reference, "claim": "paid"}).encode()

    def _trouble(self, error: GatewayError) -> None:
        self.scripted.trouble, self.scripted.silent = [error], True


class TestScriptedPages(OutsideGatewayContract):
    @asynccontextmanager
    async def stage(self) -> AsyncIterator[OutsideStage]:
        scripted = ScriptedProvider()
        yield ScriptedStage(scripted, scripted.provider(), Money.of("1234.50", "ETB"))


class TestScriptedPrompts(OutsideGatewayContract):
    @asynccontextmanager
    async def stage(self) -> AsyncIterator[OutsideStage]:
        scripted = ScriptedPrompts()
        address = f"http://payments.example/payments/verify/prompts/{'a' * 32}/"
        yield ScriptedStage(scripted, scripted.provider(), Money.of("1234.00", "KES"), PHONE, address)

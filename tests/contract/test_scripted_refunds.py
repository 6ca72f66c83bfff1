"""The contract of gateways that send money back, over the scripted provider and over broken ones."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import pytest

from payments.application.ports.providers import (
    Provider,
    RawNotice,
    RefundAnswer,
    RefundOutcome,
    RefundQuestion,
    RefundRequest,
)
from payments.domain.errors import OutcomeUnknown, ProviderRejected, ProviderUnavailable
from payments.domain.money import Money
from payments.testing import ScriptedProvider
from payments.testing.contracts.promises import BrokenPromise
from payments.testing.contracts.refunding_gateway import RefundingGatewayContract, RefundingStage
from payments.testing.provider import ScriptedRefunds

pytestmark = pytest.mark.anyio


@attrs.define
class ScriptedStage(RefundingStage):
    """The scripted provider, and what a test can do to it."""

    scripted: ScriptedProvider
    refunds: ScriptedRefunds
    provider: Provider
    amount: Money = attrs.field(factory=lambda: Money.of("1000.00", "ETB"))
    receipt: str | None = None

    async def told(self, reference: str) -> tuple[Money, ...]:
        opened = self.scripted.opened.get(reference)
        return () if opened is None else (opened.amount,)

    async def pay(self, reference: str, amount: Money | None = None) -> None:
        self.scripted.pays(reference, amount=amount)

    async def fail(self, reference: str) -> None:
        self.scripted.declines(reference)

    async def give_back(self, reference: str) -> None:
        raise NotImplementedError(reference)

    async def lose_answers(self) -> None:
        self.refunds.trouble, self.refunds.accepts_in_trouble = [OutcomeUnknown()], True

    async def break_down(self) -> None:
        self.refunds.trouble, self.refunds.silent = [OutcomeUnknown()], True

    async def vanish(self) -> None:
        self.refunds.trouble, self.refunds.silent = [ProviderUnavailable()], True

    async def lock_out(self) -> None:
        self.refunds.trouble, self.refunds.silent = [ProviderRejected()], True

    async def recover(self) -> None:
        self.refunds.trouble, self.refunds.silent = [], False

    def sign(self, body: bytes) -> RawNotice:
        raise NotImplementedError(body)

    def paid_notice(self, reference: str) -> bytes:
        raise NotImplementedError(reference)

    async def given_back(self, reference: str) -> tuple[Money, ...]:
        return tuple(r.amount for r in self.refunds.requests.values() if r.attempt == reference)

    async def finish(self, refund: str) -> None:
        self.refunds.ends(refund, RefundOutcome.SUCCEEDED)


class TestScriptedRefunds(RefundingGatewayContract):
    @asynccontextmanager
    async def stage(self) -> AsyncIterator[RefundingStage]:
        yield staged(ScriptedRefunds())


class SendsTwice(ScriptedRefunds):
    """Repeats what was lost."""

    async def request(self, request: RefundRequest) -> RefundAnswer:
        try:
            return await super().request(request)
        except OutcomeUnknown:
            return await super().request(attrs.evolve(request, reference=f"{request.reference}-again"))


class TakesSilenceForNo(ScriptedRefunds):
    """Calls failed what it was told nothing about."""

    async def check(self, question: RefundQuestion) -> RefundAnswer:
        answer = await super().check(question)
        silent = answer.outcome in (RefundOutcome.NOT_FOUND, RefundOutcome.NOTHING)
        return attrs.evolve(answer, outcome=RefundOutcome.FAILED) if silent else answer


class ShortensIt(ScriptedRefunds):
    """Gives back a cent less."""

    async def request(self, request: RefundRequest) -> RefundAnswer:
        less = attrs.evolve(request.amount, minor=request.amount.minor - 1)
        return await super().request(attrs.evolve(request, amount=less))


@pytest.mark.parametrize(
    ("broken", "promise"),
    [
        (SendsTwice, "test_a_lost_answer_leaves_the_refund_unknown_and_sends_it_at_most_once"),
        (TakesSilenceForNo, "test_asking_about_a_refund_never_raises_and_trouble_is_no_information"),
        (TakesSilenceForNo, "test_a_refund_that_was_never_asked_for_is_not_found"),
        (ShortensIt, "test_a_refund_is_asked_for_once_and_for_exactly_its_amount"),
    ],
)
async def test_the_contract_catches_a_broken_gateway(broken: type[ScriptedRefunds], promise: str) -> None:
    class Broken(RefundingGatewayContract):
        @asynccontextmanager
        async def stage(self) -> AsyncIterator[RefundingStage]:
            yield staged(broken())

    with pytest.raises(BrokenPromise):
        await getattr(Broken(), promise)()


def staged(refunds: ScriptedRefunds) -> ScriptedStage:
    scripted = ScriptedProvider(refunds=refunds)
    return ScriptedStage(scripted=scripted, refunds=refunds, provider=scripted.provider())

"""What every gateway that sends money back keeps."""

from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Final, Protocol

import attrs

from payments.application.ports.providers import (
    Callback,
    RefundAnswer,
    RefundOutcome,
    RefundQuestion,
    RefundRequest,
    Refunds,
)
from payments.domain.errors import OutcomeUnknown, ProviderRejected, ProviderUnavailable
from payments.domain.money import Money
from payments.testing.contracts.gateway import REFERENCE, OutsideStage, ask, request_for
from payments.testing.contracts.promises import promise, promise_to_raise

REFUND: Final = "r-abcdefghijklmnopqrstuvwxyz"
OTHER_REFUND: Final = "r-zyxwvutsrqponmlkjihgfedcba"
_ON_ITS_WAY: Final = frozenset(
    {RefundOutcome.SUCCEEDED, RefundOutcome.PENDING, RefundOutcome.NEEDS_ATTENTION}
)


class RefundingStage(OutsideStage, Protocol):
    """A stage whose provider gives money back when it is asked to."""

    receipt: str | None = None
    """What the provider finds the money by, once it has it, where it needs more than its own name for it."""
    reports: tuple[Callback, ...] = ()
    """What the provider has reported about refunds, read, where it reports and is not asked."""

    @abstractmethod
    async def given_back(self, reference: str) -> tuple[Money, ...]:
        """The amount of each refund that the provider took on of the checkout ``reference``."""

    @abstractmethod
    async def finish(self, refund: str) -> None:
        """The provider carries the refund called so out, if it has not yet."""


class RefundingGatewayContract(ABC):
    """Inherit it beside the contract of gateways, and say how the stage is set."""

    @abstractmethod
    def stage(self) -> AbstractAsyncContextManager[RefundingStage]:
        """A gateway before a fresh provider."""

    async def test_a_refund_is_asked_for_once_and_for_exactly_its_amount(self) -> None:
        async with self.stage() as stage:
            request = await paid(stage)
            answer = await refunds_of(stage).request(request)
            promise(f"a refund that was taken on is no {answer!r}.", kept=answer.outcome in _ON_ITS_WAY)
            told = await stage.given_back(REFERENCE)
            promise(f"the refund is of {request.amount}; made were {told}.", kept=told == (request.amount,))

    async def test_a_refund_that_was_carried_out_has_succeeded(self) -> None:
        async with self.stage() as stage:
            request = await paid(stage)
            named = (await refunds_of(stage).request(request)).provider_reference
            await stage.finish(REFUND)
            question = question_about(request, named, reports=stage.reports)
            answer = await refunds_of(stage).check(question)
            promise(
                f"what was carried out has succeeded, not {answer!r}.",
                kept=answer.outcome is RefundOutcome.SUCCEEDED,
            )

    async def test_a_lost_answer_leaves_the_refund_unknown_and_sends_it_at_most_once(self) -> None:
        async with self.stage() as stage:
            request = await paid(stage)
            await stage.lose_answers()
            with promise_to_raise(OutcomeUnknown, "request raises OutcomeUnknown when its answer was lost."):
                await refunds_of(stage).request(request)
            await stage.recover()
            told = await stage.given_back(REFERENCE)
            promise(f"request sends at most once; made were {told}.", kept=len(told) <= 1)
            answer = await refunds_of(stage).check(question_about(request))
            promise(
                f"a refund whose answer was lost is not called failed: {answer!r}.",
                kept=not told or answer.outcome is not RefundOutcome.FAILED,
            )

    async def test_nonsense_leaves_the_refund_unknown(self) -> None:
        async with self.stage() as stage:
            request = await paid(stage)
            await stage.break_down()
            with promise_to_raise(OutcomeUnknown, "request raises OutcomeUnknown for nonsense."):
                await refunds_of(stage).request(request)

    async def test_a_refund_that_was_not_sent_did_not_happen(self) -> None:
        async with self.stage() as stage:
            request = await paid(stage)
            await stage.vanish()
            with promise_to_raise(
                ProviderUnavailable, "request raises ProviderUnavailable if nothing was sent."
            ):
                await refunds_of(stage).request(request)

    async def test_a_refused_key_is_a_definite_no(self) -> None:
        async with self.stage() as stage:
            request = await paid(stage)
            await stage.lock_out()
            try:
                answer = await refunds_of(stage).request(request)
            except (ProviderRejected, ProviderUnavailable):
                pass
            else:
                promise(f"a refused key gives no money back: {answer!r}.", kept=_is_no(answer))
            await stage.recover()
            promise("nothing was given back.", kept=await stage.given_back(REFERENCE) == ())

    async def test_asking_about_a_refund_never_raises_and_trouble_is_no_information(self) -> None:
        for trouble in ("break_down", "vanish", "lock_out"):
            async with self.stage() as stage:
                request = await paid(stage)
                named = (await refunds_of(stage).request(request)).provider_reference
                await getattr(stage, trouble)()
                answer = await refunds_of(stage).check(question_about(request, named))
                # Who reports is not asked, so it has no trouble: what it took on stays under way.
                reports = stage.provider.callbacks is not None
                promise(
                    f"trouble ({trouble}) is no information, not {answer!r}.",
                    kept=answer.outcome is RefundOutcome.NOTHING
                    or (reports and answer.outcome is RefundOutcome.PENDING),
                )

    async def test_a_refund_that_was_never_asked_for_is_not_found(self) -> None:
        async with self.stage() as stage:
            request = await paid(stage)
            answer = await refunds_of(stage).check(question_about(request))
            promise(
                f"a refund that waits is sent once its provider says that it has none: not {answer!r}.",
                kept=answer.outcome is RefundOutcome.NOT_FOUND,
            )

    async def test_one_refund_is_not_taken_for_another_of_the_same_money(self) -> None:
        async with self.stage() as stage:
            if stage.provider.refunds_whole:
                return
            request = await paid(stage)
            part = attrs.evolve(request, amount=attrs.evolve(request.amount, minor=request.amount.minor // 4))
            named = (await refunds_of(stage).request(part)).provider_reference
            await stage.finish(REFUND)
            other = attrs.evolve(part, reference=OTHER_REFUND)
            known = frozenset({named} if named else ())
            answer = await refunds_of(stage).check(question_about(other, known=known))
            promise(
                f"a refund that was never asked for is not answered by another: {answer!r}.",
                kept=answer.outcome in _OF_NO_END,
            )


_OF_NO_END: Final = frozenset({RefundOutcome.NOT_FOUND, RefundOutcome.NOTHING})


async def paid(stage: RefundingStage) -> RefundRequest:
    """The request to give all of a checkout back that was paid on."""
    checkout = await stage.provider.checkouts.open(request_for(stage))
    await stage.pay(REFERENCE)
    answer = await ask(stage, checkout)
    promise("money that can be given back has a name.", kept=answer.capture_key is not None)
    return RefundRequest(
        reference=REFUND,
        attempt=REFERENCE,
        capture_key=answer.capture_key or "",
        receipt=stage.receipt,
        amount=stage.amount,
        captured=stage.amount,
        reason="the contract asks for it",
        callback_url=stage.callback_url,
    )


def question_about(
    request: RefundRequest,
    named: str | None = None,
    *,
    known: frozenset[str] = frozenset(),
    reports: tuple[Callback, ...] = (),
) -> RefundQuestion:
    """The question what became of ``request``."""
    return RefundQuestion(
        reference=request.reference,
        attempt=request.attempt,
        capture_key=request.capture_key,
        receipt=request.receipt,
        amount=request.amount,
        provider_reference=named,
        requested_at=datetime.now(UTC),
        known=known,
        reports=reports,
    )


def refunds_of(stage: RefundingStage) -> Refunds:
    """How the stage's provider gives money back."""
    promise("the provider can give money back.", kept=stage.provider.refunds is not None)
    assert stage.provider.refunds is not None  # noqa: S101 -- the promise above, for the type checker
    return stage.provider.refunds


def _is_no(answer: RefundAnswer) -> bool:
    return answer.outcome is RefundOutcome.FAILED

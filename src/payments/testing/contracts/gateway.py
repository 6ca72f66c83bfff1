"""What every gateway keeps, and what one keeps besides that calls somebody outside."""

import json
from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol

import attrs

from payments.application.ports.providers import (
    Cancelled,
    Checkout,
    CheckoutRequest,
    Flow,
    Provider,
    Question,
    RawNotice,
    Webhooks,
)
from payments.application.records import Claim
from payments.domain.errors import (
    GatewayError,
    NoticeForged,
    NoticeMalformed,
    OutcomeUnknown,
    ProviderRejected,
    ProviderUnavailable,
    UnsupportedAmount,
    UnsupportedCurrency,
)
from payments.domain.evidence import Answer, Outcome
from payments.domain.money import MAX_MINOR, Money
from payments.domain.payment import Customer
from payments.testing.contracts.promises import BrokenPromise, promise, promise_to_raise

REFERENCE: Final = "p-abcdefghijklmnopqrstuvwxyz"
OTHER_REFERENCE: Final = "p-zyxwvutsrqponmlkjihgfedcba"
_NOT_YET: Final = frozenset({Outcome.PAYABLE, Outcome.IN_FLIGHT})
_NO_MONEY: Final = _NOT_YET | {Outcome.NOT_FOUND, Outcome.NOTHING}


class GatewayStage(Protocol):
    """A gateway with a payer before it."""

    provider: Provider
    amount: Money
    """An amount this provider takes."""
    phone: str | None = None
    """The payer's, as the provider writes it, where it prompts on one."""
    callback_url: str | None = None
    """Where it reports to, where it reports to secret addresses."""

    @abstractmethod
    async def told(self, reference: str) -> tuple[Money, ...]:
        """The amount of each checkout that somebody outside opened under ``reference``."""

    @abstractmethod
    async def pay(self, reference: str, amount: Money | None = None) -> None:
        """The payer pays, what is due or another ``amount``."""

    @abstractmethod
    async def fail(self, reference: str) -> None:
        """A try of the payer fails; they may try again."""

    async def evidence(self, checkout: Checkout) -> Answer:
        """What is attested about the checkout: by whoever is asked, or by a collector's record."""
        return await ask(self, checkout)


class OutsideStage(GatewayStage, Protocol):
    """A gateway with a payer before it and the provider's own service behind it."""

    key: str = ""
    """The credentials that it is locked out with: nothing it says may repeat them."""

    @abstractmethod
    async def give_back(self, reference: str) -> None:
        """The provider gives the payer's money back."""

    @abstractmethod
    async def lose_answers(self) -> None:
        """Calls are carried out from now on, and their answers lost."""

    @abstractmethod
    async def break_down(self) -> None:
        """Calls are answered with nonsense from now on."""

    @abstractmethod
    async def vanish(self) -> None:
        """Nothing can be sent to the provider any more."""

    @abstractmethod
    async def lock_out(self) -> None:
        """The provider does not believe our credentials any more."""

    @abstractmethod
    async def recover(self) -> None:
        """End lost answers and breakdowns."""

    @abstractmethod
    def sign(self, body: bytes) -> RawNotice:
        """``body`` as the provider itself would send it."""

    @abstractmethod
    def paid_notice(self, reference: str) -> bytes:
        """The body of a notice that says the checkout of ``reference`` was paid."""


class GatewayContract(ABC):
    """What every gateway keeps, whoever takes the money.

    Inherit it in a test class, and say how the stage is set. A gateway to somebody outside inherits
    :class:`OutsideGatewayContract` instead, which holds all of this and more.
    """

    @abstractmethod
    def stage(self) -> AbstractAsyncContextManager[GatewayStage]:
        """A gateway before a fresh provider."""

    async def test_its_fields_say_what_it_can_do(self) -> None:
        async with self.stage() as stage:
            provider, outside = stage.provider, stage.provider.flow is not Flow.CASH
            provider.takes(stage.amount)
            for code, span in provider.ranges.items():
                codes = {span.least.currency.code, span.most.currency.code}
                promise(f"the range of {code} is one of {code}.", kept=codes == {code})
                promise(f"something in {code} can be taken.", kept=0 < span.least.minor <= span.most.minor)
            promise("what is bound is a fact.", kept=provider.bound <= {"reference", "amount", "mode"})
            heard = (provider.webhooks, provider.callbacks, provider.watched_for)
            promise("somebody outside can be asked, and speaks; nobody else.", kept=any(heard) is outside)
            promise("a prompt needs a phone.", kept=bool(provider.phones) or provider.flow is not Flow.PROMPT)
            told_how = provider.refunds_whole or provider.refunds_by_receipt
            promise("how it refunds is said of what does.", kept=bool(provider.refunds) or not told_how)
            able = provider.refunds or provider.cancellations
            promise("only somebody outside refunds or cancels.", kept=outside or not able)

    async def test_a_checkout_says_where_to_pay(self) -> None:
        async with self.stage() as stage:
            checkout = await stage.provider.checkouts.open(request_for(stage))
            told = (checkout.url is not None, checkout.provider_reference is not None)
            wanted = {Flow.HOSTED_PAGE: told[0], Flow.PROMPT: told[1], Flow.CASH: not any(told)}
            promise(
                f"a page is named, or a prompt, and of cash neither; it is {checkout!r}.",
                kept=wanted[stage.provider.flow],
            )

    async def test_an_open_checkout_is_not_paid(self) -> None:
        async with self.stage() as stage:
            checkout = await stage.provider.checkouts.open(request_for(stage))
            answer = await ask(stage, checkout)
            promise(
                f"a checkout nobody paid on is payable or in flight, not {answer!r}.",
                kept=answer.outcome in _NOT_YET and answer.capture_key is None,
            )

    async def test_money_is_attested_fact_by_fact(self) -> None:
        async with self.stage() as stage:
            checkout = await stage.provider.checkouts.open(request_for(stage))
            await stage.pay(REFERENCE)
            answer, again = await stage.evidence(checkout), await stage.evidence(checkout)
            attested_or_bound(stage, answer)
            promise(
                f"asking again names the same money, not {again.capture_key!r}.",
                kept=answer.capture_key == again.capture_key,
            )

    async def test_what_arrived_is_said_and_not_what_was_asked(self) -> None:
        async with self.stage() as stage:
            if "amount" in stage.provider.bound:
                return
            checkout = await stage.provider.checkouts.open(request_for(stage))
            other = attrs.evolve(stage.amount, minor=stage.amount.minor - 100)
            await stage.pay(REFERENCE, other)
            answer = await stage.evidence(checkout)
            promise(
                f"check tells the amount that arrived, {other}, not {answer.amount}.",
                kept=answer.amount == other,
            )

    async def test_a_failed_try_is_declined_and_later_money_still_seen(self) -> None:
        async with self.stage() as stage:
            checkout = await stage.provider.checkouts.open(request_for(stage))
            await stage.fail(REFERENCE)
            first = await stage.evidence(checkout)
            promise(f"a failed try is declined, not {first!r}.", kept=first.outcome is Outcome.DECLINED)
            again = await stage.evidence(checkout)
            promise("the same failed try looks the same again.", kept=first.fingerprint == again.fingerprint)
            if stage.provider.flow is Flow.PROMPT:
                # One prompt takes one try.
                return
            await stage.fail(REFERENCE)
            second = await stage.evidence(checkout)
            promise(
                "another failed try looks different, or none can be told apart.",
                kept=first.fingerprint is None or first.fingerprint != second.fingerprint,
            )
            await stage.pay(REFERENCE)
            paid = await stage.evidence(checkout)
            promise(f"money after a failed try is paid, not {paid!r}.", kept=paid.outcome is Outcome.PAID)

    async def test_what_was_never_opened_brings_no_money(self) -> None:
        async with self.stage() as stage:
            answer = await ask(stage, reference=OTHER_REFERENCE)
            promise(
                f"nothing is said of money that nobody was asked for; it said {answer!r}.",
                kept=answer.outcome in _NO_MONEY and answer.capture_key is None and answer.amount is None,
            )

    async def test_an_amount_out_of_range_is_refused_before_it_is_sent(self) -> None:
        async with self.stage() as stage:
            span = stage.provider.ranges[stage.amount.currency.code]
            for minor in (0, span.least.minor - 1, min(span.most.minor + 1, MAX_MINOR)):
                amount = attrs.evolve(stage.amount, minor=minor)
                if span.least <= amount <= span.most:
                    # The largest amount there is.
                    continue
                with promise_to_raise(UnsupportedAmount, f"{amount} is said not to be taken."):
                    stage.provider.takes(amount)
                with promise_to_raise(ProviderRejected, "open raises ProviderRejected out of its range."):
                    await stage.provider.checkouts.open(request_for(stage, amount=amount))
            promise("open sends nothing that is out of range.", kept=not await stage.told(REFERENCE))

    async def test_another_currency_is_refused_before_it_is_sent(self) -> None:
        async with self.stage() as stage:
            code = next(code for code in ("USD", "JPY", "ISK") if code not in stage.provider.ranges)
            amount = Money.of("1000", code)
            with promise_to_raise(UnsupportedCurrency, f"{code} is said not to be taken."):
                stage.provider.takes(amount)
            with promise_to_raise(ProviderRejected, f"open raises ProviderRejected for {code}."):
                await stage.provider.checkouts.open(request_for(stage, amount=amount))
            promise("open sends no currency it does not take.", kept=not await stage.told(REFERENCE))


class OutsideGatewayContract(GatewayContract):
    """What a gateway keeps besides that calls somebody outside, who may be late, wrong or gone."""

    @abstractmethod
    def stage(self) -> AbstractAsyncContextManager[OutsideStage]:
        """A gateway before a fresh provider."""

    async def test_a_checkout_is_opened_for_exactly_the_amount(self) -> None:
        async with self.stage() as stage:
            checkout = await stage.provider.checkouts.open(request_for(stage))
            told = await stage.told(REFERENCE)
            promise(f"open asks for exactly {stage.amount}; asked were {told}.", kept=told == (stage.amount,))
            promise(
                "open returns a page, or the provider's own reference.",
                kept=bool(checkout.url or checkout.provider_reference),
            )

    async def test_each_checkout_is_answered_for_by_itself(self) -> None:
        async with self.stage() as stage:
            if stage.provider.flow is Flow.PROMPT:
                # A phone shows one prompt at a time.
                return
            checkouts = {
                reference: await stage.provider.checkouts.open(request_for(stage, reference=reference))
                for reference in (REFERENCE, OTHER_REFERENCE)
            }
            promise("each has a page of its own.", kept=len({c.url for c in checkouts.values()}) > 1)
            await stage.pay(REFERENCE)
            other = await ask(stage, checkouts[OTHER_REFERENCE], reference=OTHER_REFERENCE)
            promise(
                f"money on one checkout is none on another: {other!r}.",
                kept=other.outcome in _NOT_YET and other.capture_key is None,
            )
            await stage.pay(OTHER_REFERENCE)
            first = await ask(stage, checkouts[REFERENCE])
            second = await ask(stage, checkouts[OTHER_REFERENCE], reference=OTHER_REFERENCE)
            told = (first.reference, second.reference)
            promise(
                f"each answer is about what was asked, not {told}.",
                kept="reference" in stage.provider.bound or told == (REFERENCE, OTHER_REFERENCE),
            )
            promise("other money has another key.", kept=first.capture_key != second.capture_key)

    async def test_money_given_back_is_the_money_that_came(self) -> None:
        async with self.stage() as stage:
            if "amount" in stage.provider.bound:
                # Who attests nothing about money does not tell when it went back, either.
                return
            checkout = await stage.provider.checkouts.open(request_for(stage))
            await stage.pay(REFERENCE)
            paid = await ask(stage, checkout)
            await stage.give_back(REFERENCE)
            answer = await ask(stage, checkout)
            promise(
                f"money given back is returned, under the key it came with, not {answer!r}.",
                kept=answer.outcome is Outcome.RETURNED and answer.capture_key == paid.capture_key,
            )

    async def test_an_unknown_reference_is_not_found(self) -> None:
        async with self.stage() as stage:
            answer = await ask(stage, reference=OTHER_REFERENCE)
            # A prompt is asked about by the provider's own name for it: without that nobody is asked at all.
            silent = stage.provider.flow is Flow.PROMPT and answer.outcome is Outcome.NOTHING
            promise(
                f"what the provider does not know is not found, not {answer!r}.",
                kept=silent or answer.outcome is Outcome.NOT_FOUND,
            )

    async def test_a_lost_answer_leaves_the_outcome_unknown(self) -> None:
        async with self.stage() as stage:
            await stage.lose_answers()
            with promise_to_raise(OutcomeUnknown, "open raises OutcomeUnknown when its answer was lost."):
                await stage.provider.checkouts.open(request_for(stage))
            told = await stage.told(REFERENCE)
            promise(f"open opens at most once; it opened {len(told)} times.", kept=len(told) <= 1)

    async def test_nonsense_leaves_the_outcome_unknown(self) -> None:
        async with self.stage() as stage:
            await stage.break_down()
            with promise_to_raise(OutcomeUnknown, "open raises OutcomeUnknown for nonsense."):
                await stage.provider.checkouts.open(request_for(stage))

    async def test_what_was_not_sent_did_not_happen(self) -> None:
        async with self.stage() as stage:
            await stage.vanish()
            with promise_to_raise(
                ProviderUnavailable, "open raises ProviderUnavailable if nothing was sent."
            ):
                await stage.provider.checkouts.open(request_for(stage))

    async def test_a_refused_key_is_a_definite_no_that_does_not_repeat_the_key(self) -> None:
        async with self.stage() as stage:
            await stage.lock_out()
            said = ""
            with promise_to_raise(ProviderRejected, "open raises ProviderRejected for refused credentials."):
                try:
                    await stage.provider.checkouts.open(request_for(stage))
                except ProviderRejected as error:
                    said = f"{error} {error!r} {error.__cause__!r}"
                    raise
            promise("a refusal does not repeat the key.", kept=not stage.key or stage.key not in said)

    async def test_no_trouble_of_asking_is_information(self) -> None:
        for trouble in ("lose_answers", "break_down", "vanish", "lock_out"):
            async with self.stage() as stage:
                checkout = await stage.provider.checkouts.open(request_for(stage))
                await stage.pay(REFERENCE)
                await getattr(stage, trouble)()
                answer = await ask(stage, checkout)
                promise(
                    f"check answers nothing after {trouble}, not {answer!r}.",
                    kept=answer.outcome is Outcome.NOTHING and bool(answer.word),
                )

    async def test_a_closed_checkout_says_nothing_about_money(self) -> None:
        async with self.stage() as stage:
            if stage.provider.cancellations is None:
                return
            checkout = await stage.provider.checkouts.open(request_for(stage))
            for _ in range(2):
                cancelled = await close(stage, REFERENCE)
                promise(
                    f"cancel closes, and repeats; it said {cancelled}.", kept=cancelled is Cancelled.CLOSED
                )
            answer = await ask(stage, checkout)
            promise(
                f"a closed checkout is not paid, declined or returned: {answer!r}.",
                kept=answer.outcome in {*_NOT_YET, Outcome.CLOSED},
            )
            await stage.pay(REFERENCE)
            paid = await ask(stage, checkout)
            promise(f"money on a closed checkout is paid, not {paid!r}.", kept=paid.outcome is Outcome.PAID)

    async def test_cancelling_never_claims_what_it_does_not_know(self) -> None:
        async with self.stage() as stage:
            if stage.provider.cancellations is None:
                return
            unknown = await close(stage, OTHER_REFERENCE)
            promise(
                f"what is not there is not found; it said {unknown}.", kept=unknown is Cancelled.NOT_FOUND
            )
            await stage.provider.checkouts.open(request_for(stage))
            for trouble in (stage.lose_answers, stage.break_down, stage.lock_out):
                await stage.recover()
                await trouble()
                cancelled = await close(stage, REFERENCE)
                promise(f"trouble leaves it unknown, not {cancelled}.", kept=cancelled is Cancelled.UNKNOWN)

    async def test_an_amount_between_two_that_are_taken_is_taken_or_refused_and_never_rounded(self) -> None:
        async with self.stage() as stage:
            odd = attrs.evolve(stage.amount, minor=stage.amount.minor // 100 * 100 + 50)
            try:
                stage.provider.takes(odd)
            except UnsupportedAmount:
                with promise_to_raise(ProviderRejected, f"open raises ProviderRejected for {odd}."):
                    await stage.provider.checkouts.open(request_for(stage, amount=odd))
                promise("open sends nothing that it does not take.", kept=not await stage.told(REFERENCE))
                return
            await stage.provider.checkouts.open(request_for(stage, amount=odd))
            told = await stage.told(REFERENCE)
            promise(f"open asks for exactly {odd}; asked were {told}.", kept=told == (odd,))

    async def test_whatever_is_reported_can_be_read(self) -> None:
        async with self.stage() as stage:
            callbacks = stage.provider.callbacks
            if callbacks is None:
                return
            for body in (b"", b"[]", b"{", b"\xff", b"{}", b'{"Body": 1}'):
                said = callbacks.read(body)
                promise(
                    f"a report that cannot be read says look again; {body!r} said {said!r}.",
                    kept=said.claim is Claim.OTHER and said.amount is None and said.receipt is None,
                )
            promise(
                "a report is answered in JSON.",
                kept=isinstance(json.loads(callbacks.acknowledgement()), dict),
            )

    async def test_a_genuine_notice_names_the_attempt_and_its_claim(self) -> None:
        async with self.stage() as stage:
            if stage.provider.webhooks is None:
                return
            hint = stage.provider.webhooks.read(stage.sign(stage.paid_notice(REFERENCE)))
            promise(
                f"a notice of money names the attempt and claims paid; it said {hint!r}.",
                kept=hint.reference == REFERENCE and hint.claim is Claim.PAID,
            )

    async def test_a_notice_about_somebody_elses_reference_is_ignored(self) -> None:
        async with self.stage() as stage:
            if stage.provider.webhooks is None:
                return
            hint = stage.provider.webhooks.read(stage.sign(stage.paid_notice("order-17")))
            promise(
                f"a reference that has not our form is ignored; it said {hint!r}.",
                kept=hint.reference is None and hint.claim is Claim.IGNORED,
            )

    async def test_whatever_the_signature_does_not_cover_is_forged(self) -> None:
        async with self.stage() as stage:
            webhooks = stage.provider.webhooks
            if webhooks is None:
                return
            genuine = stage.sign(stage.paid_notice(REFERENCE))
            forged(webhooks, attrs.evolve(genuine, headers=()), "without its signature")
            forged(webhooks, attrs.evolve(genuine, body=genuine.body + b" "), "with a byte more")
            forged(webhooks, attrs.evolve(genuine, body=b""), "without its body")
            doubled = attrs.evolve(genuine, headers=genuine.headers * 2)
            forged(webhooks, doubled, "with its signature there twice")
            for position in range(0, len(genuine.body), 7):
                changed = bytearray(genuine.body)
                changed[position] ^= 1
                forged(webhooks, attrs.evolve(genuine, body=bytes(changed)), f"with byte {position} changed")

    async def test_a_signed_notice_that_cannot_be_read_is_malformed(self) -> None:
        async with self.stage() as stage:
            if stage.provider.webhooks is None:
                return
            for body in (b"", b"[]", b"{", b"\xff"):
                with promise_to_raise(NoticeMalformed, f"read raises NoticeMalformed for a signed {body!r}."):
                    stage.provider.webhooks.read(stage.sign(body))


def request_for(
    stage: GatewayStage, *, amount: Money | None = None, reference: str = REFERENCE
) -> CheckoutRequest:
    """A request with everything an order may bring."""
    return CheckoutRequest(
        reference=reference,
        amount=amount or stage.amount,
        order_id="order_123",
        customer=Customer(email="sara@shop.et", first_name="Sara", last_name="Tesfaye"),
        return_url=f"https://pay.shop.et/payments/verify/{stage.provider.name}/?trx_ref={reference}",
        callback_url=stage.callback_url,
        phone=stage.phone,
    )


async def ask(stage: GatewayStage, checkout: Checkout | None = None, *, reference: str = REFERENCE) -> Answer:
    """What check answers; raising is a broken promise."""
    provider_reference = checkout.provider_reference if checkout else None
    question = Question(reference=reference, provider_reference=provider_reference, amount=stage.amount)
    try:
        return await stage.provider.checks.check(question)
    except GatewayError as error:
        raise BrokenPromise(
            f"Broken promise: check never raises for trouble. It raised {error!r}."
        ) from error


async def close(stage: OutsideStage, reference: str) -> Cancelled:
    """What cancel answers; raising, and losing the ability meanwhile, are broken promises."""
    cancellations = stage.provider.cancellations
    if cancellations is None:
        raise BrokenPromise("Broken promise: a provider that can cancel always can.")
    try:
        return await cancellations.cancel(reference)
    except GatewayError as error:
        raise BrokenPromise(
            f"Broken promise: cancel never raises for trouble. It raised {error!r}."
        ) from error


def forged(webhooks: Webhooks, notice: RawNotice, how: str) -> None:
    """Expect ``notice`` to be refused."""
    with promise_to_raise(NoticeForged, f"read raises NoticeForged for a notice {how}."):
        webhooks.read(notice)


def attested_or_bound(stage: GatewayStage, answer: Answer) -> None:
    """Expect money, with each fact attested and right, or declared to be bound by our own request."""
    promise(f"paid money is paid, not {answer!r}.", kept=answer.outcome is Outcome.PAID)
    facts = {
        "reference": (answer.reference, REFERENCE),
        "amount": (answer.amount, stage.amount),
        "mode": (answer.mode, stage.provider.mode),
    }
    for fact, (attested, expected) in facts.items():
        promise(
            f"paid money attests its {fact}, {expected}, not {attested}.",
            kept=attested == expected or (attested is None and fact in stage.provider.bound),
        )
    promise("paid money has a key of its own.", kept=bool(answer.capture_key))

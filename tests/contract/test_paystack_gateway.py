"""The gateway contracts over Paystack's simulator, in each of its quirks, and its refunds."""

import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import attrs
import httpx
import pytest

from payments.adapters.http_client import open_http_client
from payments.adapters.providers import paystack
from payments.adapters.providers.paystack import PaystackSettings
from payments.adapters.providers.surroundings import Surroundings
from payments.adapters.secret import Secret
from payments.adapters.system import SystemClock
from payments.application.ports.providers import (
    Provider,
    Question,
    RawNotice,
    RefundAnswer,
    RefundOutcome,
    RefundQuestion,
    RefundRequest,
)
from payments.application.records import Claim
from payments.domain.errors import (
    GatewayError,
    NoticeForged,
    OutcomeUnknown,
    ProviderRejected,
    ProviderUnavailable,
)
from payments.domain.evidence import Answer, Mode, Outcome
from payments.domain.money import Money
from payments.simulators.paystack import (
    PaystackSimulatorConfig,
    PaystackSwitches,
    create_paystack_simulator,
)
from payments.testing.contracts.gateway import REFERENCE, OutsideGatewayContract, OutsideStage, request_for
from payments.testing.contracts.refunding_gateway import RefundingGatewayContract, RefundingStage
from tests.ports import free_port
from tests.serving import plain_client, serving

pytestmark = [pytest.mark.anyio, pytest.mark.sheets]

KEY = "sk_test_" + "k" * 40
REQUESTED_AT = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)


@attrs.define
class SimulatedStage(RefundingStage):
    """The simulated Paystack, moved by its own control surface."""

    provider: Provider
    amount: Money
    control: httpx.AsyncClient
    settings: PaystackSettings
    surroundings: Surroundings

    async def told(self, reference: str) -> tuple[Money, ...]:
        transactions = (await self.get("/_sim/transactions"))["transactions"]
        return tuple(
            money_of(t["requested_amount"], t["currency"])
            for t in transactions
            if t["reference"] == reference
        )

    async def pay(self, reference: str, amount: Money | None = None) -> None:
        await self.act(reference, "pay", **({} if amount is None else {"amount": subunits_of(amount)}))

    async def fail(self, reference: str) -> None:
        await self.act(reference, "fail")

    async def give_back(self, reference: str) -> None:
        await self.act(reference, "refund")

    async def lose_answers(self) -> None:
        await self.switch(fault="reset_after")

    async def break_down(self) -> None:
        await self.switch(fault="html_500")

    async def vanish(self) -> None:
        self._point_at(attrs.evolve(self.settings, base_url=f"http://127.0.0.1:{free_port()}"))

    async def lock_out(self) -> None:
        self.key = "sk_test_" + "r" * 40
        self._point_at(attrs.evolve(self.settings, secret_key=Secret(self.key)))

    async def recover(self) -> None:
        await self.switch(fault="none")
        self._point_at(self.settings)

    async def given_back(self, reference: str) -> tuple[Money, ...]:
        refunds = (await self.get(f"/_sim/transactions/{reference}"))["refunds"]
        return tuple(money_of(refund["amount"], refund["currency"]) for refund in refunds)

    async def finish(self, refund: str) -> None:
        refunds = (await self.get("/_sim/refunds"))["refunds"]
        (ours,) = (each["id"] for each in refunds if each["merchant_note"].startswith(refund))
        (await self.control.post(f"/_sim/refunds/{ours}/processed")).raise_for_status()

    def sign(self, body: bytes) -> RawNotice:
        signature = hmac.digest(KEY.encode(), body, "sha512").hex()
        return RawNotice(
            headers=(("content-type", "application/json"), ("x-paystack-signature", signature)), body=body
        )

    def paid_notice(self, reference: str) -> bytes:
        data = {"reference": reference, "status": "success", "amount": 1, "currency": "KES"}
        return json.dumps({"event": "charge.success", "data": data}).encode()

    async def announced(self, event: str) -> RawNotice:
        """The webhook of this kind that the simulator itself made about the checkout."""
        query = {"reference": REFERENCE, "event": event}
        (webhook,) = (await self.get("/_sim/webhooks", **query))["webhooks"]
        headers = tuple((name.lower(), value) for name, value in webhook["headers"].items())
        return RawNotice(headers=headers, body=webhook["body"].encode())

    async def get(self, path: str, **query: str) -> Any:
        return (await self.control.get(path, params=query)).raise_for_status().json()

    async def act(self, reference: str, action: str, **body: Any) -> None:
        path = f"/_sim/transactions/{reference}/{action}"
        (await self.control.post(path, json=body)).raise_for_status()

    async def switch(self, reference: str | None = None, **switches: object) -> None:
        query = {"reference": reference} if reference else {}
        (await self.control.put("/_sim/switches", params=query, json=switches)).raise_for_status()

    async def asked(self) -> Answer:
        question = Question(reference=REFERENCE, provider_reference=None, amount=self.amount)
        return await self.provider.checks.check(question)

    def _point_at(self, settings: PaystackSettings) -> None:
        self.provider = paystack.build(settings, self.surroundings)


def money_of(subunits: int, currency: str) -> Money:
    return Money.of(f"{subunits // 100}.{subunits % 100:02}", currency)


def subunits_of(amount: Money) -> int:
    return amount.minor * (100 if amount.currency.exponent == 0 else 1)


@asynccontextmanager
async def simulated(amount: str = "1234.50 KES", **switches: Any) -> AsyncIterator[SimulatedStage]:
    port = free_port()
    config = PaystackSimulatorConfig(
        public_url=f"http://127.0.0.1:{port}",
        webhook_url=f"http://127.0.0.1:{port}/nobody-listens-here",
        secret_key=KEY,
        live_secret_key="sk_live_" + "l" * 40,
        switches=PaystackSwitches(**({"refund_step_s": None, "minimums": "enforced"} | switches)),
    )
    async with (
        serving(create_paystack_simulator(config)) as url,
        plain_client(url) as control,
        open_http_client() as client,
    ):
        settings = PaystackSettings(mode=Mode.TEST, secret_key=Secret(KEY), base_url=url)
        surroundings = Surroundings(client=client, clock=SystemClock())
        digits, currency = amount.split()
        yield SimulatedStage(
            provider=paystack.build(settings, surroundings),
            amount=Money.of(digits, currency),
            control=control,
            settings=settings,
            surroundings=surroundings,
        )


class TestPaystackAsObserved(OutsideGatewayContract):
    @asynccontextmanager
    async def stage(self) -> AsyncIterator[OutsideStage]:
        async with simulated() as stage:
            yield stage


@pytest.mark.stories
class TestPaystackAsDocumented(OutsideGatewayContract):
    @asynccontextmanager
    async def stage(self) -> AsyncIterator[OutsideStage]:
        async with simulated(
            "5000 XOF",
            unknown_reference="docs",
            refund_webhooks="docs",
            reference_charset="documented",
            verify_requested_amount_as="missing",
        ) as stage:
            yield stage


class TestPaystackRefunds(RefundingGatewayContract):
    @asynccontextmanager
    async def stage(self) -> AsyncIterator[RefundingStage]:
        async with simulated() as stage:
            yield stage


async def test_the_same_reference_again_does_not_hide_the_page_whose_address_was_lost() -> None:
    async with simulated() as stage:
        await stage.lose_answers()
        with pytest.raises(OutcomeUnknown):
            await stage.provider.checkouts.open(request_for(stage))
        await stage.recover()
        with pytest.raises(OutcomeUnknown, match="already"):
            await stage.provider.checkouts.open(request_for(stage))
        assert await stage.told(REFERENCE) == (stage.amount,)


async def test_fees_passed_on_arrive_on_top_of_what_was_asked_for() -> None:
    async with simulated("1000.00 KES", fees_passed_on=True) as stage:
        await stage.provider.checkouts.open(request_for(stage))
        await stage.pay(REFERENCE)
        answer = await stage.asked()
        assert (answer.outcome, answer.amount) == (Outcome.PAID, Money.of("1000.00", "KES"))
        assert answer.captured == Money.of("1029.00", "KES")


async def test_money_of_the_other_mode_says_so() -> None:
    async with simulated(verify_domain="live") as stage:
        await stage.provider.checkouts.open(request_for(stage))
        await stage.pay(REFERENCE)
        assert (await stage.asked()).mode is Mode.LIVE


@pytest.mark.parametrize("style", ["compact", "php", "spaced"])
async def test_the_webhooks_of_the_simulator_are_genuine(style: str) -> None:
    async with simulated(webhook_style=style) as stage:
        await stage.provider.checkouts.open(request_for(stage))
        await stage.pay(REFERENCE)
        assert stage.provider.webhooks is not None
        hint = stage.provider.webhooks.read(await stage.announced("charge.success"))
        assert (hint.reference, hint.claim, hint.word) == (REFERENCE, Claim.PAID, "charge.success")


@pytest.mark.parametrize("shape", ["observed", "docs"])
async def test_the_webhooks_of_refunds_and_disputes_name_the_attempt(shape: str) -> None:
    async with simulated(refund_webhooks=shape) as stage:
        await stage.provider.checkouts.open(request_for(stage))
        await stage.pay(REFERENCE)
        await stage.act(REFERENCE, "dispute")
        await stage.give_back(REFERENCE)
        webhooks = stage.provider.webhooks
        assert webhooks is not None
        for event, claim in (("refund.pending", Claim.OTHER), ("charge.dispute.create", Claim.DISPUTED)):
            hint = webhooks.read(await stage.announced(event))
            assert (hint.reference, hint.claim) == (REFERENCE, claim)
        (refund,) = (await stage.get("/_sim/refunds"))["refunds"]
        await stage.control.post(f"/_sim/refunds/{refund['id']}/processed")
        hint = webhooks.read(await stage.announced("refund.processed"))
        assert (hint.reference, hint.claim) == (REFERENCE, Claim.RETURNED)


@pytest.mark.parametrize("signature", ["forged", "other_mode", "sha256", "missing"])
async def test_a_webhook_that_proves_nothing_is_forged(signature: str) -> None:
    async with simulated(webhook_signature=signature) as stage:
        await stage.provider.checkouts.open(request_for(stage))
        await stage.pay(REFERENCE)
        notice = await stage.announced("charge.success")
        assert stage.provider.webhooks is not None
        with pytest.raises(NoticeForged):
            stage.provider.webhooks.read(notice)


@pytest.mark.parametrize(
    ("switches", "kind"),
    [
        ({"authorization_url": "foreign"}, OutcomeUnknown),
        ({"authorization_url": "missing"}, OutcomeUnknown),
        ({"fault": "rate_limited"}, ProviderUnavailable),
        ({"fault": "unavailable"}, OutcomeUnknown),
        ({"fault": "truncated"}, OutcomeUnknown),
        ({"fault": "reset_before"}, OutcomeUnknown),
        ({"fault": "html_500_after"}, OutcomeUnknown),
    ],
)
async def test_each_way_paystack_can_refuse_or_stumble_is_one_of_three_errors(
    switches: dict[str, str], kind: type[GatewayError]
) -> None:
    async with simulated() as stage:
        await stage.switch(**switches)
        with pytest.raises(kind):
            await stage.provider.checkouts.open(request_for(stage))


async def test_a_currency_the_account_lacks_after_all_is_a_definite_no() -> None:
    async with simulated() as stage:
        stage.provider = paystack.build(attrs.evolve(stage.settings, currencies=("EUR",)), stage.surroundings)
        with pytest.raises(ProviderRejected, match="Currency not supported by merchant"):
            await stage.provider.checkouts.open(request_for(stage, amount=Money.of("10.00", "EUR")))


@asynccontextmanager
async def paid(
    amount: str = "1234.50 KES", **switches: Any
) -> AsyncIterator[tuple[SimulatedStage, RefundRequest]]:
    """A stage whose payer paid, and a request to send a part of it back."""
    async with simulated(amount, **switches) as stage:
        await stage.provider.checkouts.open(request_for(stage))
        await stage.pay(REFERENCE)
        answer = await stage.asked()
        yield (
            stage,
            RefundRequest(
                reference="r-aaaaaaaaaaaaaaaaaaaaaaaaaa",
                attempt=REFERENCE,
                capture_key=answer.capture_key or "",
                receipt=None,
                amount=Money.of("234", amount.split()[1]),
                captured=stage.amount,
                reason="Damaged",
            ),
        )


async def became_of(stage: SimulatedStage, request: RefundRequest, name: str | None) -> RefundAnswer:
    assert stage.provider.refunds is not None
    return await stage.provider.refunds.check(
        RefundQuestion(
            reference=request.reference,
            attempt=request.attempt,
            capture_key=request.capture_key,
            receipt=None,
            amount=request.amount,
            provider_reference=name,
            requested_at=REQUESTED_AT,
            known=frozenset(),
        )
    )


@pytest.mark.parametrize(
    ("amount", "status", "outcome"),
    [
        ("1234.50 KES", "processing", RefundOutcome.PENDING),
        ("1234 XOF", "processed", RefundOutcome.SUCCEEDED),
        ("1234.50 KES", "failed", RefundOutcome.FAILED),
        ("1234 XOF", "needs-attention", RefundOutcome.NEEDS_ATTENTION),
    ],
)
async def test_a_refund_is_pending_until_paystack_moves_it(
    amount: str, status: str, outcome: RefundOutcome
) -> None:
    async with paid(amount) as (stage, request):
        assert stage.provider.refunds is not None
        asked = await stage.provider.refunds.request(request)
        assert asked.outcome is RefundOutcome.PENDING
        (refund,) = (await stage.get("/_sim/refunds"))["refunds"]
        assert refund["amount"] == 23400
        await stage.control.post(f"/_sim/refunds/{asked.provider_reference}/{status}")
        told = await became_of(stage, request, asked.provider_reference)
        assert (told.outcome, told.provider_reference) == (outcome, asked.provider_reference)


async def test_a_refund_whose_answer_was_lost_is_found_among_others_by_our_reference() -> None:
    async with paid() as (stage, request):
        assert stage.provider.refunds is not None
        await stage.act(REFERENCE, "refund", amount=23400)
        await stage.provider.refunds.request(attrs.evolve(request, reference="r-another"))
        await stage.lose_answers()
        with pytest.raises(OutcomeUnknown):
            await stage.provider.refunds.request(request)
        await stage.recover()
        refunds = (await stage.get("/_sim/refunds"))["refunds"]
        (ours,) = [each for each in refunds if request.reference in each["merchant_note"]]
        told = await became_of(stage, request, None)
        assert (told.outcome, told.provider_reference) == (RefundOutcome.PENDING, str(ours["id"]))
        never = await became_of(stage, attrs.evolve(request, reference="r-never"), None)
        assert never.outcome is RefundOutcome.NOT_FOUND


async def test_a_refund_of_money_that_a_person_recorded_by_the_banks_number_is_believed() -> None:
    async with paid() as (stage, request):
        assert stage.provider.refunds is not None
        recorded = attrs.evolve(request, capture_key="123456")
        asked = await stage.provider.refunds.request(recorded)
        assert asked.outcome is RefundOutcome.PENDING
        await stage.control.post(f"/_sim/refunds/{asked.provider_reference}/processed")
        for name in (asked.provider_reference, None):
            told = await became_of(stage, recorded, name)
            assert (told.outcome, told.provider_reference) == (
                RefundOutcome.SUCCEEDED,
                asked.provider_reference,
            )
        never = await became_of(stage, attrs.evolve(recorded, reference="r-never"), None)
        assert never.outcome is RefundOutcome.NOT_FOUND


async def test_a_part_that_went_back_is_not_taken_for_all_of_it() -> None:
    async with paid(after_partial_refund="reversed") as (stage, request):
        assert stage.provider.refunds is not None
        asked = await stage.provider.refunds.request(request)
        begun = await stage.asked()
        assert (begun.outcome, begun.returned) == (Outcome.RETURNED, Money.of("0.00", "KES"))
        await stage.control.post(f"/_sim/refunds/{asked.provider_reference}/processed")
        done = await stage.asked()
        assert (done.outcome, done.returned) == (Outcome.RETURNED, request.amount)


async def test_what_was_charged_back_went_back_whole() -> None:
    async with paid() as (stage, _):
        await stage.act(REFERENCE, "dispute")
        (dispute,) = (await stage.get("/_sim/disputes"))["disputes"]
        await stage.control.post(f"/_sim/disputes/{dispute['id']}/auto-accepted")
        answer = await stage.asked()
        assert (answer.outcome, answer.returned) == (Outcome.RETURNED, None)
        assert stage.provider.webhooks is not None
        hint = stage.provider.webhooks.read(await stage.announced("charge.dispute.resolve"))
        assert (hint.reference, hint.claim) == (REFERENCE, Claim.CHARGED_BACK)


@pytest.mark.parametrize(
    ("quirks", "changes"),
    [
        ({"balance": "insufficient"}, {}),
        ({}, {"amount": Money.of("1234.51", "KES")}),
        ({}, {"amount": Money.of("10.00", "NGN")}),
        ({}, {"attempt": "p-nobodyknows"}),
    ],
    ids=["no balance", "too much", "another currency", "of nothing"],
)
async def test_a_refund_that_paystack_refuses_is_a_definite_no(
    quirks: dict[str, str], changes: dict[str, Any]
) -> None:
    async with paid(**quirks) as (stage, request):
        assert stage.provider.refunds is not None
        with pytest.raises(ProviderRejected):
            await stage.provider.refunds.request(attrs.evolve(request, **changes))
        assert (await stage.get("/_sim/refunds"))["refunds"] == []

"""The gateway contracts over Chapa's simulator, in each of its quirks, and a broken gateway to be caught."""

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
from payments.adapters.providers import chapa
from payments.adapters.providers.chapa import ChapaSettings
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
    StatusChecks,
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
from payments.simulators.chapa import ChapaSimulatorConfig, ChapaSwitches, create_chapa_simulator
from payments.testing.contracts.gateway import REFERENCE, OutsideGatewayContract, OutsideStage, request_for
from payments.testing.contracts.promises import BrokenPromise
from payments.testing.contracts.refunding_gateway import RefundingGatewayContract, RefundingStage
from tests.ports import free_port
from tests.serving import plain_client, serving

pytestmark = [pytest.mark.anyio, pytest.mark.sheets]

REQUESTED_AT = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)
KEY = "CHASECK_TEST-" + "k" * 32
WEBHOOK_SECRET = "a-secret-hash-of-the-dashboard"


@attrs.define
class SimulatedStage(RefundingStage):
    """The simulated Chapa, moved by its own control surface."""

    provider: Provider
    amount: Money
    control: httpx.AsyncClient
    settings: ChapaSettings
    surroundings: Surroundings

    async def told(self, reference: str) -> tuple[Money, ...]:
        transactions = (await self.get("/_sim/transactions"))["transactions"]
        return tuple(Money.of(t["amount"], t["currency"]) for t in transactions if t["tx_ref"] == reference)

    async def pay(self, reference: str, amount: Money | None = None) -> None:
        if amount is not None:
            await self.switch(reference, verify_amount=amount.decimal)
        await self._act(reference, "pay")

    async def fail(self, reference: str) -> None:
        await self._act(reference, "fail")

    async def give_back(self, reference: str) -> None:
        await self._act(reference, "refund")

    async def lose_answers(self) -> None:
        await self.switch(fault="reset_after")

    async def break_down(self) -> None:
        await self.switch(fault="html_500")

    async def vanish(self) -> None:
        self._point_at(attrs.evolve(self.settings, base_url=f"http://127.0.0.1:{free_port()}/v1"))

    async def lock_out(self) -> None:
        self.key = "CHASECK_TEST-" + "r" * 32
        self._point_at(attrs.evolve(self.settings, secret_key=Secret(self.key)))

    async def recover(self) -> None:
        await self.switch(fault="none")
        self._point_at(self.settings)

    async def given_back(self, reference: str) -> tuple[Money, ...]:
        refunds = (await self.get(f"/_sim/transactions/{reference}"))["refunds"]
        return tuple(Money.of(refund["amount"], refund["currency"]) for refund in refunds)

    async def finish(self, refund: str) -> None:
        refunds = (await self.get("/_sim/refunds"))["refunds"]
        (ours,) = (each["ref"] for each in refunds if each["reference"] == refund)
        (await self.control.post(f"/_sim/refunds/{ours}/settle")).raise_for_status()

    def sign(self, body: bytes) -> RawNotice:
        secret = WEBHOOK_SECRET.encode()
        headers = (
            ("content-type", "application/json"),
            ("x-chapa-signature", hmac.digest(secret, body, "sha256").hex()),
            ("chapa-signature", hmac.digest(secret, secret, "sha256").hex()),
        )
        return RawNotice(headers=headers, body=body)

    def paid_notice(self, reference: str) -> bytes:
        return json.dumps({"event": "charge.success", "status": "success", "tx_ref": reference}).encode()

    async def announced(self, reference: str) -> RawNotice:
        """The webhook that the simulator itself made when the checkout was paid."""
        query = {"tx_ref": reference, "kind": "webhook"}
        (webhook,) = (await self.get("/_sim/webhooks", **query))["webhooks"]
        headers = tuple((name.lower(), value) for name, value in webhook["headers"].items())
        return RawNotice(headers=headers, body=webhook["body"].encode())

    async def get(self, path: str, **query: str) -> Any:
        return (await self.control.get(path, params=query)).raise_for_status().json()

    async def _act(self, reference: str, action: str) -> None:
        (await self.control.post(f"/_sim/transactions/{reference}/{action}")).raise_for_status()

    async def switch(self, reference: str | None = None, **switches: object) -> None:
        query = {"tx_ref": reference} if reference else {}
        (await self.control.put("/_sim/switches", params=query, json=switches)).raise_for_status()

    def _point_at(self, settings: ChapaSettings) -> None:
        self.provider = chapa.build(settings, self.surroundings)


@asynccontextmanager
async def simulated(currency: str = "ETB", **switches: Any) -> AsyncIterator[SimulatedStage]:
    port = free_port()
    config = ChapaSimulatorConfig(
        public_url=f"http://127.0.0.1:{port}",
        webhook_url=f"http://127.0.0.1:{port}/nobody-listens-here",
        webhook_secret=WEBHOOK_SECRET,
        secret_keys=frozenset({KEY}),
        switches=ChapaSwitches(**switches),
    )
    async with (
        serving(create_chapa_simulator(config)) as url,
        plain_client(url) as control,
        open_http_client() as client,
    ):
        settings = ChapaSettings(
            mode=Mode.TEST,
            secret_key=Secret(KEY),
            webhook_secrets=(Secret("the-one-before-the-rotation"), Secret(WEBHOOK_SECRET)),
            base_url=f"{url}/v1",
        )
        surroundings = Surroundings(client=client, clock=SystemClock())
        yield SimulatedStage(
            provider=chapa.build(settings, surroundings),
            amount=Money.of("1234.50", currency),
            control=control,
            settings=settings,
            surroundings=surroundings,
        )


class TestChapaAsObserved(OutsideGatewayContract):
    @asynccontextmanager
    async def stage(self) -> AsyncIterator[OutsideStage]:
        async with simulated() as stage:
            yield stage


@pytest.mark.stories
class TestChapaAsDocumented(OutsideGatewayContract):
    @asynccontextmanager
    async def stage(self) -> AsyncIterator[OutsideStage]:
        async with simulated("USD", verify_quirks="docs", verify_amount_as="string") as stage:
            yield stage


class TestChapaRefunds(RefundingGatewayContract):
    @asynccontextmanager
    async def stage(self) -> AsyncIterator[RefundingStage]:
        async with simulated(refunds="allowed", refund_settles_after_s=None) as stage:
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


@pytest.mark.parametrize("style", ["compact", "php", "pretty"])
@pytest.mark.parametrize("signature", ["both", "payload", "custom"])
async def test_the_webhooks_of_the_simulator_are_genuine(style: str, signature: str) -> None:
    async with simulated(webhook_style=style, webhook_signature=signature) as stage:
        await stage.provider.checkouts.open(request_for(stage))
        await stage.pay(REFERENCE)
        notice = await stage.announced(REFERENCE)
        assert stage.provider.webhooks is not None
        hint = stage.provider.webhooks.read(notice)
        assert (hint.reference, hint.claim, hint.word) == (REFERENCE, Claim.PAID, "charge.success")


@pytest.mark.parametrize("signature", ["constant", "forged", "missing"])
async def test_a_webhook_that_proves_nothing_is_forged(signature: str) -> None:
    async with simulated(webhook_signature=signature) as stage:
        await stage.provider.checkouts.open(request_for(stage))
        await stage.pay(REFERENCE)
        notice = await stage.announced(REFERENCE)
        assert stage.provider.webhooks is not None
        with pytest.raises(NoticeForged):
            stage.provider.webhooks.read(notice)


@pytest.mark.parametrize(
    ("switches", "kind"),
    [
        ({"merchant": "blocked"}, ProviderRejected),
        ({"merchant": "api_disabled"}, ProviderRejected),
        ({"checkout_url": "foreign"}, OutcomeUnknown),
        ({"checkout_url": "missing"}, OutcomeUnknown),
        ({"fault": "rate_limited"}, ProviderUnavailable),
        ({"fault": "unavailable"}, OutcomeUnknown),
        ({"fault": "truncated"}, OutcomeUnknown),
        ({"fault": "reset_before"}, OutcomeUnknown),
        ({"fault": "html_500_after"}, OutcomeUnknown),
    ],
)
async def test_each_way_chapa_can_refuse_or_stumble_is_one_of_three_errors(
    switches: dict[str, str], kind: type[GatewayError]
) -> None:
    async with simulated() as stage:
        await stage.switch(**switches)
        with pytest.raises(kind):
            await stage.provider.checkouts.open(request_for(stage))


@asynccontextmanager
async def paid(**switches: Any) -> AsyncIterator[tuple[SimulatedStage, RefundRequest]]:
    """A stage whose payer paid, and a request to send a part of it back."""
    quirks = {"refunds": "allowed", "refund_settles_after_s": None} | switches
    async with simulated(**quirks) as stage:
        await stage.provider.checkouts.open(request_for(stage))
        await stage.pay(REFERENCE)
        question = Question(reference=REFERENCE, provider_reference=None, amount=stage.amount)
        answer = await stage.provider.checks.check(question)
        yield (
            stage,
            RefundRequest(
                reference="r-aaaaaaaaaaaaaaaaaaaaaaaaaa",
                attempt=REFERENCE,
                capture_key=answer.capture_key or "",
                receipt=None,
                amount=Money.of("234.50", "ETB"),
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


@pytest.mark.parametrize("shape", ["ref", "ref_id"])
@pytest.mark.parametrize(
    ("action", "outcome"), [("settle", RefundOutcome.SUCCEEDED), ("reverse", RefundOutcome.FAILED)]
)
async def test_a_refund_is_pending_until_chapa_ends_it(
    shape: str, action: str, outcome: RefundOutcome
) -> None:
    async with paid(refund_shape=shape) as (stage, request):
        assert stage.provider.refunds is not None
        asked = await stage.provider.refunds.request(request)
        assert asked.outcome is RefundOutcome.PENDING
        assert (await became_of(stage, request, asked.provider_reference)).outcome is RefundOutcome.PENDING
        (refund,) = (await stage.get("/_sim/refunds"))["refunds"]
        assert (refund["amount"], refund["reference"]) == ("234.50", request.reference)
        await stage.control.post(f"/_sim/refunds/{asked.provider_reference}/{action}")
        assert (await became_of(stage, request, asked.provider_reference)).outcome is outcome


async def test_a_refund_is_found_under_our_reference_where_chapas_is_not_taken() -> None:
    async with paid() as (stage, request):
        assert stage.provider.refunds is not None
        asked = await stage.provider.refunds.request(attrs.evolve(request, capture_key="APnobodyknows"))
        assert asked.outcome is RefundOutcome.PENDING


async def test_a_refund_is_never_made_twice_and_a_lost_answer_leaves_it_unknown() -> None:
    async with paid() as (stage, request):
        assert stage.provider.refunds is not None
        await stage.lose_answers()
        with pytest.raises(OutcomeUnknown):
            await stage.provider.refunds.request(request)
        await stage.recover()
        with pytest.raises(OutcomeUnknown, match="already"):
            await stage.provider.refunds.request(request)
        assert len((await stage.get("/_sim/refunds"))["refunds"]) == 1
        assert (await became_of(stage, request, None)).outcome is RefundOutcome.NOT_FOUND


@pytest.mark.parametrize(
    ("quirks", "changes"),
    [
        ({"refunds": "live_only"}, {}),
        ({}, {"amount": Money.of("1234.51", "ETB")}),
        ({}, {"capture_key": "APnobodyknows", "attempt": "p-nobodyknows"}),
    ],
    ids=["in test mode", "too much", "of nothing"],
)
async def test_a_refund_that_chapa_refuses_is_a_definite_no(
    quirks: dict[str, str], changes: dict[str, Any]
) -> None:
    async with paid(**quirks) as (stage, request):
        assert stage.provider.refunds is not None
        with pytest.raises(ProviderRejected):
            await stage.provider.refunds.request(attrs.evolve(request, **changes))
        assert (await stage.get("/_sim/refunds"))["refunds"] == []


@attrs.frozen
class Gullible(StatusChecks):
    """Broken on purpose: takes the envelope's "success" for money, as two official samples did."""

    honest: StatusChecks

    async def check(self, question: Question) -> Answer:
        answer = await self.honest.check(question)
        return attrs.evolve(answer, outcome=Outcome.PAID) if answer.outcome is Outcome.PAYABLE else answer


class GullibleGateway(TestChapaAsObserved):
    # Not collected by itself: it must fail.
    __test__ = False

    @asynccontextmanager
    async def stage(self) -> AsyncIterator[OutsideStage]:
        async with simulated() as stage:
            stage.provider = attrs.evolve(stage.provider, checks=Gullible(stage.provider.checks))
            yield stage


async def test_the_contract_names_the_promise_a_gullible_gateway_breaks() -> None:
    with pytest.raises(BrokenPromise, match="a checkout nobody paid on is payable or in flight"):
        await GullibleGateway().test_an_open_checkout_is_not_paid()

"""The gateway contracts over the simulated Daraja, and a broken gateway it must catch."""

import asyncio
import functools
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import attrs
import httpx
import pytest

from payments.adapters.http_client import open_http_client
from payments.adapters.providers import mpesa
from payments.adapters.providers.mpesa import MpesaSettings, ReversalSettings
from payments.adapters.providers.surroundings import Surroundings
from payments.adapters.secret import Secret
from payments.adapters.system import SystemClock
from payments.application.ports.providers import (
    Callback,
    Provider,
    Question,
    RawNotice,
    RefundRequest,
    StatusChecks,
)
from payments.application.records import Claim
from payments.domain.errors import GatewayError, OutcomeUnknown, ProviderRejected, ProviderUnavailable
from payments.domain.evidence import Answer, Mode, Outcome
from payments.domain.money import Money
from payments.simulators.mpesa import (
    MpesaSimulatorConfig,
    MpesaSwitches,
    create_mpesa_simulator,
    new_private_key,
)
from payments.testing.contracts.gateway import (
    REFERENCE,
    OutsideGatewayContract,
    OutsideStage,
    ask,
    request_for,
)
from payments.testing.contracts.promises import BrokenPromise
from payments.testing.contracts.refunding_gateway import RefundingGatewayContract, RefundingStage
from tests.ports import free_port
from tests.serving import plain_client, serving

pytestmark = [pytest.mark.anyio, pytest.mark.sheets]

NOBODY_WAITS: Final = 60_000_000
"""Queries a minute: the contract asks as often as it likes, be it twice within a millisecond."""
LONG_S: Final = 60.0


@functools.cache
def initiators_key() -> bytes:
    """Made once: it takes longer than everything else here."""
    return new_private_key()


@attrs.define
class SimulatedStage(RefundingStage):
    """The simulated Daraja, moved by its own control surface."""

    provider: Provider
    amount: Money
    phone: str | None
    callback_url: str | None
    control: httpx.AsyncClient
    settings: MpesaSettings
    surroundings: Surroundings
    receipt: str | None = None
    reports: tuple[Callback, ...] = ()

    async def told(self, _reference: str) -> tuple[Money, ...]:
        return tuple(Money.of(str(prompt["amount"]), "KES") for prompt in await self.prompts())

    async def pay(self, _reference: str, amount: Money | None = None) -> None:
        assert amount is None, "a payer confirms what the prompt says, or nothing"
        await self.act("approve")
        (prompt,) = await self.prompts()
        self.receipt = prompt["receipt"]

    async def fail(self, _reference: str) -> None:
        await self.act("wrong_pin")

    async def give_back(self, _reference: str) -> None:
        raise NotImplementedError("Daraja's query never tells it")

    async def lose_answers(self) -> None:
        await self.switch(fault="reset_after", fault_times=None)

    async def break_down(self) -> None:
        await self.switch(fault="html_503", fault_times=None)

    async def vanish(self) -> None:
        self.point_at(attrs.evolve(self.settings, base_url=f"http://127.0.0.1:{free_port()}"))

    async def lock_out(self) -> None:
        self.key = "a-key-of-nobody"
        self.point_at(attrs.evolve(self.settings, consumer_key=Secret(self.key)))

    async def recover(self) -> None:
        await self.switch(fault="none")
        self.point_at(self.settings)

    async def given_back(self, _reference: str) -> tuple[Money, ...]:
        asked = await self._get("/_sim/reversals", transaction_id=str(self.receipt))
        return tuple(Money.of(str(reversal["amount"]), "KES") for reversal in asked["reversals"])

    async def finish(self, _refund: str) -> None:
        (pending,) = (await self._get("/_sim/reversals", state="pending"))["reversals"]
        path = f"/_sim/reversals/{pending['conversation_id']}/settle"
        (await self.control.post(path)).raise_for_status()
        self.reports = (_read(self, (await self.reported("result"))[1]),)

    def sign(self, body: bytes) -> RawNotice:
        raise NotImplementedError("Daraja signs nothing")

    def paid_notice(self, reference: str) -> bytes:
        raise NotImplementedError("Daraja sends no notices of its own")

    async def prompts(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self._get("/_sim/prompts"))["prompts"]
        return found

    async def act(self, action: str) -> None:
        """The payer does something with the newest prompt, and Daraja has dealt with it."""
        (prompt,) = await self.prompts()
        path = f"/_sim/prompts/{prompt['checkout_request_id']}/{action}"
        (await self.control.post(path)).raise_for_status()
        give_up_at = time.monotonic() + LONG_S
        while (await self.prompts())[0]["state"] != "ended":
            assert time.monotonic() < give_up_at, "the prompt never ended"
            await asyncio.sleep(0.005)

    async def reported(self, kind: str = "callback") -> tuple[str, bytes]:
        """Where the simulator posted its newest report, and what."""
        give_up_at = time.monotonic() + LONG_S
        while not (found := (await self._get("/_sim/callbacks", kind=kind))["callbacks"]):
            assert time.monotonic() < give_up_at, "nothing was reported"
            await asyncio.sleep(0.005)
        return str(found[-1]["url"]), str(found[-1]["body"]).encode()

    async def switch(self, **switches: object) -> None:
        (await self.control.put("/_sim/switches", json=switches)).raise_for_status()

    def point_at(self, settings: MpesaSettings) -> None:
        self.provider = mpesa.build(settings, self.surroundings)

    async def _get(self, path: str, **query: str) -> Any:
        return (await self.control.get(path, params=query)).raise_for_status().json()


@asynccontextmanager
async def simulated(till: str = "", **switches: Any) -> AsyncIterator[SimulatedStage]:
    port = free_port()
    quick = MpesaSwitches(
        **{
            "time_scale": 0.005,
            "prompt_life_s": 10_000.0,
            "query_calls": 1_000_000,
            "query_hiccup_every": 0,
            "query_early_s": 0.0,
            "query_in_flight": "4999",
            "same_amount_rule": "off",
            **switches,
        }
    )
    config = MpesaSimulatorConfig(
        public_url=f"http://127.0.0.1:{port}",
        till=till or None,
        private_key_pem=initiators_key(),
        switches=quick,
    )
    async with (
        serving(create_mpesa_simulator(config)) as url,
        plain_client(url) as control,
        open_http_client() as client,
    ):
        certificate = (await control.get("/_sim/certificate")).raise_for_status().text
        settings = MpesaSettings(
            mode=Mode.TEST,
            consumer_key=Secret(config.consumer_key),
            consumer_secret=Secret(config.consumer_secret),
            shortcode=config.shortcode,
            passkey=Secret(config.passkey),
            till=till,
            base_url=url,
            queries_per_minute=NOBODY_WAITS,
            reversals=ReversalSettings(
                initiator=config.initiator_name,
                password=Secret(config.initiator_password),
                certificate=certificate,
            ),
        )
        surroundings = Surroundings(client=client, clock=SystemClock())
        stage = SimulatedStage(
            provider=mpesa.build(settings, surroundings),
            amount=Money.of("1234.00", "KES"),
            phone="254722000126",
            callback_url=f"http://127.0.0.1:{port}/nobody/3f9c2a7be1d04c5f8a6b9e0d1c2f3a4b/",
            control=control,
            settings=settings,
            surroundings=surroundings,
        )
        # What goes wrong afterwards goes wrong with the call itself, and not with its token.
        assert stage.provider.self_check is not None
        assert [f.state.value for f in await stage.provider.self_check.look()] == ["ok"]
        yield stage


class TestMpesa(OutsideGatewayContract):
    @asynccontextmanager
    async def stage(self) -> AsyncIterator[OutsideStage]:
        async with simulated() as stage:
            yield stage


class TestMpesaReversals(RefundingGatewayContract):
    @asynccontextmanager
    async def stage(self) -> AsyncIterator[RefundingStage]:
        async with simulated(result_by_hand=True) as stage:
            yield stage


async def test_a_till_is_prompted_for_and_paid() -> None:
    async with simulated("5001234", query_codes_as="number", expires_in_as="number") as stage:
        checkout = await stage.provider.checkouts.open(request_for(stage))
        await stage.pay(REFERENCE)
        assert (await ask(stage, checkout)).outcome is Outcome.PAID


@pytest.mark.parametrize(
    ("switches", "kind"),
    [
        ({"not_enabled": ["push"]}, ProviderRejected),
        ({"largest_amount": 10}, ProviderRejected),
        ({"fault": "spike_arrest", "fault_on": "push"}, ProviderUnavailable),
        ({"fault": "quota", "fault_on": "push"}, ProviderUnavailable),
        ({"fault": "busy", "fault_on": "push"}, ProviderUnavailable),
        ({"fault": "internal", "fault_on": "push"}, OutcomeUnknown),
        ({"fault": "html_403", "fault_on": "push"}, OutcomeUnknown),
        ({"fault": "html_503_after", "fault_on": "push"}, OutcomeUnknown),
        ({"fault": "empty_after", "fault_on": "push"}, OutcomeUnknown),
        ({"fault": "soap_after", "fault_on": "push"}, OutcomeUnknown),
        ({"fault": "error_in_200_after", "fault_on": "push"}, OutcomeUnknown),
        ({"fault": "error_500_after", "fault_on": "push"}, OutcomeUnknown),
        ({"fault": "reset_before", "fault_on": "push"}, OutcomeUnknown),
    ],
)
async def test_each_way_daraja_can_refuse_or_stumble_is_one_of_three_errors(
    switches: dict[str, Any], kind: type[GatewayError]
) -> None:
    async with simulated() as stage:
        await stage.switch(**switches)
        with pytest.raises(kind):
            await stage.provider.checkouts.open(request_for(stage))
        assert len(await stage.prompts()) <= 1


async def test_a_revoked_token_is_renewed_and_one_prompt_sent() -> None:
    async with simulated() as stage:
        (await stage.control.post("/_sim/tokens/revoke")).raise_for_status()
        await stage.provider.checkouts.open(request_for(stage))
        assert len(await stage.prompts()) == 1


async def test_a_phone_with_a_live_prompt_is_locked() -> None:
    async with simulated() as stage:
        await stage.provider.checkouts.open(request_for(stage))
        with pytest.raises(ProviderUnavailable) as raised:
            await stage.provider.checkouts.open(request_for(stage))
        assert raised.value.retry_after_s == 60.0
        assert len(await stage.prompts()) == 1


@pytest.mark.parametrize(
    "shapes",
    [
        {},
        {"callback_codes_as": "string", "callback_amount_as": "string", "callback_items": "shuffled"},
        {"callback_amount_as": "whole", "callback_phone": "masked", "callback_date_as": "text"},
        {"callback_phone": "absent", "callback_balance": "text", "callback_items": "reversed"},
    ],
)
async def test_a_callback_of_the_simulator_is_read_in_all_its_shapes(shapes: dict[str, Any]) -> None:
    async with simulated(**shapes) as stage:
        checkout = await stage.provider.checkouts.open(request_for(stage))
        await stage.pay(REFERENCE)
        where, body = await stage.reported()
        said = _read(stage, body)
        assert where == stage.callback_url
        assert (said.claim, said.provider_reference) == (Claim.PAID, checkout.provider_reference)
        assert said.amount == stage.amount
        assert said.receipt is not None


@pytest.mark.parametrize("action", ["wrong_pin", "cancel", "low_balance", "unreachable"])
async def test_callback_and_query_agree_about_what_the_payer_did(action: str) -> None:
    async with simulated() as stage:
        checkout = await stage.provider.checkouts.open(request_for(stage))
        await stage.act(action)
        answer = await ask(stage, checkout)
        said = _read(stage, (await stage.reported())[1])
        assert (answer.outcome, said.claim) == (Outcome.DECLINED, Claim.FAILED)
        assert answer.word.split()[0] == said.word
        assert answer.detail


@pytest.mark.parametrize("shape", ["4999", "being_processed", "error_in_200", "does_not_exist"])
async def test_every_shape_of_in_flight_leaves_the_prompt_open(shape: str) -> None:
    async with simulated(query_in_flight=shape) as stage:
        checkout = await stage.provider.checkouts.open(request_for(stage))
        assert (await ask(stage, checkout)).outcome in {Outcome.IN_FLIGHT, Outcome.NOTHING}


async def test_the_rate_limit_of_the_sandbox_is_no_information_and_stops_the_asking() -> None:
    async with simulated(query_calls=1, query_period_s=10_000.0) as stage:
        checkout = await stage.provider.checkouts.open(request_for(stage))
        assert (await ask(stage, checkout)).outcome is Outcome.IN_FLIGHT
        await asyncio.sleep(60 / NOBODY_WAITS)
        assert (await ask(stage, checkout)).outcome is Outcome.NOTHING


async def test_a_receipt_is_reversed_and_the_result_read() -> None:
    async with simulated() as stage:
        checkout = await stage.provider.checkouts.open(request_for(stage))
        await stage.pay(REFERENCE)
        receipt = _read(stage, (await stage.reported())[1]).receipt
        assert stage.provider.refunds is not None
        asked = await stage.provider.refunds.request(
            RefundRequest(
                reference="r-abcdefghijklmnopqrstuvwxyz",
                attempt=REFERENCE,
                capture_key=checkout.provider_reference or "",
                receipt=receipt,
                amount=stage.amount,
                captured=stage.amount,
                reason="Broken on arrival",
                callback_url=stage.callback_url,
            )
        )
        said = _read(stage, (await stage.reported("result"))[1])
        assert (said.claim, said.amount) == (Claim.RETURNED, stage.amount)
        assert said.provider_reference == asked.provider_reference


def _read(stage: SimulatedStage, body: bytes) -> Callback:
    assert stage.provider.callbacks is not None
    assert json.loads(body)
    return stage.provider.callbacks.read(body)


@attrs.frozen
class Gullible(StatusChecks):
    """Broken on purpose: takes "the query worked" for money, as an SDK does (fact sheet, section 11)."""

    honest: StatusChecks

    async def check(self, question: Question) -> Answer:
        answer = await self.honest.check(question)
        return attrs.evolve(answer, outcome=Outcome.PAID) if answer.outcome is Outcome.IN_FLIGHT else answer


class GullibleGateway(TestMpesa):
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

"""The gateway contract over Acme's double, which follows Acme's fact sheet and none of our assumptions."""

import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import attrs
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from examples import acme
from examples.acme import AcmeSettings
from examples.acme.api import AcmeAnswer
from examples.acme.checkouts import checkout_of
from payments.adapters.http_client import open_http_client
from payments.adapters.providers.surroundings import Surroundings
from payments.adapters.secret import Secret
from payments.adapters.system import SystemClock
from payments.application.ports.providers import Provider, RawNotice
from payments.domain.errors import OutcomeUnknown
from payments.domain.evidence import Mode
from payments.domain.money import Money
from payments.testing.contracts.gateway import OutsideGatewayContract, OutsideStage
from tests.ports import free_port
from tests.serving import serving

pytestmark = pytest.mark.anyio

KEY = "acme-test-0123456789abcdefghij"
WEBHOOK_SECRET = "acme-signs-with-0123456789abcdef"


@attrs.define
class AcmeDouble:
    """Acme, in memory: what it was told, and how it misbehaves."""

    checkouts: dict[str, dict[str, Any]] = attrs.field(factory=dict)
    trouble: str = ""

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/checkouts", self._create, methods=["POST"]),
                Route("/checkouts/{reference}", self._show),
            ]
        )

    async def _create(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        asked = await request.json()
        reference = asked["reference"]
        if reference in self.checkouts:
            return JSONResponse({"error": "reference_used"}, HTTPStatus.CONFLICT)
        made = {"state": "open", "mode": "test", "transaction": f"AC{len(self.checkouts)}", "tries": 0}
        self.checkouts[reference] = made | {
            name: asked[name] for name in ("reference", "amount_minor", "currency")
        }
        answer = {"reference": reference, "url": f"https://pay.acme.example/{reference}"}
        return self._answered(JSONResponse(answer, HTTPStatus.CREATED))

    async def _show(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        checkout = self.checkouts.get(request.path_params["reference"])
        if checkout is None:
            return JSONResponse({"error": "unknown_reference"}, HTTPStatus.NOT_FOUND)
        return self._answered(JSONResponse(checkout))

    def _refusal(self, request: Request) -> Response | None:
        if request.headers.get("authorization") != f"Bearer {KEY}":
            return JSONResponse({"error": "bad_key"}, HTTPStatus.UNAUTHORIZED)
        if self.trouble == "nonsense":
            return HTMLResponse("<h1>Oops</h1>", HTTPStatus.INTERNAL_SERVER_ERROR)
        return None

    def _answered(self, answer: Response) -> Response:
        # Cut off in the middle: the length promises more than comes.
        if self.trouble == "lost":
            answer.headers["content-length"] = str(len(answer.body) + 10)
        return answer


@attrs.define
class DoubledStage(OutsideStage):
    """Acme's double, moved by hand."""

    provider: Provider
    amount: Money
    double: AcmeDouble
    settings: AcmeSettings
    surroundings: Surroundings

    async def told(self, reference: str) -> tuple[Money, ...]:
        made = self.double.checkouts.get(reference)
        return (attrs.evolve(self.amount, minor=made["amount_minor"]),) if made else ()

    async def pay(self, reference: str, amount: Money | None = None) -> None:
        checkout = self.double.checkouts[reference]
        checkout["state"] = "paid"
        checkout["amount_minor"] = amount.minor if amount else checkout["amount_minor"]

    async def fail(self, reference: str) -> None:
        checkout = self.double.checkouts[reference]
        checkout |= {"state": "failed", "tries": checkout["tries"] + 1}

    async def give_back(self, reference: str) -> None:
        self.double.checkouts[reference]["state"] = "returned"

    async def lose_answers(self) -> None:
        self.double.trouble = "lost"

    async def break_down(self) -> None:
        self.double.trouble = "nonsense"

    async def vanish(self) -> None:
        self._point_at(attrs.evolve(self.settings, base_url=f"http://127.0.0.1:{free_port()}"))

    async def lock_out(self) -> None:
        self.key = "acme-test-of-somebody-else"
        self._point_at(attrs.evolve(self.settings, secret_key=Secret(self.key)))

    async def recover(self) -> None:
        self.double.trouble = ""
        self._point_at(self.settings)

    def sign(self, body: bytes) -> RawNotice:
        signature = hmac.digest(WEBHOOK_SECRET.encode(), body, "sha256").hex()
        return RawNotice(headers=(("acme-signature", signature),), body=body)

    def paid_notice(self, reference: str) -> bytes:
        return json.dumps({"type": "checkout.paid", "reference": reference}).encode()

    def _point_at(self, settings: AcmeSettings) -> None:
        self.provider = acme.build(settings, self.surroundings)


class TestAcme(OutsideGatewayContract):
    @asynccontextmanager
    async def stage(self) -> AsyncIterator[OutsideStage]:
        double = AcmeDouble()
        async with serving(double.app()) as url, open_http_client() as client:
            settings = AcmeSettings(
                mode=Mode.TEST,
                secret_key=Secret(KEY),
                webhook_secrets=(Secret(WEBHOOK_SECRET),),
                base_url=url,
            )
            surroundings = Surroundings(client=client, clock=SystemClock())
            yield DoubledStage(
                provider=acme.build(settings, surroundings),
                amount=Money.of("1234.50", "KES"),
                double=double,
                settings=settings,
                surroundings=surroundings,
            )


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/p-1",
        "http://pay.acme.example/p-1",
        "https://a@pay.acme.example/p-1",
        "",
        "no address",
    ],
)
def test_no_payer_is_sent_to_a_page_that_is_not_acmes(url: str) -> None:
    settings = AcmeSettings(mode=Mode.LIVE, secret_key=Secret(KEY))
    with pytest.raises(OutcomeUnknown):
        checkout_of(AcmeAnswer(status=201, body={"reference": "p-1", "url": url}), settings)

"""The HTTP interface over in-memory payments, and a client that holds every answer against the document."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import attrs
import httpx
import jwt
from openapi_schema_validator import OAS31Validator

from payments.adapters.secret import Secret
from payments.application.review_recording import opened_alone
from payments.domain.events import ReviewKind
from payments.domain.review import Review
from payments.entrypoints.http import create_app
from payments.entrypoints.http.operation import Operation
from payments.entrypoints.http.routes import OPERATIONS
from payments.settings import AuthSettings, HttpSettings, Settings
from payments.testing import InMemoryPayments, in_memory_payments

KEY = "the-key-that-signs-the-tokens-of-these-tests"
ISSUER = "https://issuer.example"
AUDIENCE = "payments"
PUBLIC_URL = "http://pay.example"
RETURN_URLS = {
    "shop": "https://shop.example/thanks?theme=dark&status=mine",
    "app": "https://app.example/paid",
}

SETTINGS = Settings(
    public_url=PUBLIC_URL,
    return_urls=RETURN_URLS,
    auth=AuthSettings(key=Secret(KEY), algorithm="HS256", issuer=ISSUER, audience=AUDIENCE),
    http=HttpSettings(),
)


def claims(**changed: Any) -> dict[str, Any]:
    """The claims of a good token of ``user_1``; a changed claim that is None is left out."""
    in_an_hour = int((datetime.now(UTC) + timedelta(hours=1)).timestamp())
    good = {"sub": "user_1", "iss": ISSUER, "aud": AUDIENCE, "exp": in_an_hour} | changed
    return {name: value for name, value in good.items() if value is not None}


def token(sub: str = "user_1", scope: str | None = None) -> str:
    return jwt.encode(claims(sub=sub, scope=scope), KEY, algorithm="HS256")


def bearer(sub: str = "user_1", scope: str | None = None) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(sub, scope)}"}


@attrs.frozen(kw_only=True)
class Door:
    """A running application."""

    kit: InMemoryPayments
    client: httpx.AsyncClient
    """Sends the token of ``user_1`` unless told otherwise."""
    woken: list[str]

    async def initiate(self, order_id: str = "order_1", **body: Any) -> httpx.Response:
        wish = {"provider": "scripted"} | body
        return await self.client.post(f"/payments/initiate/{order_id}/", json=wish)

    async def initiated(self, order_id: str = "order_1", **body: Any) -> dict[str, Any]:
        response = await self.initiate(order_id, **body)
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.json()
        return found

    async def orphan(self) -> Review:
        """A question about money of nobody, put before the operators."""
        review = Review(
            review_id=uuid4(),
            kind=ReviewKind.ORPHAN,
            subject="p-aaaaaaaaaaaaaaaaaaaaaaaaaa",
            payment_id=None,
            detail="scripted said 'paid', and never confirmed it when asked.",
            opened_at=self.kit.clock.now(),
        )
        opened = opened_alone(review, actor="provider:scripted", cause="webhook")
        await self.kit.unit_of_work.write(lambda transaction: transaction.add_review(opened))
        return review

    async def anonymous(self, method: str, path: str, **more: Any) -> httpx.Response:
        """A request with no token but one in ``headers``."""
        request = self.client.build_request(method, path, **more)
        if "Authorization" not in httpx.Headers(more.get("headers")):
            del request.headers["Authorization"]
        return await self.client.send(request)


@asynccontextmanager
async def open_door(
    kit: InMemoryPayments | None = None, settings: Settings = SETTINGS
) -> AsyncIterator[Door]:
    """An application over ``kit`` with one order of ``user_1``, and a client of it."""
    given = kit or in_memory_payments()
    given.order()
    woken: list[str] = []
    app = create_app(given.payments, settings, on_notice=lambda: woken.append("notice"))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL, headers=bearer()) as client:
        document = (await client.get("/openapi.json")).json()

        async def conforms(response: httpx.Response) -> None:
            await response.aread()
            hold_against(document, response)

        client.event_hooks = {"response": [conforms]}
        yield Door(kit=given, client=client, woken=woken)


def operation_of(method: str, path: str) -> Operation | None:
    """The row of the route table for a request, found without the router."""
    # A path without parameters comes before one that could swallow it.
    for operation in sorted(OPERATIONS, key=lambda each: "{" in each.path):
        pattern = re.sub(r"\{\w+\}", "[^/]+", operation.path)
        if operation.method == method and re.fullmatch(re.sub("/$", "/?", pattern), path):
            return operation
    return None


def hold_against(document: Mapping[str, Any], response: httpx.Response) -> None:
    """Fail unless the answer is one that the document declares for this operation."""
    assert response.headers["x-request-id"]
    assert response.headers["x-content-type-options"] == "nosniff"
    operation = operation_of(response.request.method, response.request.url.path)
    kind = response.headers.get("content-type", "")
    for_people = "text/html" in response.request.headers.get("accept", "")
    if response.status_code >= 400 and not for_people:
        assert kind == "application/problem+json", response.text
        assert set(response.json()) >= {"type", "title", "status", "code", "detail", "request_id", "error"}
    if operation is None or not operation.documented:
        return
    if operation.path not in document["paths"]:
        return
    declared = document["paths"][operation.path][operation.method.lower()]["responses"]
    assert str(response.status_code) in declared, f"{response.status_code} is not declared: {response.text}"
    for media, content in declared[str(response.status_code)].get("content", {}).items():
        assert kind.split(";")[0] == media
        if media.endswith("json"):
            schema = {"$ref": "#/$defs/answer", "$defs": {"answer": content["schema"]}}
            whole = {**schema, "components": document["components"]}
            OAS31Validator(whole).validate(response.json())


def problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem document of ``response``, which is one of this kind."""
    assert response.status_code == status, response.text
    found: dict[str, Any] = response.json()
    assert (found["status"], found["code"]) == (status, code), response.text
    assert found["request_id"] == response.headers["x-request-id"]
    assert found["type"] == f"{PUBLIC_URL}/docs#{code}"
    return found


def pointers(found: Mapping[str, Any]) -> set[str]:
    """Which fields a problem names."""
    return {error["pointer"] for error in found["errors"]}

"""A provider that answers with what it was sent, keys included: nobody is told, and nothing is kept."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.e2e.databases import SqliteDatabase
from tests.e2e.outside_world import Outside
from tests.hostile.canaries.canaries import Allowed, Canary, search
from tests.hostile.canaries.whole_story import (
    bytes_at_rest,
    canaries_of,
    console_pages,
    everything_written,
    owes,
    said_by,
    told_at_debug,
)
from tests.serving import serving

pytestmark = pytest.mark.anyio

OAUTH_TOKEN = "canary0of0the0token0that0daraja0gave0us"
ORDERS = {"chapa": "ETB", "paystack": "NGN", "mpesa": "KES"}
ALLOWED = (
    Allowed(canary="* name", where="database", why="kept for the provider's page and mails; erased in time"),
    Allowed(canary="e-mail", where="database", why="kept for mails; erased in time"),
    Allowed(canary="*phone", where="database", why="kept for the prompt; erased in time"),
)


def keys_of(canaries: list[Canary]) -> list[Canary]:
    """Without the payer's own fields: a provider's complaint about them is what the payer has to read."""
    personal = {"first name", "last name", "e-mail", "phone", "typed phone"}
    return [canary for canary in canaries if canary.name not in personal]


async def echo(request: Request) -> Response:
    """A definite no whose every text is the request itself."""
    if request.url.path.endswith("/oauth/v1/generate") and request.app.state.gives_tokens:
        return JSONResponse({"access_token": OAUTH_TOKEN, "expires_in": "3599"})
    body = (await request.body()).decode()
    said = f"refused: {request.headers.get('authorization')} sent {body}"
    key = request.headers.get("authorization", "").removeprefix("Bearer ").removeprefix("Basic ")
    told: dict[str, Any] = {
        "status": False if request.url.path.startswith("/paystack") else "failed",
        "message": request.app.state.begin + said,
        "errorCode": "400.002.02",
        "errorMessage": request.app.state.begin + key + said,
        "data": None,
    }
    return JSONResponse(told, status_code=request.app.state.status)


@pytest.fixture
async def echoing() -> AsyncIterator[tuple[str, Starlette]]:
    app = Starlette(routes=[Route("/{path:path}", echo, methods=["GET", "POST", "PUT"])])
    app.state.status, app.state.gives_tokens, app.state.begin = 400, True, ""
    async with serving(app) as url:
        yield url, app


@pytest.mark.parametrize("status", [400, 422])
async def test_what_a_provider_repeats_of_our_keys_reaches_nobody(
    outside: Outside,
    database: SqliteDatabase,
    tmp_path: Path,
    echoing: tuple[str, Starlette],
    status: int,
) -> None:
    url, app = echoing
    app.state.status, app.state.gives_tokens = status, status != 422
    bases = {f"PAYMENTS_{name.upper()}_BASE_URL": f"{url}/{name}" for name in ORDERS}
    async with told_at_debug(outside, database, tmp_path, bases) as (story, witness):
        ids = []
        for provider, currency in ORDERS.items():
            await owes(story, f"order_{provider}", "100.00", currency)
            answer = await story.initiate(f"order_{provider}", provider=provider)
            assert answer.status_code in (502, 503, 504), answer.text
            ids.append(answer.json()["payment_id"])
        payments = [await story.payment(name) for name in ids]
        for payment in payments:
            await story.client.get(f"/payments/{payment['payment_id']}/explain/")
        await console_pages(story, ids)
        reference = payments[0]["attempts"][0]["reference"]
        written = [
            *await everything_written(story, witness),
            said_by("why", reference, story=story, directory=tmp_path),
            bytes_at_rest(database),
        ]
        pair = f"{story.service.environ['PAYMENTS_MPESA_CONSUMER_KEY']}:"
        later = [
            Canary("access token", OAUTH_TOKEN),
            Canary("M-Pesa's basic credentials", base64.b64encode(pair.encode()).decode()[:-4]),
        ]
        assert search([*keys_of(canaries_of(story)), *later], written, ALLOWED).hits == ()

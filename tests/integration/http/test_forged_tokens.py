"""Forged tokens (OWASP ASVS 9; RFC 8725) against each kind of key: all are answered 401, byte for byte."""

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache
from typing import Any, Final

import attrs
import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from payments.adapters.http_client import open_http_client
from payments.adapters.identity.jwks import open_jwks
from payments.adapters.secret import Secret
from payments.adapters.system import SystemClock
from payments.settings import AuthSettings
from payments.testing import in_memory_payments
from tests.integration.http.door import AUDIENCE, ISSUER, SETTINGS, Door, claims, open_door, problem
from tests.integration.http.forged_tokens import FORGED, keyed, within
from tests.issuers import Issuer, ec_issuer, encoded, rsa_issuer, shared_secret
from tests.serving import serving

pytestmark = pytest.mark.anyio

SYMMETRIC: Final = hashlib.sha256(b"a key that should not be published").digest()

KINDS: Final[dict[str, Callable[[], Issuer]]] = {
    "HS256": cache(shared_secret),
    "RS256 in PEM": cache(rsa_issuer),
    "ES256 in PEM": cache(ec_issuer),
    "RS256 published": cache(lambda: rsa_issuer("2026-01")),
    "ES256 published": cache(lambda: ec_issuer("2026-01")),
}
UNFIT: Final[dict[str, Callable[[], Issuer]]] = {
    "encrypts": cache(lambda: rsa_issuer("encrypts")),
    "of another algorithm": cache(lambda: rsa_issuer("of another algorithm")),
    "of another type": cache(lambda: ec_issuer("of another type")),
    "twice": cache(lambda: rsa_issuer("twice")),
    "private": cache(lambda: rsa_issuer("private")),
}
"""Keys that stand in the set of an RS256 issuer and sign well, but are not for that."""


def published(issuer: Issuer) -> dict[str, Any]:
    """The set of ``issuer``: its key among others that must not be used."""
    if issuer.algorithm != "RS256":
        return {"keys": [issuer.jwk()]}
    unfit = {
        "encrypts": {"use": "enc"},
        "of another algorithm": {"alg": "RS512"},
        "private": {"d": encoded(b"x" * 256)},
    }
    listed: list[Any] = [one().jwk(**unfit.get(name, {})) for name, one in UNFIT.items()]
    listed += [rsa_issuer("twice").jwk(), {"kty": "oct", "kid": "symmetric", "k": encoded(SYMMETRIC)}, "junk"]
    return {"keys": [*listed, issuer.jwk()]}


@asynccontextmanager
async def admitting(issuer: Issuer) -> AsyncIterator[Door]:
    """A door that admits whoever ``issuer`` signs for."""
    auth = AuthSettings(algorithm=issuer.algorithm, issuer=ISSUER, audience=AUDIENCE)
    kit = in_memory_payments()
    async with AsyncExitStack() as resources:
        if issuer.kid is None:
            key = issuer.key if issuer.algorithm == "HS256" else issuer.public
            auth = attrs.evolve(auth, key=Secret(key))
        else:

            async def key_set(_request: Request) -> JSONResponse:
                return JSONResponse(published(issuer))

            address = await resources.enter_async_context(
                serving(Starlette(routes=[Route("/keys", key_set)]))
            )
            auth = attrs.evolve(auth, jwks_url=f"{address}/keys")
            client = await resources.enter_async_context(open_http_client())
            keys = await resources.enter_async_context(
                open_jwks(client, SystemClock(), url=auth.jwks_url, algorithm=issuer.algorithm)
            )
            kit = attrs.evolve(kit, payments=attrs.evolve(kit.payments, caller_keys=keys))
        yield await resources.enter_async_context(open_door(kit, attrs.evolve(SETTINGS, auth=auth)))


async def asked(door: Door, authorization: str | list[str]) -> httpx.Response:
    values = [authorization] if isinstance(authorization, str) else authorization
    headers = [("X-Request-Id", "one"), *(("Authorization", value) for value in values)]
    return await door.anonymous("GET", "/payments/", headers=headers)


@pytest.mark.parametrize("kind", KINDS)
async def test_no_forged_token_passes_and_all_get_one_answer(kind: str) -> None:
    issuer = KINDS[kind]()
    assert len(FORGED) > 25
    async with admitting(issuer) as door:
        assert (await asked(door, f"Bearer {issuer.good()}")).status_code == 200
        answers = {name: await asked(door, forge(issuer)) for name, forge in FORGED.items()}
        nobody = await door.anonymous("GET", "/payments/", headers={"X-Request-Id": "one"})
        assert (await asked(door, f"Bearer {issuer.good()}")).status_code == 200
    passed = [name for name, answer in answers.items() if answer.status_code != 401]
    assert passed == []
    problem(answers["expired"], 401, "unauthenticated")
    assert {answer.content for answer in answers.values()} == {nobody.content}
    assert {answer.headers["www-authenticate"] for answer in answers.values()} == {
        'Bearer realm="payments", error="invalid_token"'
    }


async def test_a_published_key_that_is_not_for_this_signs_nothing() -> None:
    issuer = KINDS["RS256 published"]()
    async with admitting(issuer) as door:
        forged = {name: one().good(alg="RS256") for name, one in UNFIT.items()}
        forged["symmetric, as itself"] = keyed(
            issuer.header(kid="symmetric", alg="HS256"), claims(), SYMMETRIC
        )
        forged["symmetric, as RS256"] = keyed(issuer.header(kid="symmetric"), claims(), SYMMETRIC)
        forged["no kid"] = issuer.good(kid=None)
        forged["kid empty"] = issuer.good(kid="")
        forged["kid of another"] = issuer.good(kid="encrypts")
        forged["kid unknown"] = issuer.good(kid="2026-02")
        forged["kid in other case"] = rsa_issuer("2026-01").good(kid="2026-01 ")
        forged["kid too long"] = issuer.good(kid="x" * 256)
        forged["kid not printable"] = issuer.good(kid="2026\n-01")
        answers = {name: await asked(door, f"Bearer {token}") for name, token in forged.items()}
        assert [name for name, answer in answers.items() if answer.status_code != 401] == []
        assert len({answer.content for answer in answers.values()}) == 1
        assert (await asked(door, f"Bearer {issuer.good()}")).status_code == 200


GOOD: Final[dict[str, Callable[[Issuer], str]]] = {
    "plain": lambda by: f"Bearer {by.good()}",
    "lower case": lambda by: f"bearer {by.good()}",
    "upper case and blanks": lambda by: f"BEARER  {by.good()}",
    "just expired": lambda by: f"Bearer {by.good(claims(exp=within(-10)))}",
    "from a clock ahead": lambda by: f"Bearer {by.good(claims(nbf=within(10), iat=within(10)))}",
    "for several": lambda by: f"Bearer {by.good(claims(aud=['orders', AUDIENCE]))}",
    "at+jwt": lambda by: f"Bearer {by.good(typ='at+jwt')}",
    "access by claim": lambda by: f"Bearer {by.good(claims(token_type='access'))}",
    "bearer by claim": lambda by: f"Bearer {by.good(claims(typ='Bearer'))}",
    "with a hint nobody follows": lambda by: f"Bearer {by.good(jku='https://nobody-looks.example')}",
    "without typ": lambda by: f"Bearer {by.good(typ=None)}",
    "with other scopes": lambda by: f"Bearer {by.good(claims(scope='openid payments:read  profile'))}",
}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_good_token_passes_however_it_is_dressed(kind: str) -> None:
    issuer = KINDS[kind]()
    async with admitting(issuer) as door:
        answers = {name: (await asked(door, dress(issuer))).status_code for name, dress in GOOD.items()}
    assert answers == dict.fromkeys(GOOD, 200)


async def test_a_key_that_is_configured_is_used_whatever_kid_a_token_names() -> None:
    issuer = KINDS["RS256 in PEM"]()
    async with admitting(issuer) as door:
        assert (await asked(door, f"Bearer {issuer.good(kid='2026-01')}")).status_code == 200

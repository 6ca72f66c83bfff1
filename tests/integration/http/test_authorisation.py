import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import attrs
import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from payments.adapters.secret import Secret
from payments.entrypoints.http.routes import OPERATIONS
from payments.settings import AuthSettings
from tests.integration.http.door import (
    AUDIENCE,
    ISSUER,
    KEY,
    SETTINGS,
    Door,
    bearer,
    claims,
    open_door,
    problem,
)

pytestmark = pytest.mark.anyio

PRINCIPALS: dict[str, dict[str, str]] = {
    "nobody": {},
    "owner": bearer("user_1"),
    "stranger": bearer("user_2"),
    "reader": bearer("user_1", "payments:read"),
    "writer": bearer("user_1", "payments:write"),
    "operator": bearer("user_3", "payments:operate"),
    "collector": bearer("user_1", "payments:collect payments:refund"),
    "nothing allowed": bearer("user_1", ""),
}

# What each principal gets, in the order above. The payment and the order belong to user_1.
MATRIX: dict[str, tuple[int, ...]] = {
    "initiate_payment": (401, 200, 404, 403, 200, 403, 403, 403),
    "return_from_checkout": (302, 302, 302, 302, 302, 302, 302, 302),
    "receive_notice": (401, 401, 401, 401, 401, 401, 401, 401),
    "list_payments": (401, 200, 200, 200, 403, 403, 403, 403),
    "list_providers": (401, 200, 404, 200, 403, 403, 403, 403),
    "return_page": (200, 200, 200, 200, 200, 200, 200, 200),
    "get_payment": (401, 200, 404, 200, 403, 403, 403, 403),
    "explain_payment": (401, 200, 404, 200, 403, 200, 403, 403),
    "cancel_payment": (401, 200, 404, 403, 200, 200, 403, 403),
    "live": (200, 200, 200, 200, 200, 200, 200, 200),
    "ready": (200, 200, 200, 200, 200, 200, 200, 200),
    "metrics": (200, 200, 200, 200, 200, 200, 200, 200),
    "openapi": (200, 200, 200, 200, 200, 200, 200, 200),
    "docs": (200, 200, 200, 200, 200, 200, 200, 200),
    "asset": (200, 200, 200, 200, 200, 200, 200, 200),
}


def test_every_operation_has_its_row() -> None:
    assert set(MATRIX) == {operation.name for operation in OPERATIONS}


@pytest.mark.parametrize("name", MATRIX)
async def test_each_principal_gets_what_the_table_says(door: Door, name: str) -> None:
    payment_id = (await door.initiated())["payment_id"]
    operation = next(operation for operation in OPERATIONS if operation.name == name)
    path = operation.path.format(
        order_id="order_1", payment_id=payment_id, provider="scripted", name="page.css"
    )
    answers = {}
    for principal, headers in PRINCIPALS.items():
        response = await door.anonymous(
            operation.method,
            path,
            params={"order_id": "order_1"} if name == "list_providers" else None,
            json={"provider": "scripted"} if operation.method == "POST" else None,
            headers=headers,
        )
        answers[principal] = response.status_code
    assert answers == dict(zip(PRINCIPALS, MATRIX[name], strict=True))


@pytest.mark.parametrize("tail", ["", "explain/", "cancel/"])
async def test_absent_foreign_and_malformed_payments_are_answered_byte_for_byte_alike(
    door: Door, tail: str
) -> None:
    payment_id = (await door.initiated())["payment_id"]
    absent = "019b76da-a800-7a3e-8a2c-5d3f6b1c9e40"
    method = "POST" if tail == "cancel/" else "GET"
    answers = [
        await door.client.request(
            method, f"/payments/{name}/{tail}", headers=bearer("user_2") | {"X-Request-Id": "one"}
        )
        for name in (payment_id, absent, "nonsense", payment_id.replace("-", ""), "%00", "{payment_id}")
    ]
    problem(answers[0], 404, "payment_not_found")
    assert {answer.content for answer in answers} == {answers[0].content}
    assert all(answer.headers == answers[0].headers for answer in answers)


async def test_a_list_holds_only_the_callers_own(door: Door) -> None:
    await door.initiated()
    other = await door.client.get("/payments/", headers=bearer("user_2"))
    assert other.json() == {"data": [], "has_more": False, "next_cursor": None}


async def test_a_missing_scope_is_said(door: Door) -> None:
    response = await door.client.get("/payments/", headers=bearer("user_1", "payments:write"))
    problem(response, 403, "insufficient_scope")
    assert 'error="insufficient_scope"' in response.headers["www-authenticate"]
    assert 'scope="payments:read"' in response.headers["www-authenticate"]


async def test_without_a_key_nobody_is_admitted() -> None:
    async with open_door(settings=attrs.evolve(SETTINGS, auth=None)) as door:
        problem(await door.client.get("/payments/"), 401, "unauthenticated")


def encoded(part: Any) -> str:
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def by_hand(header: Any, payload: Any, key: str | bytes = KEY) -> str:
    """A token signed with HS256 whatever its header says."""
    signed = f"{encoded(header)}.{encoded(payload)}"
    raw = key.encode() if isinstance(key, str) else key
    return f"{signed}.{encoded(hmac.new(raw, signed.encode(), hashlib.sha256).digest())}"


def good(payload: dict[str, Any] | None = None, **header: Any) -> str:
    return jwt.encode(payload or claims(), KEY, algorithm="HS256", headers=header)


def changed(token: str, part: int) -> str:
    parts = token.split(".")
    middle = len(parts[part]) // 2
    flipped = "A" if parts[part][middle] != "A" else "B"
    parts[part] = parts[part][:middle] + flipped + parts[part][middle + 1 :]
    return ".".join(parts)


HS = {"alg": "HS256", "typ": "JWT"}
NOW = int(time.time())
OTHER_KEY = "some-other-key-that-is-as-long-as-the-right-one"

FORGED: dict[str, str | list[str]] = {
    "not a token": "Bearer abc",
    "two parts": "Bearer a.b",
    "four parts": f"Bearer {good()}.x",
    "empty": "Bearer ",
    "no scheme": good(),
    "basic": "Basic dXNlcjpwYXNz",
    "other scheme": f"Token {good()}",
    "padded": f"Bearer {good()}=",
    "trailing blank and more": f"Bearer {good()} more",
    "sent twice": [f"Bearer {good()}", f"Bearer {good()}"],
    "too long": f"Bearer {good(claims(filler='x' * 9000))}",
    "alg none": f"Bearer {encoded({'alg': 'none', 'typ': 'JWT'})}.{encoded(claims())}.",
    "alg none, signed": f"Bearer {by_hand({'alg': 'none'}, claims())}",
    "alg None": f"Bearer {by_hand({'alg': 'None'}, claims())}",
    "alg missing": f"Bearer {by_hand({'typ': 'JWT'}, claims())}",
    "alg null": f"Bearer {by_hand({'alg': None}, claims())}",
    "alg a list": f"Bearer {by_hand({'alg': ['HS256']}, claims())}",
    "alg in lower case": f"Bearer {by_hand({'alg': 'hs256'}, claims())}",
    "another algorithm": f"Bearer {jwt.encode(claims(), KEY * 2, algorithm='HS512')}",
    "another algorithm's name": f"Bearer {by_hand({'alg': 'HS512'}, claims())}",
    "another key": f"Bearer {jwt.encode(claims(), OTHER_KEY, algorithm='HS256')}",
    "an empty key": f"Bearer {by_hand(HS, claims(), b'')}",
    "the key blanks": f"Bearer {by_hand(HS, claims(), KEY + chr(10))}",
    "header changed": f"Bearer {changed(good(), 0)}",
    "claims changed": f"Bearer {changed(good(), 1)}",
    "signature changed": f"Bearer {changed(good(), 2)}",
    "signature cut": f"Bearer {good()[:-6]}",
    "jku": f"Bearer {by_hand(HS | {'jku': 'https://evil.example/keys'}, claims(), OTHER_KEY)}",
    "x5u": f"Bearer {by_hand(HS | {'x5u': 'https://evil.example/cert'}, claims(), OTHER_KEY)}",
    "jwk": f"Bearer {by_hand(HS | {'jwk': {'kty': 'oct', 'k': encoded(b'x' * 32)}}, claims(), b'x' * 32)}",
    "kid to a file": f"Bearer {by_hand(HS | {'kid': '/dev/null'}, claims(), b'')}",
    "kid with SQL": f"Bearer {by_hand(HS | {'kid': chr(39) + ' UNION SELECT 1--'}, claims(), OTHER_KEY)}",
    "kid a number": f"Bearer {by_hand(HS | {'kid': 1}, claims())}",
    "unknown critical extension": f"Bearer {by_hand(HS | {'crit': ['exp'], 'exp': 1}, claims())}",
    "detached payload": f"Bearer {by_hand(HS | {'b64': False, 'crit': ['b64']}, claims())}",
    "header a list": f"Bearer {by_hand([HS], claims())}",
    "header not JSON": f"Bearer {by_hand(b'{', claims())}",
    "header nested too deep": f"Bearer {encoded(b'[' * 4000)}.{encoded(claims())}.{encoded(b'x')}",
    "claims a list": f"Bearer {by_hand(HS, [claims()])}",
    "claims not JSON": f"Bearer {by_hand(HS, b'nonsense')}",
    "claims not UTF-8": f"Bearer {by_hand(HS, bytes([0xFF, 0xFE]))}",
    "expired": f"Bearer {good(claims(exp=NOW - 120))}",
    "no exp": f"Bearer {good(claims(exp=None))}",
    "exp null": f"Bearer {by_hand(HS, claims() | {'exp': None})}",
    "exp a word": f"Bearer {by_hand(HS, claims() | {'exp': 'never'})}",
    "exp a list": f"Bearer {by_hand(HS, claims() | {'exp': [NOW + 60]})}",
    "exp infinite": f"Bearer {by_hand(HS, claims() | {'exp': float('inf')})}",
    "exp not a number": f"Bearer {by_hand(HS, claims() | {'exp': float('nan')})}",
    "not yet": f"Bearer {good(claims(nbf=NOW + 120))}",
    "issued in the future": f"Bearer {good(claims(iat=NOW + 120))}",
    "no sub": f"Bearer {good(claims(sub=None))}",
    "sub empty": f"Bearer {good(claims(sub=''))}",
    "sub a number": f"Bearer {by_hand(HS, claims() | {'sub': 1})}",
    "sub a list": f"Bearer {by_hand(HS, claims() | {'sub': ['user_1']})}",
    "sub too long": f"Bearer {good(claims(sub='x' * 256))}",
    "sub with a NUL": f"Bearer {good(claims(sub='user_1' + chr(0)))}",
    "sub with a lone surrogate": f"Bearer {good(claims(sub=chr(0xD800)))}",
    "no iss": f"Bearer {good(claims(iss=None))}",
    "another issuer": f"Bearer {good(claims(iss=ISSUER + '.evil.example'))}",
    "issuer a list": f"Bearer {by_hand(HS, claims() | {'iss': [ISSUER]})}",
    "no aud": f"Bearer {good(claims(aud=None))}",
    "another audience": f"Bearer {good(claims(aud='orders'))}",
    "audience in other case": f"Bearer {good(claims(aud=AUDIENCE.upper()))}",
    "a refresh token by header": f"Bearer {good(typ='refresh+jwt')}",
    "a logout token by header": f"Bearer {good(typ='logout+jwt')}",
    "typ a number": f"Bearer {by_hand(HS | {'typ': 1}, claims())}",
    "a refresh token by claim": f"Bearer {good(claims(token_type='refresh'))}",
    "an identity token by claim": f"Bearer {good(claims(token_use='id'))}",
    "a refresh token, capital": f"Bearer {good(claims(typ='Refresh'))}",
    "scope a list": f"Bearer {good(claims(scope=['payments:read']))}",
    "scope null": f"Bearer {by_hand(HS, claims() | {'scope': None})}",
}


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
async def rs256(rsa_key: rsa.RSAPrivateKey) -> AsyncIterator[Door]:
    auth = AuthSettings(key=Secret(public_pem(rsa_key)), algorithm="RS256", issuer=ISSUER, audience=AUDIENCE)
    async with open_door(settings=attrs.evolve(SETTINGS, auth=auth)) as opened:
        yield opened


def public_pem(key: rsa.RSAPrivateKey) -> str:
    encoding, shape = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(encoding, shape).decode()


async def asked(door: Door, authorization: str | list[str]) -> httpx.Response:
    values = [authorization] if isinstance(authorization, str) else authorization
    headers = [("X-Request-Id", "one"), *(("Authorization", value) for value in values)]
    return await door.anonymous("GET", "/payments/", headers=headers)


async def test_no_forged_token_passes_and_all_get_one_answer(door: Door) -> None:
    assert len(FORGED) > 25
    answers = {name: await asked(door, forged) for name, forged in FORGED.items()}
    passed = [name for name, answer in answers.items() if answer.status_code != 401]
    assert passed == []
    first = answers["expired"]
    problem(first, 401, "unauthenticated")
    assert {answer.content for answer in answers.values()} == {first.content}
    assert first.headers["www-authenticate"] == 'Bearer realm="payments", error="invalid_token"'
    assert (
        first.content == (await door.anonymous("GET", "/payments/", headers={"X-Request-Id": "one"})).content
    )


@pytest.mark.parametrize(
    "authorization",
    [
        f"Bearer {good()}",
        f"bearer {good()}",
        f"BEARER  {good()}",
        f"Bearer {good(claims(exp=NOW - 10))}",
        f"Bearer {good(claims(nbf=NOW + 10, iat=NOW + 10))}",
        f"Bearer {good(claims(aud=['orders', AUDIENCE]))}",
        f"Bearer {good(typ='at+jwt')}",
        f"Bearer {good(claims(token_type='access'))}",
        f"Bearer {good(claims(typ='Bearer'))}",
        f"Bearer {good(kid='2026-01', jku='https://nobody-looks.example')}",
        f"Bearer {by_hand({'alg': 'HS256'}, claims())}",
        f"Bearer {good(claims(scope='openid payments:read  profile'))}",
    ],
)
async def test_a_good_token_passes_however_it_is_dressed(door: Door, authorization: str) -> None:
    assert (await asked(door, authorization)).status_code == 200


async def test_a_token_of_the_configured_public_key_passes(rs256: Door, rsa_key: rsa.RSAPrivateKey) -> None:
    signed = jwt.encode(claims(), rsa_key, algorithm="RS256")
    assert (await asked(rs256, f"Bearer {signed}")).status_code == 200


RsaForger = Callable[[rsa.RSAPrivateKey], str]

RSA_FORGED: dict[str, RsaForger] = {
    "the public key as an HMAC secret": lambda key: by_hand(HS, claims(), public_pem(key)),
    "the public key's bytes without the newline": lambda key: by_hand(HS, claims(), public_pem(key).strip()),
    "the same, called RS256": lambda key: by_hand({"alg": "RS256"}, claims(), public_pem(key)),
    "PS256 of the right key": lambda key: jwt.encode(claims(), key, algorithm="PS256"),
    "RS512 of the right key": lambda key: jwt.encode(claims(), key, algorithm="RS512"),
    "another RSA key": lambda _: jwt.encode(
        claims(), rsa.generate_private_key(public_exponent=65537, key_size=2048), algorithm="RS256"
    ),
    "an elliptic key": lambda _: jwt.encode(
        claims(), ec.generate_private_key(ec.SECP256R1()), algorithm="ES256"
    ),
    "alg none": lambda _: f"{encoded({'alg': 'none'})}.{encoded(claims())}.{encoded(b'x')}",
    "the HS256 key of others": lambda _: good(),
}


@pytest.mark.parametrize("name", RSA_FORGED)
async def test_no_other_algorithm_than_the_configured_one_is_taken(
    rs256: Door, rsa_key: rsa.RSAPrivateKey, name: str
) -> None:
    problem(await asked(rs256, f"Bearer {RSA_FORGED[name](rsa_key)}"), 401, "unauthenticated")

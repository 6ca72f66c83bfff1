"""A token that was found good needs no other look at its signature, and is believed no longer for it."""

import asyncio
import time
from typing import Any

import attrs
import jwt
import pytest
from starlette.requests import Request

from payments.application.ports.caller_keys import CallerKeys
from payments.entrypoints.http.auth import LEEWAY_S, Callers, Scope
from payments.entrypoints.http.known_tokens import KnownToken, KnownTokens
from payments.entrypoints.http.problems import INSUFFICIENT_SCOPE, UNAUTHENTICATED, Refused
from tests.integration.http.door import AUDIENCE, ISSUER, KEY, claims
from tests.issuers import Issuer, ec_issuer

pytestmark = pytest.mark.anyio

READ = (Scope.READ,)


@attrs.define
class Published(CallerKeys):
    """An issuer's keys as they are now, and how often they were asked for."""

    keys: dict[str, Any]
    asked: int = 0

    async def named(self, key_id: str) -> Any | None:
        self.asked += 1
        return self.keys.get(key_id)


def asking(token: str) -> Request:
    return Request({"type": "http", "headers": [(b"authorization", f"Bearer {token}".encode())]})


def signed(**changed: Any) -> str:
    return jwt.encode(claims(scope="payments:read", **changed), KEY, algorithm="HS256")


def by_one_key() -> Callers:
    return Callers.by(KEY, algorithm="HS256", issuer=ISSUER, audience=AUDIENCE)


def public_key(issuer: Issuer) -> Any:
    return jwt.PyJWK(issuer.jwk()).key


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tokens whose signature was looked at."""
    tokens: list[str] = []
    decode = jwt.decode_complete

    def looking(token: str, *arguments: Any, **options: Any) -> Any:
        tokens.append(token)
        return decode(token, *arguments, **options)

    monkeypatch.setattr(jwt, "decode_complete", looking)
    return tokens


async def refused(callers: Callers, token: str) -> bool:
    with pytest.raises(Refused) as refusal:
        await callers.admit(asking(token), READ)
    return refusal.value.problem.kind is UNAUTHENTICATED


async def test_the_signature_of_a_good_token_is_looked_at_once_and_says_the_same_each_time(
    looked_at: list[str],
) -> None:
    callers, token = by_one_key(), signed()

    admitted = [await callers.admit(asking(token), READ) for _ in range(3)]

    assert admitted[0].user == "user_1"
    assert admitted == [admitted[0]] * 3
    assert looked_at == [token]


async def test_a_token_that_was_good_is_refused_once_it_has_ended() -> None:
    callers = by_one_key()
    # It ends between two and three seconds from now, the leeway included.
    token = signed(exp=int(time.time()) - LEEWAY_S + 3)
    await callers.admit(asking(token), READ)

    await asyncio.sleep(3.1)

    assert await refused(callers, token)


async def test_what_was_good_with_another_signature_or_other_claims_is_refused() -> None:
    callers, token = by_one_key(), signed()
    await callers.admit(asking(token), READ)
    head, body, signature = token.split(".")
    _, other, _ = signed(sub="user_2").split(".")

    assert await refused(callers, f"{head}.{other}.{signature}")
    assert await refused(callers, f"{head}.{body}.{signature[::-1]}")


async def test_a_known_token_is_refused_where_it_does_not_reach() -> None:
    callers, token = by_one_key(), signed()
    await callers.admit(asking(token), READ)

    with pytest.raises(Refused) as refusal:
        await callers.admit(asking(token), (Scope.REFUND,))

    assert refusal.value.problem.kind is INSUFFICIENT_SCOPE


async def test_a_key_that_is_withdrawn_or_replaced_is_not_believed_for_what_it_signed_before() -> None:
    issuer, successor = ec_issuer("2026-01"), ec_issuer("2026-01")
    published = Published({"2026-01": public_key(issuer)})
    callers = Callers.by_published(published, algorithm="ES256", issuer=ISSUER, audience=AUDIENCE)
    callers = attrs.evolve(callers, default_scopes=frozenset({"payments:read"}))
    token = issuer.good()
    await callers.admit(asking(token), READ)
    asked = published.asked

    await callers.admit(asking(token), READ)
    assert published.asked == asked + 1, "the present key is asked for each time"

    published.keys["2026-01"] = public_key(successor)
    assert await refused(callers, token)
    published.keys.clear()
    assert await refused(callers, token)
    published.keys["2026-01"] = public_key(issuer)
    await callers.admit(asking(token), READ)


def known(**changed: Any) -> KnownToken:
    said = {"exp": 1_000} | changed
    return KnownToken.of(said, user="user_1", scopes=frozenset(), key=object(), key_id=None)


@pytest.mark.parametrize(
    ("token", "first", "last"),
    [
        (known(), -30.0, 1_029.9),
        (known(nbf=500), 470.0, 1_029.9),
        (known(iat=600), 570.0, 1_029.9),
        (known(nbf=500, iat=600), 570.0, 1_029.9),
    ],
)
def test_it_counts_from_its_later_beginning_to_its_end_by_clocks_half_a_minute_apart(
    token: KnownToken, first: float, last: float
) -> None:
    instants = (first - 0.1, first, last, last + 0.1)
    assert [token.counts_at(at, 30) for at in instants] == [False, True, True, False]


def test_as_many_as_agreed_are_remembered_and_no_token_itself() -> None:
    tokens = KnownTokens(most=3)
    for name in ("a", "b", "c", "a", "d"):
        tokens.remember(name, known())

    assert len(tokens) == 3
    assert [tokens.find(name) is not None for name in ("a", "b", "c", "d")] == [True, False, True, True]
    assert {len(kept) for kept in tokens._by_digest} == {32}, "SHA-256 stands for each"

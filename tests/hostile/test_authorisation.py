"""Every address, by every method, by everybody, about what is theirs, foreign or absent."""

import re
from collections.abc import AsyncIterator
from typing import Final

import attrs
import httpx
import jwt
import pytest

from payments.entrypoints.http import create_app
from payments.entrypoints.http.auth import Scope
from payments.entrypoints.http.operation import Operation
from payments.entrypoints.http.routes import OPERATIONS
from tests.hostile.lived_in import OWNER, LivedIn, lived_in
from tests.integration.http.door import KEY, PUBLIC_URL, SETTINGS, claims, token

pytestmark = pytest.mark.anyio

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY")
STRANGER: Final = "user_2"
ABSENT: Final = {
    "order_id": "order_absent",
    "payment_id": "019b76da-a800-7a3e-8a2c-5d3f6b1c9e40",
    "refund_id": "019b76da-a800-7a3e-8a2c-5d3f6b1c9e41",
    "review_id": "6f1c2a7e-9d0b-5c0e-9a55-0c7f1b1f7a10",
}


@attrs.frozen(kw_only=True)
class Row:
    """Who may: whoever has one of these scopes, and, where it is ``owned``, owns it or has ``operate``."""

    scopes: frozenset[str] = frozenset()
    owned: bool = False
    never_payer: bool = False
    """Refused to whoever owes the payment, whatever their scopes."""


def row(*scopes: str, owned: bool = False, never_payer: bool = False) -> Row:
    named = frozenset(f"payments:{scope}" for scope in scopes)
    return Row(scopes=named, owned=owned, never_payer=never_payer)


ROWS: Final = {
    "initiate_payment": row("write", owned=True),
    "return_from_checkout": row(),
    "receive_notice": row(),
    "receive_callback": row(),
    "collect_cash": row("collect"),
    "list_cash": row("operate"),
    "hand_over_cash": row("operate"),
    "payer_page": row(),
    "payer_page_status": row(),
    "list_payments": row("read"),
    "list_providers": row("read", owned=True),
    "list_reviews": row("operate"),
    "get_review": row("operate"),
    "resolve_review": row("operate"),
    "return_page": row(),
    "get_payment": row("read", owned=True),
    "explain_payment": row("read", "operate", owned=True),
    "cancel_payment": row("write", "operate", owned=True),
    "refund_payment": row("refund", never_payer=True),
    "list_refunds": row("refund"),
    "approve_refund": row("refund", never_payer=True),
    "refuse_refund": row("refund", never_payer=True),
    "live": row(),
    "ready": row(),
    "metrics": row(),
    "openapi": row(),
    "docs": row(),
    "asset": row(),
}
"""One for each row of the route table, written by hand: who may is nothing to be derived."""

BODIES: Final = {
    "initiate_payment": {"provider": "scripted"},
    "resolve_review": {"decision": "dismiss", "reason": "known"},
    "refund_payment": {"amount": "1.00", "reason": "came back"},
    "refuse_refund": {"reason": "no"},
}


@attrs.frozen(kw_only=True)
class Principal:
    """Somebody, as their token has it; ``user`` is None for whoever has no good one."""

    headers: tuple[tuple[str, str], ...] = ()
    user: str | None = None
    scopes: frozenset[str] = frozenset()


def known(user: str, *scopes: str) -> Principal:
    named = frozenset(f"payments:{scope}" for scope in scopes)
    words = f"Bearer {token(user, ' '.join(sorted(named)))}"
    return Principal(headers=(("Authorization", words),), user=user, scopes=named)


def unknown(*values: str) -> Principal:
    return Principal(headers=tuple(("Authorization", value) for value in values))


def principals() -> dict[str, Principal]:
    forged = jwt.encode(claims(), "some-other-key-that-is-as-long-as-the-right-one", algorithm="HS256")
    expired = jwt.encode(claims(exp=1), KEY, algorithm="HS256")
    unsigned = jwt.encode(claims(scope="payments:operate"), "", algorithm="none")
    found = {
        "nobody": unknown(),
        "an empty token": unknown("Bearer "),
        "no token": unknown("Bearer x.y.z"),
        "a forged token": unknown(f"Bearer {forged}"),
        "an expired token": unknown(f"Bearer {expired}"),
        "an unsigned token": unknown(f"Bearer {unsigned}"),
        "two tokens": unknown(f"Bearer {token()}", f"Bearer {token()}"),
        "another scheme": unknown(f"Basic {token()}"),
        "another service's scope": known(OWNER, "admin"),
    }
    for scope in Scope:
        word = scope.value.removeprefix("payments:")
        found |= {f"owner, {word}": known(OWNER, word), f"stranger, {word}": known(STRANGER, word)}
    everything = [scope.value.removeprefix("payments:") for scope in Scope]
    return found | {
        "owner, nothing": known(OWNER),
        "stranger, nothing": known(STRANGER),
        "stranger, all but operate": known(STRANGER, *(word for word in everything if word != "operate")),
        "owner, everything": known(OWNER, *everything),
        "stranger, everything": known(STRANGER, *everything),
    }


@pytest.fixture
async def home() -> LivedIn:
    return await lived_in()


@pytest.fixture
async def client(home: LivedIn) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(home.kit.payments, SETTINGS))
    async with httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL) as opened:
        yield opened


async def asked(
    client: httpx.AsyncClient, operation: Operation, names: dict[str, str], who: Principal, method: str
) -> httpx.Response:
    headers = [*who.headers, ("X-Request-Id", "one")]
    if operation.key_required:
        headers.append(("Idempotency-Key", "k"))
    return await client.request(
        method,
        operation.path.format(**names),
        params={"order_id": names["order_id"]} if operation.name == "list_providers" else None,
        json=BODIES.get(operation.name, {}) if method == "POST" else None,
        headers=headers,
    )


def may(who: Principal, rule: Row) -> int | None:
    """Which refusal ``who`` gets for something of the owner's; None where they may."""
    if not rule.scopes:
        return None
    if who.user is None:
        return 401
    if not who.scopes & rule.scopes:
        return 403
    if rule.never_payer and who.user == OWNER:
        return 403
    operates = "payments:operate" in who.scopes & rule.scopes
    return 404 if rule.owned and who.user != OWNER and not operates else None


def test_every_route_has_its_row_and_every_row_its_route() -> None:
    assert set(ROWS) == {operation.name for operation in OPERATIONS}


@pytest.mark.parametrize("name", ROWS)
async def test_everybody_gets_what_the_row_says(client: httpx.AsyncClient, home: LivedIn, name: str) -> None:
    operation = next(each for each in OPERATIONS if each.name == name)
    rule, wrong = ROWS[name], {}
    methods = (operation.method, "HEAD") if operation.method == "GET" else (operation.method,)
    # The owner goes first: what a refund waits for is not left to wait by those who may approve it.
    for kind, who in sorted(principals().items(), key=lambda each: each[1].user != OWNER):
        for method in methods:
            answer = await asked(client, operation, home.named(), who, method)
            wanted = may(who, rule)
            refused = answer.status_code if answer.status_code in {401, 403, 404} else None
            # Nobody's signature, and nobody's token in the path, are refused in the same words for everybody.
            if not rule.scopes and name in {"receive_notice", "receive_callback"}:
                refused = None
            if refused != wanted:
                wrong[kind, method] = (answer.status_code, answer.text)
    assert wrong == {}


@pytest.mark.parametrize("path", dict.fromkeys(operation.path for operation in OPERATIONS))
async def test_no_other_method_does_anything_for_anybody(
    client: httpx.AsyncClient, home: LivedIn, path: str
) -> None:
    here = [operation for operation in OPERATIONS if operation.path == path]
    # An address without parameters may be one of those with them, too: the collector's and a provider's.
    shape = {each.path: re.sub(r"\{\w+\}", "[^/]+", each.path) for each in OPERATIONS}
    address = path.format(**home.named())
    taken = {each.method for each in OPERATIONS if re.fullmatch(shape[each.path], address)}
    taken |= {"HEAD"} if "GET" in taken else set()
    for who in principals().values():
        for method in sorted(set(METHODS) - taken):
            answer = await asked(client, here[0], home.named(), who, method)
            assert answer.status_code == 405, (method, answer.text)
            assert set(answer.headers["allow"].split(", ")) == taken


@pytest.mark.parametrize("name", [name for name, rule in ROWS.items() if rule.scopes])
async def test_bad_tokens_are_all_answered_alike_whatever_they_ask_for(
    client: httpx.AsyncClient, home: LivedIn, name: str
) -> None:
    operation = next(each for each in OPERATIONS if each.name == name)
    answers = {
        (answer.status_code, answer.content)
        for who in principals().values()
        if who.user is None
        for names in (home.named(), home.named() | ABSENT)
        for answer in [await asked(client, operation, names, who, operation.method)]
    }
    assert len(answers) == 1


@pytest.mark.parametrize("name", [name for name, rule in ROWS.items() if rule.owned])
async def test_foreign_and_absent_are_answered_byte_for_byte_alike(
    client: httpx.AsyncClient, home: LivedIn, name: str
) -> None:
    operation = next(each for each in OPERATIONS if each.name == name)
    compared = 0
    for who in principals().values():
        if may(who, ROWS[name]) != 404:
            continue
        foreign = await asked(client, operation, home.named(), who, operation.method)
        absent = await asked(client, operation, home.named() | ABSENT, who, operation.method)
        assert (foreign.status_code, foreign.content) == (absent.status_code, absent.content)
        assert foreign.headers == absent.headers
        compared += 1
    assert compared

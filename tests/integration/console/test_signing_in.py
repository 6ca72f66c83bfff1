"""Who may see the console: nobody without a token that may operate, and no longer than they work."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import httpx
import jwt
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount, Route

from payments.adapters.secret import Secret
from payments.entrypoints.console.desk import BOUND_COOKIE, COOKIE
from payments.entrypoints.http import create_app
from payments.settings import HttpSettings
from payments.testing import in_memory_payments
from tests.integration.console.operator import OPERATE, Operator, open_browser, text_of
from tests.integration.http.door import KEY, PUBLIC_URL, SETTINGS, claims, problem, token

pytestmark = pytest.mark.anyio

SOME_ID = "01980a7c-0000-7000-8000-000000000001"
FORM = {"content-type": "application/x-www-form-urlencoded"}
VALUES = {
    "payment_id": SOME_ID,
    "reference": "p-aaaaaaaaaaaaaaaaaaaaaaaaaa",
    "capture_id": SOME_ID,
    "refund_id": SOME_ID,
    "review_id": SOME_ID,
    "decision": "dismiss",
}
FOR_EVERYBODY = frozenset({"/sign-in/", "/sign-in", "/assets/{name}", "/assets/{name}/"})


def ways(method: str) -> list[str]:
    """Every path of the console's route table that takes ``method``, but for what everybody may have."""
    app = create_app(in_memory_payments().payments, SETTINGS)
    (console,) = (route for route in app.routes if isinstance(route, Mount) and route.path == "/console")
    routes = [route for route in console.routes if isinstance(route, Route)]
    assert len(routes) == len(console.routes)
    return sorted(
        route.path.format_map(VALUES)
        for route in routes
        if route.path not in FOR_EVERYBODY and method in (route.methods or ())
    )


def signed(key: str = KEY, algorithm: str = "HS256", **changed: Any) -> str:
    return jwt.encode(claims(sub="boss", **{"scope": OPERATE, **changed}), key, algorithm=algorithm)


def an_hour_ago() -> int:
    return int((datetime.now(UTC) - timedelta(hours=1)).timestamp())


@pytest.mark.parametrize("path", ways("GET"))
async def test_a_stranger_sees_the_form_and_nothing_else(stranger: Operator, path: str) -> None:
    for spelling in (path, path.rstrip("/") or "/"):
        told = await stranger.sees(spelling, 401)
        assert "Operators sign in" in told
        assert "Overview" not in told
    assert stranger.cookie is None


@pytest.mark.parametrize("path", ways("POST"))
async def test_a_stranger_does_nothing(stranger: Operator, path: str) -> None:
    answer = await stranger.client.post(f"/console{path}", data={"form_token": ""})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="payments"'


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "nonsense",
        "a.b.c",
        "é.é.é",
        signed(key="another-key-that-is-as-long-as-the-right-one"),
        signed(exp=an_hour_ago()),
        signed(aud="somebody-else"),
        signed(iss="https://other.example"),
        signed(typ="refresh"),
        jwt.encode(claims(sub="boss", scope=OPERATE), "", algorithm="none"),
    ],
    ids=[
        "empty",
        "no token",
        "no JSON",
        "no ASCII",
        "forged",
        "expired",
        "audience",
        "issuer",
        "refresh",
        "none",
    ],
)
async def test_a_bad_token_is_not_accepted(stranger: Operator, bad: str) -> None:
    answer = await stranger.sign_in(bad)
    assert answer.status_code == 401
    assert "This token is not accepted." in text_of(answer)
    assert COOKIE not in answer.headers.get("set-cookie", "")
    assert len(bad) < 20 or bad not in answer.text


@pytest.mark.parametrize(
    "scope", [None, "payments:read payments:write", "payments:refund", "payments:operateX"]
)
async def test_a_good_token_that_may_not_operate_is_told_which_scope_it_lacks(
    stranger: Operator, scope: str | None
) -> None:
    answer = await stranger.sign_in(signed(scope=scope))
    assert answer.status_code == 403
    assert "it may not operate. It lacks the scope payments:operate" in text_of(answer)
    assert stranger.cookie is None


async def test_a_good_token_begins_a_visit(stranger: Operator) -> None:
    answer = await stranger.sign_in()
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/")
    attributes = {part.strip().lower() for part in answer.headers["set-cookie"].split(";")[1:]}
    assert attributes == {"httponly", "samesite=strict", "path=/console", "max-age=900"}
    assert "operator:boss" in await stranger.sees("/")


async def test_a_token_may_be_pasted_with_what_stands_around_it(stranger: Operator) -> None:
    assert (await stranger.sign_in(f"  Bearer {signed()}\n")).status_code == 303


async def test_the_cookie_is_sealed(operator: Operator) -> None:
    cookie = operator.cookie
    assert cookie is not None
    assert "." not in cookie
    assert not set(token("boss", OPERATE).split(".")) & {cookie}
    other = "B" if cookie[40] == "A" else "A"
    for changed in (cookie[:-8], cookie[:40] + other + cookie[41:], "A" * 60, "", "é"):
        operator.client.cookies.clear()
        answer = await operator.client.get(
            "/console/", headers=[(b"cookie", f"{COOKIE}={changed}".encode("latin-1"))]
        )
        assert answer.status_code == 401


async def test_what_was_sealed_as_something_else_is_no_visit(operator: Operator) -> None:
    plain = b'{"token": "x", "form_token": "y", "seen_at": "2026-01-05T09:30:00Z"}'
    sealed = operator.kit.payments.cipher.seal(plain)
    operator.client.cookies.clear()
    headers = {"cookie": f"{COOKIE}={base64.urlsafe_b64encode(sealed).decode()}"}
    assert (await operator.client.get("/console/", headers=headers)).status_code == 401


async def test_where_we_are_reached_by_https_no_other_host_sets_the_cookie() -> None:
    async with open_browser(settings=attrs.evolve(SETTINGS, public_url="https://pay.example")) as browser:
        browser.client.base_url = httpx.URL("https://pay.example")
        answer = await browser.sign_in()
        name, *attributes = (part.strip().lower() for part in answer.headers["set-cookie"].split(";"))
        # What browsers want of the prefix (RFC 6265bis, section 4.1.3.2): Secure, this path and no domain.
        assert name.startswith(f"__host-{COOKIE}=")
        assert set(attributes) == {"httponly", "samesite=strict", "secure", "path=/", "max-age=900"}
        assert "operator:boss" in await browser.sees("/")
        cookie = browser.client.cookies[BOUND_COOKIE]
        assert "max-age=0" in (await browser.posts("/sign-out/")).headers["set-cookie"].lower()
        await browser.sees("/", 401)
        browser.client.cookies.set(COOKIE, cookie)
        await browser.sees("/", 401)


@pytest.mark.parametrize(("url", "secure"), [("https://pay.example", True), ("http://pay.example", False)])
async def test_the_cookie_is_secure_where_we_are_reached_by_https(url: str, secure: bool) -> None:  # noqa: FBT001 - a column of the table above
    async with open_browser(settings=attrs.evolve(SETTINGS, public_url=url)) as browser:
        answer = await browser.sign_in()
        assert ("secure" in answer.headers["set-cookie"].lower()) is secure


async def test_a_visit_ends_after_fifteen_minutes_without_a_click(operator: Operator) -> None:
    for _ in range(5):
        operator.kit.clock.advance(timedelta(minutes=14, seconds=59))
        await operator.sees("/")
    operator.kit.clock.advance(timedelta(minutes=15))
    answer = await operator.gets("/payments/?status=failed", 401)
    assert "You were signed out. Nothing happened here for 15 minutes, or the visit was ended." in text_of(
        answer
    )
    assert operator.cookie is None
    assert 'name="next" value="/payments/?status=failed"' in answer.text


async def test_a_style_sheet_keeps_no_visit_alive(operator: Operator) -> None:
    answer = await operator.client.get("/console/assets/console.css")
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers


async def test_a_token_is_checked_again_with_every_request(operator: Operator) -> None:
    assert SETTINGS.auth is not None
    rotated = attrs.evolve(
        SETTINGS, auth=attrs.evolve(SETTINGS.auth, key=Secret("the-next-key-of-the-issuer-is-this"))
    )
    async with open_browser(operator.kit, rotated) as later:
        later.client.cookies.update(operator.client.cookies)
        assert "This token is not accepted." in await later.sees("/", 401)
        assert later.cookie is None


async def test_whoever_signs_out_is_out(operator: Operator) -> None:
    answer = await operator.posts("/sign-out/")
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/sign-in/?told=signed-out")
    assert operator.cookie is None
    assert "You are signed out." in await operator.sees("/sign-in/?told=signed-out")
    await operator.sees("/", 401)


async def test_signing_out_needs_a_form_of_the_visit(operator: Operator) -> None:
    assert (await operator.posts("/sign-out/", form_token="made up")).status_code == 403
    await operator.sees("/")


@pytest.mark.parametrize(
    ("asked", "led_to"),
    [
        ("/payments/?q=order_1&status=failed", "/console/payments/?q=order_1&status=failed"),
        ("/reviews", "/console/reviews"),
        ("", "/console/"),
        ("//evil.example/", "/console/"),
        ("https://evil.example/", "/console/"),
        ("/\\evil.example/", "/console/"),
        ("/../simulators/", "/console/"),
        ("/payments/%0d%0aSet-Cookie:x", "/console/"),
        ("/payments/\r\nSet-Cookie: x=y", "/console/"),
        ("@evil.example", "/console/"),
    ],
)
async def test_signing_in_leads_back_to_a_page_of_the_console_alone(
    stranger: Operator, asked: str, led_to: str
) -> None:
    answer = await stranger.sign_in(next=asked)
    assert answer.headers["location"] == led_to


async def test_each_visit_has_forms_of_its_own(stranger: Operator) -> None:
    await stranger.sign_in()
    first = await stranger.form_token()
    await stranger.sign_in()
    assert await stranger.form_token() != first
    assert (await stranger.posts("/sign-out/", form_token=first)).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
    ],
)
async def test_no_other_site_signs_anybody_in(stranger: Operator, headers: dict[str, str]) -> None:
    answer = await stranger.sign_in(headers=headers)
    assert answer.status_code == 403
    assert stranger.cookie is None


@pytest.mark.parametrize("headers", [{"origin": PUBLIC_URL}, {"sec-fetch-site": "same-origin"}, {}])
async def test_our_own_form_signs_in(stranger: Operator, headers: dict[str, str]) -> None:
    assert (await stranger.sign_in(headers=headers)).status_code == 303


async def test_whoever_comes_by_a_link_from_elsewhere_may_go_on(stranger: Operator) -> None:
    headers = {"sec-fetch-site": "cross-site"}
    answer = await stranger.client.get(f"/console/payments/{SOME_ID}/", headers=headers)
    assert answer.status_code == 401
    assert f'<a href="/console/payments/{SOME_ID}/">go on to the page</a>' in answer.text


async def test_a_token_that_no_cookie_holds_is_told_so(stranger: Operator) -> None:
    answer = await stranger.sign_in(signed(groups="g" * 3000))
    assert answer.status_code == 413
    assert "This token is too long." in text_of(answer)


async def test_without_a_key_nobody_signs_in() -> None:
    async with open_browser(settings=attrs.evolve(SETTINGS, auth=None)) as browser:
        assert "Nobody can sign in." in await browser.sees("/", 401)
        assert (await browser.sign_in()).status_code == 403


async def test_a_form_in_another_dress_is_refused(stranger: Operator) -> None:
    where = "/console/sign-in/"
    answers = [
        await stranger.client.post(where, json={"token": signed()}),
        await stranger.client.post(where, content=b"token=\xff", headers=FORM),
        await stranger.client.post(where, content=b"token=a&token=b", headers=FORM),
        await stranger.client.post(where, content=b"&".join(b"f%d=x" % n for n in range(11)), headers=FORM),
        await stranger.client.post(where, content=b"token=" + b"a" * 70_000, headers=FORM),
    ]
    assert [answer.status_code for answer in answers] == [415, 400, 400, 400, 413]
    assert all(answer.headers["content-type"].startswith("text/html") for answer in answers)


async def test_the_console_can_be_switched_off() -> None:
    async with open_browser(settings=attrs.evolve(SETTINGS, http=HttpSettings(console=False))) as browser:
        for path in ("/console", "/console/", "/console/payments/"):
            problem(await browser.client.get(path), 404, "not_found")


async def test_the_console_without_its_slash_leads_to_it(stranger: Operator) -> None:
    answer = await stranger.client.get("/console")
    assert (answer.status_code, answer.headers["location"]) == (308, "/console/")


async def test_mounted_below_a_path_the_console_stays_below_it() -> None:
    app = Starlette(routes=[Mount("/pay", create_app(in_memory_payments().payments, SETTINGS))])
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL) as client:
        page = await client.get("/pay/console/reviews/")
        assert 'action="/pay/console/sign-in/"' in page.text
        assert 'href="/pay/console/assets/console.css"' in page.text
        assert (await client.get("/pay/console/assets/console.css")).status_code == 200
        assert 'href="/pay/payments/assets/icon.svg"' in page.text
        assert (await client.get("/pay/console")).headers["location"] == "/pay/console/"
        answer = await client.post("/pay/console/sign-in/", data={"token": signed(), "next": "/reviews/"})
        assert answer.headers["location"] == "/pay/console/reviews/"
        assert "path=/pay/console" in answer.headers["set-cookie"].lower()
        assert (await client.get("/pay/console/reviews/")).status_code == 200


async def test_a_body_that_is_no_form_is_told_what_it_has_to_be(stranger: Operator) -> None:
    answer = await stranger.client.post("/console/sign-in/", json={"token": "x"})
    assert answer.status_code == 415
    assert "application/x-www-form-urlencoded" in answer.text
    assert "application/json" not in answer.text

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import attrs
import httpx
import pytest
import structlog
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.routing import Mount
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from payments.domain.errors import (
    GatewayError,
    IllegalTransition,
    OutcomeUnknown,
    ProviderRejected,
    ProviderUnavailable,
    StorageUnavailable,
)
from payments.entrypoints import http
from payments.entrypoints.http import create_app
from payments.entrypoints.http.middleware import BOUND
from payments.entrypoints.http.routes import OPERATIONS
from payments.settings import HttpSettings
from payments.testing import in_memory_payments
from tests.integration.http.door import SETTINGS, Door, bearer, open_door, problem, token
from tests.serving import plain_client, serving

pytestmark = pytest.mark.anyio


def failing(door: Door, field: str, error: Callable[[], BaseException]) -> Any:
    """The kit of ``door`` whose use-case ``field`` raises."""

    async def raising(*_: object, **__: object) -> None:
        raise error()

    payments = attrs.evolve(door.kit.payments, **{field: raising})  # type: ignore[arg-type]  # a function stands in for the use-case
    return attrs.evolve(door.kit, payments=payments)


class TestItsIdentifier:
    async def test_it_is_given_back(self, door: Door) -> None:
        response = await door.client.get("/livez", headers={"X-Request-Id": "shop-4711.a_b"})
        assert response.headers["x-request-id"] == "shop-4711.a_b"

    @pytest.mark.parametrize("given", ["", "a" * 65, "two words", "a\tb", "<script>", "{}"])
    async def test_a_harmful_one_is_replaced(self, door: Door, given: str) -> None:
        response = await door.client.get("/livez", headers={"X-Request-Id": given})
        assert re.fullmatch("[0-9a-f]{32}", response.headers["x-request-id"])

    async def test_two_requests_have_two(self, door: Door) -> None:
        first, second = [await door.client.get("/livez") for _ in range(2)]
        assert first.headers["x-request-id"] != second.headers["x-request-id"]


class TestItsProblem:
    async def test_an_address_that_is_not_there(self, door: Door) -> None:
        for path in ("/", "/nope", "/payments/x/y/z/", "/livez/", "//livez", "/PAYMENTS/"):
            problem(await door.client.get(path), 404, "not_found")

    async def test_a_method_that_is_not_taken_is_told_which_are(self, door: Door) -> None:
        for method, path, allowed in (
            ("DELETE", "/payments/verify/scripted/", "GET, HEAD, POST"),
            ("PUT", "/payments/verify/scripted", "GET, HEAD, POST"),
            ("GET", "/payments/initiate/order_1/", "POST"),
            ("POST", "/payments/", "GET, HEAD"),
            ("OPTIONS", "/livez", "GET, HEAD"),
            ("BREW", "/livez", "GET, HEAD"),
        ):
            response = await door.client.request(method, path)
            problem(response, 405, "method_not_allowed")
            assert response.headers["allow"] == allowed

    @pytest.mark.parametrize(
        "error", [lambda: RuntimeError("SELECT secret FROM keys"), lambda: IllegalTransition("x")]
    )
    async def test_a_defect_says_nothing_of_the_inside(
        self, door: Door, error: Callable[[], BaseException]
    ) -> None:
        async with open_door(failing(door, "get", error)) as later:
            response = await later.client.get("/payments/019b76da-a800-7a3e-8a2c-5d3f6b1c9e40/")
            found = problem(response, 500, "internal_error")
            assert "SELECT" not in response.text
            assert set(found) == {
                "type",
                "title",
                "status",
                "code",
                "detail",
                "error",
                "request_id",
                "errors",
            }
            assert response.headers["content-security-policy"]

    async def test_a_defect_is_logged_with_its_trace(self, door: Door) -> None:
        async with open_door(failing(door, "get", lambda: RuntimeError("a defect"))) as later:
            with capture_logs(processors=[merge_contextvars]) as lines:
                response = await later.client.get("/payments/019b76da-a800-7a3e-8a2c-5d3f6b1c9e40/")
        failed = next(line for line in lines if line["event"] == "request_failed")
        assert failed["log_level"] == "error"
        assert failed["request_id"] == response.headers["x-request-id"]
        assert "RuntimeError: a defect" in failed["exception"]


class TestItsHeaders:
    async def test_no_answer_may_be_kept_framed_or_guessed_at(self, door: Door) -> None:
        for path in (
            "/payments/",
            "/livez",
            "/nope",
            "/payments/return/",
            "/payments/verify/scripted/?trx_ref=x",
        ):
            headers = (await door.client.get(path)).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["x-frame-options"] == "DENY"
            assert headers["referrer-policy"] == "no-referrer"
            assert headers["cache-control"] == "no-store"
            assert "frame-ancestors 'none'" in headers["content-security-policy"]
            assert "strict-transport-security" not in headers

    async def test_where_we_are_reached_by_https_it_stays_so(self) -> None:
        secure = attrs.evolve(SETTINGS, public_url="https://pay.example")
        async with open_door(settings=secure) as door:
            for path in ("/livez", "/nope", "/console/sign-in/"):
                headers = (await door.client.get(path)).headers
                assert headers.get_list("strict-transport-security") == ["max-age=31536000"]

    async def test_other_hosts_below_ours_are_bound_to_https_where_that_is_wished(self) -> None:
        wished = attrs.evolve(
            SETTINGS, public_url="https://pay.example", http=HttpSettings(hsts_subdomains=True)
        )
        async with open_door(settings=wished) as door:
            for path in ("/livez", "/nope", "/console/sign-in/"):
                headers = (await door.client.get(path)).headers
                told = headers.get_list("strict-transport-security")
                assert told == ["max-age=31536000; includeSubDomains"]

    async def test_nobody_is_bound_to_https_where_we_are_not_reached_by_it(self) -> None:
        wished = attrs.evolve(SETTINGS, http=HttpSettings(hsts_subdomains=True))
        async with open_door(settings=wished) as door:
            assert "strict-transport-security" not in (await door.client.get("/livez")).headers

    async def test_no_other_origin_is_let_in(self, door: Door) -> None:
        response = await door.client.get("/payments/", headers={"Origin": "https://evil.example"})
        assert not [name for name in response.headers if name.startswith("access-control")]


class TestItsLogLine:
    async def test_it_names_request_and_payment_and_holds_no_secret(self, door: Door) -> None:
        with capture_logs(processors=[merge_contextvars]) as lines:
            response = await door.client.post(
                "/payments/initiate/order_1/?", json={"provider": "scripted", "phone_number": "+251911223344"}
            )
            await door.client.get(
                f"/payments/verify/scripted/?trx_ref={response.json()['reference']}&spy=canary"
            )
            await door.client.get("/payments/", params={"order_id": "canary"})
        requests = [line for line in lines if line["event"] == "request"]
        assert [line["route"] for line in requests] == [
            "/payments/initiate/{order_id}/",
            "/payments/verify/{provider}/",
            "/payments/",
        ]
        assert requests[0]["payment_id"] == requests[1]["payment_id"] == response.json()["payment_id"]
        assert requests[0]["order_id"] == "order_1"
        assert requests[0]["request_id"] == response.headers["x-request-id"]
        said = repr(lines)
        assert not [word for word in (token(), "Bearer", "911223344", "canary") if word in said]

    @pytest.mark.parametrize("trouble", [OutcomeUnknown, ProviderUnavailable, ProviderRejected])
    async def test_it_names_the_attempt_whose_answer_was_lost(
        self, door: Door, trouble: type[GatewayError]
    ) -> None:
        """Its page may be paid on, and after a restore only the log knows under which reference."""
        door.kit.provider.trouble.append(trouble("The line was cut."))
        with capture_logs(processors=[merge_contextvars]) as lines:
            lost = (await door.initiate()).json()
        (line,) = [line for line in lines if line["event"] == "request"]
        summary = (await door.client.get(f"/payments/{lost['payment_id']}/")).json()
        assert (line["payment_id"], line["reference"]) == (lost["payment_id"], summary["reference"])

    async def test_what_one_request_bound_does_not_stick_to_the_next(self, door: Door) -> None:
        await door.initiated()
        structlog.contextvars.bind_contextvars(embedder="theirs")
        with capture_logs(processors=[merge_contextvars]) as lines:
            await door.client.get("/livez")
        assert "payment_id" not in lines[0]
        assert lines[0]["embedder"] == "theirs"
        assert structlog.contextvars.get_contextvars() == {"embedder": "theirs"}

    async def test_what_one_request_bound_does_not_stick_to_what_was_pipelined_behind_it(
        self, door: Door
    ) -> None:
        host, wish = f"Host: pay.example\r\nAuthorization: Bearer {token()}\r\n", b'{"provider": "scripted"}'
        body = f"Content-Type: application/json\r\nContent-Length: {len(wish)}\r\n\r\n".encode() + wish
        initiate = f"POST /payments/initiate/order_1/ HTTP/1.1\r\n{host}".encode() + body
        history = f"GET /payments/ HTTP/1.1\r\n{host}Connection: close\r\n\r\n".encode()
        with capture_logs(processors=[merge_contextvars]) as lines:
            async with serving(create_app(door.kit.payments, SETTINGS)) as address:
                reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(address).port)
                writer.write(initiate + history)
                answers = await reader.read()
                writer.close()
        assert answers.count(b"HTTP/1.1 200 ") == 2
        first, second = [line for line in lines if line["event"] == "request"]
        assert {"payment_id", "reference"} <= set(first)
        assert not {"payment_id", "reference"} & set(second)
        assert first["request_id"] != second["request_id"]

    def test_all_that_a_request_binds_is_known_to_be_its_own(self) -> None:
        sources = "".join(file.read_text() for file in Path(http.__file__).parent.rglob("*.py"))
        calls = re.findall(r"\bbind_contextvars\((.*)\)", sources)
        assert set(re.findall(r"(\w+)=", "\n".join(calls))) == BOUND


class TestHealth:
    async def test_a_process_that_runs_is_alive_even_without_its_database(self, door: Door) -> None:
        async with open_door(failing(door, "backlog", StorageUnavailable)) as later:
            assert (await later.client.get("/livez")).json() == {"status": "alive"}
            problem(await later.client.get("/readyz"), 503, "storage_unavailable")

    async def test_a_process_that_shuts_down_asks_for_no_more_requests(self, door: Door) -> None:
        app = create_app(door.kit.payments, SETTINGS)
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://pay.example"
        ) as client:
            assert (await client.get("/readyz")).json() == {"status": "ready"}
            app.state.draining = True
            response = await client.get("/readyz")
            problem(response, 503, "draining")
            assert int(response.headers["retry-after"]) >= 1
            assert (await client.get("/livez")).status_code == 200


class TestMetrics:
    async def test_what_is_counted_stands_at_nought_before_it_is_counted(self, door: Door) -> None:
        """Prometheus sees no increase in a series that begins with 1: the first would alert nobody."""
        lines = (await door.client.get("/metrics")).text.splitlines()
        for route in (
            "/payments/initiate/{order_id}/",
            "/payments/verify/{provider}/",
            "/console/sign-in/",
            "/console/reviews/{review_id}/decide/{decision}/",
        ):
            assert f'payments_card_numbers_total{{route="{route}"}} 0.0' in lines
        assert 'payments_notices_refused_total{provider="scripted"} 0.0' in lines

    async def test_requests_are_counted_by_template_and_never_by_path(self, door: Door) -> None:
        await door.initiated()
        await door.client.get("/nobody/knows/this/path")
        text = (await door.client.get("/metrics")).text
        counts = {
            (sample.labels["method"], sample.labels["route"], sample.labels["status"]): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == "payments_http_request_duration_seconds_count"
        }
        assert counts["POST", "/payments/initiate/{order_id}/", "200"] == 1
        assert counts["GET", "unmatched", "404"] == 1
        assert {route for _, route, _ in counts} <= {each.path for each in OPERATIONS} | {"unmatched"}

    async def test_what_waits_is_shown(self, door: Door) -> None:
        notice = door.kit.provider.notice("p-x")
        await door.anonymous(
            "POST", "/payments/verify/scripted/", content=notice.body, headers=list(notice.headers)
        )
        lines = (await door.client.get("/metrics")).text.splitlines()
        assert "payments_storage_up 1.0" in lines
        assert [line for line in lines if line.startswith("payments_notices ")]
        assert [line for line in lines if line.startswith("payments_oldest_message_age_seconds ")]

    async def test_a_silent_database_is_a_measure_too(self, door: Door) -> None:
        async with open_door(failing(door, "backlog", StorageUnavailable)) as later:
            assert "payments_storage_up 0.0" in (await later.client.get("/metrics")).text.splitlines()

    async def test_they_can_be_switched_off(self) -> None:
        without = attrs.evolve(SETTINGS, http=HttpSettings(metrics=False))
        async with open_door(settings=without) as door:
            problem(await door.client.get("/metrics"), 404, "not_found")
            assert "/metrics" not in (await door.client.get("/openapi.json")).json()["paths"]

    async def test_two_applications_in_one_process_count_apart(self, door: Door) -> None:
        await door.initiated()
        async with open_door() as other:
            assert 'method="POST",route="/payments/initiate' not in (await other.client.get("/metrics")).text


class TestPages:
    @pytest.mark.parametrize(
        ("query", "title"),
        [
            ("status=success", "Paid"),
            ("status=failed", "Not paid yet"),
            ("status=processing", "Confirming your payment"),
            ("status=pending", "Confirming your payment"),
            ("", "Confirming your payment"),
            ("status=<script>alert(1)</script>", "Confirming your payment"),
            ("status=success&status=failed", "Confirming your payment"),
            ("status=SUCCESS", "Confirming your payment"),
        ],
    )
    async def test_the_status_page_says_only_what_the_status_is(
        self, door: Door, query: str, title: str
    ) -> None:
        response = await door.anonymous("GET", f"/payments/return/?payment_id=<script>&{query}")
        assert f"<title>{title}</title>" in response.text
        assert "<script" not in response.text

    @pytest.mark.parametrize("path", ["/payments/return/", "/docs"])
    async def test_a_page_loads_nothing_inline_and_nothing_from_elsewhere(
        self, door: Door, path: str
    ) -> None:
        response = await door.anonymous("GET", path)
        assert response.headers["content-security-policy"].startswith("default-src 'self';")
        assert not re.search(r"<script|<style|\sstyle=|\son\w+=", response.text)
        loaded = re.findall(r'<(?:link|img|script)[^>]*(?:href|src)="([^"]+)"', response.text)
        assert loaded
        for address in loaded:
            file = await door.anonymous("GET", str(httpx.URL("http://pay.example" + path).join(address)))
            assert file.status_code == 200
            assert httpx.URL("http://pay.example").join(address).host == "pay.example"
            assert not re.search(r"url\(|@import|https?:(?!//www\.w3\.org)", file.text)

    async def test_an_asset_is_a_file_of_ours_by_name(self, door: Door) -> None:
        for name in ("..%2fapp.py", "app.py", "%2e%2e%2fapp.py", "page.css%00"):
            problem(await door.anonymous("GET", f"/payments/assets/{name}"), 404, "not_found")


async def test_it_can_be_mounted_under_a_prefix() -> None:
    kit = in_memory_payments()
    kit.order()
    settings = attrs.evolve(SETTINGS, public_url="http://pay.example/shop")
    outer = Starlette(routes=[Mount("/shop", create_app(kit.payments, settings))])
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(outer), base_url="http://pay.example"
    ) as client:
        wish = {"provider": "scripted"}
        response = await client.post("/shop/payments/initiate/order_1/", json=wish, headers=bearer())
        assert response.status_code == 200
        back = await client.get(f"/shop/payments/verify/scripted?trx_ref={response.json()['reference']}")
        assert back.headers["location"].startswith("http://pay.example/shop/payments/return/?")
        page = await client.get(back.headers["location"])
        for address in re.findall(r'<link[^>]*href="([^"]+)"', page.text):
            assert (await client.get(address)).status_code == 200
        docs = await client.get("/shop/docs")
        for address in re.findall(r'<link[^>]*href="([^"]+)"', docs.text):
            assert (await client.get(f"/shop/{address}")).status_code == 200
        assert (await client.get("/shop/nope")).headers["content-type"] == "application/problem+json"


async def test_over_a_real_socket_a_client_that_sends_too_much_sees_the_answer() -> None:
    kit = in_memory_payments()
    async with serving(create_app(kit.payments, SETTINGS)) as address, plain_client(address) as client:

        async def pieces() -> Any:
            for _ in range(20):
                yield b"x" * 8192
                await asyncio.sleep(0)

        for body in (pieces(), b"x" * 500_000):
            response = await client.post("/payments/verify/scripted/", content=body)
            assert response.status_code == 413
            assert response.headers["content-type"] == "application/problem+json"
            assert response.headers["connection"] == "close"
        assert (await client.get("/livez")).status_code == 200

import asyncio
import hmac
from urllib.parse import parse_qs, urlsplit

import attrs
import httpx
import pytest
from structlog.testing import capture_logs

from payments.application.notice_limits import NoticeLimits
from payments.application.payments import Payments
from payments.application.ports.providers import RawNotice
from payments.domain.errors import StorageUnavailable
from payments.domain.payment import Payment
from payments.testing import ScriptedProvider, in_memory_payments
from payments.testing.provider import SECRET
from tests.integration.http.door import PUBLIC_URL, RETURN_URLS, SETTINGS, Door, open_door, problem

pytestmark = pytest.mark.anyio

NEUTRAL = f"{PUBLIC_URL}/payments/return/"
VERIFY = "/payments/verify/scripted/"


async def come_back(door: Door, query: str, provider: str = "scripted") -> httpx.Response:
    return await door.anonymous("GET", f"/payments/verify/{provider}/?{query}")


def told(response: httpx.Response) -> dict[str, list[str]]:
    assert response.status_code == 302
    return parse_qs(urlsplit(response.headers["location"]).query)


class TestComingBack:
    async def test_a_payer_who_paid_is_sent_to_our_page_with_payment_and_status_only(
        self, door: Door
    ) -> None:
        checkout = await door.initiated()
        door.kit.provider.pays(checkout["reference"])
        response = await come_back(door, f"trx_ref={checkout['reference']}")
        assert response.headers["location"].startswith(NEUTRAL)
        assert told(response) == {"payment_id": [checkout["payment_id"]], "status": ["success"]}

    async def test_a_payer_is_sent_to_the_page_the_attempt_was_opened_for(self, door: Door) -> None:
        checkout = await door.initiated(return_to="shop")
        response = await come_back(door, f"tx_ref={checkout['reference']}")
        location = urlsplit(response.headers["location"])
        assert (location.scheme, location.netloc, location.path) == ("https", "shop.example", "/thanks")
        assert told(response) == {
            "theme": ["dark"],
            "payment_id": [checkout["payment_id"]],
            "status": ["processing"],
        }

    async def test_a_page_that_is_no_longer_configured_gives_way_to_ours(self, door: Door) -> None:
        checkout = await door.initiated(return_to="shop")
        fewer = attrs.evolve(SETTINGS, return_urls={"app": RETURN_URLS["app"]})
        async with open_door(door.kit, fewer) as later:
            response = await come_back(later, f"trx_ref={checkout['reference']}")
        assert response.headers["location"].startswith(NEUTRAL)

    @pytest.mark.parametrize(
        "names", [["trx_ref"], ["tx_ref"], ["trxref"], ["reference"], ["trxref", "reference"]]
    )
    async def test_the_reference_is_taken_under_each_of_its_names(self, door: Door, names: list[str]) -> None:
        checkout = await door.initiated()
        query = "&".join(f"{name}={checkout['reference']}" for name in names) + "&status=success&amount=1"
        assert told(await come_back(door, query))["status"] == ["processing"]

    async def test_a_name_that_a_provider_adds_once_more_with_the_same_value_agrees(self, door: Door) -> None:
        checkout = await door.initiated()
        ours = checkout["reference"]
        response = await come_back(door, f"trx_ref={ours}&trx_ref={ours}&status=success")
        assert told(response) == {"payment_id": [checkout["payment_id"]], "status": ["processing"]}

    @pytest.mark.parametrize(
        "query",
        [
            "",
            "trx_ref=",
            "trx_ref=p-unknown",
            "trx_ref=../../x",
            "trx_ref=" + "a" * 65,
            "trx_ref={ours}&trx_ref=p-other",
            "trx_ref={ours}&tx_ref=p-other",
            "trx_ref={ours}%0a",
            "trx_ref={ours}%00",
            "TRX_REF={ours}",
            "payment_id={ours}",
            "return_to=https://evil.example&trx_ref=x",
            "next=//evil.example&url=https:/\\evil.example",
        ],
    )
    async def test_everything_else_is_sent_to_the_same_page_with_nothing(
        self, door: Door, query: str
    ) -> None:
        checkout = await door.initiated()
        response = await come_back(door, query.format(ours=checkout["reference"]))
        assert response.status_code == 302
        assert response.headers["location"] == NEUTRAL

    @pytest.mark.parametrize("name", ["return_to", "return_url", "redirect", "next", "url"])
    async def test_no_query_decides_where_a_payer_goes(self, door: Door, name: str) -> None:
        checkout = await door.initiated()
        query = f"trx_ref={checkout['reference']}&{name}=https://evil.example/"
        assert (await come_back(door, query)).headers["location"].startswith(NEUTRAL)

    async def test_a_reference_of_another_provider_is_unknown_here(self) -> None:
        kit = in_memory_payments(ScriptedProvider(), ScriptedProvider(name="other"))
        async with open_door(kit) as door:
            checkout = await door.initiated()
            response = await come_back(door, f"trx_ref={checkout['reference']}", provider="other")
            assert response.headers["location"] == NEUTRAL

    async def test_a_provider_we_do_not_have_is_nowhere(self, door: Door) -> None:
        problem(await come_back(door, "trx_ref=p-x", provider="paypal"), 404, "not_found")

    async def test_head_does_no_work(self, door: Door) -> None:
        checkout = await door.initiated()
        door.kit.provider.pays(checkout["reference"])
        response = await door.anonymous("HEAD", f"{VERIFY}?trx_ref={checkout['reference']}")
        assert response.headers["location"] == NEUTRAL
        assert door.kit.provider.calls["check"] == 0

    async def test_many_payers_coming_back_ask_once_and_are_never_turned_away(self, door: Door) -> None:
        checkout = await door.initiated()
        answers = await asyncio.gather(
            *(come_back(door, f"trx_ref={checkout['reference']}") for _ in range(50))
        )
        assert {answer.status_code for answer in answers} == {302}
        assert door.kit.provider.calls["check"] == 1

    async def test_a_silent_provider_changes_nothing(self, door: Door) -> None:
        checkout = await door.initiated()
        door.kit.provider.silent = True
        assert told(await come_back(door, f"trx_ref={checkout['reference']}"))["status"] == ["processing"]

    async def test_a_silent_database_shows_confirming_and_no_problem(self, door: Door) -> None:
        async def unavailable(reference: str, cause: str, *, coalesce_s: float, budget_s: float) -> Payment:
            raise StorageUnavailable

        broken = attrs.evolve(door.kit, payments=with_settle(door.kit.payments, unavailable))
        async with open_door(broken) as later:
            response = await come_back(later, "trx_ref=p-x")
        assert response.headers["location"] == NEUTRAL

    @pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1"])
    async def test_the_host_header_never_decides_where_a_payer_goes(self, door: Door, host: str) -> None:
        checkout = await door.initiated()
        headers = {"Host": host, "X-Forwarded-Host": host, "Forwarded": f"host={host}"}
        response = await door.anonymous("GET", f"{VERIFY}?trx_ref={checkout['reference']}", headers=headers)
        assert response.headers["location"].startswith(NEUTRAL)


def signed(body: bytes) -> RawNotice:
    return RawNotice(
        headers=(("x-signature", hmac.digest(SECRET.encode(), body, "sha256").hex()),), body=body
    )


def with_settle(payments: Payments, settle: object) -> Payments:
    """The same use-cases with another way to settle."""
    return attrs.evolve(payments, settle=settle)  # type: ignore[arg-type]  # a function stands in for the use-case


class TestNotices:
    async def send(self, door: Door, body: bytes, *headers: tuple[str, str | bytes]) -> httpx.Response:
        return await door.anonymous("POST", VERIFY, content=body, headers=list(headers))

    async def test_a_signed_notice_is_stored_and_acknowledged_and_somebody_is_woken(self, door: Door) -> None:
        checkout = await door.initiated()
        notice = door.kit.provider.notice(checkout["reference"])
        response = await self.send(door, notice.body, *notice.headers)
        assert response.status_code == 200
        assert response.json() == {"status": "stored"}
        assert door.woken == ["notice"]
        assert door.kit.provider.calls["check"] == 0

    async def test_a_duplicate_is_acknowledged_too(self, door: Door) -> None:
        checkout = await door.initiated()
        notice = door.kit.provider.notice(checkout["reference"])
        await self.send(door, notice.body, *notice.headers)
        again = await self.send(door, notice.body, *notice.headers)
        assert again.status_code == 200
        assert again.json() == {"status": "duplicate"}

    async def test_a_notice_without_its_trailing_slash_is_taken_too(self, door: Door) -> None:
        notice = door.kit.provider.notice("p-unknown")
        response = await door.anonymous(
            "POST", VERIFY.rstrip("/"), content=notice.body, headers=list(notice.headers)
        )
        assert response.status_code == 200

    async def test_a_paid_order_follows_from_the_notice_and_the_providers_own_answer(
        self, door: Door
    ) -> None:
        checkout = await door.initiated()
        door.kit.provider.pays(checkout["reference"])
        notice = door.kit.provider.notice(checkout["reference"])
        await self.send(door, notice.body, *notice.headers)
        await door.kit.work()
        found = (await door.client.get(f"/payments/{checkout['payment_id']}/")).json()
        assert found["status"] == "success"

    async def test_a_forged_notice_stores_nothing_calls_nobody_and_is_told_nothing(self, door: Door) -> None:
        checkout = await door.initiated()
        notice = door.kit.provider.notice(checkout["reference"])
        signature = notice.headers[0][1]
        forged = [
            await self.send(door, notice.body, ("X-Request-Id", "one"), *headers)
            for headers in (
                [],
                [("x-signature", "")],
                [("x-signature", "0" * 64)],
                [("x-signature", b"\xe9")],
                [("x-signature", signature), ("x-signature", signature)],
            )
        ]
        forged.append(
            await self.send(door, notice.body + b" ", ("X-Request-Id", "one"), ("x-signature", signature))
        )
        problem(forged[0], 401, "notice_forged")
        assert forged[0].headers["www-authenticate"]
        assert {answer.content for answer in forged} == {forged[0].content}
        assert (await door.kit.payments.backlog()).notices == 0
        assert door.kit.provider.calls["check"] == 0
        assert door.woken == []

    async def test_a_signed_notice_that_cannot_be_read_is_malformed(self, door: Door) -> None:
        notice = door.kit.provider.notice("p-x", nonsense=True)
        unreadable = signed(b"[]")
        assert (await self.send(door, notice.body, *notice.headers)).status_code == 200
        problem(await self.send(door, unreadable.body, *unreadable.headers), 400, "notice_malformed")

    async def test_one_that_finds_no_place_is_sent_away_for_a_while_counted_and_logged_once(self) -> None:
        limits = NoticeLimits(unknown=1)
        kit = in_memory_payments(notice_limits=limits)
        async with open_door(kit) as door:
            with capture_logs() as logged:
                notices = [kit.provider.notice(f"p-{letter * 26}") for letter in "abc"]
                answers = [await self.send(door, notice.body, *notice.headers) for notice in notices]
            assert [answer.status_code for answer in answers] == [200, 503, 503]
            problem(answers[-1], 503, "inbox_full")
            assert int(answers[-1].headers["retry-after"]) == 300
            assert [line["event"] for line in logged].count("inbox_full") == 1
            measured = (await door.anonymous("GET", "/metrics")).text
            assert 'payments_notices_refused_total{provider="scripted"} 2.0' in measured
            assert (await kit.payments.backlog()).notices == 1

    async def test_a_provider_we_do_not_have_is_nowhere(self, door: Door) -> None:
        problem(await door.anonymous("POST", "/payments/verify/paypal/", content=b"{}"), 404, "not_found")

    async def test_what_could_not_be_stored_is_not_acknowledged(self, door: Door) -> None:
        async def unavailable(provider: str, headers: object, body: bytes) -> None:
            raise StorageUnavailable("disk /var/lib/payments is full")

        payments = attrs.evolve(door.kit.payments, receive_notice=unavailable)  # type: ignore[arg-type]  # a function stands in for the use-case
        async with open_door(attrs.evolve(door.kit, payments=payments)) as later:
            response = await self.send(later, b"{}")
            found = problem(response, 503, "storage_unavailable")
            assert "/var/lib" not in response.text
            assert found["detail"] == "The database is not available."
            assert int(response.headers["retry-after"]) >= 1
            assert later.woken == []

    async def test_the_notice_reaches_the_gateway_byte_for_byte(self, door: Door) -> None:
        body = b'{"reference": "p-\\u00e9 ", "claim":"paid"  }'
        response = await self.send(door, body, *signed(body).headers, ("Content-Type", "text/plain"))
        assert response.status_code == 200

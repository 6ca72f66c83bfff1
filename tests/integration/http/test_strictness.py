import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.requests import Request

from payments.entrypoints.http import reading
from payments.entrypoints.http.problems import REQUEST_TIMEOUT, Refused
from tests.integration.http.door import Door, bearer, pointers, problem

pytestmark = pytest.mark.anyio

JSON = {"Content-Type": "application/json"}

MALFORMED: dict[str, bytes] = {
    "nothing": b"",
    "a word": b"chapa",
    "half an object": b'{"provider": "scripted"',
    "two objects": b'{"provider": "scripted"}{}',
    "a comma too many": b'{"provider": "scripted",}',
    "a comment": b'{"provider": "scripted"} // now',
    "single quotes": b"{'provider': 'scripted'}",
    "a duplicate key": b'{"provider": "scripted", "provider": "chapa"}',
    "a duplicate key inside": b'{"provider": {"a": 1, "a": 2}}',
    "a duplicate key, spelled otherwise": b'{"provider": "a", "provide\\u0072": "b"}',
    "NaN": b'{"provider": NaN}',
    "Infinity": b'{"provider": -Infinity}',
    "a huge number": b'{"provider": ' + b"9" * 5000 + b"}",
    "a huge exponent": b'{"provider": 1e999999}',
    "an exponent beyond all numbers": b'{"provider": 1e1999999999999999999}',
    "deep nesting": b'{"provider": ' + b"[" * 21 + b"]" * 21 + b"}",
    "very deep nesting": b"[" * 30_000,
    "a lone surrogate": b'{"provider": "\\ud800"}',
    "a lone surrogate as a key": b'{"\\udfff": 1}',
    "NUL": b'{"provider": "scripted\\u0000"}',
    "a bare control character": b'{"provider": "scr\nipted"}',
    "not UTF-8": b'{"provider": "\xff"}',
    "UTF-16": '{"provider": "scripted"}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"provider": "scripted"}',
}

MISSHAPEN: dict[str, tuple[bytes, set[str]]] = {
    "null": (b"null", {""}),
    "a list": (b'[{"provider": "scripted"}]', {""}),
    "a number": (b"1", {""}),
    "empty": (b"{}", {"/provider"}),
    "a number for a text": (b'{"provider": 1}', {"/provider"}),
    "null for a text": (b'{"provider": null}', {"/provider"}),
    "a list for a text": (b'{"provider": ["scripted"]}', {"/provider"}),
    "an empty text": (b'{"provider": ""}', {"/provider"}),
    "capitals": (b'{"provider": "SCRIPTED"}', {"/provider"}),
    "a newline at the end": (b'{"provider": "scripted\\n"}', {"/provider"}),
    "a path": (b'{"provider": "../scripted"}', {"/provider"}),
    "too long": (b'{"provider": "' + b"a" * 33 + b'"}', {"/provider"}),
    "a bad phone": (b'{"provider": "scripted", "phone_number": "call me"}', {"/phone_number"}),
    "phone in other digits": (
        '{"provider": "scripted", "phone_number": "٠٩١١٢٢٣٣٤٤"}'.encode(),
        {"/phone_number"},
    ),
    "an unknown field": (b'{"provider": "scripted", "amount": "1.00"}', {"/amount"}),
    "a field with a slash": (b'{"provider": "scripted", "a/b~c": 1}', {"/a~1b~0c"}),
    "several at once": (b'{"phone_number": 1, "tip": 2}', {"/provider", "/phone_number", "/tip"}),
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_what_is_not_strict_json_is_refused(door: Door, name: str) -> None:
    response = await door.client.post("/payments/initiate/order_1/", content=MALFORMED[name], headers=JSON)
    assert problem(response, 400, "malformed_json")["detail"]
    assert door.kit.provider.calls["open"] == 0


@pytest.mark.parametrize("name", MISSHAPEN)
async def test_every_wrong_field_is_named(door: Door, name: str) -> None:
    body, named = MISSHAPEN[name]
    response = await door.client.post("/payments/initiate/order_1/", content=body, headers=JSON)
    assert pointers(problem(response, 422, "invalid_request")) == named
    assert door.kit.provider.calls["open"] == 0


@pytest.mark.parametrize(
    "kind",
    [
        None,
        "",
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=latin-1",
        "application/json, application/json",
        "application/json; version=1",
        "application/problem+json",
    ],
)
async def test_only_json_is_taken(door: Door, kind: str | None) -> None:
    headers = {} if kind is None else {"Content-Type": kind}
    response = await door.client.post(
        "/payments/initiate/order_1/", content=b'{"provider": "scripted"}', headers=headers
    )
    problem(response, 415, "unsupported_media_type")


async def test_two_content_types_or_a_packed_body_are_not_taken(door: Door) -> None:
    twice = [("Content-Type", "application/json"), ("Content-Type", "application/json")]
    packed = [("Content-Type", "application/json"), ("Content-Encoding", "gzip")]
    for headers in (twice, packed):
        response = await door.client.post(
            "/payments/initiate/order_1/", content=b'{"provider": "scripted"}', headers=headers
        )
        problem(response, 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "kind", ["application/json", "Application/JSON; charset=utf-8", 'application/json;charset="UTF-8"']
)
async def test_json_is_taken_however_its_type_is_written(door: Door, kind: str) -> None:
    response = await door.client.post(
        "/payments/initiate/order_1/", content=b'{"provider": "scripted"}', headers={"Content-Type": kind}
    )
    assert response.status_code == 200


PATHS = ["/payments/initiate/order_1/", "/payments/verify/scripted/"]


@pytest.mark.parametrize("path", PATHS)
async def test_a_body_that_says_it_is_far_too_large_is_refused_unread(door: Door, path: str) -> None:
    read: list[int] = []

    async def pieces() -> AsyncIterator[bytes]:
        for number in range(1000):
            read.append(number)
            yield b"x" * 65_536

    for length in (str(reading.HEARD_OUT_BYTES + 1), "99999999999999999999"):
        response = await door.client.post(path, content=pieces(), headers=JSON | {"Content-Length": length})
        problem(response, 413, "content_too_large")
        assert response.headers["connection"] == "close"
    assert read == []


@pytest.mark.parametrize("path", PATHS)
async def test_a_body_that_does_not_say_how_large_it_is_is_cut_off(door: Door, path: str) -> None:
    read: list[int] = []

    async def pieces() -> AsyncIterator[bytes]:
        for number in range(1000):
            read.append(number)
            yield b"x" * 8192

    problem(await door.client.post(path, content=pieces(), headers=JSON), 413, "content_too_large")
    assert len(read) == reading.HEARD_OUT_BYTES // 8192 + 1


async def test_the_largest_body_is_read_whole(door: Door) -> None:
    body = b'{"provider": "scripted"' + b" " * (65_536 - 24) + b"}"
    assert len(body) == 65_536
    response = await door.client.post("/payments/initiate/order_1/", content=body, headers=JSON)
    assert response.status_code == 200
    response = await door.client.post("/payments/initiate/order_1/", content=body + b" ", headers=JSON)
    problem(response, 413, "content_too_large")


async def test_a_body_that_drips_is_given_up() -> None:
    async def receive() -> dict[str, object]:
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b"x", "more_body": True}

    request = Request({"type": "http", "method": "POST", "headers": []}, receive)
    with pytest.raises(Refused) as refused:
        await reading.raw_body(request, deadline_s=0.1)
    assert refused.value.problem.kind is REQUEST_TIMEOUT


@pytest.mark.parametrize("order_id", ["..%2f", "..%2fetc", "%2e%2e%2fadmin", "a%2fb"])
async def test_an_order_id_that_climbs_is_nowhere(door: Door, order_id: str) -> None:
    response = await door.client.post(f"/payments/initiate/{order_id}/", json={"provider": "scripted"})
    assert response.status_code in {404, 422}
    problem(response, response.status_code, "not_found" if response.status_code == 404 else "invalid_request")
    assert door.kit.provider.calls["open"] == 0


@pytest.mark.parametrize(
    "order_id", ["a" * 65, "a%20b", "a%00", "order_1%0a", "order.1", "%D9%A1", "o'--", "%ff"]
)
async def test_an_order_id_of_other_characters_is_named(door: Door, order_id: str) -> None:
    response = await door.client.post(f"/payments/initiate/{order_id}/", json={"provider": "scripted"})
    assert pointers(problem(response, 422, "invalid_request")) == {"order_id"}


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("status=paid", {"status"}),
        ("status=", {"status"}),
        ("status=success&status=failed", {"status"}),
        ("limit=0", {"limit"}),
        ("limit=101", {"limit"}),
        ("limit=-1", {"limit"}),
        ("limit=1.5", {"limit"}),
        ("limit=1e1", {"limit"}),
        ("limit=true", {"limit"}),
        ("limit=%D9%A3", {"limit"}),
        ("limit=10&limit=20", {"limit"}),
        ("limit=" + "9" * 5000, {"limit"}),
        ("cursor=", {"cursor"}),
        ("cursor=nonsense", {"cursor"}),
        ("cursor=" + "A" * 36, {"cursor"}),
        ("cursor=" + "cGcx" + "/" * 32, {"cursor"}),
        ("cursor=" + "cGcx" + "_" * 32 + "%0a", {"cursor"}),
        ("cursor=cGcxf_____________" + "_" * 18, {"cursor"}),
        ("created_after=yesterday", {"created_after"}),
        ("created_after=2026-01-01", {"created_after"}),
        ("created_after=2026-01-01T00:00:00", {"created_after"}),
        ("created_after=1767225600", {"created_after"}),
        ("created_after=0001-01-01T00:00:00%2B14:00", {"created_after"}),
        ("created_before=9999-12-31T23:59:59-14:00", {"created_before"}),
        ("order_id=..%2f", {"order_id"}),
        ("provider=Chapa", {"provider"}),
        ("user_id=user_2", {"user_id"}),
        ("sort=amount&stauts=success", {"sort", "stauts"}),
        ("a/b=1", {"a~1b"}),
    ],
)
async def test_a_wrong_filter_is_named(door: Door, query: str, named: set[str]) -> None:
    response = await door.client.get(f"/payments/?{query}")
    assert pointers(problem(response, 422, "invalid_request")) == named


async def test_the_longest_query_is_refused_at_once(door: Door) -> None:
    async def took_s(count: int) -> float:
        names = sorted({f"{number:x}" for number in range(count)})
        began_s = time.process_time()
        response = await door.client.get(f"/payments/?{'&'.join(names)}")
        took_s = time.process_time() - began_s
        assert pointers(problem(response, 422, "invalid_request")) == set(names)
        return took_s

    # Compared with each other, they kept everybody else waiting for ten seconds, and sixteen times as long as
    # a quarter of them does. Looked at once each they take four times as long, however slow the machine is.
    assert await took_s(12_000) < max(2.0, 10 * await took_s(3_000))


async def test_a_query_where_none_is_taken_is_named(door: Door) -> None:
    payment_id = (await door.initiated())["payment_id"]
    response = await door.client.get(f"/payments/{payment_id}/?expand=attempts")
    assert pointers(problem(response, 422, "invalid_request")) == {"expand"}


async def test_the_order_to_be_paid_must_be_named(door: Door) -> None:
    response = await door.client.get("/payments/providers/")
    assert pointers(problem(response, 422, "invalid_request")) == {"order_id"}


@pytest.mark.races
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
async def test_no_body_whatever_makes_the_service_fail(door: Door, body: bytes) -> None:
    response = await door.client.post("/payments/initiate/order_1/", content=body, headers=JSON)
    assert response.status_code in {400, 422}


@pytest.mark.races
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.dictionaries(
        st.sampled_from(["status", "limit", "cursor", "created_after", "order_id", "x"]),
        st.text(max_size=40),
        min_size=1,
    )
)
async def test_no_query_whatever_makes_the_service_fail(door: Door, names: dict[str, str]) -> None:
    response = await door.client.get("/payments/", params=names)
    assert response.status_code in {200, 422}


@pytest.mark.parametrize(
    ("query", "remedy"),
    [
        ("status=paid", "Use one of: pending, processing, success, failed."),
        ("limit=many", "Use a whole number from 1 to 100."),
        ("limit=0", "Use a whole number from 1 to 100."),
        ("created_after=today", "Use a time with its offset, such as 2026-01-31T12:00:00Z."),
        ("cursor=x", "Use another text. `next_cursor` of the page before, unchanged."),
    ],
)
async def test_a_wrong_parameter_is_told_what_would_be_right(door: Door, query: str, remedy: str) -> None:
    found = problem(await door.client.get(f"/payments/?{query}"), 422, "invalid_request")
    assert [mistake["detail"] for mistake in found["errors"]] == [remedy]


@pytest.mark.parametrize("given", ["", "Chapa!", 5, None, ["chapa"], "^[a-z]"])
async def test_nobody_has_to_read_a_pattern_to_correct_a_field(door: Door, given: object) -> None:
    found = problem(await door.initiate(provider=given), 422, "invalid_request")
    assert [mistake["detail"] for mistake in found["errors"]] == [
        "Use a text such as chapa. A provider that is switched on."
    ]


async def test_a_list_says_what_each_of_it_has_to_be(door: Door) -> None:
    body = {"handover_id": "evening-1", "collector": "rider", "collections": ["a b"]}
    headers = bearer("boss", "payments:operate")
    answer = await door.anonymous("POST", "/payments/cash/handovers/", json=body, headers=headers)
    (mistake,) = problem(answer, 422, "invalid_request")["errors"]
    assert mistake["detail"].startswith(
        "Use a list of 1 to 500. Of each: Use a text of 1 to 64 letters, digits, _ or -."
    )


async def test_a_reason_of_blanks_is_told_that_it_says_nothing(door: Door) -> None:
    path = "/payments/019b76da-a800-7a3e-8a2c-5d3f6b1c9e40/refunds/"
    headers = bearer("boss", "payments:refund") | {"Idempotency-Key": "blanks"}
    answer = await door.anonymous("POST", path, json={"amount": "1.00", "reason": "  "}, headers=headers)
    (mistake,) = problem(answer, 422, "invalid_request")["errors"]
    assert mistake["detail"].startswith("Use a text of 1 to 500 characters, not only blanks.")


@pytest.mark.parametrize(
    ("field", "remedy"),
    [
        ("paid_under", "Use a text such as p-q3m7zk5v2h4t6x7w2y4r6n2b4d."),
        ("provider_reference", "Use a text of 1 to 128 printable ASCII characters without blanks."),
    ],
)
async def test_a_name_of_money_that_cannot_be_one_is_told_what_one_is(
    door: Door, field: str, remedy: str
) -> None:
    review = await door.orphan()
    body = {"decision": "record", "reason": "I looked.", field: "AP 1"}
    path, headers = f"/payments/reviews/{review.review_id}/resolve/", bearer("boss", "payments:operate")
    answer = await door.anonymous("POST", path, json=body, headers=headers)
    (mistake,) = problem(answer, 422, "invalid_request")["errors"]
    assert mistake["detail"].startswith(remedy)

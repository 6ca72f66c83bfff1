"""Checklist row 2, sections 2.1 and 2.2: tokens, and what each product says without a good one."""

import re
from typing import Any

import httpx
import pytest

from tests.integration.simulators.daraja import Daraja

pytestmark = pytest.mark.anyio

GENERATE = "/oauth/v1/generate?grant_type=client_credentials"
PUSH = "/mpesa/stkpush/v1/processrequest"
QUERY = "/mpesa/stkpushquery/v1/query"
REVERSAL = "/mpesa/reversal/v1/request"
STATUS = "/mpesa/transactionstatus/v1/query"
REGISTER = "/mpesa/c2b/v2/registerurl"
PRODUCTS = (PUSH, QUERY, REVERSAL, STATUS, REGISTER, "/mpesa/c2b/v1/registerurl", "/mpesa/c2b/v2/simulate")


async def test_a_token_has_28_characters_and_its_life_is_a_text(daraja: Daraja) -> None:
    auth = (daraja.config.consumer_key, daraja.config.consumer_secret)
    answer = (await daraja.client.get(GENERATE, auth=auth)).json()
    assert re.fullmatch(r"[A-Za-z0-9]{28}", answer["access_token"])
    assert answer == {"access_token": answer["access_token"], "expires_in": "3599"}


async def test_the_life_of_a_token_can_be_a_number(daraja: Daraja) -> None:
    await daraja.switch(expires_in_as="number", token_life_s=60)
    auth = (daraja.config.consumer_key, daraja.config.consumer_secret)
    assert (await daraja.client.get(GENERATE, auth=auth)).json()["expires_in"] == 59


@pytest.mark.parametrize(
    ("path", "headers", "code"),
    [
        (GENERATE, {}, "400.008.01"),
        (GENERATE, {"Authorization": "Bearer x"}, "400.008.01"),
        ("/oauth/v1/generate", {"Authorization": "Basic a2V5OnNlY3JldA=="}, "400.008.02"),
        (
            "/oauth/v1/generate?grant_type=%20client_credentials",
            {"Authorization": "Basic eA=="},
            "400.008.02",
        ),
    ],
)
async def test_a_request_for_a_token_may_be_wrong(
    daraja: Daraja, path: str, headers: dict[str, str], code: str
) -> None:
    answer = await daraja.client.get(path, headers=headers)
    assert (answer.status_code, answer.json()["errorCode"]) == (400, code)


@pytest.mark.parametrize("auth", [("nobody", "simulated-consumer-secret"), ("simulated-consumer-key", "no")])
async def test_a_wrong_key_or_secret_is_answered_with_an_empty_400(
    daraja: Daraja, auth: tuple[str, str]
) -> None:
    answer = await daraja.client.get(GENERATE, auth=auth)
    assert (answer.status_code, answer.content) == (400, b"")
    await daraja.switch(oauth_refusal="error_body")
    spoken = (await daraja.client.get(GENERATE, auth=auth)).json()
    assert (spoken["errorCode"], spoken["errorMessage"]) == ("400.008.01", "Invalid Authentication passed")


@pytest.mark.parametrize("basic", ["!!!", "eA==", "/////w=="])
async def test_a_header_that_is_no_pair_is_a_wrong_one(daraja: Daraja, basic: str) -> None:
    answer = await daraja.client.get(GENERATE, headers={"Authorization": f"Basic {basic}"})
    assert (answer.status_code, answer.content) == (400, b"")


async def post(daraja: Daraja, path: str, token: str) -> httpx.Response:
    return await daraja.client.post(path, json={}, headers={"Authorization": f"Bearer {token}"})


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (PUSH, 404, "404.001.03"),
        (QUERY, 404, "404.001.03"),
        (REVERSAL, 404, "404.001.03"),
        (STATUS, 400, "400.003.01"),
        (REGISTER, 400, "400.003.01"),
        ("/mpesa/c2b/v1/simulate", 400, "400.003.01"),
    ],
)
async def test_each_family_has_its_own_word_for_a_bad_token(
    daraja: Daraja, path: str, status: int, code: str
) -> None:
    answer = await post(daraja, path, "c9SQxWWhmdVRlyh0zh8gZDTkubVF")
    assert (answer.status_code, answer.json()["errorCode"]) == (status, code)
    assert answer.json()["errorMessage"] == "Invalid Access Token"


async def test_c2b_can_answer_a_bad_token_as_the_balance_does(daraja: Daraja) -> None:
    await daraja.switch(c2b_token_error="401.002.01")
    answer = await post(daraja, REGISTER, "stale")
    assert answer.status_code == 401
    assert answer.json()["errorCode"] == "401.002.01"
    assert answer.json()["errorMessage"] == "Error Occurred - Invalid Access Token - stale"


async def test_a_new_token_ends_the_one_before_it(daraja: Daraja) -> None:
    first, second = await daraja.token(), await daraja.token()
    assert (await post(daraja, PUSH, first)).json()["errorCode"] == "404.001.03"
    assert (await post(daraja, PUSH, second)).json()["errorCode"] == "400.002.02"


async def test_tokens_can_live_side_by_side(daraja: Daraja) -> None:
    await daraja.switch(one_token=False)
    for token in [await daraja.token(), await daraja.token()]:
        assert (await post(daraja, PUSH, token)).json()["errorCode"] == "400.002.02"


async def test_a_token_ends_by_its_life_and_by_hand(daraja: Daraja) -> None:
    await daraja.switch(token_life_s=0)
    assert (await post(daraja, PUSH, await daraja.token())).status_code == 404
    await daraja.switch(token_life_s=None)
    token = await daraja.token()
    await daraja.client.post("/_sim/tokens/revoke")
    assert (await post(daraja, PUSH, token)).status_code == 404


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic eA=="}, {"Authorization": "Bearer"}])
@pytest.mark.parametrize("path", PRODUCTS)
async def test_a_call_without_a_bearer_is_not_found(
    daraja: Daraja, path: str, headers: dict[str, str]
) -> None:
    answer = await daraja.client.post(path, json={}, headers=headers)
    assert (answer.status_code, answer.json()["errorCode"]) == (404, "404.001.04")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        *(("GET", path, 404, "404.001.04") for path in PRODUCTS),
        ("PUT", PUSH, 405, "405.001"),
        ("POST", GENERATE, 405, "405.001"),
        ("POST", "/mpesa/stkpush/v9/processrequest", 404, "404.001.01"),
        ("POST", "/mpesa/accountbalance/v1/query", 404, "404.001.01"),
    ],
)
async def test_a_wrong_method_or_path_is_told(
    daraja: Daraja, method: str, path: str, status: int, code: str
) -> None:
    answer = await daraja.client.request(method, path)
    assert (answer.status_code, answer.json()["errorCode"]) == (status, code)


async def test_a_product_can_be_missing_on_the_app(daraja: Daraja) -> None:
    await daraja.switch(not_enabled=["push"])
    answer = await daraja.push()
    assert answer.status_code == 401
    assert answer.json()["errorMessage"].endswith("Invalid API call as no apiproduct match found")
    assert (await daraja.query("ws_CO_1")).status_code == 400


@pytest.mark.parametrize("ids", ["given", "null"])
async def test_an_error_has_an_id_that_may_be_null(daraja: Daraja, ids: str) -> None:
    await daraja.switch(error_ids=ids)
    body: dict[str, Any] = (await daraja.push(Amount="0")).json()
    assert set(body) == {"requestId", "errorCode", "errorMessage"}
    if ids == "null":
        assert body["requestId"] is None
    else:
        assert re.fullmatch(r"[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}[0-9]{7}", body["requestId"])

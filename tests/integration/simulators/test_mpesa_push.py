"""Checklist rows 3, 4, 6 and 12: what a push accepts, how it is answered, and when no prompt is sent."""

import asyncio
import re
from typing import Any

import pytest

from payments.simulators.mpesa.credentials import push_password
from payments.simulators.mpesa.formats import checkout_request_id, receipt
from tests.integration.simulators.daraja import PHONE, SHORTCODE, Daraja, daraja_for, in_nairobi, said

pytestmark = pytest.mark.anyio

SANDBOX_KEY = "bfb279f9aa9bdbcf158e97dd71a467cd2e0c893059b10f78e6b72ada1ed2c919"
SAME_KEY = "YmZiMjc5ZjlhYTliZGJjZjE1OGU5N2RkNzFhNDY3Y2QyZTBjODkzMDU5YjEwZjc4ZTZiNzJhZGExZWQyYzkxOTIw"
# The vectors V1 of the fact sheet, section 12: shortcode, timestamp, password.
PASSWORDS = (
    ("174379", "20210628092408", f"MTc0Mzc5{SAME_KEY}MjEwNjI4MDkyNDA4"),
    ("174379", "20260301003005", f"MTc0Mzc5{SAME_KEY}MjYwMzAxMDAzMDA1"),
    ("600123", "20270101025959", f"NjAwMTIz{SAME_KEY}MjcwMTAxMDI1OTU5"),
)


@pytest.mark.parametrize(("shortcode", "timestamp", "expected"), PASSWORDS)
async def test_the_password_agrees_with_the_vectors(shortcode: str, timestamp: str, expected: str) -> None:
    assert push_password(shortcode, SANDBOX_KEY, timestamp) == expected


@pytest.mark.parametrize(
    ("at", "begins"),
    [
        (1576740075, "NLJ"),  # 2019-12-19 10:21:15 in Nairobi
        (1577825999, "NLV"),  # 2019-12-31 23:59:59
        (1577826000, "OA1"),  # 2020-01-01 00:00:00
        (1772314205, "UC1"),  # 2026-03-01 00:30:05
    ],
)
async def test_a_receipt_begins_with_the_date_in_nairobi(at: int, begins: str) -> None:
    assert re.fullmatch(rf"{begins}[A-Z0-9]{{7}}", receipt(at))


async def test_the_id_of_a_prompt_ends_in_the_payers_digits() -> None:
    assert checkout_request_id(1720592726.172, "254172396192") == "ws_CO_10072024092526172172396192"


async def test_an_accepted_push_is_answered_as_the_sheet_says(daraja: Daraja) -> None:
    answer = await daraja.push()
    body = answer.json()
    assert answer.status_code == 200
    assert re.fullmatch(r"[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{16}", body.pop("MerchantRequestID"))
    assert re.fullmatch(r"ws_CO_[0-9]{14}[0-9]{1,3}722000126", body.pop("CheckoutRequestID"))
    assert body == {
        "ResponseCode": "0",
        "ResponseDescription": "Success. Request accepted for processing",
        "CustomerMessage": "Success. Request accepted for processing",
    }


async def test_numbers_do_as_well_as_texts_and_unknown_fields_are_ignored(daraja: Daraja) -> None:
    fields = {"BusinessShortCode": int(SHORTCODE), "Amount": 7, "PhoneNumber": int(PHONE), "PartyB": 174379}
    prompt = await daraja.prompt(await daraja.prompted(**fields, Passkey="stray", TransactionDesc=...))
    assert (prompt["amount"], prompt["phone"], prompt["state"]) == (7, PHONE, "live")


BAD_FIELDS: tuple[tuple[dict[str, Any], str], ...] = (
    ({"BusinessShortCode": "12"}, "Invalid BusinessShortCode"),
    ({"BusinessShortCode": ...}, "Invalid BusinessShortCode"),
    ({"BusinessShortCode": True}, "Invalid BusinessShortCode"),
    ({"Password": ""}, "Invalid Password"),
    ({"Timestamp": "2026-03-01"}, "Invalid Timestamp"),
    ({"Timestamp": "20261301000000"}, "Invalid Timestamp"),
    ({"Timestamp": "٢٠٢٦٠٣٠١٠٠٣٠٠٥"}, "Invalid Timestamp"),
    ({"TransactionType": "CustomerPayBill"}, "Invalid TransactionType"),
    ({"Amount": "10.00"}, "Invalid Amount"),
    ({"Amount": 10.0}, "Invalid Amount"),
    ({"Amount": "0"}, "Invalid Amount"),
    ({"Amount": -5}, "Invalid Amount"),
    ({"Amount": 250_001}, "Invalid Amount"),
    ({"Amount": None}, "Invalid Amount"),
    ({"PartyA": "0722000126"}, "Invalid PartyA"),
    ({"PartyB": "x"}, "Invalid PartyB"),
    ({"PhoneNumber": "0722000126", "PartyA": PHONE}, "Invalid PhoneNumber"),
    ({"PhoneNumber": "254812345678", "PartyA": PHONE}, "Invalid PhoneNumber"),
    ({"PhoneNumber": "255712345678", "PartyA": PHONE}, "Invalid PhoneNumber"),
    ({"CallBackURL": "http://shop.example/a b"}, "Invalid CallBackURL"),
    ({"CallBackURL": "shop.example/hook"}, "Invalid CallBackURL"),
    ({"CallBackURL": "http://[::1/hook"}, "Invalid CallBackURL"),
    ({"AccountReference": ""}, "Invalid AccountReference"),
    ({"AccountReference": ...}, "Invalid AccountReference"),
    ({"TransactionDesc": None}, "Invalid Remarks"),
    ({"AccountReference": "' or 1=1"}, "Threat Detected"),
    ({"TransactionDesc": "<script>x"}, "Threat Detected"),
    # The first bad field wins.
    ({"Timestamp": "x", "Amount": "x", "PhoneNumber": "x", "PartyA": "x"}, "Invalid Timestamp"),
)


@pytest.mark.parametrize(("fields", "said_of_it"), BAD_FIELDS)
async def test_a_bad_field_is_named_and_no_prompt_is_sent(
    daraja: Daraja, fields: dict[str, Any], said_of_it: str
) -> None:
    answer = await daraja.push(**fields)
    assert answer.status_code == 400
    body = answer.json()
    assert (body["errorCode"], body["errorMessage"]) == ("400.002.02", f"Bad Request - {said_of_it}")
    assert await daraja.listed("prompts") == []


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_another_content_type_has_no_first_field(daraja: Daraja, kind: str) -> None:
    headers = {"Authorization": f"Bearer {await daraja.token()}", "Content-Type": kind}
    answer = await daraja.client.post("/mpesa/stkpush/v1/processrequest", content=b"{}", headers=headers)
    assert answer.json()["errorMessage"] == "Bad Request - Invalid BusinessShortCode"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"[" * 100_000])
async def test_what_is_no_json_object_is_malformed(daraja: Daraja, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {await daraja.token()}", "Content-Type": "application/json"}
    answer = await daraja.client.post("/mpesa/stkpush/v1/processrequest", content=body, headers=headers)
    assert (answer.status_code, answer.json()["errorCode"]) == (400, "400.002.05")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"BusinessShortCode": "600123", "PartyB": "600123"}, "Merchant does not exist"),
        ({"Password": "MTc0Mzc5"}, "[MerchantValidate] - Wrong credentials"),
        ({"Timestamp": "20210628092408"}, "[MerchantValidate] - Wrong credentials"),
    ],
)
async def test_a_merchant_who_is_unknown_or_lies_is_a_server_error(
    daraja: Daraja, fields: dict[str, Any], message: str
) -> None:
    answer = await daraja.push(**fields)
    assert answer.status_code == 500
    assert (answer.json()["errorCode"], answer.json()["errorMessage"]) == ("500.001.1001", message)


async def test_wrong_credentials_have_two_texts(daraja: Daraja) -> None:
    await daraja.switch(credentials_text="Wrong credentials")
    assert (await daraja.push(Password="x")).json()["errorMessage"] == "Wrong credentials"


async def test_an_old_timestamp_passes_unless_age_is_checked(daraja: Daraja) -> None:
    shortcode, timestamp, password = PASSWORDS[0]
    old = {"BusinessShortCode": shortcode, "Timestamp": timestamp, "Password": password}
    assert (await daraja.push(**old)).status_code == 200
    await daraja.switch(timestamp_age_s=60)
    assert (await daraja.push(**old)).json()["errorMessage"] == "Bad Request - Invalid Timestamp"
    assert (await daraja.push(PhoneNumber="254110345678")).status_code == 200


@pytest.mark.parametrize(
    ("fields", "said_of_it"),
    [
        ({}, "Invalid CallBackURL"),
        ({"CallBackURL": "https://127.0.0.1/hook"}, "Invalid CallBackURL"),
        ({"CallBackURL": "https://shop.example/MPESA/hook"}, "Threat Detected"),
        ({"CallBackURL": "https://sqlshop.example/hook"}, "Threat Detected"),
        ({"CallBackURL": "https://shop.example/h", "AccountReference": "A" * 13}, "Invalid AccountReference"),
        ({"CallBackURL": "https://shop.example/h", "AccountReference": "a b"}, "Invalid AccountReference"),
        ({"CallBackURL": "https://shop.example/h", "TransactionDesc": "A" * 14}, "Invalid Remarks"),
    ],
)
async def test_what_production_refuses_is_refused_in_strict_mode_only(
    daraja: Daraja, fields: dict[str, Any], said_of_it: str
) -> None:
    assert (await daraja.push(**fields)).status_code == 200
    await daraja.switch(strict=True)
    answer = await daraja.push(**{"PhoneNumber": "254110345678", **fields})
    assert answer.json()["errorMessage"] == f"Bad Request - {said_of_it}"


async def test_a_paybill_does_not_sell_goods(daraja: Daraja) -> None:
    answer = await daraja.push(TransactionType="CustomerBuyGoodsOnline")
    assert answer.json()["errorMessage"] == "Bad Request - Invalid TransactionType"


async def test_one_prompt_at_a_time_for_one_number(daraja: Daraja) -> None:
    first = await daraja.prompted()
    refused = await daraja.push(Amount="5")
    assert refused.status_code == 500
    assert refused.json()["errorCode"] == "500.001.1001"
    assert refused.json()["errorMessage"].startswith("Unable to lock subscriber")
    assert (await daraja.push(PhoneNumber="254110345678")).status_code == 200
    await daraja.act(first, "cancel")
    await daraja.ended(first)
    assert (await daraja.push(Amount="5")).status_code == 200


async def test_of_many_pushes_at_once_one_prompt_is_sent(daraja: Daraja) -> None:
    await daraja.switch(one_token=False)
    answers = await asyncio.gather(*(daraja.push() for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [500] * 7
    assert len(await daraja.listed("prompts")) == 1


async def test_a_lock_can_be_told_by_a_callback_and_leaves_the_first_prompt_alone(daraja: Daraja) -> None:
    first = await daraja.prompted()
    await daraja.switch(lock_shows_as="result_1001")
    second = await daraja.prompted(Amount="5")
    assert said((await daraja.told(1))[0])["ResultCode"] == 1001
    assert (await daraja.prompt(second))["shown"] is False
    assert (await daraja.prompt(first))["state"] == "live"
    await daraja.switch(lock_shows_as="push_error")
    assert (await daraja.push(Amount="6")).status_code == 500


async def test_a_busy_line_refuses_every_push(daraja: Daraja) -> None:
    await daraja.switch(PHONE, line="busy")
    assert (await daraja.push()).json()["errorMessage"].startswith("Unable to lock subscriber")
    assert (await daraja.push(PhoneNumber="254110345678")).status_code == 200


async def test_the_same_amount_twice_in_two_minutes_ends_with_17(daraja: Daraja) -> None:
    await daraja.switch(same_amount_window_s=3000)
    await daraja.paid(Amount="40")
    again = await daraja.prompted(Amount="40")
    assert said((await daraja.told(2))[1])["ResultCode"] == 17
    assert (await daraja.prompt(again))["shown"] is False
    assert (await daraja.prompt(await daraja.prompted(Amount="41")))["shown"] is True


async def test_two_minutes_later_the_same_amount_is_asked_for_again(daraja: Daraja) -> None:
    await daraja.switch(same_amount_window_s=0)
    await daraja.paid(Amount="40")
    assert (await daraja.prompt(await daraja.prompted(Amount="40")))["state"] == "live"


@pytest.mark.parametrize(("rule", "code"), [("paid", None), ("asked", "17"), ("off", None)])
async def test_whether_an_unpaid_prompt_counts_for_17_is_a_switch(
    daraja: Daraja, rule: str, code: str | None
) -> None:
    await daraja.switch(same_amount_rule=rule, same_amount_window_s=3000)
    first = await daraja.prompted()
    await daraja.act(first, "cancel")
    await daraja.ended(first)
    assert (await daraja.prompt(await daraja.prompted()))["code"] == code


async def test_a_prompt_of_more_than_182_characters_is_never_shown(daraja: Daraja) -> None:
    await daraja.prompted(AccountReference="A" * 120)
    assert said((await daraja.told(1))[0])["ResultCode"] == 1025


async def test_a_paybill_must_be_its_own_party(daraja: Daraja) -> None:
    await daraja.prompted(PartyB="600000")
    assert said((await daraja.told(1))[0])["ResultCode"] == 2028


@pytest.mark.parametrize(
    ("kind", "party", "code"),
    [
        ("CustomerBuyGoodsOnline", "5000123", None),
        ("CustomerBuyGoodsOnline", "174379", "SFC_IC0003"),
        ("CustomerBuyGoodsOnline", "5000999", 2002),
        ("CustomerPayBillOnline", "174379", 2028),
    ],
)
async def test_a_till_has_three_settings_that_must_agree(
    daraja: Daraja, kind: str, party: str, code: int | str | None
) -> None:
    async with daraja_for(daraja.merchant, daraja.merchant_url, till="5000123") as till:
        prompt = await till.prompt(await till.prompted(TransactionType=kind, PartyB=party))
        assert prompt["shown"] is (code is None)
        if code is not None:
            assert said((await till.told(1))[0])["ResultCode"] == code


async def test_the_limit_of_an_amount_is_a_switch(daraja: Daraja) -> None:
    assert (await daraja.push(Amount="250000")).status_code == 200
    await daraja.switch(largest_amount=70_000)
    assert (await daraja.push(Amount="70001")).json()["errorMessage"] == "Bad Request - Invalid Amount"


async def test_the_clock_of_a_prompt_is_that_of_nairobi(daraja: Daraja) -> None:
    before = in_nairobi()
    named = (await daraja.prompted())[6:20]
    at = f"{named[4:8]}{named[2:4]}{named[0:2]}{named[8:]}"
    assert before <= at <= in_nairobi()


@pytest.mark.parametrize(
    ("shape", "code", "has_id"),
    [
        ("usual", "0", True),
        ("without_id", "0", False),
        ("response_code_1", "1", True),
        ("response_code_number", 0, True),
    ],
)
async def test_the_answer_to_a_push_can_leave_it_open_what_happened(
    daraja: Daraja, shape: str, code: str | int, *, has_id: bool
) -> None:
    await daraja.switch(push_answer=shape)
    body = (await daraja.push()).json()
    assert (body["ResponseCode"], "CheckoutRequestID" in body) == (code, has_id)
    assert len(await daraja.listed("prompts")) == 1


# The vectors V2 of the fact sheet: what a client makes of a number is what Daraja takes, and nothing else.
NORMALISED = ("254712345678", 254712345678, "254112345678", "254110345678")
NOT_NORMALISED = (
    *("0712345678", "712345678", "+254 712-345-678", "00254712345678", "0112345678", "112345678"),
    *("+254 110 345 678", "2540712345678", "25407123456", "254812345678", "0812345678", "071234567"),
    *("07123456789", "+255712345678", "+251911223344", "0200123456", "", "abc", True),
    "\u0660\u0667\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668",
)


@pytest.mark.parametrize("number", NORMALISED)
async def test_a_normalised_number_gets_a_prompt(daraja: Daraja, number: str | int) -> None:
    assert (await daraja.push(PhoneNumber=number)).status_code == 200


@pytest.mark.parametrize("number", NOT_NORMALISED)
async def test_a_number_as_people_write_it_is_refused(daraja: Daraja, number: str | bool) -> None:  # noqa: FBT001 - a column of the table above
    answer = await daraja.push(PhoneNumber=number, PartyA=PHONE)
    assert answer.json()["errorMessage"] == "Bad Request - Invalid PhoneNumber"

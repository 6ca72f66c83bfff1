"""Checklist rows 5, 7 and 10, from the shop's side: what the payer does, and what is told of it."""

import json
import time
from typing import Any

import pytest

from payments.simulators.mpesa.callback_bodies import stk_callback
from payments.simulators.mpesa.prompts import Prompt
from payments.simulators.mpesa.result_codes import RESULTS
from payments.simulators.mpesa.switches import MpesaSwitches
from tests.integration.simulators.daraja import PHONE, SHORTCODE, Daraja, items, said
from tests.integration.simulators.serving import eventually

pytestmark = pytest.mark.anyio

UNANSWERED = "254708374149"


def sample(**changes: Any) -> Prompt:
    """The prompt of the success sample in section 4 of the fact sheet."""
    fields: dict[str, Any] = {
        "checkout_request_id": "ws_CO_191220191020363925",
        "merchant_request_id": "29115-34620561-1",
        "shortcode": SHORTCODE,
        "transaction_type": "CustomerPayBillOnline",
        "party_b": SHORTCODE,
        "amount": 1,
        "phone": UNANSWERED,
        "callback_url": "http://shop.example/hook",
        "account_reference": "A",
        "description": "A",
        "created_at": 1576740036.0,
        "closes_at": 1576740096.0,
        "state": "ended",
        "code": "0",
        "receipt": "NLJ7RT61SV",
        "ended_at": 1576740075.0,
    }
    return Prompt(**{**fields, **changes})


PAID = (
    '{"Body":{"stkCallback":{"MerchantRequestID":"29115-34620561-1",'
    '"CheckoutRequestID":"ws_CO_191220191020363925","ResultCode":0,'
    '"ResultDesc":"The service request is processed successfully.","CallbackMetadata":{"Item":['
    '{"Name":"Amount","Value":1.00},{"Name":"MpesaReceiptNumber","Value":"NLJ7RT61SV"},{"Name":"Balance"},'
    '{"Name":"TransactionDate","Value":20191219102115},{"Name":"PhoneNumber","Value":254708374149}]}}}}'
)
CANCELLED = (
    '{"Body":{"stkCallback":{"MerchantRequestID":"f1e2-4b95-a71d-b30d3cdbb7a7942864",'
    '"CheckoutRequestID":"ws_CO_21072024125243250722943992","ResultCode":1032,'
    '"ResultDesc":"Request cancelled by user"}}}'
)
WRONG_OPERATOR = '"ResultCode":"SFC_IC0003","ResultDesc":"The operator does not exist."}}}'
REVERSED_ITEMS = (
    '"Item":[{"Name":"PhoneNumber","Value":"0722000***"},{"Name":"TransactionDate","Value":20260301003005},'
    '{"Name":"MpesaReceiptNumber","Value":"UC1AB2CD3E"},{"Name":"Amount","Value":1500}]'
)


async def test_the_vectors_of_the_sheet_come_out_to_the_byte() -> None:
    assert stk_callback(sample(), MpesaSwitches()) == PAID
    failed = sample(
        code="1032",
        receipt=None,
        merchant_request_id="f1e2-4b95-a71d-b30d3cdbb7a7942864",
        checkout_request_id="ws_CO_21072024125243250722943992",
    )
    assert stk_callback(failed, MpesaSwitches()) == CANCELLED
    assert stk_callback(sample(code="SFC_IC0003"), MpesaSwitches()).endswith(WRONG_OPERATOR)
    masked = MpesaSwitches(
        callback_items="reversed",
        callback_balance="absent",
        callback_amount_as="whole",
        callback_phone="masked",
    )
    other = sample(amount=1500, phone="254722000126", receipt="UC1AB2CD3E", ended_at=1772314205.0)
    assert REVERSED_ITEMS in stk_callback(other, masked)


async def test_a_paid_prompt_is_told_once_with_its_receipt(daraja: Daraja) -> None:
    checkout_request_id = await daraja.prompted(Amount="100")
    await daraja.act(checkout_request_id, "approve")
    callback = (await daraja.told(1))[0]
    receipt = (await daraja.prompt(checkout_request_id))["receipt"]
    assert callback.headers["content-type"] == "application/json;charset=UTF-8"
    assert callback.headers["businessshortcode"] == SHORTCODE
    assert (said(callback)["CheckoutRequestID"], said(callback)["ResultCode"]) == (checkout_request_id, 0)
    assert b'"Value":100.00' in callback.body
    assert items(callback)["MpesaReceiptNumber"] == receipt
    assert items(callback)["PhoneNumber"] == int(PHONE)
    assert [row["state"] for row in await daraja.listed("callbacks")] == ["delivered"]


@pytest.mark.parametrize(
    ("action", "code", "text"),
    [
        ("wrong_pin", 2001, "The initiator information is invalid."),
        ("cancel", 1032, "Request cancelled by user"),
        ("low_balance", 1, "The balance is insufficient for the transaction."),
        ("unreachable", 1037, "No response from user."),
    ],
)
async def test_an_unpaid_prompt_is_told_without_metadata(
    daraja: Daraja, action: str, code: int, text: str
) -> None:
    checkout_request_id = await daraja.prompted()
    await daraja.act(checkout_request_id, action)
    told = said((await daraja.told(1))[0])
    assert set(told) == {"MerchantRequestID", "CheckoutRequestID", "ResultCode", "ResultDesc"}
    assert (told["ResultCode"], told["ResultDesc"]) == (code, text)


@pytest.mark.parametrize("code", sorted(set(RESULTS) - {"0"}))
async def test_every_result_of_the_sheet_can_be_had(daraja: Daraja, code: str) -> None:
    checkout_request_id = await daraja.prompted()
    assert (await daraja.act(checkout_request_id, "result", code=code)).status_code == 200
    told = said((await daraja.told(1))[0])
    assert told["ResultCode"] == (int(code) if code.isdigit() else code)
    assert told["ResultDesc"] == RESULTS[code]


async def test_a_code_of_another_day_is_told_too(daraja: Daraja) -> None:
    await daraja.act(await daraja.prompted(), "result", code="8888")
    assert said((await daraja.told(1))[0])["ResultCode"] == 8888


@pytest.mark.parametrize("code", ["1037", "1019", "1032"])
async def test_a_prompt_nobody_answers_closes_by_itself(daraja: Daraja, code: str) -> None:
    # Two seconds, in which the prompt is seen alive on a busy machine, too.
    await daraja.switch(prompt_life_s=200, unanswered_code=code)
    checkout_request_id = await daraja.prompted()
    await daraja.act(checkout_request_id, "ignore")
    assert (await daraja.prompt(checkout_request_id))["state"] == "live"
    assert said((await daraja.told(1))[0])["ResultCode"] == int(code)


@pytest.mark.parametrize("phone", [UNANSWERED, PHONE])
async def test_an_unreachable_phone_is_told_after_26_seconds(daraja: Daraja, phone: str) -> None:
    if phone != UNANSWERED:
        await daraja.switch(phone, line="unreachable")
    started = time.time()
    checkout_request_id = await daraja.prompted(PhoneNumber=phone)
    assert (await daraja.prompt(checkout_request_id))["shown"] is False
    callback = (await daraja.told(1))[0]
    assert said(callback)["ResultCode"] == 1037
    assert callback.at - started >= 0.26


@pytest.mark.parametrize(
    ("answer", "code"), [("approve", 0), ("wrong_pin", 2001), ("cancel", 1032), ("SFC_IC0003", "SFC_IC0003")]
)
async def test_a_number_can_answer_by_itself(daraja: Daraja, answer: str, code: int | str) -> None:
    await daraja.switch(PHONE, answer=answer)
    await daraja.prompted()
    await daraja.prompted(PhoneNumber="254110345678")
    assert said((await daraja.told(1))[0])["ResultCode"] == code
    assert [row["phone"] for row in await daraja.listed("prompts", state="live")] == ["254110345678"]


async def test_an_amount_can_decide_how_a_prompt_is_answered(daraja: Daraja) -> None:
    await daraja.switch(answer="approve", answers_by_amount={"13": "cancel", "14": "26"})
    for amount, code in (("13", 1032), ("14", 26), ("15", 0)):
        checkout_request_id = await daraja.prompted(Amount=amount)
        assert (await daraja.ended(checkout_request_id))["code"] == str(code)


async def test_an_empty_purse_turns_approval_into_1(daraja: Daraja) -> None:
    await daraja.switch(PHONE, line="low_balance", answer="approve")
    await daraja.prompted()
    assert said((await daraja.told(1))[0])["ResultCode"] == 1


async def test_a_payment_can_succeed_after_it_had_failed(daraja: Daraja) -> None:
    await daraja.switch(late_success_after_s=1)
    checkout_request_id = await daraja.prompted()
    await daraja.act(checkout_request_id, "unreachable")
    callbacks = await daraja.told(2)
    assert [said(one)["ResultCode"] for one in callbacks] == [1037, 0]
    assert (await daraja.query(checkout_request_id)).json()["ResultCode"] == "0"
    assert (await daraja.act(checkout_request_id, "late_success")).status_code == 409


@pytest.mark.parametrize("first", ["late_success", "cancel"])
async def test_a_late_success_can_be_had_by_hand(daraja: Daraja, first: str) -> None:
    checkout_request_id = await daraja.prompted()
    await daraja.act(checkout_request_id, first)
    await daraja.ended(checkout_request_id)
    await daraja.act(checkout_request_id, "late_success")
    assert said((await daraja.told(2))[1])["ResultCode"] == 0
    assert len(await daraja.listed("payments")) == 1


@pytest.mark.parametrize("answers", [[500], [503]])
async def test_a_callback_is_not_tried_again(daraja: Daraja, answers: list[int]) -> None:
    daraja.merchant.answers = list(answers)
    await daraja.act(await daraja.prompted(), "cancel")
    await daraja.told(1)

    async def given_up() -> list[dict[str, Any]]:
        return await daraja.listed("callbacks", state="gave_up")

    assert len((await eventually(given_up))[0]["tries"]) == 1


async def test_a_callback_can_be_tried_three_times_more(daraja: Daraja) -> None:
    daraja.merchant.answers = [500, 500, 500]
    await daraja.switch(callback_retries=3)
    await daraja.act(await daraja.prompted(), "cancel")
    assert len({callback.body for callback in await daraja.told(4)}) == 1


async def test_a_callback_can_be_lost_and_sent_by_hand(daraja: Daraja) -> None:
    await daraja.switch(callback_lost=True)
    checkout_request_id = await daraja.prompted()
    await daraja.act(checkout_request_id, "approve")
    await daraja.ended(checkout_request_id)
    lost = (await daraja.listed("callbacks"))[0]
    assert (lost["state"], lost["event"], lost["tries"]) == ("lost", checkout_request_id, [])
    sent = (await daraja.client.post(f"/_sim/callbacks/{lost['id']}/redeliver")).json()
    assert sent["state"] == "delivered"
    assert daraja.merchant.at("/hook")[0].body.decode() == lost["body"]


async def test_a_callback_can_be_late_and_come_more_than_once(daraja: Daraja) -> None:
    await daraja.switch(PHONE, callback_delay_s=30, callback_copies=3)
    checkout_request_id = await daraja.prompted()
    started = time.time()
    await daraja.act(checkout_request_id, "cancel")
    callbacks = await daraja.told(3)
    assert callbacks[0].at - started >= 0.29
    assert len({callback.body for callback in callbacks}) == 1


@pytest.mark.parametrize(("answer", "code"), [("by_hand", 0), ("cancel", 1032)])
async def test_a_callback_can_beat_the_answer_to_the_push(daraja: Daraja, answer: str, code: int) -> None:
    await daraja.switch(callback_before_answer=True, answer=answer)
    answered = await daraja.push()
    callback = daraja.merchant.at("/hook")[0]
    assert said(callback)["ResultCode"] == code
    assert said(callback)["CheckoutRequestID"] == answered.json()["CheckoutRequestID"]


@pytest.mark.parametrize(
    ("switches", "name", "value"),
    [
        ({"callback_phone": "masked"}, "PhoneNumber", "0722000***"),
        ({"callback_phone": "absent"}, "PhoneNumber", ...),
        ({"callback_balance": "absent"}, "Balance", ...),
        ({"callback_balance": "no_value"}, "Balance", None),
        (
            {"callback_balance": "text"},
            "Balance",
            "{Amount={CurrencyCode=KES, MinimumAmount=618683, BasicAmount=6186.83}}",
        ),
        ({"callback_amount": "99.50"}, "Amount", 99.5),
        ({"callback_amount_as": "string"}, "Amount", "100.00"),
        ({"callback_amount_as": "whole"}, "Amount", 100),
        ({"callback_receipt": "absent"}, "MpesaReceiptNumber", ...),
    ],
)
async def test_the_items_of_a_callback_can_differ(
    daraja: Daraja, switches: dict[str, str], name: str, value: Any
) -> None:
    await daraja.switch(**switches)
    await daraja.act(await daraja.prompted(), "approve")
    assert items((await daraja.told(1))[0]).get(name, ...) == value


async def test_the_date_of_a_callback_can_be_a_text(daraja: Daraja) -> None:
    await daraja.switch(callback_date_as="text")
    await daraja.act(await daraja.prompted(), "approve")
    assert time.strptime(items((await daraja.told(1))[0])["TransactionDate"], "%Y-%m-%d %H:%M:%S")


async def test_items_can_be_shuffled_and_codes_texts(daraja: Daraja) -> None:
    await daraja.switch(callback_items="shuffled", callback_codes_as="string", callback_old_text=True)
    await daraja.act(await daraja.prompted(), "approve")
    callback = (await daraja.told(1))[0]
    assert said(callback)["ResultCode"] == "0"
    assert set(items(callback)) == {
        "Amount",
        "MpesaReceiptNumber",
        "Balance",
        "TransactionDate",
        "PhoneNumber",
    }
    await daraja.act(await daraja.prompted(Amount="3"), "cancel")
    assert said((await daraja.told(2))[1])["ResultDesc"] == "[STK_CB - ]Request cancelled by user"


async def test_the_path_of_the_callback_arrives_unchanged(daraja: Daraja) -> None:
    token = "3f9c" * 8
    await daraja.act(await daraja.prompted(CallBackURL=f"{daraja.merchant_url}/dj/{token}?a=1"), "cancel")
    assert (await daraja.told(1, f"/dj/{token}"))[0].query == {"a": "1"}


async def test_a_shop_that_cannot_be_reached_is_accepted_and_recorded(daraja: Daraja) -> None:
    await daraja.act(await daraja.prompted(CallBackURL="http://127.0.0.1:1/hook"), "cancel")

    async def given_up() -> list[dict[str, Any]]:
        return await daraja.listed("callbacks", state="gave_up")

    assert (await eventually(given_up))[0]["tries"][0]["error"].startswith("ConnectError")


async def test_what_the_payer_does_too_late_counts_for_nothing(daraja: Daraja) -> None:
    checkout_request_id = await daraja.prompted()
    assert (await daraja.act(checkout_request_id, "cancel")).status_code == 200
    assert (await daraja.act(checkout_request_id, "approve")).status_code == 409
    await daraja.ended(checkout_request_id)
    assert (await daraja.act(checkout_request_id, "approve")).status_code == 409
    assert (await daraja.act(checkout_request_id, "dance")).status_code == 404
    assert (await daraja.act("ws_CO_1", "approve")).status_code == 404
    assert (await daraja.listed("payments")) == []


REGISTER = "/mpesa/c2b/v2/registerurl"
SIMULATE = "/mpesa/c2b/v2/simulate"


def urls(daraja: Daraja, **fields: Any) -> dict[str, Any]:
    usual = {
        "ShortCode": SHORTCODE,
        "ResponseType": "Completed",
        "ConfirmationURL": f"{daraja.merchant_url}/confirm",
        "ValidationURL": f"{daraja.merchant_url}/validate",
    }
    return {**usual, **fields}


async def test_a_registered_shop_is_told_of_a_paid_prompt_twice(daraja: Daraja) -> None:
    registered = (await daraja.call(REGISTER, urls(daraja))).json()
    assert set(registered) == {"OriginatorCoversationID", "ResponseCode", "ResponseDescription"}
    assert (registered["ResponseCode"], registered["ResponseDescription"]) == ("0", "Success")
    receipt = await daraja.paid(Amount="5")
    confirmed = json.loads((await daraja.told(1, "/confirm"))[0].body)
    assert all(isinstance(value, str) for value in confirmed.values())
    assert (confirmed["TransID"], confirmed["TransAmount"]) == (receipt, "5.00")
    assert (confirmed["BillRefNumber"], confirmed["MSISDN"]) == ("ORDER17", "2547 ***** 126")
    assert set(confirmed) == {
        *("TransactionType", "TransID", "TransTime", "TransAmount", "BusinessShortCode", "BillRefNumber"),
        *("InvoiceNumber", "OrgAccountBalance", "ThirdPartyTransID", "MSISDN"),
        *("FirstName", "MiddleName", "LastName"),
    }


@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_a_payment_without_a_prompt_is_confirmed(daraja: Daraja, version: str) -> None:
    await daraja.call(f"/mpesa/c2b/{version}/registerurl", urls(daraja))
    fields = {
        "ShortCode": int(SHORTCODE),
        "CommandID": "CustomerPayBillOnline",
        "Amount": 70,
        "Msisdn": PHONE,
        "BillRefNumber": "A17",
    }
    answer = await daraja.call(f"/mpesa/c2b/{version}/simulate", fields)
    assert answer.json()["ResponseDescription"] == "Accept the service request successfully."
    assert json.loads((await daraja.told(1, "/confirm"))[0].body)["TransAmount"] == "70.00"
    assert [row["source"] for row in await daraja.listed("payments")] == ["c2b"]
    assert daraja.merchant.at("/validate") == []


async def test_a_shop_can_be_asked_first_and_refuses_what_it_does_not_accept(daraja: Daraja) -> None:
    await daraja.switch(c2b_validation=True)
    await daraja.call(REGISTER, urls(daraja))
    fields = {"ShortCode": SHORTCODE, "CommandID": "CustomerPayBillOnline", "Amount": 7, "Msisdn": PHONE}
    await daraja.call(SIMULATE, fields)
    assert len(daraja.merchant.at("/validate")) == 1
    assert await daraja.listed("payments") == []


@pytest.mark.parametrize(("response_type", "payments"), [("Completed", 1), ("Cancelled", 0)])
async def test_a_shop_that_does_not_answer_gets_what_it_registered(
    daraja: Daraja, response_type: str, payments: int
) -> None:
    await daraja.switch(c2b_validation=True)
    silent = {"ValidationURL": "http://127.0.0.1:1/validate", "ResponseType": response_type}
    await daraja.call(REGISTER, urls(daraja, **silent))
    fields = {"ShortCode": SHORTCODE, "CommandID": "CustomerPayBillOnline", "Amount": 7, "Msisdn": PHONE}
    await daraja.call(SIMULATE, fields)
    assert len(await daraja.listed("payments")) == payments


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"ResponseType": "completed"}, "400.002.02"),
        ({"ConfirmationURL": "x"}, "400.002.02"),
        ({"ShortCode": "600000"}, "500.001.1001"),
    ],
)
async def test_wrong_urls_are_not_registered(daraja: Daraja, fields: dict[str, str], code: str) -> None:
    assert (await daraja.call(REGISTER, urls(daraja, **fields))).json()["errorCode"] == code
    await daraja.paid()
    assert daraja.merchant.at("/confirm") == []


async def test_urls_can_be_registered_once_and_answered_in_other_shapes(daraja: Daraja) -> None:
    await daraja.switch(c2b_again="refused", c2b_response_code="missing")
    assert "ResponseCode" not in (await daraja.call(REGISTER, urls(daraja))).json()
    again = await daraja.call(REGISTER, urls(daraja))
    assert (again.status_code, again.json()["errorCode"]) == (500, "500.003.1001")

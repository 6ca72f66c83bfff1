"""Checklist row 9 and the sheet's sections 7 and 8: acknowledged at once, answered elsewhere later."""

import base64
import json
import re
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from payments.simulators.mpesa import certificate_of, new_private_key
from payments.simulators.mpesa.credentials import decrypted
from tests.integration.simulators.daraja import PHONE, SHORTCODE, Daraja
from tests.integration.simulators.serving import eventually

pytestmark = pytest.mark.anyio

PASSWORD = "Safaricom111!"
REVERSAL = "/mpesa/reversal/v1/request"
STATUS = "/mpesa/transactionstatus/v1/query"


def encrypted(certificate: bytes, password: str = PASSWORD) -> str:
    """Return what an initiator sends: the password under the certificate's key, PKCS#1 v1.5, in base64."""
    key = x509.load_pem_x509_certificate(certificate).public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    return base64.b64encode(key.encrypt(password.encode(), padding.PKCS1v15())).decode()


async def credential(daraja: Daraja, password: str = PASSWORD) -> str:
    return encrypted((await daraja.client.get("/_sim/certificate")).content, password)


async def reversal_fields(daraja: Daraja, receipt: str, **fields: Any) -> dict[str, Any]:
    usual = {
        "Initiator": "testapi",
        "SecurityCredential": fields.get("SecurityCredential") or await credential(daraja),
        "CommandID": "TransactionReversal",
        "TransactionID": receipt,
        "Amount": "100",
        "ReceiverParty": SHORTCODE,
        "RecieverIdentifierType": "11",
        "ResultURL": f"{daraja.merchant_url}/result",
        "QueueTimeOutURL": f"{daraja.merchant_url}/timeout",
        "Remarks": "refund 123",
        "Occasion": "",
    }
    return {name: value for name, value in {**usual, **fields}.items() if value is not ...}


async def reverse(daraja: Daraja, receipt: str, **fields: Any) -> str:
    """Return the `ConversationID` of a reversal that was acknowledged."""
    answer = await daraja.call(REVERSAL, await reversal_fields(daraja, receipt, **fields))
    assert answer.status_code == 200, answer.text
    return str(answer.json()["ConversationID"])


async def ask(daraja: Daraja, **fields: Any) -> str:
    usual = await reversal_fields(daraja, "", CommandID="TransactionStatusQuery", PartyA=SHORTCODE)
    body = {**usual, "IdentifierType": "4", **fields}
    for name in ("Amount", "ReceiverParty", "RecieverIdentifierType"):
        del body[name]
    answer = await daraja.call(STATUS, {name: value for name, value in body.items() if value is not ...})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["ConversationID"])


async def results(daraja: Daraja, count: int, path: str = "/result") -> list[dict[str, Any]]:
    return [json.loads(one.body)["Result"] for one in await daraja.told(count, path)]


def values(result: dict[str, Any]) -> dict[str, Any]:
    found = result["ResultParameters"]["ResultParameter"]
    return {one["Key"]: one.get("Value") for one in found}


def test_the_vector_of_the_credential_holds() -> None:
    key = new_private_key()
    made = encrypted(certificate_of(key))
    assert len(made) == 344
    assert made != encrypted(certificate_of(key))
    assert decrypted(key, made) == PASSWORD
    assert decrypted(new_private_key(), made) != PASSWORD
    assert decrypted(key, "no base64") is None


async def test_a_reversal_is_acknowledged_and_its_result_comes_later(daraja: Daraja) -> None:
    receipt = await daraja.paid(Amount="100")
    answer = await daraja.call(REVERSAL, await reversal_fields(daraja, receipt))
    acknowledged = answer.json()
    assert re.fullmatch(r"AG_[0-9]{8}_2010[0-9a-f]{16}", acknowledged["ConversationID"])
    assert re.fullmatch(r"([0-9a-f]{4}-){3}[0-9a-f]{12}[0-9]{6}", acknowledged["OriginatorConversationID"])
    assert acknowledged["ResponseCode"] == "0"
    assert acknowledged["ResponseDescription"] == "Accept the service request successfully."
    result = (await results(daraja, 1))[0]
    assert (result["ResultType"], result["ResultCode"]) == (0, 0)
    assert result["ConversationID"] == acknowledged["ConversationID"]
    assert result["OriginatorConversationID"] == acknowledged["OriginatorConversationID"]
    assert result["TransactionID"] != receipt
    assert values(result) == {
        "DebitAccountBalance": "Utility Account|KES|1000000.00|1000000.00|0.00|0.00",
        "Amount": 100.0,
        "TransCompletedTime": values(result)["TransCompletedTime"],
        "OriginalTransactionID": receipt,
        "Charge": 0.0,
        "CreditPartyPublicName": f"{PHONE} - JOHN DOE",
        "DebitPartyPublicName": "174379 - PAYMENTS SANDBOX",
    }
    assert re.fullmatch(r"[0-9]{14}", str(values(result)["TransCompletedTime"]))
    assert result["ReferenceData"]["ReferenceItem"]["Key"] == "QueueTimeoutURL"
    raw = daraja.merchant.at("/result")[0].body
    assert b'{"Key":"Amount","Value":100.00}' in raw
    told = (await daraja.client.get(f"/_sim/phones/{PHONE}/messages")).json()["messages"]
    assert f"Your transaction {receipt}" in told[-1]["text"]


@pytest.mark.parametrize(
    ("fields", "said_of_it"),
    [
        ({"Initiator": ...}, "Initiator"),
        ({"CommandID": "Reversal"}, "CommandID"),
        ({"TransactionID": ""}, "TransactionID"),
        ({"Amount": "1.00"}, "Amount"),
        ({"RecieverIdentifierType": ..., "ReceiverIdentifierType": "11"}, "RecieverIdentifierType"),
        ({"RecieverIdentifierType": "12"}, "RecieverIdentifierType"),
        ({"ResultURL": ...}, "ResultURL"),
        ({"QueueTimeOutURL": "a b"}, "QueueTimeOutURL"),
        ({"Remarks": "x"}, "Remarks"),
        ({"Remarks": "x" * 101}, "Remarks"),
        ({"Occasion": "x" * 101}, "Occasion"),
    ],
)
async def test_a_bad_field_of_a_reversal_is_named(
    daraja: Daraja, fields: dict[str, Any], said_of_it: str
) -> None:
    answer = await daraja.call(REVERSAL, await reversal_fields(daraja, "UC1AB2CD3E", **fields))
    assert answer.status_code == 400
    assert answer.json()["errorMessage"] == f"Bad Request - Invalid {said_of_it}"


async def test_the_other_identifier_type_passes_outside_strict_mode(daraja: Daraja) -> None:
    await reverse(daraja, "UC1AB2CD3E", RecieverIdentifierType=4, Occasion=None)
    await daraja.switch(strict=True)
    fields = await reversal_fields(daraja, "UC1AB2CD3E", RecieverIdentifierType="4")
    answer = await daraja.call(REVERSAL, fields)
    assert answer.json()["errorMessage"].endswith("Invalid RecieverIdentifierType")


async def test_an_unknown_receipt_and_a_second_reversal_have_their_codes(daraja: Daraja) -> None:
    receipt = await daraja.paid()
    await reverse(daraja, "UC1AB2CD3E")
    unknown = (await results(daraja, 1))[0]
    assert (unknown["ResultCode"], "ResultParameters" in unknown) == ("R000002", False)
    for _ in range(2):
        await reverse(daraja, receipt)
    codes = [result["ResultCode"] for result in (await results(daraja, 3))[1:]]
    assert sorted(codes, key=str) == [0, "R000001"]
    states = [row["state"] for row in await daraja.listed("reversals", transaction_id=receipt)]
    assert sorted(states) == ["completed", "failed"]
    assert (await daraja.listed("payments"))[0]["reversed_amount"] == 100


@pytest.mark.parametrize(
    ("switches", "fields", "code"),
    [
        ({"merchant_balance": "low"}, {}, 1),
        ({}, {"Amount": "99"}, 2028),
        ({}, {"Amount": "101"}, 2028),
        ({"partial_reversal": "allowed"}, {"Amount": "99"}, 0),
        ({"partial_reversal": "allowed"}, {"Amount": "101"}, 2028),
        ({}, {"ReceiverParty": "600996"}, 2028),
        *(({"result_code": code}, {}, int(code)) for code in ("1", "11", "21", "2006", "2028", "8006")),
    ],
)
async def test_a_reversal_fails_for_many_reasons(
    daraja: Daraja, switches: dict[str, str], fields: dict[str, Any], code: int
) -> None:
    receipt = await daraja.paid()
    await daraja.switch(PHONE, **switches)
    await reverse(daraja, receipt, **fields)
    assert (await results(daraja, 1))[0]["ResultCode"] == code
    moved = (await daraja.listed("payments"))[0]["reversed_amount"]
    assert moved == (int(fields["Amount"]) if code == 0 else 0)


async def test_a_wrong_initiator_is_told_and_locked_after_three(daraja: Daraja) -> None:
    receipt = await daraja.paid()
    wrong = await credential(daraja, "another")
    tries: tuple[dict[str, Any], ...] = (
        {"SecurityCredential": wrong},
        {"SecurityCredential": "bm90IGVuY3J5cHRlZA=="},
        {"Initiator": "somebody"},
        {},
    )
    for fields in tries:
        await reverse(daraja, receipt, **fields)
    codes = [result["ResultCode"] for result in await results(daraja, 4)]
    assert sorted(codes) == [2001, 2001, 2001, 8006]
    await daraja.client.post("/_sim/initiator/unlock")
    await reverse(daraja, receipt)
    assert (await results(daraja, 5))[4]["ResultCode"] == 0


@pytest.mark.parametrize("made", [base64.b64encode(PASSWORD.encode()).decode(), f"{PASSWORD}20260301003005"])
async def test_what_other_clients_encrypt_passes_by_a_switch(daraja: Daraja, made: str) -> None:
    receipt = await daraja.paid()
    await reverse(daraja, receipt, SecurityCredential=await credential(daraja, made))
    assert (await results(daraja, 1))[0]["ResultCode"] == 2001
    await daraja.switch(credential_style="any")
    await reverse(daraja, receipt, SecurityCredential=await credential(daraja, made))
    assert (await results(daraja, 2))[1]["ResultCode"] == 0


@pytest.mark.parametrize(("goes", "moved"), [("queue_timeout", 0), ("queue_timeout_carried_out", 100)])
async def test_a_request_can_time_out_in_the_queue(daraja: Daraja, goes: str, moved: int) -> None:
    receipt = await daraja.paid()
    await daraja.switch(result_goes=goes)
    conversation_id = await reverse(daraja, receipt)
    timed_out = (await results(daraja, 1, "/timeout"))[0]
    assert (timed_out["ResultType"], timed_out["ConversationID"]) == (1, conversation_id)
    assert daraja.merchant.at("/result") == []
    assert (await daraja.listed("payments"))[0]["reversed_amount"] == moved


async def test_a_result_can_be_lost_although_the_money_went_back(daraja: Daraja) -> None:
    receipt = await daraja.paid()
    await daraja.switch(result_goes="lost")
    await reverse(daraja, receipt)

    async def done() -> list[dict[str, Any]]:
        return await daraja.listed("reversals", state="completed")

    await eventually(done)
    lost = (await daraja.listed("callbacks", kind="result"))[0]
    assert lost["state"] == "lost"
    assert daraja.merchant.at("/result") == []
    await daraja.client.post(f"/_sim/callbacks/{lost['id']}/redeliver")
    assert (await results(daraja, 1))[0]["ResultCode"] == 0


@pytest.mark.parametrize(
    ("action", "body", "path", "code"),
    [
        ("settle", {}, "/result", 0),
        ("fail", {"code": "11"}, "/result", 11),
        ("fail", {"code": "R000001"}, "/result", "R000001"),
        ("time_out", {}, "/timeout", 1),
    ],
)
async def test_a_request_can_wait_for_a_hand(
    daraja: Daraja, action: str, body: dict[str, str], path: str, code: int | str
) -> None:
    receipt = await daraja.paid()
    await daraja.switch(result_by_hand=True)
    conversation_id = await reverse(daraja, receipt)
    assert (await daraja.listed("reversals"))[0]["state"] == "pending"
    url = f"/_sim/reversals/{conversation_id}/{action}"
    assert (await daraja.client.post(url, json=body)).status_code == 200
    assert (await results(daraja, 1, path))[0]["ResultCode"] == code
    assert (await daraja.client.post(url, json=body)).status_code == 409


async def test_a_result_can_come_in_other_shapes(daraja: Daraja) -> None:
    receipt = await daraja.paid()
    await daraja.switch(
        result_codes_as="string", result_values_as="string", result_reference="list", result_copies=2
    )
    await reverse(daraja, receipt)
    first, second = await results(daraja, 2)
    assert first == second
    assert (first["ResultCode"], values(first)["Amount"]) == ("0", "100.00")
    assert isinstance(first["ReferenceData"]["ReferenceItem"], list)


async def test_a_result_can_carry_one_parameter_instead_of_a_list(daraja: Daraja) -> None:
    receipt = await daraja.paid()
    await daraja.switch(result_parameters="one_object")
    await reverse(daraja, receipt)
    assert isinstance((await results(daraja, 1))[0]["ResultParameters"]["ResultParameter"], dict)


async def test_a_status_tells_the_state_of_a_payment_in_texts(daraja: Daraja) -> None:
    receipt = await daraja.paid(Amount="300")
    await ask(daraja, TransactionID=receipt)
    told = values((await results(daraja, 1))[0])
    assert list(told) == [
        *("DebitPartyName", "CreditPartyName", "OriginatorConversationID", "ConversationID"),
        *("InitiatedTime", "FinalisedTime", "DebitAccountType", "DebitPartyCharges", "TransactionReason"),
        *("ReasonType", "TransactionStatus", "Amount", "ReceiptNo"),
    ]
    assert (told["TransactionStatus"], told["Amount"], told["ReceiptNo"]) == ("Completed", "300", receipt)
    assert told["TransactionReason"] is None
    assert all(value is None or isinstance(value, str) for value in told.values())


async def test_a_status_finds_a_reversal_by_its_conversation(daraja: Daraja) -> None:
    receipt = await daraja.paid()
    await reverse(daraja, receipt)
    reversal = (await results(daraja, 1))[0]
    await ask(daraja, TransactionID=..., OriginalConversationID=reversal["OriginatorConversationID"])
    told = values((await results(daraja, 2))[1])
    assert (told["ReasonType"], told["ReceiptNo"]) == ("Reversal", reversal["TransactionID"])


@pytest.mark.parametrize("status", ["Completed", "Cancelled"])
async def test_what_a_reversed_payment_is_called_is_a_switch(daraja: Daraja, status: str) -> None:
    receipt = await daraja.paid()
    assert (await daraja.client.post(f"/_sim/payments/{receipt}/reverse")).status_code == 200
    assert (await daraja.client.post(f"/_sim/payments/{receipt}/reverse")).status_code == 409
    await daraja.switch(status_of_reversed=status)
    await ask(daraja, TransactionID=receipt)
    assert values((await results(daraja, 1))[0])["TransactionStatus"] == status


async def test_a_status_of_nothing_known_has_no_parameters(daraja: Daraja) -> None:
    pushed = (await daraja.push()).json()
    await daraja.act(pushed["CheckoutRequestID"], "approve")
    await daraja.told(1)
    merchant_request_id = pushed["MerchantRequestID"]
    await ask(daraja, TransactionID="", OriginalConversationID=merchant_request_id)
    assert (await results(daraja, 1))[0]["ResultCode"] == "R000002"
    await daraja.switch(status_by_merchant_request_id=True)
    await ask(daraja, TransactionID=None, OriginalConversationID=merchant_request_id)
    assert (await results(daraja, 2))[1]["ResultCode"] == 0


async def test_a_status_needs_something_to_look_for(daraja: Daraja) -> None:
    fields = await reversal_fields(
        daraja, "", CommandID="TransactionStatusQuery", PartyA=SHORTCODE, IdentifierType="4"
    )
    answer = await daraja.call(STATUS, fields)
    assert answer.json()["errorMessage"] == "Bad Request - Invalid TransactionID"


async def test_the_certificate_outlives_a_reset(daraja: Daraja) -> None:
    made = await credential(daraja)
    await daraja.reset()
    receipt = await daraja.paid()
    await reverse(daraja, receipt, SecurityCredential=made)
    assert (await results(daraja, 1))[0]["ResultCode"] == 0

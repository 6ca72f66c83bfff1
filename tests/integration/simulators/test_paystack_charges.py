"""Direct charges and disputes over the API (sheet 7, 9)."""

from typing import Any

import httpx
import pytest

from tests.integration.simulators.paystack import PaystackSandbox, keys

pytestmark = pytest.mark.anyio

CHARGED = keys(
    "status id amount currency transaction_date reference domain metadata gateway_response message channel "
    "ip_address log fees authorization customer plan"
)


async def charge(
    sandbox: PaystackSandbox, reference: str, currency: str = "KES", **how: Any
) -> httpx.Response:
    body = {"email": "buyer@example.com", "amount": 500000, "currency": currency, "reference": reference}
    return await sandbox.client.post("/charge", json={**body, **how})


async def step(sandbox: PaystackSandbox, name: str, value: str, reference: str = "ord-1") -> httpx.Response:
    return await sandbox.client.post(f"/charge/submit_{name}", json={name: value, "reference": reference})


def wallet(provider: str, phone: str = "+254710000000") -> dict[str, Any]:
    return {"mobile_money": {"provider": provider, "phone": phone}}


async def test_m_pesa_goes_to_the_phone_and_is_looked_up(paystack: PaystackSandbox) -> None:
    answer = await charge(paystack, "ord-1", **wallet("mpesa"))
    assert answer.json() == {
        "status": True,
        "message": "Charge attempted",
        "data": {
            "reference": "ord-1",
            "status": "pay_offline",
            "display_text": "Please complete authorization process on your mobile phone",
        },
    }
    assert (await paystack.verified("ord-1"))["status"] == "ongoing"
    pending = (await paystack.client.get("/charge/ord-1")).json()
    assert (pending["message"], pending["data"]["status"]) == ("Reference check successful", "pending")
    await paystack.act("ord-1", "pay", channel="mobile_money")
    checked = (await paystack.client.get("/charge/ord-1")).json()["data"]
    assert (checked["status"], checked["authorization"]["bank"]) == ("success", "M-PESA")
    assert len(await paystack.hooks(1)) == 1


@pytest.mark.parametrize(
    ("provider", "currency", "status"),
    [
        ("mpesa_offline", "KES", "pay_offline"),
        ("mptill", "KES", "pay_offline"),
        ("atl", "KES", "pay_offline"),
        ("atl", "GHS", "success"),
        ("mtn", "GHS", "success"),
        ("mtn", "XOF", "pay_offline"),
        ("vod", "GHS", "send_otp"),
        ("orange", "XOF", "send_otp"),
        ("wave", "XOF", "pay_offline"),
    ],
)
async def test_each_provider_begins_its_own_way(
    paystack: PaystackSandbox, provider: str, currency: str, status: str
) -> None:
    data = (await charge(paystack, "ord-1", currency, **wallet(provider))).json()["data"]
    assert data["status"] == status
    assert ("account_reference" in data) == (provider == "mpesa_offline")


@pytest.mark.parametrize(("provider", "currency"), [("mpesa", "GHS"), ("mtn", "KES"), ("nobody", "KES")])
async def test_a_provider_of_another_currency_is_refused(
    paystack: PaystackSandbox, provider: str, currency: str
) -> None:
    answer = await charge(paystack, "ord-1", currency, **wallet(provider))
    assert (answer.status_code, answer.json()["message"]) == (400, "Invalid provider")
    assert (await paystack.verify("ord-1")).status_code == 400


async def test_too_short_a_phone_number_fails_with_200(paystack: PaystackSandbox) -> None:
    answer = await charge(paystack, "ord-1", **wallet("mpesa", "0710"))
    assert (answer.status_code, answer.json()["data"]["status"]) == (200, "failed")


async def test_why_mobile_money_did_not_pay_is_in_the_message(paystack: PaystackSandbox) -> None:
    await charge(paystack, "ord-1", **wallet("mpesa"))
    await paystack.act("ord-1", "fail", channel="mobile_money", reason="Insufficient funds")
    data = await paystack.verified("ord-1")
    assert (data["status"], data["message"]) == ("failed", "Insufficient funds")


async def test_a_card_is_charged_step_by_step(paystack: PaystackSandbox) -> None:
    card = {"number": "507850785078507804", "cvv": "884", "expiry_month": "01", "expiry_year": "2031"}
    assert (await charge(paystack, "ord-1", card=card)).json()["data"]["status"] == "send_pin"
    assert (await step(paystack, "pin", "0000")).json()["data"]["status"] == "send_phone"
    assert (await step(paystack, "phone", "0551234987")).json()["data"]["status"] == "send_otp"
    data = (await step(paystack, "otp", "123456")).json()["data"]
    assert set(data) == CHARGED
    assert data["status"] == "success"
    again = await step(paystack, "otp", "123456")
    assert again.status_code == 400


async def test_one_wrong_pin_kills_a_charge_and_its_reference(paystack: PaystackSandbox) -> None:
    card = {"number": "507850785078507812", "cvv": "081"}
    await charge(paystack, "ord-1", card=card)
    answer = await step(paystack, "pin", "9999")
    assert (answer.status_code, answer.json()["data"]["status"]) == (400, "failed")
    assert (await step(paystack, "pin", "1111")).status_code == 400
    again = await charge(paystack, "ord-1", card=card)
    assert again.json()["code"] == "duplicate_reference"


@pytest.mark.parametrize(
    ("how", "status"),
    [
        ({"card": {"number": "4084084084084081", "cvv": "408"}}, "success"),
        ({"card": {"number": "4084084084084081", "cvv": "1"}}, "failed"),
        ({"card": {"number": "4084080000005408", "cvv": "001"}}, "failed"),
        ({"card": {"number": "5192602720584796", "cvv": "123"}}, "open_url"),
        ({"bank": {"code": "057", "account_number": "0000000000"}}, "send_birthday"),
        ({"bank": {"code": "057", "account_number": "1"}}, "failed"),
    ],
)
async def test_cards_and_accounts_end_as_the_sheet_says(
    paystack: PaystackSandbox, how: dict[str, Any], status: str
) -> None:
    answer = await charge(paystack, "ord-1", **how)
    assert (answer.status_code, answer.json()["data"]["status"]) == (200, status)


async def test_a_bank_account_is_confirmed_by_birthday_and_code(paystack: PaystackSandbox) -> None:
    await charge(paystack, "ord-1", "NGN", bank={"code": "057", "account_number": "0000000000"})
    assert (await step(paystack, "birthday", "2007-04-15")).json()["data"]["status"] == "send_otp"
    assert (await step(paystack, "otp", "123456")).json()["data"]["status"] == "success"


async def test_a_step_of_an_unknown_charge_or_a_charge_without_a_way_is_refused(
    paystack: PaystackSandbox,
) -> None:
    unknown = await step(paystack, "otp", "1", "nobody")
    assert (unknown.status_code, unknown.json()["message"]) == (400, "Transaction reference is invalid")
    assert (await paystack.client.get("/charge/nobody")).status_code == 400
    assert (await charge(paystack, "ord-1")).status_code == 400


async def again(
    sandbox: PaystackSandbox, code: str | None, email: str = "buyer@example.com"
) -> httpx.Response:
    body = {"email": email, "amount": 1000, "currency": "KES", "reference": "again"}
    return await sandbox.client.post(
        "/transaction/charge_authorization", json={**body, "authorization_code": code}
    )


async def test_a_card_that_paid_is_charged_again(paystack: PaystackSandbox) -> None:
    code = (await paystack.paid("ord-1"))["authorization"]["authorization_code"]
    refused = [
        (None, "buyer@example.com", "Authorization Code is required"),
        ("AUTH_nobody", "buyer@example.com", "Authorization code is invalid"),
        (
            code,
            "other@example.com",
            (
                "Email does not match Authorization code. Authorization may be inactive or belong to a "
                "different email. Please confirm."
            ),
        ),
    ]
    for wrong, email, message in refused:
        answer = await again(paystack, wrong, email)
        assert (answer.status_code, answer.json()["message"]) == (400, message)
    answer = await again(paystack, code)
    assert (answer.status_code, answer.json()["message"]) == (200, "Charge attempted")
    assert set(answer.json()["data"]) == CHARGED
    assert answer.json()["data"]["status"] == "success"
    assert (await again(paystack, code)).json()["code"] == "duplicate_reference"


async def test_a_card_whose_bank_asks_pauses_the_charge(paystack: PaystackSandbox) -> None:
    await paystack.opened("ord-1")
    await paystack.act("ord-1", "pay", card="5192602720584796")
    code = (await paystack.verified("ord-1"))["authorization"]["authorization_code"]
    data = (await again(paystack, code)).json()["data"]
    assert set(data) == keys("paused reference authorization_url access_code")
    assert data["paused"] is True
    assert (await paystack.client.get(data["authorization_url"])).status_code == 200


async def test_mobile_money_cannot_be_charged_again(paystack: PaystackSandbox) -> None:
    await paystack.opened("ord-1")
    await paystack.act("ord-1", "pay", channel="mobile_money")
    code = (await paystack.verified("ord-1"))["authorization"]["authorization_code"]
    assert (await again(paystack, code)).status_code == 400


async def disputed(sandbox: PaystackSandbox) -> tuple[int, int]:
    number = (await sandbox.paid("ord-1"))["id"]
    answer = await sandbox.act("ord-1", "dispute", amount=400000)
    return number, answer.json()["disputes"][0]["id"]


async def test_disputes_are_read_three_ways(paystack: PaystackSandbox) -> None:
    transaction, number = await disputed(paystack)
    listed = (await paystack.client.get("/dispute", params={"transaction": transaction})).json()
    one = (await paystack.client.get(f"/dispute/{number}")).json()["data"]
    of_it = (await paystack.client.get(f"/dispute/transaction/{transaction}")).json()["data"]
    assert listed["data"] == [one]
    assert one == of_it
    assert (one["id"], one["refund_amount"], one["last4"]) == (number, 400000, "4081")
    assert listed["meta"]["total"] == 1
    resolved = await paystack.client.get("/dispute", params={"status": "resolved"})
    assert resolved.json()["data"] == []


@pytest.mark.parametrize("path", ["/dispute/7", "/dispute/transaction/7"])
async def test_an_unknown_dispute_is_not_found(paystack: PaystackSandbox, path: str) -> None:
    answer = await paystack.client.get(path)
    assert (answer.status_code, answer.json()["message"]) == (404, "Dispute not found")
    assert answer.json()["code"] == "not_found"


async def test_a_dispute_is_answered_with_evidence_and_declined(paystack: PaystackSandbox) -> None:
    _, number = await disputed(paystack)
    path = f"/dispute/{number}"
    evidence = dict.fromkeys(
        ("customer_email", "customer_name", "customer_phone", "service_details"), "something"
    )
    assert (await paystack.client.post(f"{path}/evidence", json={})).status_code == 400
    given = await paystack.client.post(f"{path}/evidence", json=evidence)
    assert given.json()["data"]["dispute"] == number
    assert (await paystack.client.get(path)).json()["data"]["status"] == "awaiting-bank-feedback"
    upload = await paystack.client.get(f"{path}/upload_url", params={"upload_filename": "a.pdf"})
    assert upload.json()["data"]["fileName"].endswith("a.pdf")
    changed = await paystack.client.put(path, json={"refund_amount": 300000})
    assert changed.json()["data"][0]["refund_amount"] == 300000
    assert (await paystack.client.put(path, json={"refund_amount": 500001})).status_code == 400

    body = {"resolution": "declined", "message": "It arrived", "uploaded_filename": "a.pdf"}
    wrong = await paystack.client.put(f"{path}/resolve", json={**body, "resolution": "auto-accepted"})
    assert wrong.status_code == 400
    answer = await paystack.client.put(f"{path}/resolve", json=body)
    assert (answer.json()["data"]["status"], answer.json()["data"]["resolution"]) == ("resolved", "declined")
    assert (await paystack.verified("ord-1"))["status"] == "success"
    assert (await paystack.client.put(f"{path}/resolve", json=body)).status_code == 400


async def test_a_dispute_that_is_accepted_takes_the_money_back(paystack: PaystackSandbox) -> None:
    _, number = await disputed(paystack)
    body = {"resolution": "merchant-accepted", "message": "Sorry", "refund_amount": 400000}
    answer = await paystack.client.put(f"/dispute/{number}/resolve", json=body)
    assert answer.json()["data"]["transaction"]["status"] == "reversed"
    assert (await paystack.verified("ord-1"))["status"] == "reversed"
    assert (await paystack.refund("ord-1")).json()["code"] == "transaction_reversed"

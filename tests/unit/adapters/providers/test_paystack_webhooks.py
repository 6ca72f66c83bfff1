"""Paystack's notices: the signature vectors (section 10.2) and what each event says (section 10.3)."""

import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.adapters.providers.paystack.webhooks import PaystackWebhooks
from payments.adapters.secret import Secret
from payments.application.ports.providers import Hint, RawNotice
from payments.application.records import Claim
from payments.domain.errors import NoticeForged, NoticeMalformed
from tests.unit.adapters.providers.paystack_account import KEY, REFERENCE, account

K1 = "sk_test_sandbox_0000000000000000000000000000000000000001"
K2 = "sk_test_sandbox_0000000000000000000000000000000000000002"

A_BODY = b'{"event":"charge.success","data":{"id":4099260516,"domain":"test","status":"success","reference":"ord-2026-000123","amount":500000,"currency":"NGN"}}'  # noqa: E501 -- exact bytes
A = (
    "8ecf32df63b32e8c3195037c1a693a4b9e3407d3ac3f8204835ef3df3c523b03"
    "160e7493372888444282059a3543a951db0f7f3f3b83fb8b1859bbece3fb470c"
)
B_BODY = b'{"event": "charge.success", "data": {"id": 4099260516, "domain": "test", "status": "success", "reference": "ord-2026-000123", "amount": 500000, "currency": "NGN"}}'  # noqa: E501 -- exact bytes
B = (
    "11d92e727f2a46151b9c3768394918a30b2f08c0e7542a719c64667344d94a53"
    "0a17f1fba2ed2ad8586f14b3405fc43af48cc47e3c5b66f39c14943737aa2a08"
)
C = (
    "b452614b112dec3548cf02a36ced34d3f301da5b7c2eefe1a0b45d793d515df2"
    "7b4fb01dfb616cd062c4507ccab6dd68f3ee9f73a3f786300a70a38d785e954b"
)
D_BODY = '{"event":"refund.processed","data":{"id":"18625648","status":"processed","transaction_reference":"ord-2026-000123","refund_reference":"132013318360","amount":"5000","currency":"KES","customer":{"first_name":"Zoë","last_name":"N\'Guessan","email":"zoe@example.com"},"integration":412829,"domain":"test"}}'.encode()  # noqa: E501 -- exact bytes
D = (
    "4280992af492d8e4088a1aff8df6b793d139afbc2db1e4bd9d5ab48f8dbebb90"
    "571bacf583b33443e1e95ecb92d888b6b8404c79d2fcb4b8fa20d94828a7378f"
)
E_BODY = b'{"event":"charge.success","data":{"reference":"ord-1","metadata":{"cancel_action":"https:\\/\\/shop.example\\/cancel","note":"Zo\\u00eb"},"amount":100.0}}\n'  # noqa: E501 -- exact bytes
E = (
    "d883ad06b8876ca108b3affc44e2711240e0a92dbeadd4f0e32be943287d467a"
    "b1eb70a39bdc6ed269ca8362f3179939cb640023e3f1478b139a0bf18c8c0789"
)

HEADER = "x-paystack-signature"

Headers = tuple[tuple[str, str], ...]


def read(body: bytes, headers: Headers, *keys: str) -> Hint:
    return PaystackWebhooks(tuple(Secret(key) for key in keys)).read(RawNotice(headers=headers, body=body))


def signed(body: bytes, key: str = K1) -> Headers:
    return ((HEADER, hmac.digest(key.encode(), body, "sha512").hex()),)


def hint(**body: Any) -> Hint:
    """What a signed ``body`` says."""
    raw = json.dumps(body).encode()
    return read(raw, signed(raw), K1)


@pytest.mark.parametrize(
    ("key", "body", "signature"),
    [(K1, A_BODY, A), (K1, B_BODY, B), (K2, A_BODY, C), (K1, D_BODY, D), (K1, E_BODY, E)],
    ids=["A", "B", "C", "D", "E"],
)
def test_every_vector_of_the_sheet_is_accepted_under_each_active_key(
    key: str, body: bytes, signature: str
) -> None:
    for keys in ([key], ["another-key-of-ours", key], [key, "another-key-of-ours"]):
        assert read(body, ((HEADER, signature),), *keys).claim is Claim.IGNORED


@pytest.mark.parametrize(
    ("key", "body", "headers"),
    [
        (K2, A_BODY, ((HEADER, A),)),
        (K1, A_BODY, ((HEADER, C),)),
        (K1, A_BODY, ((HEADER, B),)),
        (K1, B_BODY, ((HEADER, A),)),
        (K1, A_BODY + b" ", ((HEADER, A),)),
        (K1, A_BODY.replace(b"500000", b"900000"), ((HEADER, A),)),
        (K1, E_BODY.rstrip(), ((HEADER, E),)),
        (K1, json.dumps(json.loads(D_BODY)).encode(), ((HEADER, D),)),
        (K1, b"", ((HEADER, A),)),
        (K1, A_BODY, ()),
        (K1, A_BODY, ((HEADER, ""),)),
        (K1, A_BODY, ((HEADER, A.upper()),)),
        (K1, A_BODY, ((HEADER, A[:-1]),)),
        (K1, A_BODY, ((HEADER, A + "0"),)),
        (K1, A_BODY, ((HEADER, f" {A}"),)),
        (K1, A_BODY, ((HEADER, f"sha512={A}"),)),
        (K1, A_BODY, ((HEADER, "z" * 128),)),
        (K1, A_BODY, ((HEADER, "ß" * 128),)),
        (K1, A_BODY, ((HEADER, "\udcff" * 128),)),
        (K1, A_BODY, ((HEADER, A), (HEADER, A))),
        (K1, A_BODY, ((HEADER, "0" * 128), (HEADER, A))),
        (K1, A_BODY, ((HEADER, f"{A}, {A}"),)),
        (K1, A_BODY, (("authorization", f"Bearer {A}"),)),
        (K1, A_BODY, (("signature", A),)),
        (K1, A_BODY, ((HEADER, hmac.digest(K1.encode(), A_BODY, "sha256").hex()),)),
        ("", A_BODY, ((HEADER, hmac.digest(b"", A_BODY, "sha512").hex()),)),
    ],
)
def test_what_no_active_key_signed_is_forged(key: str, body: bytes, headers: Headers) -> None:
    with pytest.raises(NoticeForged):
        read(body, headers, key)


def test_without_a_key_every_notice_is_forged() -> None:
    with pytest.raises(NoticeForged):
        read(A_BODY, ((HEADER, A),))


def test_the_secret_key_itself_signs_notices() -> None:
    webhooks = account().provider.webhooks
    assert webhooks is not None
    assert webhooks.read(RawNotice(headers=signed(A_BODY, KEY), body=A_BODY)).claim is Claim.IGNORED


@given(body=st.binary(max_size=200), given_signature=st.text(max_size=140))
def test_no_signature_is_guessed(body: bytes, given_signature: str) -> None:
    with pytest.raises(NoticeForged):
        read(body, ((HEADER, given_signature),), K1)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[1]",
        b'"charge.success"',
        b"event=charge.success",
        b'{"event":"charge.success"',
        b'{"event":"a","event":"b"}',
        b'{"amount":NaN}',
        b"\xff\xfe{}",
        b"[" * 5000,
        b'{"event":"\\ud800"}',
        b'{"event":"\\u0000"}',
    ],
)
def test_signed_bytes_that_are_no_strict_json_object_are_malformed(body: bytes) -> None:
    with pytest.raises(NoticeMalformed, match=r"^The notice cannot be read\. \S"):
        read(body, signed(body), K1)


CHARGE = {"id": 6641907106, "domain": "test", "status": "success", "reference": REFERENCE, "amount": 500000}
REFUND = {"id": "18625648", "transaction_reference": REFERENCE, "amount": "100000", "currency": "KES"}
DISPUTE = {"id": 358950, "transaction_reference": None, "transaction": CHARGE}


@pytest.mark.parametrize(
    ("event", "data", "claim"),
    [
        ("charge.success", CHARGE, Claim.PAID),
        ("charge.success", {"reference": REFERENCE}, Claim.PAID),
        ("charge.something.new", CHARGE, Claim.OTHER),
        ("refund.pending", REFUND, Claim.OTHER),
        ("refund.processing", REFUND, Claim.OTHER),
        ("refund.processed", REFUND, Claim.RETURNED),
        ("refund.failed", REFUND, Claim.OTHER),
        ("refund.needs-attention", REFUND, Claim.OTHER),
        ("refund.something.new", REFUND, Claim.OTHER),
        ("charge.dispute.create", DISPUTE, Claim.DISPUTED),
        ("charge.dispute.remind", DISPUTE, Claim.DISPUTED),
        ("charge.dispute.resolve", DISPUTE | {"resolution": "declined"}, Claim.OTHER),
        ("charge.dispute.resolve", {"transaction": CHARGE | {"status": "reversed"}}, Claim.CHARGED_BACK),
        ("charge.dispute.something.new", DISPUTE, Claim.OTHER),
        ("transfer.success", CHARGE, Claim.IGNORED),
        ("subscription.create", CHARGE, Claim.IGNORED),
        ("invoice.update", CHARGE, Claim.IGNORED),
        ("paymentrequest.success", CHARGE, Claim.IGNORED),
        ("customeridentification.failed", CHARGE, Claim.IGNORED),
        ("dedicatedaccount.assign.success", CHARGE, Claim.IGNORED),
        ("bank.transfer.rejected", CHARGE, Claim.IGNORED),
        ("", CHARGE, Claim.IGNORED),
        (7, CHARGE, Claim.IGNORED),
        ({}, CHARGE, Claim.IGNORED),
    ],
)
def test_the_event_says_what_is_claimed(event: Any, data: dict[str, Any], claim: Claim) -> None:
    told = hint(event=event, data=data)
    assert (told.claim, told.reference) == (claim, REFERENCE)


@pytest.mark.parametrize(
    ("event", "data"),
    [
        ("charge.success", None),
        ("charge.success", [CHARGE]),
        ("charge.success", {"transaction_reference": REFERENCE}),
        ("charge.success", CHARGE | {"reference": "order-17"}),
        ("charge.success", CHARGE | {"reference": REFERENCE.upper()}),
        ("charge.success", CHARGE | {"reference": REFERENCE + "\n"}),
        ("charge.success", CHARGE | {"reference": 7}),
        ("refund.processed", {"reference": REFERENCE}),
        ("charge.dispute.create", {"transaction_reference": REFERENCE, "transaction": None}),
        ("charge.dispute.create", {"transaction": REFERENCE}),
        (
            "bank.transfer.rejected",
            {"bank_transfer": {"message_type": "INCORRECT_AMOUNT", "transaction_id": "6641907106"}},
        ),
    ],
)
def test_an_event_that_names_no_reference_of_ours_in_its_place_is_ignored(event: str, data: Any) -> None:
    assert hint(event=event, data=data) == Hint(reference=None, claim=Claim.IGNORED, word=event)


@pytest.mark.parametrize("name", ["tx_ref", "reference"])
@pytest.mark.parametrize(
    ("status", "claim"),
    [
        ("success", Claim.PAID),
        ("failed", Claim.FAILED),
        ("reversed", Claim.RETURNED),
        ("abandoned", Claim.OTHER),
        (None, Claim.OTHER),
        ([], Claim.OTHER),
    ],
)
def test_a_body_with_reference_status_and_amount_alone_is_enough(
    name: str, status: Any, claim: Claim
) -> None:
    told = hint(**{name: REFERENCE}, status=status, amount="250.00")
    assert (told.claim, told.reference) == (claim, REFERENCE)


def test_a_body_with_two_references_names_none() -> None:
    told = hint(tx_ref=REFERENCE, reference="p-" + "z" * 26, status="success")
    assert told == Hint(reference=None, claim=Claim.IGNORED, word="success")


def test_what_is_no_word_is_kept_as_none() -> None:
    assert hint(event=7, data=CHARGE).word == ""
    assert hint(tx_ref=REFERENCE, status=7).word == ""


def test_the_event_is_kept_short_and_printable() -> None:
    told = hint(event="charge." + "x\n" * 200, data=CHARGE)
    assert told.word.isprintable()
    assert len(told.word) == 80

"""Chapa's notices: the signature vectors (section 6.5) and what each event says (sections 6.3 and 6.4)."""

import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.adapters.providers.chapa.webhooks import ChapaWebhooks
from payments.adapters.secret import Secret
from payments.application.ports.providers import Hint, RawNotice
from payments.application.records import Claim
from payments.domain.errors import NoticeForged, NoticeMalformed
from tests.unit.adapters.providers.chapa_account import REFERENCE

V1_SECRET = "whsec_local_0001"
V1_BODY = b'{"event":"charge.success","first_name":"Sara","last_name":"Tesfaye","email":null,"mobile":"251900123456","currency":"ETB","amount":"250.00","charge":"8.75","failure_reason":null,"status":"success","mode":"test","reference":"APx7Kq2LmN4w","created_at":"2026-01-05T09:30:00.000000Z","updated_at":"2026-01-05T09:31:12.000000Z","type":"API","tx_ref":"pay-0001-a1","payment_method":"telebirr","customization":{"title":null,"description":null,"logo":null},"meta":null}'  # noqa: E501 -- exact bytes
V2_SECRET = "Secret hash #2 / \u12f2\u1235"
V2_BODY = rb'{"event":"charge.success","first_name":"\u12a0\u1260\u1260","email":"sara@shop.et","currency":"ETB","amount":"1200.50","charge":"42.02","status":"success","mode":"live","reference":"APq9Rz1TbV6y","type":"API","tx_ref":"pay-0002-a1","payment_method":"cbebirr","customization":{"title":"Shop","description":"Order 2","logo":"https:\/\/shop.et\/l.png"},"meta":{"order":"A\/2"}}'  # noqa: E501 -- exact bytes
V3_SECRET = "whsec_local_0001"
V3_BODY = '{\n  "event": "charge.failed/cancelled",\n  "status": "failed/cancelled",\n  "amount": 400.00,\n  "first_name": "\u12a0\u1260\u1260",\n  "tx_ref": "pay-0003-a2"\n}\n'.encode()  # noqa: E501 -- exact bytes
V4_SECRET = "custom-hook-secret"
V4_BODY = b'{"event":"payout.success","type":"Payout","account_name":"Sara Tesfaye","account_number":"251900123456","bank_id":855,"bank_name":"telebirr","amount":"2000.00","charge":"60.00","currency":"ETB","status":"success","reference":"po-0004","chapa_reference":"2pQ7sR9tU1v","bank_reference":"BR0004","created_at":"2026-01-05T09:30:00.000000Z","updated_at":"2026-01-05T09:30:01.000000Z"}'  # noqa: E501 -- exact bytes

X, PLAIN = "x-chapa-signature", "chapa-signature"
V1 = "c86c16bf5ed257b702f4f782acd4424afe57c5f574bcb458389280c43cd31d14"
V2 = "75e5fb2296110cc8cc4d17919d69d33bf93f632666eac61a43528a57a275e640"
V3 = "64c5f9e944e1a882cbd19226598a97ddb5e84067c410a8b6324ae6091002d5d4"
V4 = "8c4cb8c0cad74bde6993497a50eeb02599caaa90c95d4e1f45c2a3a152c8da7b"
C1 = "9f1621941e0481f7bf3b0e1a9d1730b44f7c865b26a3d34000d03a01b4a10d61"
C2 = "165582816dd43f117f19ba352506a1f1d7d3b9e39c68f15eb0902f0ae9264723"
C4 = "93af7193ab435eca93fdf2c898feb6901307abf3690c778b9b22ec6ea259fea5"

Headers = tuple[tuple[str, str], ...]


def webhooks(*secrets: str) -> ChapaWebhooks:
    return ChapaWebhooks(tuple(Secret(secret) for secret in secrets))


def read(body: bytes, headers: Headers, *secrets: str) -> Hint:
    return webhooks(*secrets).read(RawNotice(headers=headers, body=body))


def hint(**body: Any) -> Hint:
    """What a signed ``body`` says."""
    raw = json.dumps(body).encode()
    signature = hmac.digest(b"s" * 24, raw, "sha256").hex()
    return read(raw, ((X, signature),), "s" * 24)


@pytest.mark.parametrize(
    ("secret", "body", "headers"),
    [
        (V1_SECRET, V1_BODY, ((X, V1), (PLAIN, C1))),
        (V1_SECRET, V1_BODY, ((X, V1),)),
        (V1_SECRET, V1_BODY, ((PLAIN, V1),)),
        (V2_SECRET, V2_BODY, ((X, V2), (PLAIN, C2))),
        (V3_SECRET, V3_BODY, ((X, V3), (PLAIN, C1))),
        (V4_SECRET, V4_BODY, ((PLAIN, V4),)),
        (V4_SECRET, V4_BODY, ((X, V4), (PLAIN, C4))),
    ],
    ids=["V1", "V1 without constant", "V1 custom", "V2", "V3", "V4 custom", "V4"],
)
def test_every_vector_of_the_sheet_is_accepted_under_each_active_secret(
    secret: str, body: bytes, headers: Headers
) -> None:
    for secrets in ([secret], ["another-secret-of-ours", secret], [secret, "another-secret-of-ours"]):
        assert read(body, headers, *secrets).claim is Claim.IGNORED


@pytest.mark.parametrize(
    ("secret", "body", "headers"),
    [
        (V1_SECRET, V1_BODY, ((PLAIN, C1),)),
        (V1_SECRET, V1_BODY, ((X, C1),)),
        (V1_SECRET, V1_BODY, ((X, C1), (PLAIN, C1))),
        (V4_SECRET, V4_BODY, ((PLAIN, C4),)),
        (V1_SECRET, V1_BODY, ((X, "64514e6d23da931b13b85558c1c422f6f8239cc3dd68f3ec6813148ae1fe8f84"),)),
        (V2_SECRET, V2_BODY, ((X, "d3711ca250d8f13e28b0f9bf862cf353e7ec476eb7e7a243d5d5bcd1e88386d1"),)),
        (V2_SECRET, V2_BODY, ((X, "65cb6644ec37cd378cacbef04448286d44ae77d9d995af3b8f5be033372c7e94"),)),
        (V3_SECRET, V3_BODY, ((X, "92e59b75da16d66e58a7798095668c635906dbcc3b14418f68685ed47a76053c"),)),
        (V3_SECRET, V3_BODY, ((X, "688fb7f571eff0b6ec230dd744c786f94f0a2a29c7af4950d82244df1383b6ac"),)),
        (V3_SECRET, V3_BODY, ((X, V1), (PLAIN, C1))),
        (V3_SECRET, V3_BODY, ((X, V1),)),
        (V1_SECRET, V1_BODY, ()),
        (V1_SECRET, V1_BODY, ((X, ""),)),
        (V1_SECRET, V1_BODY, ((X, V1[:-1]),)),
        (V1_SECRET, V1_BODY, ((X, V1 + "0"),)),
        (V1_SECRET, V1_BODY, ((X, f" {V1}"),)),
        (V1_SECRET, V1_BODY, ((X, "z" * 64),)),
        (V1_SECRET, V1_BODY, ((X, "ß" * 64),)),
        (V1_SECRET, V1_BODY, ((X, "\udcff" * 64),)),
        (V1_SECRET, V1_BODY, ((X, V1), (X, V1))),
        (V1_SECRET, V1_BODY, ((X, "0" * 64), (X, V1))),
        (V1_SECRET, V1_BODY, ((X, V1), (PLAIN, C1), (PLAIN, C1))),
        (V1_SECRET, V1_BODY, ((X, f"{V1}, {V1}"),)),
        (V1_SECRET, V1_BODY, (("authorization", f"Basic {V1}"),)),
        (V1_SECRET, V1_BODY, (("signature", V1),)),
        (V1_SECRET, V1_BODY + b" ", ((X, V1),)),
        (V1_SECRET, V1_BODY.replace(b"250.00", b"999.00"), ((X, V1),)),
        (V2_SECRET, V1_BODY, ((X, V1),)),
        ("", V1_BODY, ((X, hmac.digest(b"", V1_BODY, "sha256").hex()),)),
        (V1_SECRET, V1_SECRET.encode(), ((X, C1),)),
    ],
)
def test_what_the_secret_did_not_sign_is_forged(secret: str, body: bytes, headers: Headers) -> None:
    with pytest.raises(NoticeForged):
        read(body, headers, secret)


def test_without_a_secret_every_notice_is_forged() -> None:
    with pytest.raises(NoticeForged):
        read(V1_BODY, ((X, V1),))


@given(body=st.binary(max_size=200), given_signature=st.text(max_size=80))
def test_no_signature_is_guessed(body: bytes, given_signature: str) -> None:
    with pytest.raises(NoticeForged):
        read(body, ((X, given_signature), (PLAIN, given_signature)), V1_SECRET)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[1]",
        b'"charge.success"',
        b"event=charge.success",
        b'{"event":"charge.success"',
        b'{"tx_ref":"a","tx_ref":"b"}',
        b'{"amount":NaN}',
        b"\xff\xfe{}",
        b"[" * 5000,
        b'{"tx_ref":"\\ud800"}',
        b'{"tx_ref":"\\u0000"}',
    ],
)
def test_signed_bytes_that_are_no_strict_json_object_are_malformed(body: bytes) -> None:
    signature = hmac.digest(V1_SECRET.encode(), body, "sha256").hex()
    with pytest.raises(NoticeMalformed, match=r"^The notice cannot be read\. \S"):
        read(body, ((X, signature),), V1_SECRET)


@pytest.mark.parametrize(
    ("event", "status", "claim"),
    [
        ("charge.success", "success", Claim.PAID),
        ("charge.failed/cancelled", "failed/cancelled", Claim.FAILED),
        ("charge.failed", "failed", Claim.FAILED),
        ("charge.cancelled", "cancelled", Claim.FAILED),
        ("charge.refunded", "refunded", Claim.RETURNED),
        ("charge.reversed", "reversed", Claim.RETURNED),
        ("refund.success", "success", Claim.RETURNED),
        ("refund.reversed", "reversed", Claim.OTHER),
        ("refund.failed", "failed", Claim.OTHER),
        ("charge.something.new", "success", Claim.OTHER),
        ("refund.something.new", "success", Claim.OTHER),
        ("payout.success", "success", Claim.IGNORED),
        ("payout.failed/cancelled", "failed/cancelled", Claim.IGNORED),
        ("subscription.create", "success", Claim.IGNORED),
        ("paymentrequest.success", "success", Claim.IGNORED),
        ("", "success", Claim.IGNORED),
        (7, "success", Claim.IGNORED),
        ({}, "success", Claim.IGNORED),
    ],
)
def test_the_event_says_what_is_claimed(event: Any, status: str, claim: Claim) -> None:
    told = hint(event=event, status=status, tx_ref=REFERENCE)
    assert (told.claim, told.reference) == (claim, REFERENCE)


@pytest.mark.parametrize(
    ("status", "claim"),
    [
        ("success", Claim.PAID),
        ("failed", Claim.FAILED),
        ("failed/cancelled", Claim.FAILED),
        ("refunded", Claim.RETURNED),
        ("pending", Claim.OTHER),
        (None, Claim.OTHER),
        ([], Claim.OTHER),
    ],
)
def test_a_body_with_reference_status_and_amount_alone_is_enough(status: Any, claim: Claim) -> None:
    told = hint(tx_ref=REFERENCE, status=status, amount="250.00")
    assert (told.claim, told.reference) == (claim, REFERENCE)


@pytest.mark.parametrize(
    "tx_ref",
    [
        "pay-0001-a1",
        "p-ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        REFERENCE + "a",
        REFERENCE[:-1],
        REFERENCE + "\n",
        None,
        7,
        "",
    ],
)
def test_a_reference_that_is_not_of_our_form_is_ignored(tx_ref: Any) -> None:
    told = hint(event="charge.success", status="success", tx_ref=tx_ref)
    assert told == Hint(reference=None, claim=Claim.IGNORED, word="charge.success")


def test_a_payout_is_ignored_whatever_it_calls_itself() -> None:
    told = hint(event="charge.success", type="Payout", tx_ref=REFERENCE)
    assert told == Hint(reference=None, claim=Claim.IGNORED, word="charge.success")


def test_the_event_is_kept_short_and_printable() -> None:
    assert hint(event="charge." + "x\n" * 200, tx_ref=REFERENCE).word.isprintable()
    assert len(hint(event="charge." + "x\n" * 200, tx_ref=REFERENCE).word) == 80

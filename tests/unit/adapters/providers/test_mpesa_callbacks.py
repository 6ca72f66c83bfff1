"""What reports to a secret address say (sections 4 and 7, vectors V3): nothing in them is relied upon."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.adapters.providers.mpesa.callbacks import REVERSAL_REFUSALS, MpesaCallbacks
from payments.adapters.providers.mpesa.results import RESULTS
from payments.application.ports.providers import Callback
from payments.application.records import Claim
from payments.domain.evidence import Outcome
from payments.domain.money import Money
from tests.unit.adapters.providers.mpesa_account import account

CALLBACKS = MpesaCallbacks()
NAME = "ws_CO_191220191020363925"
CONVERSATION = "AG_20211114_201018edbbf9f1582eaa"


def push(code: Any, *items: dict[str, Any], **more: Any) -> bytes:
    told = {"MerchantRequestID": "29115-34620561-1", "CheckoutRequestID": NAME, "ResultCode": code, **more}
    if items:
        told["CallbackMetadata"] = {"Item": list(items)}
    return json.dumps({"Body": {"stkCallback": told}}).encode()


def item(name: str, value: Any = None) -> dict[str, Any]:
    return {"Name": name} if value is None else {"Name": name, "Value": value}


def reversal(code: Any, kind: Any = 0, **more: Any) -> bytes:
    told = {"ResultType": kind, "ResultCode": code, "ConversationID": CONVERSATION, **more}
    return json.dumps({"Result": told}).encode()


SUCCESS = (
    b'{"Body":{"stkCallback":{"MerchantRequestID":"29115-34620561-1","CheckoutRequestID":"'
    + NAME.encode()
    + b'","ResultCode":0,"ResultDesc":"The service request is processed successfully.","CallbackMetadata":'
    b'{"Item":[{"Name":"Amount","Value":1.00},{"Name":"MpesaReceiptNumber","Value":"NLJ7RT61SV"},'
    b'{"Name":"Balance"},{"Name":"TransactionDate","Value":20191219102115},'
    b'{"Name":"PhoneNumber","Value":254708374149}]}}}}'
)


def test_the_sample_of_the_sheet() -> None:
    assert CALLBACKS.read(SUCCESS) == Callback(
        claim=Claim.PAID,
        word="0",
        provider_reference=NAME,
        amount=Money.of("1.00", "KES"),
        receipt="NLJ7RT61SV",
    )


def test_items_are_found_by_name_in_any_order_and_a_masked_phone_is_no_matter() -> None:
    said = CALLBACKS.read(
        push(
            0,
            item("PhoneNumber", "0722000***"),
            item("TransactionDate", 20260301003005),
            item("MpesaReceiptNumber", "UC1AB2CD3E"),
            item("Amount", 1500),
        )
    )
    assert (said.claim, said.amount, said.receipt) == (
        Claim.PAID,
        Money.of("1500.00", "KES"),
        "UC1AB2CD3E",
    )


def test_a_failure_has_no_items() -> None:
    said = CALLBACKS.read(push(1032, ResultDesc="Request cancelled by user"))
    assert said == Callback(claim=Claim.FAILED, word="1032", provider_reference=NAME)


@pytest.mark.parametrize("code", RESULTS)
def test_every_code_is_read_as_number_and_as_text(code: str) -> None:
    claims = {Outcome.PAID: Claim.PAID, Outcome.DECLINED: Claim.FAILED}
    wanted = claims.get(RESULTS[code].outcome, Claim.OTHER)
    spellings: list[Any] = [code, int(code)] if code.isdecimal() else [code]
    assert [CALLBACKS.read(push(spelling)).claim for spelling in spellings] == [wanted] * len(spellings)


@pytest.mark.parametrize("code", ["8888", None, True, [], {}, "", 1.5])
def test_an_unknown_code_says_look_again(code: Any) -> None:
    assert CALLBACKS.read(push(code)).claim is Claim.OTHER


def test_a_report_without_a_code_says_so() -> None:
    assert [CALLBACKS.read(body).word for body in (push(None), reversal(None))] == ["no code"] * 2


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        (1, "1.00"),
        ("1500", "1500.00"),
        ("1500.00", "1500.00"),
        (1500.5, "1500.50"),
        (0.01, "0.01"),
        ("1,500", None),
        (0, None),
        (-5, None),
        ("abc", None),
        (True, None),
        ([1], None),
        (10**15, None),
        (1.001, None),
    ],
)
def test_an_amount_is_read_exactly_or_not_at_all(written: Any, amount: str | None) -> None:
    said = CALLBACKS.read(push(0, item("Amount", written)))
    assert said.amount == (None if amount is None else Money.of(amount, "KES"))
    assert said.claim is Claim.PAID


@pytest.mark.parametrize("receipt", [None, 12345678, "", "abc", "NLJ7 RT61", "X" * 21, {}])
def test_what_is_no_receipt_is_none(receipt: Any) -> None:
    assert CALLBACKS.read(push(0, item("MpesaReceiptNumber", receipt))).receipt is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b"<html>",
        b"{" * 500,
        b'{"Body":null}',
        b'{"Body":{"stkCallback":[]}}',
        b'{"Result":"0"}',
        b'{"stkCallback":{"Body":{}}}',
    ],
)
def test_what_cannot_be_read_says_look_again(body: bytes) -> None:
    assert CALLBACKS.read(body) == Callback(claim=Claim.OTHER, word="unreadable")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.floats(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["Body", "stkCallback", "CallbackMetadata", "Item", "Name", "Value", "Result", "ResultCode"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(_JSON)
def test_reading_never_raises(document: Any) -> None:
    assert CALLBACKS.read(json.dumps(document).encode()).claim in Claim


def test_a_reversal_that_was_done_names_its_own_receipt() -> None:
    parameters = [
        {"Key": "Amount", "Value": "1.00"},
        {"Key": "DebitPartyName"},
        {"Key": "Amount", "Value": 9},
    ]
    for listed in (parameters, parameters[0]):
        body = reversal(0, TransactionID="SKE52PAWR9", ResultParameters={"ResultParameter": listed})
        assert CALLBACKS.read(body) == Callback(
            claim=Claim.RETURNED,
            word="0",
            provider_reference=CONVERSATION,
            amount=Money.of("1.00", "KES"),
            receipt="SKE52PAWR9",
        )


@pytest.mark.parametrize("code", REVERSAL_REFUSALS)
def test_a_reversal_that_was_refused_says_so(code: str) -> None:
    assert CALLBACKS.read(reversal(code)).claim is Claim.FAILED


@pytest.mark.parametrize(
    "body", [reversal("R000001"), reversal(0, kind=1), reversal("0", kind="1"), reversal(26), reversal(None)]
)
def test_already_reversed_and_a_time_out_prove_nothing(body: bytes) -> None:
    assert CALLBACKS.read(body).claim is Claim.OTHER


@pytest.mark.parametrize("kind", [0, "0"])
def test_a_result_is_the_end_of_a_reversal_by_its_type_as_number_and_as_text(kind: Any) -> None:
    assert CALLBACKS.read(reversal(0, kind)).claim is Claim.RETURNED
    assert CALLBACKS.read(reversal("R000002", kind)).claim is Claim.FAILED


@pytest.mark.parametrize("kind", [None, "", 1, "1", 2, "00", True, False, 0.0, [0], "final"])
@pytest.mark.parametrize("code", [0, "0", 1, "1", "R000002", "8006"])
def test_a_result_of_no_type_that_the_sheet_knows_decides_nothing_about_a_reversal(
    code: Any, kind: Any
) -> None:
    """Section 7: a time-out's body is documented nowhere, and its code says nothing about the money."""
    assert CALLBACKS.read(reversal(code, kind)).claim is Claim.OTHER
    untyped = json.dumps({"Result": {"ResultCode": code, "ConversationID": CONVERSATION}})
    assert CALLBACKS.read(untyped.encode()).claim is Claim.OTHER


@pytest.mark.parametrize("code", [0, "0", 1, "2001"])
@pytest.mark.parametrize("status", ["Completed", "Cancelled", "Declined", "Expired", "Initiated"])
def test_an_answer_about_a_status_is_never_taken_for_the_end_of_a_reversal(code: Any, status: str) -> None:
    """Section 8: its code says that the question was answered, whatever became of the transaction."""
    told = [{"Key": "TransactionStatus", "Value": status}, {"Key": "Amount", "Value": "200"}]
    said = CALLBACKS.read(reversal(code, ResultParameters={"ResultParameter": told}))
    assert said.claim is Claim.OTHER


def test_daraja_is_answered_as_it_expects() -> None:
    assert json.loads(CALLBACKS.acknowledgement()) == {"ResultCode": 0, "ResultDesc": "Accepted"}


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("sgh1111111", "SGH1111111"),
        (" SGH1111111\n", "SGH1111111"),
        ("ws_CO_191220191020363925", "ws_CO_191220191020363925"),
        ("AG_20191219_00006c6fddb15123addf", "AG_20191219_00006c6fddb15123addf"),
    ],
)
def test_a_name_that_a_person_types_is_known_as_it_is_written(typed: str, written: str) -> None:
    assert account().provider.as_written(typed) == written

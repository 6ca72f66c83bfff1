"""A card number that is sent or typed is taken out before it is stored; what only looks like one stays."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.application.card_numbers import MASK, emptied, holds_card_number, without_card_numbers
from payments.domain.events import ReviewKind
from payments.domain.money import Money
from payments.testing import ScriptedProvider
from tests.unit.use_cases.shop import Shop

CARDS = [
    "4111111111111111",
    "4111 1111 1111 1111",
    "4111-1111-1111-1111",
    "4222222222222",
    "378282246310005",
    "3782 822463 10005",
    "30569309025904",
    "6011111111111117",
    "3530111333300000",
    "5555555555554444",
    "2223003122003222",
    "5060666666666666666",
    "6304000000000000",
    "4929 1234 5678 9012 343",
]

NO_CARDS = [
    "4111111111111112",  # its last digit is wrong
    "p-abcdefghijklmnopqrstuvwxyz",
    "p-4111111111111111aaaaaaaaaa",
    "ws_CO_4111111111111111",
    "AP4111111111111111",
    "NLJ7RT61SV",
    "1000.00",
    "4111111111111111.50",
    "20191219102115",
    "20260105093006",
    "2026-01-05T09:30:00.123456Z",
    "1614265330000005",
    "254708374149",
    "+254 708 374 149",
    "01890a5d-ac96-774b-bcce-b302099a8057",
    "0000000000000000",
    "174379",
    "41111111111111111111111",
]


@given(
    before=st.text(alphabet=". -_aé\n", max_size=3),
    card=st.sampled_from(CARDS),
    after=st.text(alphabet=". -_aé\n", max_size=3),
)
def test_a_card_number_is_found_unless_it_is_part_of_a_longer_word(
    before: str, card: str, after: str
) -> None:
    part_of_a_word = re.search(r"[\w.-]\Z", before, re.ASCII) or re.match(r"[\w-]", after, re.ASCII)
    found = MASK in without_card_numbers(f"{before}{card}{after}")
    assert found == (part_of_a_word is None)


@pytest.mark.parametrize("card", CARDS)
def test_a_card_number_is_found_and_taken_out(card: str) -> None:
    assert (
        without_card_numbers(f"she read me {card}, twice: {card}.") == f"she read me {MASK}, twice: {MASK}."
    )
    body = json.dumps({"note": f"paid with {card}", "amount": "1000.00"}).encode()
    assert holds_card_number(body)
    after = emptied(body)
    assert not holds_card_number(after) or card.replace(" ", "") not in after.decode().replace(" ", "")
    assert card.encode() not in after
    assert len(after) == len(body)
    assert json.loads(after)["amount"] == "1000.00"


@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize(
    ("before", "after"),
    [("", " 123"), ("", " 12/27"), ("", " 7"), ("500 ", ""), ("25 ", ""), ("5000 ", " 123"), ("", " 2 4 5")],
)
def test_a_card_number_is_found_among_other_numbers(before: str, card: str, after: str) -> None:
    said = f"{before}{card}{after}"
    digits = re.sub("[ -]", "", card)
    assert digits not in re.sub("[ -]", "", without_card_numbers(said))
    assert holds_card_number(said.encode())
    assert digits not in re.sub("[ -]", "", emptied(said.encode()).decode())


@pytest.mark.parametrize("before", ["card\n", "card\r\n", "card\t", "n\u00b0", "card\u00a0", "\u2013"])
def test_a_card_number_is_found_behind_an_escape_of_json(before: str) -> None:
    body = json.dumps({"note": f"{before}{CARDS[0]}\n"}).encode()
    assert holds_card_number(body)
    assert json.loads(emptied(body)) == {"note": f"{before}4000000000001111\n"}


@pytest.mark.parametrize("text", NO_CARDS)
def test_what_is_no_card_number_stays_as_it_is(text: str) -> None:
    for said in (text, f"about {text} here", f'{{"x":"{text}"}}'):
        assert without_card_numbers(said) == said
        assert emptied(said.encode()) == said.encode()
        assert not holds_card_number(said.encode())


def test_a_number_of_json_stays_a_number() -> None:
    body = b'{"card":4111111111111111,"at":20191219102115,"phone":254708374149}'
    assert json.loads(emptied(body)) == {
        "card": 4000000000001111,
        "at": 20191219102115,
        "phone": 254708374149,
    }


def test_bytes_that_are_no_text_come_back_as_they_were() -> None:
    body = bytes(range(256)) * 4
    assert emptied(body) == body


@pytest.mark.anyio
async def test_a_raw_notice_is_stored_without_it_and_recognised_with_it(shop: Shop) -> None:
    opened = await shop.initiate()
    body = json.dumps({"reference": opened.reference, "claim": "paid", "note": CARDS[0]}).encode()
    sent = shop.provider.signed(body)

    first = await shop.kit.payments.receive_notice("scripted", sent.headers, sent.body)
    again = await shop.kit.payments.receive_notice("scripted", sent.headers, sent.body)

    assert (first.stored, again.stored) == (True, False)
    (notice,) = await shop.notices(opened.reference)
    assert CARDS[0].encode() not in shop.kit.payments.cipher.open(notice.sealed)
    await shop.kit.work()


@pytest.mark.anyio
async def test_what_people_type_is_kept_without_it(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference, amount=Money.of("999.00", "ETB"))
    await shop.ask(opened.reference)
    payment = await shop.payment()
    (review,) = await shop.kit.unit_of_work.reads.reviews_of(payment.payment_id)
    assert review.kind is ReviewKind.AMOUNT_MISMATCH

    decided = await shop.kit.payments.resolve(
        review.review_id, "refund", f"said {CARDS[1]} on the phone", "operator:7"
    )
    await shop.kit.work()

    assert decided.reason == f"said {MASK} on the phone"
    (refund,) = (await shop.payment()).refunds
    assert refund.reason == f"said {MASK} on the phone"
    trail = await shop.kit.unit_of_work.reads.audit_of(payment.payment_id)
    assert not any(CARDS[1].encode() in entry.events for entry in trail)


@pytest.mark.anyio
async def test_what_a_provider_says_is_kept_without_it(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.declines(opened.reference, detail=f"card {CARDS[0]} is blocked")
    payment = await shop.ask(opened.reference)
    assert payment.attempt(opened.reference).detail == f"card {MASK} is blocked"
    assert isinstance(shop.provider, ScriptedProvider)

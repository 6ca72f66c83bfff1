"""Whether what is said of money is about money that is here already, or about other money (ADR 0034)."""

from typing import Any
from uuid import UUID

import attrs
import pytest

from payments.domain.capture import Vouched
from payments.domain.events import ReviewKind, ReviewOpened
from payments.domain.evidence import Answer, Mode, Outcome, Report
from payments.domain.finding import Finding, Settlement
from payments.domain.money import Money
from payments.domain.payment import Payment
from payments.domain.settlement import settle
from tests.unit.domain.one_page import DUE, LATER, LESS, OTHER, OURS, with_open_page

MORE = Money.of("1025", "ETB")
"""What is due, with the fees that its payer bore."""
OWN, AGAIN = "C-1", "C-again"
"""What our request called a prompt, and what its provider called it when it came a second time."""
RECEIPT, SLIP = "SGH1111111", "slip 1"


def with_prompt() -> Payment:
    """One payment with one open prompt, which its provider may report under any name."""
    payment = with_open_page()
    (page,) = payment.attempts
    prompt = attrs.evolve(page, phone="254712345678", callback_token_hash="hash", provider_reference=OWN)
    return payment.with_attempt(prompt)


def says(name: str, amount: Money | None = DUE, **more: Any) -> dict[str, Any]:
    """Its provider says that money of this name was paid."""
    return {"name": name, "amount": amount, **more}


def records(name: str, amount: Money = DUE) -> dict[str, Any]:
    """A person says that they saw it."""
    return says(name, amount, vouched=Vouched.RECORDED)


def attaches(name: str) -> dict[str, Any]:
    """A person says that it was paid elsewhere, and belongs here."""
    return says(name, vouched=Vouched.ATTACHED)


def reports(receipt: str | None, name: str = OWN) -> Report:
    return Report(provider_reference=name, amount=DUE, receipt=receipt)


def heard(payment: Payment, said: dict[str, Any], reference: str = OURS, **about: Any) -> Settlement:
    """What becomes of the payment when it hears that."""
    facts = {"outcome": Outcome.PAID, "captured": None, "returned": None, **said, **about}
    answer = Answer(
        outcome=facts["outcome"],
        word="word",
        reference=reference,
        mode=Mode.TEST,
        amount=facts["amount"],
        captured=facts["captured"],
        returned=facts["returned"],
        capture_key=facts["name"],
        provider_reference=facts["name"],
    )
    finding = Finding(
        evidence_id=UUID(int=100 + len(payment.captures)),
        reference=reference,
        answer=answer,
        now=LATER,
        bound=frozenset({"reference", "amount", "mode"}),
        vouched=facts.get("vouched"),
        report=facts.get("report"),
        asked=facts.get("asked", frozenset()),
    )
    return settle(payment, finding)


PAGE, PROMPT = with_open_page(), with_prompt()
FEES = says("k", captured=MORE)

SAME: list[tuple[Payment, dict[str, Any], dict[str, Any]]] = [
    (PAGE, says("k"), says("k", LESS)),
    (PAGE, says("k"), records("k", LESS)),
    (PAGE, says("k"), attaches("k")),
    (PAGE, says("k"), records(SLIP)),
    (PAGE, FEES, records(SLIP)),
    (PAGE, FEES, records(SLIP, MORE)),
    (PAGE, says("k", LESS), records(SLIP, LESS)),
    (PAGE, records(SLIP), says("k")),
    (PAGE, records(SLIP), FEES),
    (PAGE, records(SLIP, MORE), FEES),
    (PAGE, records(SLIP), records("slip 2")),
    (PROMPT, says(OWN, None), records(SLIP)),
    (PROMPT, says(AGAIN, None), records(SLIP)),
    (PROMPT, says(OWN, None, report=reports(RECEIPT)), records(RECEIPT)),
    (PROMPT, records(SLIP), says(OWN, None)),
    (PROMPT, records(SLIP), says(OWN, None, report=reports(None))),
    (PROMPT, records(SLIP), says(OWN, None, report=reports(RECEIPT, AGAIN))),
    (PROMPT, records(RECEIPT), says(OWN, None, report=reports(RECEIPT))),
]
OTHERS: list[tuple[Payment, dict[str, Any], dict[str, Any]]] = [
    (PAGE, says("k"), says("another")),
    (PAGE, says("k"), attaches("another")),
    (PAGE, says("k"), records(SLIP, LESS)),
    (PAGE, FEES, records(SLIP, LESS)),
    (PAGE, says("k", LESS), records(SLIP)),
    (PAGE, records(SLIP), says("k", LESS)),
    (PAGE, records(SLIP, LESS), says("k")),
    (PAGE, records(SLIP), attaches("another")),
    (PAGE, attaches("another"), says("k")),
    (PAGE, attaches("another"), records(SLIP)),
    (PROMPT, records(SLIP), records("slip 2")),
    (PROMPT, says(AGAIN, None), records(OWN)),
    (PROMPT, says(OWN, None, report=reports(RECEIPT)), records(SLIP)),
    (PROMPT, records(SLIP), says(OWN, None, report=reports(RECEIPT))),
]


@pytest.mark.parametrize(
    ("payment", "first", "then", "both"),
    [(*row, 1) for row in SAME] + [(*row, 2) for row in OTHERS],
)
def test_what_is_said_of_money_is_about_what_is_here_or_about_other_money(
    payment: Payment, first: dict[str, Any], then: dict[str, Any], both: int
) -> None:
    after = heard(heard(payment, first).payment, then).payment
    assert len(after.captures) == both


@pytest.mark.parametrize(
    ("payment", "first", "then", "both"),
    [
        (*row, number)
        for number, rows in enumerate((SAME, OTHERS), start=1)
        for row in rows
        if "vouched" not in row[2]
    ],
)
def test_what_went_back_is_of_the_money_that_was_meant(
    payment: Payment, first: dict[str, Any], then: dict[str, Any], both: int
) -> None:
    after = heard(heard(payment, first).payment, then, outcome=Outcome.RETURNED).payment
    assert len(after.captures) == both
    assert [refund.capture_id for refund in after.refunds] == [after.captures[-1].capture_id]


@pytest.mark.parametrize(
    ("payment", "first", "then", "said"),
    [
        (PAGE, records("k", LESS), says("k"), "1000.00"),
        (PAGE, records("k", LESS), FEES, "1025.00"),
        (PROMPT, records(OWN, LESS), says(OWN, None), "1000.00"),
        (PAGE, records("k"), FEES, None),
        (PAGE, records("k", MORE), FEES, None),
        (PROMPT, records(OWN), says(OWN, None), None),
        (PAGE, records("k", LESS), records("k"), None),
        (PAGE, says("k", LESS), says("k"), None),
    ],
)
def test_a_person_is_asked_once_where_they_recorded_another_amount_than_its_provider_tells(
    payment: Payment, first: dict[str, Any], then: dict[str, Any], said: str | None
) -> None:
    before = heard(payment, first).payment
    after = heard(before, then)
    asked = ReviewOpened(
        kind=ReviewKind.DISPUTE,
        subject=str(before.captures[0].capture_id),
        detail=f"A person recorded 999.00 ETB, and its provider says {said} ETB.",
    )
    assert after.events == (() if said is None else (asked,))
    assert after.payment.captures == before.captures
    known = heard(before, then, asked=frozenset({(asked.kind, asked.subject)}))
    assert known.events == ()


def test_what_is_said_of_one_attempt_is_no_money_of_another() -> None:
    first = heard(with_open_page(), records(SLIP, LESS)).payment
    assert first.held_captures
    again = attrs.evolve(first.attempts[0], reference=OTHER)
    both = attrs.evolve(first, attempts=(*first.attempts, again))
    after = heard(both, says("k", LESS), OTHER).payment
    assert [(c.reference, c.key) for c in after.captures] == [(OURS, SLIP), (OTHER, "k")]

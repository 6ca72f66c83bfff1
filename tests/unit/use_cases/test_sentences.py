"""Every event has a sentence: whoever asks why is never shown a name of ours instead."""

import types
import typing
from typing import Any
from uuid import UUID

import attrs
import pytest

from payments.application import sentences
from payments.application.records import Claim, Destination, Message, MessageState, Notice
from payments.application.sequences import next_sequence
from payments.domain import events as happened
from payments.domain.events import Reason, ReviewKind
from payments.domain.evidence import Answer, Channel, Evidence, Outcome, Rule
from payments.domain.money import Money
from payments.domain.payment import Payment
from payments.domain.refund import Refund
from payments.domain.review import Review, ReviewState
from payments.domain.transitions import Disposition, PaymentStatus, RefundStatus
from tests.unit.domain.one_page import (
    DUE,
    LATER,
    LESS,
    OURS,
    PART,
    START,
    claimed,
    found,
    paid,
    with_open_page,
)

EVENTS = typing.get_args(happened.Event)

TOLD: dict[Any, list[Any]] = {
    UUID: ["01890a5d-ac96-774b-bcce-b302099a8057"],
    Money: ["10.00 ETB"],
    Reason: [reason.value for reason in Reason],
    ReviewKind: [kind.value for kind in ReviewKind],
    str: ["held"],
    int: [1, 2, 11],
    bool: [False, True],
}
"""How the trail writes each kind of value."""


def spellings(event: type) -> list[dict[str, Any]]:
    """The event as the trail may tell it: each value of one field beside the first ones of the others."""
    hints = typing.get_type_hints(event)
    values = {field.name: _values(hints[field.name]) for field in attrs.fields(event)}
    first = {"event": event.__name__, **{name: given[0] for name, given in values.items()}}
    return [first, *({**first, name: value} for name, given in values.items() for value in given[1:])]


def _values(hint: Any) -> list[Any]:
    if isinstance(hint, types.UnionType):
        return [None, *(value for each in typing.get_args(hint) for value in TOLD.get(each, []))]
    return TOLD[hint]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.__name__)
def test_it_has_a_sentence(event: type) -> None:
    for told in spellings(event):
        said = sentences.of_event(told)
        assert said
        assert said[0].isupper() or said[0].isdigit()
        assert event.__name__ not in said


def test_nothing_else_has_one() -> None:
    assert set(sentences._EVENTS) == {event.__name__ for event in EVENTS}


class TestWhereItStands:
    """The whole sentences, as people read them: what is due, what is waited for, and what may be done."""

    pending = attrs.evolve(claimed(), attempts=(), status=PaymentStatus.PENDING)
    open_page = with_open_page()
    asked = open_page.with_attempt(
        attrs.evolve(open_page.attempt(OURS), checks=3, last_word="pending", next_check_at=LATER)
    )
    declined = found(open_page, Outcome.DECLINED).payment
    at_the_door = open_page.with_attempt(
        attrs.evolve(open_page.attempt(OURS), provider="cash", on_delivery=True, next_check_at=None)
    )
    settled = paid()
    capture = settled.captures[0]
    with_fees = attrs.evolve(capture, amount=Money.of("1025.00", "ETB"))
    another = attrs.evolve(capture, capture_id=UUID(int=8), key="l", disposition=Disposition.SURPLUS)
    not_ours = attrs.evolve(another, amount=PART, disposition=Disposition.HELD)
    gone = Refund(
        refund_id=UUID(int=9),
        capture_id=another.capture_id,
        reference="r-1",
        amount=PART,
        status=RefundStatus.SUCCEEDED,
        reason="surplus",
        actor="operator:anna",
        created_at=LATER,
    )

    @pytest.mark.parametrize(
        ("payment", "said"),
        [
            (pending, "is pending: nobody was given anything to pay with yet."),
            (claimed(), "is pending: nobody was given anything to pay with yet."),
            (open_page, "is being paid through chapa; the attempt is open."),
            (at_the_door, "is to be paid in cash on delivery; the attempt is open."),
            (
                declined,
                "is not paid: the provider declined it. It may be retried, and late money still counts.",
            ),
            (
                attrs.evolve(open_page, captures=(not_ours, attrs.evolve(not_ours, amount=LESS))),
                ": 400.00 ETB and 999.00 ETB arrived and is held; the shop will accept it or return it.",
            ),
            (settled, "is paid through chapa."),
            (attrs.evolve(settled, captures=(with_fees,)), "is paid through chapa."),
            (
                attrs.evolve(settled, captures=(with_fees, another)),
                "is paid through chapa; more money arrived than was owed.",
            ),
            (
                attrs.evolve(settled, captures=(attrs.evolve(with_fees, accepted=True),)),
                "is paid through chapa; more money arrived than was owed.",
            ),
            (
                attrs.evolve(settled, captures=(capture, another), refunds=(gone,)),
                "is paid through chapa; more money arrived than was owed; 400.00 ETB went back.",
            ),
            (
                attrs.evolve(settled, captures=(capture, not_ours)),
                (
                    "is paid through chapa; more money arrived than was owed. "
                    "Besides, 400.00 ETB arrived and is held; the shop will accept it or return it."
                ),
            ),
        ],
    )
    def test_it_is_summed_up_in_a_sentence(self, payment: Payment, said: str) -> None:
        due = "1000.00 ETB for order order_1"
        blank = "" if said[0] == ":" else " "
        assert sentences.summary(payment) == f"{due}{blank}{said}"

    @pytest.mark.parametrize(
        ("payment", "may"),
        [
            (pending, ("Initiate again to retry.",)),
            (declined, ("Initiate again to retry.",)),
            (claimed(), ("Cancel the attempt.", "Initiate again to get a checkout.")),
            (
                open_page,
                ("Pay on the open checkout.", "Cancel the attempt.", "Initiate again to get the checkout."),
            ),
            (
                at_the_door,
                (
                    "Hand the money over at delivery.",
                    "Cancel the attempt.",
                    "Initiate again to pay another way.",
                ),
            ),
            (
                attrs.evolve(open_page, captures=(not_ours,)),
                ("Wait for the shop's decision about the money that arrived.",),
            ),
            (settled, ()),
        ],
    )
    def test_everybody_is_told_what_they_may_do(self, payment: Payment, may: tuple[str, ...]) -> None:
        assert sentences.may_do(payment) == may

    @pytest.mark.parametrize(
        ("payment", "waits"),
        [
            (pending, ()),
            (
                claimed(),
                ("chapa's answer about p-1 (claimed; not asked yet): next at 2026-01-05 09:30:30 UTC.",),
            ),
            (
                asked,
                (
                    (
                        "chapa's answer about p-1 (open; asked 3 times, last answer 'pending'): "
                        "next at 2026-01-05 09:40:00 UTC."
                    ),
                ),
            ),
            (settled, ()),
            (at_the_door, ("A collector's record of 1000.00 ETB in cash for p-1.",)),
            (attrs.evolve(settled, refunds=(gone,)), ()),
            (
                attrs.evolve(settled, refunds=(attrs.evolve(gone, status=RefundStatus.AWAITING_APPROVAL),)),
                ("A second person's approval of the refund of 400.00 ETB that operator:anna asked for.",),
            ),
            (
                attrs.evolve(settled, refunds=(attrs.evolve(gone, status=RefundStatus.REQUESTED),)),
                ("The refund of 400.00 ETB (requested): next looked at no set time.",),
            ),
            (
                attrs.evolve(
                    settled,
                    refunds=(
                        attrs.evolve(
                            gone, status=RefundStatus.UNKNOWN, detail="HTTP 503", next_check_at=LATER
                        ),
                    ),
                ),
                (
                    (
                        "The refund of 400.00 ETB (unknown, last word 'HTTP 503'): "
                        "next looked at 2026-01-05 09:40:00 UTC."
                    ),
                ),
            ),
        ],
    )
    def test_nobody_wonders_what_is_waited_for(self, payment: Payment, waits: tuple[str, ...]) -> None:
        assert sentences.waiting_for(payment, (), ()) == waits

    review = Review(
        review_id=UUID(int=3),
        kind=ReviewKind.AMOUNT_MISMATCH,
        subject="s",
        payment_id=None,
        detail="",
        opened_at=LATER,
    )
    message = Message(
        message_id=UUID(int=4),
        payment_id=UUID(int=1),
        order_id="order_1",
        sequence=next_sequence(1, START),
        destination=Destination.ORDERS,
        kind="paid",
        body=b"",
        created_at=START,
        next_try_at=LATER,
    )

    def test_open_questions_and_undelivered_messages_are_waited_for_and_others_are_not(self) -> None:
        resolved = attrs.evolve(self.review, state=ReviewState.RESOLVED)
        decided = attrs.evolve(self.review, decision="refund")
        delivered = attrs.evolve(self.message, state=MessageState.DELIVERED)
        reviews = (self.review, resolved, decided)
        waits = sentences.waiting_for(self.settled, (self.message, delivered), reviews)
        assert waits == (
            "A person's decision: amount_mismatch.",
            "Delivery of message 2, 'paid', next tried at 2026-01-05 09:40:00 UTC.",
        )

    @pytest.mark.parametrize(
        ("changed", "said"),
        [
            ({}, "The orders service: message 2, 'paid', is waiting to be delivered."),
            (
                {"destination": Destination.PAYER, "state": MessageState.PARKED, "last_error": "HTTP 422"},
                "The payer's mail: message 2, 'paid', was refused and is parked for a person (HTTP 422).",
            ),
            (
                {"state": MessageState.DELIVERED, "tries": 1},
                "The orders service: message 2, 'paid', was delivered.",
            ),
            (
                {"state": MessageState.OVERTAKEN, "tries": 2},
                "The orders service: message 2, 'paid', was overtaken by a newer one after 2 tries.",
            ),
        ],
    )
    def test_a_message_says_how_far_it_got(self, changed: dict[str, Any], said: str) -> None:
        assert sentences.of_message(attrs.evolve(self.message, **changed)) == said

    def test_a_review_says_who_decided_what_and_why(self) -> None:
        decided = attrs.evolve(self.review, actor="operator:anna", decision="accept", reason="They may.")
        said = "operator:anna decided 'accept' about amount_mismatch: They may."
        assert sentences.of_review(decided) == said


class TestWhatWasHeard:
    """What reached us, and from whom."""

    asked = Evidence(
        evidence_id=UUID(int=7),
        payment_id=UUID(int=1),
        reference=OURS,
        channel=Channel.STATUS_CHECK,
        cause="webhook",
        answer=Answer(outcome=Outcome.PAID, word="success", amount=DUE, capture_key="k"),
        rule=Rule.SETTLED,
        observed_at=LATER,
    )
    notice = Notice(
        notice_id=UUID(int=5),
        provider="chapa",
        digest="",
        sealed=b"",
        reference=OURS,
        claim=Claim.PAID,
        word="charge.success",
        received_at=LATER,
    )

    @pytest.mark.parametrize(
        ("channel", "changed", "said"),
        [
            (Channel.STATUS_CHECK, {}, "The provider, asked because of its webhook, answered 'success'."),
            (
                Channel.STATUS_CHECK,
                {"detail": "fees"},
                "The provider, asked because of its webhook, answered 'success' (fees).",
            ),
            (
                Channel.OPERATOR,
                {"detail": "receipt ABC"},
                "A person vouched for 'success' (receipt ABC) in a review.",
            ),
            (Channel.COLLECTOR, {}, "A collector recorded 1000.00 ETB in cash (collection k)."),
            (
                Channel.COLLECTOR,
                {"outcome": Outcome.DECLINED, "detail": "not at home"},
                "A collector recorded that no cash was handed over at the door (not at home).",
            ),
            (
                Channel.COLLECTOR,
                {"outcome": Outcome.NOTHING},
                "A collector recorded cash with a wrong delivery code.",
            ),
        ],
    )
    def test_evidence_says_who_attested_it(
        self, channel: Channel, changed: dict[str, Any], said: str
    ) -> None:
        answer = attrs.evolve(self.asked.answer, **changed)
        assert sentences.of_evidence(attrs.evolve(self.asked, channel=channel, answer=answer)) == said

    def test_at_the_door_it_is_our_own_records_that_were_looked_at(self) -> None:
        said = sentences.of_evidence(self.asked, at_the_door=True)
        assert said == "Our own records, looked at because of its webhook, said 'success'."

    def test_a_cause_without_words_of_its_own_is_shown_as_it_is(self) -> None:
        said = sentences.of_evidence(attrs.evolve(self.asked, cause="something new"))
        assert said.startswith("The provider, asked because of something new, answered")

    @pytest.mark.parametrize(
        ("changed", "said"),
        [
            ({}, "not handled yet"),
            ({"handled_at": LATER, "outcome": "settled_the_payment"}, "handled: settled the payment"),
        ],
    )
    def test_a_notice_says_what_became_of_it(self, changed: dict[str, Any], said: str) -> None:
        told = f"chapa sent a notice, 'charge.success' ({said}). It decides nothing by itself."
        assert sentences.of_notice(attrs.evolve(self.notice, **changed)) == told


@pytest.mark.parametrize(
    ("tries", "said"),
    [(1, "first"), (2, "second"), (3, "third"), (4, "fourth"), (5, "fifth"), (6, "6th")],
)
def test_wrong_codes_are_counted_in_words(tries: int, said: str) -> None:
    told = sentences.of_event({"event": "DeliveryCodeWrong", "tries": tries})
    assert told == f"A collector gave a wrong delivery code, the {said} time."


@pytest.mark.parametrize(
    ("event", "door", "said"),
    [
        (
            {"event": "AttemptFailed", "reason": "declined", "detail": "No funds."},
            False,
            "The attempt failed: the provider declined it. No funds.",
        ),
        (
            {"event": "AttemptFailed", "reason": "declined", "detail": ""},
            True,
            "The attempt failed: no cash was handed over at the door.",
        ),
        (
            {"event": "AttemptFailed", "reason": "superseded", "detail": ""},
            True,
            "The attempt failed: another attempt took its place.",
        ),
        (
            {"event": "RefundSucceeded", "detail": "processed"},
            False,
            "The refund succeeded. It was said: 'processed'.",
        ),
        ({"event": "RefundSucceeded", "detail": ""}, False, "The refund succeeded."),
    ],
)
def test_an_event_says_why_in_the_words_that_were_said(
    event: dict[str, Any],
    door: bool,  # noqa: FBT001 -- a row's field
    said: str,
) -> None:
    assert sentences.of_event(event, at_the_door=door) == said

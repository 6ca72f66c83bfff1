"""Money that is named without its facts: no order of answers and reports settles it on too little."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from payments.domain.attempt import Attempt
from payments.domain.evidence import Answer, Mode, Outcome, Report, Rule
from payments.domain.finding import Finding
from payments.domain.money import Money
from payments.domain.payment import Customer, Payment, claim
from payments.domain.settlement import settle
from payments.domain.transitions import AttemptStatus, Disposition

START = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
DUE = Money.of("1500.00", "KES")
OURS, OTHERS = "ws_CO_1", "ws_CO_2"
CONFIRMED_AFTER = timedelta(seconds=10)

ANSWERS = {
    "paid": Answer(outcome=Outcome.PAID, word="0", provider_reference=OURS, capture_key=OURS),
    "in flight": Answer(outcome=Outcome.IN_FLIGHT, word="4999"),
    "declined": Answer(outcome=Outcome.DECLINED, word="1037", fingerprint="1037"),
    "nothing": Answer(outcome=Outcome.NOTHING, word="HTTP 500"),
}
REPORTS = st.none() | st.builds(
    Report,
    provider_reference=st.sampled_from([OURS, OTHERS]),
    amount=st.none() | st.sampled_from([DUE, Money.of("900.00", "KES")]),
    receipt=st.none() | st.just("UC1AB2CD3E"),
)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(sorted(ANSWERS)), REPORTS, st.integers(0, 30) | st.integers(0, 400) | st.just(-7200)
    ),
    max_size=8,
)


def prompted(name: str | None) -> Payment:
    """A payment whose one prompt was sent; ``name`` is what its push was answered, if anything."""
    empty = Payment(
        payment_id=UUID(int=1),
        order_id="order_1",
        payer="user_1",
        amount=DUE,
        order_version="1",
        customer=Customer(),
        created_at=START,
        updated_at=START,
    )
    attempt = Attempt(
        reference="p-first",
        provider="mpesa",
        mode=Mode.TEST,
        amount=DUE,
        order_version="1",
        claimed_at=START,
        watch_until=START + timedelta(hours=24),
        payable_until=START + timedelta(seconds=300),
        next_check_at=START,
        status=AttemptStatus.CLAIMED,
        provider_reference=name,
    )
    return claim(empty, attempt, customer=Customer(), now=START).payment


@settings(max_examples=80)
@given(steps=STEPS, name=st.sampled_from([OURS, None]))
def test_money_counts_when_a_report_agrees_or_our_own_prompt_is_said_paid_twice(
    steps: list[tuple[str, Report | None, int]], name: str | None
) -> None:
    payment, now, said_at = prompted(name), START, None
    for number, (word, report, wait_s) in enumerate(steps):
        now += timedelta(seconds=wait_s)
        before = payment
        settlement = settle(
            payment,
            Finding(
                evidence_id=UUID(int=100 + number),
                reference="p-first",
                answer=ANSWERS[word],
                now=now,
                bound=frozenset({"reference", "amount", "mode"}),
                confirmed_after=CONFIRMED_AFTER,
                report=report,
                one_try=True,
            ),
        )
        payment = settlement.payment
        if word == "declined" and said_at is not None:
            # What was said before a denial was not said after it, whatever the clock of whoever heard it.
            said_at = None if before.attempt("p-first").live else min(said_at, now)
        if len(payment.captures) == len(before.captures):
            if settlement.rule is Rule.SAID_ONCE:
                assert name == OURS
                said_at = min(said_at or now, now)
                assert payment.attempt("p-first").next_check_at == max(now, said_at + CONFIRMED_AFTER)
            continue
        (capture,) = payment.captures
        assert word == "paid"
        about_it = report if report is not None and report.provider_reference == OURS else None
        assert capture.receipt == (about_it.receipt if about_it else None)
        if about_it is not None and about_it.amount is not None:
            held = about_it.amount != DUE
            assert (capture.amount, capture.disposition is Disposition.HELD) == (about_it.amount, held)
        else:
            assert (name, capture.amount, capture.disposition) == (OURS, DUE, Disposition.SETTLES)
            assert said_at is not None
            assert now - said_at >= CONFIRMED_AFTER

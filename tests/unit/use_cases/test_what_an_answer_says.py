"""An answer says what it proves about this attempt now, and no more than that, to everybody who asked."""

import attrs
import pytest

from payments.application.records import Claim
from payments.domain.errors import PaymentInFlight
from payments.domain.events import Reason
from payments.domain.evidence import Answer, Outcome, not_asked
from payments.domain.transitions import AttemptStatus, PaymentStatus
from tests.unit.use_cases.shop import CLOSED, PAYABLE, Shop, birr

pytestmark = pytest.mark.anyio

ANOTHER = "p-aaaaaaaaaaaaaaaaaaaaaaaaaa"


async def test_a_page_declined_before_it_was_handed_out_again_expires_when_nobody_paid_in_time(
    shop: Shop,
) -> None:
    opened = await shop.initiate()
    shop.provider.declines(opened.reference)
    await shop.pass_minutes(1)
    again = await shop.initiate()
    assert again.reference == opened.reference

    await shop.pass_minutes(90)

    attempt = await shop.attempt(opened.reference)
    assert (attempt.status, attempt.reason) == (AttemptStatus.EXPIRED, Reason.TIMED_OUT)
    assert attempt.page_closed
    await shop.pass_hours(73)
    assert await shop.reviews() == [], "nobody paid, and the provider said so"


@pytest.mark.parametrize("outcome", [Outcome.DECLINED, Outcome.CLOSED])
async def test_an_answer_about_another_attempt_does_not_handle_a_notice_of_success(
    shop: Shop, outcome: Outcome
) -> None:
    opened = await shop.initiate()
    shop.provider.answers(opened.reference, Answer(outcome=outcome, word="odd", reference=ANOTHER))
    await shop.hear(opened.reference)
    await shop.kit.work()
    assert [notice.handled_at for notice in await shop.notices(opened.reference)] == [None]

    shop.provider.pays(opened.reference)
    await shop.pass_minutes(1)

    assert (await shop.payment()).status is PaymentStatus.SUCCESS


@pytest.mark.parametrize("outcome", [Outcome.PAID, Outcome.RETURNED])
async def test_an_answer_that_does_not_attest_what_money_needs_does_not_handle_a_notice(
    shop: Shop, outcome: Outcome
) -> None:
    opened = await shop.initiate()
    await shop.attests(opened.reference, outcome=outcome, amount=None)
    await shop.hear(opened.reference, Claim(outcome.value))

    await shop.kit.work()

    assert [notice.handled_at for notice in await shop.notices(opened.reference)] == [None]


async def test_a_notice_of_success_answered_with_the_decline_we_knew_is_asked_about_again(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.declines(opened.reference)
    await shop.ask(opened.reference)
    await shop.initiate()
    await shop.hear(opened.reference)
    await shop.kit.work()
    assert [notice.handled_at for notice in await shop.notices(opened.reference)] == [None]

    shop.provider.pays(opened.reference)
    await shop.pass_minutes(0.5)

    assert (await shop.payment()).status is PaymentStatus.SUCCESS


@pytest.mark.parametrize("answer", [PAYABLE, CLOSED])
async def test_an_answer_about_another_attempt_does_not_make_an_open_page_give_way(
    shop: Shop, answer: Answer
) -> None:
    opened = await shop.initiate()
    shop.provider.answers(opened.reference, attrs.evolve(answer, reference=ANOTHER))

    await shop.initiate_refused(PaymentInFlight, provider="other")

    assert (await shop.attempt(opened.reference)).status is AttemptStatus.OPEN
    assert shop.provider.calls["cancel"] == 0


@pytest.mark.parametrize("amount", ["0.00", "-1000.00"])
async def test_paid_money_that_is_none_is_no_capture_and_the_attempt_stays_watched(
    shop: Shop, amount: str
) -> None:
    opened = await shop.initiate()
    await shop.attests(opened.reference, amount=birr(amount))

    payment = await shop.ask(opened.reference)

    assert payment.captures == ()
    assert payment.attempt(opened.reference).next_check_at is not None


async def test_any_exception_from_asking_is_no_information(shop: Shop) -> None:
    async def breaks(_question: object) -> None:
        raise ValueError("an answer nobody thought of")

    opened = await shop.initiate()
    shop.provider.before_answering = breaks

    await shop.initiate_refused(PaymentInFlight, provider="other")
    await shop.pass_hours(73)

    attempt = await shop.attempt(opened.reference)
    assert (attempt.status, attempt.reason) == (AttemptStatus.EXPIRED, Reason.TIMED_OUT)
    assert await shop.reviews() == ["stuck_unknown"]


async def test_what_a_gateway_says_when_it_had_no_turn_to_ask_is_neither_evidence_nor_a_check(
    shop: Shop,
) -> None:
    opened = await shop.initiate()
    await shop.ask(opened.reference)
    before = await shop.attempt(opened.reference)
    verdicts = await shop.verdicts()

    for answer in (not_asked("waits for its turn"), PAYABLE, not_asked("waits for its turn"), PAYABLE):
        shop.provider.answers(opened.reference, answer)
        await shop.ask(opened.reference)

    after = await shop.attempt(opened.reference)
    assert await shop.verdicts() == verdicts, "the provider said the same again, and nothing else"
    assert (after.checks, after.last_word) == (before.checks + 2, "pending")
    assert after.next_check_at is not None

"""Prompts on a phone: what is asked for once, reported unsigned, and confirmed by being asked."""

import hashlib
from datetime import timedelta

import attrs
import pytest

from payments.application.ports.providers import Checkout, CheckoutRequest, Flow, Question, Urgency
from payments.application.records import Claim
from payments.application.review_details import Details
from payments.domain.errors import (
    InvalidRequest,
    OutcomeUnknown,
    PaymentAlreadyProcessed,
    PaymentInFlight,
    PaymentInReview,
    ReferenceNotFound,
    StorageUnavailable,
)
from payments.domain.events import Reason
from payments.domain.evidence import Answer, Outcome, Rule, nothing
from payments.domain.transitions import AttemptStatus, Disposition, PaymentStatus
from payments.testing import ScriptedPrompts, in_memory_payments
from payments.testing.prompts import PHONE
from tests.unit.use_cases.kept import everything_holds
from tests.unit.use_cases.prompts_shop import PromptsShop
from tests.unit.use_cases.shop import Full, refused

pytestmark = pytest.mark.anyio

RECEIPT = "UC1AB2CD3E"
OTHER_RECEIPT = "UC1AB2CD3F"


@pytest.fixture
def shop(prompted: PromptsShop) -> PromptsShop:
    """The shop of these stories."""
    return prompted


async def test_a_payer_is_prompted_once_and_paid_by_a_callback_that_the_provider_confirms(
    shop: PromptsShop,
) -> None:
    opened = await shop.initiate()
    assert (opened.flow, opened.status) == (Flow.PROMPT, PaymentStatus.PROCESSING)
    assert "/pay/" in opened.checkout_url
    shop.prompts.pays(opened.reference)

    taken = await shop.reports(opened.reference, receipt=RECEIPT)

    assert taken.body == b'{"accepted":true}'
    assert (await shop.payment()).status is PaymentStatus.PROCESSING
    await shop.kit.work()
    payment = await shop.payment()
    assert payment.status is PaymentStatus.SUCCESS
    (capture,) = payment.captures
    assert (capture.key, capture.receipt) == (shop.prompts.named(opened.reference), RECEIPT)
    assert capture.disposition is Disposition.SETTLES
    assert await shop.told() == ["paid"]
    assert shop.prompts.calls["open"] == 1


async def test_the_provider_is_asked_first_about_what_it_says_is_paid(shop: PromptsShop) -> None:
    opened = await shop.initiate()
    await shop.reports(opened.reference)
    await shop.kit.payments.process_notices()
    await shop.ask(opened.reference)
    shop.skip(seconds=31)
    await shop.kit.payments.sweep()
    assert shop.prompts.urgencies == [Urgency.SUCCESS_NOTICED, Urgency.PAYER, Urgency.SWEEP]


async def test_a_repeated_initiate_shows_the_same_prompt_and_sends_no_other(shop: PromptsShop) -> None:
    first, again = await shop.initiate(), await shop.initiate()
    assert (again.reference, again.checkout_url) == (first.reference, first.checkout_url)
    assert shop.prompts.calls["open"] == 1


async def test_only_the_hash_of_the_address_it_reports_to_is_stored(shop: PromptsShop) -> None:
    checkout = await shop.initiate()
    token = shop.prompts.token(checkout.reference)
    attempt = await shop.attempt(checkout.reference)
    assert attempt.callback_token_hash == hashlib.sha256(token.encode()).hexdigest()
    assert token not in repr(await shop.payment())


async def test_a_phone_that_cannot_be_prompted_is_refused_before_any_call(shop: PromptsShop) -> None:
    call = shop.kit.payments.initiate("order_1", "user_1", "prompts", phone_number="+251911223344")
    error = await refused(InvalidRequest, call)
    assert [field.pointer for field in error.errors] == ["/phone_number"]
    assert shop.prompts.calls["open"] == 0


class TestAPayerWhoLooks:
    """Anybody may be behind a look at the page, and few questions about prompts are answered."""

    async def looks(self, shop: PromptsShop, reference: str) -> int:
        """How often the provider was asked because of it."""
        before = shop.prompts.calls["check"]
        shop.skip(seconds=11)
        await shop.kit.payments.settle(reference, "page", coalesce_s=3.0)
        return shop.prompts.calls["check"] - before

    async def test_has_it_asked_about_while_the_phone_shows_it_and_no_longer(self, shop: PromptsShop) -> None:
        opened = await shop.initiate()
        assert await self.looks(shop, opened.reference) == 1
        shop.prompts.declines(opened.reference)
        assert await self.looks(shop, opened.reference) == 1
        assert (await shop.attempt(opened.reference)).status is AttemptStatus.FAILED
        assert await self.looks(shop, opened.reference) == 0

    async def test_has_nobody_asked_once_its_money_is_held(self, shop: PromptsShop) -> None:
        opened = await shop.initiate()
        shop.prompts.pays(opened.reference)
        await shop.reports(opened.reference, amount="900.00")
        await shop.kit.work()
        attempt = await shop.attempt(opened.reference)
        assert (attempt.live, (await shop.payment()).captures[0].disposition) == (True, Disposition.HELD)
        assert await self.looks(shop, opened.reference) == 0


class TestALostAnswer:
    async def test_the_callback_to_its_own_address_finds_the_attempt_again(self, shop: PromptsShop) -> None:
        reference = await shop.lost()
        shop.prompts.pays(reference)
        await shop.reports(reference, receipt=RECEIPT)
        await shop.kit.work()

        payment = await shop.payment()
        assert payment.status is PaymentStatus.SUCCESS
        assert payment.captures[0].receipt == RECEIPT
        assert payment.attempt(reference).provider_reference == shop.prompts.named(reference)

    async def test_nobody_can_be_asked_about_it_until_somebody_reports(self, shop: PromptsShop) -> None:
        reference = await shop.lost()
        await shop.ask(reference)
        assert shop.prompts.calls["check"] == 0
        assert (await shop.attempt(reference)).status is AttemptStatus.UNKNOWN

    async def test_it_went_to_the_phone_that_the_payer_named(self, shop: PromptsShop) -> None:
        reference = await shop.lost()
        assert shop.prompts.opened[reference].phone == PHONE

    async def test_no_second_prompt_is_sent_while_the_first_may_be_on_the_phone(
        self, shop: PromptsShop
    ) -> None:
        await shop.lost()
        error = await refused(OutcomeUnknown, shop.initiate())
        assert error.detail == "The request may be on the payer's phone; its answer was lost."
        assert error.retry_after_s == 30.0
        assert error.facts == {"payment_id": str((await shop.payment()).payment_id)}
        assert shop.prompts.calls["open"] == 1

    async def test_another_provider_has_to_wait_for_it_too(self, shop: PromptsShop) -> None:
        await shop.lost()
        await refused(OutcomeUnknown, shop.initiate(provider="scripted"))

    async def test_it_cannot_be_cancelled_blindly(self, shop: PromptsShop) -> None:
        await shop.lost()
        payment = await shop.payment()
        await refused(OutcomeUnknown, shop.kit.payments.cancel(payment.payment_id, "user_1", "payer:user_1"))

    async def test_when_its_time_is_over_it_expires_and_another_may_follow(self, shop: PromptsShop) -> None:
        reference = await shop.lost()
        await shop.pass_time(minutes=6)
        attempt = await shop.attempt(reference)
        assert (attempt.status, attempt.reason) == (AttemptStatus.EXPIRED, Reason.TIMED_OUT)
        assert shop.prompts.calls["open"] == 1
        assert (await shop.initiate()).reference != reference

    async def test_its_address_still_counts_after_it_expired(self, shop: PromptsShop) -> None:
        reference = await shop.lost()
        await shop.pass_time(minutes=10)
        shop.prompts.pays(reference)
        await shop.reports(reference, receipt=RECEIPT)
        await shop.kit.work()
        assert (await shop.payment()).status is PaymentStatus.SUCCESS

    async def test_a_report_without_an_amount_binds_nothing(self, shop: PromptsShop) -> None:
        reference = await shop.lost()
        shop.prompts.pays(reference)
        await shop.reports(reference, amount=None)
        await shop.pass_time(minutes=2)
        assert not (await shop.payment()).captures
        assert Rule.NOT_ATTESTED in await shop.verdicts()
        assert (await shop.notices(reference))[0].handled_at is None

    async def test_a_failed_prompt_is_found_by_its_report_and_another_may_follow(
        self, shop: PromptsShop
    ) -> None:
        reference = await shop.lost()
        shop.prompts.declines(reference)
        await shop.reports(reference, Claim.FAILED)
        await shop.kit.work()
        attempt = await shop.attempt(reference)
        assert (attempt.status, attempt.reason) == (AttemptStatus.FAILED, Reason.DECLINED)
        assert (await shop.initiate()).reference != reference


class TestSaidAgain:
    async def test_paid_said_once_without_a_callback_counts_for_nothing_yet(self, shop: PromptsShop) -> None:
        opened = await shop.initiate()
        shop.prompts.pays(opened.reference)
        for _ in range(2):
            await shop.ask(opened.reference)
            shop.skip(seconds=9)
        # The second is kept, too: a unit of work that runs again has to find its own.
        assert await shop.verdicts() == [Rule.SAID_ONCE, Rule.SAID_ONCE]
        assert (await shop.payment()).status is PaymentStatus.PROCESSING

    async def test_paid_said_twice_ten_seconds_apart_settles(self, shop: PromptsShop) -> None:
        opened = await shop.initiate()
        shop.prompts.pays(opened.reference)
        await shop.ask(opened.reference)
        due = (await shop.attempt(opened.reference)).next_check_at
        assert due == shop.kit.clock.now() + timedelta(seconds=10)
        shop.skip(seconds=10)
        await shop.kit.work()
        payment = await shop.payment()
        assert payment.status is PaymentStatus.SUCCESS
        assert payment.captures[0].receipt is None

    async def test_meanwhile_no_other_attempt_takes_its_place(self, shop: PromptsShop) -> None:
        opened = await shop.initiate()
        shop.prompts.pays(opened.reference)
        await shop.ask(opened.reference)
        await refused(PaymentInFlight, shop.initiate(provider="scripted"))

    async def test_paid_said_once_of_a_prompt_that_had_ended_is_put_before_a_person(
        self, shop: PromptsShop
    ) -> None:
        opened = await shop.initiate()
        shop.prompts.answers(opened.reference, nothing("no answer"))
        await shop.pass_time(minutes=10)
        assert (await shop.attempt(opened.reference)).status is AttemptStatus.EXPIRED
        shop.prompts.pays(opened.reference)
        await shop.ask(opened.reference)
        assert (await shop.verdicts())[-1] is Rule.SAID_ONCE
        shop.prompts.declines(opened.reference)
        await shop.pass_time(hours=25)
        assert (await shop.attempt(opened.reference)).next_check_at is None
        assert await shop.reviews() == ["stuck_unknown"]

    async def test_paid_that_proves_nothing_after_a_decline_is_put_before_a_person_once(
        self, shop: PromptsShop
    ) -> None:
        reference = await shop.lost()
        shop.prompts.declines(reference)
        await shop.reports(reference, Claim.FAILED)
        await shop.kit.work()
        shop.prompts.pays(reference)
        for _ in range(2):
            await shop.ask(reference)
            assert (await shop.verdicts())[-1] is Rule.NOT_ATTESTED
        shop.prompts.declines(reference)
        await shop.pass_time(hours=25)
        assert (await shop.attempt(reference)).status is AttemptStatus.FAILED
        assert await shop.reviews() == ["stuck_unknown"]

    async def test_paid_that_proves_nothing_is_put_before_a_person_whatever_follows(
        self, shop: PromptsShop
    ) -> None:
        reference = await shop.lost()
        shop.prompts.pays(reference)
        await shop.reports(reference, Claim.FAILED)
        await shop.kit.work()
        assert await shop.verdicts() == [Rule.NOT_ATTESTED]
        (asked,) = (await shop.kit.payments.reviews()).items
        assert asked.detail == "The provider said that it was paid, which proves nothing."
        shop.prompts.declines(reference)
        await shop.pass_time(hours=25)
        assert await shop.reviews() == ["stuck_unknown"]

    async def test_the_receipt_is_kept_when_the_callback_comes_later(self, shop: PromptsShop) -> None:
        opened = await shop.initiate()
        shop.prompts.pays(opened.reference)
        await shop.ask(opened.reference)
        shop.skip(seconds=10)
        await shop.ask(opened.reference)
        asked = shop.prompts.calls["check"]

        await shop.reports(opened.reference, receipt=RECEIPT)
        await shop.kit.work()

        payment = await shop.payment()
        assert (payment.captures[0].receipt, payment.updated_at) == (RECEIPT, shop.kit.clock.now())
        assert shop.prompts.calls["check"] == asked
        assert await shop.told() == ["paid"]
        entry = (await shop.kit.unit_of_work.reads.audit_of(payment.payment_id))[-1]
        assert (entry.actor, entry.cause, entry.at) == ("provider:prompts", "webhook", shop.kit.clock.now())

    async def test_a_report_of_another_amount_afterwards_changes_nothing_and_asks_a_person(
        self, shop: PromptsShop
    ) -> None:
        opened = await shop.initiate()
        shop.prompts.pays(opened.reference)
        await shop.ask(opened.reference)
        shop.skip(seconds=10)
        await shop.ask(opened.reference)
        await shop.reports(opened.reference, amount="900.00", receipt=RECEIPT)
        await shop.kit.work()
        payment = await shop.payment()
        assert (payment.status, payment.captures[0].receipt) == (PaymentStatus.SUCCESS, None)
        assert await shop.reviews() == ["dispute"]


class TestReportsThatLie:
    async def test_a_forged_report_settles_nothing_while_the_provider_says_otherwise(
        self, shop: PromptsShop
    ) -> None:
        opened = await shop.initiate()
        await shop.reports(opened.reference, receipt=RECEIPT)
        await shop.pass_time(minutes=3)
        payment = await shop.payment()
        assert (payment.status, payment.captures) == (PaymentStatus.PROCESSING, ())
        assert (await shop.notices(opened.reference))[0].handled_at is None

    async def test_a_forged_report_of_a_declined_prompt_settles_nothing(self, shop: PromptsShop) -> None:
        opened = await shop.initiate()
        shop.prompts.declines(opened.reference, detail="It was cancelled on the phone.")
        await shop.reports(opened.reference, receipt=RECEIPT)
        await shop.kit.work()
        payment = await shop.payment()
        assert (payment.status, payment.captures) == (PaymentStatus.FAILED, ())

    async def test_a_report_that_the_provider_contradicts_for_a_day_is_a_persons_matter(
        self, shop: PromptsShop
    ) -> None:
        opened = await shop.initiate()
        shop.prompts.declines(opened.reference)
        await shop.reports(opened.reference, receipt=RECEIPT)
        await shop.kit.pass_time(timedelta(hours=25), step=timedelta(minutes=30))
        assert await shop.reviews() == ["stuck_unknown"]

    async def test_a_provider_that_said_paid_and_then_declined_is_a_persons_matter(
        self, shop: PromptsShop
    ) -> None:
        opened = await shop.initiate()
        shop.prompts.pays(opened.reference)
        await shop.kit.payments.settle(opened.reference)
        shop.prompts.declines(opened.reference)
        await shop.kit.payments.settle(opened.reference)
        payment = await shop.payment()
        assert (payment.status, payment.captures) == (PaymentStatus.FAILED, ())
        assert await shop.reviews() == ["stuck_unknown"]
        (asked,) = (await shop.kit.payments.reviews()).items
        assert asked.detail == "The provider said that it was paid, and then that it was declined."

    async def test_what_was_said_before_a_decline_is_no_first_word_of_what_is_said_after_it(
        self, shop: PromptsShop
    ) -> None:
        opened = await shop.initiate()
        for says in (shop.prompts.pays, shop.prompts.declines, shop.prompts.pays):
            says(opened.reference)
            await shop.ask(opened.reference)
            shop.skip(seconds=11)
        assert (await shop.payment()).captures == ()
        await shop.ask(opened.reference)
        assert (await shop.payment()).status is PaymentStatus.SUCCESS

    async def test_another_amount_is_held_for_a_person(self, shop: PromptsShop) -> None:
        opened = await shop.initiate()
        shop.prompts.pays(opened.reference)
        await shop.reports(opened.reference, amount="900.00", receipt=RECEIPT)
        await shop.kit.work()
        payment = await shop.payment()
        assert (payment.status, payment.received.decimal) == (PaymentStatus.PROCESSING, "900.00")
        assert payment.captures[0].disposition is Disposition.HELD
        assert await shop.reviews() == ["amount_mismatch"]
        await refused(PaymentInReview, shop.initiate())

    async def test_the_name_of_somebody_elses_prompt_proves_nothing(self, shop: PromptsShop) -> None:
        shop.kit.order("order_2", amount="1000.00", currency="KES")
        paid = await shop.initiate("order_2")
        shop.prompts.pays(paid.reference)
        reference = await shop.lost()
        await shop.reports(reference, name=shop.prompts.named(paid.reference))
        await shop.kit.work()
        payment = await shop.payment()
        assert (payment.status, payment.captures) == (PaymentStatus.PENDING, ())
        assert await shop.reviews() == ["orphan"]

    async def test_a_receipt_that_other_money_has_is_not_taken_twice(self, shop: PromptsShop) -> None:
        shop.kit.order("order_2", amount="1000.00", currency="KES")
        for order_id in ("order_1", "order_2"):
            opened = await shop.initiate(order_id)
            shop.prompts.pays(opened.reference)
            await shop.reports(opened.reference, receipt=RECEIPT)
            await shop.kit.work()
        assert (await shop.payment("order_1")).captures[0].receipt == RECEIPT
        assert (await shop.payment("order_2")).captures[0].receipt is None
        assert (await shop.payment("order_2")).status is PaymentStatus.SUCCESS

    async def test_an_address_that_nobody_was_given_stores_nothing(self, shop: PromptsShop) -> None:
        opened = await shop.initiate()
        body = shop.prompts.callback(opened.reference)
        await refused(ReferenceNotFound, shop.kit.payments.receive_callback("0" * 32, body))
        assert await shop.notices(opened.reference) == ()

    async def test_a_report_is_not_acknowledged_before_its_commit(self, shop: PromptsShop) -> None:
        opened = await shop.initiate()
        token, body = shop.prompts.token(opened.reference), shop.prompts.callback(opened.reference)
        receive = attrs.evolve(shop.kit.payments.receive_callback, unit_of_work=Full(shop.kit.unit_of_work))
        await refused(StorageUnavailable, receive(token, body))
        assert await shop.notices(opened.reference) == ()

    async def test_a_report_that_cannot_be_read_is_stored_and_makes_us_ask(self, shop: PromptsShop) -> None:
        opened = await shop.initiate()
        shop.prompts.pays(opened.reference)
        await shop.kit.payments.receive_callback(shop.prompts.token(opened.reference), b"\xff<html>")
        await shop.kit.payments.process_notices()
        (notice,) = await shop.notices(opened.reference)
        assert notice.claim is Claim.OTHER
        assert shop.prompts.calls["check"] == 1

    async def test_the_same_bytes_again_are_one_notice(self, shop: PromptsShop) -> None:
        opened = await shop.initiate()
        for _ in range(3):
            await shop.reports(opened.reference)
        assert len(await shop.notices(opened.reference)) == 1


class TestWhenItComes:
    async def test_a_callback_may_come_before_the_answer_to_the_push(self, shop: PromptsShop) -> None:
        class Early(ScriptedPrompts):
            async def open(self, request: CheckoutRequest) -> Checkout:
                checkout = await super().open(request)
                self.pays(request.reference)
                await early.reports(request.reference, receipt=RECEIPT)
                await kit.payments.process_notices()
                return checkout

        prompts = Early()
        kit = in_memory_payments(prompts=prompts)
        kit.order(amount="1000.00", currency="KES")
        early = PromptsShop(kit=kit, prompts=prompts)
        await refused(PaymentAlreadyProcessed, early.initiate())
        payment = await early.payment()
        assert (payment.status, len(payment.captures)) == (PaymentStatus.SUCCESS, 1)
        assert payment.attempts[0].provider_reference == prompts.named(payment.attempts[0].reference)
        await everything_holds(kit)

    async def test_money_of_an_expired_prompt_still_settles(self, shop: PromptsShop) -> None:
        opened = await shop.initiate()
        shop.prompts.silent = True
        await shop.pass_time(minutes=6)
        assert (await shop.payment()).status is PaymentStatus.FAILED
        shop.prompts.silent = False
        shop.prompts.pays(opened.reference)
        await shop.reports(opened.reference, receipt=RECEIPT)
        await shop.kit.work()
        assert (await shop.payment()).status is PaymentStatus.SUCCESS
        assert await shop.told() == ["failed", "paid"]

    async def test_a_prompt_that_may_be_acted_on_is_not_expired(self, shop: PromptsShop) -> None:
        opened = await shop.initiate()
        await shop.pass_time(minutes=6)
        assert (await shop.attempt(opened.reference)).status is AttemptStatus.OPEN

    async def test_money_of_a_superseded_prompt_is_surplus(self, shop: PromptsShop) -> None:
        first = await shop.initiate()
        shop.skip(minutes=6)
        second = await shop.initiate()
        for opened in (second, first):
            shop.prompts.pays(opened.reference)
            await shop.reports(opened.reference)
            await shop.kit.work()
        assert [c.disposition for c in (await shop.payment()).captures] == [
            Disposition.SETTLES,
            Disposition.SURPLUS,
        ]


class TestDeclined:
    async def test_the_payer_is_told_why_and_a_new_prompt_is_sent_when_they_ask(
        self, shop: PromptsShop
    ) -> None:
        opened = await shop.initiate()
        shop.prompts.declines(opened.reference, detail="The PIN was wrong. Try again.")
        await shop.reports(opened.reference, Claim.FAILED)
        await shop.kit.work()
        attempt = await shop.attempt(opened.reference)
        assert (attempt.detail, attempt.page_closed) == ("The PIN was wrong. Try again.", True)
        assert shop.prompts.calls["open"] == 1
        again = await shop.initiate()
        assert again.reference != opened.reference
        assert shop.prompts.calls["open"] == 2

    async def test_what_is_final_is_asked_about_no_more(self, shop: PromptsShop) -> None:
        opened = await shop.initiate()
        shop.prompts.declines(opened.reference)
        await shop.ask(opened.reference)
        asked = shop.prompts.calls["check"]
        await shop.pass_time(minutes=10)
        assert shop.prompts.calls["check"] == asked

    async def test_what_may_still_be_paid_is_asked_about_again(self, shop: PromptsShop) -> None:
        opened = await shop.initiate()
        shop.prompts.declines(opened.reference, final=False)
        await shop.ask(opened.reference)
        shop.prompts.pays(opened.reference)
        await shop.pass_time(minutes=3)
        assert (await shop.payment()).status is PaymentStatus.SUCCESS

    async def test_a_prompt_in_flight_is_not_cancelled(self, shop: PromptsShop) -> None:
        await shop.initiate()
        payment = await shop.payment()
        await refused(PaymentInFlight, shop.kit.payments.cancel(payment.payment_id, "user_1", "payer:user_1"))


async def test_a_second_payment_reported_for_one_prompt_is_asked_about_and_is_surplus(
    shop: PromptsShop,
) -> None:
    opened = await shop.initiate()
    shop.prompts.pays(opened.reference)
    await shop.reports(opened.reference, receipt=RECEIPT)
    await shop.kit.work()
    shop.prompts.twice(opened.reference, "C-again")

    await shop.reports(opened.reference, name="C-again", receipt=OTHER_RECEIPT)
    await shop.kit.work()

    settled, again = (await shop.payment()).captures
    assert (settled.disposition, again.disposition) == (Disposition.SETTLES, Disposition.SURPLUS)
    assert (again.key, again.receipt) == ("C-again", OTHER_RECEIPT)
    assert await shop.reviews() == ["surplus"]


async def test_money_that_a_person_recorded_by_its_receipt_is_not_counted_again(shop: PromptsShop) -> None:
    reference = await shop.lost()
    shop.prompts.silent = True
    await shop.reports(reference, receipt=RECEIPT)
    await shop.pass_time(hours=25)
    (asked,) = (await shop.kit.payments.reviews()).items
    seen = Details(outcome="paid", provider_reference=RECEIPT)
    await shop.kit.payments.resolve(asked.review_id, "record", "in the portal", "operator:boss", seen)
    shop.prompts.silent = False
    shop.prompts.pays(reference)

    await shop.reports(reference, receipt=RECEIPT, sent="again")
    await shop.kit.work()

    assert len((await shop.payment()).captures) == 1
    assert await shop.reviews() == []


async def test_a_second_payment_that_the_provider_does_not_confirm_is_a_persons_question(
    shop: PromptsShop,
) -> None:
    opened = await shop.initiate()
    shop.prompts.pays(opened.reference)
    await shop.reports(opened.reference, receipt=RECEIPT)
    await shop.kit.work()

    await shop.reports(opened.reference, name="C-again", receipt=OTHER_RECEIPT)
    await shop.pass_time(hours=25)

    assert len((await shop.payment()).captures) == 1
    assert await shop.reviews() == ["stuck_unknown"]


async def test_the_newest_prompts_are_asked_about_first(shop: PromptsShop) -> None:
    asked: list[str] = []

    class Noting(ScriptedPrompts):
        async def check(self, question: Question) -> Answer:
            asked.append(question.reference)
            return Answer(outcome=Outcome.IN_FLIGHT, word="4999")

    kit = in_memory_payments(prompts=Noting())
    opened = []
    for number in range(3):
        kit.order(f"order_{number}", amount="1000.00", currency="KES")
        phone = f"25471234567{number}"
        opened.append(
            (
                await kit.payments.initiate(f"order_{number}", "user_1", "prompts", phone_number=phone)
            ).reference
        )
        kit.clock.advance(timedelta(seconds=1))
    kit.clock.advance(timedelta(seconds=40))
    await kit.payments.sweep()
    assert asked == opened[::-1]

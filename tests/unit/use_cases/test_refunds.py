"""Refunds: every sentence of docs/model.md section 9, in memory."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import attrs
import pytest

from payments.adapters.cipher import AesGcmCipher
from payments.adapters.memory.shared_state import MemorySharedState
from payments.application.addresses import Addresses
from payments.application.ports.providers import (
    Callback,
    Callbacks,
    Provider,
    RefundAnswer,
    RefundOutcome,
    RefundQuestion,
    RefundRequest,
)
from payments.application.records import Claim, Destination
from payments.application.review_details import Details
from payments.application.tokens import hash_of
from payments.bootstrap import assemble
from payments.domain.collection import AtTheDoor, CashRecord
from payments.domain.errors import (
    ApprovalByRequester,
    GatewayError,
    IdempotencyKeyReused,
    InvalidMoney,
    InvalidRequest,
    NothingToRefund,
    OutcomeUnknown,
    PaymentNotFound,
    PaymentsError,
    ProviderRejected,
    ProviderUnavailable,
    ReceiptPending,
    RefundNotAwaiting,
    RefundNotFound,
    RefundTooLarge,
    UnsupportedAmount,
    UnsupportedProvider,
)
from payments.domain.events import ReviewKind
from payments.domain.evidence import Outcome
from payments.domain.money import Money
from payments.domain.refund import Refund
from payments.domain.refund_rules import RefundRules
from payments.domain.transitions import AttemptStatus, Disposition, PaymentStatus, RefundStatus
from payments.testing import ScriptedProvider, cash_on_delivery, in_memory_payments
from payments.testing.identifiers import CountingIdentifiers
from payments.testing.provider import ScriptedRefunds
from tests.unit.use_cases.deciding import the_review
from tests.unit.use_cases.kept import everything_holds
from tests.unit.use_cases.shop import HesitatingProvider, HesitatingRefunds, Shop, birr, refused

pytestmark = pytest.mark.anyio


@attrs.frozen
class Till:
    """A shop whose order is paid, and a short way to ask for money back."""

    shop: Shop
    reference: str

    @property
    def provider(self) -> ScriptedRefunds:
        refunds = self.shop.provider.refunds
        assert refunds is not None
        return refunds

    async def refund(self, amount: str = "200.00", *, actor: str = "operator:clerk", **more: UUID) -> Refund:
        payment = await self.shop.payment()
        return await self.shop.kit.payments.refund(
            payment.payment_id, amount=amount, reason="broken", actor=actor, **more
        )

    async def refunds(self) -> tuple[Refund, ...]:
        return (await self.shop.payment()).refunds

    async def statuses(self) -> list[str]:
        return [refund.status.value for refund in await self.refunds()]

    async def approve(self, refund: Refund, approver: str = "operator:manager") -> Refund:
        payment = await self.shop.payment()
        return await self.shop.kit.payments.approve_refund(
            payment.payment_id, refund.refund_id, approver=approver
        )

    async def ask(self, refund: Refund) -> Refund:
        payment = await self.shop.payment()
        after = await self.shop.kit.payments.settle_refund(payment.payment_id, refund.refund_id)
        return next(r for r in after.refunds if r.refund_id == refund.refund_id)


async def till_of(*providers: ScriptedProvider, rules: RefundRules | None = None) -> Till:
    provider = providers[0] if providers else HesitatingProvider()
    assert isinstance(provider, HesitatingProvider)
    other = HesitatingProvider(name="other")
    kit = in_memory_payments(provider, other, refund_rules=rules)
    kit.order()
    shop = Shop(kit=kit, provider=provider, other=other)
    opened = await shop.initiate()
    provider.pays(opened.reference)
    await shop.ask(opened.reference)
    return Till(shop, opened.reference)


async def paid_in_cash(rules: RefundRules | None = None) -> Till:
    """An order that a collector took the money for."""
    provider, other = HesitatingProvider(), HesitatingProvider(name="other")
    kit = in_memory_payments(provider, other, cash=cash_on_delivery(delivery_codes=False), refund_rules=rules)
    kit.order()
    shop = Shop(kit=kit, provider=provider, other=other)
    opened = await shop.initiate(provider="cash")
    record = CashRecord(
        collection_id="c-1",
        collector="rider_7",
        outcome=AtTheDoor.COLLECTED,
        amount=birr("1000.00"),
        reference=opened.reference,
    )
    await kit.payments.collect_cash(record)
    return Till(shop, opened.reference)


@pytest.fixture
async def till() -> AsyncIterator[Till]:
    """A paid order; at the end every invariant must hold."""
    paid = await till_of()
    yield paid
    await everything_holds(paid.shop.kit)


# --- reserved against one capture


async def test_a_refund_is_of_the_settling_capture_unless_another_is_named(till: Till) -> None:
    payment = await till.shop.payment()
    assert payment.settling_capture is not None

    refund = await till.refund()

    assert refund.capture_id == payment.settling_capture.capture_id
    named = await till.refund(capture_id=payment.settling_capture.capture_id)
    assert named.capture_id == refund.capture_id


async def test_refunds_never_exceed_the_capture_those_under_way_counted(till: Till) -> None:
    till.provider.answer = RefundOutcome.PENDING
    await till.refund("600.00")

    trouble = await refused(RefundTooLarge, till.refund("400.01"))

    assert trouble.facts["refundable"] == "400.00"
    await till.refund("400.00")
    await refused(RefundTooLarge, till.refund("0.01"))


@pytest.mark.parametrize("amount", ["0", "0.00", "-1.00", "1.001", "1e3", "", "NaN"])
async def test_an_amount_that_is_none_is_refused(till: Till, amount: str) -> None:
    await refused(InvalidMoney, till.refund(amount))
    assert await till.refunds() == ()


async def test_money_of_another_currency_is_refused(till: Till) -> None:
    payment = await till.shop.payment()
    call = till.shop.kit.payments.refund(
        payment.payment_id, amount=Money.of("1.00", "USD"), reason="x", actor="operator:clerk"
    )
    await refused(InvalidMoney, call)


async def test_what_nobody_paid_and_what_is_not_there_cannot_be_refunded(shop: Shop) -> None:
    await shop.initiate()
    till = Till(shop, "")
    await refused(NothingToRefund, till.refund())
    await refused(InvalidRequest, till.refund(capture_id=UUID(int=9)))
    refund = shop.kit.payments.refund
    await refused(PaymentNotFound, refund(UUID(int=9), amount="1.00", reason="x", actor="operator:clerk"))
    payment_id = (await shop.payment()).payment_id
    await refused(RefundNotFound, shop.kit.payments.settle_refund(payment_id, UUID(int=9)))


async def test_money_of_a_provider_that_is_switched_off_or_in_the_other_mode_cannot_go_back(
    till: Till,
) -> None:
    kit = till.shop.kit
    without = in_memory_payments(HesitatingProvider(name="other"), unit_of_work=kit.unit_of_work)
    payment = await till.shop.payment()
    call = without.payments.refund(payment.payment_id, amount="1.00", reason="x", actor="operator:clerk")
    await refused(UnsupportedProvider, call)
    assert await till.refunds() == ()


# --- sent once, after it was committed


async def test_a_refund_is_on_record_as_requested_before_a_byte_leaves() -> None:
    seen: list[str] = []
    refunds = HesitatingRefunds()
    paid = await till_of(HesitatingProvider(refunds=refunds))

    async def look(_request: RefundRequest) -> None:
        seen.extend(await paid.statuses())

    refunds.before_request = look
    refund = await paid.refund()

    assert seen == ["requested"]
    assert refund.status is RefundStatus.SUCCEEDED
    assert re.fullmatch("r-[a-z2-7]{26}", refund.reference)


async def test_the_same_refund_asked_for_again_is_sent_once(till: Till) -> None:
    first = await till.refund(refund_id=UUID(int=5))
    again = await till.refund(refund_id=UUID(int=5))

    assert first == again
    assert till.provider.calls["request"] == 1
    await refused(IdempotencyKeyReused, till.refund("300.00", refund_id=UUID(int=5)))


# --- what the provider answers


async def test_the_order_and_the_payer_are_told_of_a_part_and_of_the_whole(till: Till) -> None:
    await till.refund("400.00")
    await till.refund("600.00")
    await till.shop.kit.work()

    assert await till.shop.told() == ["paid", "partially_refunded", "refunded"]
    assert await till.shop.told(Destination.PAYER) == ["confirmation", "refunded", "refunded"]
    payment = await till.shop.payment()
    messages = await till.shop.kit.unit_of_work.reads.messages_of(payment.payment_id)
    assert [b'"refunded_amount":"400.00"' in m.body for m in messages if m.kind == "partially_refunded"] == [
        True
    ]
    assert payment.status is PaymentStatus.SUCCESS
    await everything_holds(till.shop.kit)


@pytest.mark.parametrize("trouble", [ProviderRejected("not possible"), ProviderUnavailable("down")])
async def test_a_refusal_and_an_unreachable_provider_fail_it_and_free_the_amount(
    till: Till, trouble: GatewayError
) -> None:
    till.provider.trouble = [trouble]

    refund = await till.refund("1000.00")

    assert (refund.status, refund.detail) == (RefundStatus.FAILED, trouble.detail)
    assert (await till.refund("1000.00")).status is RefundStatus.SUCCEEDED
    assert await till.shop.told() == ["paid", "refunded"]


@pytest.mark.parametrize("trouble", [OutcomeUnknown("read timeout"), RuntimeError("defect")])
@pytest.mark.parametrize("done", [True, False])
async def test_an_unknown_refund_is_asked_about_and_never_sent_again(
    till: Till,
    trouble: Exception,
    done: bool,  # noqa: FBT001 -- a parameter of the story
) -> None:
    till.provider.trouble, till.provider.accepts_in_trouble = [trouble], done

    refund = await till.refund()
    assert refund.status is RefundStatus.UNKNOWN
    await till.shop.pass_minutes(5)

    assert till.provider.calls["request"] == 1
    assert await till.statuses() == ["succeeded" if done else "unknown"]


async def test_a_word_that_nobody_knows_leaves_it_unknown_and_keeps_the_providers_name_for_it(
    till: Till,
) -> None:
    till.provider.answer = RefundOutcome.NOTHING

    refund = await till.refund()

    assert (refund.status, refund.provider_reference) == (RefundStatus.UNKNOWN, f"R-{refund.reference}")
    till.provider.ends(refund.reference, RefundOutcome.SUCCEEDED)
    await till.shop.pass_minutes(1)
    assert till.provider.questions[-1].provider_reference == f"R-{refund.reference}"
    assert await till.statuses() == ["succeeded"]


async def test_after_24_hours_an_unknown_refund_is_a_persons_question_once_and_asking_goes_on(
    till: Till,
) -> None:
    till.provider.trouble = [OutcomeUnknown("lost")]
    refund = await till.refund()
    await till.shop.pass_hours(23)
    assert await till.shop.reviews() == []

    await till.shop.pass_hours(26)
    assert await till.shop.reviews() == ["refund_unknown"]

    till.provider.ends(refund.reference, RefundOutcome.SUCCEEDED)
    await till.shop.pass_hours(2)
    assert await till.statuses() == ["succeeded"]
    assert await till.shop.reviews() == []
    assert till.provider.calls["request"] == 1


async def test_what_needs_attention_stays_requested_and_is_a_persons_question(till: Till) -> None:
    till.provider.answer = RefundOutcome.NEEDS_ATTENTION

    refund = await till.refund()
    await till.shop.pass_minutes(10)

    assert await till.statuses() == ["requested"]
    assert await till.shop.reviews() == ["refund_unknown"]
    till.provider.ends(refund.reference, RefundOutcome.FAILED, word="failed", detail="account closed")
    await till.shop.pass_minutes(2)
    assert await till.statuses() == ["failed"]
    assert (await till.refunds())[0].detail == "failed (account closed)"
    assert await till.shop.reviews() == []


async def test_a_pending_refund_is_asked_about_by_its_age_until_it_ends(till: Till) -> None:
    till.provider.answer = RefundOutcome.PENDING
    refund = await till.refund()
    assert (refund.status, refund.provider_reference) == (RefundStatus.REQUESTED, f"R-{refund.reference}")

    await till.shop.pass_minutes(5)
    soon = till.provider.calls["check"]
    await till.shop.pass_hours(24)

    assert 8 <= soon <= 11
    assert 20 <= till.provider.calls["check"] - soon <= 70
    assert await till.statuses() == ["requested"]
    assert await till.shop.reviews() == []
    till.provider.ends(refund.reference, RefundOutcome.SUCCEEDED)
    await till.shop.pass_hours(2)
    assert await till.statuses() == ["succeeded"]


async def test_a_refund_that_has_not_ended_for_a_week_is_a_persons_question_once(till: Till) -> None:
    till.provider.answer = RefundOutcome.PENDING
    await till.refund()
    await till.shop.pass_hours(24 * 7 - 2)
    assert await till.shop.reviews() == []

    await till.shop.pass_hours(24 * 2)

    assert await till.statuses() == ["requested"]
    assert await till.shop.reviews() == ["refund_unknown"]


async def test_a_refund_that_succeeded_may_come_back_and_then_all_are_told(till: Till) -> None:
    refund = await till.refund("1000.00")
    till.provider.ends(refund.reference, RefundOutcome.FAILED, word="returned")

    after = await till.ask(refund)

    assert after.status is RefundStatus.FAILED
    assert await till.shop.told() == ["paid", "refunded", "partially_refunded"]
    payment = await till.shop.payment()
    *_, last = await till.shop.kit.unit_of_work.reads.messages_of(payment.payment_id)
    assert b'"refunded_amount":"0.00"' in last.body
    assert await till.shop.reviews() == ["dispute"]
    assert (await till.refund("1000.00")).status is RefundStatus.SUCCEEDED


async def test_the_others_of_a_capture_are_named_when_the_provider_is_asked(till: Till) -> None:
    first = await till.refund("100.00")
    till.provider.trouble = [OutcomeUnknown("lost")]
    second = await till.refund("100.00")

    await till.ask(second)

    (question,) = till.provider.questions
    assert question.known == {f"R-{first.reference}"}
    assert (question.reference, question.provider_reference) == (second.reference, None)


# --- approval


LIMITS = RefundRules(approval_above={"ETB": birr("500.00")})


async def test_above_the_limit_a_second_person_approves_and_the_amount_is_set_aside_meanwhile() -> None:
    till = await till_of(rules=LIMITS)
    waiting = await till.refund("500.01")
    assert waiting.status is RefundStatus.AWAITING_APPROVAL
    await till.shop.pass_minutes(5)
    assert till.provider.calls["request"] == 0
    await refused(RefundTooLarge, till.refund("500.00"))
    await refused(ApprovalByRequester, till.approve(waiting, "operator:clerk"))
    await refused(ApprovalByRequester, till.approve(waiting, "payer:clerk"))

    approved = await till.approve(waiting)

    assert (approved.status, approved.approver) == (RefundStatus.SUCCEEDED, "operator:manager")
    assert await till.approve(waiting) == approved, "their first answer may have been lost"
    await refused(RefundNotAwaiting, till.approve(waiting, "operator:another"))
    assert till.provider.calls["request"] == 1
    await everything_holds(till.shop.kit)


@pytest.mark.parametrize(
    ("one", "another"),
    [
        ("auth0:clerk", "operator:auth0:clerk"),
        ("operator:auth0:clerk", "auth0:clerk"),
        ("clerk", "ops:clerk"),
    ],
)
async def test_nobody_approves_their_own_refund_by_leaving_out_their_role(one: str, another: str) -> None:
    till = await till_of(rules=LIMITS)
    waiting = await till.refund("1000.00", actor=one)
    await refused(ApprovalByRequester, till.approve(waiting, another))


@pytest.mark.parametrize("reason", ["", " \t", "x" * 501, "a\x00b", "half \ud83d"])
async def test_a_refund_without_a_reason_that_can_be_kept_is_neither_made_nor_refused(reason: str) -> None:
    till = await till_of(rules=LIMITS)
    payment, waiting = await till.shop.payment(), await till.refund("600.00")
    payments = till.shop.kit.payments
    for asked in (
        payments.refund(payment.payment_id, amount="1.00", reason=reason, actor="operator:clerk"),
        payments.refuse_refund(
            payment.payment_id, waiting.refund_id, actor="operator:manager", reason=reason
        ),
    ):
        error = await refused(InvalidRequest, asked)
        assert [field.pointer for field in error.errors] == ["/reason"]
    assert await till.statuses() == ["awaiting_approval"]


async def test_up_to_the_limit_nobody_else_is_asked() -> None:
    till = await till_of(rules=LIMITS)
    assert (await till.refund("500.00")).status is RefundStatus.SUCCEEDED


async def test_a_currency_that_no_limit_names_always_needs_approval() -> None:
    till = await till_of(rules=RefundRules(approval_above={"KES": Money.of("10.00", "KES")}))
    assert (await till.refund("0.01")).status is RefundStatus.AWAITING_APPROVAL


async def test_a_refund_that_waits_can_be_refused_which_frees_its_amount() -> None:
    till = await till_of(rules=LIMITS)
    waiting = await till.refund("1000.00")
    payment = await till.shop.payment()

    for _ in range(2):
        gone = await till.shop.kit.payments.refuse_refund(
            payment.payment_id, waiting.refund_id, actor="operator:manager", reason="no"
        )
        assert gone.status is RefundStatus.FAILED

    assert (await till.refund("400.00")).status is RefundStatus.SUCCEEDED
    assert await till.shop.told() == ["paid", "partially_refunded"]
    await refused(RefundNotAwaiting, till.approve(waiting))


# --- what a provider can and cannot do


async def test_a_provider_that_refunds_whole_refuses_a_part() -> None:
    till = await till_of(HesitatingProvider(refunds_whole=True))
    trouble = await refused(UnsupportedAmount, till.refund("999.99"))
    assert [error.pointer for error in trouble.errors] == ["/amount"]
    assert (await till.refund("1000.00")).status is RefundStatus.SUCCEEDED


async def test_a_provider_that_refunds_by_receipt_waits_for_it() -> None:
    till = await till_of(HesitatingProvider(refunds_by_receipt=True))
    await refused(ReceiptPending, till.refund("1000.00"))
    assert await till.refunds() == ()


async def test_where_a_person_hands_the_money_back_recording_it_is_the_refund() -> None:
    till = await paid_in_cash()
    refund = await till.refund("1000.00")

    assert (refund.status, refund.actor) == (RefundStatus.SUCCEEDED, "operator:clerk")
    assert await till.shop.told() == ["pay_on_delivery", "paid", "refunded"]
    payment = await till.shop.payment()
    last = (await till.shop.kit.unit_of_work.reads.audit_of(payment.payment_id))[-1]
    for event in (b"RefundReserved", b"RefundRequested", b"RefundSucceeded"):
        assert event in last.events
    assert (await till.ask(refund)).status is RefundStatus.SUCCEEDED


async def test_above_the_limit_money_at_the_door_needs_two_people_too() -> None:
    till = await paid_in_cash(LIMITS)
    waiting = await till.refund("1000.00")
    assert waiting.status is RefundStatus.AWAITING_APPROVAL
    assert (await till.approve(waiting)).status is RefundStatus.SUCCEEDED


async def test_where_a_provider_sends_nothing_back_a_person_does_and_records_that_before_it_is_told() -> None:
    till = await till_of(HesitatingProvider(refunds=None))
    refund = await till.refund("1000.00")

    assert refund.status is RefundStatus.RESERVED
    assert await till.shop.told() == ["paid"]
    assert await till.shop.reviews() == ["refund_unknown"]
    question = await the_review(till.shop, ReviewKind.REFUND_UNKNOWN)

    seen = Details(outcome="succeeded", provider_reference="PORTAL-1")
    await till.shop.kit.payments.resolve(
        question.review_id, "record", "sent at the portal", "operator:boss", seen
    )

    assert await till.statuses() == ["succeeded"]
    assert await till.shop.told() == ["paid", "refunded"]
    await everything_holds(till.shop.kit)


# --- held money


async def test_after_held_money_is_wholly_refunded_its_attempt_fails_and_the_payer_may_try_again(
    shop: Shop,
) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference, amount=birr("400.00"))
    await shop.ask(opened.reference)
    till = Till(shop, opened.reference)
    (held,) = (await shop.payment()).held_captures

    await till.refund("150.00", capture_id=held.capture_id)
    assert (await shop.attempt(opened.reference)).live
    await till.refund("250.00", capture_id=held.capture_id)

    payment = await shop.payment()
    assert payment.status is PaymentStatus.FAILED
    assert payment.attempt(opened.reference).status is AttemptStatus.FAILED
    assert await shop.told() == ["failed"]
    assert (await shop.initiate()).reference != opened.reference
    await everything_holds(shop.kit)


# --- notices


async def test_a_notice_about_our_refund_has_it_asked_about(till: Till) -> None:
    till.provider.answer = RefundOutcome.PENDING
    refund = await till.refund()
    till.provider.ends(refund.reference, RefundOutcome.SUCCEEDED)

    await till.shop.hear(refund.reference, Claim.RETURNED)
    await till.shop.kit.payments.process_notices()

    assert await till.statuses() == ["succeeded"]
    (notice,) = await till.shop.notices(refund.reference)
    assert notice.outcome == "refund succeeded"


async def test_a_notice_that_names_the_attempt_has_its_refunds_asked_about(till: Till) -> None:
    till.provider.answer = RefundOutcome.PENDING
    refund = await till.refund()
    till.provider.ends(refund.reference, RefundOutcome.SUCCEEDED)

    await till.shop.hear(till.reference, Claim.RETURNED)
    await till.shop.kit.payments.process_notices()

    assert await till.statuses() == ["succeeded"]
    (notice,) = [n for n in await till.shop.notices(till.reference) if n.claim is Claim.RETURNED]
    assert notice.outcome == "explained by a refund"


@attrs.define
class AnswersTogether(ScriptedRefunds):
    """Answers no question about a refund before so many were asked."""

    together: asyncio.Barrier = attrs.field(factory=lambda: asyncio.Barrier(3))

    async def check(self, question: RefundQuestion) -> RefundAnswer:
        async with asyncio.timeout(5):
            await self.together.wait()
        return await super().check(question)


async def test_refunds_that_a_notice_may_mean_are_asked_about_beside_each_other() -> None:
    refunds = AnswersTogether()
    till = await till_of(HesitatingProvider(refunds=refunds))
    for _ in range(3):
        await till.refund("10.00")
    assert await till.shop.hear(till.reference, Claim.RETURNED)
    await till.shop.kit.payments.process_notices()
    assert refunds.calls["check"] == 3


async def test_a_notice_of_another_provider_about_our_refund_moves_nothing(till: Till) -> None:
    till.provider.answer = RefundOutcome.PENDING
    refund = await till.refund()
    asked = till.provider.calls["check"]

    await till.shop.hear(refund.reference, Claim.RETURNED, provider=till.shop.other)
    await till.shop.kit.payments.process_notices()

    assert till.provider.calls["check"] == asked


async def test_a_success_that_is_told_of_a_refund_which_failed_is_a_question_and_no_second_refund(
    till: Till,
) -> None:
    till.provider.answer = RefundOutcome.PENDING
    refund = await till.refund("300.00")
    till.provider.ends(refund.reference, RefundOutcome.FAILED, word="failed", detail="account closed")
    await till.ask(refund)
    before = await till.refunds()

    for _ in range(2):
        till.shop.kit.clock.advance(timedelta(seconds=1))
        await till.shop.hear(refund.reference, Claim.RETURNED)
        await till.shop.kit.payments.process_notices()

    assert await till.refunds() == before
    assert await till.shop.reviews() == ["dispute"]
    question = await the_review(till.shop, ReviewKind.DISPUTE)
    assert question.subject == str(refund.refund_id)
    assert "300.00 ETB had failed (failed (account closed))" in question.detail
    for notice in await till.shop.notices(refund.reference):
        assert notice.outcome == "refund failed, left to review dispute"
    assert await till.shop.told() == ["paid"]
    await till.shop.kit.payments.resolve(question.review_id, "dismiss", "the money is here", "operator:boss")
    till.shop.kit.clock.advance(timedelta(seconds=1))
    await till.shop.hear(refund.reference, Claim.RETURNED)
    await till.shop.kit.payments.process_notices()
    assert await till.shop.reviews() == [], "what was answered is not asked again"
    await everything_holds(till.shop.kit)


async def test_a_failure_that_is_told_again_of_a_refund_which_failed_asks_nobody(till: Till) -> None:
    till.provider.answer = RefundOutcome.FAILED
    refund = await till.refund()
    await till.shop.hear(refund.reference, Claim.FAILED)
    await till.shop.kit.payments.process_notices()

    assert await till.shop.reviews() == []
    (notice,) = await till.shop.notices(refund.reference)
    assert notice.outcome == "refund failed"


async def test_a_notice_that_no_answer_ever_confirms_becomes_the_question_about_that_refund(
    till: Till,
) -> None:
    till.provider.answer = RefundOutcome.PENDING
    refund = await till.refund()
    await till.shop.hear(refund.reference, Claim.RETURNED)

    await till.shop.pass_hours(25)

    assert await till.shop.reviews() == ["refund_unknown"]


@attrs.define
class CallingBack(HesitatingProvider, Callbacks):
    """A provider that reports to a secret address of each refund."""

    def provider(self, *, payable_for: timedelta = timedelta(minutes=60)) -> Provider:
        return attrs.evolve(super().provider(payable_for=payable_for), callbacks=self)

    def read(self, notice: Any) -> Any:
        """A webhook's notice, or a callback's body."""
        if isinstance(notice, bytes):
            return Callback(claim=Claim.RETURNED, word=json.loads(notice)["claim"])
        return super().read(notice)

    def acknowledgement(self) -> bytes:
        return b"{}"


async def test_a_refund_has_a_secret_address_and_what_is_reported_there_comes_with_the_question() -> None:
    till = await till_of(CallingBack())
    till.provider.answer = RefundOutcome.PENDING
    refund = await till.refund()
    await till.shop.hear(refund.reference, Claim.RETURNED)
    await till.shop.kit.payments.process_notices()

    address = till.provider.requests[refund.reference].callback_url
    assert address is not None
    token = address.rstrip("/").rpartition("/")[2]
    reads = till.shop.kit.unit_of_work.reads
    assert await reads.payment_with_callback_token(hash_of(token)) == await till.shop.payment()
    assert [[r.word for r in q.reports] for q in till.provider.questions] == [["returned"]]


async def test_a_refund_approved_after_the_key_changed_is_reported_to_an_address_we_know() -> None:
    till = await till_of(CallingBack(), rules=LIMITS)
    waiting = await till.refund("600.00")
    kit = till.shop.kit
    renewed = assemble(
        Addresses("http://payments.example"),
        cipher=AesGcmCipher.of([b"in-memory-payments-key-0002", b"in-memory-payments-key-0001"]),
        clock=kit.clock,
        identifiers=CountingIdentifiers(),
        notifier=kit.notifier,
        orders=kit.orders,
        providers=kit.payments.providers,
        refund_rules=LIMITS,
        shared_state=MemorySharedState(kit.clock),
        unit_of_work=kit.unit_of_work,
    )

    await renewed.approve_refund(
        (await till.shop.payment()).payment_id, waiting.refund_id, approver="operator:manager"
    )

    address = till.provider.requests[waiting.reference].callback_url
    assert address is not None
    token = address.rstrip("/").rpartition("/")[2]
    reads = kit.unit_of_work.reads
    assert await reads.payment_with_callback_token(hash_of(token)) == await till.shop.payment()


# --- made at the provider without us


async def test_while_a_refund_of_ours_is_under_way_money_that_went_back_is_that_refund(till: Till) -> None:
    till.provider.answer = RefundOutcome.PENDING
    await till.refund("300.00")
    await till.shop.attests(
        till.reference, outcome=Outcome.RETURNED, word="partially refunded", returned=birr("300.00")
    )
    await till.shop.ask(till.reference)

    assert await till.statuses() == ["requested"]
    assert await till.shop.reviews() == []


async def test_only_what_is_more_than_ours_is_taken_in(till: Till) -> None:
    till.provider.answer = RefundOutcome.PENDING
    await till.refund("300.00")
    await till.refund("100.00")
    await till.shop.attests(
        till.reference, outcome=Outcome.RETURNED, word="refunded", returned=birr("550.00")
    )
    for _ in range(2):
        await till.shop.ask(till.reference)

    assert [(r.amount, r.status.value) for r in await till.refunds()] == [
        (birr("300.00"), "requested"),
        (birr("100.00"), "requested"),
        (birr("150.00"), "succeeded"),
    ]
    assert await till.shop.reviews() == ["dispute"]
    await everything_holds(till.shop.kit)


async def test_without_an_amount_nothing_is_taken_in_beside_a_refund_of_ours(till: Till) -> None:
    await till.refund("300.00")
    await till.shop.attests_returned(till.reference)
    await till.shop.ask(till.reference)
    assert await till.statuses() == ["succeeded"]


async def test_a_refund_that_waits_for_approval_gives_way_to_money_that_is_gone() -> None:
    till = await till_of(rules=LIMITS)
    await till.refund("600.00")
    await till.shop.attests_returned(till.reference)

    await till.shop.ask(till.reference)

    assert await till.statuses() == ["failed", "succeeded"]
    assert (await till.shop.payment()).given_back == birr("1000.00")
    assert await till.shop.told() == ["paid", "refunded"]
    await everything_holds(till.shop.kit)


async def test_refunding_a_surplus_never_makes_the_order_refunded(till: Till) -> None:
    surplus = await paid_again(till.shop)
    await till.refund("1000.00", capture_id=surplus)
    assert await till.shop.told() == ["paid"]
    assert await till.shop.told(Destination.PAYER) == ["confirmation", "refunded"]
    await everything_holds(till.shop.kit)


async def paid_again(shop: Shop) -> UUID:
    """The capture of a second payment for the same order, through an attempt that was given up."""
    payment = await shop.payment()
    assert payment.settling_capture is not None
    settled = payment.settling_capture.reference
    await shop.attests(settled, capture_key=f"again-{settled}", provider_reference=f"again-{settled}")
    await shop.ask(settled)
    return next(c.capture_id for c in (await shop.payment()).captures if c.disposition is Disposition.SURPLUS)


async def test_the_story_of_a_refund_is_told_in_sentences(till: Till) -> None:
    till.provider.trouble = [OutcomeUnknown("read timeout")]
    await till.refund("200.00")
    payment = await till.shop.payment()

    told = await till.shop.kit.payments.explain(payment.payment_id, None)

    said = [step.what for step in told.steps]
    assert "200.00 ETB was set aside to go back: broken" in said
    assert "The refund was asked for." in said
    assert any("lost, so its outcome is unknown. It was said: 'read timeout'." in what for what in said)
    assert any("The refund of 200.00 ETB (unknown" in wait for wait in told.waiting_for)
    assert told.next_check_at is not None


@pytest.mark.parametrize("error", [ProviderRejected, ProviderUnavailable, OutcomeUnknown])
async def test_trouble_at_the_provider_is_never_raised(till: Till, error: type[PaymentsError]) -> None:
    till.provider.trouble = [error()]
    assert (await till.refund()).requested_at is not None
    await till.shop.kit.pass_time(timedelta(minutes=2))

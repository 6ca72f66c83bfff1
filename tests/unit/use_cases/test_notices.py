"""Notices: received, and handled (docs/model.md section 3, "Handled"). A notice never decides anything."""

from datetime import timedelta

import attrs
import pytest

from payments.application.ports.providers import Question
from payments.application.records import Claim
from payments.domain.errors import NoticeForged, NoticeMalformed, StorageUnavailable, UnsupportedProvider
from payments.domain.evidence import Answer, Mode, Outcome, not_asked
from payments.domain.transitions import PaymentStatus
from payments.testing import ScriptedProvider, in_memory_payments
from tests.unit.use_cases.shop import IN_FLIGHT, NOT_FOUND, NOTHING, PAYABLE, Full, Shop, refused

pytestmark = pytest.mark.anyio

UNKNOWN_REFERENCE = "p-zzzzzzzzzzzzzzzzzzzzzzzzzz"


async def test_a_notice_is_stored_and_acknowledged_before_anybody_is_asked(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)

    assert await shop.hear(opened.reference)

    (notice,) = await shop.notices(opened.reference)
    assert notice.handled_at is None
    assert shop.provider.calls["check"] == 0
    assert (await shop.payment()).status is PaymentStatus.PROCESSING


async def test_a_notice_is_not_acknowledged_before_its_commit(shop: Shop) -> None:
    opened = await shop.initiate()
    notice = shop.provider.notice(opened.reference)
    receive = attrs.evolve(shop.kit.payments.receive_notice, unit_of_work=Full(shop.kit.unit_of_work))
    await refused(StorageUnavailable, receive("scripted", notice.headers, notice.body))
    assert await shop.notices(opened.reference) == ()


async def test_a_stored_notice_has_the_provider_asked_and_is_then_handled(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    await shop.hear(opened.reference)

    await shop.kit.work()

    (notice,) = await shop.notices(opened.reference)
    assert (notice.handled_at, notice.outcome) == (shop.kit.clock.now(), "settled")
    assert (await shop.payment()).status is PaymentStatus.SUCCESS


async def test_a_notice_of_success_alone_pays_nothing(shop: Shop) -> None:
    opened = await shop.initiate()
    await shop.hear(opened.reference)

    await shop.kit.work()

    assert (await shop.payment()).status is PaymentStatus.PROCESSING
    assert await shop.told() == []


async def test_a_notice_of_failure_alone_fails_nothing(shop: Shop) -> None:
    opened = await shop.initiate()
    await shop.hear(opened.reference, Claim.FAILED)

    await shop.kit.work()

    (notice,) = await shop.notices(opened.reference)
    assert notice.handled_at is not None, "a page that is still payable is the provider's present word"
    assert (await shop.payment()).status is PaymentStatus.PROCESSING


async def test_a_success_that_is_denied_when_asked_is_not_done_with(shop: Shop) -> None:
    """Simulated history 71455714: that answer was an old one, and so was the last one of its watch."""
    opened = await shop.initiate()
    shop.provider.declines(opened.reference)
    await shop.pass_minutes(1)
    await shop.hear(opened.reference)
    await shop.kit.work()
    (notice,) = await shop.notices(opened.reference)
    assert notice.handled_at is None

    shop.provider.pays(opened.reference)
    await shop.pass_minutes(0.1)

    assert (await shop.payment()).status is PaymentStatus.SUCCESS


async def test_a_success_that_is_denied_for_a_day_is_a_persons_matter(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.declines(opened.reference)
    await shop.hear(opened.reference)
    await shop.kit.pass_time(timedelta(hours=25), step=timedelta(minutes=30))
    assert await shop.reviews() == ["stuck_unknown"]


async def test_the_same_bytes_again_are_a_duplicate_and_stored_once(shop: Shop) -> None:
    opened = await shop.initiate()

    stored = [await shop.hear(opened.reference) for _ in range(100)]

    assert stored == [True] + [False] * 99
    assert len(await shop.notices(opened.reference)) == 1


async def test_a_duplicate_of_an_unhandled_notice_does_not_stop_it_from_being_handled(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.silent = True
    await shop.hear(opened.reference)
    await shop.kit.work()
    await shop.hear(opened.reference)
    shop.provider.silent = False
    shop.provider.pays(opened.reference)

    await shop.pass_minutes(0.5)

    assert (await shop.payment()).status is PaymentStatus.SUCCESS


async def test_a_forged_notice_stores_nothing_and_calls_nobody(shop: Shop) -> None:
    opened = await shop.initiate()
    notice = shop.provider.notice(opened.reference)
    for headers in ((), (("x-signature", "0" * 64),), (*notice.headers, *notice.headers)):
        call = shop.kit.payments.receive_notice("scripted", headers, notice.body)
        await refused(NoticeForged, call)
    changed = notice.body.replace(b"paid", b"lies")
    await refused(NoticeForged, shop.kit.payments.receive_notice("scripted", notice.headers, changed))

    assert await shop.notices(opened.reference) == ()
    assert (await shop.kit.payments.backlog()).notices == 0
    assert shop.provider.calls["check"] == 0


async def test_a_signed_notice_that_cannot_be_read_is_refused(shop: Shop) -> None:
    notice = attrs.evolve(shop.provider.notice("p-x"), body=b"{}")
    signed = shop.provider.signed(notice.body)

    await refused(NoticeMalformed, shop.kit.payments.receive_notice("scripted", signed.headers, signed.body))


async def test_a_notice_of_a_provider_that_is_not_here_is_refused(shop: Shop) -> None:
    for name, said in (
        ("paystuck", "'paystuck' is not a provider here."),
        ("cash", "cash sends no notices."),
    ):
        error = await refused(UnsupportedProvider, shop.kit.payments.receive_notice(name, (), b"{}"))
        assert error.detail == said


async def test_header_names_are_read_in_any_case(shop: Shop) -> None:
    opened = await shop.initiate()
    notice = shop.provider.notice(opened.reference)
    shouted = tuple((name.upper(), value) for name, value in notice.headers)

    received = await shop.kit.payments.receive_notice("scripted", shouted, notice.body)

    assert received.stored


@pytest.mark.parametrize("answer", [PAYABLE, IN_FLIGHT, NOTHING, NOT_FOUND], ids=lambda a: a.outcome.value)
async def test_a_success_claim_that_is_not_confirmed_is_asked_again_at_lengthening_intervals(
    shop: Shop, answer: Answer
) -> None:
    opened = await shop.initiate()
    shop.provider.answers(opened.reference, answer)
    await shop.hear(opened.reference)

    waits = []
    for _ in range(8):
        await shop.kit.payments.process_notices()
        (notice,) = await shop.notices(opened.reference)
        assert notice.handled_at is None
        assert notice.next_try_at is not None
        waits.append((notice.next_try_at - shop.kit.clock.now()).total_seconds())
        shop.kit.clock.advance(notice.next_try_at - shop.kit.clock.now())

    assert waits[:4] == [5, 15, 60, 300]
    assert waits == sorted(waits)
    await shop.kit.work()


async def test_a_success_claim_never_confirmed_for_a_day_is_put_before_a_person(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.answers(opened.reference, IN_FLIGHT)
    await shop.hear(opened.reference)

    await shop.pass_hours(23)
    assert await shop.reviews() == []
    await shop.pass_hours(13)

    (notice,) = await shop.notices(opened.reference)
    assert notice.handled_at is not None
    assert await shop.reviews() == ["stuck_unknown"]
    assert (await shop.payment()).status is PaymentStatus.PROCESSING


async def test_a_notice_about_a_reference_we_do_not_know_is_kept_a_day_and_then_an_orphan(
    shop: Shop,
) -> None:
    await shop.hear(UNKNOWN_REFERENCE)

    await shop.pass_hours(23)
    assert (await shop.kit.payments.backlog()).open_reviews == 0
    await shop.pass_hours(13)

    (notice,) = await shop.notices(UNKNOWN_REFERENCE)
    assert notice.outcome == "left to review orphan"
    backlog = await shop.kit.payments.backlog()
    assert (backlog.open_reviews, backlog.notices) == (1, 0)
    assert shop.provider.calls["check"] == 0


async def test_a_notice_that_is_no_charge_event_is_stored_as_ignored_and_never_reviewed(shop: Shop) -> None:
    notice = shop.provider.notice(UNKNOWN_REFERENCE, Claim.IGNORED)
    await shop.kit.payments.receive_notice("scripted", notice.headers, notice.body)

    (stored,) = await shop.notices(UNKNOWN_REFERENCE)
    assert (stored.outcome, stored.handled_at) == ("ignored", shop.kit.clock.now())
    await shop.pass_hours(48)
    assert (await shop.kit.payments.backlog()).open_reviews == 0


async def test_a_notice_of_one_provider_about_anothers_attempt_asks_nobody(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)

    await shop.hear(opened.reference, provider=shop.other)
    await shop.kit.payments.process_notices()

    assert (await shop.payment()).status is PaymentStatus.PROCESSING
    assert shop.provider.calls["check"] == shop.other.calls["check"] == 0


async def test_a_claimed_return_is_asked_about_for_a_day_and_then_a_dispute(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    await shop.ask(opened.reference)
    await shop.hear(opened.reference, Claim.RETURNED)

    await shop.pass_hours(36)

    assert await shop.reviews() == ["dispute"]
    assert (await shop.payment()).refunds == ()


async def test_a_claimed_return_that_the_provider_confirms_is_taken_in(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    await shop.ask(opened.reference)
    await shop.hear(opened.reference, Claim.RETURNED)
    await shop.kit.work()
    shop.provider.pays(opened.reference, outcome=Outcome.RETURNED, word="refunded")

    await shop.pass_minutes(1)

    assert len((await shop.payment()).refunds) == 1
    assert await shop.told() == ["paid", "refunded"]


async def test_a_success_claim_about_money_that_is_here_asks_nobody(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    await shop.ask(opened.reference)
    await shop.hear(opened.reference)

    await shop.kit.work()

    (notice,) = await shop.notices(opened.reference)
    assert notice.outcome == "known already"
    assert shop.provider.calls["check"] == 1


async def test_a_failure_without_distinguishing_marks_counts_again_only_after_a_new_notice(
    shop: Shop,
) -> None:
    opened = await shop.initiate()
    shop.provider.declines(opened.reference, fingerprint=None)
    await shop.hear(opened.reference, Claim.FAILED)
    await shop.kit.work()
    assert (await shop.payment()).status is PaymentStatus.FAILED

    shop.skip(seconds=5)
    await shop.initiate()
    still_open = await shop.ask(opened.reference)
    assert still_open.status is PaymentStatus.PROCESSING, "the old decline is no news"

    shop.skip(seconds=5)
    await shop.hear(opened.reference, Claim.FAILED)
    await shop.kit.work()
    assert (await shop.payment()).status is PaymentStatus.FAILED


async def test_a_late_duplicate_of_the_old_failure_does_not_fail_the_reopened_page(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.declines(opened.reference, fingerprint=None)
    await shop.hear(opened.reference, Claim.FAILED)
    await shop.ask(opened.reference)
    shop.skip(seconds=5)
    await shop.initiate()

    await shop.kit.work()

    assert (await shop.payment()).status is PaymentStatus.PROCESSING


async def test_two_processes_never_work_on_the_same_notice(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    await shop.hear(opened.reference)

    looked_at = [await shop.kit.payments.process_notices() for _ in range(3)]

    assert looked_at == [1, 0, 0]


async def test_a_process_that_died_with_a_notice_in_hand_loses_nothing(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    await shop.hear(opened.reference)
    work, token = shop.kit.unit_of_work, shop.kit.payments.process_notices._identifiers.unique()
    now = shop.kit.clock.now()
    await work.single.lease_notices(now, until=now + timedelta(seconds=60), token=token, limit=20)
    shop.provider.silent = True
    await shop.pass_minutes(0.5)
    assert (await shop.payment()).status is PaymentStatus.PROCESSING

    shop.provider.silent = False
    shop.skip(seconds=30)
    await shop.kit.payments.process_notices()

    assert (await shop.payment()).status is PaymentStatus.SUCCESS


async def test_a_notice_of_the_other_mode_pays_nothing(shop: Shop) -> None:
    opened = await shop.initiate()
    await shop.attests(opened.reference, mode=Mode.LIVE)
    await shop.hear(opened.reference)

    await shop.kit.work()

    assert (await shop.payment()).captures == ()
    assert await shop.reviews() == ["orphan"]


async def test_notices_that_claim_the_same_of_one_reference_share_one_question(shop: Shop) -> None:
    opened = await shop.initiate()
    for claim in (Claim.PAID, Claim.PAID, Claim.FAILED, Claim.PAID):
        await shop.hear(opened.reference, claim)
        shop.skip(seconds=1)
    shop.provider.pays(opened.reference)

    await shop.kit.payments.process_notices()

    assert shop.provider.calls["check"] == 2, "one for each claim"
    notices = await shop.notices(opened.reference)
    assert len(notices) == 4
    assert all(notice.handled_at is not None for notice in notices)
    assert (await shop.payment()).status is PaymentStatus.SUCCESS


@attrs.define
class TakesTurns(ScriptedProvider):
    """Asks nobody while it has no turn."""

    turns: int = 0

    async def check(self, question: Question) -> Answer:
        if not self.turns:
            return not_asked("waits for its turn to ask")
        self.turns -= 1
        return await super().check(question)


async def test_a_notice_that_waits_for_a_turn_comes_back_soon_and_has_not_been_tried() -> None:
    provider = TakesTurns()
    kit = in_memory_payments(provider)
    kit.order()
    opened = await kit.payments.initiate("order_1", "user_1", provider="scripted")
    provider.pays(opened.reference)
    notice = provider.notice(opened.reference)
    await kit.payments.receive_notice("scripted", notice.headers, notice.body)
    for _ in range(40):
        await kit.payments.process_notices()
        (kept,) = await kit.unit_of_work.reads.notices_about(opened.reference)
        assert (kept.tries, kept.next_try_at) == (0, kit.clock.now() + timedelta(seconds=15))
        kit.clock.advance(timedelta(seconds=15))
    provider.turns = 1
    await kit.payments.process_notices()
    assert (await kit.payments.get(opened.payment_id, "user_1")).status is PaymentStatus.SUCCESS

"""Comparing a provider's list with what is kept: a line of it, or a missing one, is never evidence."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from payments.adapters.memory.unit_of_work import MemoryUnitOfWork
from payments.application.ports.providers import Question, Span, Urgency
from payments.application.reconciling import Came, Compared, Kind
from payments.application.records import Claim
from payments.application.review_details import Details
from payments.domain.errors import (
    DecisionNotPossible,
    OutcomeUnknown,
    ProviderRejected,
    ProviderUnavailable,
    UnsupportedProvider,
)
from payments.domain.events import ReviewKind
from payments.domain.evidence import Outcome
from payments.domain.money import Money
from payments.domain.review import Review, ReviewState
from payments.domain.transitions import PaymentStatus
from payments.testing import in_memory_payments
from tests.unit.use_cases.deciding import resolve
from tests.unit.use_cases.kept import everything_holds, misshapen
from tests.unit.use_cases.shop import HesitatingProvider, Shop, birr

pytestmark = pytest.mark.anyio

LOST = "p-" + "z" * 26


async def reconciled(shop: Shop, *, apply: bool = False, provider: str = "scripted") -> list[Compared]:
    now = shop.kit.clock.now()
    span = Span(since=now - timedelta(hours=6), until=now)
    found = [each async for each in shop.kit.payments.reconcile(provider, span, apply=apply)]
    assert misshapen(tuple(found)) == []
    assert [each for each in found if (each.kind is Kind.AGREES) is (each.what != "")] == []
    return found


def told(found: list[Compared]) -> list[tuple[Kind, Came]]:
    return [(each.kind, each.came) for each in found]


async def orphans(shop: Shop, state: ReviewState = ReviewState.OPEN) -> list[Review]:
    return list((await shop.kit.payments.reviews(state=state, kind=ReviewKind.ORPHAN)).items)


async def paid(shop: Shop) -> str:
    """The reference of an attempt that is paid, here and there, and was so some time ago."""
    reference = (await shop.initiate()).reference
    shop.provider.pays(reference)
    await shop.ask(reference)
    await shop.kit.work()
    shop.skip(minutes=10)
    return reference


def lost(shop: Shop, *, amount: str = "1000.00") -> None:
    """Somebody paid on a page that nothing here knows of any more."""
    shop.provider.pays(LOST, amount=birr(amount))
    shop.provider.lists(LOST)


def everything(shop: Shop) -> object:
    """All that is stored; the same object as long as nobody wrote."""
    storage = shop.kit.unit_of_work
    assert isinstance(storage, MemoryUnitOfWork)
    return storage._committed


async def test_what_agrees_is_counted_and_nobody_is_asked(shop: Shop) -> None:
    reference = await paid(shop)
    shop.provider.lists(reference)
    asked = shop.provider.calls["check"]

    assert told(await reconciled(shop, apply=True)) == [(Kind.AGREES, Came.NOTHING)]
    assert shop.provider.calls["check"] == asked


async def test_a_look_changes_nothing(shop: Shop) -> None:
    reference = (await shop.initiate()).reference
    shop.provider.pays(reference)
    shop.provider.lists(reference)
    lost(shop)
    before = everything(shop)

    found = await reconciled(shop)

    assert told(found) == [(Kind.DIFFERS, Came.NOTHING), (Kind.UNKNOWN_HERE, Came.NOTHING)]
    assert everything(shop) is before


async def test_money_that_we_missed_is_settled_by_the_providers_own_answer(shop: Shop) -> None:
    reference = (await shop.initiate()).reference
    shop.provider.pays(reference)
    shop.provider.lists(reference)

    assert told(await reconciled(shop, apply=True)) == [(Kind.DIFFERS, Came.SETTLED)]
    assert (await shop.payment()).status is PaymentStatus.SUCCESS
    assert told(await reconciled(shop, apply=True)) == [(Kind.AGREES, Came.NOTHING)]


async def test_a_line_alone_settles_nothing(shop: Shop) -> None:
    reference = (await shop.initiate()).reference
    await shop.attests(reference)
    shop.provider.lists(reference)
    shop.provider.declines(reference)

    assert told(await reconciled(shop, apply=True)) == [(Kind.DIFFERS, Came.NOTHING)]
    assert (await shop.payment()).captures == ()


async def test_a_provider_that_gives_no_answer_leaves_it_unclear(shop: Shop) -> None:
    reference = (await shop.initiate()).reference
    shop.provider.pays(reference)
    shop.provider.lists(reference)
    shop.provider.silent = True

    (found,) = await reconciled(shop, apply=True)

    assert (found.kind, found.is_news) == (Kind.UNCLEAR, True)
    assert (await shop.payment()).captures == ()


async def test_unknown_money_is_put_before_a_person_once(shop: Shop) -> None:
    lost(shop)

    assert told(await reconciled(shop, apply=True)) == [(Kind.UNKNOWN_HERE, Came.ASKED_A_PERSON)]
    (orphan,) = await orphans(shop)
    assert (orphan.subject, orphan.payment_id) == (LOST, None)

    (again,) = await reconciled(shop, apply=True)
    assert (again.came, again.is_news) == (Came.ASKED_BEFORE, False)
    await shop.kit.payments.resolve(orphan.review_id, "dismiss", "not ours", "operator:boss")
    assert told(await reconciled(shop, apply=True)) == [(Kind.UNKNOWN_HERE, Came.ASKED_BEFORE)]
    assert await orphans(shop) == []


async def test_unknown_money_can_be_attached_and_agrees_from_then_on(shop: Shop) -> None:
    lost(shop)
    await reconciled(shop, apply=True)
    (orphan,) = await orphans(shop)
    reference = (await shop.initiate()).reference

    await shop.kit.payments.resolve(
        orphan.review_id, "attach", "restored", "operator:boss", Details(reference=reference)
    )

    assert (await shop.payment()).status is PaymentStatus.SUCCESS
    assert told(await reconciled(shop, apply=True)) == [(Kind.AGREES, Came.NOTHING)]
    shop.provider.ledger.lines.clear()
    shop.provider.lists(reference, provider_reference="T-of the page that nobody paid on")
    assert told(await reconciled(shop, apply=True)) == [(Kind.AGREES, Came.NOTHING)]
    shop.provider.ledger.lines.clear()
    shop.skip(minutes=10)
    assert await reconciled(shop, apply=True) == [], "its line may lie outside of the span"


async def test_unknown_money_whose_notice_waits_is_left_to_it(shop: Shop) -> None:
    lost(shop)
    await shop.hear(LOST)

    (found,) = await reconciled(shop, apply=True)

    assert (found.came, found.is_news) == (Came.IN_THE_INBOX, False)
    assert await orphans(shop) == []


async def test_a_webhook_that_comes_after_a_person_answered_asks_nobody_again(shop: Shop) -> None:
    lost(shop)
    await reconciled(shop, apply=True)
    (orphan,) = await orphans(shop)
    await shop.kit.payments.resolve(orphan.review_id, "dismiss", "not ours", "operator:boss")

    await shop.hear(LOST)
    await shop.pass_hours(25)

    assert await orphans(shop) == []
    assert [notice.outcome for notice in await shop.notices(LOST)] == ["left to review orphan"] * 2


async def test_a_webhook_with_other_news_of_unknown_money_is_put_before_a_person_again(shop: Shop) -> None:
    lost(shop)
    await reconciled(shop, apply=True)
    (orphan,) = await orphans(shop)
    await shop.kit.payments.resolve(orphan.review_id, "dismiss", "not ours", "operator:boss")

    await shop.hear(LOST, Claim.CHARGED_BACK)
    await shop.pass_hours(25)

    assert [review.subject for review in await orphans(shop)] == [f"{LOST}:charged_back"]


async def test_an_unknown_page_that_nobody_paid_is_no_break(shop: Shop) -> None:
    shop.provider.pays(LOST, amount=birr("1000.00"))
    shop.provider.lists(LOST, outcome=Outcome.PAYABLE, word="abandoned")

    assert told(await reconciled(shop, apply=True)) == [(Kind.AGREES, Came.NOTHING)]


async def test_our_money_that_is_not_in_the_list_is_asked_about(shop: Shop) -> None:
    await paid(shop)

    assert told(await reconciled(shop, apply=True)) == [(Kind.AGREES, Came.NOTHING)]


async def test_our_money_that_the_provider_does_not_know_is_put_before_a_person_once(shop: Shop) -> None:
    reference = await paid(shop)
    shop.provider.forgets(reference)

    assert told(await reconciled(shop)) == [(Kind.MISSING_THERE, Came.NOTHING)]
    assert told(await reconciled(shop, apply=True)) == [(Kind.MISSING_THERE, Came.ASKED_A_PERSON)]
    assert await shop.reviews() == ["dispute"]
    assert told(await reconciled(shop, apply=True)) == [(Kind.MISSING_THERE, Came.ASKED_BEFORE)]
    assert (await shop.payment()).status is PaymentStatus.SUCCESS, "paid is never taken back"


@pytest.mark.parametrize(
    ("listed", "silent", "kind", "what"),
    [
        (None, False, Kind.MISSING_THERE, "its money is not there; asked, it said 'not found'"),
        (None, True, Kind.UNCLEAR, "not in its list; asked, it said 'HTTP 503'"),
        (birr("900.00"), False, Kind.DIFFERS, "900.00 ETB is 'success' there, and 1000.00 ETB here"),
    ],
)
async def test_a_break_says_what_it_is_about_and_how_both_differ(
    shop: Shop,
    listed: Money | None,
    silent: bool,  # noqa: FBT001 -- a row's field
    kind: Kind,
    what: str,
) -> None:
    reference = await paid(shop)
    shop.provider.forgets(reference)
    if listed is not None:
        shop.provider.pays(reference)
        shop.provider.lists(reference, amount=listed)
    shop.provider.silent = silent

    assert await reconciled(shop) == [
        Compared(provider="scripted", kind=kind, reference=reference, name=f"T-{reference}", what=what)
    ]


async def test_money_there_of_a_page_that_is_unpaid_here_is_a_break(shop: Shop) -> None:
    reference = (await shop.initiate()).reference
    shop.provider.pays(reference)
    shop.provider.lists(reference)
    lost(shop)

    assert [(each.reference, each.name, each.what) for each in await reconciled(shop)] == [
        (reference, f"T-{reference}", "1000.00 ETB is 'success' there, and no money of it is here"),
        (LOST, f"T-{LOST}", "1000.00 ETB is 'success' there, and nothing here is called so"),
    ]


async def test_the_provider_is_asked_by_every_name_that_is_known(shop: Shop) -> None:
    reference = await paid(shop)
    asked: list[Question] = []

    async def listen(question: Question) -> None:
        asked.append(question)

    shop.provider.before_answering = listen
    await reconciled(shop)

    attempt = await shop.attempt(reference)
    assert [(each.reference, each.provider_reference, each.amount, each.urgency) for each in asked] == [
        (reference, attempt.provider_reference, attempt.amount, Urgency.SWEEP)
    ]


@pytest.mark.parametrize(("hours", "counts"), [(6, True), (6.001, False)], ids=["its beginning", "before"])
async def test_attempts_of_the_span_are_looked_for_its_beginning_included(
    shop: Shop,
    hours: float,
    counts: bool,  # noqa: FBT001 -- a row's field
) -> None:
    reference = (await shop.initiate()).reference
    shop.provider.pays(reference)
    await shop.ask(reference)
    shop.provider.forgets(reference)
    shop.skip(hours=hours)

    assert [each.reference for each in await reconciled(shop)] == ([reference] if counts else [])
    await shop.kit.work()


async def test_money_that_went_back_at_the_provider_is_taken_in(shop: Shop) -> None:
    reference = await paid(shop)
    await shop.attests_returned(reference)
    shop.provider.lists(reference)

    assert told(await reconciled(shop, apply=True)) == [(Kind.DIFFERS, Came.SETTLED)]
    assert (await shop.payment()).given_back == birr("1000.00")
    assert told(await reconciled(shop, apply=True)) == [(Kind.AGREES, Came.NOTHING)]


async def test_money_that_went_back_and_is_not_in_the_list_is_a_break_all_the_same(shop: Shop) -> None:
    reference = await paid(shop)
    await shop.attests_returned(reference)

    (look,) = await reconciled(shop)
    assert (look.kind, look.came) == (Kind.DIFFERS, Came.NOTHING)
    said = "1000.00 ETB is 'refunded' there, and all of 1000.00 ETB is kept here"
    assert look.what == f"not in its list; asked, {said}"
    assert told(await reconciled(shop, apply=True)) == [(Kind.DIFFERS, Came.SETTLED)]
    assert (await shop.payment()).given_back == birr("1000.00")
    assert told(await reconciled(shop, apply=True)) == [(Kind.AGREES, Came.NOTHING)]


async def test_another_amount_than_listed_is_a_break_although_the_status_is_one(shop: Shop) -> None:
    reference = await paid(shop)
    shop.provider.lists(reference, amount=birr("900.00"))

    assert told(await reconciled(shop, apply=True)) == [(Kind.DIFFERS, Came.NOTHING)]


@pytest.fixture
async def nameless() -> AsyncIterator[Shop]:
    """A shop whose provider's list tells its own names only, as Chapa's does."""
    provider, other = HesitatingProvider(lists_references=False), HesitatingProvider(name="other")
    kit = in_memory_payments(provider, other)
    kit.order()
    yield Shop(kit=kit, provider=provider, other=other)
    await everything_holds(kit)


async def test_a_list_without_our_references_is_compared_by_the_providers_own_names(
    nameless: Shop,
) -> None:
    reference = (await nameless.initiate()).reference
    nameless.provider.pays(reference)
    nameless.provider.lists(reference)
    lost(nameless)

    look = [(Kind.DIFFERS, Came.NOTHING), (Kind.AGREES, Came.NOTHING), (Kind.UNKNOWN_HERE, Came.NOTHING)]
    assert told(await reconciled(nameless)) == look
    assert told(await reconciled(nameless, apply=True)) == [
        (Kind.DIFFERS, Came.SETTLED),
        (Kind.AGREES, Came.NOTHING),
        (Kind.UNKNOWN_HERE, Came.ASKED_A_PERSON),
    ]
    (orphan,) = await orphans(nameless)
    assert orphan.subject == f"T-{LOST}"


async def test_what_was_claimed_just_before_the_span_and_is_listed_within_it_is_nobodys_orphan(
    nameless: Shop,
) -> None:
    reference = (await nameless.initiate()).reference
    nameless.provider.pays(reference)
    nameless.provider.lists(reference)
    nameless.skip(hours=6, seconds=1)

    assert told(await reconciled(nameless, apply=True)) == [
        (Kind.DIFFERS, Came.SETTLED),
        (Kind.AGREES, Came.NOTHING),
    ]
    assert await orphans(nameless) == []


async def attached(shop: Shop, **details: str) -> None:
    (orphan,) = await orphans(shop)
    await shop.kit.payments.resolve(
        orphan.review_id, "attach", "restored", "operator:boss", Details(**details)
    )


async def test_money_that_is_listed_without_our_reference_is_attached_by_the_one_it_was_paid_under(
    nameless: Shop,
) -> None:
    lost(nameless)
    await reconciled(nameless, apply=True)
    reference = (await nameless.initiate()).reference

    with pytest.raises(DecisionNotPossible):
        await attached(nameless, reference=reference)
    await attached(nameless, reference=reference, paid_under=LOST)

    assert (await nameless.payment()).status is PaymentStatus.SUCCESS
    assert await orphans(nameless) == []


async def test_a_reference_that_other_money_was_paid_under_attaches_nothing(nameless: Shop) -> None:
    lost(nameless)
    await reconciled(nameless, apply=True)
    other = "p-" + "y" * 26
    nameless.provider.pays(other, amount=birr("1000.00"))
    reference = (await nameless.initiate()).reference

    with pytest.raises(DecisionNotPossible, match="other money"):
        await attached(nameless, reference=reference, paid_under=other)

    assert (await nameless.payment()).captures == ()


async def test_pages_are_read_one_by_one_and_asked_for_again_when_there_was_trouble(shop: Shop) -> None:
    for number in range(5):
        shop.provider.pays(LOST, amount=birr("1.00"), capture_key=f"T-{number}")
        shop.provider.lists(LOST, reference=f"p-{number}")
    shop.provider.ledger.trouble = [
        ProviderUnavailable("Come back later.", retry_after_s=30.0),
        OutcomeUnknown("The answer was lost."),
    ]
    began = shop.kit.clock.monotonic()

    assert len(await reconciled(shop)) == 5
    assert len(shop.provider.ledger.asked) == 3 + 2
    assert shop.kit.clock.monotonic() - began >= 30.0


async def test_a_list_that_cannot_be_had_is_said_so(shop: Shop) -> None:
    shop.provider.ledger.trouble = [ProviderRejected("The key is wrong.")]
    with pytest.raises(ProviderRejected):
        await reconciled(shop)

    shop.provider.ledger.trouble = [OutcomeUnknown("The answer was lost.")] * 5
    with pytest.raises(OutcomeUnknown):
        await reconciled(shop)


async def test_a_provider_without_a_list_says_so(shop: Shop) -> None:
    with pytest.raises(UnsupportedProvider, match="cash cannot be reconciled"):
        await reconciled(shop, provider="cash")


async def test_money_of_a_forgotten_reference_is_asked_about_although_a_failure_was(shop: Shop) -> None:
    await shop.hear(LOST, Claim.FAILED)
    await shop.pass_hours(25)
    (asked,) = await orphans(shop)
    await resolve(shop, asked, "dismiss")
    lost(shop)
    await reconciled(shop, apply=True)
    assert len(await orphans(shop)) == 1


async def test_a_second_payment_under_one_reference_is_asked_about(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    await shop.ask(opened.reference)
    await shop.kit.work()
    shop.skip(minutes=10)
    shop.provider.lists(opened.reference)
    shop.provider.lists(opened.reference, capture_key="T-second")
    await reconciled(shop, apply=True)
    assert [asked.subject for asked in await orphans(shop)] == ["T-second"]


async def test_money_is_asked_about_beside_an_open_question_about_a_failure(shop: Shop) -> None:
    await shop.hear(LOST, Claim.FAILED)
    await shop.pass_hours(25)
    lost(shop)

    await reconciled(shop, apply=True)

    assert {review.subject for review in await orphans(shop)} == {f"{LOST}:failed", LOST}

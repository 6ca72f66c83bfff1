"""What a person records of money that came while the question was open, and what they accept of it."""

import pytest

from payments.application.ports.providers import Providers
from payments.application.records import Claim
from payments.application.review_details import Details
from payments.application.use_cases.read_reports import ReadReports
from payments.domain.evidence import Outcome
from tests.unit.use_cases.deciding import decide, stuck
from tests.unit.use_cases.kept import everything_holds
from tests.unit.use_cases.prompts_shop import PromptsShop
from tests.unit.use_cases.shop import Shop, birr

pytestmark = pytest.mark.anyio

RECEIPT = "SGH1111111"


@pytest.mark.parametrize("name", ["slip 1", "our reference"])
async def test_money_that_came_while_the_question_was_open_is_not_recorded_again(
    shop: Shop, name: str
) -> None:
    """Found by histories in which operators record money under names of their own."""
    reference = await stuck(shop)
    shop.provider.pays(reference)
    await shop.ask(reference)
    assert len((await shop.payment()).captures) == 1

    await decide(
        shop,
        "record",
        outcome="paid",
        provider_reference=reference if name == "our reference" else name,
    )

    assert len((await shop.payment()).captures) == 1
    await everything_holds(shop.kit)


async def test_money_that_came_without_its_receipt_is_not_recorded_again_by_it(
    prompted: PromptsShop,
) -> None:
    """Its receipt is reported late, and then one money has two captures (I9)."""
    opened = await prompted.initiate()
    prompted.prompts.silent = True
    await prompted.pass_time(hours=26)
    prompted.prompts.silent = False
    prompted.prompts.pays(opened.reference)
    await prompted.ask(opened.reference)
    prompted.skip(seconds=11)
    await prompted.ask(opened.reference)
    (asked,) = (await prompted.kit.payments.reviews()).items
    seen = Details(outcome="paid", provider_reference=RECEIPT)
    await prompted.kit.payments.resolve(asked.review_id, "record", "seen", "operator:boss", seen)

    await prompted.reports(opened.reference, receipt=RECEIPT)
    await prompted.pass_time(hours=1)

    await everything_holds(prompted.kit)
    assert len((await prompted.payment()).captures) == 1


async def test_what_was_reported_before_a_person_recorded_the_money_is_not_asked_afterwards(
    prompted: PromptsShop,
) -> None:
    """Whoever is asked again whether it was paid says so again, under another name, and it counts twice."""
    reference = (await prompted.initiate()).reference
    prompted.prompts.silent = True
    await prompted.pass_time(hours=26)
    await prompted.reports(reference, Claim.FAILED)
    (asked,) = (await prompted.kit.payments.reviews()).items
    seen = Details(outcome="paid", provider_reference=RECEIPT)
    await prompted.kit.payments.resolve(asked.review_id, "record", "seen", "operator:boss", seen)

    await prompted.pass_time(hours=30)

    assert await prompted.reviews() == []
    assert [notice.outcome for notice in await prompted.notices(reference)] == ["known already"]
    await everything_holds(prompted.kit)


@pytest.mark.parametrize("seconds_later", [0, 1])
async def test_that_it_was_paid_is_asked_once_if_it_was_reported_before_a_person_recorded_it(
    shop: Shop, seconds_later: int
) -> None:
    """Simulated histories with outages of days: they recorded it again, and it counted twice."""
    reference = await stuck(shop)
    await shop.hear(reference, Claim.PAID)
    shop.skip(seconds=seconds_later)
    # What is held does not answer the report by itself: the page could have taken other money.
    await decide(shop, "record", outcome="paid", amount="999.99", provider_reference="slip 1")

    await shop.pass_hours(26)

    asked_again = ["stuck_unknown"] if seconds_later == 0 else []
    assert sorted(await shop.reviews()) == ["amount_mismatch", *asked_again]
    await everything_holds(shop.kit)


async def record(prompted: PromptsShop, name: str, **more: str) -> None:
    (asked,) = (await prompted.kit.payments.reviews()).items
    seen = Details(outcome="paid", provider_reference=name, **more)
    await prompted.kit.payments.resolve(asked.review_id, "record", "seen", "operator:boss", seen)


async def unanswered(prompted: PromptsShop) -> str:
    """The reference of a prompt about which its provider has said nothing for twenty hours."""
    reference = (await prompted.initiate()).reference
    prompted.prompts.silent = True
    await prompted.pass_time(hours=20)
    return reference


@pytest.mark.parametrize("receipt", [None, RECEIPT])
@pytest.mark.parametrize(("more", "again"), [((), []), (("C-again",), ["stuck_unknown"])])
async def test_of_a_prompt_that_was_reported_paid_more_often_than_people_recorded_they_are_asked(
    prompted: PromptsShop, receipt: str | None, more: tuple[str, ...], again: list[str]
) -> None:
    reference = await unanswered(prompted)
    await prompted.reports(reference, receipt=receipt)
    for name in more:
        await prompted.reports(reference, receipt="SGH2222222", name=name)
    await prompted.pass_time(hours=6)
    await record(prompted, "slip 1")

    await prompted.pass_time(hours=60)

    assert await prompted.reviews() == again
    await everything_holds(prompted.kit)


@pytest.mark.parametrize("name", ["the name that our request got", "SGH3333333"])
async def test_what_people_record_under_another_name_of_its_kind_does_not_answer_a_report(
    prompted: PromptsShop, name: str
) -> None:
    """A prompt may have been paid twice, and they saw the payment that nobody reported."""
    reference = await unanswered(prompted)
    own = (await prompted.attempt(reference)).provider_reference
    await prompted.reports(reference, receipt="SGH2222222", name="C-again")
    await prompted.pass_time(hours=6)
    await record(prompted, own if own and name.startswith("the") else name)

    await prompted.pass_time(hours=60)

    assert await prompted.reviews() == ["stuck_unknown"]


@pytest.mark.parametrize("amount", ["1000.00", "999.00"])
@pytest.mark.parametrize("why", ["switched off", "the key is lost"])
async def test_reports_that_cannot_be_read_any_more_are_answered_by_nothing(
    prompted: PromptsShop, monkeypatch: pytest.MonkeyPatch, why: str, amount: str
) -> None:
    """Two payments were reported, and who cannot read that does not know of the second (ADR 0039)."""
    reference = await unanswered(prompted)
    await prompted.reports(reference, receipt=RECEIPT)
    await prompted.reports(reference, receipt="SGH2222222", name="C-again")
    await prompted.pass_time(hours=6)
    await record(prompted, "slip 1", amount=amount)
    if why == "switched off":
        known = prompted.kit.payments.providers.by_name
        left = {name: known[name] for name in known if name != (await prompted.attempt(reference)).provider}
        monkeypatch.setattr(Providers, "by_name", left)
    else:
        monkeypatch.setattr(ReadReports, "_body", lambda _self, _notice: None)

    await prompted.pass_time(hours=60)

    assert "stuck_unknown" in await prompted.reviews()


async def test_what_nobody_named_but_a_report_is_not_asked_about_after_a_person_recorded_it(
    prompted: PromptsShop,
) -> None:
    """The answer to our push was lost, and the report has no receipt: a day later they were asked again."""
    reference = await prompted.lost()
    prompted.prompts.silent = True
    await prompted.pass_time(hours=20)
    await prompted.reports(reference, receipt=None)
    await prompted.pass_time(hours=6)
    (asked,) = (await prompted.kit.payments.reviews()).items
    seen = Details(outcome="paid", provider_reference=RECEIPT)
    await prompted.kit.payments.resolve(asked.review_id, "record", "seen", "operator:boss", seen)

    prompted.prompts.silent = False
    prompted.prompts.declines(reference)
    await prompted.pass_time(hours=30)

    assert await prompted.reviews() == []
    assert len((await prompted.payment()).captures) == 1


@pytest.mark.parametrize("pushed", [True, False], ids=["its push was answered", "its answer was lost"])
@pytest.mark.parametrize("receipt", [None, RECEIPT])
async def test_a_late_report_of_what_a_person_recorded_is_known_though_its_provider_is_silent(
    prompted: PromptsShop,
    receipt: str | None,
    pushed: bool,  # noqa: FBT001 -- a row's field
) -> None:
    """Whoever is asked again whether it was paid says so again, and on a prompt that may be other money."""
    reference = (await prompted.initiate()).reference if pushed else await prompted.lost()
    prompted.prompts.silent = True
    await prompted.pass_time(hours=26)
    (asked,) = (await prompted.kit.payments.reviews()).items
    seen = Details(outcome="paid", provider_reference=RECEIPT)
    await prompted.kit.payments.resolve(asked.review_id, "record", "seen", "operator:boss", seen)
    await prompted.reports(reference, receipt=receipt)

    await prompted.kit.payments.process_notices()

    assert [notice.outcome for notice in await prompted.notices(reference)] == ["known already"]
    assert await prompted.reviews() == []


async def test_money_of_which_part_went_back_unseen_is_accepted(shop: Shop) -> None:
    """What is left is accepted, and no evidence says "paid", but "returned" (I8)."""
    opened = await shop.initiate()
    await shop.attests(
        opened.reference, outcome=Outcome.RETURNED, word="reversal-pending", returned=birr("500.00")
    )
    await shop.ask(opened.reference)
    assert await shop.reviews() == ["amount_mismatch"]

    await decide(shop, "accept")

    await everything_holds(shop.kit)

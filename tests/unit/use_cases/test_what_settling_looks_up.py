"""What applying an answer reads of the store: nothing that was just read, and nothing that its save proves.

The store in memory ignores both hints; what a database makes of them is in the contract of repositories. Too
bold a hint costs a second run of the unit of work, too timid a one a question.
"""

from typing import Any
from uuid import UUID

import attrs
import pytest

from payments.adapters.memory.repository import MemoryTransaction
from payments.domain.evidence import Answer, Outcome
from payments.domain.payment import Payment
from payments.domain.review import Review
from tests.unit.use_cases.shop import PAYABLE, Shop

pytestmark = pytest.mark.anyio


@attrs.frozen
class Looks:
    """What was asked of the store, in order."""

    proven_by_save: list[bool] = attrs.field(factory=list)
    """Of each look for who holds some money: whether the save was to prove that it is nobody."""
    known: list[Payment | None] = attrs.field(factory=list)
    """Of each lock: the payment that was read before."""
    questions: list[UUID] = attrs.field(factory=list)
    """Of each look at what people were asked: about which payment."""


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    """The looks of whatever is written."""
    seen = Looks()
    look, lock = MemoryTransaction.attempt_holding, MemoryTransaction.lock_payment
    read = MemoryTransaction.reviews_of

    async def attempt_holding(
        self: MemoryTransaction, *what: Any, proven_by_save: bool = False
    ) -> str | None:
        seen.proven_by_save.append(proven_by_save)
        return await look(self, *what)

    async def lock_payment(
        self: MemoryTransaction, payment_id: UUID, known: Payment | None = None
    ) -> Payment | None:
        seen.known.append(known)
        return await lock(self, payment_id)

    async def reviews_of(self: MemoryTransaction, payment_id: UUID) -> tuple[Review, ...]:
        seen.questions.append(payment_id)
        return await read(self, payment_id)

    monkeypatch.setattr(MemoryTransaction, "attempt_holding", attempt_holding)
    monkeypatch.setattr(MemoryTransaction, "lock_payment", lock_payment)
    monkeypatch.setattr(MemoryTransaction, "reviews_of", reviews_of)
    return seen


async def test_an_answer_is_applied_to_the_payment_that_was_read_for_the_question(
    shop: Shop, looks: Looks
) -> None:
    reference = (await shop.initiate()).reference
    before = await shop.payment()
    looks.known.clear()
    await shop.ask(reference)
    assert looks.known == [before]


async def test_that_nobody_holds_the_first_money_is_proven_by_its_save(shop: Shop, looks: Looks) -> None:
    reference = (await shop.initiate()).reference
    await shop.attests(reference)
    await shop.ask(reference)
    assert looks.proven_by_save == [True]


async def test_nobody_looks_for_money_that_an_answer_does_not_name(shop: Shop, looks: Looks) -> None:
    reference = (await shop.initiate()).reference
    shop.provider.answers(reference, PAYABLE)
    await shop.ask(reference)
    assert looks.proven_by_save == []


@pytest.mark.parametrize("name", ["capture_key", "provider_reference"])
async def test_either_name_is_looked_for_alone(shop: Shop, looks: Looks, name: str) -> None:
    reference = (await shop.initiate()).reference
    named: dict[str, Any] = {name: "T-1"}
    shop.provider.answers(reference, attrs.evolve(PAYABLE, **named))
    await shop.ask(reference)
    assert looks.proven_by_save == [False]


@pytest.mark.parametrize("fact", ["amount", "capture_key"])
async def test_money_that_is_not_attested_is_looked_for(shop: Shop, looks: Looks, fact: str) -> None:
    reference = (await shop.initiate()).reference
    await shop.attests(reference, **{fact: None})
    await shop.ask(reference)
    assert looks.proven_by_save == [False]


async def test_money_that_went_back_is_looked_for(shop: Shop, looks: Looks) -> None:
    reference = (await shop.initiate()).reference
    await shop.attests_returned(reference)
    await shop.ask(reference)
    assert looks.proven_by_save == [False]


async def test_what_was_said_before_and_brought_no_money_is_looked_for(shop: Shop, looks: Looks) -> None:
    """Somebody else may have it, as here: the first look finds it out, and the next one asks at once."""
    shop.kit.order("order_2")
    first, second = (await shop.initiate()).reference, (await shop.initiate("order_2")).reference
    await shop.attests(first)
    await shop.ask(first)
    await shop.attests(second, capture_key=f"T-{first}")
    for _ in range(2):
        await shop.ask(second)
    assert looks.proven_by_save == [True, True, False]


async def test_more_money_is_looked_for(shop: Shop, looks: Looks) -> None:
    reference = (await shop.initiate()).reference
    await shop.attests(reference)
    await shop.ask(reference)
    await shop.attests(reference, word="success again", capture_key="T-2")
    await shop.ask(reference)
    assert looks.proven_by_save == [True, False]


async def test_money_under_another_name_than_its_attempt_s_is_looked_for(shop: Shop, looks: Looks) -> None:
    reference = (await shop.initiate()).reference
    declined = Answer(outcome=Outcome.DECLINED, word="failed", provider_reference="T-1", fingerprint="1")
    shop.provider.answers(reference, declined)
    await shop.ask(reference)
    assert (await shop.attempt(reference)).provider_reference == "T-1"
    await shop.attests(reference)
    await shop.ask(reference)
    assert looks.proven_by_save == [False, False]


async def test_before_the_first_answer_nobody_was_asked_anything(shop: Shop, looks: Looks) -> None:
    reference = (await shop.initiate()).reference
    await shop.attests(reference)
    await shop.ask(reference)
    assert looks.questions == []


async def test_an_answer_about_no_money_raises_no_question(shop: Shop, looks: Looks) -> None:
    reference = (await shop.initiate()).reference
    for _ in range(3):
        await shop.ask(reference)
    assert looks.questions == []


@pytest.mark.parametrize(
    "facts", [{}, {"capture_key": None}, {"outcome": Outcome.RETURNED}], ids=["paid", "nameless", "returned"]
)
async def test_before_an_answer_about_money_raises_a_question_earlier_ones_are_looked_at(
    shop: Shop, looks: Looks, facts: dict[str, Any]
) -> None:
    reference = (await shop.initiate()).reference
    await shop.ask(reference)
    await shop.attests(reference, **facts)
    payment = await shop.ask(reference)
    assert looks.questions == [payment.payment_id]


async def test_before_the_last_answer_of_a_watch_raises_a_question_earlier_ones_are_looked_at(
    shop: Shop, looks: Looks
) -> None:
    reference = (await shop.initiate()).reference
    await shop.ask(reference)
    until = (await shop.attempt(reference)).watch_until
    assert until is not None
    shop.kit.clock.advance(until - shop.kit.clock.now())
    payment = await shop.ask(reference)
    assert looks.questions == [payment.payment_id]

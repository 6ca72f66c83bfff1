"""What every store keeps about answers under an Idempotency-Key: reserved once, then answered again."""

import asyncio
from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager
from datetime import datetime

import attrs

from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.records import StoredAnswer
from payments.testing.contracts.promises import promise
from payments.testing.contracts.stored import NOW, after_s, an_answer

FINAL = an_answer(status=201, body=b'{"refund_id": "1"}\x00', expires_at=after_s(86_400))


class AnswersContract(ABC):
    """Reserving, keeping and giving back."""

    @abstractmethod
    def stage(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """A unit of work over an empty store."""

    async def test_a_key_is_reserved_once_and_says_by_whom(self) -> None:
        async with self.stage() as units:
            first = await _begin(units, an_answer(1))
            second = await _begin(units, an_answer(2, fingerprint="other"))
            promise("a free key is reserved, said with None.", kept=first is None)
            promise(f"a reserved key answers what stands: {second!r}.", kept=second == an_answer(1))

    async def test_of_many_who_reserve_at_once_one_does(self) -> None:
        async with self.stage() as units:
            told = await asyncio.gather(*(_begin(units, an_answer(number)) for number in range(1, 21)))
            winners = sum(stands is None for stands in told)
            promise(f"of 20 at once one reserves the key, not {winners}.", kept=winners == 1)

    async def test_a_final_answer_is_answered_again_byte_for_byte(self) -> None:
        async with self.stage() as units:
            await _begin(units, an_answer())
            await units.single.end_answer(FINAL)
            stands = await _begin(units, an_answer(2), after_s(86_399))
            promise(f"a final answer stands until it expires: {stands!r}.", kept=stands == FINAL)

    async def test_an_expired_answer_counts_as_absent(self) -> None:
        async with self.stage() as units:
            await _begin(units, an_answer())
            await units.single.end_answer(FINAL)
            late = an_answer(2, expires_at=after_s(90_000))
            promise("an expired answer is absent.", kept=await _begin(units, late, after_s(86_400)) is None)
            stands = await _begin(units, an_answer(3), after_s(86_401))
            promise(f"its key belongs to whoever came then: {stands!r}.", kept=stands == late)

    async def test_an_answer_is_kept_although_its_reservation_was_cleared_away(self) -> None:
        async with self.stage() as units:
            await units.single.end_answer(FINAL)
            stands = await _begin(units, an_answer(2))
            promise(f"a final answer needs no reservation: {stands!r}.", kept=stands == FINAL)

    async def test_an_abandoned_reservation_ends(self) -> None:
        async with self.stage() as units:
            await _begin(units, an_answer())
            stands = await _begin(units, an_answer(2), after_s(60))
            promise("a reservation whose holder died ends.", kept=stands is None)

    async def test_a_key_given_back_is_free(self) -> None:
        async with self.stage() as units:
            await _begin(units, an_answer())
            await units.single.drop_answer(an_answer())
            promise("a key given back is free.", kept=await _begin(units, an_answer(2)) is None)

    async def test_a_key_that_nobody_holds_any_more_may_be_given_back(self) -> None:
        async with self.stage() as units:
            await _begin(units, an_answer())
            await units.write(lambda transaction: transaction.forget_answers(after_s(60), limit=9))
            await units.single.drop_answer(an_answer())
            promise("what was cleared away is free.", kept=await _begin(units, an_answer(2)) is None)

    async def test_whose_reservation_ran_out_marks_nothing_of_who_has_the_key_now(self) -> None:
        async with self.stage() as units:
            await _begin(units, an_answer())
            theirs = an_answer(2, expires_at=after_s(120))
            await _begin(units, theirs, after_s(60))
            promise("who lost a key stores no answer.", kept=not await units.single.end_answer(FINAL))
            await units.single.drop_answer(an_answer())
            stands = await _begin(units, an_answer(3), after_s(61))
            promise(f"nor gives it back: {stands!r}.", kept=stands == theirs)
            final = attrs.evolve(FINAL, holder=theirs.holder)
            promise("who has it stores one.", kept=await units.single.end_answer(final))
            await units.single.drop_answer(theirs)
            stands = await _begin(units, an_answer(3), after_s(61))
            promise(f"a final answer is not given back: {stands!r}.", kept=stands == final)

    async def test_users_operations_and_keys_are_apart(self) -> None:
        async with self.stage() as units:
            mine = an_answer()
            others = [
                attrs.evolve(mine, user="43"),
                attrs.evolve(mine, operation="initiate"),
                attrs.evolve(mine, key="key-2"),
            ]
            for answer in (mine, *others):
                promise("a key is one user's, for one operation.", kept=await _begin(units, answer) is None)
            await units.single.drop_answer(others[0])
            stands = await _begin(units, an_answer(2))
            promise("giving one key back frees no other.", kept=stands == mine)


async def _begin(units: UnitOfWork, answer: StoredAnswer, now: datetime = NOW) -> StoredAnswer | None:
    return await units.single.begin_answer(answer, now)

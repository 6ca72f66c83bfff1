"""The same Idempotency-Key and the same request get the same answer (docs/http.md)."""

import asyncio
from datetime import timedelta
from uuid import UUID

import attrs
import pytest

from payments.adapters.cipher import AesGcmCipher
from payments.adapters.memory.unit_of_work import MemoryUnitOfWork
from payments.adapters.system import RandomIdentifiers
from payments.application.answers import Answered
from payments.application.records import StoredAnswer
from payments.application.use_cases.answer_once import IN_FLIGHT_FOR, AnswerOnce
from payments.domain.errors import IdempotencyKeyInFlight, IdempotencyKeyReused, OutcomeUnknown
from tests.unit.use_cases.shop import Shop, refused, turns

pytestmark = pytest.mark.anyio

DONE = Answered(status=200, body=b'{"done":true}', final=True)


@attrs.define
class Asked:
    """Something that is answered, and how often it was."""

    answer: Answered = DONE
    times: int = 0
    trouble: BaseException | None = None

    async def __call__(self) -> Answered:
        self.times += 1
        if self.trouble is not None:
            raise self.trouble
        return self.answer


async def once(
    shop: Shop, asked: Asked, *, user: str = "user_1", operation: str = "initiate", fingerprint: str = "same"
) -> Answered:
    return await shop.kit.payments.answer_once(
        user=user, operation=operation, key="key-1", fingerprint=fingerprint, produce=asked
    )


async def test_a_repeated_request_gets_the_stored_answer(shop: Shop) -> None:
    asked = Asked()

    first, again = await once(shop, asked), await once(shop, asked)

    assert (first.replayed, again.replayed) == (False, True)
    assert (again.status, again.body, asked.times) == (200, DONE.body, 1)


async def stored(shop: Shop) -> StoredAnswer:
    """The only answer that is kept."""
    storage = shop.kit.unit_of_work
    assert isinstance(storage, MemoryUnitOfWork)
    (kept,) = storage._committed.answers.values()
    return kept


async def test_nobody_reads_in_the_database_where_the_payer_was_sent(shop: Shop) -> None:
    await once(shop, Asked(Answered(status=200, body=b'{"url":"http://x/pay/secret/"}', final=True)))
    assert b"secret" not in (await stored(shop)).body


async def test_an_answer_whose_key_is_gone_is_made_again(shop: Shop) -> None:
    asked = Asked()
    await once(shop, asked)
    other = AnswerOnce(
        cipher=AesGcmCipher.of([b"another key of thirty-two letters"]),
        clock=shop.kit.clock,
        identifiers=RandomIdentifiers(),
        unit_of_work=shop.kit.unit_of_work,
    )

    again = await other(user="user_1", operation="initiate", key="key-1", fingerprint="same", produce=asked)

    assert (again, asked.times) == (DONE, 2)


async def test_a_stored_problem_is_repeated_too(shop: Shop) -> None:
    asked = Asked(Answered(status=404, body=b"{}", final=True))

    await once(shop, asked)

    assert (await once(shop, asked)).status == 404
    assert asked.times == 1


async def test_an_answer_that_is_not_final_is_never_kept(shop: Shop) -> None:
    asked = Asked(Answered(status=503, body=b"{}", final=False))

    await once(shop, asked)
    await once(shop, asked)

    assert asked.times == 2


async def test_after_trouble_the_request_may_be_made_again(shop: Shop) -> None:
    asked = Asked(trouble=OutcomeUnknown())
    await refused(OutcomeUnknown, once(shop, asked))
    asked.trouble = None

    assert await once(shop, asked) == DONE


async def test_the_key_of_another_request_is_refused(shop: Shop) -> None:
    asked = Asked()
    await once(shop, asked)

    await refused(IdempotencyKeyReused, once(shop, asked, fingerprint="another"))

    assert asked.times == 1


async def test_keys_of_different_users_and_operations_have_nothing_to_do_with_each_other(shop: Shop) -> None:
    asked = Asked()

    await once(shop, asked)
    await once(shop, asked, user="user_2")
    await once(shop, asked, operation="refund")

    assert asked.times == 3


async def test_while_it_is_being_answered_the_same_key_is_told_to_wait(shop: Shop) -> None:
    blocked = asyncio.Event()

    async def slowly() -> Answered:
        await blocked.wait()
        return DONE

    first = asyncio.create_task(
        shop.kit.payments.answer_once(
            user="user_1", operation="initiate", key="key-1", fingerprint="same", produce=slowly
        )
    )
    await turns()

    error = await refused(IdempotencyKeyInFlight, once(shop, Asked()))
    blocked.set()

    assert error.retry_after_s == 1.0
    assert await first == DONE
    assert (await once(shop, Asked())).replayed


async def test_a_request_that_is_cut_off_gives_its_key_back(shop: Shop) -> None:
    async def never() -> Answered:
        await asyncio.Event().wait()
        return DONE

    cut_off = asyncio.create_task(
        shop.kit.payments.answer_once(
            user="user_1", operation="initiate", key="key-1", fingerprint="same", produce=never
        )
    )
    await turns()
    cut_off.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cut_off

    assert await once(shop, Asked()) == DONE


@pytest.mark.parametrize(("minutes", "ends"), [(4, False), (6, True)])
async def test_a_key_is_not_kept_from_others_for_as_long_as_a_dead_clock_was_ahead(
    shop: Shop,
    minutes: float,
    ends: bool,  # noqa: FBT001 -- a row's field
) -> None:
    now = shop.kit.clock.now()
    left = StoredAnswer(
        user="user_1",
        operation="initiate",
        key="key-1",
        fingerprint="same",
        holder=UUID(int=1),
        expires_at=now + timedelta(minutes=minutes) + IN_FLIGHT_FOR,
    )
    await shop.kit.unit_of_work.single.begin_answer(left, now)

    if ends:
        assert await once(shop, Asked()) == DONE
    else:
        await refused(IdempotencyKeyInFlight, once(shop, Asked()))


async def test_another_request_takes_no_key_from_one_that_a_clock_ahead_is_answering(shop: Shop) -> None:
    """Both were done, under one key."""
    blocked = asyncio.Event()

    async def slowly() -> Answered:
        await blocked.wait()
        return DONE

    shop.kit.clock.step_back(-timedelta(minutes=6))
    first = asyncio.create_task(
        shop.kit.payments.answer_once(
            user="user_1", operation="initiate", key="key-1", fingerprint="same", produce=slowly
        )
    )
    await turns()
    shop.kit.clock.step_back(timedelta(minutes=6))
    other = Asked()

    await refused(IdempotencyKeyReused, once(shop, other, fingerprint="another"))
    blocked.set()

    assert (other.times, await first) == (0, DONE)


async def test_an_answer_is_kept_for_a_day(shop: Shop) -> None:
    asked = Asked()
    await once(shop, asked)

    shop.kit.clock.advance(timedelta(hours=24) - timedelta(seconds=1))
    await once(shop, asked)
    assert asked.times == 1
    shop.kit.clock.advance(timedelta(seconds=1))
    await once(shop, asked)
    assert asked.times == 2


async def test_of_two_that_hold_one_key_in_turn_the_later_one_answers(shop: Shop) -> None:
    """Seed 7879 of the simulation: the clocks of two processes were hours apart."""
    late = Answered(status=200, body=b'{"done":"late"}', final=True)

    async def outlive_the_reservation() -> Answered:
        shop.skip(seconds=61)
        assert await once(shop, Asked()) == DONE
        return late

    error = await refused(
        IdempotencyKeyInFlight,
        shop.kit.payments.answer_once(
            user="user_1",
            operation="initiate",
            key="key-1",
            fingerprint="same",
            produce=outlive_the_reservation,
        ),
    )
    assert error.retry_after_s == 1.0
    again = await once(shop, Asked(late))
    assert (again.body, again.replayed) == (DONE.body, True)

"""What every store keeps for a while only: raw notices, what names a payer, and answers that ran out."""

from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any

import attrs

from payments.application.ports.repository import Transaction
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.records import ERASED, Destination, Message, MessageState, Notice, StoredAnswer
from payments.domain.payment import Customer, Payment
from payments.domain.review import ReviewState
from payments.domain.transitions import AttemptStatus, RefundStatus
from payments.testing.contracts.promises import promise
from payments.testing.contracts.stored import (
    FAILED,
    a_capture,
    a_message,
    a_notice,
    a_payment,
    a_refund,
    a_review,
    after_s,
    an_answer,
    an_attempt,
    change,
    keep,
    numbered,
)

MANY = 100
SARA = Customer(email="sara@shop.et", first_name="Sara", last_name="Tesfaye", phone_number="0911234567")


class RetentionContract(ABC):
    """Erasing what is old, and nothing else."""

    @abstractmethod
    def stage(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """A unit of work over an empty store."""

    async def test_old_handled_notices_are_emptied_and_all_else_about_them_stays(self) -> None:
        async with self.stage() as units:
            handled = [a_notice(n, handled_at=after_s(n), next_try_at=None) for n in (3, 1, 2, 9)]
            waiting = a_notice(4)
            for notice in (*handled, waiting):
                await _add(units, notice)
            first = await units.write(lambda t: t.erase_notices(after_s(4), limit=2))
            rest = await units.write(lambda t: t.erase_notices(after_s(4), limit=2))
            again = await units.write(lambda t: t.erase_notices(after_s(4), limit=2))
            promise(
                f"each is emptied once, in batches: {(first, rest, again)}.",
                kept=(first, rest, again) == (2, 1, 0),
            )
            found = {n.notice_id: n for n in await units.reads.notices_about(an_attempt().reference)}
            for notice in (*handled, waiting):
                emptied = notice.handled_at is not None and notice.received_at <= after_s(4)
                wanted = attrs.evolve(notice, sealed=b"") if emptied else notice
                promise(
                    f"only the bytes go: {found[notice.notice_id]!r}.", kept=found[notice.notice_id] == wanted
                )

    async def test_a_duplicate_of_an_emptied_notice_is_known(self) -> None:
        async with self.stage() as units:
            await _add(units, a_notice(1, handled_at=after_s(1), next_try_at=None))
            await units.write(lambda t: t.erase_notices(after_s(1), limit=MANY))
            again = await _add(units, attrs.evolve(a_notice(2), digest=a_notice(1).digest))
            promise("its digest is still there, so nothing is stored.", kept=not again)
            leased = await units.write(
                lambda t: t.lease_notices(
                    after_s(99), until=after_s(200), token=a_notice(5).notice_id, limit=9
                )
            )
            promise("and nothing is handled a second time.", kept=leased == ())

    async def test_the_oldest_notices_are_emptied_first(self) -> None:
        async with self.stage() as units:
            for number in (5, 1, 3):
                await _add(units, a_notice(number, handled_at=after_s(9), next_try_at=None))
            await units.write(lambda t: t.erase_notices(after_s(9), limit=1))
            found = await units.reads.notices_about(an_attempt().reference)
            promise(
                "a batch takes the oldest.", kept=[n.sealed == b"" for n in found] == [True, False, False]
            )

    async def test_who_an_old_payer_was_is_erased_everywhere_and_nothing_else_changes(self) -> None:
        async with self.stage() as units:
            kept = await keep(units, _over(), messages=(_mail(2), _told(1)))
            done = await _erase(units)
            promise(f"one payment was done, not {done}.", kept=done == 1)
            found = await units.reads.payment(kept.payment_id)
            promise(f"nobody is named in it: {found!r}.", kept=found == _nameless(kept))
            told, mail = await units.reads.messages_of(kept.payment_id)
            promise("what the payer was written is erased.", kept=mail == attrs.evolve(_mail(2), body=ERASED))
            promise("what the orders service was told stays.", kept=told == _told(1))
            promise("it is done once.", kept=await _erase(units) == 0)

    async def test_a_phone_or_a_mail_is_erased_where_the_payment_names_nobody(self) -> None:
        async with self.stage() as units:
            by_phone = await keep(units, attrs.evolve(_over(1), customer=Customer()))
            by_mail = await keep(units, _nameless(_over(2)), messages=(_mail(1, 2),))
            done = await _erase(units)
            promise(f"both are found, each once: {done}.", kept=done == 2)  # noqa: PLR2004 -- the two above
            promise(
                "the phone is gone.",
                kept=await units.reads.payment(by_phone.payment_id) == _nameless(by_phone),
            )
            (mail,) = await units.reads.messages_of(by_mail.payment_id)
            promise("the mail is erased.", kept=mail.body == ERASED)
            promise("it is done once.", kept=await _erase(units) == 0)

    async def test_what_is_under_way_about_another_payment_keeps_no_payer(self) -> None:
        async with self.stage() as units:
            await keep(units, _over(1))
            message = _mail(1, 2, state=MessageState.PENDING, next_try_at=after_s(1))
            review = a_review(state=ReviewState.OPEN, payment_id=numbered(1, 2))
            await keep(units, _over(2), messages=(message,), reviews=(review,))
            promise("the one that is over is erased.", kept=await _erase(units) == 1)

    async def test_a_payment_that_changed_lately_keeps_its_payer(self) -> None:
        async with self.stage() as units:
            kept = await keep(units, _over())
            early = await _erase(units, until_s=-1)
            promise("a younger change keeps it.", kept=early == 0)
            promise("whole.", kept=await units.reads.payment(kept.payment_id) == kept)

    async def test_a_payer_is_known_as_long_as_anything_about_the_payment_is_under_way(self) -> None:
        message = _mail(1, 4, state=MessageState.PENDING, next_try_at=after_s(1))
        review = a_review(state=ReviewState.OPEN, payment_id=numbered(1, 5))
        asked: dict[str, Any] = {
            "captures": (a_capture(3),),
            "refunds": (a_refund(3, status=RefundStatus.REQUESTED),),
        }
        under_way: dict[str, tuple[Payment, dict[str, Any]]] = {
            "a live attempt": (_over(1, status=AttemptStatus.OPEN), {}),
            "a watched attempt": (_over(2, next_check_at=after_s(5)), {}),
            "a refund": (attrs.evolve(_over(3), **asked), {}),
            "a message": (_over(4), {"messages": (message,)}),
            "a review": (_over(5), {"reviews": (review,)}),
        }
        async with self.stage() as units:
            for what, (payment, rest) in under_way.items():
                kept = await keep(units, payment, **rest)
                promise(f"{what} keeps the payer.", kept=await _erase(units) == 0)
                promise("whole.", kept=await units.reads.payment(kept.payment_id) == kept)

    async def test_a_payer_who_comes_back_is_known_again_and_erased_again_later(self) -> None:
        async with self.stage() as units:
            kept = await keep(units, _over())
            await _erase(units)
            erased = _nameless(kept)
            back = attrs.evolve(erased, customer=SARA, version=kept.version + 1, updated_at=after_s(50))
            await change(units, erased, back)
            promise("a later change counts.", kept=await _erase(units, until_s=49) == 0)
            promise("the payer is known again.", kept=await units.reads.payment(kept.payment_id) == back)
            promise("and erased in time.", kept=await _erase(units, until_s=50) == 1)

    async def test_expired_answers_are_removed_in_batches_and_no_other(self) -> None:
        async with self.stage() as units:
            for number in range(1, 6):
                answer = an_answer(number, key=f"key-{number}", expires_at=after_s(number))
                await units.write(partial(_begin, answer))
            told = [await units.write(lambda t: t.forget_answers(after_s(3), limit=2)) for _ in range(3)]
            promise(f"three have expired: {told}.", kept=told == [2, 1, 0])


def _over(number: int = 1, **changes: Any) -> Payment:
    """A payment about which nothing is under way, with everything that names its payer."""
    fields: dict[str, Any] = {"status": FAILED, "phone": "254700000000", "next_check_at": None, **changes}
    return a_payment(number, customer=SARA, attempts=(an_attempt(number, **fields),))


def _nameless(payment: Payment) -> Payment:
    attempts = tuple(attrs.evolve(attempt, phone=None) for attempt in payment.attempts)
    return attrs.evolve(payment, customer=Customer(), attempts=attempts)


def _mail(sequence: int, number: int = 1, **changes: Any) -> Message:
    """What the payer of the payment of this number was written."""
    fields: dict[str, Any] = {
        "payment_id": numbered(1, number),
        "order_id": f"order_{number}",
        "destination": Destination.PAYER,
        "state": MessageState.DELIVERED,
        "next_try_at": None,
        "delivered_at": after_s(sequence),
        **changes,
    }
    return a_message(sequence, **fields)


def _told(sequence: int) -> Message:
    return _mail(sequence, destination=Destination.ORDERS)


async def _begin(answer: StoredAnswer, transaction: Transaction) -> None:
    await transaction.begin_answer(answer, after_s(0))


async def _add(units: UnitOfWork, notice: Notice) -> bool:
    return await units.write(lambda transaction: transaction.add_notice(notice))


async def _erase(units: UnitOfWork, *, until_s: float = 40) -> int:
    until = after_s(until_s)
    return await units.write(lambda t: t.erase_people(until, limit=MANY))

"""What every store keeps about payments: whole, unique where the model says so, and by version."""

import asyncio
from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager
from typing import Any

import attrs

from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.records import Search, summary_of
from payments.domain.capture import Vouched
from payments.domain.errors import StaleVersion
from payments.domain.events import Reason
from payments.domain.evidence import Mode
from payments.domain.money import Money
from payments.domain.payment import Customer, Payment
from payments.domain.transitions import Disposition, PaymentStatus, RefundStatus
from payments.testing.contracts.promises import promise, promise_to_raise
from payments.testing.contracts.stored import (
    EXPIRED,
    FAILED,
    SUCCEEDED,
    a_capture,
    a_message,
    a_payment,
    a_refund,
    after_s,
    an_attempt,
    change,
    keep,
    numbered,
)

FULL_ATTEMPT = an_attempt(
    1,
    payable_until=after_s(3600),
    next_check_at=None,
    status=SUCCEEDED,
    reason=Reason.DECLINED,
    detail="Insufficient funds – “ሂሳብ”",
    phone="+251911223344",
    return_to="shop",
    checkout_url="https://checkout.example.test/p/1?a=1&b=%20",
    provider_reference="CHAPA-1",
    callback_token_hash="0" * 64,
    page_token_hash="2" * 64,
    on_delivery=True,
    handed_out_at=after_s(1),
    page_closed=True,
    reopened_at=after_s(2),
    declines=("a", 'b"\\', ""),
    not_found_at=after_s(3),
    said_paid_at=after_s(3.5),
    wrong_codes=4,
    checks=3,
    last_checked_at=after_s(4),
    last_word="success",
)

FULL_PAYMENT = a_payment(
    status=PaymentStatus.SUCCESS,
    told=3,
    last_told="paid",
    trail="e" * 64,
    updated_at=after_s(9.000001),
    customer=Customer(email="a@example.com", first_name="A", last_name="B", phone_number="+254700000000"),
    attempts=(
        FULL_ATTEMPT,
        an_attempt(2, mode=Mode.LIVE, watch_until=None, next_check_at=None, status=EXPIRED),
        an_attempt(3, status=FAILED),
    ),
    captures=(
        a_capture(1, receipt="SGH1234567"),
        a_capture(3, disposition=Disposition.SURPLUS, vouched=Vouched.ATTACHED, accepted=True),
        a_capture(2, disposition=Disposition.HELD, amount=Money.of("123456789012.345", "KWD")),
    ),
    refunds=(
        a_refund(
            1,
            status=RefundStatus.SUCCEEDED,
            approver="operator:8",
            provider_reference="RF1",
            callback_token_hash="1" * 64,
            requested_at=after_s(6),
            next_check_at=after_s(7),
            detail="pending – በመጠባበቅ",
        ),
        a_refund(3),
    ),
)


class PaymentsContract(ABC):
    """Payments with their attempts, captures and refunds."""

    @abstractmethod
    def stage(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """A unit of work over an empty store."""

    async def test_a_payment_comes_back_as_it_was_stored(self) -> None:
        async with self.stage() as units:
            for payment in (FULL_PAYMENT, a_payment(2), a_payment(3, customer=Customer())):
                stored = await keep(units, payment)
                found = await units.reads.payment(payment.payment_id)
                promise(f"a payment is read as stored: {stored!r}, not {found!r}.", kept=found == stored)

    async def test_a_payment_is_found_by_its_order_and_by_each_reference(self) -> None:
        async with self.stage() as units:
            stored = await keep(units, FULL_PAYMENT)
            await keep(units, a_payment(2))
            by_order = await units.reads.payment_of_order(stored.order_id)
            promise("a payment is found by its order.", kept=by_order == stored)
            for attempt in stored.attempts:
                found = await units.reads.payment_with_reference(attempt.reference)
                promise("a payment is found by the reference of each attempt.", kept=found == stored)

    async def test_what_is_not_there_is_none(self) -> None:
        async with self.stage() as units:
            await keep(units, a_payment())
            found: list[Any] = [
                await units.reads.payment(numbered(1, 99)),
                await units.reads.payment_of_order("order_99"),
                await units.reads.payment_with_reference("p-99"),
                await units.write(lambda transaction: transaction.lock_payment(numbered(1, 99))),
            ]
            promise(f"what is not there is None, not {found}.", kept=found == [None] * 4)

    async def test_an_order_has_one_payment_and_the_first_one_stands(self) -> None:
        async with self.stage() as units:
            first = await units.write(lambda transaction: transaction.open_payment(a_payment()))
            second = attrs.evolve(a_payment(), payment_id=numbered(1, 2), payer="43")
            stands = await units.write(lambda transaction: transaction.open_payment(second))
            promise(f"open_payment answers the order's first payment, not {stands!r}.", kept=stands == first)
            again = await units.write(lambda transaction: transaction.open_payment(a_payment()))
            promise("open_payment may be run again with the same payment.", kept=again == first)

    async def test_of_many_who_open_an_order_at_once_all_get_one_payment(self) -> None:
        async with self.stage() as units:

            async def open_one(number: int) -> Payment:
                payment = attrs.evolve(a_payment(), payment_id=numbered(1, number))
                return await units.write(lambda transaction: transaction.open_payment(payment))

            opened = await asyncio.gather(*(open_one(number) for number in range(1, 31)))
            ids = {payment.payment_id for payment in opened}
            promise(f"30 who open one order get one payment, not {len(ids)}.", kept=len(ids) == 1)

    async def test_a_changed_payment_is_read_as_changed(self) -> None:
        async with self.stage() as units:
            before = await keep(units, FULL_PAYMENT)
            after = attrs.evolve(
                before,
                version=2,
                amount=Money.of("7", "JPY"),
                order_version="8",
                customer=Customer(),
                updated_at=after_s(60),
                attempts=(
                    attrs.evolve(before.attempts[0], last_word="changed", declines=()),
                    *before.attempts[1:],
                    an_attempt(4, checkout_url="https://example.test/"),
                ),
                captures=(*before.captures[:2], attrs.evolve(before.captures[2], receipt="late")),
                refunds=(before.refunds[0], attrs.evolve(before.refunds[1], status=RefundStatus.FAILED)),
            )
            await change(units, before, after)
            found = await units.reads.payment(after.payment_id)
            promise(f"a change is read whole: {after!r}, not {found!r}.", kept=found == after)

    async def test_a_change_from_another_version_is_stale_and_leaves_nothing(self) -> None:
        async with self.stage() as units:
            first = await keep(units, a_payment())
            second = attrs.evolve(first, version=2, told=1)
            await change(units, first, second)
            late = attrs.evolve(first, version=2, told=9, attempts=(an_attempt(),))
            with promise_to_raise(StaleVersion, "save raises StaleVersion for a change of an older version."):
                await change(units, first, late, messages=(a_message(),))
            found = await units.reads.payment(first.payment_id)
            promise(f"a stale change leaves nothing; found {found!r}.", kept=found == second)
            told = await units.reads.messages_of(first.payment_id)
            promise("a stale change leaves no message.", kept=told == ())

    async def test_an_attempt_that_was_asked_about_meanwhile_is_stale_and_stays(self) -> None:
        async with self.stage() as units:
            first = await keep(units, a_payment(attempts=(an_attempt(),)))
            asked = attrs.evolve(first, attempts=(an_attempt(checks=1, last_word="pending"),))
            await change(units, first, asked)
            late = attrs.evolve(first, version=2, attempts=(an_attempt(checks=1, last_word="failed"),))
            with promise_to_raise(
                StaleVersion, "save raises StaleVersion for an attempt asked about meanwhile."
            ):
                await change(units, first, late, messages=(a_message(),))
            found = await units.reads.payment(first.payment_id)
            promise(f"what was learnt first stays; found {found!r}.", kept=found == asked)
            told = await units.reads.messages_of(first.payment_id)
            promise("a stale change leaves no message.", kept=told == ())

    async def test_what_a_change_does_not_write_stays_as_it_is_stored(self) -> None:
        async with self.stage() as units:
            paid = a_payment(attempts=(an_attempt(),), captures=(a_capture(),), refunds=(a_refund(),))
            first = await keep(units, paid)
            asked = attrs.evolve(
                first,
                attempts=(an_attempt(checks=1, last_word="pending"),),
                refunds=(a_refund(detail="pending"),),
            )
            await change(units, first, asked)
            await change(units, first, attrs.evolve(first, version=2, told=1))
            found = await units.reads.payment(first.payment_id)
            wanted = attrs.evolve(asked, version=2, told=1)
            promise(f"what is not written is not set back: {wanted!r}, not {found!r}.", kept=found == wanted)

    async def test_a_change_of_a_payment_that_is_not_there_is_stale(self) -> None:
        async with self.stage() as units:
            with promise_to_raise(StaleVersion, "save raises StaleVersion when there is no such payment."):
                await change(units, a_payment(), attrs.evolve(a_payment(), version=1))

    async def test_bookkeeping_is_stored_without_a_new_version(self) -> None:
        async with self.stage() as units:
            before = await keep(units, a_payment(attempts=(an_attempt(),)))
            checked = an_attempt(checks=1, next_check_at=after_s(30))
            after = attrs.evolve(before, attempts=(checked,))
            await change(units, before, after)
            found = await units.reads.payment(after.payment_id)
            promise(f"a change may keep the version; found {found!r}.", kept=found == after)

    async def test_a_payment_has_one_live_attempt(self) -> None:
        async with self.stage() as units:
            before = await keep(units, a_payment(attempts=(an_attempt(),)))
            two = attrs.evolve(before, version=2, attempts=(an_attempt(), an_attempt(2)))
            with promise_to_raise(Exception, "a second live attempt of a payment is refused."):
                await change(units, before, two)
            found = await units.reads.payment(before.payment_id)
            promise(f"a refused change leaves nothing; found {found!r}.", kept=found == before)

    async def test_superseding_and_claiming_are_one_change(self) -> None:
        async with self.stage() as units:
            before = await keep(units, a_payment(attempts=(an_attempt(),)))
            ended = an_attempt(status=EXPIRED, reason=Reason.SUPERSEDED)
            after = attrs.evolve(before, version=2, attempts=(ended, an_attempt(2)))
            await change(units, before, after)
            back = attrs.evolve(after, version=3, attempts=(an_attempt(), an_attempt(2, status=FAILED)))
            await change(units, after, back)
            found = await units.reads.payment(before.payment_id)
            promise("one attempt may end and another live in one change.", kept=found == back)

    async def test_other_payments_have_live_attempts_of_their_own(self) -> None:
        async with self.stage() as units:
            first = await keep(units, a_payment(1, attempts=(an_attempt(1),)))
            second = await keep(units, a_payment(2, attempts=(an_attempt(2),)))
            found = await units.reads.payments_after(None, 10)
            promise("each payment has its own live attempt.", kept=found == (first, second))

    async def test_walking_over_all_payments_meets_each_once(self) -> None:
        async with self.stage() as units:
            stored = [await keep(units, a_payment(number)) for number in (3, 1, 7, 5, 2, 6, 4)]
            met: list[Payment] = []
            for _ in range(4):
                met += await units.reads.payments_after(met[-1].payment_id if met else None, 3)
            wanted = sorted(stored, key=lambda payment: payment.payment_id)
            promise(f"payments_after walks all by id, not {[p.order_id for p in met]}.", kept=met == wanted)

    async def test_operators_find_the_payments_of_everybody_newest_first(self) -> None:
        async with self.stage() as units:
            stored = {n: await keep(units, a_payment(n, payer=f"payer {n}")) for n in (2, 5, 1, 3)}
            stored[4] = await keep(units, attrs.evolve(FULL_PAYMENT, payment_id=numbered(1, 4), order_id="x"))
            found = await units.reads.found(Search(limit=10))
            wanted = [summary_of(stored[number]) for number in (5, 4, 3, 2, 1)]
            promise(f"operators find every payer's payments: {wanted}, not {found}.", kept=[*found] == wanted)

    async def test_operators_find_a_payment_by_each_of_its_names(self) -> None:
        async with self.stage() as units:
            await keep(units, FULL_PAYMENT)
            await keep(units, a_payment(2, order_id=str(numbered(1, 7)).upper()))
            wanted = {
                "order_1": ["order_1"],
                str(FULL_PAYMENT.payment_id): ["order_1"],
                str(FULL_PAYMENT.payment_id).upper(): ["order_1"],
                FULL_PAYMENT.attempts[1].reference: ["order_1"],
                str(numbered(1, 7)).upper(): [str(numbered(1, 7)).upper()],
                "order_": [],
                "ORDER_1": [],
                "order_%": [],
                "": [],
                "' OR 1=1 --": [],
            }
            for name, orders in wanted.items():
                found = [line.order_id for line in await units.reads.found(Search(limit=10, name=name))]
                promise(f"whoever looks for {name!r} finds {orders}, not {found}.", kept=found == orders)

    async def test_one_name_may_belong_to_several_payments(self) -> None:
        async with self.stage() as units:
            first = await keep(units, a_payment(1, attempts=(an_attempt(),)))
            second = await keep(units, a_payment(2, order_id=an_attempt().reference))
            third = await keep(units, a_payment(3, order_id=str(first.payment_id)))
            for name, wanted in (
                (an_attempt().reference, [second, first]),
                (str(first.payment_id), [third, first]),
            ):
                found = await units.reads.found(Search(limit=10, name=name))
                ids = [line.payment_id for line in found]
                promise(f"{name} names two payments.", kept=ids == [p.payment_id for p in wanted])
                few = await units.reads.found(Search(limit=1, name=name))
                promise("no more than the limit.", kept=few == found[:1])

    async def test_searches_hold_together(self) -> None:
        async with self.stage() as units:
            failed, pending = PaymentStatus.FAILED, PaymentStatus.PENDING
            for number in range(1, 7):
                await keep(units, a_payment(number, status=failed if number % 2 else pending))
            third = numbered(1, 3)
            searches: list[tuple[dict[str, Any], list[int]]] = [
                ({"status": failed}, [5, 3, 1]),
                ({"status": PaymentStatus.SUCCESS}, []),
                ({"status": failed, "name": "order_3"}, [3]),
                ({"status": pending, "name": "order_3"}, []),
                ({"beyond": third}, [2, 1]),
                ({"beyond": third, "status": failed}, [1]),
                ({"beyond": third, "name": "order_3"}, []),
                ({"beyond": third, "name": "order_2"}, [2]),
                ({"limit": 2}, [6, 5]),
                ({"limit": 2, "status": pending}, [6, 4]),
                ({"limit": 2, "beyond": numbered(1, 5)}, [4, 3]),
            ]
            for changes, numbers in searches:
                found = await units.reads.found(Search(**{"limit": 10, **changes}))
                orders = [line.order_id for line in found]
                wanted = [f"order_{number}" for number in numbers]
                promise(f"a search for {changes} finds {wanted}, not {orders}.", kept=orders == wanted)

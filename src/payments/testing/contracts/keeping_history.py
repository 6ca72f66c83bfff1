"""What every store keeps about a payer's history: newest first, only theirs, page by page."""

from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager
from typing import Any

import attrs

from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.records import HistoryQuery, PaymentSummary, summary_of
from payments.domain.events import Reason
from payments.domain.money import Money
from payments.domain.payment import Payment
from payments.domain.transitions import Disposition, PaymentStatus, RefundStatus
from payments.testing.contracts.promises import promise
from payments.testing.contracts.stored import (
    FAILED,
    OPEN,
    SUCCEEDED,
    a_capture,
    a_payment,
    a_refund,
    after_s,
    an_attempt,
    change,
    keep,
    numbered,
)


class HistoryContract(ABC):
    """Lines of a payer's history."""

    @abstractmethod
    def stage(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """A unit of work over an empty store."""

    async def test_a_line_says_what_the_payment_is_after_each_change(self) -> None:
        async with self.stage() as units:
            payment = await keep(units, a_payment())
            for after in _a_life(payment):
                await change(units, payment, after)
                payment = after
                (line,) = await _lines(units)
                wanted = summary_of(after)
                promise(f"a line is the payment's summary {wanted!r}, not {line!r}.", kept=line == wanted)

    async def test_a_new_payment_is_in_the_history(self) -> None:
        async with self.stage() as units:
            await units.write(lambda transaction: transaction.open_payment(a_payment()))
            lines = await _lines(units)
            promise("a payment is in the history at once.", kept=lines == (summary_of(a_payment()),))

    async def test_a_payer_sees_their_own_payments_alone(self) -> None:
        async with self.stage() as units:
            for number, payer in enumerate(("42", "43", "4", "42 ", ""), start=1):
                await keep(units, a_payment(number, payer=payer))
            lines = await _lines(units)
            promise(f"a payer sees only theirs, not {_orders(lines)}.", kept=_orders(lines) == ["order_1"])

    async def test_the_newest_come_first_and_equal_times_by_id(self) -> None:
        async with self.stage() as units:
            times = {1: 5.0, 2: 9.0, 3: 5.0, 4: 0.000001, 5: 5.0}
            for number, seconds in times.items():
                await keep(units, a_payment(number, created_at=after_s(seconds)))
            lines = await _lines(units)
            wanted = ["order_2", "order_5", "order_3", "order_1", "order_4"]
            promise(
                f"newest first, then by id: {wanted}, not {_orders(lines)}.", kept=_orders(lines) == wanted
            )
            few = await _lines(units, limit=2)
            promise("no more than the limit.", kept=_orders(few) == wanted[:2])

    async def test_filters_hold_together(self) -> None:
        async with self.stage() as units:
            await _five_kinds(units)
            failed, success = PaymentStatus.FAILED, PaymentStatus.SUCCESS
            wanted: list[tuple[dict[str, Any], list[str]]] = [
                ({"status": failed}, ["order_4", "order_2"]),
                ({"provider": "chapa"}, ["order_3", "order_2"]),
                ({"status": failed, "provider": "chapa"}, ["order_2"]),
                ({"status": success, "provider": "mpesa"}, []),
                ({"order_id": "order_3"}, ["order_3"]),
                ({"order_id": "order_3", "status": success, "provider": "chapa"}, ["order_3"]),
                ({"order_id": "order_3", "status": failed}, []),
                ({"order_id": "order_3", "provider": "mpesa"}, []),
                ({"order_id": "order_6"}, []),
                ({"created_after": after_s(3)}, ["order_5", "order_4"]),
                ({"created_before": after_s(3)}, ["order_2", "order_1"]),
                ({"created_after": after_s(1), "created_before": after_s(4)}, ["order_3", "order_2"]),
                ({"status": failed, "created_before": after_s(4)}, ["order_2"]),
                ({"order_id": "order_3", "created_after": after_s(3)}, []),
            ]
            for filters, orders in wanted:
                found = _orders(await _lines(units, **filters))
                promise(f"the history with {filters} is {orders}, not {found}.", kept=found == orders)

    async def test_pages_meet_each_payment_once_whatever_comes_meanwhile(self) -> None:
        async with self.stage() as units:
            for number in range(1, 12):
                await keep(units, a_payment(number, created_at=after_s(number // 4)))
            met: list[str] = []
            beyond = None
            while page := await _lines(units, limit=3, beyond=beyond):
                met += _orders(page)
                beyond = (page[-1].created_at, page[-1].payment_id)
                await keep(units, a_payment(100 + len(met), created_at=after_s(100)))
            wanted = [f"order_{number}" for number in range(11, 0, -1)]
            promise(f"pages meet each payment once, in order: {met}.", kept=met == wanted)

    async def test_pages_and_bounds_hold_together(self) -> None:
        async with self.stage() as units:
            for number in range(1, 7):
                await keep(units, a_payment(number, created_at=after_s(number)))
            beyond = (after_s(5), a_payment(5).payment_id)
            for before_s, orders in ((6, ["order_4", "order_3"]), (4, ["order_3"])):
                found = _orders(
                    await _lines(
                        units, beyond=beyond, created_after=after_s(2), created_before=after_s(before_s)
                    )
                )
                promise(f"bounds hold on every page: {orders}, not {found}.", kept=found == orders)


def _a_life(new: Payment) -> list[Payment]:
    """One payment after each of its changes."""
    page = "https://checkout.example.test/1"
    opened = an_attempt(status=OPEN, handed_out_at=after_s(1), checkout_url=page)
    declined = attrs.evolve(opened, status=FAILED, reason=Reason.DECLINED, detail="No funds")
    paid = attrs.evolve(opened, status=SUCCEEDED, next_check_at=None)
    held = a_capture(disposition=Disposition.HELD, amount=Money.of("1.00", "ETB"))
    foreign = attrs.evolve(held, capture_id=numbered(2, 2), key="AP2", amount=Money.of("7", "JPY"))
    back = a_refund(status=RefundStatus.SUCCEEDED)
    lives: list[dict[str, Any]] = [
        {"attempts": (an_attempt(),)},
        {"attempts": (opened,), "status": PaymentStatus.PROCESSING},
        {"attempts": (declined,), "status": PaymentStatus.FAILED},
        {"captures": (held,), "status": PaymentStatus.FAILED},
        {"attempts": (paid,), "captures": (a_capture(),), "status": PaymentStatus.SUCCESS},
        {"refunds": (back,), "captures": (a_capture(), foreign)},
    ]
    steps, payment = [], new
    for version, changes in enumerate(lives, start=new.version + 1):
        payment = attrs.evolve(payment, version=version, updated_at=after_s(version), **changes)
        steps.append(payment)
    return steps


async def _five_kinds(units: UnitOfWork) -> None:
    kinds = {
        1: (PaymentStatus.PENDING, None),
        2: (PaymentStatus.FAILED, "chapa"),
        3: (PaymentStatus.SUCCESS, "chapa"),
        4: (PaymentStatus.FAILED, "mpesa"),
        5: (PaymentStatus.PROCESSING, "paystack"),
    }
    for number, (status, provider) in kinds.items():
        attempts = (an_attempt(number, provider=provider),) if provider else ()
        await keep(units, a_payment(number, status=status, attempts=attempts, created_at=after_s(number)))
    await keep(units, a_payment(6, payer="43", status=PaymentStatus.FAILED))


async def _lines(units: UnitOfWork, *, limit: int = 100, **filters: Any) -> tuple[PaymentSummary, ...]:
    return await units.reads.history(HistoryQuery(payer="42", limit=limit, **filters))


def _orders(lines: tuple[PaymentSummary, ...]) -> list[str]:
    return [line.order_id for line in lines]

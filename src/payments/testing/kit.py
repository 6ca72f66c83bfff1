"""The whole service in memory: for the tests of programs that use it, and for our own."""

from datetime import timedelta

import attrs

from payments.adapters.cipher import AesGcmCipher
from payments.adapters.memory.shared_state import MemorySharedState
from payments.adapters.memory.unit_of_work import MemoryUnitOfWork
from payments.adapters.notifiers.memory import MemoryNotifier
from payments.adapters.orders.memory import MemoryOrders
from payments.application.addresses import Addresses
from payments.application.notice_limits import NoticeLimits
from payments.application.payments import Payments
from payments.application.ports.orders import Order
from payments.application.ports.providers import Provider, Providers
from payments.application.ports.unit_of_work import UnitOfWork
from payments.bootstrap import assemble
from payments.domain.money import Money
from payments.domain.payment import Customer
from payments.domain.refund_rules import RefundRules
from payments.testing.clock import MovableClock
from payments.testing.identifiers import CountingIdentifiers
from payments.testing.prompts import ScriptedPrompts
from payments.testing.provider import ScriptedProvider


@attrs.frozen(kw_only=True)
class InMemoryPayments:
    """The service over in-memory adapters, and each of those in reach of the test."""

    payments: Payments
    clock: MovableClock
    orders: MemoryOrders
    notifier: MemoryNotifier
    provider: ScriptedProvider
    """The first one, called ``scripted``."""
    unit_of_work: UnitOfWork

    def order(
        self,
        order_id: str = "order_1",
        amount: str = "1000.00",
        currency: str = "ETB",
        *,
        payable: bool = True,
    ) -> Order:
        """Put an order of ``user_1`` in; putting it again changes it and its version."""
        order = Order(
            order_id=order_id,
            user_id="user_1",
            amount=Money.of(amount, currency),
            payable=payable,
            version=f"{amount}-{currency}-{payable}",
            customer=Customer(email="sara@shop.et", first_name="Sara"),
        )
        self.orders.put(order)
        return order

    async def delivery_code(self, checkout_url: str) -> str:
        """What the page of a cash attempt shows its payer, to be told to the collector."""
        shown = await self.payments.page(checkout_url.rstrip("/").rpartition("/")[2])
        if shown.delivery_code is None:
            raise ValueError(f"The page says {shown.face.value!r} and shows no code.")
        return shown.delivery_code

    async def work(self) -> None:
        """Do what the worker does, until nothing is due; only ``payments.erase`` erases what is old."""
        while (
            await self.payments.process_notices()
            + await self.payments.deliver()
            + await self.payments.sweep()
        ):
            pass

    async def pass_time(self, span: timedelta, *, step: timedelta = timedelta(seconds=30)) -> None:
        """Let ``span`` pass in steps, with the worker at work all the while."""
        until = self.clock.now() + span
        while self.clock.now() < until:
            self.clock.advance(min(step, until - self.clock.now()))
            await self.work()


def in_memory_payments(
    *providers: ScriptedProvider,
    cash: Provider | None = None,
    prompts: ScriptedPrompts | None = None,
    notice_limits: NoticeLimits | None = None,
    refund_rules: RefundRules | None = None,
    unit_of_work: UnitOfWork | None = None,
) -> InMemoryPayments:
    """A service that needs nothing and forgets everything; ``providers`` default to one called ``scripted``.

    ``prompts`` is one more, which prompts on a phone and reports to secret addresses, and ``cash`` what
    :func:`~payments.testing.cash_on_delivery` makes. Each call makes a new service; several may live in one
    process.
    """
    scripted = providers or (ScriptedProvider(),)
    clock, orders, notifier = MovableClock(), MemoryOrders(), MemoryNotifier()
    storage = unit_of_work or MemoryUnitOfWork()
    by_name = {one.name: one.provider() for one in (*scripted, *((prompts,) if prompts else ()))}
    if cash is not None:
        by_name[cash.name] = cash
    payments = assemble(
        Addresses("http://payments.example"),
        cipher=AesGcmCipher.of([b"in-memory-payments-key-0001"]),
        clock=clock,
        identifiers=CountingIdentifiers(),
        notice_limits=notice_limits,
        notifier=notifier,
        orders=orders,
        providers=Providers(by_name),
        refund_rules=refund_rules,
        shared_state=MemorySharedState(clock),
        unit_of_work=storage,
    )
    return InMemoryPayments(
        payments=payments,
        clock=clock,
        orders=orders,
        notifier=notifier,
        provider=scripted[0],
        unit_of_work=storage,
    )

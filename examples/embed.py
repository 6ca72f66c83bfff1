"""One payment from start to end inside a program of your own: no database, no network, no account.

python examples/embed.py
"""

import asyncio

from payments import Money, Parts, Settings, open_payments
from payments.adapters.notifiers.memory import MemoryNotifier
from payments.adapters.orders.memory import MemoryOrders
from payments.application.ports.orders import Order
from payments.application.ports.providers import Providers
from payments.domain.payment import Customer
from payments.testing import ScriptedProvider

ORDER = Order(
    order_id="order_1",
    user_id="user_1",
    amount=Money.of("1000.00", "ETB"),
    payable=True,
    version="1",
    customer=Customer(email="sara@shop.example", first_name="Sara"),
)


async def main() -> None:
    orders, mails, provider = MemoryOrders(), MemoryNotifier(), ScriptedProvider()
    orders.put(ORDER)
    parts = Parts(orders=orders, notifier=mails, providers=Providers({"scripted": provider.provider()}))

    # With Settings.from_env() and no parts, the same lines use the database and the providers of PAYMENTS_*.
    async with open_payments(Settings(database_url="memory://"), parts) as payments:
        checkout = await payments.initiate(order_id="order_1", user_id="user_1", provider="scripted")
        print(f"pay at    {checkout.checkout_url}")

        provider.pays(checkout.reference)  # the payer does this, on the provider's page
        payment = await payments.settle(checkout.reference)  # the worker does this, when a webhook arrives
        print(f"status    {payment.status.value}")

        while await payments.deliver():  # and this
            pass
        told = orders.told("order_1")
        print(f"the order {told.kind if told else 'heard nothing'}")
        print(f"the payer {mails.sent[0].subject}")
        print(f"check     {await payments.check() or 'every promise is kept'}")


asyncio.run(main())

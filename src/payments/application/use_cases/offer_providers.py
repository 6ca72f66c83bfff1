"""Offer: which providers can take an order's money."""

import attrs

from payments.application.answers import Offer
from payments.application.ports.orders import Order, Orders
from payments.application.ports.providers import Flow, Provider, Providers
from payments.domain.errors import InvalidRequest, OrderNotFound


@attrs.frozen
class OfferProviders:
    """What can pay this order, with what each needs."""

    _orders: Orders
    _providers: Providers

    async def __call__(self, order_id: str, user_id: str) -> tuple[Offer, ...]:
        """One offer for each provider that is switched on, by name.

        Raises:
            OrderNotFound: absent, or somebody else's.
            OrdersUnavailable: the orders service gave no usable answer.
        """
        order = await self._orders.get(order_id)
        if order is None or order.user_id != user_id:
            raise OrderNotFound
        return tuple(_offer(self._providers.by_name[name], order) for name in sorted(self._providers.by_name))


def _offer(provider: Provider, order: Order) -> Offer:
    span = provider.ranges.get(order.amount.currency.code)
    detail = ""
    try:
        provider.takes(order.amount)
        if provider.emails:
            provider.emails.usable(order.customer.email)
    except InvalidRequest as refusal:
        detail = refusal.detail
    return Offer(
        provider=provider.name,
        flow=provider.flow,
        available=not detail,
        detail=detail,
        least=span.least if span else None,
        most=span.most if span else None,
        needs=("phone_number",) if provider.flow is Flow.PROMPT else (),
    )

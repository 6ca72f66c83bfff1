"""Offer: which providers can take an order's money."""

import attrs

from payments.application.answers import Offer
from payments.application.ports.orders import Order, Orders
from payments.application.ports.providers import Flow, Provider, Providers
from payments.application.ports.unit_of_work import UnitOfWork
from payments.domain.errors import InvalidRequest, OrderNotFound
from payments.domain.payment import Payment
from payments.domain.transitions import PaymentStatus


@attrs.frozen
class OfferProviders:
    """What can pay this order, with what each needs."""

    _orders: Orders
    _providers: Providers
    _unit_of_work: UnitOfWork

    async def __call__(self, order_id: str, user_id: str) -> tuple[Offer, ...]:
        """One offer for each provider that is switched on, by name; none is available where nobody may pay.

        Raises:
            OrderNotFound: absent, or somebody else's.
            OrdersUnavailable: the orders service gave no usable answer.
        """
        order = await self._orders.get(order_id)
        payment = await self._unit_of_work.reads.payment_of_order(order_id)
        # Whoever the order belongs to now, a payment never changes its payer.
        foreign = payment is not None and payment.payer != user_id
        if order is None or order.user_id != user_id or foreign:
            raise OrderNotFound
        closed = _closed(order, payment)
        return tuple(
            _offer(self._providers.by_name[name], order, closed) for name in sorted(self._providers.by_name)
        )


def _closed(order: Order, payment: Payment | None) -> str:
    """Why nobody may pay for this order now, in a sentence for its payer; or empty."""
    if payment is not None and payment.status is PaymentStatus.SUCCESS:
        return "The order is paid."
    if payment is not None and payment.held_captures:
        return "Money that arrived for this order is being looked at."
    return "" if order.payable else "The order cannot be paid."


def _offer(provider: Provider, order: Order, detail: str) -> Offer:
    span = provider.ranges.get(order.amount.currency.code)
    try:
        provider.takes(order.amount)
        if provider.emails:
            provider.emails.usable(order.customer.email)
    except InvalidRequest as refusal:
        detail = detail or refusal.detail
    return Offer(
        provider=provider.name,
        flow=provider.flow,
        available=not detail,
        detail=detail,
        least=span.least if span else None,
        most=span.most if span else None,
        needs=("phone_number",) if provider.flow is Flow.PROMPT else (),
    )

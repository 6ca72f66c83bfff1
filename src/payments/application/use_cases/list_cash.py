"""List cash: what each collector holds and has not handed in."""

from typing import Final

import attrs

from payments.application.answers import CashInHand
from payments.application.ports.unit_of_work import UnitOfWork
from payments.domain.collection import Collection

MOST: Final = 1000
"""So many collections are listed; the sums always count all of them."""


@attrs.frozen
class ListCash:
    """Cash on its way from doors to the shop, for operators."""

    _unit_of_work: UnitOfWork

    async def __call__(self, collector: str | None = None) -> tuple[CashInHand, ...]:
        """By collector and currency; ``collector`` None means everybody."""
        reads = self._unit_of_work.reads
        by_hand: dict[tuple[str, str], list[Collection]] = {}
        for collection in await reads.cash_held(collector, MOST):
            if collection.amount is not None:
                hand = (collection.collector, collection.amount.currency.code)
                by_hand.setdefault(hand, []).append(collection)
        return tuple(
            CashInHand(
                held=held, collections=tuple(by_hand.get((held.collector, held.total.currency.code), ()))
            )
            for held in await reads.cash_held_sums(collector)
        )

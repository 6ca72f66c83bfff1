"""List cash: what each collector holds and has not handed in."""

from functools import reduce
from operator import add
from typing import Final

import attrs

from payments.application.answers import CashInHand
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.records import HeldCash
from payments.domain.collection import Collection

MOST: Final = 1000
"""So many collections are listed; the sums always count all of them."""


@attrs.frozen
class ListCash:
    """Cash on its way from doors to the shop, for operators."""

    _unit_of_work: UnitOfWork

    async def __call__(self, collector: str | None = None) -> tuple[CashInHand, ...]:
        """By collector and currency; ``collector`` None means everybody.

        Sums are those of what is listed; only where there is more than that they are asked for, and may tell
        of another moment.
        """
        reads = self._unit_of_work.reads
        listed = await reads.cash_held(collector, MOST)
        by_hand: dict[tuple[str, str], list[Collection]] = {}
        for collection in listed:
            if collection.amount is not None:
                hand = (collection.collector, collection.amount.currency.code)
                by_hand.setdefault(hand, []).append(collection)
        if len(listed) < MOST:
            return tuple(CashInHand(held=_sum(each), collections=tuple(each)) for each in by_hand.values())
        return tuple(
            CashInHand(
                held=held, collections=tuple(by_hand.get((held.collector, held.total.currency.code), ()))
            )
            for held in await reads.cash_held_sums(collector)
        )


def _sum(collections: list[Collection]) -> HeldCash:
    """What one collector holds in one currency, of which this is all; oldest first."""
    return HeldCash(
        collector=collections[0].collector,
        count=len(collections),
        total=reduce(add, (each.amount for each in collections if each.amount is not None)),
        oldest_at=collections[0].recorded_at,
    )

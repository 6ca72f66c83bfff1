"""Hand over cash: a collector brings in what they hold, and somebody at the shop records it."""

from typing import Final

import attrs

from payments.application.ports.clock import Clock
from payments.application.ports.repository import Transaction
from payments.application.ports.unit_of_work import UnitOfWork
from payments.domain.collection import Handover
from payments.domain.errors import FieldError, HandoverConflict, InvalidRequest

MOST: Final = 500
"""Collections in one hand-over."""


@attrs.frozen
class HandOverCash:
    """Record once that cash changed hands: all of the named collections, or none of them."""

    _clock: Clock
    _unit_of_work: UnitOfWork

    async def __call__(
        self, handover_id: str, collector: str, collections: tuple[str, ...], actor: str
    ) -> Handover:
        """The hand-over as it is kept; the same one again is answered with what is kept already.

        Raises:
            InvalidRequest: it names no collection, too many, or one twice.
            HandoverConflict: ``errors`` names the cash that this collector does not hold, or the id belongs
                to another hand-over.
        """
        names = tuple(sorted(set(collections)))
        if not names or len(names) != len(collections) or len(names) > MOST:
            remedy = f"Name 1 to {MOST} collections, each once."
            raise InvalidRequest(errors=(FieldError("/collections", remedy),))
        new = Handover(
            handover_id=handover_id,
            collector=collector,
            collections=names,
            actor=actor,
            recorded_at=self._clock.now(),
        )

        async def write(transaction: Transaction) -> Handover:
            missing = await transaction.add_handover(new)
            if missing is None:
                return _same(await transaction.handover(handover_id), new)
            if missing:
                places = {name: place for place, name in enumerate(collections)}
                raise HandoverConflict(
                    f"{collector} does not hold {len(missing)} of these collections.",
                    errors=tuple(
                        FieldError(f"/collections/{places[name]}", f"{collector} does not hold it.")
                        for name in sorted(missing, key=places.__getitem__)
                    ),
                    facts={"handover_id": handover_id},
                )
            return new

        return await self._unit_of_work.write(write)


def _same(known: Handover | None, new: Handover) -> Handover:
    if known is None or (known.collector, known.collections) != (new.collector, new.collections):
        raise HandoverConflict(
            "This id belongs to another hand-over.", facts={"handover_id": new.handover_id}
        )
    return known

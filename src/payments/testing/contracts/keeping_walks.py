"""What every store reads of many payments at once, for whoever walks over all of them."""

from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager
from functools import partial

from payments.application.ports.repository import Transaction
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.records import Records
from payments.domain.collection import Collection
from payments.domain.payment import Payment
from payments.testing.contracts.keeping_cash import a_collection
from payments.testing.contracts.promises import promise
from payments.testing.contracts.stored import (
    a_message,
    a_payment,
    a_review,
    after_s,
    an_attempt,
    an_entry,
    change,
    keep,
    numbered,
    some_evidence,
)


class WalksContract(ABC):
    """The records of payments that a walk has met."""

    @abstractmethod
    def stage(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """A unit of work over an empty store."""

    async def test_the_records_of_payments_side_by_side_are_read_together_as_each_is_alone(self) -> None:
        async with self.stage() as units:
            kept = [await _with_records(units, number) for number in (1, 2, 3, 4)]
            bare = await keep(units, a_payment(5))
            walked = (*kept[1:], bare)
            found = await units.reads.records_of(walked)
            alone = [await _one_by_one(units, payment) for payment in walked]
            promise(f"the records are those that each has alone; found {found!r}.", kept=[*found] == alone)
            for payment, records in zip(walked, found, strict=True):
                names = {
                    *(evidence.payment_id for evidence in records.evidence),
                    *(message.payment_id for message in records.messages),
                    *(review.payment_id for review in records.reviews),
                    *(entry.payment_id for entry in records.audit),
                    *(collection.payment_id for collection in records.collections),
                }
                promise(
                    f"the records of a payment are about it; found {names}.",
                    kept=names <= {payment.payment_id},
                )
            promise("of one payment they are its own.", kept=await units.reads.records_of(kept[:1]) != found)
            promise("of no payment there are none.", kept=await units.reads.records_of(()) == ())


async def _with_records(units: UnitOfWork, number: int) -> Payment:
    """A payment with two records of each kind, of which the newer one was stored first."""
    mine = {"payment_id": numbered(1, number)}
    attempt = an_attempt(number, on_delivery=True)
    before = a_payment(number, attempts=(attempt,))
    first, second = 2 * number, 2 * number + 1
    order = {"order_id": before.order_id}
    before = await keep(
        units,
        before,
        evidence=some_evidence(second, **mine, reference=attempt.reference),
        messages=(a_message(second, **mine, **order),),
        reviews=(a_review(second, **mine),),
        audit=an_entry(1, **mine),
    )
    after = a_payment(number, attempts=(attempt,), version=before.version + 1)
    await change(
        units,
        before,
        after,
        evidence=some_evidence(first, **mine, reference=attempt.reference),
        messages=(a_message(first, **mine, **order),),
        reviews=(a_review(first, **mine),),
        audit=an_entry(2, **mine),
    )
    for place in (second, first):
        collection = a_collection(place, **mine, **order, recorded_at=after_s(place))
        await units.write(partial(_add, collection))
    return after


async def _add(collection: Collection, transaction: Transaction) -> bool:
    return await transaction.add_collection(collection)


async def _one_by_one(units: UnitOfWork, payment: Payment) -> Records:
    return Records(
        evidence=await units.reads.evidence_of(payment.payment_id),
        messages=await units.reads.messages_of(payment.payment_id),
        reviews=await units.reads.reviews_of(payment.payment_id),
        audit=await units.reads.audit_of(payment.payment_id),
        collections=await units.reads.collections_of(payment.payment_id),
    )

"""What every unit of work keeps that begins from what is known: nothing is decided on what is not so."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from typing import Final

import attrs

from payments.application.ports.repository import Transaction
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.records import StoredChange
from payments.domain.attempt import Attempt
from payments.domain.evidence import Mode
from payments.domain.payment import Payment
from payments.testing.contracts.keeping_units import Abandoned
from payments.testing.contracts.promises import promise
from payments.testing.contracts.stored import (
    FAILED,
    a_capture,
    a_message,
    a_notice,
    a_payment,
    a_refund,
    a_review,
    an_attempt,
    an_entry,
    change,
    keep,
    numbered,
    some_evidence,
)


class KnownContract(ABC):
    """Changes of payments that are known, and of some that have changed since."""

    @abstractmethod
    def stage(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """A unit of work over an empty store."""

    async def test_a_payment_that_is_as_it_is_known_is_changed(self) -> None:
        async with self.stage() as units:
            known = await keep(units, a_payment(attempts=(an_attempt(),)))
            told = await units.write(_told_once_more(known))
            found = await units.reads.payment(known.payment_id)
            kept = told == 1 and found is not None and (found.told, found.version) == (1, 2)
            promise(f"what is known and so is changed; found {found!r}.", kept=kept)

    async def test_a_change_of_one_that_has_changed_is_decided_on_the_present_one(self) -> None:
        async with self.stage() as units:
            known = await keep(units, a_payment(attempts=(an_attempt(),)))
            before = [await units.write(_told_once_more(None)) for _ in range(2)]
            told = await units.write(_told_once_more(known))
            kept = told == len(before) + 1
            promise(f"a change is decided on what is stored: told 3 times, not {told}.", kept=kept)

    async def test_an_attempt_that_was_asked_about_meanwhile_is_decided_on_as_it_is(self) -> None:
        async with self.stage() as units:
            known = await keep(units, a_payment(attempts=(an_attempt(),)))
            before = await units.write(_asked_once_more(None))
            checks = await units.write(_asked_once_more(known))
            kept = checks == before + 1
            promise(f"no answer is forgotten that changed no version: 2, not {checks}.", kept=kept)

    async def test_a_refund_that_was_asked_about_meanwhile_is_decided_on_as_it_is(self) -> None:
        async with self.stage() as units:
            known = await keep(
                units,
                a_payment(attempts=(an_attempt(),), captures=(a_capture(),), refunds=(a_refund(),)),
            )
            noted = attrs.evolve(known, refunds=(attrs.evolve(known.refunds[0], detail="asked"),))
            await change(units, known, noted)

            async def work(transaction: Transaction) -> None:
                before = await transaction.lock_payment(known.payment_id, known=known) or known
                (refund,) = before.refunds
                again = attrs.evolve(refund, detail=f"{refund.detail} again")
                await transaction.save(
                    StoredChange(before=before, after=attrs.evolve(before, refunds=(again,)))
                )

            await units.write(work)
            found = await units.reads.payment(known.payment_id)
            kept = found is not None and found.refunds[0].detail == "asked again"
            promise(f"what is known of a refund is read under the lock; found {found!r}.", kept=kept)

    async def test_who_saves_nothing_answers_for_what_is_stored(self) -> None:
        async with self.stage() as units:
            known = await keep(units, a_payment())
            await units.write(_told_once_more(None))

            async def look(transaction: Transaction) -> int:
                locked = await transaction.lock_payment(known.payment_id, known=known)
                return locked.told if locked else -1

            told = await units.write(look)
            promise(f"what is no longer so is not believed: told once, not {told}.", kept=told == 1)

    async def test_who_raises_has_seen_what_is_stored(self) -> None:
        async with self.stage() as units:
            known = await keep(units, a_payment())
            await units.write(_told_once_more(None))

            async def refuse(transaction: Transaction) -> None:
                locked = await transaction.lock_payment(known.payment_id, known=known)
                if locked is None or locked.told == 0:
                    raise Abandoned

            refused = False
            try:
                await units.write(refuse)
            except Abandoned:
                refused = True
            promise("nobody is refused because of what is no longer so.", kept=not refused)

    async def test_first_money_whose_names_nobody_has_is_stored(self) -> None:
        async with self.stage() as units:
            known = await keep(units, a_payment(attempts=(an_attempt(),)))
            held = await units.write(_paid(known, an_attempt(), "AP-1", "C-1"))
            promise(f"nobody holds what is free, not {held}.", kept=held is None)
            found = await units.reads.payment(known.payment_id)
            kept = found is not None and [c.key for c in found.captures] == ["AP-1"]
            promise(f"and the money is stored; found {found!r}.", kept=kept)

    async def test_money_that_somebody_has_is_found_though_the_save_was_to_tell(self) -> None:
        async with self.stage() as units:
            first = an_attempt(provider_reference="C-1")
            await keep(units, a_payment(1, attempts=(first,), captures=(a_capture(key="AP-1"),)))
            known = await keep(units, a_payment(2, attempts=(an_attempt(2),)))
            for names in (("AP-1", "C-2"), ("AP-2", "C-1")):
                held = await units.write(_paid(known, an_attempt(2), *names))
                promise(f"{names} are held by {first.reference}, not {held}.", kept=held == first.reference)
            found = await units.reads.payment(known.payment_id)
            promise(f"and nothing is stored of it; found {found!r}.", kept=found == known)

    async def test_money_that_another_attempt_of_the_payment_has_is_found_as_well(self) -> None:
        async with self.stage() as units:
            first, second = an_attempt(1, status=FAILED, provider_reference="C-1"), an_attempt(2)
            known = await keep(units, a_payment(attempts=(first, second)))
            held = await units.write(_paid(known, second, "AP-2", "C-1"))
            promise(f"C-1 is held by {first.reference}, not {held}.", kept=held == first.reference)

    async def test_who_does_not_store_what_was_to_tell_has_looked(self) -> None:
        async with self.stage() as units:
            first = an_attempt(1)
            await keep(units, a_payment(1, attempts=(first,), captures=(a_capture(key="AP-1"),)))
            known = await keep(units, a_payment(2, attempts=(an_attempt(2),)))

            async def work(transaction: Transaction) -> str | None:
                before = await transaction.lock_payment(known.payment_id, known=known) or known
                held = await _holding(transaction, "AP-1", None)
                after = attrs.evolve(before, version=before.version + 1, told=before.told + 1)
                await transaction.save(StoredChange(before=before, after=after))
                return held

            held = await units.write(work)
            promise(f"AP-1 is held by {first.reference}, not {held}.", kept=held == first.reference)

    async def test_who_stores_money_and_not_its_name_has_looked(self) -> None:
        async with self.stage() as units:
            first = an_attempt(1, provider_reference="C-1")
            await keep(units, a_payment(1, attempts=(first,)))
            known = await keep(units, a_payment(2, attempts=(an_attempt(2),)))
            held = await units.write(_paid(known, an_attempt(2), "AP-2", "C-1", named=None))
            promise(f"C-1 is held by {first.reference}, not {held}.", kept=held == first.reference)

    async def test_a_name_that_another_attempt_of_the_payment_bears_proves_nothing(self) -> None:
        async with self.stage() as units:
            first = an_attempt(1, status=FAILED, provider_reference="C-1")
            second = an_attempt(2, provider_reference="C-2")
            known = await keep(units, a_payment(attempts=(first, second)))
            held = await units.write(_paid(known, second, "AP-2", "C-1", named="C-2"))
            promise(f"C-1 is held by {first.reference}, not {held}.", kept=held == first.reference)

    async def test_of_two_names_that_the_save_was_to_tell_none_is_forgotten(self) -> None:
        async with self.stage() as units:
            first = an_attempt(1)
            await keep(units, a_payment(1, attempts=(first,), captures=(a_capture(key="AP-1"),)))
            known = await keep(units, a_payment(2, attempts=(an_attempt(2),)))

            async def work(transaction: Transaction) -> tuple[str | None, str | None]:
                before = await transaction.lock_payment(known.payment_id, known=known) or known
                held = [await _holding(transaction, key, None) for key in ("AP-1", "AP-2")]
                paid = before.with_capture(a_capture(2, key="AP-2"), before.attempts[0])
                after = attrs.evolve(paid, version=before.version + 1)
                await transaction.save(StoredChange(before=before, after=after))
                return held[0], held[1]

            held = await units.write(work)
            promise(
                f"AP-1 is held by {first.reference}, and AP-2 by nobody: not {held}.",
                kept=held == (first.reference, None),
            )

    async def test_a_fresh_payment_is_stored_with_its_first_change(self) -> None:
        async with self.stage() as units:
            after = await units.write(lambda transaction: _claim(transaction, 1))
            found = await units.reads.payment_of_order("order_1")
            promise(f"a fresh payment is stored with its claim; found {found!r}.", kept=found == after)
            entries = await units.reads.audit_of(after.payment_id)
            promise(
                "and its audit trail begins with it.",
                kept=entries == (an_entry(payment_id=after.payment_id),),
            )

    async def test_a_fresh_payment_that_is_not_fresh_is_the_stored_one(self) -> None:
        async with self.stage() as units:
            first = await units.write(lambda transaction: _claim(transaction, 1))
            second = await units.write(lambda transaction: _claim(transaction, 2))
            promise(f"an order has one payment: the first, not {second!r}.", kept=second == first)
            looked = await units.write(lambda t: t.open_payment(_of_order_1(3), fresh=True))
            promise("and who opens and saves nothing is answered with it.", kept=looked == first)

    async def test_of_many_who_claim_a_fresh_order_at_once_one_does(self) -> None:
        async with self.stage() as units:
            claimed = await asyncio.gather(
                *(units.write(lambda transaction, n=n: _claim(transaction, n)) for n in range(1, 31))  # type: ignore[misc]  # n is bound at once
            )
            references = {attempt.reference for payment in claimed for attempt in payment.attempts}
            promise(f"30 who claim at once get one attempt, not {references}.", kept=len(references) == 1)

    async def test_of_many_who_change_what_they_know_none_is_lost(self) -> None:
        async with self.stage() as units:
            known = await keep(units, a_payment(attempts=(an_attempt(),)))
            await asyncio.gather(
                *(units.write(_told_once_more(known)) for _ in range(10)),
                *(units.write(_asked_once_more(known)) for _ in range(10)),
            )
            found = await units.reads.payment(known.payment_id)
            counted = (found.told, found.attempts[0].checks) if found else None
            promise(f"10 and 10 who change one payment all do, not {counted}.", kept=counted == (10, 10))

    async def test_work_that_raises_after_changing_what_it_knows_leaves_nothing(self) -> None:
        async with self.stage() as units:
            known = await keep(units, a_payment())

            async def work(transaction: Transaction) -> None:
                await _told_once_more(known)(transaction)
                raise Abandoned

            with suppress(Abandoned):
                await units.write(work)
            found = await units.reads.payment(known.payment_id)
            promise(f"a known payment's change is rolled back, too; found {found!r}.", kept=found == known)

    async def test_what_follows_a_change_of_what_is_known_sees_it(self) -> None:
        async with self.stage() as units:
            known = await keep(units, a_payment(attempts=(an_attempt(),)))

            async def work(transaction: Transaction) -> Payment | None:
                await _told_once_more(known)(transaction)
                await transaction.add_notice(a_notice())
                return await transaction.lock_payment(known.payment_id, known=known)

            seen = await units.write(work)
            promise(f"a unit sees its own change; it saw {seen!r}.", kept=seen is not None and seen.told == 1)
            stored = await units.reads.notices_about(an_attempt().reference)
            promise("and all of it is stored together.", kept=stored == (a_notice(),))

    async def test_every_row_of_a_known_change_is_written(self) -> None:
        async with self.stage() as units:
            known = await keep(units, a_payment(attempts=(an_attempt(),)))
            after = attrs.evolve(
                known,
                version=2,
                attempts=(attrs.evolve(known.attempts[0], status=FAILED, checks=1), an_attempt(2)),
                captures=(a_capture(),),
                refunds=(a_refund(),),
            )
            for_all = StoredChange(
                before=known,
                after=after,
                evidence=some_evidence(),
                messages=(a_message(1), a_message(2)),
                reviews=(a_review(1), a_review(2)),
                audit=an_entry(2),
            )

            async def work(transaction: Transaction) -> None:
                await transaction.lock_payment(known.payment_id, known=known)
                await transaction.save(for_all)

            await units.write(work)
            reads, payment_id = units.reads, known.payment_id
            promise("the payment is as it was saved.", kept=await reads.payment(payment_id) == after)
            promise("its evidence, too.", kept=await reads.evidence_of(payment_id) == (some_evidence(),))
            promise("and its messages.", kept=await reads.messages_of(payment_id) == for_all.messages)
            promise("and its reviews.", kept=await reads.reviews_of(payment_id) == for_all.reviews)
            promise("and its audit trail.", kept=await reads.audit_of(payment_id) == (an_entry(2),))


def _told_once_more(known: Payment | None) -> Callable[[Transaction], Awaitable[int]]:
    """Count one up on a payment, from what is known of it if it is."""

    async def work(transaction: Transaction) -> int:
        before = await _begun(transaction, known)
        after = attrs.evolve(before, version=before.version + 1, told=before.told + 1)
        await transaction.save(StoredChange(before=before, after=after))
        return after.told

    return work


def _asked_once_more(known: Payment | None) -> Callable[[Transaction], Awaitable[int]]:
    """Count one up on a payment's first attempt, which is no new version of the payment."""

    async def work(transaction: Transaction) -> int:
        before = await _begun(transaction, known)
        asked = attrs.evolve(before.attempts[0], checks=before.attempts[0].checks + 1)
        await transaction.save(StoredChange(before=before, after=before.with_attempt(asked)))
        return asked.checks

    return work


_BY_IT: Final = "by it"


def _paid(
    known: Payment, attempt: Attempt, key: str, name: str, *, named: str | None = _BY_IT
) -> Callable[[Transaction], Awaitable[str | None]]:
    """Store money of a known payment's ``attempt`` under both names; who else holds one, if anybody does.

    With ``named`` the attempt is called so, and not as was asked about.
    """

    async def work(transaction: Transaction) -> str | None:
        before = await transaction.lock_payment(known.payment_id, known=known) or known
        held = await _holding(transaction, key, name)
        if held is None:
            paid = before.with_capture(
                a_capture(2, reference=attempt.reference, key=key),
                attrs.evolve(attempt, provider_reference=name if named is _BY_IT else named),
            )
            after = attrs.evolve(paid, version=before.version + 1)
            await transaction.save(StoredChange(before=before, after=after))
        return held

    return work


async def _holding(transaction: Transaction, key: str, name: str | None) -> str | None:
    return await transaction.attempt_holding("chapa", Mode.TEST, key, name, proven_by_save=True)


async def _begun(transaction: Transaction, known: Payment | None) -> Payment:
    locked = await transaction.lock_payment(a_payment().payment_id, known=known)
    promise("a stored payment is there.", kept=locked is not None)
    return locked or a_payment()


def _of_order_1(number: int) -> Payment:
    return attrs.evolve(a_payment(), payment_id=numbered(1, number))


async def _claim(transaction: Transaction, number: int) -> Payment:
    """Claim the first order for the attempt of this number, unless another has it."""
    before = await transaction.open_payment(_of_order_1(number), fresh=True)
    if before.attempts:
        return before
    after = attrs.evolve(before, version=1, attempts=(an_attempt(number),))
    await transaction.save(
        StoredChange(before=before, after=after, audit=an_entry(payment_id=after.payment_id))
    )
    return after

"""What every store keeps about names: money, attempts and refunds have their own (docs/model.md 1)."""

from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager
from typing import Any

import attrs

from payments.application.ports.repository import Transaction
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.records import StoredChange
from payments.domain.evidence import Mode
from payments.domain.payment import Payment
from payments.domain.transitions import Disposition
from payments.testing.contracts.promises import promise, promise_to_raise
from payments.testing.contracts.stored import (
    FAILED,
    SUCCEEDED,
    a_capture,
    a_payment,
    a_refund,
    an_attempt,
    change,
    keep,
    some_evidence,
)


def _paid(number: int, **changes: Any) -> Payment:
    """A payment whose one attempt holds one capture, changed by ``changes``."""
    attempt = an_attempt(number, status=SUCCEEDED, next_check_at=None)
    return a_payment(number, attempts=(attempt,), captures=(a_capture(number, **changes),))


class NamesContract(ABC):
    """What only one may have, and who has it."""

    @abstractmethod
    def stage(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """A unit of work over an empty store."""

    async def test_a_capture_key_counts_once(self) -> None:
        async with self.stage() as units:
            await keep(units, _paid(1, key="AP-same"))
            await _promise_refused(units, _paid(2, key="AP-same"), "a provider's transaction counts once.")

    async def test_a_receipt_counts_once_for_one_provider_and_mode(self) -> None:
        async with self.stage() as units:
            await keep(units, _paid(1, receipt="NLJ7RT61SV"))
            await keep(units, _paid(2, receipt="NLJ7RT61SV", mode=Mode.LIVE))
            await keep(units, _paid(3, receipt="NLJ7RT61SV", provider="mpesa"))
            twice = _paid(4, receipt="NLJ7RT61SV")
            await _promise_refused(units, twice, "a receipt is one of one money.")
            for number in (5, 6):
                await keep(units, _paid(number))

    async def test_equal_keys_of_other_providers_and_modes_are_other_money(self) -> None:
        async with self.stage() as units:
            stored = (
                await keep(units, _paid(1, key="AP-same")),
                await keep(units, _paid(2, key="AP-same", provider="paystack")),
                await keep(units, _paid(3, key="AP-same", mode=Mode.LIVE)),
            )
            found = await units.reads.payments_after(None, 10)
            promise("a key belongs to one provider and mode.", kept=found == stored)

    async def test_one_capture_settles_a_payment(self) -> None:
        async with self.stage() as units:
            before = await keep(units, _paid(1))
            second = (*before.attempts, an_attempt(2, status=SUCCEEDED))
            twice = attrs.evolve(
                before, version=2, attempts=second, captures=(*before.captures, a_capture(2))
            )
            with promise_to_raise(Exception, "a second settling capture of a payment is refused."):
                await change(units, before, twice)
            surplus = a_capture(2, disposition=Disposition.SURPLUS)
            await change(units, before, attrs.evolve(twice, captures=(*before.captures, surplus)))

    async def test_a_provider_reference_names_one_attempt(self) -> None:
        async with self.stage() as units:
            await keep(units, a_payment(1, attempts=(an_attempt(1, provider_reference="C-1"),)))
            twice = a_payment(2, attempts=(an_attempt(2, provider_reference="C-1"),))
            await _promise_refused(units, twice, "a provider's own reference names one attempt.")
            other = an_attempt(3, provider_reference="C-1", provider="mpesa")
            await keep(units, a_payment(3, attempts=(other,)))

    async def test_a_reference_names_one_attempt(self) -> None:
        async with self.stage() as units:
            await keep(units, a_payment(1, attempts=(an_attempt(1),)))
            twice = a_payment(2, attempts=(an_attempt(1),))
            await _promise_refused(units, twice, "a reference is never used for a second attempt.")

    async def test_a_refund_reference_names_one_refund(self) -> None:
        async with self.stage() as units:
            await keep(units, attrs.evolve(_paid(1), refunds=(a_refund(1, reference="r-same"),)))
            twice = attrs.evolve(_paid(2), refunds=(a_refund(2, reference="r-same"),))
            await _promise_refused(units, twice, "a refund's reference is never used for a second one.")

    async def test_whoever_holds_money_or_a_provider_reference_is_known(self) -> None:
        async with self.stage() as units:
            await keep(units, _paid(1, key="AP-1"))
            await keep(units, a_payment(2, attempts=(an_attempt(2, provider_reference="C-2"),)))
            first, second = an_attempt(1).reference, an_attempt(2).reference
            wanted: dict[tuple[str, Mode, str | None, str | None], str | None] = {
                ("chapa", Mode.TEST, "AP-1", None): first,
                ("chapa", Mode.TEST, None, "C-2"): second,
                ("chapa", Mode.TEST, "AP-1", "C-2"): first,
                ("chapa", Mode.TEST, "AP-9", "C-2"): second,
                ("chapa", Mode.LIVE, "AP-1", "C-2"): None,
                ("paystack", Mode.TEST, "AP-1", "C-2"): None,
                ("chapa", Mode.TEST, "C-2", "AP-1"): None,
                ("chapa", Mode.TEST, None, None): None,
            }
            for names, holder in wanted.items():
                found = await _holding(units, *names)
                promise(f"attempt_holding{names} is {holder}, not {found}.", kept=found == holder)

    async def test_whose_money_has_a_key_is_read(self) -> None:
        async with self.stage() as units:
            await keep(units, _paid(1, key="AP-1"))
            await keep(units, _paid(2, key="AP-2"))
            wanted: dict[tuple[str, Mode, str], str | None] = {
                ("chapa", Mode.TEST, "AP-1"): an_attempt(1).reference,
                ("chapa", Mode.TEST, "AP-2"): an_attempt(2).reference,
                ("chapa", Mode.TEST, "AP-9"): None,
                ("chapa", Mode.LIVE, "AP-1"): None,
                ("mpesa", Mode.TEST, "AP-1"): None,
            }
            for names, holder in wanted.items():
                found = await units.reads.attempt_with_money(*names)
                promise(f"attempt_with_money{names} is {holder}, not {found}.", kept=found == holder)

    async def test_whose_money_has_a_receipt_is_known(self) -> None:
        async with self.stage() as units:
            await keep(units, _paid(1, receipt="NLJ7RT61SV"))
            wanted: dict[tuple[str, Mode, str], str | None] = {
                ("chapa", Mode.TEST, "NLJ7RT61SV"): an_attempt(1).reference,
                ("chapa", Mode.TEST, "NLJ7RT61SW"): None,
                ("chapa", Mode.LIVE, "NLJ7RT61SV"): None,
                ("mpesa", Mode.TEST, "NLJ7RT61SV"): None,
            }
            for names, holder in wanted.items():
                found = await _with_receipt(units, *names)
                promise(f"attempt_with_receipt{names} is {holder}, not {found}.", kept=found == holder)

    async def test_who_holds_money_is_known_within_the_same_unit(self) -> None:
        async with self.stage() as units:
            before = await keep(units, a_payment(1))

            async def work(transaction: Transaction) -> str | None:
                after = attrs.evolve(_paid(1), version=2)
                await transaction.save(StoredChange(before=before, after=after))
                return await transaction.attempt_holding("chapa", Mode.TEST, "AP1", None)

            found = await units.write(work)
            promise("attempt_holding sees its own writes.", kept=found == an_attempt(1).reference)

    async def test_a_unit_that_runs_again_recognises_itself(self) -> None:
        async with self.stage() as units:
            evidence = some_evidence()
            told = await units.write(lambda transaction: transaction.verdict_of(evidence.evidence_id))
            promise("evidence that is not stored has no verdict.", kept=told is None)
            await keep(units, a_payment(attempts=(an_attempt(status=FAILED),)), evidence=evidence)
            told = await units.write(lambda transaction: transaction.verdict_of(evidence.evidence_id))
            promise("stored evidence is known by its verdict.", kept=told is evidence.rule)


async def _holding(
    units: UnitOfWork, provider: str, mode: Mode, key: str | None, provider_reference: str | None
) -> str | None:
    return await units.write(
        lambda transaction: transaction.attempt_holding(provider, mode, key, provider_reference)
    )


async def _with_receipt(units: UnitOfWork, provider: str, mode: Mode, receipt: str) -> str | None:
    return await units.write(lambda transaction: transaction.attempt_with_receipt(provider, mode, receipt))


async def _promise_refused(units: UnitOfWork, payment: Payment, sentence: str) -> None:
    with promise_to_raise(Exception, sentence):
        await keep(units, payment)
    left = await units.reads.payment(payment.payment_id)
    promise(f"{sentence} A refused change left {left!r}.", kept=left is None)

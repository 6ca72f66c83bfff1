"""Open a checkout: claim (commit) -> provider -> record (commit) (docs/model.md section 4, "Recording")."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import datetime
from typing import Any, Final, NoReturn, TypeVar

import attrs

from payments.application.addresses import Addresses
from payments.application.card_numbers import without_card_numbers
from payments.application.ports.clock import Clock
from payments.application.ports.identifiers import Identifiers
from payments.application.ports.orders import Order
from payments.application.ports.providers import Checkout, CheckoutRequest, Flow, Provider
from payments.application.ports.repository import Transaction
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.recording import record
from payments.application.tokens import Tokens, hash_of
from payments.application.use_cases.close_checkout import CloseCheckout
from payments.application.use_cases.replace_attempt import ReplaceAttempt
from payments.domain.attempt import Attempt
from payments.domain.errors import (
    GatewayError,
    OutcomeUnknown,
    PaymentAlreadyProcessed,
    PaymentInReview,
    PaymentNotFound,
    PaymentsError,
    ProviderRejected,
    ProviderUnavailable,
    StorageError,
)
from payments.domain.events import Reason
from payments.domain.initiation import Wish, pages_to_close
from payments.domain.payment import (
    Change,
    Payment,
    claim,
    close_page,
    lost,
    named_late,
    not_opened,
    opened,
    reopen,
)
from payments.domain.transitions import AttemptStatus, PaymentStatus
from payments.domain.watching import looked_at_soon, next_check, unproven, watched_for_its_own_name

CALL_WITHIN_S: Final = 30.0
"""A gateway call starts only this soon after its claim; an older claim is another process's to judge."""

RETRY_AFTER_S: Final = 5.0
"""When to repeat after trouble that said nothing about it."""

_SHIELDED_S: Final = 2.0

T = TypeVar("T")


@attrs.frozen(kw_only=True)
class Initiation:
    """What one initiate is about, from the order as it was read until there is a checkout."""

    order: Order
    wish: Wish
    gateway: Provider
    return_to: str | None
    give_up_at: float
    began: frozenset[tuple[str, datetime | None]]
    """What had been handed out before the order was read: whatever is newer may follow a newer order."""


@attrs.frozen
class OpenCheckout:
    """Claim an attempt, commit it, ask its provider once, and record whatever came of it."""

    _addresses: Addresses
    _clock: Clock
    _close: CloseCheckout
    _identifiers: Identifiers
    _replace: ReplaceAttempt
    _tokens: Tokens
    _unit_of_work: UnitOfWork

    async def claim(
        self, run: Initiation, payment: Payment | None, *, superseding: str | None, page_closed: bool
    ) -> tuple[Payment, Attempt | None]:
        """Put a new attempt on disk; None in its place where nothing is to be opened for it.

        Another request was faster, money came, or its commit took so long that others may take it for lost.
        """
        if payment is not None:
            for page in pages_to_close(payment, self._clock.now()):
                await self._close(payment, page, reason=None, actor="system", cause="initiate")
        now = self._clock.now()
        new = Payment(
            payment_id=self._identifiers.unique(),
            order_id=run.order.order_id,
            payer=run.order.user_id,
            amount=run.order.amount,
            order_version=run.order.version,
            customer=run.order.customer,
            created_at=now,
            updated_at=now,
        )
        attempt = self._attempt(run)
        claimed_at = self._clock.monotonic()

        async def write(transaction: Transaction) -> tuple[Payment, Attempt | None]:
            locked = await _locked(transaction, payment, new)
            mine = next((a for a in locked.attempts if a.reference == attempt.reference), None)
            if mine is not None:
                # It runs again: its commit was in doubt, and what came meanwhile is seen to below.
                return locked, mine
            live = locked.live_attempt
            raced = (live.reference if live else None) != superseding
            if raced or locked.settling_capture or locked.held_captures or locked.payer != new.payer:
                return locked, None
            if unproven(locked, now) or handed_out_of(locked) != run.began:
                return locked, None
            started = (
                close_page(locked, superseding, now=now) if superseding and page_closed else Change(locked)
            )
            claimed = claim(started.payment, attempt, customer=run.order.customer, now=now)
            change = Change(claimed.payment, (*started.events, *claimed.events))
            if run.gateway.flow is Flow.CASH:
                change = _opened_by_us(change, attempt)
            stored = record(locked, change, actor=f"payer:{locked.payer}", cause="initiate", now=now)
            await transaction.save(stored)
            return stored.after, attempt

        after, mine = await self._unit_of_work.write(write)
        if mine is None:
            return after, None
        late = self._clock.monotonic() - claimed_at > CALL_WITHIN_S
        if late or not mine.live or after.held_captures or unproven(after, self._clock.now()):
            return await self._refused(after, mine, Reason.NOT_SENT, "The claim took too long."), None
        return after, mine

    async def reopen(self, run: Initiation, payment: Payment, attempt: Attempt) -> Payment:
        """Hand the page of a failed attempt out again, unless somebody was faster."""

        def change(locked: Payment) -> Change:
            present = locked.attempt(attempt.reference)
            free = locked.live_attempt is None and not locked.settling_capture and not locked.held_captures
            if (
                present.status is not AttemptStatus.FAILED
                or not present.watched(self._clock.now())
                or locked.was_paid_on(present.reference)
                or not free
                or handed_out_of(locked) != run.began
            ):
                return Change(locked)
            return reopen(locked, attempt.reference, now=self._clock.now())

        return await self._write(payment, change, actor=f"payer:{payment.payer}")

    async def open(self, run: Initiation, payment: Payment, attempt: Attempt) -> Payment:
        """Ask the provider for a checkout, at most once, and record whatever came of it.

        Raises:
            ProviderRejected, ProviderUnavailable, OutcomeUnknown: what the provider said, or did not say.
            PaymentAlreadyProcessed, PaymentInReview, PaymentInFlight: somebody ended the attempt meanwhile,
                and its prompt may be on the phone.
        """
        if attempt.on_delivery:
            # It was opened in the transaction that claimed it: nobody outside has a part in it.
            return payment
        request = CheckoutRequest(
            reference=attempt.reference,
            amount=attempt.amount,
            order_id=payment.order_id,
            customer=run.order.customer,
            phone=attempt.phone,
            return_url=self._addresses.verify(attempt.provider, attempt.reference),
            callback_url=self._tokens.callback_url(attempt.reference) if run.gateway.callbacks else None,
        )
        try:
            checkout = await run.gateway.checkouts.open(request)
        except asyncio.CancelledError:
            # If even this cannot be recorded, the claim grows too old; whoever cuts us off must see it done.
            with suppress(TimeoutError, StorageError):
                await asyncio.shield(
                    asyncio.wait_for(self.lost(payment, attempt, "The call was cut off."), _SHIELDED_S)
                )
            raise
        except GatewayError as trouble:
            await _to_its_end(self._not_opened(payment, attempt, trouble))
        return await _to_its_end(self._record(run, payment, attempt, checkout))

    async def lost(self, payment: Payment, attempt: Attempt, detail: str) -> Payment:
        """Record that nobody can tell what became of a claim; nothing, where somebody can by now."""
        return await self._write(
            payment,
            lambda locked: lost(locked, attempt.reference, detail=detail, now=self._clock.now()),
            actor=f"provider:{attempt.provider}",
        )

    def _attempt(self, run: Initiation) -> Attempt:
        now, gateway = self._clock.now(), run.gateway
        reference = self._identifiers.reference()
        mark = None if gateway.flow is Flow.HOSTED_PAGE else self._tokens.page_mark
        attempt = Attempt(
            reference=reference,
            provider=gateway.name,
            mode=gateway.mode,
            amount=run.order.amount,
            order_version=run.order.version,
            claimed_at=now,
            payable_until=now + gateway.payable_for if gateway.payable_for else None,
            watch_until=now + gateway.watched_for if gateway.watched_for else None,
            next_check_at=None,
            phone=run.wish.phone,
            return_to=run.return_to,
            checkout_url=mark,
            page_token_hash=hash_of(self._tokens.page(reference, mark)) if mark else None,
            callback_token_hash=hash_of(self._tokens.callback(reference)) if gateway.callbacks else None,
            on_delivery=gateway.flow is Flow.CASH,
        )
        return attrs.evolve(attempt, next_check_at=next_check(attempt, now))

    async def _not_opened(self, payment: Payment, attempt: Attempt, trouble: GatewayError) -> NoReturn:
        detail = without_card_numbers(trouble.detail)
        if isinstance(trouble, ProviderRejected):
            await self._refused(payment, attempt, Reason.REFUSED, detail)
        elif isinstance(trouble, ProviderUnavailable):
            await self._refused(payment, attempt, Reason.NOT_SENT, detail)
        else:
            await self.lost(payment, attempt, detail)
        error = (
            type(trouble) if isinstance(trouble, ProviderRejected | ProviderUnavailable) else OutcomeUnknown
        )
        retry_after_s = None if error is ProviderRejected else trouble.retry_after_s or RETRY_AFTER_S
        raise error(detail, facts=facts_of(payment), retry_after_s=retry_after_s) from trouble

    async def _record(
        self, run: Initiation, payment: Payment, attempt: Attempt, checkout: Checkout
    ) -> Payment:
        lifetime = run.gateway.payable_for
        url = checkout.url or attempt.checkout_url

        def change(locked: Payment) -> Change:
            present, now = locked.attempt(attempt.reference), self._clock.now()
            if present.handed_out_at and present.checkout_url == url:
                # Its payer was seen meanwhile; by which name to ask only the answer to our request tells.
                named = named_late(locked, attempt.reference, checkout.provider_reference)
                return watched_for_its_own_name(named, attempt.reference, now=now) if named.events else named
            recorded = opened(
                locked,
                attempt.reference,
                checkout_url=url,
                provider_reference=checkout.provider_reference,
                payable_until=now + lifetime if lifetime else None,
                now=now,
            )
            in_time = present.status is AttemptStatus.CLAIMED
            return recorded if in_time else looked_at_soon(recorded, attempt.reference, now=now)

        after = await self._write(payment, change, actor=f"provider:{attempt.provider}")
        present = after.attempt(attempt.reference)
        if present.status is AttemptStatus.OPEN:
            return after
        if run.gateway.flow is Flow.PROMPT:
            # It is on the phone, whoever ended it meanwhile, and nobody is prompted twice.
            refuse_settled(after, run.order.user_id)
            raise self._replace.in_the_way(after, present)
        # Somebody ended the claim meanwhile: what came back is handed to nobody and closed again.
        return await self._close(after, present, reason=None, actor="system", cause="initiate")

    async def _refused(self, payment: Payment, attempt: Attempt, reason: Reason, detail: str) -> Payment:
        return await self._write(
            payment,
            lambda locked: not_opened(
                locked, attempt.reference, reason=reason, detail=detail, now=self._clock.now()
            ),
            actor=f"provider:{attempt.provider}",
        )

    async def _write(self, payment: Payment, change: Callable[[Payment], Change], *, actor: str) -> Payment:
        async def write(transaction: Transaction) -> Payment:
            locked = await transaction.lock_payment(payment.payment_id, known=payment)
            if locked is None:
                raise PaymentNotFound
            changed = change(locked)
            if changed.payment == locked:
                return locked
            stored = record(locked, changed, actor=actor, cause="initiate", now=self._clock.now())
            await transaction.save(stored)
            return stored.after

        return await self._unit_of_work.write(write)


async def _to_its_end(recording: Coroutine[Any, Any, T]) -> T:
    """What ``recording`` comes to. Whoever cuts us off waits a while, as nobody else knows it."""
    task = asyncio.ensure_future(recording)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        with suppress(TimeoutError, PaymentsError):
            await asyncio.wait_for(asyncio.shield(task), _SHIELDED_S)
        raise


async def _locked(transaction: Transaction, known: Payment | None, new: Payment) -> Payment:
    """The order's payment as it stands; ``new`` where none was ``known``, and none is there by now."""
    if known is None:
        return await transaction.open_payment(new, fresh=True)
    locked = await transaction.lock_payment(known.payment_id)
    if locked is None:
        raise PaymentNotFound
    return locked


def _opened_by_us(claimed: Change, attempt: Attempt) -> Change:
    """The claim with its checkout open: nobody outside has to open anything."""
    ready = opened(
        claimed.payment,
        attempt.reference,
        checkout_url=attempt.checkout_url,
        provider_reference=None,
        payable_until=None,
        now=attempt.claimed_at,
    )
    return Change(ready.payment, (*claimed.events, *ready.events))


def refuse_settled(payment: Payment | None, user_id: str) -> None:
    """Make sure that nothing of the user's has settled or is held. Of others' payments nothing is told.

    Raises:
        PaymentAlreadyProcessed: it is paid.
        PaymentInReview: money arrived, and a person decides about it.
    """
    if payment is None or payment.payer != user_id:
        return
    if payment.status is PaymentStatus.SUCCESS:
        raise PaymentAlreadyProcessed(facts=facts_of(payment))
    if payment.held_captures:
        raise PaymentInReview(facts=facts_of(payment))


def handed_out_of(payment: Payment | None) -> frozenset[tuple[str, datetime | None]]:
    """Each attempt, and when its page was handed out again: each time it followed the order as it was."""
    return frozenset((a.reference, a.reopened_at) for a in payment.attempts) if payment else frozenset()


def facts_of(payment: Payment) -> dict[str, str]:
    """What an error tells of the payment it is about."""
    return {"payment_id": str(payment.payment_id)}

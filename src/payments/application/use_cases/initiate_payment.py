"""Initiate: order -> claim (commit) -> provider -> record (commit) -> checkout (docs/model.md section 4)."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import datetime
from typing import Any, Final, NoReturn, TypeVar

import attrs

from payments.application.addresses import Addresses
from payments.application.answers import Initiated
from payments.application.card_numbers import without_card_numbers
from payments.application.masking import masked_phone
from payments.application.ports.clock import Clock
from payments.application.ports.identifiers import Identifiers
from payments.application.ports.orders import Order, Orders
from payments.application.ports.providers import Checkout, CheckoutRequest, Flow, Provider, Providers
from payments.application.ports.repository import Transaction
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.recording import record
from payments.application.tokens import Tokens, hash_of
from payments.application.use_cases.cancel_payment import CancelPayment
from payments.application.use_cases.close_checkout import CloseCheckout
from payments.application.use_cases.replace_attempt import ReplaceAttempt
from payments.domain.attempt import Attempt
from payments.domain.errors import (
    AttemptInFlight,
    GatewayError,
    OrderNotFound,
    OrderNotPayable,
    OrdersUnavailable,
    OutcomeUnknown,
    PaymentAlreadyProcessed,
    PaymentInFlight,
    PaymentInReview,
    PaymentNotFound,
    PaymentsError,
    PaymentSettled,
    ProviderRejected,
    ProviderUnavailable,
    StorageError,
)
from payments.domain.events import Reason
from payments.domain.initiation import Plan, Step, Wish, pages_to_close, plan
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
from payments.domain.watching import (
    CLAIM_LIFETIME,
    looked_at_soon,
    next_check,
    unproven,
    watched_for_its_own_name,
)

DEADLINE_S: Final = 12.0
"""A request that waits for another one's checkout, or meets races, gives up after this long."""

CALL_WITHIN_S: Final = 30.0
"""A gateway call starts only this soon after its claim; an older claim is another process's to judge."""

RETRY_AFTER_S: Final = 5.0
"""When to repeat after trouble that said nothing about it."""

_FOLLOWS_THE_ORDER: Final = frozenset({Step.CLAIM, Step.REOPEN, Step.REPLACE, Step.RESOLVE})
"""Steps after which the payment asks for what the order said when it was read."""

_REREAD_S: Final = 0.05
_SHIELDED_S: Final = 2.0

T = TypeVar("T")


@attrs.frozen
class InitiatePayment:
    """Give the payer of an order a checkout to pay on, and never two that could both be paid unnoticed."""

    _addresses: Addresses
    _cancel: CancelPayment
    _clock: Clock
    _close: CloseCheckout
    _identifiers: Identifiers
    _orders: Orders
    _providers: Providers
    _replace: ReplaceAttempt
    _tokens: Tokens
    _unit_of_work: UnitOfWork

    async def __call__(
        self,
        order_id: str,
        user_id: str,
        provider: str,
        phone_number: str | None = None,
        return_to: str | None = None,
    ) -> Initiated:
        """The checkout for ``order_id``: the live one if it serves, else a new one.

        ``phone_number`` is for providers that prompt on a phone; ``return_to`` is a key of the configured
        return pages.

        Raises:
            UnsupportedProvider, UnsupportedCurrency, UnsupportedAmount: this order cannot be paid so.
            InvalidRequest: the phone is missing, or none this provider can reach; or it needs the e-mail
                address of the order's customer, and there is none.
            PaymentAlreadyProcessed, PaymentInReview, OrderNotPayable: it cannot be paid any more, or now.
            OrderNotFound: absent, or somebody else's.
            AttemptInFlight, PaymentInFlight: another checkout is in the way; repeat later.
            ProviderRejected, ProviderUnavailable, OutcomeUnknown: what the provider said, or did not say.
            OrdersUnavailable, StorageUnavailable: a part of ours gave no answer.
        """
        gateway = self._providers.named(provider)
        give_up_at = self._clock.monotonic() + DEADLINE_S
        while True:
            payment = await self._unit_of_work.reads.payment_of_order(order_id)
            _refuse_settled(payment, user_id)
            order = await self._order(order_id, user_id, payment)
            gateway.takes(order.amount)
            phone = (
                gateway.phones.normal(phone_number or order.customer.phone_number) if gateway.phones else None
            )
            if gateway.emails:
                gateway.emails.usable(order.customer.email)
            wish = Wish(
                provider=provider,
                mode=gateway.mode,
                amount=order.amount,
                order_version=order.version,
                phone=phone,
            )
            run = _Run(
                order=order,
                wish=wish,
                gateway=gateway,
                return_to=return_to,
                give_up_at=give_up_at,
                began=_handed_out(payment),
            )
            initiated = await self._until_open(run, payment)
            if initiated is not None:
                return initiated
            if payment is not None and self._clock.monotonic() >= give_up_at:
                raise AttemptInFlight(retry_after_s=1.0, facts=_facts(payment))

    async def _order(self, order_id: str, user_id: str, payment: Payment | None) -> Order:
        try:
            order = await self._orders.get(order_id)
        except OrdersUnavailable as trouble:
            facts = _facts(payment) if payment and payment.payer == user_id else {}
            raise OrdersUnavailable(
                trouble.detail, facts=facts, retry_after_s=trouble.retry_after_s or RETRY_AFTER_S
            ) from trouble
        # A payment never changes its payer: whoever the order belongs to now, foreign and absent look alike.
        foreign = payment is not None and payment.payer != user_id
        if order is None or order.user_id != user_id or foreign:
            raise OrderNotFound
        if not order.payable:
            if payment is not None and payment.live_attempt is not None:
                await self._close_for_order(payment)
            raise OrderNotPayable
        return order

    async def _close_for_order(self, payment: Payment) -> None:
        try:
            await self._cancel.live_attempt(
                payment, reason=Reason.ORDER_CLOSED, actor="system", cause="initiate"
            )
        except PaymentSettled as settled:
            raise PaymentAlreadyProcessed(facts=settled.facts) from settled
        except (AttemptInFlight, OutcomeUnknown, PaymentInFlight) as flying:
            raise OrderNotPayable(facts=flying.facts, retry_after_s=flying.retry_after_s) from flying

    async def _until_open(self, run: "_Run", payment: Payment | None) -> Initiated | None:
        """Take step after step until there is a checkout; every step re-reads what it decides on.

        None when all has to be decided again, on the order as it is by then: a checkout came back too late to
        be handed out, or somebody went by the order after we had read it, and ours may be the older one.
        """
        while True:
            payment = await self._unpaid(run, payment)
            planned = self._showable(plan(payment, run.wish, self._clock.now()))
            attempt = planned.attempt
            if planned.step in _FOLLOWS_THE_ORDER and _handed_out(payment) != run.began:
                return None
            if payment is None or attempt is None or planned.step is Step.CLAIM:
                payment, mine = await self._claim(run, payment, superseding=None, page_closed=False)
            elif planned.step is Step.REUSE:
                return await self._once_more(run, payment, attempt)
            elif planned.step is Step.REOPEN:
                payment, mine = await self._reopen(run, payment, attempt), None
            elif planned.step is Step.WAIT:
                payment, mine = await self._reread(payment), None
            else:
                payment, mine = await self._claim_instead(run, payment, attempt)
            if mine is not None:
                payment = await self._open(run, payment, mine)
                opened_now = payment.attempt(mine.reference)
                if opened_now.status is AttemptStatus.OPEN:
                    _refuse_settled(payment, run.order.user_id)
                    self._refuse_unproven(payment)
                    return self._initiated(payment, opened_now, run.gateway)
            if self._clock.monotonic() >= run.give_up_at:
                await self._not_by_its_clock(run, payment)
                raise AttemptInFlight(retry_after_s=1.0, facts=_facts(payment))
            if mine is not None:
                return None

    async def _once_more(self, run: "_Run", payment: Payment, attempt: Attempt) -> Initiated | None:
        """The checkout that serves already; None if it ended meanwhile.

        Its payer comes back to the page that was named last.
        """
        if run.return_to in (None, attempt.return_to):
            return self._initiated(payment, attempt, run.gateway)

        async def write(transaction: Transaction) -> Payment:
            locked = await transaction.lock_payment(payment.payment_id)
            if locked is None:
                raise PaymentNotFound
            present = locked.attempt(attempt.reference)
            if present.status is not AttemptStatus.OPEN or present.return_to == run.return_to:
                return locked
            change = Change(locked.with_attempt(attrs.evolve(present, return_to=run.return_to)))
            stored = record(
                locked, change, actor=f"payer:{locked.payer}", cause="initiate", now=self._clock.now()
            )
            await transaction.save(stored)
            return stored.after

        after = await self._unit_of_work.write(write)
        _refuse_settled(after, run.order.user_id)
        present = after.attempt(attempt.reference)
        return self._initiated(after, present, run.gateway) if present.status is AttemptStatus.OPEN else None

    def _showable(self, planned: Plan) -> Plan:
        """``planned``, but that no page is handed out again the key of whose address is gone."""
        attempt = planned.attempt
        if attempt is None or planned.step not in (Step.REUSE, Step.REOPEN):
            return planned
        if self._tokens.checkout_url(attempt.checkout_url, attempt.reference) is not None:
            return planned
        return Plan(Step.REPLACE, attempt) if planned.step is Step.REUSE else Plan(Step.CLAIM)

    async def _not_by_its_clock(self, run: "_Run", payment: Payment) -> None:
        """Take a claim for lost that is to come by this clock, and was waited for as long as anybody waits.

        How old it is nobody can tell, and its process may have died: hours may go by until its time.
        """
        live = payment.live_attempt
        if live is None or live.status is not AttemptStatus.CLAIMED:
            return
        waited_for = (live.reference, live.reopened_at) in run.began
        if waited_for and live.claimed_at - self._clock.now() > CLAIM_LIFETIME:
            await self._lost(payment, live, "Its claim is dated in the future.")

    async def _claim_instead(
        self, run: "_Run", payment: Payment, attempt: Attempt
    ) -> tuple[Payment, Attempt | None]:
        """A new attempt in place of the live one, if that and every prompt before it give way."""
        asked = await self._replace(payment, attempt, "initiate")
        self._refuse(run, asked)
        asked = await self._off_the_phone(run, asked)
        self._refuse_unproven(asked)
        if asked.live_attempt is None or asked.live_attempt.reference != attempt.reference:
            return asked, None
        closed = await self._close.cancel_page(asked.live_attempt)
        return await self._claim(run, asked, superseding=attempt.reference, page_closed=closed)

    def _refuse(self, run: "_Run", payment: Payment) -> None:
        if payment.payer != run.order.user_id:
            # Whoever owned the order before began to pay in this very moment.
            raise OrderNotFound
        _refuse_settled(payment, run.order.user_id)

    async def _unpaid(self, run: "_Run", payment: Payment | None) -> Payment | None:
        """The payment, if it may be paid on; where none is live, its ended prompts are asked about first."""
        if payment is None:
            return None
        self._refuse(run, payment)
        known = payment if payment.live_attempt else await self._off_the_phone(run, payment)
        self._refuse_unproven(known)
        return known

    async def _off_the_phone(self, run: "_Run", payment: Payment) -> Payment:
        """The payment, none of whose ended prompts may still be paid on."""
        known = await self._replace.off_the_phone(payment, "initiate")
        self._refuse(run, known)
        return known

    def _refuse_unproven(self, payment: Payment) -> None:
        """Nobody gets a checkout while one that ended is said to be paid. A live one is asked about first."""
        awaited = unproven(payment, self._clock.now())
        if awaited is not None and not awaited.live:
            raise PaymentInFlight(
                "The provider says that an earlier checkout is paid; that is being made sure of.",
                facts=_facts(payment),
                retry_after_s=RETRY_AFTER_S,
            )

    async def _reread(self, payment: Payment) -> Payment:
        await self._clock.sleep(_REREAD_S)
        return await self._unit_of_work.reads.payment(payment.payment_id) or payment

    async def _claim(
        self, run: "_Run", payment: Payment | None, *, superseding: str | None, page_closed: bool
    ) -> tuple[Payment, Attempt | None]:
        """Put a new attempt on disk; None instead of it when another request was faster."""
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
            if unproven(locked, now) or _handed_out(locked) != run.began:
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

    def _attempt(self, run: "_Run") -> Attempt:
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

    async def _open(self, run: "_Run", payment: Payment, attempt: Attempt) -> Payment:
        """Ask the provider for a checkout, at most once, and record whatever came of it."""
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
                    asyncio.wait_for(self._lost(payment, attempt, "The call was cut off."), _SHIELDED_S)
                )
            raise
        except GatewayError as trouble:
            await _to_its_end(self._not_opened(payment, attempt, trouble))
        return await _to_its_end(self._record(run, payment, attempt, checkout))

    async def _not_opened(self, payment: Payment, attempt: Attempt, trouble: GatewayError) -> NoReturn:
        detail = without_card_numbers(trouble.detail)
        if isinstance(trouble, ProviderRejected):
            await self._refused(payment, attempt, Reason.REFUSED, detail)
        elif isinstance(trouble, ProviderUnavailable):
            await self._refused(payment, attempt, Reason.NOT_SENT, detail)
        else:
            await self._lost(payment, attempt, detail)
        error = (
            type(trouble) if isinstance(trouble, ProviderRejected | ProviderUnavailable) else OutcomeUnknown
        )
        retry_after_s = None if error is ProviderRejected else trouble.retry_after_s or RETRY_AFTER_S
        raise error(detail, facts=_facts(payment), retry_after_s=retry_after_s) from trouble

    async def _record(self, run: "_Run", payment: Payment, attempt: Attempt, checkout: Checkout) -> Payment:
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
            _refuse_settled(after, run.order.user_id)
            raise self._replace.in_the_way(after, present)
        # Somebody ended the claim meanwhile: what came back is handed to nobody and closed again.
        return await self._close(after, present, reason=None, actor="system", cause="initiate")

    async def _reopen(self, run: "_Run", payment: Payment, attempt: Attempt) -> Payment:
        def change(locked: Payment) -> Change:
            present = locked.attempt(attempt.reference)
            free = locked.live_attempt is None and not locked.settling_capture and not locked.held_captures
            if (
                present.status is not AttemptStatus.FAILED
                or not present.watched(self._clock.now())
                or locked.was_paid_on(present.reference)
                or not free
                or _handed_out(locked) != run.began
            ):
                return Change(locked)
            return reopen(locked, attempt.reference, now=self._clock.now())

        return await self._write(payment, change, actor=f"payer:{payment.payer}")

    async def _refused(self, payment: Payment, attempt: Attempt, reason: Reason, detail: str) -> Payment:
        return await self._write(
            payment,
            lambda locked: not_opened(
                locked, attempt.reference, reason=reason, detail=detail, now=self._clock.now()
            ),
            actor=f"provider:{attempt.provider}",
        )

    async def _lost(self, payment: Payment, attempt: Attempt, detail: str) -> Payment:
        return await self._write(
            payment,
            lambda locked: lost(locked, attempt.reference, detail=detail, now=self._clock.now()),
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

    def _initiated(self, payment: Payment, attempt: Attempt, gateway: Provider) -> Initiated:
        return Initiated(
            payment_id=payment.payment_id,
            reference=attempt.reference,
            status=payment.status,
            provider=attempt.provider,
            checkout_url=self._tokens.checkout_url(attempt.checkout_url, attempt.reference) or "",
            flow=gateway.flow,
            expires_at=attempt.payable_until,
            phone=masked_phone(attempt.phone),
        )


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


@attrs.frozen(kw_only=True)
class _Run:
    """What one initiate is about."""

    order: Order
    wish: Wish
    gateway: Provider
    return_to: str | None
    give_up_at: float
    began: frozenset[tuple[str, datetime | None]]
    """What had been handed out before the order was read: whatever is newer may follow a newer order."""


def _refuse_settled(payment: Payment | None, user_id: str) -> None:
    if payment is None or payment.payer != user_id:
        return
    if payment.status is PaymentStatus.SUCCESS:
        raise PaymentAlreadyProcessed(facts=_facts(payment))
    if payment.held_captures:
        raise PaymentInReview(facts=_facts(payment))


def _handed_out(payment: Payment | None) -> frozenset[tuple[str, datetime | None]]:
    """Each attempt, and when its page was handed out again: each time it followed the order as it was."""
    return frozenset((a.reference, a.reopened_at) for a in payment.attempts) if payment else frozenset()


def _facts(payment: Payment) -> dict[str, str]:
    return {"payment_id": str(payment.payment_id)}


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

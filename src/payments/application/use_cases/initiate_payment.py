"""Initiate: order -> claim (commit) -> provider -> record (commit) -> checkout (docs/model.md section 4)."""

from typing import Final

import attrs

from payments.application.answers import Initiated
from payments.application.masking import masked_phone
from payments.application.ports.clock import Clock
from payments.application.ports.orders import Order, Orders
from payments.application.ports.providers import Provider, Providers
from payments.application.ports.repository import Transaction
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.recording import record
from payments.application.tokens import Tokens
from payments.application.use_cases.cancel_payment import CancelPayment
from payments.application.use_cases.close_checkout import CloseCheckout
from payments.application.use_cases.open_checkout import (
    RETRY_AFTER_S,
    Initiation,
    OpenCheckout,
    facts_of,
    handed_out_of,
    refuse_settled,
)
from payments.application.use_cases.replace_attempt import ReplaceAttempt
from payments.domain.attempt import Attempt
from payments.domain.errors import (
    AttemptInFlight,
    OrderNotFound,
    OrderNotPayable,
    OrdersUnavailable,
    OutcomeUnknown,
    PaymentAlreadyProcessed,
    PaymentInFlight,
    PaymentNotFound,
    PaymentSettled,
)
from payments.domain.events import Reason
from payments.domain.initiation import Plan, Step, Wish, plan
from payments.domain.payment import Change, Payment
from payments.domain.transitions import AttemptStatus
from payments.domain.watching import CLAIM_LIFETIME, unproven

DEADLINE_S: Final = 12.0
"""A request that waits for another one's checkout, or meets races, gives up after this long."""

_FOLLOWS_THE_ORDER: Final = frozenset({Step.CLAIM, Step.REOPEN, Step.REPLACE, Step.RESOLVE})
"""Steps after which the payment asks for what the order said when it was read."""

_REREAD_S: Final = 0.05


@attrs.frozen
class InitiatePayment:
    """Give the payer of an order a checkout to pay on, and never two that could both be paid unnoticed."""

    _cancel: CancelPayment
    _checkout: OpenCheckout
    _clock: Clock
    _close: CloseCheckout
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
            refuse_settled(payment, user_id)
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
            run = Initiation(
                order=order,
                wish=wish,
                gateway=gateway,
                return_to=return_to,
                give_up_at=give_up_at,
                began=handed_out_of(payment),
            )
            initiated = await self._until_open(run, payment)
            if initiated is not None:
                return initiated
            if payment is not None and self._clock.monotonic() >= give_up_at:
                raise AttemptInFlight(retry_after_s=1.0, facts=facts_of(payment))

    async def _order(self, order_id: str, user_id: str, payment: Payment | None) -> Order:
        try:
            order = await self._orders.get(order_id)
        except OrdersUnavailable as trouble:
            facts = facts_of(payment) if payment and payment.payer == user_id else {}
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

    async def _until_open(self, run: Initiation, payment: Payment | None) -> Initiated | None:
        """Take step after step until there is a checkout; every step re-reads what it decides on.

        None when all has to be decided again, on the order as it is by then: a checkout came back too late to
        be handed out, or somebody went by the order after we had read it, and ours may be the older one.
        """
        while True:
            payment = await self._unpaid(run, payment)
            planned = self._showable(plan(payment, run.wish, self._clock.now()))
            attempt = planned.attempt
            if planned.step in _FOLLOWS_THE_ORDER and handed_out_of(payment) != run.began:
                return None
            if payment is None or attempt is None or planned.step is Step.CLAIM:
                payment, mine = await self._checkout.claim(run, payment, superseding=None, page_closed=False)
            elif planned.step is Step.REUSE:
                return await self._once_more(run, payment, attempt)
            elif planned.step is Step.REOPEN:
                payment, mine = await self._checkout.reopen(run, payment, attempt), None
            elif planned.step is Step.WAIT:
                payment, mine = await self._reread(payment), None
            else:
                payment, mine = await self._claim_instead(run, payment, attempt)
            if mine is not None:
                payment = await self._checkout.open(run, payment, mine)
                opened_now = payment.attempt(mine.reference)
                if opened_now.status is AttemptStatus.OPEN:
                    refuse_settled(payment, run.order.user_id)
                    self._refuse_unproven(payment)
                    return self._initiated(payment, opened_now, run.gateway)
            if self._clock.monotonic() >= run.give_up_at:
                await self._not_by_its_clock(run, payment)
                raise AttemptInFlight(retry_after_s=1.0, facts=facts_of(payment))
            if mine is not None:
                return None

    async def _once_more(self, run: Initiation, payment: Payment, attempt: Attempt) -> Initiated | None:
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
        refuse_settled(after, run.order.user_id)
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

    async def _not_by_its_clock(self, run: Initiation, payment: Payment) -> None:
        """Take a claim for lost that is to come by this clock, and was waited for as long as anybody waits.

        How old it is nobody can tell, and its process may have died: hours may go by until its time.
        """
        live = payment.live_attempt
        if live is None or live.status is not AttemptStatus.CLAIMED:
            return
        waited_for = (live.reference, live.reopened_at) in run.began
        if waited_for and live.claimed_at - self._clock.now() > CLAIM_LIFETIME:
            await self._checkout.lost(payment, live, "Its claim is dated in the future.")

    async def _claim_instead(
        self, run: Initiation, payment: Payment, attempt: Attempt
    ) -> tuple[Payment, Attempt | None]:
        """A new attempt in place of the live one, if that and every prompt before it give way."""
        asked = await self._replace(payment, attempt, "initiate")
        self._refuse(run, asked)
        asked = await self._off_the_phone(run, asked)
        self._refuse_unproven(asked)
        if asked.live_attempt is None or asked.live_attempt.reference != attempt.reference:
            return asked, None
        closed = await self._close.cancel_page(asked.live_attempt)
        return await self._checkout.claim(run, asked, superseding=attempt.reference, page_closed=closed)

    def _refuse(self, run: Initiation, payment: Payment) -> None:
        if payment.payer != run.order.user_id:
            # Whoever owned the order before began to pay in this very moment.
            raise OrderNotFound
        refuse_settled(payment, run.order.user_id)

    async def _unpaid(self, run: Initiation, payment: Payment | None) -> Payment | None:
        """The payment, if it may be paid on; where none is live, its ended prompts are asked about first."""
        if payment is None:
            return None
        self._refuse(run, payment)
        known = payment if payment.live_attempt else await self._off_the_phone(run, payment)
        self._refuse_unproven(known)
        return known

    async def _off_the_phone(self, run: Initiation, payment: Payment) -> Payment:
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
                facts=facts_of(payment),
                retry_after_s=RETRY_AFTER_S,
            )

    async def _reread(self, payment: Payment) -> Payment:
        await self._clock.sleep(_REREAD_S)
        return await self._unit_of_work.reads.payment(payment.payment_id) or payment

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

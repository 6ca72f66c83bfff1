"""Close a checkout: cancel its page at the provider where that is possible, and record what came of it."""

import attrs

from payments.application.ports.clock import Clock
from payments.application.ports.providers import Cancelled, Providers
from payments.application.ports.repository import Transaction
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.recording import record
from payments.domain.attempt import Attempt
from payments.domain.errors import PaymentNotFound
from payments.domain.events import Reason
from payments.domain.payment import Change, Payment, close_page, expire
from payments.domain.watching import said_paid_lately


@attrs.frozen
class CloseCheckout:
    """Stop a payer from paying on a checkout that is not wanted any more. Closing is not failing."""

    _clock: Clock
    _providers: Providers
    _unit_of_work: UnitOfWork

    async def __call__(
        self, payment: Payment, attempt: Attempt, *, reason: Reason | None, actor: str, cause: str
    ) -> Payment:
        """The payment with ``attempt``'s page closed, and expired for ``reason`` if it was live.

        Whatever the provider answers, a live attempt is expired: it stays watched, and money still counts. If
        it was said to be paid meanwhile, nothing changes. Without ``reason`` only the page is closed.
        """
        closed = await self.cancel_page(attempt)

        async def write(transaction: Transaction) -> Payment:
            locked = await transaction.lock_payment(payment.payment_id)
            if locked is None:
                raise PaymentNotFound
            now = self._clock.now()
            if reason is not None and said_paid_lately(locked.attempt(attempt.reference), now):
                return locked
            if reason is not None:
                change = expire(locked, attempt.reference, reason=reason, page_closed=closed, now=now)
            else:
                change = close_page(locked, attempt.reference, now=now) if closed else Change(locked)
            if not change.events:
                return locked
            stored = record(locked, change, actor=actor, cause=cause, now=now)
            await transaction.save(stored)
            return stored.after

        return await self._unit_of_work.write(write)

    async def cancel_page(self, attempt: Attempt) -> bool:
        """Whether the provider confirms that nobody can pay on ``attempt``'s page any more."""
        provider = self._providers.by_name.get(attempt.provider)
        if attempt.page_closed or provider is None or provider.cancellations is None:
            return attempt.page_closed
        if provider.mode is not attempt.mode:
            return False
        return await provider.cancellations.cancel(attempt.reference) is Cancelled.CLOSED

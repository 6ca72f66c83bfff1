"""Show a payer's page: what to do about one attempt, and what became of it."""

import json
from datetime import datetime, timedelta
from typing import Final

import attrs

from payments.application.answers import Face, PayerPage
from payments.application.masking import masked_phone
from payments.application.ports.clock import Clock
from payments.application.ports.providers import Providers
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.tokens import Tokens, hash_of
from payments.domain.attempt import Attempt
from payments.domain.errors import ReferenceNotFound
from payments.domain.events import Reason
from payments.domain.payment import Payment
from payments.domain.transitions import AttemptStatus, PaymentStatus

DEAD_AFTER: Final = timedelta(hours=24)
"""How long a page is shown after its attempt ended."""

_ENDS: Final = frozenset({"AttemptSucceeded", "AttemptFailed", "AttemptExpired"})


@attrs.frozen
class ShowPage:
    """Our own page for payers whose provider has none. Whoever knows its token is the payer."""

    _clock: Clock
    _providers: Providers
    _tokens: Tokens
    _unit_of_work: UnitOfWork

    async def __call__(self, token: str) -> PayerPage:
        """What the page of ``token`` shows now.

        Raises:
            ReferenceNotFound: there is no such page, or it is dead; the two cannot be told apart.
        """
        token_hash = hash_of(token)
        payment = await self._unit_of_work.reads.payment_with_page_token(token_hash)
        if payment is None:
            raise ReferenceNotFound
        attempt = next(a for a in payment.attempts if a.page_token_hash == token_hash)
        now = self._clock.now()
        if not attempt.live and now - await self._ended_at(payment, attempt) >= DEAD_AFTER:
            raise ReferenceNotFound
        face = _face(payment, attempt, now)
        held = payment.held_captures
        return PayerPage(
            reference=attempt.reference,
            face=face,
            status=attempt.status,
            payment_status=payment.status,
            order_id=payment.order_id,
            amount=attempt.amount,
            arrived=tuple(capture.amount for capture in held),
            due=payment.amount,
            on_delivery=attempt.on_delivery,
            phone=masked_phone(attempt.phone),
            delivery_code=self._code(attempt) if face is Face.DELIVER else None,
            wants_code=self._wants_code(attempt),
            detail=attempt.detail if face is Face.UNPAID else "",
            payable_until=attempt.payable_until,
        )

    async def _ended_at(self, payment: Payment, attempt: Attempt) -> datetime:
        """When it last ended, as its audit trail says."""
        for entry in reversed(await self._unit_of_work.reads.audit_of(payment.payment_id)):
            for told in json.loads(entry.events):
                if told["event"] in _ENDS and told.get("reference") == attempt.reference:
                    return entry.at
        return payment.updated_at

    def _wants_code(self, attempt: Attempt) -> bool:
        provider = self._providers.by_name.get(attempt.provider)
        return attempt.on_delivery and (provider.delivery_codes if provider else True)

    def _code(self, attempt: Attempt) -> str | None:
        """The delivery code; None where collectors do not ask for one, or its key is gone."""
        if not self._wants_code(attempt):
            return None
        try:
            return self._tokens.delivery_code(attempt)
        except ValueError:
            return None


def _face(payment: Payment, attempt: Attempt, now: datetime) -> Face:
    if payment.status is PaymentStatus.SUCCESS:
        return Face.PAID
    if payment.held_captures:
        return Face.HELD
    if not attempt.live:
        elsewhere = attempt.reason is Reason.SUPERSEDED
        return Face.ELSEWHERE if elsewhere else Face.UNPAID
    if attempt.on_delivery:
        return Face.DELIVER
    payable = attempt.payable_until is None or now < attempt.payable_until
    return Face.CONFIRM if attempt.status is AttemptStatus.OPEN and payable else Face.WAIT

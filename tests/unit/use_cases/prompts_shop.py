"""A shop whose payers are prompted on their phones, for the stories of lost, late and forged reports."""

from contextlib import suppress
from datetime import timedelta
from typing import Any

import attrs

from payments.application.answers import Acknowledged, Initiated
from payments.application.records import Claim, Notice
from payments.domain.attempt import Attempt
from payments.domain.errors import OutcomeUnknown
from payments.domain.evidence import Rule
from payments.domain.payment import Payment
from payments.domain.review import ReviewState
from payments.testing import InMemoryPayments, ScriptedPrompts
from payments.testing.prompts import PHONE


@attrs.frozen
class PromptsShop:
    """The service in memory with ``order_1`` (1000.00 KES, of ``user_1``) in its orders service."""

    kit: InMemoryPayments
    prompts: ScriptedPrompts

    async def initiate(self, order_id: str = "order_1", *, provider: str = "prompts") -> Initiated:
        phone = PHONE if provider == "prompts" else None
        return await self.kit.payments.initiate(order_id, "user_1", provider, phone_number=phone)

    async def lost(self) -> str:
        """The reference of a prompt that is on the phone although the answer to its push was lost."""
        self.prompts.trouble.append(OutcomeUnknown("The answer was lost."))
        self.prompts.accepts_in_trouble = True
        with suppress(OutcomeUnknown):
            await self.initiate()
        self.prompts.accepts_in_trouble = False
        live = (await self.payment()).live_attempt
        assert live is not None
        return live.reference

    async def reports(self, reference: str, claim: Claim = Claim.PAID, **changed: Any) -> Acknowledged:
        """A callback comes in to the address of ``reference``; nobody has worked on it yet."""
        token, body = self.prompts.token(reference), self.prompts.callback(reference, claim, **changed)
        return await self.kit.payments.receive_callback(token, body)

    async def payment(self, order_id: str = "order_1") -> Payment:
        payment = await self.kit.unit_of_work.reads.payment_of_order(order_id)
        assert payment is not None
        return payment

    async def attempt(self, reference: str) -> Attempt:
        payment = await self.kit.unit_of_work.reads.payment_with_reference(reference)
        assert payment is not None
        return payment.attempt(reference)

    async def ask(self, reference: str) -> Payment:
        """Have the provider asked, as an operator would."""
        return await self.kit.payments.settle(reference)

    async def notices(self, reference: str) -> tuple[Notice, ...]:
        return await self.kit.unit_of_work.reads.notices_about(reference)

    async def verdicts(self) -> list[Rule]:
        """The rule of each piece of evidence about ``order_1``, oldest first."""
        payment = await self.payment()
        return [e.rule for e in await self.kit.unit_of_work.reads.evidence_of(payment.payment_id)]

    async def reviews(self, order_id: str = "order_1") -> list[str]:
        """The kinds of the open reviews about an order."""
        payment = await self.payment(order_id)
        reviews = await self.kit.unit_of_work.reads.reviews_of(payment.payment_id)
        return [review.kind.value for review in reviews if review.state is ReviewState.OPEN]

    async def told(self) -> list[str]:
        """What was put out for the orders service about ``order_1``."""
        payment = await self.payment()
        messages = await self.kit.unit_of_work.reads.messages_of(payment.payment_id)
        return [message.kind for message in messages if message.destination.value == "orders"]

    async def pass_time(self, **span: float) -> None:
        """Let the time pass with the worker at work."""
        await self.kit.pass_time(timedelta(**span))

    def skip(self, **span: float) -> None:
        """Let the time pass with nobody at work."""
        self.kit.clock.advance(timedelta(**span))

"""Asking what became of an attempt: ``GET /transaction/verify/{reference}`` (fact sheet, section 5)."""

from typing import Final
from urllib.parse import quote

import attrs

from payments.adapters.providers.paystack.api import PaystackApi
from payments.adapters.providers.paystack.mapping import answer_of
from payments.adapters.providers.paystack.refunds import refunds_of, sent_back
from payments.application.ports.providers import Question, StatusChecks
from payments.domain.errors import GatewayError
from payments.domain.evidence import Answer, Outcome, nothing
from payments.domain.money import Money

_REVERSED: Final = "reversed"
_FAILED: Final = "failed"


@attrs.frozen
class PaystackChecks(StatusChecks):
    """Asks by our own reference; Paystack's id is not needed."""

    _api: PaystackApi

    async def check(self, question: Question) -> Answer:
        path = f"/transaction/verify/{quote(question.reference, safe='')}"
        try:
            answer = answer_of(await self._api.ask("verify", path))
            arrived = answer.arrived
            if answer.outcome is not Outcome.RETURNED or answer.capture_key is None or arrived is None:
                return answer
            return await self._with_amount_returned(answer, answer.capture_key, arrived)
        except GatewayError as error:
            return nothing(error.code.replace("_", " "))

    async def _with_amount_returned(self, answer: Answer, transaction: str, arrived: Money) -> Answer:
        """``answer`` with how much went back, which verify does not say and its refunds do.

        A refund that has only begun, in whole or in part, makes a transaction ``reversal-pending`` (section
        5). Without any refund but failed ones a reversed one was charged back: all of it went.
        """
        refunds = await refunds_of(self._api, transaction)
        returned = sent_back(refunds, arrived.currency)
        if returned is None:
            return nothing(f"{answer.word} with a refund that cannot be read")
        if answer.word == _REVERSED and all(refund.get("status") == _FAILED for refund in refunds):
            return answer
        return attrs.evolve(answer, returned=returned)

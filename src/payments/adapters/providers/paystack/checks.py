"""Asking what became of an attempt: ``GET /transaction/verify/{reference}`` (fact sheet, section 5)."""

from urllib.parse import quote

import attrs

from payments.adapters.providers.paystack.api import PaystackApi
from payments.adapters.providers.paystack.mapping import answer_of
from payments.application.ports.providers import Question, StatusChecks
from payments.domain.errors import GatewayError
from payments.domain.evidence import Answer, nothing


@attrs.frozen
class PaystackChecks(StatusChecks):
    """Asks by our own reference; Paystack's id is not needed."""

    _api: PaystackApi

    async def check(self, question: Question) -> Answer:
        path = f"/transaction/verify/{quote(question.reference, safe='')}"
        try:
            answer = await self._api.ask("verify", path)
        except GatewayError as error:
            return nothing(error.code.replace("_", " "))
        return answer_of(answer)

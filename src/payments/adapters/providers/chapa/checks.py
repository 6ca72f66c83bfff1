"""Asking what became of an attempt: ``GET /transaction/verify/{tx_ref}`` (fact sheet, section 4)."""

from functools import partial
from urllib.parse import quote

import attrs

from payments.adapters.providers.chapa.api import ChapaApi
from payments.adapters.providers.chapa.mapping import answer_of
from payments.adapters.unsent import asked_again_if_unsent
from payments.application.ports.providers import Question, StatusChecks
from payments.domain.errors import GatewayError
from payments.domain.evidence import Answer, nothing


@attrs.frozen
class ChapaChecks(StatusChecks):
    """Asks by our own reference; Chapa's is not needed."""

    _api: ChapaApi

    async def check(self, question: Question) -> Answer:
        path = f"/transaction/verify/{quote(question.reference, safe='')}"
        try:
            answer = await asked_again_if_unsent(partial(self._api.call, "verify", "GET", path))
        except GatewayError as error:
            return nothing(error.code.replace("_", " "))
        return answer_of(answer)

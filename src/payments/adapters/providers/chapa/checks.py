"""Asking what became of an attempt: ``GET /transaction/verify/{tx_ref}`` (fact sheet, section 4)."""

from typing import Final
from urllib.parse import quote

import attrs
import stamina

from payments.adapters.providers.chapa.api import ChapaApi
from payments.adapters.providers.chapa.mapping import answer_of
from payments.application.ports.providers import Question, StatusChecks
from payments.domain.errors import GatewayError, ProviderUnavailable
from payments.domain.evidence import Answer, nothing

_TRIES: Final = 2
_PAUSE_S: Final = 0.05
_LONGEST_PAUSE_S: Final = 0.2


@attrs.frozen
class ChapaChecks(StatusChecks):
    """Asks by our own reference; Chapa's is not needed."""

    _api: ChapaApi

    async def check(self, question: Question) -> Answer:
        # Asking changes nothing, so a call that did not get out is simply made once more.
        caller = stamina.AsyncRetryingCaller(
            attempts=_TRIES, wait_initial=_PAUSE_S, wait_max=_LONGEST_PAUSE_S, wait_jitter=_PAUSE_S
        ).on(ProviderUnavailable)
        path = f"/transaction/verify/{quote(question.reference, safe='')}"
        try:
            answer = await caller(self._api.call, "verify", "GET", path)
        except GatewayError as error:
            return nothing(error.code.replace("_", " "))
        return answer_of(answer)

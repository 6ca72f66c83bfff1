"""Asking what became of an attempt: ``GET /checkouts/{reference}``."""

from urllib.parse import quote

import attrs

from examples.acme.api import AcmeApi
from examples.acme.mapping import answer_of
from payments.application.ports.providers import Question, StatusChecks
from payments.domain.errors import GatewayError
from payments.domain.evidence import Answer, nothing


@attrs.frozen
class AcmeChecks(StatusChecks):
    """Asks by our own reference."""

    _api: AcmeApi

    async def check(self, question: Question) -> Answer:
        try:
            answer = await self._api.call("GET", f"/checkouts/{quote(question.reference, safe='')}")
        except GatewayError as error:
            return nothing(error.code.replace("_", " "))
        return answer_of(answer)

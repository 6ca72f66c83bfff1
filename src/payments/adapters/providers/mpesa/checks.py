"""Asking what became of a prompt: ``POST /mpesa/stkpushquery/v1/query`` (fact sheet, section 5)."""

from contextlib import suppress
from typing import Final

import attrs

from payments.adapters.providers.mpesa.api import MpesaApi
from payments.adapters.providers.mpesa.credentials import password, timestamp
from payments.adapters.providers.mpesa.mapping import answer_of
from payments.adapters.providers.mpesa.queries import Queries
from payments.application.ports.providers import Question, StatusChecks
from payments.domain.errors import GatewayError, StorageError
from payments.domain.evidence import Answer, not_asked, nothing

PATH: Final = "/mpesa/stkpushquery/v1/query"


@attrs.frozen
class MpesaChecks(StatusChecks):
    """Asks by CheckoutRequestID, the one name Daraja can be asked by, and only when it is our turn."""

    _api: MpesaApi
    _queries: Queries

    async def check(self, question: Question) -> Answer:
        name = question.provider_reference
        if name is None:
            return nothing("has no CheckoutRequestID to ask by")
        try:
            if not await self._queries.may_ask(question.urgency, name):
                return not_asked("waits for its turn to ask")
        except StorageError as trouble:
            # Without the shared budget nobody can tell whose turn it is.
            return not_asked(trouble.code.replace("_", " "))
        settings = self._api.settings
        at = timestamp(self._api.surroundings.clock.now())
        fields = {
            "BusinessShortCode": settings.shortcode,
            "Password": password(settings.shortcode, settings.passkey.reveal(), at),
            "Timestamp": at,
            "CheckoutRequestID": name,
        }
        try:
            answer = await self._api.call("query", PATH, fields)
        except GatewayError as trouble:
            return nothing(trouble.code.replace("_", " "))
        if answer.limited:
            with suppress(StorageError):
                await self._queries.rest(answer.rest_s)
        return answer_of(answer, name)

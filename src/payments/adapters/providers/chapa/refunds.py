"""Sending money back: ``POST /refund/{ref}``, and what became of it (fact sheet, section 7)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote, urlsplit

import attrs

from payments.adapters.providers.chapa.api import ChapaAnswer, ChapaApi, flattened, refusal
from payments.adapters.providers.chapa.mapping import amount_of, is_unknown, name_of, short
from payments.adapters.providers.chapa.settings import REAL_API_HOST, ChapaSettings
from payments.application.ports.providers import (
    RefundAnswer,
    RefundOutcome,
    RefundQuestion,
    RefundRequest,
    Refunds,
)
from payments.domain.errors import GatewayError, OutcomeUnknown, ProviderRejected
from payments.domain.evidence import Mode
from payments.domain.money import Money

# The first is what the request itself is answered, the others are those of the check; case aside.
_OUTCOMES: Final[Mapping[str, RefundOutcome]] = {
    "refund initiated": RefundOutcome.PENDING,
    "initiated": RefundOutcome.PENDING,
    "processing": RefundOutcome.PENDING,
    "refunded": RefundOutcome.SUCCEEDED,
    "reversed": RefundOutcome.FAILED,
}
_ANOTHER_AMOUNT: Final = "a refund of another amount, or of none that can be read"
_NO_REASON: Final = "Refund"
# All that section 7 knows. A duplicate's text is not among them, so any other may be one.
_REFUSALS: Final = ("refunds can only be processed in live mode", "refund amount cannot exceed")
_NOT_LET_IN: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


def can_refund(settings: ChapaSettings) -> bool:
    """Whether there are refunds at all: Chapa itself makes none in test mode, its simulator does."""
    return settings.mode is Mode.LIVE or urlsplit(settings.base_url).hostname != REAL_API_HOST


@attrs.frozen
class ChapaRefunds(Refunds):
    """Our reference goes with each refund, and Chapa takes it once."""

    _api: ChapaApi

    async def request(self, request: RefundRequest) -> RefundAnswer:
        form = {
            "amount": request.amount.decimal,
            "reason": flattened(request.reason) or _NO_REASON,
            "reference": request.reference,
        }
        name = request.capture_key
        answer = await self._refund(name, form)
        if is_unknown(answer) and request.attempt is not None:
            # Which of the two names belongs in the path is not certain; nothing was done under one that
            # Chapa does not know.
            name = request.attempt
            answer = await self._refund(name, form)
        return refund_of(answer, request, named=name)

    async def _refund(self, name: str, form: Mapping[str, str]) -> ChapaAnswer:
        return await self._api.call("refund", "POST", f"/refund/{quote(name, safe='')}", form=form)

    async def check(self, question: RefundQuestion) -> RefundAnswer:
        if question.provider_reference is None:
            # Chapa lists no refunds, and asked by our own name for one it is not known to answer.
            # It takes our name for a refund once, so asking for it again sends nothing twice.
            return RefundAnswer(
                outcome=RefundOutcome.NOT_FOUND, word="Chapa's name for the refund is not known"
            )
        name = quote(question.provider_reference, safe="")
        try:
            answer = await self._api.call("verify refund", "GET", f"/refund/{name}/verify")
        except GatewayError as error:
            return _nothing(error.code.replace("_", " "))
        if answer.status != HTTPStatus.OK or answer.word != "success" or answer.data is None:
            return _nothing(f"HTTP {answer.status} {answer.message}")
        if answer.data.get("ref_id") not in (None, question.provider_reference):
            return _nothing("an answer about another refund")
        return _meaning(answer.data, question.provider_reference, question.amount)


def refund_of(answer: ChapaAnswer, request: RefundRequest, *, named: str) -> RefundAnswer:
    """What Chapa made of ``request``, in which the money was ``named`` so.

    A refund of another amount than we asked for, or of none that can be read, is no information, but has a
    name to ask about it by.

    Raises:
        ProviderRejected: a definite no.
        ProviderUnavailable: asked to come back later, and nothing was done.
        OutcomeUnknown: anything else; there may be a refund.
    """
    if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        data = answer.data or {}
        # Two shapes are documented.
        name = name_of(data.get("ref_id")) or name_of(data.get("ref"))
        if answer.word != "success" or name is None:
            raise OutcomeUnknown("Chapa's answer does not name the refund.")
        # Asked by our own name for it, Chapa tells its own, which we need not know.
        if named != request.attempt and data.get("chapa_reference") not in (None, named):
            raise OutcomeUnknown("Chapa's answer is about another transaction.")
        return _meaning(data, name, request.amount)
    error = refusal(answer)
    if isinstance(error, ProviderRejected) and not _is_definite(answer):
        # Our reference is random and never used twice: if it is taken, this very request arrived before.
        raise OutcomeUnknown(
            "Chapa may have this refund already, and the answer that named it was lost; it said:"
            f" {answer.message or answer.status}"
        )
    raise error


def _is_definite(answer: ChapaAnswer) -> bool:
    """Whether a refusal cannot be of a second arrival: one of those the sheet knows, and no other."""
    known = is_unknown(answer) or answer.message.casefold().startswith(_REFUSALS)
    return known or answer.status in _NOT_LET_IN


def _meaning(data: Mapping[str, Any], name: str, amount: Money) -> RefundAnswer:
    """What is told of the refund called ``name``, if it is about exactly this much money."""
    if amount_of(data) != amount:
        return attrs.evolve(_nothing(_ANOTHER_AMOUNT), provider_reference=name)
    word = data.get("status")
    outcome = _OUTCOMES.get(word.casefold()) if isinstance(word, str) else None
    if not isinstance(word, str) or outcome is None:
        return attrs.evolve(_nothing(f"unknown status {word!r}"), provider_reference=name)
    detail = "Chapa could not send the money back." if outcome is RefundOutcome.FAILED else ""
    return RefundAnswer(outcome=outcome, word=short(word), provider_reference=name, detail=detail)


def _nothing(word: str) -> RefundAnswer:
    return RefundAnswer(outcome=RefundOutcome.NOTHING, word=short(word))

"""What Daraja's answers about a prompt mean (fact sheet, section 5 and vectors V4): each means one thing."""

from http import HTTPStatus
from typing import Final

import structlog

from payments.adapters.providers.mpesa.api import MpesaAnswer
from payments.adapters.providers.mpesa.results import OUR_MISTAKE, RESULTS, UNKNOWN
from payments.domain.evidence import Answer, Outcome, nothing

_LONGEST_WORD_CHARACTERS: Final = 80


def answer_of(answer: MpesaAnswer, name: str) -> Answer:
    """The meaning of what a query about the CheckoutRequestID ``name`` was answered.

    ``ResponseCode`` 0 says that the query worked; only ``ResultCode`` is about the payment. An answer about
    another prompt than the one we asked about says nothing.
    """
    if answer.body is None:
        return nothing(f"HTTP {answer.status}, not JSON")
    if answer.says("being processed"):
        return Answer(outcome=Outcome.IN_FLIGHT, word=_short(answer.message))
    code = answer.text("ResultCode")
    if answer.status != HTTPStatus.OK or answer.error_code or not code:
        return nothing(_short(f"HTTP {answer.status} {answer.error_code} {answer.message}"))
    if answer.text("ResponseCode") not in {"", "0"}:
        return nothing(_short(f"a query that did not work: {answer.text('ResponseDescription')}"))
    if answer.text("CheckoutRequestID") not in {"", name}:
        return nothing("an answer about another prompt")
    result = RESULTS.get(code, UNKNOWN)
    if code in OUR_MISTAKE:
        structlog.get_logger().error("mpesa_refuses_the_shop", code=code)
    paid, declined = result.outcome is Outcome.PAID, result.outcome is Outcome.DECLINED
    return Answer(
        outcome=result.outcome,
        word=_short(f"{code} {answer.text('ResultDesc')}"),
        provider_reference=name if paid else None,
        capture_key=name if paid else None,
        fingerprint=f"{name}:{code}" if declined else None,
        detail=result.advice,
        final=declined and result.final,
    )


def _short(word: str) -> str:
    return " ".join(word.split())[:_LONGEST_WORD_CHARACTERS]

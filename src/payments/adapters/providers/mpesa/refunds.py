"""Sending money back: ``POST /mpesa/reversal/v1/request`` (fact sheet, section 7). All of it, or nothing."""

import re
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final

import attrs

from payments.adapters.providers.mpesa.api import MpesaApi
from payments.adapters.providers.mpesa.callbacks import RECEIPT, REVERSAL_REFUSALS
from payments.adapters.providers.mpesa.credentials import security_credential
from payments.adapters.providers.mpesa.refusals import refusal_of
from payments.adapters.providers.mpesa.settings import MpesaSettings, ReversalSettings
from payments.adapters.providers.mpesa.whole_shillings import CENTS, is_whole
from payments.application.ports.providers import (
    Callback,
    RefundAnswer,
    RefundOutcome,
    RefundQuestion,
    RefundRequest,
    Refunds,
)
from payments.application.records import Claim
from payments.domain.errors import OutcomeUnknown, ProviderRejected

PATH: Final = "/mpesa/reversal/v1/request"
REPORTED_WITHIN: Final = timedelta(hours=24)
"""A reversal whose end M-Pesa has not reported by then was reported to nobody, and is not again."""

_LOOK: Final = "M-Pesa has not reported what became of it. Look for the receipt in its portal."
_CURRENCY: Final = "KES"
_ORGANISATION: Final = "11"
_LONGEST_REMARKS: Final = 100
_ID: Final = re.compile(r"[\x21-\x7e]{1,128}", re.ASCII)


@attrs.frozen
class MpesaRefunds(Refunds):
    """Reverses a receipt, once; what became of it is only ever reported to the refund's own address."""

    _api: MpesaApi
    _reversals: ReversalSettings

    async def request(self, request: RefundRequest) -> RefundAnswer:
        fields = reversal_fields(request, self._api.settings, self._reversals)
        answer = await self._api.call("reversal", PATH, fields)
        if answer.status == HTTPStatus.OK and answer.text("ResponseCode") == "0" and not answer.error_code:
            name = answer.text("ConversationID")
            if not _ID.fullmatch(name):
                raise OutcomeUnknown("M-Pesa accepted the reversal and did not name it.")
            return RefundAnswer(outcome=RefundOutcome.PENDING, word="accepted", provider_reference=name)
        raise refusal_of(answer)

    async def check(self, question: RefundQuestion) -> RefundAnswer:
        """What the reports say; Daraja itself is not asked, because it would only report again."""
        reports = [r for r in question.reports if _concerns(r, question)]
        done = next((r for r in reports if r.claim is Claim.RETURNED), None)
        if done is not None:
            return RefundAnswer(
                outcome=RefundOutcome.SUCCEEDED,
                word=f"result {done.word}",
                provider_reference=done.provider_reference,
            )
        refused = next((r for r in reversed(reports) if r.claim is Claim.FAILED), None)
        if refused is not None:
            return RefundAnswer(
                outcome=RefundOutcome.FAILED,
                word=f"result {refused.word}",
                detail=REVERSAL_REFUSALS.get(refused.word, ""),
            )
        word = f"result {reports[-1].word}" if reports else "no result yet"
        pending = question.provider_reference is not None
        if pending and self._api.surroundings.clock.now() - question.requested_at >= REPORTED_WITHIN:
            return RefundAnswer(outcome=RefundOutcome.NEEDS_ATTENTION, word=word, detail=_LOOK)
        if reports:
            return RefundAnswer(outcome=RefundOutcome.NOTHING, word=word)
        outcome = RefundOutcome.PENDING if pending else RefundOutcome.NOT_FOUND
        return RefundAnswer(outcome=outcome, word=word)


def reversal_fields(
    request: RefundRequest, settings: MpesaSettings, reversals: ReversalSettings
) -> dict[str, Any]:
    """What is sent. ``RecieverIdentifierType`` is Daraja's own spelling.

    Raises:
        ProviderRejected: M-Pesa could only refuse it, so nothing is sent.
    """
    if request.receipt is None or request.callback_url is None:
        raise ProviderRejected(
            "M-Pesa reverses a receipt, and reports to an address; one of them is missing."
        )
    if not RECEIPT.fullmatch(request.receipt):
        # A person recorded the money by another name.
        raise ProviderRejected(f"M-Pesa reverses receipts, and {request.receipt!r} has not the form of one.")
    amount = request.amount
    # However much a payment may have by now.
    if amount.currency.code != _CURRENCY or not is_whole(amount) or amount != request.captured:
        raise ProviderRejected("M-Pesa sends back the whole amount or nothing.")
    remarks = " ".join(re.sub(r"[^A-Za-z0-9 .-]", " ", request.reason).split())[:_LONGEST_REMARKS]
    return {
        "Initiator": reversals.initiator,
        "SecurityCredential": security_credential(reversals.certificate, reversals.password.reveal()),
        "CommandID": "TransactionReversal",
        "TransactionID": request.receipt,
        "Amount": str(amount.minor // CENTS),
        "ReceiverParty": settings.shortcode,
        "RecieverIdentifierType": _ORGANISATION,
        "ResultURL": request.callback_url,
        "QueueTimeOutURL": request.callback_url,
        "Remarks": remarks if len(remarks) > 1 else "Refund",
        "Occasion": "",
    }


def _concerns(report: Callback, question: RefundQuestion) -> bool:
    """Whether ``report`` is about this reversal: its own name for it, and the amount if it says one."""
    named = report.provider_reference
    same = question.provider_reference is None or named in (None, question.provider_reference)
    return same and named not in question.known and report.amount in (None, question.amount)

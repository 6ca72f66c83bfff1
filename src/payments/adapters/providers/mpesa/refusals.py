"""What an answer other than "accepted" says about whether anything was done (fact sheet, section 3.3)."""

from http import HTTPStatus
from typing import Final

from payments.adapters.providers.mpesa.api import MpesaAnswer
from payments.domain.errors import GatewayError, OutcomeUnknown, ProviderRejected, ProviderUnavailable

LOCKED_FOR_S: Final = 60.0
"""How long another session on the payer's phone may take to end."""

_BUSY_S: Final = 10.0
_WRONG_PATH: Final = frozenset({"404.001.01", "404.002.01", "404.003.01", "405.001"})
_CLIENT_ERRORS: Final = range(400, 500)
_CONFIGURATION: Final = "this service's configuration is wrong."


def refusal_of(answer: MpesaAnswer) -> GatewayError:
    """The error that ``answer`` is. Whatever does not prove that nothing was done is an unknown outcome."""
    code = answer.error_code
    if answer.limited:
        return ProviderUnavailable("M-Pesa is busy and did nothing.", retry_after_s=answer.rest_s or _BUSY_S)
    if answer.status == HTTPStatus.OK or answer.body is None:
        return _unknown(answer)
    return _named_refusal(answer, code)


def _named_refusal(answer: MpesaAnswer, code: str) -> GatewayError:
    if answer.token_refused or answer.says("no apiproduct match"):
        return ProviderRejected(f"M-Pesa does not let our app do this: {_CONFIGURATION}")
    if answer.says("merchant does not exist", "wrong credentials"):
        return ProviderRejected(f"M-Pesa does not know our shortcode or passkey: {_CONFIGURATION}")
    if answer.says("unable to lock subscriber"):
        return ProviderUnavailable(
            "Another M-Pesa request is open on this phone. Finish it, or try again in a minute.",
            retry_after_s=LOCKED_FOR_S,
        )
    if answer.status in _CLIENT_ERRORS and (code.startswith("400.") or code in _WRONG_PATH):
        return ProviderRejected(f"M-Pesa refused: {answer.message or code}")
    return _unknown(answer)


def _unknown(answer: MpesaAnswer) -> OutcomeUnknown:
    said = f"{answer.status} {answer.error_code}".strip()
    return OutcomeUnknown(f"M-Pesa answered {said}, which does not say whether it did anything.")

"""Whether Chapa answers and takes our key, shown by asking for a reference that cannot exist."""

from http import HTTPStatus
from typing import Final

import attrs

from payments.adapters.date_header import ahead_s
from payments.adapters.providers.chapa.api import ChapaAnswer, ChapaApi
from payments.adapters.unreachable import unreachable
from payments.application.ports.clock import Clock
from payments.application.ports.self_check import Finding, SelfCheck, State
from payments.domain.errors import GatewayError
from payments.domain.evidence import Mode

REGISTER_AT: Final = (
    "Chapa's dashboard, profile → Webhooks: this URL, and as secret hash one of those in"
    " PAYMENTS_CHAPA_WEBHOOK_SECRETS"
)

_PART: Final = "chapa"
_NO_REFERENCE: Final = "payments-doctor"
# The answers to an unknown reference (fact sheet, section 4.2): 400 was observed, 404 is documented.
_UNKNOWN: Final = frozenset({HTTPStatus.OK, HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND})


@attrs.frozen
class ChapaSelfCheck(SelfCheck):
    """One call that changes nothing."""

    _api: ChapaApi
    _clock: Clock

    async def look(self) -> tuple[Finding, ...]:
        settings = self._api.settings
        try:
            answer = await self._api.call("verify", "GET", f"/transaction/verify/{_NO_REFERENCE}")
        except GatewayError as error:
            return (
                unreachable(_PART, settings.base_url, error.__cause__ or error, "PAYMENTS_CHAPA_BASE_URL"),
            )
        state, what, remedy = _meaning(answer, settings.mode)
        findings = [
            Finding(
                part=_PART,
                state=state,
                what=f"{settings.base_url} {what}",
                remedy=remedy,
                ahead_s=ahead_s(answer.date, self._clock.now()),
            )
        ]
        if not settings.webhook_secrets:
            findings.append(
                Finding(
                    part=_PART,
                    state=State.WARNING,
                    what="No secret hash is set, so every webhook of Chapa is refused.",
                    remedy="Make one (`openssl rand -hex 32`), type it in Chapa's dashboard, and set"
                    " PAYMENTS_CHAPA_WEBHOOK_SECRETS.",
                )
            )
        return tuple(findings)


def _meaning(answer: ChapaAnswer, mode: Mode) -> tuple[State, str, str]:
    said = f"HTTP {answer.status}{f', {answer.message!r}' if answer.message else ''}"
    if answer.status == HTTPStatus.UNAUTHORIZED:
        return (
            State.WRONG,
            f"refuses our key ({said}).",
            f"Copy the secret key of {mode.value} mode from Chapa's dashboard to PAYMENTS_CHAPA_SECRET_KEY.",
        )
    if answer.status == HTTPStatus.FORBIDDEN:
        return (
            State.WRONG,
            f"does not let us in ({said}).",
            "If the dashboard has a list of allowed addresses, put this machine's in.",
        )
    if answer.status in _UNKNOWN and answer.body is not None:
        return State.FINE, f"answers, and takes our key of {mode.value} mode.", ""
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return State.WARNING, f"limits our calls ({said}).", "Try again in a few minutes."
    return (
        State.WRONG,
        f"gives no usable answer ({said}).",
        "Check PAYMENTS_CHAPA_BASE_URL; if that is right, Chapa is in trouble: try again later.",
    )

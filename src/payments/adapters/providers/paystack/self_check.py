"""Whether Paystack answers and takes our key, shown by asking for a reference that cannot exist."""

from http import HTTPStatus
from typing import Final

import attrs

from payments.adapters.date_header import ahead_s
from payments.adapters.providers.paystack.api import PaystackAnswer, PaystackApi
from payments.adapters.unreachable import unreachable
from payments.application.ports.clock import Clock
from payments.application.ports.self_check import Finding, SelfCheck, State
from payments.domain.errors import GatewayError
from payments.domain.evidence import Mode

REGISTER_AT: Final = (
    "Paystack's dashboard, Settings → API Keys & Webhooks: this URL as the webhook URL of our mode; it has no"
    " secret of its own, PAYMENTS_PAYSTACK_SECRET_KEY signs"
)

_PART: Final = "paystack"
_NO_REFERENCE: Final = "payments-doctor"
# The answers to an unknown reference (fact sheet, section 1.1): 400 was observed, 404 is documented.
_UNKNOWN: Final = frozenset({HTTPStatus.OK, HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND})


@attrs.frozen
class PaystackSelfCheck(SelfCheck):
    """One call that changes nothing."""

    _api: PaystackApi
    _clock: Clock

    async def look(self) -> tuple[Finding, ...]:
        settings = self._api.settings
        try:
            answer = await self._api.ask("verify", f"/transaction/verify/{_NO_REFERENCE}")
        except GatewayError as error:
            return (
                unreachable(_PART, settings.base_url, error.__cause__ or error, "PAYMENTS_PAYSTACK_BASE_URL"),
            )
        state, what, remedy = _meaning(answer, settings.mode)
        return (
            Finding(
                part=_PART,
                state=state,
                what=f"{settings.base_url} {what}",
                remedy=remedy,
                ahead_s=ahead_s(answer.date, self._clock.now()),
            ),
        )


def _meaning(answer: PaystackAnswer, mode: Mode) -> tuple[State, str, str]:
    said = f"HTTP {answer.status}{f', {answer.message!r}' if answer.message else ''}"
    if answer.status == HTTPStatus.UNAUTHORIZED:
        return (
            State.WRONG,
            f"refuses our key ({said}).",
            f"Set PAYMENTS_PAYSTACK_SECRET_KEY to the secret key of {mode.value} mode, from its dashboard.",
        )
    if answer.status == HTTPStatus.FORBIDDEN:
        return (
            State.WRONG,
            f"does not let us in ({said}).",
            "If the dashboard has a list of allowed addresses, put this machine's in.",
        )
    if answer.status in _UNKNOWN and (answer.worked or answer.refused):
        return State.FINE, f"answers, and takes our key of {mode.value} mode.", ""
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return State.WARNING, f"limits our calls ({said}).", "Try again in a few minutes."
    return (
        State.WRONG,
        f"gives no usable answer ({said}).",
        "Check PAYMENTS_PAYSTACK_BASE_URL; if that is right, Paystack is in trouble: try again later.",
    )

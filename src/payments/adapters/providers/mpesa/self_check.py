"""Whether Daraja answers and takes our consumer key, shown by asking for an access token."""

from typing import Final

import attrs

from payments.adapters.providers.mpesa.access import AccessTokens
from payments.adapters.providers.mpesa.settings import MpesaSettings, forbidden_word
from payments.adapters.unreachable import unreachable
from payments.application.ports.self_check import Finding, SelfCheck, State
from payments.domain.errors import ProviderRejected, ProviderUnavailable

_PART: Final = "mpesa"


@attrs.frozen
class MpesaSelfCheck(SelfCheck):
    """One call that prompts nobody."""

    _settings: MpesaSettings
    _access: AccessTokens

    async def look(self) -> tuple[Finding, ...]:
        findings = [await self._token()]
        word = forbidden_word(self._settings.public_url)
        if word is not None:
            findings.append(
                Finding(
                    part=_PART,
                    state=State.WARNING,
                    what=f"Our address holds {word!r}, and Daraja refuses to report to such an address.",
                    remedy="Use another name in PAYMENTS_PUBLIC_URL.",
                )
            )
        if self._settings.reversals is None:
            findings.append(
                Finding(
                    part=_PART,
                    state=State.WARNING,
                    what="No initiator is set, so refunds are made by hand in the M-Pesa portal.",
                    remedy="Set PAYMENTS_MPESA_INITIATOR, PAYMENTS_MPESA_INITIATOR_PASSWORD and"
                    " PAYMENTS_MPESA_CERTIFICATE.",
                )
            )
        return tuple(findings)

    async def _token(self) -> Finding:
        settings = self._settings
        try:
            await self._access.current()
        except ProviderRejected:
            return Finding(
                part=_PART,
                state=State.WRONG,
                what=f"{settings.base_url} refuses our consumer key or secret.",
                remedy=f"Copy both from your {settings.mode.value} app at the Daraja portal.",
            )
        except ProviderUnavailable as error:
            trouble = error.__cause__
            cause = trouble.__cause__ or trouble if trouble else error
            return unreachable(_PART, settings.base_url, cause, "PAYMENTS_MPESA_BASE_URL")
        what = f"{settings.base_url} answers, and takes our key of {settings.mode.value} mode."
        return Finding(part=_PART, state=State.FINE, what=what)

"""Whether the issuer publishes keys that we can use."""

from typing import Final

import attrs
import httpx

from payments.adapters.date_header import ahead_s
from payments.adapters.identity.jwks import FETCH_S, NoKeySet, ask, keys_of
from payments.adapters.unreachable import unreachable
from payments.application.ports.clock import Clock
from payments.application.ports.self_check import Finding, SelfCheck, State
from payments.domain.errors import GatewayError

_PART: Final = "identity"
_VARIABLE: Final = "PAYMENTS_AUTH_JWKS_URL"


@attrs.frozen(kw_only=True)
class JwksSelfCheck(SelfCheck):
    """Fetches the key set once."""

    _client: httpx.AsyncClient
    _clock: Clock
    _url: str
    _algorithm: str

    async def look(self) -> tuple[Finding, ...]:
        try:
            reply = await ask(self._client, self._url, FETCH_S)
        except GatewayError as error:
            return (unreachable(_PART, self._place, error.__cause__ or error, _VARIABLE),)
        ahead = ahead_s(reply.header("date"), self._clock.now())
        try:
            keys = keys_of(reply, self._algorithm)
        except NoKeySet as error:
            remedy = f"Set {_VARIABLE} to the jwks_uri of the issuer."
            return (self._finding(State.WRONG, f"holds no key set. {error}", remedy, ahead),)
        refused = "; ".join(keys.refused)
        if not keys.by_id:
            remedy = f"Set PAYMENTS_AUTH_ALGORITHM to what the issuer signs with. {refused}".strip()
            what = f"holds no key for {self._algorithm}, so every token is refused."
            return (self._finding(State.WRONG, what, remedy, ahead),)
        what = f"holds {len(keys.by_id)} for {self._algorithm}: {', '.join(sorted(keys.by_id))}."
        if refused:
            return (self._finding(State.FINE, f"{what} Not used: {refused}.", "", ahead),)
        return (self._finding(State.FINE, what, "", ahead),)

    def _finding(self, state: State, what: str, remedy: str, ahead: float | None) -> Finding:
        return Finding(part=_PART, state=state, what=f"{self._place} {what}", remedy=remedy, ahead_s=ahead)

    @property
    def _place(self) -> str:
        """The address without its query, in which some issuers want a secret."""
        return self._url.partition("?")[0]

"""Visits: an operator's time at the console, from signing in to signing out or to 15 minutes without a click.

A sealed cookie carries a visit, and the token in it is checked again with every request. That it goes on is
what the shared state says, to every process: a copy of the cookie is worth nothing once the visit was ended.
What goes on is kept there and not what has ended, so that a shared state which lost what it kept, as it may,
ends visits and revives none.
"""

import base64
import hmac
import secrets
from datetime import datetime, timedelta
from typing import Final

import attrs
import msgspec

from payments.application.ports.cipher import Cipher
from payments.application.ports.clock import Clock
from payments.application.ports.shared_state import SharedState

IDLE: Final = timedelta(minutes=15)
"""A visit ends when nobody did anything for so long (OWASP ASVS 5.0, 7.3.1)."""
LONGEST: Final = timedelta(hours=12)
"""A visit ends so long after it began, whatever is done in it (7.3.2; both spans: NIST SP 800-63B, AAL3)."""
LONGEST_SEALED: Final = 3800
"""Browsers keep cookies of 4096 bytes, name and attributes included (RFC 6265, section 6.1)."""

# Notices are sealed under the same keys: what was sealed as something else is no visit.
_PURPOSE: Final = b"console visit 2\n"
_GOES_ON: Final = b"1"
_ENDED: Final = b""


@attrs.frozen(kw_only=True)
class Visit:
    """What the cookie carries."""

    visit_id: str
    """128 random bits, new with each sign-in; alone it lets nobody in."""
    token: str = attrs.field(repr=False)
    """The operator's bearer token."""
    form_token: str = attrs.field(repr=False)
    """What every form of this visit brings back: another site cannot know it."""
    seen_at: datetime
    """When the operator last did something."""

    def made(self, form_token: str) -> bool:
        """Whether a form that carries ``form_token`` was made during this visit."""
        return hmac.compare_digest(form_token.encode(), self.form_token.encode())


class TokenTooLong(Exception):
    """No cookie can hold this token."""


class VisitOver(Exception):
    """It was ended, nothing was done in it for too long, or nobody knows that it goes on."""


@attrs.frozen
class Visits:
    """Begins and ends visits, and turns them into cookies and back."""

    _cipher: Cipher
    _clock: Clock
    _shared_state: SharedState

    async def begin(self, token: str) -> Visit:
        """A new visit of whoever brought ``token``; nothing of an earlier one is kept.

        Raises:
            TokenTooLong: the cookie would be too large.
            StorageUnavailable: no process would know of it.
        """
        visit = Visit(
            visit_id=secrets.token_hex(16),
            token=token,
            form_token=secrets.token_urlsafe(32),
            seen_at=self._clock.now(),
        )
        if len(self.sealed(visit)) > LONGEST_SEALED:
            raise TokenTooLong
        await self._shared_state.remember(_key(visit), _GOES_ON, lifetime_s=LONGEST.total_seconds())
        return visit

    async def end(self, visit: Visit) -> None:
        """End it everywhere: from now on no copy of its cookie is a visit. Ending it again changes nothing.

        Raises:
            StorageUnavailable: it may go on.
        """
        await self._shared_state.remember(_key(visit), _ENDED, lifetime_s=0.0)

    def sealed(self, visit: Visit) -> str:
        """The cookie's value: ``visit`` as of now, unreadable and unchangeable for the browser."""
        seen = attrs.evolve(visit, seen_at=self._clock.now())
        return base64.urlsafe_b64encode(self._cipher.seal(_PURPOSE + msgspec.json.encode(seen))).decode()

    async def opened(self, cookie: str) -> Visit | None:
        """The visit that a cookie's value carries; None when it was not sealed here.

        Raises:
            VisitOver: it was, but it does not go on.
            StorageUnavailable: nobody can tell whether it does.
        """
        visit = self.carried(cookie)
        if visit is None:
            return None
        if self._clock.now() - visit.seen_at >= IDLE:
            raise VisitOver
        if await self._shared_state.recall(_key(visit)) != _GOES_ON:
            raise VisitOver
        return visit

    def carried(self, cookie: str) -> Visit | None:
        """The same, whether or not it goes on."""
        try:
            plain = self._cipher.open(base64.urlsafe_b64decode(cookie))
        except ValueError:
            return None
        if not plain.startswith(_PURPOSE):
            return None
        return msgspec.json.decode(plain.removeprefix(_PURPOSE), type=Visit)


def _key(visit: Visit) -> str:
    return f"visit:{visit.visit_id}"

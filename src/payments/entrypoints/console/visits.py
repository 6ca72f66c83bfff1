"""Visits: an operator's time at the console, from signing in to signing out or to 15 minutes without a click.

Nothing about a visit is kept here. A sealed cookie carries it, so that any process can answer, and the token
in it is checked again with every request.
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

IDLE: Final = timedelta(minutes=15)
"""A visit ends when nobody did anything for so long (OWASP ASVS 5.0, 7.3.1)."""
LONGEST_SEALED: Final = 3800
"""Browsers keep cookies of 4096 bytes, name and attributes included (RFC 6265, section 6.1)."""

# Notices are sealed under the same keys: what was sealed as something else is no visit.
_PURPOSE: Final = b"console visit 1\n"


@attrs.frozen(kw_only=True)
class Visit:
    """What the cookie carries."""

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
    """The operator did nothing for too long."""


@attrs.frozen
class Visits:
    """Begins visits, and turns them into cookies and back."""

    _cipher: Cipher
    _clock: Clock

    def begin(self, token: str) -> Visit:
        """A new visit of whoever brought ``token``; nothing of an earlier one is kept.

        Raises:
            TokenTooLong: the cookie would be too large.
        """
        visit = Visit(token=token, form_token=secrets.token_urlsafe(32), seen_at=self._clock.now())
        if len(self.sealed(visit)) > LONGEST_SEALED:
            raise TokenTooLong
        return visit

    def sealed(self, visit: Visit) -> str:
        """The cookie's value: ``visit`` as of now, unreadable and unchangeable for the browser."""
        seen = attrs.evolve(visit, seen_at=self._clock.now())
        return base64.urlsafe_b64encode(self._cipher.seal(_PURPOSE + msgspec.json.encode(seen))).decode()

    def opened(self, cookie: str) -> Visit | None:
        """The visit that a cookie's value carries; None when it was not sealed here.

        Raises:
            VisitOver: it was, but too long ago.
        """
        try:
            plain = self._cipher.open(base64.urlsafe_b64decode(cookie))
        except ValueError:
            return None
        if not plain.startswith(_PURPOSE):
            return None
        visit = msgspec.json.decode(plain.removeprefix(_PURPOSE), type=Visit)
        if self._clock.now() - visit.seen_at >= IDLE:
            raise VisitOver
        return visit

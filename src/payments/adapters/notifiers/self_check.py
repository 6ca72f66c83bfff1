"""Whether the mail server would take our mail, as far as that shows without sending one."""

import ssl
from typing import Final

import aiosmtplib
import attrs

from payments.adapters.notifiers.smtp import SmtpServer
from payments.adapters.unreachable import unreachable
from payments.application.ports.self_check import Finding, SelfCheck, State

BUDGET_S: Final = 10.0

_PART: Final = "mail"


@attrs.frozen(kw_only=True)
class SmtpSelfCheck(SelfCheck):
    """Connects, says EHLO, secures the connection and logs in where that is configured, and leaves."""

    _server: SmtpServer
    _tls: ssl.SSLContext | None = None
    _budget_s: float = BUDGET_S

    async def look(self) -> tuple[Finding, ...]:
        server = self._server
        where = f"{server.host}:{server.port}"
        try:
            async with server.connection(self._budget_s, self._tls) as connection:
                await connection.ehlo()
        except aiosmtplib.SMTPAuthenticationError as error:
            return (
                Finding(
                    part=_PART,
                    state=State.WRONG,
                    what=f"{where} refuses our user or password ({error.code}).",
                    remedy="Correct user and password in PAYMENTS_SMTP_URL; write special characters as %40.",
                ),
            )
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            return (unreachable(_PART, where, error, "PAYMENTS_SMTP_URL"),)
        secured = {"none": "without TLS", "starttls": "over STARTTLS", "tls": "over TLS"}[server.security]
        known = " and takes our password" if server.username else ""
        return (Finding(part=_PART, state=State.FINE, what=f"{where} answers {secured}{known}."),)

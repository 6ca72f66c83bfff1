"""E-mail over SMTP (RFC 5321), as plain text with an HTML alternative."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final, Literal, Self
from urllib.parse import unquote, urlsplit

import aiosmtplib
import attrs

from payments.adapters.notifiers.mail import Mail, MailRoom
from payments.adapters.web_addresses import stays_here
from payments.application.ports.notifier import Notifier
from payments.application.records import Message
from payments.domain.errors import DeliveryFailed, MessageRefused

BUDGET_S: Final = 20.0
_GOODBYE_S: Final = 1.0

_Security = Literal["none", "starttls", "tls"]
_BY_SCHEME: Final[dict[str, tuple[_Security, int]]] = {
    "smtp": ("none", 25),
    "smtp+starttls": ("starttls", 587),
    "smtps": ("tls", 465),
}
# RFC 5321 section 4.2.1: 5yz is a permanent negative completion.
_PERMANENT: Final = range(500, 600)
# "Authentication required" (RFC 4954, section 6), and what is about security or policy (RFC 3463, section
# 3.8): the words for a relay that does not know us, or a sender that is not ours.
_NO_PASSWORD: Final = 530
_NOT_ALLOWED: Final = ("5.7.",)
# Exchange's words for the same, kept until it has the mail. Other words about policy are about the mail then.
_NOT_ALLOWED_AT_LAST: Final = ("5.7.57 ", "5.7.60 ", "5.2.252 ")
_SEVEN_BITS: Final = SMTP.clone(cte_type="7bit")
"""Every server takes that (RFC 6152)."""


@attrs.frozen(kw_only=True)
class SmtpServer:
    """Where mail is handed in, and how the connection is secured."""

    host: str
    port: int
    security: _Security
    username: str | None = None
    password: str | None = attrs.field(default=None, repr=False)

    @classmethod
    def of(cls, url: str) -> Self:
        """The server ``url`` names: ``smtp://``, ``smtp+starttls://`` or ``smtps://[user:password@]host[:port]``.

        Raises:
            ValueError: another form, or a password that would cross a network in the clear. The sentence
                never repeats the URL.
        """
        wrong_form = "Use smtp://host:port, smtp+starttls://host:port or smtps://host:port."
        try:
            parts = urlsplit(url)
            given_port = parts.port
        except ValueError:
            # The library's own sentence would repeat what it could not read.
            raise ValueError(wrong_form) from None
        if parts.scheme not in _BY_SCHEME or not parts.hostname:
            raise ValueError(wrong_form)
        security, port = _BY_SCHEME[parts.scheme]
        if parts.password and security == "none" and not stays_here(parts.hostname):
            raise ValueError("A password needs smtp+starttls:// or smtps://.")
        return cls(
            host=parts.hostname,
            port=given_port or port,
            security=security,
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
        )

    @asynccontextmanager
    async def connection(
        self, budget_s: float, tls: ssl.SSLContext | None = None
    ) -> AsyncIterator[aiosmtplib.SMTP]:
        """A connection, secured and logged in as the address says, for at most ``budget_s`` seconds.

        What was done on it is done, however the goodbye goes.
        """
        server = aiosmtplib.SMTP(
            hostname=self.host,
            port=self.port,
            username=self.username,
            password=self.password,
            use_tls=self.security == "tls",
            start_tls=self.security == "starttls",
            tls_context=tls,
            timeout=budget_s,
        )
        async with asyncio.timeout(budget_s) as budget, server:
            try:
                yield server
            finally:
                server.timeout = _GOODBYE_S
                if not budget.expired():
                    budget.reschedule(None)


@attrs.frozen(kw_only=True)
class SmtpNotifier(Notifier):
    """Hands mails from ``sender`` to an SMTP server, one connection a mail."""

    _server: SmtpServer
    _sender: Address
    _mail_room: MailRoom = attrs.field(factory=MailRoom)
    _tls: ssl.SSLContext | None = None
    """Which certificates are believed; None: those the system believes."""
    _budget_s: float = BUDGET_S

    async def notify(self, message: Message) -> None:
        mail = self._mail_room.write(message)
        try:
            await self._send(mail)
        except aiosmtplib.SMTPRecipientRefused as error:
            # Many servers keep what they have against the sender or the client until here.
            raise _answered(error, _NOT_ALLOWED) from error
        except (aiosmtplib.SMTPAuthenticationError, aiosmtplib.SMTPSenderRefused) as error:
            # Our own password or address is wrong: mail waits until that is mended, and is not lost.
            raise DeliveryFailed(f"The mail server does not let us send ({error.code}).") from error
        except aiosmtplib.SMTPDataError as error:
            raise _answered(error, _NOT_ALLOWED_AT_LAST) from error
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            raise DeliveryFailed(f"The mail server gave no answer ({type(error).__name__}).") from error

    async def _send(self, mail: Mail) -> None:
        written = mail_message(mail, self._sender).as_bytes(policy=_SEVEN_BITS)
        async with self._server.connection(self._budget_s, self._tls) as connection:
            # Not by the library's own sequence: its RSET after a refusal, unanswered, would hide the refusal.
            await connection.mail(self._sender.addr_spec)
            await connection.rcpt(mail.to.addr_spec)
            await connection.data(written)


def mail_message(mail: Mail, sender: Address) -> EmailMessage:
    """The mail as RFC 5322 writes it. Every header is made from parsed values, so none can hold another."""
    written = EmailMessage(policy=SMTP)
    written["Message-ID"] = f"<{mail.message_id}@{sender.domain}>"
    written["Date"] = format_datetime(mail.created_at)
    written["From"] = sender
    written["To"] = mail.to
    written["Subject"] = mail.subject
    # RFC 3834: nobody's out-of-office should answer this.
    written["Auto-Submitted"] = "auto-generated"
    written.set_content(mail.text)
    written.add_alternative(mail.html, subtype="html")
    return written


def _answered(
    refused: aiosmtplib.SMTPResponseException, not_allowed: tuple[str, ...]
) -> MessageRefused | DeliveryFailed:
    if refused.code == _NO_PASSWORD or refused.message.startswith(not_allowed):
        return DeliveryFailed(f"The mail server does not let us send ({refused.code}).")
    if refused.code in _PERMANENT:
        return MessageRefused(f"The mail server refused the mail for good ({refused.code}).")
    return DeliveryFailed(f"The mail server refused the mail for now ({refused.code}).")

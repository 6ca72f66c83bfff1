"""The SMTP listener, on the running loop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
from aiosmtpd.smtp import SMTP, Envelope, Session

from payments.simulators.calls import Calls
from payments.simulators.mailbox.config import MailboxConfig, MailboxSwitches
from payments.simulators.mailbox.mails import Mails
from payments.simulators.switchboard import Switchboard

_ACCEPTED = "250 2.0.0 Kept"
_REFUSALS = {"refuse_for_now": "451 4.3.0 Try again later", "refuse_for_good": "550 5.7.1 Refused"}
_KEPT = frozenset({"accept", "accept_then_close"})
_LARGEST_MAIL_BYTES = 5_000_000


@attrs.define
class Listener:
    """Keeps what it is sent, as the switches say."""

    _config: MailboxConfig
    _mails: Mails
    _switchboard: Switchboard[MailboxSwitches]
    _calls: Calls
    _port: int | None = attrs.field(default=None, init=False)
    _connections: set[SMTP] = attrs.field(factory=set, init=False)

    @property
    def port(self) -> int:
        if self._port is None:
            raise RuntimeError(
                "The mailbox is not running: serve it, or hold it open with `async with running(app)`."
            )
        return self._port

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(self._connection, self._config.smtp_host, self._config.smtp_port)
        self._port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            self._port = None
            server.close()
            for connection in self._connections:
                if connection.transport is not None:
                    connection.transport.close()
            self._connections.clear()
            await server.wait_closed()

    def _connection(self) -> SMTP:
        # Without a name of its own the library asks the resolver for one, which can take seconds.
        connection = SMTP(
            self,
            hostname="mailbox.localhost",
            ident="Simulated mailbox",
            data_size_limit=_LARGEST_MAIL_BYTES,
            enable_SMTPUTF8=True,
            loop=asyncio.get_running_loop(),
        )
        self._connections = {one for one in self._connections if one.transport is not None} | {connection}
        return connection

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 (aiosmtpd's name)
        """Keep or refuse one mail, and return the status line."""
        fault = self._switchboard.take_fault(None, "data")
        content: Any = envelope.content
        if fault in _KEPT or fault == "none":
            raw = content if isinstance(content, bytes) else str(content).encode()
            self._mails.keep(envelope.mail_from, envelope.rcpt_tos, raw)
        answer = _REFUSALS.get(fault, _ACCEPTED)
        closes = fault in {"accept_then_close", "close"}
        self._calls.record(
            endpoint="data",
            status=None if closes else int(answer[:3]),
            fault=fault,
            mail_from=envelope.mail_from,
            rcpt_tos=list(envelope.rcpt_tos),
        )
        if closes and isinstance(server.transport, asyncio.Transport):
            server.transport.abort()
        return answer

"""Connections that end: whoever opens one and never finishes a request, or never reads an answer, is cut off.

uvicorn bounds how long an answered connection may stay idle, and nothing before that: a client that says
nothing, or half of something, keeps its connection for ever (docs/adr/0025). Bodies have bounds of their own,
in :mod:`payments.entrypoints.http.reading`; those here hold for every address, also where no body is read.
"""

import asyncio
from typing import Any, Final, cast

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

REQUEST_S: Final = 10.0
"""How long a request may take to arrive, head and body, from its connection or its first byte on."""
UNREAD_S: Final = 30.0
"""How long a client may leave more than 64 kB of answers unread."""
MOST_HEAD_BYTES: Final = 64 * 1024
"""The longest head, about: request line and headers. Ours need less than a tenth of it."""

_HEAD_TOO_LARGE: Final = 431

_AT_ONCE_BYTES: Final = 64 * 1024
"""What is sent at the latest, however much more is on its way."""


class HeadTooLarge(ValueError):
    """Raised inside the parser, which stops there."""


class NoTunnel(ValueError):
    """Raised inside the parser for CONNECT, which asks to upgrade by its method: we are nobody's proxy."""


class OneSend:
    """A transport that hands on in one piece what is written to it in one turn of the loop.

    uvicorn writes the head of an answer and its body apart: two calls of the system, and two packets.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._pieces: list[bytes] = []
        self._bytes = 0

    def write(self, data: bytes) -> None:
        """Send ``data`` soon, after all that was written before."""
        if not self._pieces:
            self._loop.call_soon(self._send)
        self._pieces.append(data)
        self._bytes += len(data)
        if self._bytes > _AT_ONCE_BYTES:
            self._send()

    def close(self) -> None:
        """Close it once all is sent."""
        self._send()
        self._transport.close()

    def get_write_buffer_size(self) -> int:
        """How much was not taken over by the system yet."""
        return self._bytes + self._transport.get_write_buffer_size()

    def _send(self) -> None:
        pieces, self._pieces, self._bytes = self._pieces, [], 0
        # uvloop raises for what is written to a connection that was lost in the same turn.
        if pieces and not self._transport.is_closing():
            self._transport.write(b"".join(pieces))

    def __getattr__(self, name: str) -> Any:
        """All else is the transport's own."""
        return getattr(self._transport, name)


class BoundedConnection(HttpToolsProtocol):
    """uvicorn's connection with bounds: 10 s for each request, 64 kB for its head, 30 s for unread answers.

    A request that is whole is answered however long that takes. What is refused here ends the connection.
    Nothing is ever upgraded: who asks for it, as Java's client does for HTTP/2, is answered by HTTP/1.1.
    """

    _request_s = REQUEST_S
    _unread_s = UNREAD_S
    _arriving: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None
    _begun = 0
    """How many requests have begun."""
    _in_head = False
    _head_bytes = 0
    """As much of this head as was told piece by piece."""
    _head_unread_bytes = 0
    """As much as arrived after the piece in which it began."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(cast(asyncio.Transport, OneSend(transport, self.loop)))
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self.resume_writing()
        # uvicorn cancels this one only where the end was orderly.
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        # Also for bytes that begin no request: empty lines would stop uvicorn's own timer and start none.
        self._await_request()
        begun = self._begun
        self._read(data)
        # A header that is not whole yet was told by no callback, however long it is.
        if self._in_head and self._begun == begun:
            self._head_unread_bytes += len(data)
            if self._head_too_large() and not self.transport.is_closing():
                self.send_400_response("")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._begun += 1
        self._in_head, self._head_bytes, self._head_unread_bytes = True, 0, 0
        self._await_request()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._head_bytes += len(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._head_bytes += len(name) + len(value)

    def on_headers_complete(self) -> None:
        if self._head_too_large():
            raise HeadTooLarge
        if self.parser.should_upgrade():
            if self.parser.get_method() == b"CONNECT":
                raise NoTunnel
            # It is read again without its Upgrade.
            return
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        super().on_message_complete()
        self._stop_waiting()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no request, and 431 where all that is wrong is its size."""
        status, text = 400, msg.encode("ascii")
        if self._in_head and self._head_too_large():
            status, text = _HEAD_TOO_LARGE, b"The head of the request is too large."
        self.transport.write(
            STATUS_LINE[status]
            + b"content-type: text/plain; charset=utf-8\r\nconnection: close\r\n"
            + b"content-length: %d\r\n\r\n%s" % (len(text), text)
        )
        self.transport.close()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._unread is None:
            self._unread = self.loop.call_later(self._unread_s, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def timeout_keep_alive_handler(self) -> None:
        """End a connection that has been idle for long enough, whether or not its client reads."""
        self._end()

    def _read(self, data: bytes) -> None:
        """Parse ``data`` as uvicorn does, but with the bodies of requests that ask to upgrade.

        The parser ends such a request with its head: its body was lost, or taken for the next request.
        """
        self._unset_keepalive_if_required()
        while data:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as asked:
                data = self._head_without_upgrade() + data[asked.args[0] :]
                self.parser = httptools.HttpRequestParser(self)
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
            except httptools.HttpParserError:
                self.logger.warning("Invalid HTTP request received.")
                self.send_400_response("Invalid HTTP request received.")
                return
            else:
                return

    def _head_without_upgrade(self) -> bytes:
        version = self.parser.get_http_version().encode()
        lines = [b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, version)]
        lines += [b"%s: %s" % header for header in self.headers if header[0] != b"upgrade"]
        return b"\r\n".join([*lines, b"", b""])

    def _head_too_large(self) -> bool:
        return max(self._head_bytes, self._head_unread_bytes) > MOST_HEAD_BYTES

    def _await_request(self) -> None:
        if self._arriving is None:
            self._arriving = self.loop.call_later(self._request_s, self._waited_long_enough)

    def _stop_waiting(self) -> None:
        if self._arriving is not None:
            self._arriving.cancel()
            self._arriving = None

    def _waited_long_enough(self) -> None:
        self._arriving = None
        if self._whole_request_under_way():
            # It is us who keep the next one waiting.
            self._await_request()
        else:
            self._end()

    def _whole_request_under_way(self) -> bool:
        if self.pipeline:
            return True
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete and not cycle.more_body

    def _end(self) -> None:
        # Closing waits until all is sent, which a client that does not read would put off for ever.
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            self.transport.close()

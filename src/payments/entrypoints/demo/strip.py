"""A strip over the payers' own pages, for the demonstration alone: it leads to what stands for the world.

Such a page tells a payer to look at a phone or to wait for a collector. Here both are pages, too.
"""

from typing import Final

import attrs
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from payments.entrypoints.demo.surroundings import COLLECTOR_PAGE, MOUNT

_PAGES: Final = "/pay/"
_BODY: Final = b"<body>"
_STRIP: Final = (
    '<link rel="stylesheet" href="/shop/assets/strip.css">'
    '<nav class="demo-strip" aria-label="Demonstration"><span>Demonstration:</span>'
    f' <a href="{MOUNT}/mpesa/phone/">the simulated phones</a>'
    f' <a href="{COLLECTOR_PAGE}">be the collector</a> <a href="/">back to the shop</a></nav>'
).encode()


@attrs.frozen
class WithStrip:
    """The service; its payers' pages get the strip, and everything else goes through as it is."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(_PAGES):
            await self.app(scope, receive, _Inserting(send))
        else:
            await self.app(scope, receive, send)


@attrs.define
class _Inserting:
    """Holds the start of an answer back until it is known how long its body has become."""

    send: Send
    start: Message | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_a_page(message):
            self.start = message
            return
        if self.start is not None and message["type"] == "http.response.body":
            # The pages are small, and each is sent in one piece.
            body = message.get("body", b"").replace(_BODY, _BODY + _STRIP, 1)
            others = [(name, value) for name, value in self.start["headers"] if name != b"content-length"]
            headers = [*others, (b"content-length", str(len(body)).encode())]
            await self.send({**self.start, "headers": headers})
            self.start = None
            message = {**message, "body": body}
        await self.send(message)


def _is_a_page(message: Message) -> bool:
    kinds = [value for name, value in message["headers"] if name == b"content-type"]
    return any(kind.startswith(b"text/html") for kind in kinds)

"""Chapa and an orders service as far as the hot paths ask them, outside of the process that is counted.

The service speaks to it over real connections with its own client, whose instructions count; those of this do
not. What it answers has the shapes of docs/http.md and of the fact sheet of Chapa, sections 2 and 4.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

AMOUNT = "1000.00"
CURRENCY = "ETB"


def order_of(user: str, number: int) -> str:
    """The name of an order of ``user``; whose it is can be read off it."""
    return f"{user}-{number:04d}"


@asynccontextmanager
async def open_outside() -> AsyncIterator[str]:
    """Its address, for as long as it answers."""
    server = await asyncio.get_running_loop().create_server(_Connection, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"


def answer(method: str, path: str, host: str, body: bytes) -> dict[str, Any] | None:
    """What is answered with 200; None is a 404."""
    *_, kind, name = ("", *path.strip("/").split("/"))
    match method, kind:
        case "GET", "orders":
            return _order(name)
        case "PATCH", "orders":
            return {}
        case "POST", "transaction" if name == "initialize":
            url = f"http://{host}/checkout/payment/{json.loads(body)['tx_ref']}"
            return {"message": "Hosted Link", "status": "success", "data": {"checkout_url": url}}
        case "GET", "verify":
            return {"message": "Payment details", "status": "success", "data": _paid(name)}
        case _:
            return None


def _order(order_id: str) -> dict[str, Any]:
    return {
        "id": order_id,
        "user_id": order_id.rpartition("-")[0],
        "amount": AMOUNT,
        "currency": CURRENCY,
        "status": "open",
        "payable": True,
        "version": "1",
        "customer": {"email": "sara@shop.et", "first_name": "Sara", "last_name": "Tesfaye"},
        "created_at": "2026-01-05T09:30:00.000000Z",
        "updated_at": "2026-01-05T09:31:12.000000Z",
    }


def _paid(reference: str) -> dict[str, Any]:
    return {
        "first_name": "Sara",
        "last_name": "Tesfaye",
        "email": "sara@shop.et",
        "currency": CURRENCY,
        "amount": AMOUNT,
        "charge": "35.00",
        "mode": "test",
        "method": "telebirr",
        "type": "API",
        "status": "success",
        "reference": f"AP{reference[-20:]}",
        "tx_ref": reference,
        "meta": None,
        "created_at": "2026-01-05T09:30:00.000000Z",
        "updated_at": "2026-01-05T09:31:12.000000Z",
    }


class _Connection(asyncio.Protocol):
    """One kept connection, one request at a time, which may arrive in pieces."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # of a TCP socket
        self._transport, self._received = transport, b""

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        request, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if not found or len(body) < int(headers.get("content-length", "0")):
            return
        self._received = b""
        method, path, _ = request.split(" ")
        said = answer(method, path, headers["host"], body)
        status = "404 Not Found" if said is None else "200 OK"
        out = json.dumps(said, separators=(",", ":")).encode()
        told = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(out)}\r\n\r\n"
        self._transport.write(told.encode() + out)

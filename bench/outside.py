"""Orders service, Chapa and Paystack for a load, as cheap as Python allows: about 20 us of CPU a request.

``python -m bench.outside --port N`` answers

- ``GET /orders/{id}/`` with an order of 1000.00 that belongs to ``user-1``, in NGN if its id begins with
  ``ngn-`` and in ETB otherwise, and ``PATCH`` on it with 200;
- ``/v1/transaction/initialize``, ``.../verify/{reference}`` and ``.../cancel/{reference}`` as Chapa's sheet
  has them (sections 2, 4, 5), and the peers' paths beside them: ``/provider/...``;
- ``/transaction/initialize`` and ``/transaction/verify/{reference}`` as Paystack's sheet has them;
- ``/count`` with how often each was asked;
- ``/switch?word=success&late_ms=50&told=held``, which changes how it answers from now on: the word of every
  transaction at Chapa and at the peers' provider (``pending`` until told otherwise), how late these two
  answer (``spread=0.5``: up to half as much sooner or later), and whether ``PATCH`` on an order is answered
  ``at-once``, or ``held`` until that is said again.

The simulators in ``payments.simulators`` are strict and keep everything, which would be what is measured.
"""

import argparse
import asyncio
import collections
import json
import random
from typing import ClassVar, cast
from urllib.parse import parse_qsl

import uvloop

_HEAD = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
_WHO = b'"customer":{"email":"sara@shop.et","first_name":"Sara","last_name":"Tesfaye"}'
_TIMES = b'"created_at":"2026-01-05T09:30:00.000000Z","updated_at":"2026-01-05T09:31:12.000000Z"'
_LATE = (b"/v1/", b"/provider/")
_ADDRESSES = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
"""Orders, Chapa and Paystack; all answer alike."""

asked: collections.Counter[str] = collections.Counter()


def answer(method: bytes, path: bytes, body: bytes) -> bytes:
    """The whole answer to one request."""
    status, out = _answer(method, path, body)
    return _HEAD % (status, len(out)) + out


def _answer(method: bytes, path: bytes, body: bytes) -> tuple[bytes, bytes]:  # noqa: PLR0911 -- one a path
    if path.startswith(b"/orders/"):
        return _order(method, path[8:].strip(b"/"))
    if path in (b"/v1/transaction/initialize", b"/provider/initialize"):
        asked["initialize"] += 1
        reference = json.loads(body)["tx_ref"].encode()
        return b"200 OK", (
            b'{"message":"Hosted Link","status":"success","data":{"checkout_url":"%s/checkout/payment/%s"}}'
        ) % (Outside.origin, reference)
    if path.startswith((b"/v1/transaction/verify/", b"/provider/verify/")):
        asked["verify"] += 1
        return b"200 OK", _transaction(path.rpartition(b"/")[2])
    if path.startswith(b"/v1/transaction/cancel/"):
        asked["cancel"] += 1
        return b"400 Bad Request", b'{"message":"Payment link already expired","status":"failed","data":null}'
    if path.startswith(b"/transaction/"):
        return _paystack(path, body)
    if path == b"/count":
        return b"200 OK", json.dumps(asked).encode()
    if path.startswith(b"/switch?"):
        Outside.switch(dict(parse_qsl(path.partition(b"?")[2].decode())))
        return b"200 OK", b"{}"
    return b"404 Not Found", b'{"message":"no such path","status":"failed","data":null}'


def _order(method: bytes, order_id: bytes) -> tuple[bytes, bytes]:
    if method == b"PATCH":
        asked["told"] += 1
        return b"200 OK", b"{}"
    asked["orders"] += 1
    currency = b"NGN" if order_id.startswith(b"ngn-") else b"ETB"
    return b"200 OK", (
        b'{"id":"%s","user_id":"user-1","amount":"1000.00","currency":"%s","status":"open",'
        b'"payable":true,"version":"1",%s}'
    ) % (order_id, currency, _WHO)


def _transaction(reference: bytes) -> bytes:
    return (
        b'{"message":"Payment details","status":"success","data":{"first_name":"Sara","last_name":"Tesfaye",'
        b'"email":"sara@shop.et","currency":"ETB","amount":"1000.00","charge":"35.00","mode":"test",'
        b'"method":"telebirr","type":"API","status":"%s","reference":"AP%s","tx_ref":"%s",'
        b'"meta":null,%s}}'
    ) % (Outside.word, reference[-20:], reference, _TIMES)


def _paystack(path: bytes, body: bytes) -> tuple[bytes, bytes]:
    """Paystack's two answers that a payer waits for; nobody has paid there."""
    asked["paystack"] += 1
    if path == b"/transaction/initialize":
        reference = json.loads(body)["reference"].encode()
        return b"200 OK", (
            b'{"status":true,"message":"Authorization URL created","data":{"authorization_url":'
            b'"https://checkout.paystack.com/%s","access_code":"%s","reference":"%s"}}'
        ) % (reference[-15:], reference[-15:], reference)
    return b"400 Bad Request", (
        b'{"status":false,"message":"Transaction reference not found","code":"transaction_not_found"}'
    )


class Outside(asyncio.Protocol):
    """One kept connection; requests may arrive in pieces and several at once."""

    late_s: ClassVar[float] = 0.0
    spread: ClassVar[float] = 0.0
    word: ClassVar[bytes] = b"pending"
    origin: ClassVar[bytes] = b""
    holding: ClassVar[bool] = False
    held: ClassVar[list[tuple[asyncio.Transport, bytes]]] = []

    @classmethod
    def switch(cls, told: dict[str, str]) -> None:
        """Change how everybody is answered from now on."""
        cls.late_s = float(told.get("late_ms", cls.late_s * 1000)) / 1000
        cls.spread = float(told.get("spread", cls.spread))
        cls.word = told["word"].encode() if "word" in told else cls.word
        cls.holding = told["told"] == "held" if "told" in told else cls.holding
        if not cls.holding:
            for transport, out in cls.held:
                _send(transport, out)
            cls.held.clear()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop has its own class for what asyncio calls a Transport.
        self._transport, self._received = cast("asyncio.Transport", transport), b""

    def data_received(self, data: bytes) -> None:
        received = self._received + data
        while (end := received.find(b"\r\n\r\n")) >= 0:
            head = received[:end]
            method, path, _ = head.split(b" ", 2)
            body_ends = end + 4 + _length(head)
            if len(received) < body_ends:
                break
            self._write(method, path, answer(method, path, received[end + 4 : body_ends]))
            received = received[body_ends:]
        self._received = received

    def _write(self, method: bytes, path: bytes, out: bytes) -> None:
        if self.holding and method == b"PATCH":
            self.held.append((self._transport, out))
        elif self.late_s and path.startswith(_LATE):
            late_s = self.late_s * random.uniform(1 - self.spread, 1 + self.spread)  # noqa: S311 -- no secret
            asyncio.get_running_loop().call_later(late_s, _send, self._transport, out)
        else:
            _send(self._transport, out)


def _send(transport: asyncio.Transport, out: bytes) -> None:
    # Whoever asked may have given up meanwhile.
    if not transport.is_closing():
        transport.write(out)


def _length(head: bytes) -> int:
    _, found, rest = head.lower().partition(b"content-length:")
    return int(rest.partition(b"\r\n")[0]) if found else 0


async def serve(port: int) -> None:
    """Answer on ``port`` until somebody ends the process."""
    Outside.origin = b"http://127.0.0.2:%d" % port
    server = await asyncio.get_running_loop().create_server(Outside, _ADDRESSES, port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--port", type=int, required=True)
    uvloop.run(serve(words.parse_args().port))

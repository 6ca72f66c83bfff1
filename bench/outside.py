"""Orders service and Chapa for a load, as cheap as Python allows: about 20 us of CPU a request.

``python -m bench.outside --port N --late-ms N`` answers

- ``GET /orders/{id}/`` with an order of 1000.00 ETB that belongs to ``user-1``, and ``PATCH`` on it with 204;
- ``/v1/transaction/initialize``, ``/v1/transaction/verify/{reference}`` and ``/v1/transaction/cancel/{reference}``
  as Chapa's sheet has them (sections 2, 4, 5): everything that is asked about is paid;
- the peers' paths beside them: ``/provider/...``;
- ``/count`` with how often each was asked.

The simulators in ``payments.simulators`` are strict and keep everything, which would be what is measured.
"""

import argparse
import asyncio
import collections
import json

import uvloop

_HEAD = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
_WHO = b'"customer":{"email":"sara@shop.et","first_name":"Sara","last_name":"Tesfaye"}'
_TIMES = b'"created_at":"2026-01-05T09:30:00.000000Z","updated_at":"2026-01-05T09:31:12.000000Z"'

asked: collections.Counter[str] = collections.Counter()


def answer(method: bytes, path: bytes, body: bytes) -> bytes:
    status, out = _answer(method, path, body)
    return _HEAD % (status, len(out)) + out


def _answer(method: bytes, path: bytes, body: bytes) -> tuple[bytes, bytes]:
    if path.startswith(b"/orders/"):
        if method == b"PATCH":
            asked["told"] += 1
            return b"200 OK", b"{}"
        asked["orders"] += 1
        return b"200 OK", (
            b'{"id":"%s","user_id":"user-1","amount":"1000.00","currency":"ETB","status":"open",'
            b'"payable":true,"version":"1",%s}'
        ) % (path[8:].strip(b"/"), _WHO)
    if path in (b"/v1/transaction/initialize", b"/provider/initialize"):
        asked["initialize"] += 1
        reference = json.loads(body)["tx_ref"].encode()
        return b"200 OK", (
            b'{"message":"Hosted Link","status":"success",'
            b'"data":{"checkout_url":"%s/checkout/payment/%s"}}'
        ) % (Outside.origin, reference)
    if path.startswith((b"/v1/transaction/verify/", b"/provider/verify/")):
        asked["verify"] += 1
        reference = path.rpartition(b"/")[2]
        return b"200 OK", (
            b'{"message":"Payment details","status":"success","data":{"first_name":"Sara","last_name":"Tesfaye",'
            b'"email":"sara@shop.et","currency":"ETB","amount":"1000.00","charge":"35.00","mode":"test",'
            b'"method":"telebirr","type":"API","status":"success","reference":"AP%s","tx_ref":"%s",'
            b'"meta":null,%s}}'
        ) % (reference[-20:], reference, _TIMES)
    if path.startswith(b"/v1/transaction/cancel/"):
        asked["cancel"] += 1
        return b"400 Bad Request", b'{"message":"Payment link already expired","status":"failed","data":null}'
    if path == b"/count":
        return b"200 OK", json.dumps(asked).encode()
    return b"404 Not Found", b'{"message":"no such path","status":"failed","data":null}'


class Outside(asyncio.Protocol):
    """One kept connection; requests may arrive in pieces and several at once."""

    late_s = 0.0
    origin = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # of a TCP socket
        self._transport, self._received = transport, b""

    def data_received(self, data: bytes) -> None:
        received = self._received + data
        while (end := received.find(b"\r\n\r\n")) >= 0:
            head = received[:end]
            method, path, _ = head.split(b" ", 2)
            body_ends = end + 4 + _length(head)
            if len(received) < body_ends:
                break
            out = answer(method, path, received[end + 4 : body_ends])
            received = received[body_ends:]
            if self.late_s and b"/orders/" not in path:
                asyncio.get_running_loop().call_later(self.late_s, self._transport.write, out)
            else:
                self._transport.write(out)
        self._received = received


def _length(head: bytes) -> int:
    _, found, rest = head.lower().partition(b"content-length:")
    return int(rest.partition(b"\r\n")[0]) if found else 0


async def serve(port: int, late_ms: float) -> None:
    Outside.late_s, Outside.origin = late_ms / 1000, b"http://127.0.0.1:%d" % port
    server = await asyncio.get_running_loop().create_server(Outside, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--port", type=int, required=True)
    words.add_argument("--late-ms", type=float, default=0.0)
    given = words.parse_args()
    uvloop.run(serve(given.port, given.late_ms))

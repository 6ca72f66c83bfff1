"""Signatures that must not count, for each provider that signs."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from typing import Final

import attrs

Headers = list[tuple[bytes, bytes]]

_OTHER_DIGITS: Final = {ord(str(digit)): chr(0x660 + digit) for digit in range(10)} | {ord("a"): "\u0430"}
"""Arabic ones, and a Cyrillic letter."""


@attrs.frozen(kw_only=True)
class Signer:
    """How a provider signs: with which key and digest, and where the signature stands."""

    secret: bytes
    digest: str
    header: bytes

    def of(self, body: bytes, key: bytes | None = None, digest: str | None = None) -> bytes:
        """The signature of ``body``, by the right key and digest unless told otherwise."""
        return hmac.digest(self.secret if key is None else key, body, digest or self.digest).hex().encode()

    def genuine(self, body: bytes) -> Headers:
        return [(self.header, self.of(body))]

    def other_digest(self) -> str:
        return "sha512" if self.digest == "sha256" else "sha256"


Forgery = Callable[[Signer, bytes], Headers]


def _written_anew(by: Signer, body: bytes) -> bytes:
    """What somebody signs who reads the JSON and writes it again."""
    try:
        anew = json.dumps(json.loads(body), separators=(",", ":")).encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError):
        anew = body + b"\n"
    return by.of(anew if anew != body else body + b"\n")


def _one(value: Callable[[Signer, bytes], bytes]) -> Forgery:
    return lambda by, body: [(by.header, value(by, body))]


FORGERIES: Final[Mapping[str, Forgery]] = {
    "no signature": lambda _by, _body: [],
    "empty": _one(lambda _by, _body: b""),
    "blank": _one(lambda _by, _body: b"   "),
    "zeros": _one(lambda by, body: b"0" * len(by.of(body))),
    "the constant of the secret": _one(lambda by, _: by.of(by.secret)),
    "the constant in Chapa's other header": lambda by, _: [(b"chapa-signature", by.of(by.secret))],
    "the constant in both of Chapa's headers": lambda by, _: [
        (b"chapa-signature", by.of(by.secret)),
        (b"x-chapa-signature", by.of(by.secret)),
    ],
    "of another body": _one(lambda by, body: by.of(body + b" ")),
    "of no body": _one(lambda by, body: by.of(b"" if body else b" ")),
    "of the body written anew": _one(_written_anew),
    "by another secret": _one(lambda by, body: by.of(body, b"another-secret-of-somebody-else")),
    "by no secret": _one(lambda by, body: by.of(body, b"")),
    "by a secret that ends in a newline": _one(lambda by, body: by.of(body, by.secret + b"\n")),
    "by another digest": _one(lambda by, body: by.of(body, digest=by.other_digest())),
    "by no key at all": _one(lambda by, body: hashlib.new(by.digest, body).hexdigest().encode()),
    "by key and body in a row": _one(
        lambda by, body: hashlib.new(by.digest, by.secret + body).hexdigest().encode()
    ),
    "cut": _one(lambda by, body: by.of(body)[:-2]),
    "too long": _one(lambda by, body: by.of(body) + b"00"),
    "in capitals": _one(lambda by, body: by.of(body).upper() + b"A"),
    "in base64": _one(lambda by, body: base64.b64encode(bytes.fromhex(by.of(body).decode()))),
    "as raw bytes": _one(lambda by, body: b"\xff" + bytes.fromhex(by.of(body).decode())),
    "with a prefix": _one(lambda by, body: by.digest.encode() + b"=" + by.of(body)),
    "in quotes": _one(lambda by, body: b'"' + by.of(body) + b'"'),
    "with another after it": _one(lambda by, body: by.of(body) + b", " + by.of(body)),
    "sent twice": lambda by, body: by.genuine(body) * 2,
    "right and wrong": lambda by, body: [*by.genuine(body), (by.header, b"0" * 64)],
    "wrong and right": lambda by, body: [(by.header, b"0" * 64), *by.genuine(body)],
    "not ASCII": _one(lambda _by, _body: "подпись".encode()),
    "not UTF-8": _one(lambda _by, _body: b"\xff\xfe\x80"),
    "in other digits": _one(lambda by, body: by.of(body).decode().translate(_OTHER_DIGITS).encode()),
    "huge": _one(lambda _by, _body: b"a" * 60_000),
    "a word": _one(lambda _by, _body: b"true"),
    "as a bearer token": lambda by, body: [(b"authorization", b"Bearer " + by.of(body))],
    "under another name": lambda by, body: [(b"x-signature", by.of(body)), (b"signature", by.of(body))],
    "under a name with an underscore": lambda by, body: [(by.header.replace(b"-", b"_"), by.of(body))],
}

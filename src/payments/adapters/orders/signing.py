"""Signing messages as Standard Webhooks says (specification 1.0.0, symmetric scheme ``v1``)."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable
from datetime import datetime
from typing import Final, Self

import attrs

PREFIX: Final = "whsec_"
LEAST_SECRET_BYTES: Final = 24
MOST_SECRET_BYTES: Final = 64


@attrs.frozen
class Signer:
    """Signs with every active secret, so that a receiver can change secrets without losing a message."""

    _keys: tuple[bytes, ...] = attrs.field(repr=False)

    @classmethod
    def of(cls, secrets: Iterable[str]) -> Self:
        """A signer over ``secrets``, each ``whsec_`` and base64 of 24 to 64 bytes.

        Raises:
            ValueError: no secret, or one that has not this form. The sentence never repeats it.
        """
        keys = tuple(key_of(secret) for secret in secrets)
        if not keys:
            raise ValueError("A signer needs a secret.")
        return cls(keys)

    def headers(self, message_id: str, at: datetime, body: bytes) -> dict[str, str]:
        """The three headers that prove ``body`` is ours, sent ``at`` under the stable ``message_id``."""
        timestamp = str(int(at.timestamp()))
        signed = b".".join((message_id.encode(), timestamp.encode(), body))
        signatures = (hmac.new(key, signed, hashlib.sha256).digest() for key in self._keys)
        return {
            "webhook-id": message_id,
            "webhook-timestamp": timestamp,
            "webhook-signature": " ".join(f"v1,{base64.b64encode(each).decode()}" for each in signatures),
        }


def key_of(secret: str) -> bytes:
    """The bytes that ``secret`` stands for, ``whsec_`` and base64 of 24 to 64 bytes.

    Raises:
        ValueError: it has not this form. The sentence never repeats it.
    """
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"A signing secret is {PREFIX} followed by base64.") from error
    if not secret.startswith(PREFIX) or not LEAST_SECRET_BYTES <= len(key) <= MOST_SECRET_BYTES:
        raise ValueError(
            f"A signing secret is {PREFIX} followed by base64 of {LEAST_SECRET_BYTES} "
            f"to {MOST_SECRET_BYTES} bytes."
        )
    return key

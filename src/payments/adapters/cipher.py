"""Sealing raw messages with AES-256-GCM under named keys.

A sealed message is ``version (1) | key id (4) | nonce (12) | ciphertext and tag``; version and key id are
authenticated, too. Nonces are random, so one key is good for 2**32 messages (NIST SP 800-38D, section 8.3).
"""

import hmac
import os
from collections.abc import Mapping, Sequence
from typing import Final, Self

import attrs
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from payments.application.ports.cipher import Cipher

LEAST_KEY_BYTES: Final = 16

_VERSION: Final = b"\x01"
_ID_BYTES: Final = 4
_NONCE_BYTES: Final = 12
_HEAD_BYTES: Final = len(_VERSION) + _ID_BYTES
_KEY_BYTES: Final = 32


@attrs.frozen
class AesGcmCipher(Cipher):
    """Seals under the first key and opens under every key it was given."""

    _sealing_id: bytes
    _by_id: Mapping[bytes, AESGCM] = attrs.field(repr=False)
    _deriving: Mapping[str, bytes] = attrs.field(repr=False)

    @classmethod
    def of(cls, keys: Sequence[bytes]) -> Self:
        """A cipher over ``keys``, each at least 16 random bytes: the present one first, then earlier ones.

        Raises:
            ValueError: no key, or one that is too short.
        """
        if not keys:
            raise ValueError("A cipher needs a key.")
        if any(len(key) < LEAST_KEY_BYTES for key in keys):
            raise ValueError(f"A key has at least {LEAST_KEY_BYTES} bytes.")
        named = [(_derived(key, b"key id", _ID_BYTES), _derived(key, b"sealing", _KEY_BYTES)) for key in keys]
        deriving = {
            key_id.hex(): _derived(key, b"deriving", _KEY_BYTES)
            for (key_id, _), key in zip(named, keys, strict=True)
        }
        return cls(named[0][0], {key_id: AESGCM(key) for key_id, key in named}, deriving)

    def seal(self, plain: bytes) -> bytes:
        head = _VERSION + self._sealing_id
        nonce = os.urandom(_NONCE_BYTES)
        return head + nonce + self._by_id[self._sealing_id].encrypt(nonce, plain, head)

    def open(self, sealed: bytes) -> bytes:
        head, nonce = sealed[:_HEAD_BYTES], sealed[_HEAD_BYTES : _HEAD_BYTES + _NONCE_BYTES]
        key = self._by_id.get(head[len(_VERSION) :]) if head.startswith(_VERSION) else None
        if key is None:
            raise ValueError("It was sealed under a key we do not have.")
        try:
            return key.decrypt(nonce, sealed[_HEAD_BYTES + _NONCE_BYTES :], head)
        except (InvalidTag, ValueError) as error:
            raise ValueError("It was changed after it was sealed.") from error

    @property
    def key_id(self) -> str:
        return self._sealing_id.hex()

    def derive(self, name: str, key_id: str) -> bytes:
        key = self._deriving.get(key_id)
        if key is None:
            raise ValueError("It was derived from a key we do not have.")
        return hmac.digest(key, name.encode(), "sha256")


def _derived(key: bytes, purpose: bytes, length: int) -> bytes:
    # One secret serves several purposes, so none of them may have the secret itself (RFC 5869).
    return HKDF(
        algorithm=hashes.SHA256(), length=length, salt=None, info=b"payments cipher: " + purpose
    ).derive(key)

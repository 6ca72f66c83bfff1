"""The cipher contract over AES-GCM, and a broken cipher it must catch."""

import base64

import pytest

from payments.adapters.cipher import AesGcmCipher
from payments.application.ports.cipher import Cipher
from payments.testing.contracts.cipher import CipherContract
from payments.testing.contracts.promises import BrokenPromise


class TestAesGcmCipher(CipherContract):
    def over(self, *keys: bytes) -> Cipher:
        return AesGcmCipher.of(keys)


class Envelope(Cipher):
    """Broken on purpose: it hides, and neither encrypts nor notices."""

    key_id = "00000000"

    def derive(self, name: str, key_id: str) -> bytes:
        return base64.b85encode(name.encode())

    def seal(self, plain: bytes) -> bytes:
        return base64.b85encode(plain)

    def open(self, sealed: bytes) -> bytes:
        return base64.b85decode(sealed)


class OverEnvelope(CipherContract):
    def over(self, *keys: bytes) -> Cipher:
        return Envelope()


def test_the_contract_catches_a_cipher_without_a_key() -> None:
    with pytest.raises(BrokenPromise, match="equal messages are sealed differently"):
        OverEnvelope().test_nobody_reads_it_and_equal_messages_look_different()
    with pytest.raises(BrokenPromise, match="open raises ValueError for a key it does not have"):
        OverEnvelope().test_a_key_it_does_not_have_is_a_value_error()
    with pytest.raises(BrokenPromise, match="32 bytes"):
        OverEnvelope().test_what_is_derived_hangs_on_name_and_key()


@pytest.mark.parametrize("keys", [(), (b"",), (b"fifteen bytes..",), (b"a" * 32, b"short")])
def test_a_cipher_needs_real_keys(keys: tuple[bytes, ...]) -> None:
    with pytest.raises(ValueError, match="key"):
        AesGcmCipher.of(keys)


def test_a_cipher_never_shows_its_keys() -> None:
    assert "AESGCM" not in repr(AesGcmCipher.of([b"k" * 32]))

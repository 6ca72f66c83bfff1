"""What every cipher keeps."""

from abc import ABC, abstractmethod

from payments.application.ports.cipher import Cipher
from payments.testing.contracts.promises import promise, promise_to_raise

_PLAIN = b'{"event":"charge.success","tx_ref":"p-abcdefghijklmnopqrstuvwxyz"}'
_DERIVED_BYTES = 32
_KEY_ID_DIGITS = 8


class CipherContract(ABC):
    """Inherit it in a test class, and say how a cipher is made from its keys."""

    @abstractmethod
    def over(self, *keys: bytes) -> Cipher:
        """A cipher over ``keys`` of 32 bytes, the present one first."""

    def test_what_was_sealed_is_opened_again(self) -> None:
        cipher = self.over(b"a" * 32)
        for plain in (b"", _PLAIN, bytes(range(256)) * 300):
            promise("open returns what was sealed.", kept=cipher.open(cipher.seal(plain)) == plain)

    def test_nobody_reads_it_and_equal_messages_look_different(self) -> None:
        cipher = self.over(b"a" * 32)
        once, again = cipher.seal(_PLAIN), cipher.seal(_PLAIN)
        promise("what is sealed cannot be read.", kept=_PLAIN[:16] not in once)
        promise("equal messages are sealed differently.", kept=once != again)

    def test_an_earlier_key_still_opens_and_the_first_one_seals(self) -> None:
        earlier, rotated, present = (
            self.over(b"a" * 32),
            self.over(b"b" * 32, b"a" * 32),
            self.over(b"b" * 32),
        )
        promise("every key opens.", kept=rotated.open(earlier.seal(_PLAIN)) == _PLAIN)
        promise("the first key seals.", kept=present.open(rotated.seal(_PLAIN)) == _PLAIN)

    def test_a_key_it_does_not_have_is_a_value_error(self) -> None:
        sealed = self.over(b"a" * 32).seal(_PLAIN)
        with promise_to_raise(ValueError, "open raises ValueError for a key it does not have."):
            self.over(b"b" * 32).open(sealed)

    def test_what_is_derived_hangs_on_name_and_key(self) -> None:
        present, rotated, other = (
            self.over(b"a" * 32),
            self.over(b"b" * 32, b"a" * 32),
            self.over(b"c" * 32),
        )
        key_id = present.key_id
        once = present.derive("page p-1", key_id)
        whole = len(once) == _DERIVED_BYTES and b"p-1" not in once
        promise("derive gives 32 bytes that do not show the name.", kept=whole)
        promise("the same name and key give the same bytes.", kept=rotated.derive("page p-1", key_id) == once)
        promise("another name gives other bytes.", kept=present.derive("page p-2", key_id) != once)
        promise("another key gives other bytes.", kept=rotated.derive("page p-1", rotated.key_id) != once)
        named = len(key_id) == _KEY_ID_DIGITS and bytes.fromhex(key_id).hex() == key_id
        promise("a key has a name of 8 hexadecimal digits.", kept=named)
        with promise_to_raise(ValueError, "derive raises ValueError for a key it does not have."):
            other.derive("page p-1", key_id)

    def test_every_changed_bit_is_noticed(self) -> None:
        cipher = self.over(b"a" * 32)
        sealed = cipher.seal(b"short")
        for position in range(len(sealed) * 8):
            changed = bytearray(sealed)
            changed[position // 8] ^= 1 << position % 8
            with promise_to_raise(ValueError, f"open raises ValueError when bit {position} was changed."):
                cipher.open(bytes(changed))

    def test_a_cut_message_is_a_value_error(self) -> None:
        cipher = self.over(b"a" * 32)
        sealed = cipher.seal(b"short")
        for length in range(len(sealed)):
            with promise_to_raise(ValueError, f"open raises ValueError for the first {length} bytes."):
                cipher.open(sealed[:length])

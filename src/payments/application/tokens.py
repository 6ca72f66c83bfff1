"""Secrets that are derived and not kept: addresses that only one party knows, and delivery codes.

Only the hash of a token is stored, so whoever reads the database can use none; and a page can be shown again
at the same address although nobody wrote that address down.
"""

import hashlib
import re
from typing import Final

import attrs

from payments.application.addresses import Addresses
from payments.application.ports.cipher import Cipher
from payments.application.records import PaymentSummary
from payments.domain.attempt import Attempt
from payments.domain.payment import Payment

_TOKEN_BYTES: Final = 16
_CODES: Final = 1_000_000
_MARK: Final = re.compile(r"/pay/([0-9a-f]{8})/")


def hash_of(token: str) -> str:
    """What is stored of a token: its SHA-256, in lower-case hexadecimal."""
    return hashlib.sha256(token.encode()).hexdigest()


@attrs.frozen
class Tokens:
    """128-bit tokens in lower-case hexadecimal, each for one purpose and one reference."""

    _addresses: Addresses
    _cipher: Cipher

    @property
    def page_mark(self) -> str:
        """What an attempt keeps in place of the address of our own page: the key it is derived from."""
        return f"/pay/{self._cipher.key_id}/"

    def page(self, reference: str, mark: str) -> str:
        """The token in the address of the page of ``reference``.

        Raises:
            ValueError: we do not have the key that ``mark`` names.
        """
        return self._token(f"page {reference}", _key_of(mark))

    def callback(self, reference: str) -> str:
        """The token in the address that a provider reports to about this attempt or refund."""
        return self._token(f"callback {reference}", self._cipher.key_id)

    def callback_url(self, reference: str) -> str:
        """That address."""
        return self._addresses.callback(self.callback(reference))

    def delivery_code(self, attempt: Attempt) -> str:
        """The six digits a payer hands to the collector.

        Raises:
            ValueError: we do not have the key it was made with.
        """
        derived = self._cipher.derive(
            f"delivery code {attempt.reference}", _key_of(attempt.checkout_url or "")
        )
        return f"{int.from_bytes(derived) % _CODES:06d}"

    def checkout_url(self, kept: str | None, reference: str | None) -> str | None:
        """Where the payer pays: the provider's page as it was kept, or the address of our own.

        None when there is nothing to pay on, or we no longer have the key of our page's address.
        """
        if kept is None or reference is None or not _MARK.fullmatch(kept):
            return kept
        try:
            return self._addresses.page(self.page(reference, kept))
        except ValueError:
            return None

    def shown(self, payment: Payment) -> Payment:
        """``payment`` with the addresses that its payer may see in place of what is kept of them."""
        return attrs.evolve(
            payment,
            attempts=tuple(
                attrs.evolve(a, checkout_url=self.checkout_url(a.checkout_url, a.reference))
                for a in payment.attempts
            ),
        )

    def line(self, line: PaymentSummary) -> PaymentSummary:
        """The same of a line of a list."""
        shown = self.checkout_url(line.checkout_url, line.reference)
        # A provider's page is kept as it is shown, and so are most lines of most lists.
        return line if shown == line.checkout_url else attrs.evolve(line, checkout_url=shown)

    def _token(self, name: str, key_id: str) -> str:
        return self._cipher.derive(name, key_id)[:_TOKEN_BYTES].hex()


def _key_of(mark: str) -> str:
    match = _MARK.fullmatch(mark)
    if match is None:
        raise ValueError("It marks no page of ours.")
    return match[1]

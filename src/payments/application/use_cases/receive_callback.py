"""Receive a callback: find whose secret address it came to, store raw, acknowledge. It decides nothing."""

import hashlib
from typing import Final

import attrs

from payments.application.answers import Acknowledged
from payments.application.card_numbers import emptied
from payments.application.ports.cipher import Cipher
from payments.application.ports.clock import Clock
from payments.application.ports.identifiers import Identifiers
from payments.application.ports.providers import Callback, Providers
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.records import Claim, Notice
from payments.application.tokens import hash_of
from payments.domain.errors import ReferenceNotFound
from payments.domain.payment import Payment

_NOTHING_EXPECTED: Final = b"{}"


@attrs.frozen
class ReceiveCallback:
    """Take in what a provider reports to the address of one attempt or refund.

    Nobody is asked and nothing else happens before it is on disk: a provider may report only once.
    """

    _cipher: Cipher
    _clock: Clock
    _identifiers: Identifiers
    _providers: Providers
    _unit_of_work: UnitOfWork

    async def __call__(self, token: str, body: bytes) -> Acknowledged:
        """Store ``body``, readable or not; the same bytes again are a duplicate and no error.

        Raises:
            ReferenceNotFound: nobody was given an address with this token. Nothing is stored.
            StorageUnavailable: it could not be stored; the provider should send it again.
        """
        token_hash = hash_of(token)
        payment = await self._unit_of_work.reads.payment_with_callback_token(token_hash)
        if payment is None:
            raise ReferenceNotFound
        reference, name = _named(payment, token_hash)
        provider = self._providers.by_name.get(name)
        callbacks = provider.callbacks if provider else None
        said = callbacks.read(body) if callbacks else Callback(claim=Claim.OTHER, word="unread")
        now = self._clock.now()
        identity = b"\x00".join((name.encode(), reference.encode(), body))
        notice = Notice(
            notice_id=self._identifiers.unique(),
            provider=name,
            digest=hashlib.sha256(identity).hexdigest(),
            sealed=self._cipher.seal(emptied(body)),
            reference=reference,
            claim=said.claim,
            word=said.word,
            received_at=now,
            next_try_at=now,
        )
        if not await self._unit_of_work.single.add_known_notice(notice):
            # It came before; one that waits for another look is looked at sooner.
            await self._unit_of_work.write(lambda transaction: transaction.add_notice(notice))
        return Acknowledged(body=callbacks.acknowledgement() if callbacks else _NOTHING_EXPECTED)


def _named(payment: Payment, token_hash: str) -> tuple[str, str]:
    """The reference of the attempt or refund whose address has this token, and the provider it is with."""
    for attempt in payment.attempts:
        if attempt.callback_token_hash == token_hash:
            return attempt.reference, attempt.provider
    for refund in payment.refunds:
        if refund.callback_token_hash == token_hash:
            capture = next(c for c in payment.captures if c.capture_id == refund.capture_id)
            return refund.reference, capture.provider
    raise ReferenceNotFound

"""Receive a notice: authenticate, store raw, acknowledge. Nothing in it decides anything."""

import hashlib

import attrs

from payments.application.answers import Received
from payments.application.ports.cipher import Cipher
from payments.application.ports.clock import Clock
from payments.application.ports.identifiers import Identifiers
from payments.application.ports.providers import Providers, RawNotice
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.records import Claim, Notice
from payments.domain.errors import UnsupportedProvider


@attrs.frozen
class ReceiveNotice:
    """Take in a provider's message. A forged one is refused: nothing is stored and nobody is called."""

    _cipher: Cipher
    _clock: Clock
    _identifiers: Identifiers
    _providers: Providers
    _unit_of_work: UnitOfWork

    async def __call__(self, provider: str, headers: tuple[tuple[str, str], ...], body: bytes) -> Received:
        """Store the notice durably; a duplicate is recognised by its bytes and is no error.

        ``headers`` are as received, names in any case.

        Raises:
            UnsupportedProvider: unknown here, switched off, or one that sends no notices.
            NoticeForged: its signature does not cover these bytes.
            NoticeMalformed: authentic but unreadable.
            StorageUnavailable: it could not be stored; the provider should send it again.
        """
        gateway = self._providers.named(provider)
        if gateway.webhooks is None:
            raise UnsupportedProvider(f"{provider} sends no notices.")
        lowered = tuple((name.lower(), value) for name, value in headers)
        hint = gateway.webhooks.read(RawNotice(headers=lowered, body=body))
        now = self._clock.now()
        ignored = hint.claim is Claim.IGNORED
        notice = Notice(
            notice_id=self._identifiers.unique(),
            provider=provider,
            digest=hashlib.sha256(provider.encode() + b"\x00" + body).hexdigest(),
            sealed=self._cipher.seal(body),
            reference=hint.reference,
            claim=hint.claim,
            word=hint.word,
            received_at=now,
            handled_at=now if ignored else None,
            outcome="ignored" if ignored else "",
            next_try_at=None if ignored else now,
        )
        return Received(
            stored=await self._unit_of_work.write(lambda transaction: transaction.add_notice(notice))
        )

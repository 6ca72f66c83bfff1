"""Receive a notice: authenticate, store raw, acknowledge. Nothing in it decides anything."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Final

import attrs

from payments.application.answers import Received
from payments.application.card_numbers import emptied
from payments.application.notice_limits import NoticeLimits
from payments.application.ports.cipher import Cipher
from payments.application.ports.clock import Clock
from payments.application.ports.identifiers import Identifiers
from payments.application.ports.providers import Providers, RawNotice
from payments.application.ports.shared_state import SharedState
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.records import Claim, Notice
from payments.domain.errors import InboxFull, UnsupportedProvider

SENT_AGAIN_S: Final = 300.0
"""When a provider whose notices find no place may send them again."""
TOLD_EVERY_S: Final = 60.0
"""However many are refused, the log says so this seldom."""


@attrs.frozen
class ReceiveNotice:
    """Take in a provider's message. A forged one is refused: nothing is stored and nobody is called."""

    _cipher: Cipher
    _clock: Clock
    _identifiers: Identifiers
    _limits: NoticeLimits
    _providers: Providers
    _shared_state: SharedState
    _unit_of_work: UnitOfWork

    async def __call__(
        self, provider: str, headers: Mapping[str, str] | Iterable[tuple[str, str]], body: bytes
    ) -> Received:
        """Store the notice durably; a duplicate is recognised by its bytes and is no error.

        ``headers`` are as received, names in any case: pairs, or what a framework has them in.

        Raises:
            UnsupportedProvider: unknown here, switched off, or one that sends no notices.
            NoticeForged: its signature does not cover these bytes.
            NoticeMalformed: authentic but unreadable.
            InboxFull: nobody has its reference, and too many like it wait; the provider should send it again.
            StorageUnavailable: it could not be stored; the provider should send it again.
        """
        gateway = self._providers.named(provider)
        if gateway.webhooks is None:
            raise UnsupportedProvider(f"{provider} sends no notices.")
        pairs = headers.items() if isinstance(headers, Mapping) else headers
        lowered = tuple((name.lower(), value) for name, value in pairs)
        hint = gateway.webhooks.read(RawNotice(headers=lowered, body=body))
        now = self._clock.now()
        ignored = hint.claim is Claim.IGNORED
        notice = Notice(
            notice_id=self._identifiers.unique(),
            provider=provider,
            digest=hashlib.sha256(provider.encode() + b"\x00" + body).hexdigest(),
            sealed=self._cipher.seal(emptied(body)),
            reference=hint.reference,
            claim=hint.claim,
            word=hint.word,
            received_at=now,
            handled_at=now if ignored else None,
            outcome="ignored" if ignored else "",
            next_try_at=None if ignored else now,
        )
        if await self._unit_of_work.single.add_known_notice(notice):
            return Received(stored=True)
        # Few are left: it came before, or nobody has its reference and it has to find a place.
        try:
            stored = await self._unit_of_work.write(
                lambda transaction: transaction.add_notice(notice, most_unknown=self._limits.unknown)
            )
        except InboxFull as full:
            refused = InboxFull(retry_after_s=SENT_AGAIN_S)
            refused.first = await self._shared_state.first_within(f"inbox-full:{provider}", TOLD_EVERY_S)
            raise refused from full
        return Received(stored=stored)

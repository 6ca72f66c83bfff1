"""Answer once: the same Idempotency-Key and the same request get the stored answer."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Final

import attrs

from payments.application.answers import Answered
from payments.application.ports.cipher import Cipher
from payments.application.ports.clock import Clock
from payments.application.ports.identifiers import Identifiers
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.records import StoredAnswer
from payments.domain.errors import IdempotencyKeyInFlight, IdempotencyKeyReused, StorageError

KEPT_FOR: Final = timedelta(hours=24)

IN_FLIGHT_FOR: Final = timedelta(seconds=60)
"""A process that died while answering holds its key this long; then the request may be made again."""

AHEAD: Final = timedelta(minutes=5)
"""A reservation that ends so much later than ours was made by a clock that was ahead: it ends now."""


@attrs.frozen
class AnswerOnce:
    """Keep the first final answer under the caller's key, per user and operation, for 24 hours.

    It is kept sealed: it may hold the address of a payer's page, which nobody is to read in the database.
    """

    _cipher: Cipher
    _clock: Clock
    _identifiers: Identifiers
    _unit_of_work: UnitOfWork

    async def __call__(
        self,
        *,
        user: str,
        operation: str,
        key: str,
        fingerprint: str,
        produce: Callable[[], Awaitable[Answered]],
    ) -> Answered:
        """The stored answer if there is one, else what ``produce`` answers; stored only if it is final.

        Raises:
            IdempotencyKeyInFlight: another request with this key is being answered, or took the key of this
                one, which took longer than it was reserved for.
            IdempotencyKeyReused: the key belongs to a request with another fingerprint.
        """
        now = self._clock.now()
        mine = StoredAnswer(
            user=user,
            operation=operation,
            key=key,
            fingerprint=fingerprint,
            holder=self._identifiers.unique(),
            expires_at=now + IN_FLIGHT_FOR,
        )
        single = self._unit_of_work.single
        stands = await single.begin_answer(mine, now)
        if stands is not None and _is_by_a_clock_ahead(stands, mine):
            # Whoever it is does not answer any more, or finds that the key is no longer theirs.
            await single.drop_answer(stands)
            stands = await single.begin_answer(mine, now)
        if stands is not None and stands.holder != mine.holder:
            return self._replayed(stands, fingerprint) or await produce()
        try:
            answered = await produce()
        except BaseException:
            # What went wrong is what the caller hears; a key not given back runs out by itself.
            with suppress(StorageError):
                await single.drop_answer(mine)
            raise
        if answered.final:
            sealed, until = self._cipher.seal(answered.body), self._clock.now() + KEPT_FOR
            kept = attrs.evolve(mine, status=answered.status, body=sealed, expires_at=until)
            if not await single.end_answer(kept):
                # The reservation ran out, and another request has the key: its answer is the one that counts.
                raise IdempotencyKeyInFlight(retry_after_s=1.0)
        else:
            await single.drop_answer(mine)
        return answered

    def _replayed(self, stands: StoredAnswer, fingerprint: str) -> Answered | None:
        """The answer that stands; None if it was sealed under a key that is gone.

        Then the request is made again: whatever is asked for under a key finds what it did before.
        """
        if stands.fingerprint != fingerprint:
            raise IdempotencyKeyReused
        if stands.status is None:
            raise IdempotencyKeyInFlight(retry_after_s=1.0)
        try:
            body = self._cipher.open(stands.body)
        except ValueError:
            return None
        return Answered(status=stands.status, body=body, final=True, replayed=True)


def _is_by_a_clock_ahead(stands: StoredAnswer, mine: StoredAnswer) -> bool:
    """Whether this very request has the key for longer, by our clock, than any reservation lasts.

    It may be answered in this instant, and then it is done once, by whomever. Another request would be done
    beside it, under one key.
    """
    unanswered = stands.status is None and stands.fingerprint == mine.fingerprint
    return unanswered and stands.expires_at > mine.expires_at + AHEAD

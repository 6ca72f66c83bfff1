"""The ports of the simulated processes: each call is a step at which others go on and things go wrong.

They are made once and serve one history after the other: the stage they look at is all they know. So the
service is put together once, by its own composition root, and its use-cases, which keep nothing, are those of
every process of every history.
"""

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final, TypeVar
from uuid import UUID

import attrs

from payments.adapters.memory.shared_state import MemorySharedState
from payments.adapters.sql.again import Patience, again, again_from_what_is_stored
from payments.application.ports.cipher import Cipher
from payments.application.ports.clock import Clock
from payments.application.ports.identifiers import Identifiers
from payments.application.ports.notifier import Notifier
from payments.application.ports.orders import Order, Orders
from payments.application.ports.repository import Reads, Transaction
from payments.application.ports.shared_state import SharedState
from payments.application.ports.unit_of_work import UnitOfWork
from payments.application.records import Message
from payments.testing.simulation.processes import BEGINNING, calling
from payments.testing.simulation.reads import SimulatedReads
from payments.testing.simulation.stage import Stage

T = TypeVar("T")

_KEY: Final = b"the key of every history"
_KEY_ID: Final = "0badcafe"


@attrs.frozen(kw_only=True)
class SeededPatience(Patience):
    """As patient as the adapter of PostgreSQL, with pauses that the seed decides."""

    stage: Stage

    def pause_s(self, runs: int) -> float:
        longest = min(self.longest_pause_s, self.first_pause_s * 2 ** (runs - 1))
        return self.stage.world.pauses.between(0.0, longest)


def patience(stage: Stage) -> SeededPatience:
    """What the adapter of PostgreSQL has."""
    return SeededPatience(times=25, within_s=5.0, first_pause_s=0.02, longest_pause_s=1.0, stage=stage)


@attrs.frozen
class SimulatedUnitOfWork(UnitOfWork):
    """Units of work over the database of the stage, run again while it asks for it."""

    _stage: Stage
    _patience: Patience
    _reads: Reads

    @classmethod
    def of(cls, stage: Stage) -> "SimulatedUnitOfWork":
        waits = patience(stage)
        return cls(stage, waits, SimulatedReads(stage, waits))

    @property
    def reads(self) -> Reads:
        return self._reads

    async def write(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        return await again_from_what_is_stored(
            lambda trusting: self._stage.world.database.transact(work, trusting=trusting), self._patience
        )


@attrs.frozen
class SimulatedClock(Clock):
    """The clock of the process that asks: virtual time, and for :meth:`now` what its machine takes for it."""

    _stage: Stage

    def now(self) -> datetime:
        return BEGINNING + timedelta(seconds=self._stage.world.loop.time()) + calling().ahead

    def monotonic(self) -> float:
        calling()
        return self._stage.world.loop.time()

    async def sleep(self, seconds: float) -> None:
        steps = self._stage.world.steps
        label = await steps.before("clock.sleep")
        await steps.rest(seconds)
        steps.after(label)


@attrs.frozen
class SimulatedIdentifiers(Identifiers):
    """Those of the history, counted up over all its processes."""

    _stage: Stage

    def unique(self) -> UUID:
        calling()
        return self._stage.world.identifiers.unique()

    def reference(self) -> str:
        calling()
        return self._stage.world.identifiers.reference()

    def token(self) -> str:
        calling()
        return self._stage.world.identifiers.token()


@attrs.frozen
class SimulatedSharedState(SharedState):
    """What all processes share; asking for it is a step, too."""

    _stage: Stage
    _patience: Patience

    async def first_within(self, key: str, window_s: float) -> bool:
        return await self._ask("first_within", lambda state: state.first_within(key, window_s))

    async def spend(self, key: str, *, most: int, window_s: float) -> float:
        return await self._ask("spend", lambda state: state.spend(key, most=most, window_s=window_s))

    async def remember(self, key: str, value: bytes, *, lifetime_s: float) -> None:
        await self._ask("remember", lambda state: state.remember(key, value, lifetime_s=lifetime_s))

    async def recall(self, key: str) -> bytes | None:
        return await self._ask("recall", lambda state: state.recall(key))

    async def _ask(self, name: str, question: Callable[[MemorySharedState], Awaitable[T]]) -> T:
        world = self._stage.world

        async def once() -> T:
            label = await world.database.reached(f"shared.{name}")
            answer = await question(world.shared_state)
            world.steps.after(label)
            return answer

        return await again(once, self._patience)


@attrs.frozen
class SimulatedOrders(Orders):
    """The orders service of the stage."""

    _stage: Stage

    async def get(self, order_id: str) -> Order | None:
        return await self._stage.world.orders.get(order_id)

    async def tell(self, message: Message) -> None:
        await self._stage.world.orders.tell(message)


@attrs.frozen
class SimulatedNotifier(Notifier):
    """The mail server of the stage."""

    _stage: Stage

    async def notify(self, message: Message) -> None:
        await self._stage.world.mail.notify(message)


@attrs.frozen
class PlainCipher(Cipher):
    """Seals nothing: what is hidden from whom is no question here, and chance has no part in it."""

    def seal(self, plain: bytes) -> bytes:
        return plain

    def open(self, sealed: bytes) -> bytes:
        if not sealed:
            raise ValueError("It was erased.")
        return sealed

    @property
    def key_id(self) -> str:
        return _KEY_ID

    def derive(self, name: str, key_id: str) -> bytes:
        if key_id != _KEY_ID:
            raise ValueError("It was derived from a key we do not have.")
        return hmac.digest(_KEY, name.encode(), hashlib.sha256)

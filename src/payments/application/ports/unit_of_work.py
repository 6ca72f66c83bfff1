"""Units of work: all or nothing, and never open while the network is used."""

from abc import abstractmethod
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from payments.application.ports.repository import Reads, Transaction

T = TypeVar("T")


class UnitOfWork(Protocol):
    """Runs functions in transactions; holds none itself."""

    @property
    @abstractmethod
    def reads(self) -> Reads:
        """Reads outside any transaction."""

    @abstractmethod
    async def write(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run ``work`` in a transaction and commit it; roll all of it back if it raises.

        ``work`` may be run again, in a new transaction, after a serialisation failure, a lost connection or
        a commit whose outcome is unknown, and when what it began from is no longer so. So it carries the ids
        of what it writes, looks for them first, and has no other effect than through its transaction.

        Raises:
            StorageUnavailable: nothing was answered in time. Whatever was acknowledged before still stands.
        """

"""Telling the payer."""

from abc import abstractmethod
from typing import Protocol

from payments.application.records import Message


class Notifier(Protocol):
    """Sends a message of the outbox to a person."""

    @abstractmethod
    async def notify(self, message: Message) -> None:
        """Send ``message``; repeating it is recognisable by the same Message-ID.

        Raises:
            MessageRefused: the address or the mail is refused for good.
            DeliveryFailed: not sent, or we cannot know.
        """

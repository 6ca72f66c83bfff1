"""Mails kept in memory: for tests, and for programs that send nothing."""

import attrs

from payments.adapters.notifiers.mail import Mail, MailRoom
from payments.application.ports.notifier import Notifier
from payments.application.records import Message
from payments.domain.errors import DeliveryFailed, MessageRefused


@attrs.define
class MemoryNotifier(Notifier):
    """Keeps every mail.

    ``down`` makes sending fail as an outage does; ``refusing`` makes it refuse every mail for good.
    """

    down: bool = attrs.field(default=False, kw_only=True)
    refusing: bool = attrs.field(default=False, kw_only=True)
    _mail_room: MailRoom = attrs.field(factory=MailRoom, init=False)
    _sent: list[Mail] = attrs.field(factory=list, init=False)

    @property
    def sent(self) -> tuple[Mail, ...]:
        """All mails, repetitions included, oldest first."""
        return tuple(self._sent)

    async def notify(self, message: Message) -> None:
        mail = self._mail_room.write(message)
        if self.down:
            raise DeliveryFailed("The mail server is down.")
        if self.refusing:
            raise MessageRefused("The mail server refused the mail for good.")
        self._sent.append(mail)

"""Mails written to a stream, for development."""

from typing import TextIO

import attrs

from payments.adapters.notifiers.mail import MailRoom
from payments.application.ports.notifier import Notifier
from payments.application.records import Message


@attrs.frozen
class ConsoleNotifier(Notifier):
    """Writes every mail's plain text to ``stream``."""

    _stream: TextIO
    _mail_room: MailRoom = attrs.field(factory=MailRoom)

    async def notify(self, message: Message) -> None:
        mail = self._mail_room.write(message)
        self._stream.write(f"To: {mail.to.addr_spec}\nSubject: {mail.subject}\n\n{mail.text}\n")
        self._stream.flush()

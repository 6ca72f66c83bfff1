"""What a mailbox keeps of a mail, and how it reads it."""

import base64
import time
from collections.abc import Sequence
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import attrs

from payments.simulators.documents import Documents

_KIND = "mail"


@attrs.frozen
class Mails:
    """Mails in the order of their arrival, numbered from 1."""

    _documents: Documents

    def keep(self, mail_from: str | None, rcpt_tos: Sequence[str], raw: bytes) -> None:
        stored = {
            "received_at": time.time(),
            "mail_from": mail_from,
            "rcpt_tos": list(rcpt_tos),
            "raw": base64.b64encode(raw).decode(),
        }
        self._documents.add(_KIND, stored)

    def all(self) -> list[dict[str, Any]]:
        return [_read(stored) for stored in self._documents.all(_KIND)]

    def mail(self, mail_id: str) -> dict[str, Any] | None:
        stored = self._documents.get(_KIND, mail_id)
        return None if stored is None else _read(stored)

    def raw(self, mail_id: str) -> bytes | None:
        stored = self._documents.get(_KIND, mail_id)
        return None if stored is None else base64.b64decode(stored["raw"])


def _read(stored: dict[str, Any]) -> dict[str, Any]:
    message = message_from_bytes(base64.b64decode(stored["raw"]), policy=default)
    return {
        "id": str(stored["number"]),
        "received_at": stored["received_at"],
        "mail_from": stored["mail_from"],
        "rcpt_tos": stored["rcpt_tos"],
        "subject": str(message.get("Subject", "")),
        "from": str(message.get("From", "")),
        "to": str(message.get("To", "")),
        "message_id": str(message.get("Message-ID", "")),
        "headers": [[name, str(value)] for name, value in message.items()],
        "text": _part(message, "plain"),
        "html": _part(message, "html"),
    }


def _part(message: EmailMessage, kind: str) -> str | None:
    part = message.get_body(preferencelist=(kind,))
    if part is None:
        return None
    content = part.get_content()
    return content if isinstance(content, str) else None

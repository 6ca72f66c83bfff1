"""A mailbox: a real SMTP listener that keeps what arrives, and pages to read it.

No authentication and no TLS: it is for loopback. The listener runs on the loop that holds the application
open; its port is `smtp_port(app)` once it runs.

`GET /`
    The mails, newest first.
`GET /messages/{id}`
    One mail: plain text, and HTML in a sandboxed frame.
`GET /messages/{id}/html`, `GET /messages/{id}/raw`
    The HTML alone (no scripts, nothing loaded), and the bytes received.
`GET /messages.json [?to=]`
    `{"count", "messages": [...]}`, oldest first; each as the next.
`GET /messages/{id}.json`
    id, received_at, mail_from, rcpt_tos, from, to, subject, message_id, headers, text, html.
`GET /_sim/switches`, `PUT /_sim/switches`
    See `MailboxSwitches`.
`GET /_sim/calls`
    Every mail offered: sender, recipients, status answered (null: none).
`POST /_sim/reset`
    Forget the mails, switches off.

Public: `create_mailbox(config)`, `smtp_port(app)`, `MailboxConfig`, `MailboxSwitches`.
"""

from payments.simulators.mailbox.app import create_mailbox, smtp_port
from payments.simulators.mailbox.config import MailboxConfig, MailboxSwitches

__all__ = ["MailboxConfig", "MailboxSwitches", "create_mailbox", "smtp_port"]

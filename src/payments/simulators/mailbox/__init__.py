"""A mailbox: a real SMTP listener that keeps what arrives, and pages to read it. No authentication, no TLS: loopback only.

The listener runs on the loop that holds the application open; its port is `smtp_port(app)` once it runs.

| call | does |
|---|---|
| `GET /` | the mails, newest first |
| `GET /messages/{id}` | one mail: plain text, and HTML in a sandboxed frame |
| `GET /messages/{id}/html`, `GET /messages/{id}/raw` | the HTML alone (no scripts, nothing loaded), the bytes received |
| `GET /messages.json` `[?to=]` | `{"count", "messages": [...]}`, oldest first |
| `GET /messages/{id}.json` | one: id, received_at, mail_from, rcpt_tos, subject, message_id, headers, text, html |
| `GET /_sim/switches`, `PUT /_sim/switches` | see `MailboxSwitches` |
| `GET /_sim/calls` | every DATA: recipients, status answered |
| `POST /_sim/reset` | forget the mails, switches off |

Public: `create_mailbox(config)`, `smtp_port(app)`, `MailboxConfig`, `MailboxSwitches`.
"""

from payments.simulators.mailbox.app import create_mailbox, smtp_port
from payments.simulators.mailbox.config import MailboxConfig, MailboxSwitches

__all__ = ["MailboxConfig", "MailboxSwitches", "create_mailbox", "smtp_port"]

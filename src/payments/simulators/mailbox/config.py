"""How a mailbox is set up, and how it can refuse mail."""

from pathlib import Path

import attrs
from attrs import validators

DELIVERIES = ("accept", "refuse_for_now", "refuse_for_good", "accept_then_close", "close")


@attrs.frozen(kw_only=True)
class MailboxConfig:
    """Where the SMTP listener binds; port 0 takes a free one."""

    smtp_host: str = "127.0.0.1"
    smtp_port: int = 0
    state_path: Path | None = None


@attrs.frozen(kw_only=True)
class MailboxSwitches:
    """What becomes of a mail: kept, refused with 451 or 550, kept without an answer, or dropped without one.

    `fault_times` is for how many mails; then it is `accept` again.
    """

    fault: str = attrs.field(default="accept", validator=validators.in_(DELIVERIES))
    fault_on: str = attrs.field(default="any", validator=validators.in_(("any", "data")))
    fault_times: int | None = attrs.field(
        default=None, validator=validators.optional([validators.instance_of(int), validators.ge(1)])
    )

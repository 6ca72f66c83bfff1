"""The mail server: away, unwilling, or glad to take a mail and lose it."""

from collections.abc import Callable

import attrs

from payments.application.ports.notifier import Notifier
from payments.application.records import Message
from payments.domain.errors import DeliveryFailed, MessageRefused
from payments.testing.simulation.faults import Fault
from payments.testing.simulation.outages import Outage
from payments.testing.simulation.processes import Steps


@attrs.define(eq=False)
class SimulatedMail(Notifier):
    """What it took is in the payer's hands, or lost where nobody can know."""

    _steps: Steps
    _outage: Outage
    told: Callable[[Message], None]
    """Called with everything that it took."""
    dropped: int = attrs.field(default=0, init=False)

    async def notify(self, message: Message) -> None:
        label = await self._steps.before("mail.notify")
        if self._outage.at(label) or self._steps.struck(Fault.REQUEST_LOST, label):
            raise DeliveryFailed("HTTP 451")
        if self._steps.struck(Fault.MAIL_REFUSED, label):
            raise MessageRefused("550 no such mailbox")
        self.told(message)
        if self._steps.struck(Fault.MAIL_DROPPED, label):
            self.dropped += 1
        self._steps.after(label)
        if self._steps.struck(Fault.ANSWER_LOST, label):
            raise DeliveryFailed("the connection broke")

"""What goes wrong, and how often: every seed has its own weather (swarm testing).

Each fault is on in half of the histories, with a rate that is drawn anew each time; some histories are calm,
and some know one fault only. That finds more than having everything go wrong always.
"""

import enum
from abc import abstractmethod
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Final, Protocol

import attrs

from payments.testing.simulation.chance import Chance

CALM: Final = 0.05
ONE_ONLY: Final = 0.15
FEW_TURNS: Final = 0.3
"""In how many histories the questions about prompts wait for turns."""


class Fault(enum.Enum):
    """One thing that may go wrong. The value says it in a story."""

    # Asked for at every step; an enumeration's own hash is that of its name, worked out anew each time.
    __hash__ = object.__hash__

    # of processes
    CRASH_BEFORE = "the process dies before"
    CRASH_AFTER = "the process dies after"
    SIGTERM = "the process is asked to stop"
    SLOW = "it takes long"
    CLOCK_JUMP = "the clock of the process jumps"
    # of storage
    BUSY = "the database says: try again"
    STORAGE_DOWN = "the database is away for a while"
    COMMIT_REFUSED = "the commit is refused"
    COMMIT_UNCONFIRMED = "the commit happens, and an error is returned"
    # of providers
    REQUEST_LOST = "the request is lost"
    ANSWER_LOST = "the answer is lost"
    ANSWER_SLOW = "the answer takes long"
    NOT_REACHED = "the provider cannot be reached"
    REJECTED = "the provider refuses"
    MALFORMED = "the answer makes no sense"
    PROVIDER_DOWN = "the provider is down for long"
    NOT_FOUND = "the provider does not know it yet"
    STALE_ANSWER = "the provider answers as things were before"
    OTHER_REFERENCE = "the answer is about another reference"
    OTHER_MODE = "the answer is of the other mode"
    SAME_MONEY = "the same money is offered for two attempts"
    OTHER_AMOUNT = "another amount is paid"
    OTHER_CURRENCY = "another currency is paid"
    PAID_AND_DECLINED = "the provider says declined of a confirmed prompt"
    CANCEL_IGNORED = "the provider does not close the page"
    NO_TURN = "others have their turn to ask"
    # of notices
    NOTICE_LOST = "the notice is lost"
    NOTICE_LATE = "the notice comes late"
    NOTICE_REPEATED = "the notice comes again and again"
    NOTICE_FORGED = "a forged notice comes"
    NOTICE_LIES = "a genuine notice says what is not so"
    # of refunds
    REFUND_REJECTED = "the provider refuses the refund"
    REFUND_PENDING = "the provider takes its time with the refund"
    REFUND_BOUNCED = "the refund comes back"
    # of the orders service and of mail
    ORDERS_DOWN = "the orders service is down for long"
    ORDERS_REFUSE = "the orders service refuses the message"
    MAIL_DOWN = "the mail server is down"
    MAIL_REFUSED = "the mail server refuses the mail"
    MAIL_DROPPED = "the mail server takes the mail and drops it"


class Draws(Protocol):
    """Says of one opportunity after the other whether the fault happens."""

    @abstractmethod
    def happens(self, likely: float) -> bool:
        """Whether it happens at the opportunity that has come; by chance, with this probability."""


@attrs.define
class Weather:
    """Which faults there are in one history, and how likely each is at each opportunity."""

    rates: Mapping[Fault, float]
    """Of those that are on."""
    _draws: Mapping[Fault, Draws]
    """A stream for each, so that turning one off leaves the others as they were."""
    struck: Counter[tuple[Fault, str]] = attrs.field(factory=Counter, init=False)
    """How often each fault struck at each step."""
    healed: bool = attrs.field(default=False, init=False)
    """From here on nothing goes wrong any more."""

    @classmethod
    def of(cls, seed: int, *, without: Collection[Fault] = ()) -> "Weather":
        """The weather of the history ``seed``, those ``without`` turned off."""
        drawn, turns = Chance.of(seed, "weather"), Chance.of(seed, "turns")
        every = tuple(fault for fault in Fault if fault is not Fault.NO_TURN)
        if drawn.happens(CALM):
            on: tuple[Fault, ...] = ()
        elif drawn.happens(ONE_ONLY):
            on = (drawn.one_of(every),)
        else:
            on = tuple(fault for fault in every if drawn.happens(0.5))
        rates = {fault: drawn.spread(*RATES.get(fault, USUAL)) for fault in on}
        # Drawn apart, so that everything else is as it was before there was a budget of questions.
        if on and turns.happens(FEW_TURNS):
            rates[Fault.NO_TURN] = turns.spread(0.05, 0.9)
        left = {fault: rate for fault, rate in rates.items() if fault not in without}
        return cls(left, {fault: Chance.of(seed, fault.name) for fault in left})

    def heal(self) -> None:
        """Let nothing go wrong any more."""
        self.healed, self.rates = True, {}

    def strikes(self, fault: Fault, at: str) -> bool:
        """Whether ``fault`` happens at this opportunity, the step called ``at``."""
        rate = self.rates.get(fault)
        if rate is None or not self._draws[fault].happens(rate):
            return False
        self.struck[fault, at] += 1
        return True


USUAL: Final = (0.01, 0.4)

RATES: Final = {
    Fault.CRASH_BEFORE: (0.0005, 0.02),
    Fault.CRASH_AFTER: (0.0005, 0.02),
    Fault.SIGTERM: (0.0005, 0.01),
    Fault.SLOW: (0.003, 0.1),
    Fault.CLOCK_JUMP: (0.0005, 0.01),
    Fault.BUSY: (0.003, 0.2),
    Fault.STORAGE_DOWN: (0.0005, 0.01),
    Fault.COMMIT_REFUSED: (0.003, 0.3),
    Fault.COMMIT_UNCONFIRMED: (0.003, 0.3),
    Fault.REFUND_PENDING: (0.1, 0.8),
    Fault.REFUND_BOUNCED: (0.05, 0.5),
    Fault.OTHER_AMOUNT: (0.05, 0.5),
    Fault.OTHER_CURRENCY: (0.05, 0.3),
    Fault.ANSWER_SLOW: (0.05, 0.5),
    Fault.NOTICE_LOST: (0.05, 0.7),
    Fault.PROVIDER_DOWN: (0.003, 0.05),
    Fault.ORDERS_DOWN: (0.003, 0.05),
    Fault.MAIL_DOWN: (0.003, 0.05),
}
"""Least and most of what strikes at every step, or at few; the others have :data:`USUAL`."""

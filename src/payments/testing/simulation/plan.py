"""What a history is about: how many processes, which orders, and who does what when; all from the seed."""

import enum
from datetime import timedelta
from typing import Final

import attrs

from payments.application.retention import Retention
from payments.domain.money import Money
from payments.domain.refund_rules import RefundRules, SurplusPolicy
from payments.testing.simulation.chance import Chance

LARGE: Final = 0.02
"""How many histories have more orders than a person would look through."""

TWO_TABS: Final = 0.05
"""In how many histories a payer pays twice, the first time perhaps another amount than is owed."""

SILENCE: Final = 0.05
"""In how many histories a provider answers nothing until people were asked whether it was paid."""

BESIDE: Final = 0.07
"""In how many money goes back through us and in the provider's dashboard, and ours may fail."""

SLOW_TAB: Final = 0.07
"""In how many a tab is held between the order and its claim, while the order changes."""

RECONCILED: Final = 0.1
"""In how many an operator compares what the pages' provider lists with what is kept here."""

LASTING: Final = 0.02
"""In how many things go wrong for days, and with them whoever is away."""

ERASED: Final = 0.1
"""In how many what is old is erased, and hours are enough for that."""

SECOND_PROMPTS: Final = 0.15
"""In how many prompts come twice."""


class Deed(enum.Enum):
    """What somebody does. The value says it in a story."""

    INITIATE = "the payer asks for a checkout"
    INITIATE_TWICE = "the payer clicks twice"
    RETURN = "the payer comes back from the page"
    LOOK = "the payer looks at the payment"
    CANCEL = "the payer cancels"
    EDIT_ORDER = "the order is edited"
    CLOSE_ORDER = "the order is cancelled"
    REFUND = "an operator sends money back"
    DECIDE = "an operator goes through the reviews"
    ASK = "an operator has it asked about"
    COLLECT = "a collector is at the door"
    HAND_OVER = "a collector brings cash in"
    MONEY_RETURNS = "the provider gives money back by itself"
    TWO_TABS = "the payer pays on the page of one tab and through another provider in the next"
    FALL_SILENT = "the provider answers no question any more, and the payer pays"
    REFUND_BESIDE = "money goes back through us and in the provider's dashboard"
    RECONCILE = "an operator compares what the provider lists"
    SLOW_TAB = "a slow tab reads the order, and it changes"
    KILL = "a process is killed"
    RESTART = "a process is asked to stop"


@attrs.frozen(kw_only=True)
class Action:
    """One deed, at its time."""

    at_s: float
    deed: Deed
    order_id: str
    provider: str = ""

    def __str__(self) -> str:
        through = f" ({self.provider})" if self.provider else ""
        return f"{self.at_s:9.1f} s  {self.order_id}: {self.deed.value}{through}"


@attrs.frozen(kw_only=True)
class Plan:
    """All that is decided before a history begins."""

    seed: int
    processes: int
    one_writer: bool
    """One database file, and so one process."""
    orders: tuple[tuple[str, Money], ...]
    watched_for: timedelta
    payable_for: timedelta
    refunds_by_receipt: bool
    """Whether prompts' money goes back only by its receipt."""
    rules: int
    """Which of :data:`RULES`."""
    actions: tuple[Action, ...]
    chaos_s: float
    """How long things go wrong; then everything heals."""
    says_how_much: bool = True
    """The pages' provider tells how much of some money went back; else only that it did."""
    second_prompts: float = 0.0
    """How likely a prompt comes twice."""
    retention: Retention | None = None
    """How soon what is old is erased; None: nothing of a history ever is old enough, and nobody looks."""

    @classmethod
    def of(cls, seed: int) -> "Plan":
        """The plan of the history ``seed``."""
        drawn = Chance.of(seed, "plan")
        one_writer = drawn.happens(0.25)
        count = 6 + drawn.below(10) if drawn.happens(LARGE) else 1 + drawn.below(2)
        span_s = drawn.spread(600, 4 * 3600)
        orders = tuple((f"order_{n}", _amount(drawn)) for n in range(1, count + 1))
        actions = [action for order_id, _ in orders for action in _story(drawn, order_id, span_s)]
        actions += [
            Action(at_s=drawn.between(0, span_s), deed=deed, order_id="order_1")
            for deed in (Deed.KILL, Deed.RESTART)
            if drawn.happens(0.1)
        ]
        # Drawn apart: who has two tabs changes nothing about the others.
        tabs = Chance.of(seed, "tabs")
        two_tabs = tabs.happens(TWO_TABS)
        if two_tabs:
            second = tabs.one_of(("prompts", "prompts", "cash"))
            at_s = tabs.between(0, span_s / 4)
            actions.append(Action(at_s=at_s, deed=Deed.TWO_TABS, order_id="order_1", provider=second))
        payable = drawn.one_of((6, 10, 15))
        processes = 1 if one_writer else 1 + drawn.below(3)
        watched = _watched(drawn)
        # Drawn apart as well.
        more = Chance.of(seed, "sequences")
        silence = more.happens(SILENCE)
        if silence:
            # People have to be asked, and to answer, before everything heals.
            watched = min(watched, 15)
            began_s = more.between(0, span_s / 4)
            ends_s = began_s + 60.0 * (payable + watched)
            span_s = max(span_s, ends_s + more.spread(600, 7200))
            actions += _silence(more, began_s, ends_s, span_s)
        for deed, likely in ((Deed.REFUND_BESIDE, BESIDE), (Deed.SLOW_TAB, SLOW_TAB)):
            if more.happens(likely):
                through = more.one_of(("pages", "pages", "prompts"))
                at_s = more.between(0, span_s / 2)
                actions.append(Action(at_s=at_s, deed=deed, order_id="order_1", provider=through))
        lists, lasting = Chance.of(seed, "reconciled"), Chance.of(seed, "lasting")
        if lasting.happens(LASTING):
            span_s = lasting.between(1, 3) * 86_400.0
            actions += _day_by_day(lasting, span_s)
        if lists.happens(RECONCILED):
            actions += [
                Action(at_s=lists.between(span_s / 4, span_s), deed=Deed.RECONCILE, order_id="order_1")
                for _ in range(1 + lists.below(2))
            ]
        return cls(
            seed=seed,
            processes=processes,
            one_writer=one_writer,
            orders=orders,
            watched_for=timedelta(minutes=payable + watched),
            payable_for=timedelta(minutes=payable),
            refunds_by_receipt=drawn.happens(0.3) or two_tabs,
            rules=drawn.below(len(RULES)),
            actions=tuple(sorted(actions, key=lambda action: action.at_s)),
            chaos_s=span_s,
            says_how_much=more.happens(0.6),
            second_prompts=more.one_of((0.3, 0.8)) if more.happens(SECOND_PROMPTS) else 0.0,
            retention=_retention(Chance.of(seed, "retention")),
        )


RULES: Final = (
    RefundRules(),
    RefundRules(surplus=SurplusPolicy.PROPOSE),
    RefundRules(
        surplus=SurplusPolicy.AUTOMATIC,
        automatic_up_to={"ETB": Money.of("1000000", "ETB"), "KES": Money.of("1000000", "KES")},
    ),
    RefundRules(approval_above={"ETB": Money.of("50", "ETB"), "KES": Money.of("50", "KES")}),
)
"""What shops decide about refunds, each in some of the histories."""

_SOMETIMES: Final = (
    (Deed.INITIATE, 0.6),
    (Deed.INITIATE, 0.4),
    (Deed.INITIATE, 0.3),
    (Deed.INITIATE_TWICE, 0.25),
    (Deed.RETURN, 0.4),
    (Deed.LOOK, 0.3),
    (Deed.CANCEL, 0.15),
    (Deed.EDIT_ORDER, 0.1),
    (Deed.CLOSE_ORDER, 0.05),
    (Deed.REFUND, 0.3),
    (Deed.REFUND, 0.15),
    (Deed.DECIDE, 0.3),
    (Deed.ASK, 0.15),
    (Deed.COLLECT, 0.1),
    (Deed.HAND_OVER, 0.1),
    (Deed.MONEY_RETURNS, 0.08),
)


def _retention(drawn: Chance) -> Retention | None:
    if not drawn.happens(ERASED):
        return None
    return Retention(
        notices_for=timedelta(minutes=drawn.one_of(_MINUTES)),
        people_for=timedelta(minutes=drawn.one_of(_MINUTES)),
    )


_MINUTES: Final = (1, 10, 60, 360)


def _silence(drawn: Chance, began_s: float, ends_s: float, until_s: float) -> list[Action]:
    """A provider falls silent, and operators look when the watch has ended, and asked about it afterwards."""
    through = drawn.one_of(("pages", "prompts"))
    silent = Action(at_s=began_s, deed=Deed.FALL_SILENT, order_id="order_1", provider=through)
    looks = [
        Action(at_s=drawn.between(ends_s, until_s), deed=Deed.DECIDE, order_id="order_1") for _ in range(2)
    ]
    return [silent, *looks]


def _day_by_day(drawn: Chance, until_s: float) -> list[Action]:
    """What goes on while things go wrong for days."""
    deeds = (Deed.INITIATE, Deed.RETURN, Deed.LOOK, Deed.REFUND, Deed.DECIDE, Deed.DECIDE, Deed.ASK)
    through = ("pages", "prompts", "cash")
    return [
        Action(at_s=drawn.between(0, until_s), deed=deed, order_id="order_1", provider=drawn.one_of(through))
        for deed in deeds
    ]


def _watched(drawn: Chance) -> int:
    """How long attempts are watched, in minutes: mostly short, for each look is a part of the history."""
    if drawn.happens(0.02):
        return 4320
    return 180 if drawn.happens(0.05) else drawn.one_of((5, 10, 15))


def _amount(drawn: Chance) -> Money:
    # Shillings can be paid by every provider; birr cannot be prompted for.
    return Money.of(f"{drawn.one_of((1, 250, 1000))}.00", drawn.one_of(("KES", "KES", "ETB")))


def _story(drawn: Chance, order_id: str, span_s: float) -> list[Action]:
    providers = ("pages", "pages", "prompts", "cash")
    # Half of them in quick succession: that is where checkouts meet.
    busy_s = drawn.one_of((120.0, 900.0, span_s, span_s))
    began_s = drawn.between(0, span_s / 4)
    first = Action(
        at_s=began_s,
        deed=Deed.INITIATE,
        order_id=order_id,
        provider=drawn.one_of(providers),
    )
    more = [
        Action(
            at_s=began_s + drawn.between(0, busy_s),
            deed=deed,
            order_id=order_id,
            provider=drawn.one_of(providers),
        )
        for deed, likely in _SOMETIMES
        if drawn.happens(likely)
    ]
    return [first, *more]

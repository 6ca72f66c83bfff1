"""Short histories that each tell of one flow, for :mod:`~payments.testing.simulation.points`.

What people in them make up their minds to do comes from the seed, so each names one with which its flow is
told to the end when nothing goes wrong.
"""

from datetime import timedelta
from typing import Final

import attrs

from payments.application.retention import Retention
from payments.domain.money import Money
from payments.testing.simulation.behaviours import Behaviour
from payments.testing.simulation.plan import Action, Deed, Plan

ORDER: Final = "order_1"
AMOUNT: Final = Money.of("250.00", "KES")
LASTS_S: Final = 7200.0
"""How long things may go wrong: until each flow has been told, and for long after."""

AUTOMATIC: Final = 2
"""Which of the plan's rules sends surplus back by itself."""
APPROVED: Final = 3
"""Which of them wants a second person for a refund of this much."""


@attrs.frozen(kw_only=True)
class Scene:
    """One flow: what people do in it, and which edges of the state machines it has to walk."""

    name: str
    seed: int
    deeds: tuple[tuple[float, Deed, str], ...]
    """When, what, and through which provider."""
    walks: tuple[str, ...]
    rules: int = 0
    kept_for: timedelta | None = None
    """How soon notices are emptied and payers are erased, where that is a part of it."""
    shows: tuple[Behaviour, ...] = ()
    """What else has to be seen in it."""

    def plan(self) -> Plan:
        """The history, over two processes."""
        return Plan(
            seed=self.seed,
            processes=2,
            one_writer=False,
            orders=((ORDER, AMOUNT),),
            watched_for=timedelta(minutes=15),
            payable_for=timedelta(minutes=10),
            refunds_by_receipt=False,
            rules=self.rules,
            actions=tuple(
                Action(at_s=at_s, deed=deed, order_id=ORDER, provider=provider)
                for at_s, deed, provider in self.deeds
            ),
            chaos_s=LASTS_S,
            retention=Retention(notices_for=self.kept_for, people_for=self.kept_for)
            if self.kept_for
            else None,
        )


_PAID: Final = "payment: processing, PaymentSucceeded"
_EXPIRED: Final = "attempt: open, AttemptExpired"
_GIVEN_BACK: Final = "refund: requested, RefundSucceeded"
_SENT_BACK_AND_DECIDED: Final = (
    (10.0, Deed.INITIATE, "pages"),
    (3600.0, Deed.REFUND, "pages"),
    (4500.0, Deed.DECIDE, "pages"),
)

SCENES: Final = (
    Scene(
        name="paid on a page, and asked for once more",
        seed=0,
        deeds=((10.0, Deed.INITIATE, "pages"), (4000.0, Deed.INITIATE, "pages")),
        walks=(_PAID,),
    ),
    Scene(
        name="clicked twice, and the payer comes back",
        seed=1,
        deeds=((10.0, Deed.INITIATE_TWICE, "pages"), (600.0, Deed.RETURN, "pages")),
        walks=(_PAID,),
    ),
    Scene(
        name="confirmed on the phone",
        seed=2,
        deeds=((10.0, Deed.INITIATE, "prompts"), (120.0, Deed.LOOK, "prompts")),
        walks=(_PAID,),
    ),
    Scene(
        name="paid at the door and brought in",
        seed=0,
        deeds=((10.0, Deed.INITIATE, "cash"), (7100.0, Deed.HAND_OVER, "cash")),
        walks=(_PAID,),
    ),
    Scene(
        name="sent back by an operator",
        seed=0,
        deeds=((10.0, Deed.INITIATE, "pages"), (3600.0, Deed.REFUND, "pages")),
        walks=(_PAID, _GIVEN_BACK),
    ),
    Scene(
        name="reversed by an operator",
        seed=0,
        deeds=((10.0, Deed.INITIATE, "prompts"), (3600.0, Deed.REFUND, "prompts")),
        walks=(_PAID, _GIVEN_BACK),
    ),
    Scene(
        name="switched to another provider",
        seed=0,
        deeds=((10.0, Deed.INITIATE, "pages"), (12.0, Deed.INITIATE, "prompts")),
        walks=(_PAID, _EXPIRED),
        rules=AUTOMATIC,
    ),
    Scene(
        name="cancelled",
        seed=0,
        deeds=((10.0, Deed.INITIATE, "pages"), (11.0, Deed.CANCEL, "pages")),
        walks=(_EXPIRED, "payment: processing, PaymentFailed"),
    ),
    Scene(
        name="given back by the provider itself",
        seed=0,
        deeds=((10.0, Deed.INITIATE, "pages"), (3600.0, Deed.MONEY_RETURNS, "pages")),
        walks=(_PAID,),
    ),
    Scene(
        name="recorded by an operator, as the provider is silent",
        seed=2,
        deeds=((10.0, Deed.FALL_SILENT, "pages"), (6500.0, Deed.DECIDE, "pages")),
        walks=(_PAID, _EXPIRED),
    ),
    Scene(
        name="sent back once a second person approved",
        seed=1,
        deeds=_SENT_BACK_AND_DECIDED,
        walks=("refund: awaiting_approval, RefundApproved", _GIVEN_BACK),
        rules=APPROVED,
    ),
    Scene(
        name="refused by a second person",
        seed=7,
        deeds=_SENT_BACK_AND_DECIDED,
        walks=(_PAID, "refund: awaiting_approval, RefundFailed"),
        rules=APPROVED,
    ),
    Scene(
        name="compared with what the provider lists",
        seed=2,
        deeds=((10.0, Deed.INITIATE, "pages"), (3600.0, Deed.RECONCILE, "pages")),
        walks=(_PAID,),
    ),
    Scene(
        name="erased, and reversed by an operator afterwards",
        seed=0,
        deeds=((10.0, Deed.INITIATE, "prompts"), (3600.0, Deed.REFUND, "prompts")),
        walks=(_PAID, _GIVEN_BACK),
        kept_for=timedelta(minutes=30),
        shows=(Behaviour.NOTICE_ERASED, Behaviour.PAYER_ERASED),
    ),
)

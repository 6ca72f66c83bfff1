"""What people and providers do beside the faults, so that what a plan drew can be seen to have happened."""

import enum


class Behaviour(enum.Enum):
    """One thing that somebody did. The value says it in a story."""

    __hash__ = object.__hash__

    # of operators
    RECORDED_BY_NAME = "an operator records money by its provider's name"
    RECORDED_BY_RECEIPT = "an operator records money by its receipt"
    RECORDED_BY_OTHER_NAME = "an operator records money by a name of their own"
    ATTESTED_AFTERWARDS = "the provider attests what was recorded by another name"
    SETTLED_BY_A_LIST = "what a provider lists makes an operator ask, and the answer settles it"
    ASKED_BY_A_LIST = "what a provider lists, or does not list, is put before an operator"
    # of the worker
    NOTICE_ERASED = "the bytes of a notice are erased"
    PAYER_ERASED = "it is erased who a payer was"
    ANSWER_FORGOTTEN = "an answer under a key is forgotten"
    # of refunds
    REFUND_FAILED = "a refund fails that its provider had taken on"
    REFUND_CAME_BACK = "a refund comes back that had succeeded"
    IN_THE_DASHBOARD = "money is sent back in the provider's dashboard"
    BESIDE_OURS = "money is sent back in the provider's dashboard beside a refund of ours"
    RETURNED_SO_MUCH = "the provider says how much went back"
    RETURNED_BARELY = "the provider says that money went back, and not how much"
    STILL_RETURNED = "the provider goes on saying so of a refund that failed"
    # of tabs
    SLOW_TAB = "a tab read the order and is held"
    OVERTAKEN = "another tab goes on by a newer order while the slow one is held"
    # of prompts
    CONFIRMED_TWICE = "a payer confirms a prompt, and one that came after it"
    SECOND_ALONE = "a payer confirms only the prompt that came second"
    OTHER_NAME_REPORTED = "a report names a prompt otherwise than our request was told"
    NEVER_REPORTED = "nobody is ever told of a payment under another name"

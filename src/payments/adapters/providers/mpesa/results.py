"""What M-Pesa's result codes mean, on callbacks and in answers to queries (fact sheet, section 4.1)."""

from collections.abc import Mapping
from typing import Final

import attrs

from payments.domain.evidence import Outcome


@attrs.frozen
class Result:
    """One code: what it says, and what the payer may do about it."""

    outcome: Outcome
    advice: str = ""
    final: bool = True
    """Nothing more can come of the prompt."""


_SHOP: Final = "The shop's M-Pesa account cannot take this payment. Choose another way to pay."


def _no(advice: str, *, final: bool = True) -> Result:
    return Result(Outcome.DECLINED, advice, final)


RESULTS: Final[Mapping[str, Result]] = {
    "0": Result(Outcome.PAID),
    "1": _no("There is not enough money in the M-Pesa account. Top it up and try again."),
    "2": _no("The amount is below what M-Pesa takes. Choose another way to pay."),
    "3": _no("The amount is above what M-Pesa takes. Choose another way to pay."),
    "4": _no("The phone's daily M-Pesa limit is reached. Try again tomorrow, or choose another way to pay."),
    "8": _no(_SHOP),
    "17": _no("The same amount was asked of this phone a moment ago. Wait two minutes, then try again."),
    "26": Result(Outcome.NOTHING),
    "1001": _no("Another M-Pesa request was open on this phone. Finish it, wait two minutes and try again."),
    "1019": _no("The request ran out before M-Pesa dealt with it. Try again."),
    "1025": _no("M-Pesa could not send the request to this phone. Try again later."),
    "1032": _no("The request was cancelled on the phone. Try again if that was not meant."),
    "1037": _no(
        "The phone did not answer. Check that it is on and reachable, wait a minute and try again."
        " An old SIM card is updated by dialling *234#.",
        final=False,
    ),
    "2001": _no("The PIN was wrong. Try again."),
    "2002": _no(_SHOP),
    "2006": _no("The M-Pesa account is not active. Choose another way to pay."),
    "2028": _no(_SHOP),
    "2029": _no(_SHOP),
    "4999": Result(Outcome.IN_FLIGHT),
    "8006": _no(
        "The M-Pesa account is locked. Call 100 or 200 from the phone, or choose another way to pay."
    ),
    "9999": Result(Outcome.NOTHING),
    "SFC_IC0003": _no(_SHOP),
}
"""Every other code is no information: the prompt stays open, and we ask again."""

UNKNOWN: Final = Result(Outcome.NOTHING)

OUR_MISTAKE: Final = frozenset({"8", "2002", "2028", "2029", "SFC_IC0003"})
"""Codes that a person at the shop has to do something about."""

"""What a self-check says of a part that gives no answer."""

import re
from typing import Final

from payments.application.ports.self_check import Finding, State

_LONGEST_REASON_CHARACTERS: Final = 200
# aiohttp names them in the middle of its sentence, whether TLS was spoken or not.
_TLS_SETTINGS: Final = re.compile(r" ssl:\w+")


def unreachable(part: str, address: str, trouble: BaseException, variable: str) -> Finding:
    """The finding that ``address``, which ``variable`` names, gave no answer because of ``trouble``."""
    reason = (
        " ".join(_TLS_SETTINGS.sub("", str(trouble)).split())[:_LONGEST_REASON_CHARACTERS]
        or type(trouble).__name__
    )
    return Finding(
        part=part,
        state=State.WRONG,
        what=f"{address} gives no answer: {reason}",
        remedy=f"Check {variable}, that the other side runs, and that this machine may connect to it.",
    )

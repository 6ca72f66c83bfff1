"""Cash's group of settings. It has no keys, so a shop says in so many words that it takes cash."""

from typing import Final

import attrs

from payments.adapters.environment import Environment
from payments.domain.currencies import EXPONENTS
from payments.domain.evidence import Mode

ALL: Final = tuple(sorted(code for code, exponent in EXPONENTS.items() if exponent is not None))
"""Every currency of ISO 4217 that anything can be paid in."""

_EVERY: Final = "all"
_NAME: Final = "cash"


@attrs.frozen(kw_only=True)
class CashSettings:
    """Which cash is taken at the door, and how."""

    mode: Mode
    currencies: tuple[str, ...] = ALL
    require_code: bool = True
    """Whether a collector has to name the delivery code that the payer was shown."""


def read_settings(environment: Environment, mode: Mode) -> CashSettings | None:
    """The group, or None when neither CASH_CURRENCIES nor PROVIDERS says that cash is taken."""
    named = environment.names("CASH_CURRENCIES")
    require_code = environment.switch("CASH_REQUIRE_CODE", default=True)
    everything = [name.lower() for name in named] == [_EVERY]
    codes = ALL if everything or not named else tuple(name.upper() for name in named)
    unknown = [code for code in codes if code not in ALL]
    if unknown:
        environment.refuse(
            "CASH_CURRENCIES",
            f"{', '.join(unknown)} cannot be paid in; use codes of ISO 4217 such as ETB or KES, or all.",
        )
    if not named and _NAME not in environment.names("PROVIDERS"):
        return None
    return CashSettings(
        mode=mode, currencies=tuple(code for code in codes if code in ALL), require_code=require_code
    )

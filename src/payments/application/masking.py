"""What may be shown of what is personal."""

from typing import Final

_SHOWN: Final = 3


def masked_phone(phone: str | None) -> str | None:
    """``phone`` with all digits but the last three replaced: enough for its owner, and for nobody else."""
    if phone is None:
        return None
    digits = phone.removeprefix("+")
    return "*" * (len(digits) - _SHOWN) + digits[-_SHOWN:]

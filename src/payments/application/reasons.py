"""Why a person does something, as it is kept and shown."""

import re
from typing import Final

from payments.application.card_numbers import without_card_numbers
from payments.domain.errors import FieldError, InvalidRequest

LONGEST_REASON: Final = 500

_NOT_STORABLE: Final = re.compile("[\x00\ud800-\udfff]")


def said_reason(reason: str) -> str:
    """``reason`` without the blanks around it, and without card numbers.

    Raises:
        InvalidRequest: it says nothing, says too much, or holds what no database keeps.
    """
    said = reason.strip()
    if not said or len(said) > LONGEST_REASON:
        raise _refused(f"Say why, in 1 to {LONGEST_REASON} characters.")
    if _NOT_STORABLE.search(said):
        raise _refused("Say why without NUL and halves of characters.")
    return without_card_numbers(said)


def _refused(remedy: str) -> InvalidRequest:
    return InvalidRequest(errors=(FieldError("/reason", remedy),))

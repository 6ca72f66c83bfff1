"""The phones M-Pesa can prompt on (fact sheet, vectors V2)."""

import re
from typing import Final

from payments.application.ports.providers import Phones
from payments.domain.errors import FieldError, InvalidRequest

_FILLING: Final = re.compile(r"[\s().-]")
_PHONE: Final = re.compile(r"\+?(?:254|0)?([17][0-9]{8})", re.ASCII)
_REMEDY: Final = "Give a Kenyan mobile number, such as 0712345678 or +254112345678."


class MpesaPhones(Phones):
    """Numbers as ``2547XXXXXXXX`` or ``2541XXXXXXXX``: the format, not whether M-Pesa serves the line."""

    def normal(self, text: str | None) -> str:
        bare = _FILLING.sub("", text or "")
        match = _PHONE.fullmatch(f"254{bare[5:]}" if bare.startswith("00254") else bare)
        if match is None:
            what = "M-Pesa needs the payer's phone." if not bare else "M-Pesa cannot prompt on this phone."
            raise InvalidRequest(what, errors=(FieldError("/phone_number", _REMEDY),))
        return f"254{match[1]}"

"""The e-mail addresses Paystack takes: it wants one, whatever the payer pays with (fact sheet, section 3)."""

import re
from typing import Final

from payments.application.ports.providers import Emails
from payments.domain.errors import FieldError, InvalidRequest

_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_LONGEST_EMAIL_CHARACTERS: Final = 254
_REMEDY: Final = "Give the order's customer an e-mail address, or choose another provider."


class PaystackEmails(Emails):
    """Addresses that look like one."""

    def usable(self, text: str | None) -> str:
        email = (text or "").strip()
        short = len(email) <= _LONGEST_EMAIL_CHARACTERS
        if not short or not email.isprintable() or not _EMAIL.fullmatch(email):
            raise InvalidRequest(
                f"Paystack needs the payer's e-mail address, and the order has none it could use. {_REMEDY}",
                errors=(FieldError("/provider", _REMEDY),),
            )
        return email

"""What Chapa takes about the payer: sanitised, and left out rather than invented (section 2.1)."""

import re
import unicodedata
from typing import Final

from payments.application.ports.providers import CheckoutRequest

LONGEST_TITLE: Final = 16
LONGEST_DESCRIPTION: Final = 50

_LONGEST_NAME: Final = 50
_LONGEST_EMAIL: Final = 254
_NOT_PLAIN: Final = re.compile(r"[^A-Za-z0-9 _.-]+")
_NAME_MARKS: Final = frozenset(" -'’.")
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL: Final = re.compile(
    rf"[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~-]+)*@((?:{_LABEL}\.)+[A-Za-z]{{2,63}})"
)
_LONGEST_LOCAL_PART: Final = 64
# RFC 2606 and 6761, and what people use inside their own networks: nobody can receive a receipt there.
_RESERVED: Final = re.compile(
    r"(?:^|\.)(?:example(?:\.(?:com|net|org))?|test|invalid|localhost|local|internal|lan|home\.arpa|onion)$"
)
_PHONE: Final = re.compile(r"(?:\+?251|00251|0)?([79][0-9]{8})")


def payer_fields(request: CheckoutRequest) -> dict[str, str]:
    """The optional fields about the payer; whatever Chapa might refuse is not there."""
    customer = request.customer
    fields = {
        "email": plausible_email(customer.email),
        "first_name": person_name(customer.first_name),
        "last_name": person_name(customer.last_name),
        "phone_number": local_phone(request.phone or customer.phone_number),
    }
    return {name: value for name, value in fields.items() if value}


def plain(text: str, longest: int) -> str:
    """``text`` in the letters that title and description take, at most ``longest`` characters."""
    folded = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return " ".join(_NOT_PLAIN.sub(" ", folded).split())[:longest].strip()


def person_name(name: str | None) -> str:
    """A name without what no name has: letters of every script stay."""
    kept = (
        c if c.isalpha() or unicodedata.category(c).startswith("M") or c in _NAME_MARKS else " "
        for c in unicodedata.normalize("NFC", name or "")
    )
    return " ".join("".join(kept).split())[:_LONGEST_NAME].strip()


def plausible_email(email: str | None) -> str:
    """The address if somebody could receive mail there, else empty: Chapa would refuse the whole call."""
    address = (email or "").strip()
    match = _EMAIL.fullmatch(address)
    if match is None or len(address) > _LONGEST_EMAIL or address.index("@") > _LONGEST_LOCAL_PART:
        return ""
    return "" if _RESERVED.search(match[1].lower()) else address


def local_phone(phone: str | None) -> str:
    """The number as ``09...`` or ``07...``, ten digits; empty if it is no Ethiopian mobile number."""
    match = _PHONE.fullmatch(re.sub(r"[\s().-]", "", phone or "")) if phone else None
    return f"0{match[1]}" if match else ""

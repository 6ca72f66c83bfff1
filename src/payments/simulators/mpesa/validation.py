"""What Daraja accepts in a field; of several bad ones the first is named (fact sheet 2.3, 3.1)."""

import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import attrs
from starlette.requests import Request
from starlette.responses import JSONResponse

from payments.simulators.mpesa.api_answers import error, invalid, threat
from payments.simulators.mpesa.formats import EAT

_SHORTCODE = re.compile(r"[0-9]{5,7}")
_WHOLE = re.compile(r"[0-9]{1,12}")
_PHONE = re.compile(r"254[17][0-9]{8}")
_TIMESTAMP = re.compile(r"[0-9]{14}")
_PLAIN_REFERENCE = re.compile(r"[A-Za-z0-9-]+")
_FORBIDDEN = re.compile(r"m-?pesa|safaricom|exec?|cmd|sql|query", re.IGNORECASE)
_SUSPICIOUS = re.compile(
    r"<\s*/?\s*[a-z!]|\bunion\s+select\b|\bdrop\s+table\b|'\s*or\s|--\s|\.\./", re.IGNORECASE
)
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_LONGEST_REFERENCE = 12
_LONGEST_DESCRIPTION = 13

Check = Callable[[str], bool]


class MalformedError(Exception):
    """The body of a request says JSON and is none."""


@attrs.frozen
class Rule:
    """A field that must be there and pass; `said_as` is its name in the refusal.

    `optional` may be left out or null; `not_null` may be left out only.
    """

    field: str
    check: Check
    optional: bool = False
    not_null: bool = False
    said_as: str | None = None
    suspicious: bool = False


async def fields_of(request: Request) -> dict[str, Any]:
    """Return the fields of a JSON body. With another content type there are none, and so each is missing.

    Raise `MalformedError` where JSON was announced and is none.
    """
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "application/json":
        return {}
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError) as problem:
        raise MalformedError from problem
    if not isinstance(body, dict):
        raise MalformedError
    return body


def malformed() -> JSONResponse:
    """Return the refusal of a body that is no JSON object."""
    return error(HTTPStatus.BAD_REQUEST, "400.002.05", "Invalid Request Payload")


def text_of(value: Any) -> str | None:
    """Return a text or a number as text, as numbers and numeric texts are both accepted; else None."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return str(value)


def first_refusal(fields: dict[str, Any], rules: Sequence[Rule]) -> JSONResponse | None:
    """Return the refusal of the first bad field, or None."""
    for rule in rules:
        name = rule.said_as or rule.field
        if rule.field not in fields:
            if rule.optional or rule.not_null:
                continue
            return invalid(name)
        if fields[rule.field] is None and rule.optional:
            continue
        text = text_of(fields[rule.field])
        if text is not None and rule.suspicious and _SUSPICIOUS.search(text):
            return threat()
        if text is None or not rule.check(text):
            return invalid(name)
    return None


def shortcode(text: str) -> bool:
    return _SHORTCODE.fullmatch(text) is not None


def phone(text: str) -> bool:
    return _PHONE.fullmatch(text) is not None


def filled(text: str) -> bool:
    return bool(text.strip())


def one_of(*words: str) -> Check:
    return lambda text: text in words


def between(shortest: int, longest: int) -> Check:
    return lambda text: shortest <= len(text) <= longest


def whole_amount(largest: int) -> Check:
    """Return a check for whole shillings from 1; `10.00` is refused."""
    return lambda text: _WHOLE.fullmatch(text) is not None and 1 <= int(text) <= largest


def timestamp(age_s: float | None) -> Check:
    """Return a check for 14 digits that are a time, not older (or newer) than so many seconds in EAT."""

    def check(text: str) -> bool:
        if not _TIMESTAMP.fullmatch(text):
            return False
        try:
            at = datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=EAT)
        except ValueError:
            return False
        return age_s is None or abs(datetime.now(UTC) - at) <= timedelta(seconds=age_s)

    return check


def account_reference(*, strict: bool) -> Check:
    def check(text: str) -> bool:
        if not filled(text):
            return False
        return not strict or (
            len(text) <= _LONGEST_REFERENCE and _PLAIN_REFERENCE.fullmatch(text) is not None
        )

    return check


def description(*, strict: bool) -> Check:
    return lambda text: not strict or 1 <= len(text) <= _LONGEST_DESCRIPTION


def url(*, strict: bool) -> Check:
    """Return a check for an address without spaces; production wants https, and no loopback."""

    def check(text: str) -> bool:
        try:
            parts = urlsplit(text)
        except ValueError:
            return False
        if re.search(r"\s", text) or parts.scheme not in {"http", "https"} or not parts.hostname:
            return False
        return not strict or (parts.scheme == "https" and parts.hostname not in _LOOPBACK)

    return check


def has_forbidden_word(address: str) -> bool:
    """Tell whether host or path spell a word that the firewall refuses in production (6.2)."""
    parts = urlsplit(address)
    return _FORBIDDEN.search(f"{parts.netloc}{parts.path}") is not None

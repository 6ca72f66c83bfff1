"""Reading requests: bodies within bounds, strict JSON, and each field checked against what declares it."""

import asyncio
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final, TypeVar
from uuid import UUID

import attrs
import msgspec
from starlette.requests import Request

from payments.application import strict_json
from payments.application.card_numbers import holds_card_number
from payments.domain.errors import FieldError, InvalidRequest
from payments.entrypoints.http.problems import (
    CONTENT_TOO_LARGE,
    MALFORMED_JSON,
    REQUEST_TIMEOUT,
    UNSUPPORTED_MEDIA_TYPE,
    Refused,
)
from payments.entrypoints.http.remedies import remedy

MAX_BODY_BYTES: Final = 64 * 1024
HEARD_OUT_BYTES: Final = 1024 * 1024
"""What is too large, but not larger than this, is heard out and thrown away: a client that is cut off while
it still sends sees a broken connection instead of our answer."""
CARD_NUMBER: Final = "payments.card_number"
"""Marks the scope of a request whose body held what looks like a card number."""
BODY_DEADLINE_S: Final = 5.0
"""How long a body may take to arrive, all of it."""

_JSON: Final = re.compile(r'application/json(?:\s*;\s*charset\s*=\s*"?utf-8"?)?\s*', re.IGNORECASE)
_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_LONGEST_LENGTH: Final = 12
_WHOLE: Final = re.compile(r"[0-9]{1,9}", re.ASCII)

T = TypeVar("T")


async def raw_body(request: Request, *, deadline_s: float = BODY_DEADLINE_S) -> bytes:
    """The body, streamed: never more than 64 kB of it is held.

    Raises:
        Refused: 413 too large, by its header or by what arrives; 408 not whole within ``deadline_s``.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and (len(declared) > _LONGEST_LENGTH or int(declared) > HEARD_OUT_BYTES):
        raise _too_large()
    pieces: list[bytes] = []
    length = 0
    try:
        async with asyncio.timeout(deadline_s):
            async for piece in request.stream():
                length += len(piece)
                if length <= MAX_BODY_BYTES:
                    pieces.append(piece)
                elif length > HEARD_OUT_BYTES:
                    break
    except TimeoutError:
        raise Refused(REQUEST_TIMEOUT, Connection="close") from None
    if length > MAX_BODY_BYTES:
        raise _too_large()
    body = b"".join(pieces)
    if holds_card_number(body):
        request.scope[CARD_NUMBER] = True
    return body


async def json_body(request: Request, shape: type[T]) -> T:
    """The JSON body as a ``shape``.

    Raises:
        Refused: 415 another content type, 413, 408, or 400 not strict JSON.
        InvalidRequest: every wrong, missing or unknown field at once.
    """
    types = request.headers.getlist("content-type")
    if len(types) != 1 or not _JSON.fullmatch(types[0]) or "content-encoding" in request.headers:
        raise Refused(UNSUPPORTED_MEDIA_TYPE)
    body = await raw_body(request)
    try:
        given = strict_json.read(body)
    except ValueError as error:
        raise Refused(MALFORMED_JSON, str(error)) from error
    if not isinstance(given, dict):
        raise InvalidRequest(errors=(FieldError("", "Send a JSON object."),))
    return _shaped(shape, given, where="/{}")


def query(request: Request, shape: type[T]) -> T:
    """The query string as a ``shape``; every parameter at most once.

    Raises:
        InvalidRequest: every wrong, repeated, missing or unknown parameter at once.
    """
    pairs = request.query_params.multi_items()
    given = dict(pairs)
    twice = sorted(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
    if twice:
        raise InvalidRequest(errors=tuple(FieldError(_shown(name), "Give it once.") for name in twice))
    return _shaped(shape, given, where="{}", text=True)


def no_query(request: Request) -> None:
    """Refuse any query at all: a parameter that does nothing would be a mistake nobody notices.

    Raises:
        InvalidRequest: naming each parameter.
    """
    if request.query_params:
        names = sorted(set(request.query_params))
        raise InvalidRequest(
            errors=tuple(FieldError(_shown(name), "There is no such parameter.") for name in names)
        )


def path_text(request: Request, name: str, shape: Any) -> str:
    """A part of the path, checked against ``shape``.

    Raises:
        InvalidRequest: it cannot be what it should be.
    """
    given = request.path_params[name]
    try:
        found: str = _value(shape, given)
    except ValueError as error:
        raise InvalidRequest(errors=(FieldError(name, str(error)),)) from error
    return found


def path_uuid(request: Request, name: str) -> UUID | None:
    """A part of the path that is a UUID as it is usually written, or None."""
    given = request.path_params[name]
    canonical = re.fullmatch(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", given)
    return UUID(given) if canonical else None


def idempotency_key(request: Request) -> str | None:
    """The request's Idempotency-Key, if it has one.

    Raises:
        InvalidRequest: it is there twice, empty, too long, or not printable ASCII.
    """
    given = request.headers.getlist("idempotency-key")
    if not given:
        return None
    if len(given) > 1 or not _KEY.fullmatch(given[0]):
        detail = "Send one key of 1 to 255 printable ASCII characters without blanks."
        raise InvalidRequest(errors=(FieldError("Idempotency-Key", detail),))
    return given[0]


def required_idempotency_key(request: Request) -> str:
    """The request's Idempotency-Key, where nothing is done without one.

    Raises:
        InvalidRequest: it is missing, or cannot be a key; names the header.
    """
    key = idempotency_key(request)
    if key is None:
        detail = "Send a key of your own, the same one whenever you repeat this request."
        raise InvalidRequest(errors=(FieldError("Idempotency-Key", detail),))
    return key


def _shaped(shape: type[T], given: Mapping[str, Any], *, where: str, text: bool = False) -> T:
    """A ``shape`` made of ``given``, all of whose mistakes are told together."""
    fields: tuple[attrs.Attribute[Any], ...] = attrs.fields(shape)  # type: ignore[arg-type]  # a type variable cannot say "attrs class"
    known = {field.name for field in fields}
    mistakes = [
        FieldError(where.format(_shown(name)), "There is no such field.")
        for name in given
        if name not in known
    ]
    values: dict[str, Any] = {}
    for field in fields:
        if field.name in given:
            try:
                values[field.name] = _value(field.type, given[field.name], text=text)
            except ValueError as error:
                mistakes.append(FieldError(where.format(field.name), str(error)))
        elif field.default is attrs.NOTHING:
            mistakes.append(FieldError(where.format(field.name), "It is required."))
    if mistakes:
        raise InvalidRequest(errors=tuple(mistakes))
    return shape(**values)


def _value(shape: Any, given: Any, *, text: bool = False) -> Any:
    """``given`` as a ``shape``; with ``text``, digits may stand for a whole number.

    Raises:
        ValueError: with a sentence that does not repeat what was given.
    """
    texts = given if isinstance(given, list) else (given,)
    if any(isinstance(text, str) and CONTROL.search(text) for text in texts):
        raise ValueError("It holds a control character.")
    try:
        return msgspec.convert(given, shape)
    except msgspec.ValidationError as error:
        if text and _WHOLE.fullmatch(given):
            try:
                return msgspec.convert(int(given), shape)
            except msgspec.ValidationError as number:
                raise ValueError(remedy(shape)) from number
        raise ValueError(remedy(shape)) from error
    except OverflowError as error:
        raise ValueError("It is out of range.") from error


def _shown(name: str) -> str:
    """A name somebody else chose, fit for a JSON pointer (RFC 6901) of ours: short, no controls."""
    return CONTROL.sub("?", name[:64]).replace("~", "~0").replace("/", "~1")


def _too_large() -> Refused:
    # What was not read must not be taken for the next request, so the connection ends here.
    return Refused(CONTENT_TOO_LARGE, f"At most {MAX_BODY_BYTES} bytes are taken.", Connection="close")

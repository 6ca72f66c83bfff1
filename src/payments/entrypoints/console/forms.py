"""Forms: read strictly, and taken only from pages of ours."""

import re
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request

from payments.domain.errors import FieldError, InvalidRequest
from payments.entrypoints.console.visits import Visit
from payments.entrypoints.http import reading
from payments.entrypoints.http.problems import UNSUPPORTED_MEDIA_TYPE, Kind, Refused

NOT_OURS: Final = Kind(403, "form_not_ours", "This form was not made during this visit")
FIELD: Final = "form_token"

_TYPE: Final = "application/x-www-form-urlencoded"
_MOST_FIELDS: Final = 10
_REMEDY: Final = "Nothing was done. Go back, load the page again and repeat it."
# What no key writes. Lines and tabs are kept: some fields have several lines.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_BAD_BODY: Final = Kind(400, "malformed_form", "The form cannot be read")
_NO_FORM: Final = Kind(415, UNSUPPORTED_MEDIA_TYPE.code, f"The body must be {_TYPE}")


async def read(request: Request, public_url: str) -> dict[str, str]:
    """The form's fields, each given once; their lines end as they were counted while they were written.

    Raises:
        Refused: 403 sent by another site; 415, 413, 408, or 400 no form.
        InvalidRequest: naming each field that holds a control character.
    """
    if not _same_origin(request, public_url):
        raise Refused(NOT_OURS, _REMEDY)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _TYPE:
        raise Refused(_NO_FORM)
    body = await reading.raw_body(request)
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS
        )
    except ValueError as error:
        raise Refused(_BAD_BODY) from error
    fields = {name: value.replace("\r\n", "\n") for name, value in pairs}
    if len(fields) != len(pairs) or any(_CONTROL.search(name) for name in fields):
        raise Refused(_BAD_BODY)
    wrong = [name for name, value in fields.items() if _CONTROL.search(value)]
    if wrong:
        told = "It holds a control character."
        raise InvalidRequest(errors=tuple(FieldError(f"/{name}", told) for name in wrong))
    return fields


def require_ours(fields: dict[str, str], visit: Visit) -> None:
    """Return if the form was made during ``visit``.

    Raises:
        Refused: 403, it carries another token or none.
    """
    if not visit.made(fields.get(FIELD, "")):
        raise Refused(NOT_OURS, _REMEDY)


def _same_origin(request: Request, public_url: str) -> bool:
    """Whether nothing says that another site sent it; the form's token makes up for what is not said."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin")
    if origin is None:
        return True
    told = urlsplit(public_url)
    here = f"{request.url.scheme}://{request.headers.get('host', '')}"
    return origin in {f"{told.scheme}://{told.netloc}", here}

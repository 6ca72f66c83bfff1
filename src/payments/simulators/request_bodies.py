"""Reading what clients send: JSON, form fields, and names with brackets in either."""

import json
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request

_BRACKETED = re.compile(r"^([^\[\]]+)((?:\[[^\[\]]*\])+)$")
_INSIDE = re.compile(r"\[([^\[\]]*)\]")


class WrongContentTypeError(Exception):
    """The body is neither JSON nor a form."""


async def read_fields(request: Request) -> dict[str, Any]:
    """Return the fields of a request, nested. A body that cannot be read has no fields, as in PHP.

    `"customization[title]"` in JSON or in a form becomes `{"customization": {"title": ...}}`, each
    `"channels[]"` adds to a list, and an empty text becomes null. Raise `WrongContentTypeError` on another
    content type.
    """
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    raw = await request.body()
    if kind == "application/json":
        return _nested(_json_object(raw).items())
    if kind == "application/x-www-form-urlencoded":
        return _nested(parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True))
    if not raw:
        return {}
    raise WrongContentTypeError(kind)


def _json_object(raw: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _nested(flat: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for name, value in flat:
        bracketed = _BRACKETED.match(name)
        path = [bracketed[1], *_INSIDE.findall(bracketed[2])] if bracketed else [name]
        _put(nested, path, None if value == "" else value)
    return nested


def _put(into: dict[str, Any], path: list[str], value: Any) -> None:
    path, adds = (path[:-1], True) if path[-1] == "" else (path, False)
    for step in path[:-1]:
        below = into.setdefault(step, {})
        if not isinstance(below, dict):
            below = into[step] = {}
        into = below
    if adds:
        earlier = into.get(path[-1])
        value = [*earlier, value] if isinstance(earlier, list) else [value]
    into[path[-1]] = value

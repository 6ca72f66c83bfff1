"""Writing answers."""

from typing import Any

import msgspec
from starlette.responses import Response

_ENCODER = msgspec.json.Encoder()


def json_answer(shape: Any, *, status: int = 200) -> Response:
    """``shape`` as JSON: instants as RFC 3339 in UTC, enums by value."""
    return Response(_ENCODER.encode(shape), status_code=status, media_type="application/json")


def page(html: str) -> Response:
    """A page of ours. It may load only from here, and nothing in it is inline."""
    policy = (
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
    )
    return Response(html, media_type="text/html", headers={"Content-Security-Policy": policy})

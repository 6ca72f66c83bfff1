"""``/openapi.json``, ``/docs`` and the files our pages load: nothing comes from anywhere else."""

import mimetypes
from typing import Final

from starlette.responses import Response

from payments.entrypoints.http.answering import json_answer, page
from payments.entrypoints.http.desk import Desk
from payments.entrypoints.http.operation import Answer, Call, Operation, Who
from payments.entrypoints.http.problems import NOT_FOUND, Refused
from payments.entrypoints.http.reference import reference_page


async def document(desk: Desk, _call: Call) -> Response:
    """Answer with the OpenAPI document."""
    return json_answer(desk.document)


async def reference(desk: Desk, _call: Call) -> Response:
    """Answer with the document as a page."""
    return page(reference_page(desk.pages, desk.document))


async def asset(desk: Desk, call: Call) -> Response:
    """Answer with a style sheet of ours."""
    name = call.request.path_params["name"]
    if name not in desk.assets:
        raise Refused(NOT_FOUND)
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return Response(desk.assets[name], media_type=kind, headers={"Cache-Control": "public, max-age=3600"})


DOCUMENT: Final = Operation(
    name="openapi",
    method="GET",
    path="/openapi.json",
    handle=document,
    summary="This document",
    tag="Operations",
    who=Who.ANYONE,
    answers=(Answer(media_type="application/json", description="OpenAPI 3.1."),),
    documented=False,
)

REFERENCE: Final = Operation(
    name="docs",
    method="GET",
    path="/docs",
    handle=reference,
    summary="This document, for people",
    tag="Operations",
    who=Who.ANYONE,
    answers=(Answer(media_type="text/html", description="A page for people."),),
    documented=False,
)

ASSET: Final = Operation(
    name="asset",
    method="GET",
    path="/payments/assets/{name}",
    handle=asset,
    summary="A file that a page of ours loads",
    tag="Operations",
    who=Who.ANYONE,
    answers=(Answer(media_type="text/css", description="The file."),),
    documented=False,
)

"""The floor of HTTP: Starlette and msgspec answer every POST with a constant, on uvicorn with uvloop."""

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


class Asked(msgspec.Struct):
    provider: str


_decoder = msgspec.json.Decoder(Asked)
_ANSWER = {
    "payment_id": "01900000-0000-7000-8000-000000000001",
    "checkout_url": "https://checkout.example/pay/1",
}


async def answer(request: Request) -> Response:
    if request.method == "POST":
        _decoder.decode(await request.body())
    return Response(msgspec.json.encode(_ANSWER), media_type="application/json")


app = Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST"])])

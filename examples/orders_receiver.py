"""The receiving side of an orders service: take the news about payments, believe only what is signed.

PAYMENTS_ORDERS_SIGNING_SECRETS=whsec_... uvicorn examples.orders_receiver:app --port 8001
"""

import base64
import hmac
import json
import os
import time

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

# The secrets the payments service signs with, all of them: during a change there are two. With none, or an
# empty one, nobody is believed.
SECRETS = os.environ.get("PAYMENTS_ORDERS_SIGNING_SECRETS", "").split(",")
KEYS = [key for secret in SECRETS if (key := base64.b64decode(secret.strip().removeprefix("whsec_")))]

# An order service keeps this beside the order, and changes both in one transaction.
ORDERS: dict[str, dict[str, object]] = {}
SEQUENCES: dict[str, int] = {}


def is_genuine(request: Request, body: bytes) -> bool:
    """Whether one of our secrets signed this body within the last five minutes (Standard Webhooks)."""
    sent_at = request.headers.get("webhook-timestamp", "")
    if not sent_at.isascii() or not sent_at.isdigit() or abs(time.time() - int(sent_at)) > 5 * 60:
        return False
    signed = f"{request.headers.get('webhook-id', '')}.{sent_at}.".encode() + body
    expected = [b"v1," + base64.b64encode(hmac.digest(key, signed, "sha256")) for key in KEYS]
    given = request.headers.get("webhook-signature", "").encode("latin-1").split()
    return any(hmac.compare_digest(one, other) for one in given for other in expected)


async def take_news(request: Request) -> JSONResponse:
    body, order_id = await request.body(), request.path_params["order_id"]
    if not is_genuine(request, body):
        return JSONResponse({"detail": "not signed by the payments service"}, status_code=401)
    news = json.loads(body)
    if news["sequence"] > SEQUENCES.get(order_id, 0):  # else: a repetition, or overtaken. 200 all the same
        SEQUENCES[order_id] = news["sequence"]
        ORDERS[order_id] = {"payment_status": news["payment_status"], "payment_id": news["payment_id"]}
        if news["payment_status"] == "paid":
            print(f"{order_id} is paid: ship it")  # "failed" is not final: cancel and restock nothing on it
    return JSONResponse(ORDERS[order_id])


app = Starlette(routes=[Route("/orders/{order_id}/", take_news, methods=["PATCH"])])

"""Access tokens (fact sheet 2.1)."""

import base64
import binascii
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from payments.simulators.mpesa.api_answers import error
from payments.simulators.mpesa.credentials import same
from payments.simulators.mpesa.simulation import Simulation


async def generate(simulation: Simulation, request: Request) -> Response:
    """Answer with a new token for the app's key and secret."""
    if request.method != "GET":
        return error(HTTPStatus.METHOD_NOT_ALLOWED, "405.001", "Method Not Allowed")
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic" or not encoded:
        return error(HTTPStatus.BAD_REQUEST, "400.008.01", "Invalid Authentication passed")
    if request.query_params.get("grant_type") != "client_credentials":
        return error(HTTPStatus.BAD_REQUEST, "400.008.02", "Invalid grant type passed")
    switches = simulation.switches(None)
    if not _known(simulation, encoded):
        if switches.oauth_refusal == "error_body":
            return error(HTTPStatus.BAD_REQUEST, "400.008.01", "Invalid Authentication passed")
        return Response(b"", status_code=HTTPStatus.BAD_REQUEST)
    token = simulation.tokens.issue(switches.token_life_s, alone=switches.one_token)
    # The documented 3599 of a token that lives 3600 s.
    left_s = max(0, int(switches.token_life_s) - 1)
    expires_in = str(left_s) if switches.expires_in_as == "string" else left_s
    return JSONResponse({"access_token": token, "expires_in": expires_in})


def _known(simulation: Simulation, encoded: str) -> bool:
    try:
        given = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return False
    return same(given, f"{simulation.config.consumer_key}:{simulation.config.consumer_secret}")

"""Who may call: the method, the token, the product, and the error each family answers with (2.2)."""

from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from payments.simulators.mpesa import validation
from payments.simulators.mpesa.api_answers import error
from payments.simulators.mpesa.simulation import Simulation

_C2B = frozenset({"c2b_register", "c2b_simulate"})
_NOT_ENABLED = "Error Occurred - Invalid API call as no apiproduct match found"


async def admitted(simulation: Simulation, request: Request, endpoint: str) -> dict[str, Any] | JSONResponse:
    """Return the fields of a product call that may be made, or the refusal of one that may not."""
    if (no := _refused(simulation, request, endpoint)) is not None:
        return no
    try:
        return await validation.fields_of(request)
    except validation.MalformedError:
        return validation.malformed()


def _refused(simulation: Simulation, request: Request, endpoint: str) -> JSONResponse | None:
    if request.method == "GET":
        return error(HTTPStatus.NOT_FOUND, "404.001.04", "Invalid Authentication Header")
    if request.method != "POST":
        return error(HTTPStatus.METHOD_NOT_ALLOWED, "405.001", "Method Not Allowed")
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        return error(HTTPStatus.NOT_FOUND, "404.001.04", "Invalid Authentication Header")
    switches = simulation.switches(None)
    if not simulation.tokens.valid(token.strip()):
        return _invalid_token(endpoint, token.strip(), switches.c2b_token_error)
    if {endpoint, "any"} & set(switches.not_enabled):
        return error(HTTPStatus.UNAUTHORIZED, "401.002.01", _NOT_ENABLED)
    return None


def _invalid_token(endpoint: str, token: str, c2b_error: str) -> JSONResponse:
    if endpoint in _C2B and c2b_error == "401.002.01":
        message = f"Error Occurred - Invalid Access Token - {token}"
        return error(HTTPStatus.UNAUTHORIZED, "401.002.01", message)
    if endpoint in _C2B or endpoint == "status":
        return error(HTTPStatus.BAD_REQUEST, "400.003.01", "Invalid Access Token")
    return error(HTTPStatus.NOT_FOUND, "404.001.03", "Invalid Access Token")

"""What goes wrong in front of Daraja (fact sheet 2.3), beside the faults every simulator has.

| fault | carried out? | the caller sees |
|---|---|---|
| `html_403`, `html_503` | no | the firewall's page |
| `html_503_after` | yes | the same, although the prompt was sent |
| `empty`, `empty_after` | no, yes | 200 without a body |
| `soap`, `soap_after` | no, yes | 500 and a SOAP fault turned into JSON |
| `error_in_200`, `error_in_200_after` | no, yes | 200 that carries an `errorCode`, with an empty message |
| `error_500_after` | yes | `500.001.1001` with an empty message |
| `spike_arrest` | no | 500 `500.003.02` |
| `quota` | no | 500 `500.003.03` |
| `busy` | no | 500 `500.003.02` `System is busy` |
| `internal` | no | 500 `500.003.1001` |
"""

from collections.abc import Callable, Mapping
from http import HTTPStatus

from starlette.responses import HTMLResponse, JSONResponse, Response

from payments.simulators.faults import FAULTS, NOT_CARRIED_OUT
from payments.simulators.mpesa.api_answers import error, spike_arrest

_FIREWALL = (
    "<html><head><title>Request Rejected</title></head><body>The requested URL was rejected. Please consult "
    "with your administrator.</body></html>"
)
_SOAP = {
    "Envelope": {
        "Body": {"Fault": {"faultcode": "env:Server", "faultstring": "Internal Error (from server)"}}
    }
}


def _html(status: int) -> Response:
    return HTMLResponse(_FIREWALL, status_code=status)


def _empty() -> Response:
    return Response(b"", status_code=HTTPStatus.OK, media_type="application/json")


def _soap() -> Response:
    return JSONResponse(_SOAP, status_code=HTTPStatus.INTERNAL_SERVER_ERROR)


def _error_in_200() -> Response:
    return error(HTTPStatus.OK, "500.001.1001", "")


def _error_500(code: str, message: str) -> Response:
    return error(HTTPStatus.INTERNAL_SERVER_ERROR, code, message)


_REFUSALS: Mapping[str, Callable[[], Response]] = {
    "html_403": lambda: _html(HTTPStatus.FORBIDDEN),
    "html_503": lambda: _html(HTTPStatus.SERVICE_UNAVAILABLE),
    "unavailable": lambda: _html(HTTPStatus.SERVICE_UNAVAILABLE),
    "empty": _empty,
    "soap": _soap,
    "error_in_200": _error_in_200,
    "rate_limited": lambda: spike_arrest(5),
    "spike_arrest": lambda: _error_500("500.003.02", "Error Occurred: Spike Arrest Violation"),
    "busy": lambda: _error_500("500.003.02", "System is busy. Please try again in few minutes."),
    "quota": lambda: _error_500("500.003.03", "Error Occurred: Quota Violation"),
    "internal": lambda: _error_500("500.003.1001", "Internal Server Error"),
}
REPLACED: Mapping[str, Callable[[], Response]] = {
    "html_503_after": lambda: _html(HTTPStatus.SERVICE_UNAVAILABLE),
    "empty_after": _empty,
    "soap_after": _soap,
    "error_in_200_after": _error_in_200,
    "error_500_after": lambda: _error_500("500.001.1001", ""),
}
REFUSED = NOT_CARRIED_OUT | frozenset(_REFUSALS)
GATEWAY_FAULTS = (*FAULTS, *(name for name in (*_REFUSALS, *REPLACED) if name not in FAULTS))


def refusal(fault: str) -> Response:
    """Return the answer of a call that a fault kept from being carried out.

    `reset_before` is answered on the wire; its answer here is never seen.
    """
    return _REFUSALS.get(fault, _empty)()

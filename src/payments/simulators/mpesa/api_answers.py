"""Daraja's errors and its acknowledgements (fact sheet, sections 2.2 and 2.3)."""

from http import HTTPStatus

from starlette.responses import JSONResponse

from payments.simulators.mpesa import formats

_MICROSECONDS_A_MINUTE = 60_000_000


def error(status: int, code: str, message: str, *, with_id: bool = True) -> JSONResponse:
    """Return the error body; the older gateways answer with a `requestId` of null."""
    request_id = formats.request_id() if with_id else None
    return JSONResponse(
        {"requestId": request_id, "errorCode": code, "errorMessage": message}, status_code=status
    )


def invalid(field: str) -> JSONResponse:
    """Return the refusal of a field: nothing was done."""
    return error(HTTPStatus.BAD_REQUEST, "400.002.02", f"Bad Request - Invalid {field}")


def threat() -> JSONResponse:
    """Return the refusal of a text that the firewall takes for an attack."""
    return error(HTTPStatus.BAD_REQUEST, "400.002.02", "Bad Request - Threat Detected")


def server_error(message: str) -> JSONResponse:
    """Return `500.001.1001`, whose message alone tells what it means."""
    return error(HTTPStatus.INTERNAL_SERVER_ERROR, "500.001.1001", message)


def spike_arrest(calls_a_minute: int) -> JSONResponse:
    """Return the gateway's 429, in the gateway's own shape."""
    rate = (
        f"MessageRate{{messagesPerPeriod={calls_a_minute}, periodInMicroseconds={_MICROSECONDS_A_MINUTE}, "
        "maxBurstMessageCount=1.0}"
    )
    fault = {
        "faultstring": f"Spike arrest violation. Allowed rate : {rate}",
        "detail": {"errorcode": "policies.ratelimit.SpikeArrestViolation"},
    }
    return JSONResponse({"fault": fault}, status_code=HTTPStatus.TOO_MANY_REQUESTS)

"""``/openapi.json``: the route table as an OpenAPI 3.1 document."""

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any, Final

import msgspec

from payments.domain import errors
from payments.domain.errors import PaymentsError
from payments.entrypoints.http import problems
from payments.entrypoints.http.operation import Answer, Operation, Who
from payments.entrypoints.http.problems import Kind, kind_of
from payments.entrypoints.http.requests import InitiateRequest
from payments.entrypoints.http.schemas import Checkout, Payment, Problem

Tree = dict[str, Any]

_TEMPLATE: Final = "#/components/schemas/{name}"
_FOLLOWING: Final = ("get_payment", "explain_payment", "cancel_payment")
_ABOUT: Final = (
    "One API in front of several payment providers. Amounts are decimal texts, instants are RFC 3339 in UTC, "
    "and every problem is an application/problem+json document whose code is stable."
)


def document(
    operations: Iterable[Operation], *, public_url: str, providers: Iterable[str], page_keys: Iterable[str]
) -> Tree:
    """The document for ``operations``; names of providers and pages are those that are configured."""
    told = [operation for operation in operations if operation.documented]
    schemas = _schemas(told)
    _name_what_is_configured(schemas, sorted(providers), list(page_keys))
    paths: Tree = {}
    for operation in told:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, schemas)
    for operation in told:
        if operation.query is not None:
            schemas.pop(operation.query.__name__, None)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Payments", "version": version("payments"), "description": _ABOUT},
        "servers": [{"url": public_url}],
        "tags": [{"name": tag} for tag in dict.fromkeys(operation.tag for operation in told)],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "headers": _headers(),
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def problems_of(operation: Operation) -> tuple[Kind, ...]:
    """Every problem that ``operation`` can answer, once, by status."""
    raised: list[type[PaymentsError] | Kind] = list(operation.raises)
    if operation.scopes:
        raised += [problems.UNAUTHENTICATED, problems.INSUFFICIENT_SCOPE, errors.InvalidRequest]
        raised.append(errors.IdentityUnavailable)
    if operation.scopes or operation.who is Who.PROVIDER or operation.name == "ready":
        raised += [errors.StorageUnavailable, errors.StorageBusy, errors.StaleVersion]
    if operation.path_shapes:
        raised.append(problems.NOT_FOUND)
    if operation.takes not in (None, bytes):
        raised += [problems.MALFORMED_JSON, problems.REQUEST_TIMEOUT]
        raised += [problems.CONTENT_TOO_LARGE, problems.UNSUPPORTED_MEDIA_TYPE]
    raised.append(problems.INTERNAL_ERROR)
    kinds = dict.fromkeys(each if isinstance(each, Kind) else kind_of(each) for each in raised)
    return tuple(sorted(kinds, key=lambda kind: (kind.status, kind.code)))


def _schemas(operations: list[Operation]) -> Tree:
    shapes: list[type] = [Problem]
    requests: set[str] = set()
    for operation in operations:
        asked = [
            each for each in (operation.takes, operation.query) if each is not None and each is not bytes
        ]
        shapes += asked
        requests |= {shape.__name__ for shape in asked}
        shapes += [answer.shape for answer in operation.answers if answer.shape is not None]
    _, schemas = msgspec.json.schema_components(dict.fromkeys(shapes), ref_template=_TEMPLATE)
    for name in requests:
        schemas[name]["additionalProperties"] = False
    return dict(sorted(schemas.items()))


def _name_what_is_configured(schemas: Tree, providers: list[str], page_keys: list[str]) -> None:
    wish = schemas.get(InitiateRequest.__name__)
    if wish is None:
        return
    if providers:
        wish["properties"]["provider"] |= {"enum": providers, "examples": providers[:1]}
    page, nobody = wish["properties"]["return_to"]["anyOf"]
    if page_keys:
        page["enum"] = page_keys
    else:
        wish["properties"]["return_to"]["anyOf"] = [nobody]


def _operation(operation: Operation, schemas: Mapping[str, Tree]) -> Tree:
    described: Tree = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.tag],
        "security": [{"bearer": [scope.value]} for scope in operation.scopes],
    }
    if operation.description:
        described["description"] = operation.description
    parameters = [*_path(operation), *_query(operation, schemas), *_key(operation)]
    if parameters:
        described["parameters"] = parameters
    if operation.takes is bytes:
        described["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": {"type": "object"}}},
        }
    elif operation.takes is not None:
        schema = {"$ref": _TEMPLATE.format(name=operation.takes.__name__)}
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    described["responses"] = _answers(operation) | _problems(operation)
    return described


def _path(operation: Operation) -> list[Tree]:
    return [
        _parameter(name, "path", msgspec.json.schema(shape), required=True)
        for name, shape in operation.path_shapes.items()
    ]


def _query(operation: Operation, schemas: Mapping[str, Tree]) -> list[Tree]:
    if operation.query is None:
        return []
    shape = schemas[operation.query.__name__]
    return [
        _parameter(name, "query", _given(schema), required=name in shape["required"])
        for name, schema in shape["properties"].items()
    ]


def _given(schema: Tree) -> Tree:
    """What a parameter is when it is there: not null, which a query cannot say."""
    kept = {name: value for name, value in schema.items() if not (name == "default" and value is None)}
    options = [option for option in kept.pop("anyOf", []) if option != {"type": "null"}]
    return kept | options[0] if options else kept


def _key(operation: Operation) -> list[Tree]:
    if not operation.once:
        return []
    schema = {
        "type": "string",
        "pattern": "^[!-~]{1,255}$",
        "examples": ["2f0c6a1e-4d0b-4c0e-9a55-0c7f1b1f7a10"],
    }
    told = "The same key and the same request get the same answer for 24 hours."
    return [
        _parameter(
            "Idempotency-Key", "header", schema | {"description": told}, required=operation.key_required
        )
    ]


def _parameter(name: str, where: str, schema: Tree, *, required: bool) -> Tree:
    described = {"name": name, "in": where, "required": required, "schema": schema}
    told = schema.pop("description", "")
    return described | {"description": told} if told else described


def _answers(operation: Operation) -> Tree:
    return {str(answer.status): _answer(answer) for answer in operation.answers}


def _answer(answer: Answer) -> Tree:
    headers: Tree = {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}}
    headers |= {
        name: {"description": told, "schema": {"type": "string"}} for name, told in answer.headers.items()
    }
    described: Tree = {"description": answer.description, "headers": headers}
    if answer.shape is not None:
        schema = {"$ref": _TEMPLATE.format(name=answer.shape.__name__)}
        described["content"] = {answer.media_type: {"schema": schema}}
    elif answer.media_type:
        described["content"] = {answer.media_type: {"schema": {"type": "string"}}}
    if answer.shape in (Checkout, Payment):
        described["links"] = {
            name: {"operationId": name, "parameters": {"payment_id": "$response.body#/payment_id"}}
            for name in _FOLLOWING
        }
    return described


def _problems(operation: Operation) -> Tree:
    by_status: dict[int, list[Kind]] = {}
    for kind in problems_of(operation):
        by_status.setdefault(kind.status, []).append(kind)
    return {str(status): _problem(kinds) for status, kinds in by_status.items()}


def _problem(kinds: list[Kind]) -> Tree:
    names = ["X-Request-Id", *_HEADERS_BY_STATUS.get(kinds[0].status, ())]
    codes = {"properties": {"code": {"enum": [kind.code for kind in kinds]}}}
    schema = {"allOf": [{"$ref": _TEMPLATE.format(name=Problem.__name__)}, codes]}
    return {
        "description": " · ".join(dict.fromkeys(kind.title for kind in kinds)),
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names},
        "content": {problems.MEDIA_TYPE: {"schema": schema}},
    }


_HEADERS_BY_STATUS: Final = {
    401: ("WWW-Authenticate",),
    403: ("WWW-Authenticate",),
    409: ("Retry-After",),
    503: ("Retry-After",),
    504: ("Retry-After",),
}


def _headers() -> Tree:
    return {
        "X-Request-Id": {
            "description": "Names this request in our logs; yours, if you sent one.",
            "schema": {"type": "string"},
        },
        "Retry-After": {
            "description": "After how many seconds repeating makes sense.",
            "schema": {"type": "integer", "minimum": 1},
        },
        "WWW-Authenticate": {"description": "What was missing (RFC 6750).", "schema": {"type": "string"}},
    }

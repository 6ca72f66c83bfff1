from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from payments.domain.transitions import AttemptStatus, PaymentStatus, RefundStatus
from payments.entrypoints.http.openapi import problems_of
from payments.entrypoints.http.routes import OPERATIONS
from tests.integration.http.door import PUBLIC_URL, Door

pytestmark = pytest.mark.anyio


@pytest.fixture
async def document(door: Door) -> dict[str, Any]:
    found: dict[str, Any] = (await door.client.get("/openapi.json")).json()
    return found


async def test_it_is_valid_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []
    assert document["servers"] == [{"url": PUBLIC_URL}]


async def test_it_has_every_row_of_the_table_and_nothing_else(document: dict[str, Any]) -> None:
    told = {
        (path, method.upper(), operation["operationId"])
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert told == {(each.path, each.method, each.name) for each in OPERATIONS if each.documented}


async def test_every_problem_of_an_operation_is_declared_under_its_status(document: dict[str, Any]) -> None:
    for operation in OPERATIONS:
        if not operation.documented:
            continue
        responses = document["paths"][operation.path][operation.method.lower()]["responses"]
        for kind in problems_of(operation):
            content = responses[str(kind.status)]["content"]["application/problem+json"]["schema"]
            assert kind.code in content["allOf"][1]["properties"]["code"]["enum"]


async def test_statuses_come_from_the_state_tables(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for statuses in (PaymentStatus, AttemptStatus, RefundStatus):
        assert set(schemas[statuses.__name__]["enum"]) == {status.value for status in statuses}


async def test_requests_are_closed_and_name_what_is_configured(document: dict[str, Any]) -> None:
    wish = document["components"]["schemas"]["InitiateRequest"]
    assert wish["additionalProperties"] is False
    assert wish["properties"]["provider"]["enum"] == ["scripted"]
    assert wish["properties"]["return_to"]["anyOf"][0]["enum"] == ["shop", "app"]


async def test_whoever_needs_a_token_is_told_which_scope(document: dict[str, Any]) -> None:
    for operation in OPERATIONS:
        if operation.documented:
            told = document["paths"][operation.path][operation.method.lower()]["security"]
            assert told == [{"bearer": [scope.value]} for scope in operation.scopes]


async def test_nothing_in_it_is_named_twice(document: dict[str, Any]) -> None:
    names = [operation.name for operation in OPERATIONS]
    assert len(set(names)) == len(names)
    assert len({(operation.method, operation.path) for operation in OPERATIONS}) == len(OPERATIONS)


async def test_the_page_shows_every_operation_and_every_problem(door: Door, document: dict[str, Any]) -> None:
    page = (await door.client.get("/docs")).text
    for operation in OPERATIONS:
        if operation.documented:
            assert f'id="{operation.name}"' in page
            for kind in problems_of(operation):
                assert f'id="{kind.code}"' in page
    assert "curl -X POST &#39;http://pay.example/payments/initiate/order_123/&#39;" in page

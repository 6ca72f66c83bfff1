"""Every documented call, five hundred times at least, drawn from its own description by schemathesis.

Half of the requests are what the document allows and half are not, the same ones every time. Whatever is
answered must be declared, and nothing may fail. Where nothing can vary there is one.
"""

import asyncio
import logging
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest
import requests
import schemathesis
import structlog
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode, Response
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.config import GenerationConfig, ProjectsConfig, SchemathesisConfig

from payments.domain.reviewing import WayOut
from payments.entrypoints.http import create_app
from payments.entrypoints.http.auth import Scope
from payments.entrypoints.http.operation import Operation
from payments.entrypoints.http.routes import OPERATIONS
from tests.hostile.lived_in import OWNER, LivedIn, lived_in
from tests.integration.http.door import SETTINGS, bearer
from tests.serving import serving

ALLOWED, NOT_ALLOWED, NAMELESS = 250, 250, 30
"""How many requests of each sort: as the document has it, otherwise, and without a token."""

EVERYTHING: Final = " ".join(scope.value for scope in Scope)
DOCUMENTED: Final = {operation.name: operation for operation in OPERATIONS if operation.documented}

ACROSS_FIELDS: Final = (
    "Name the reference or the order_id, and only one of them.",
    "It is required.",
    "Use an ISO 4217 code such as ETB, NGN, KES or GHS.",
    "Name the attempt that the money belongs to.",
    "Name an attempt of ours: p- and 26 characters.",
    *(f"Leave it out: {way.value} does not use it." for way in WayOut),
    "Name a capture of this payment, or leave it out for the money that settles it.",
)
"""Sentences for what a schema cannot say: rules across fields, and the list of currencies."""

HELD_OTHERWISE: Final = frozenset({"positive_data_acceptance"})
"""It takes any 422 for a refusal of good data; ours also say what is wrong with an order or an amount."""


@contextmanager
def answering(home: LivedIn) -> Iterator[str]:
    """The address at which ``home`` answers, from another thread: schemathesis waits where it calls."""
    up, done = threading.Event(), threading.Event()
    address: list[str] = []

    async def serve() -> None:
        async with serving(create_app(home.kit.payments, SETTINGS)) as url:
            address.append(url)
            up.set()
            await asyncio.to_thread(done.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert up.wait(30)
    try:
        yield address[0]
    finally:
        done.set()
        thread.join()


@pytest.fixture
def quiet() -> Iterator[None]:
    """A line of log for each request would be most of what is done."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


@pytest.fixture
def home() -> LivedIn:
    return asyncio.run(lived_in())


def described(document: dict[str, Any], operation: Operation) -> Any:
    """The operation as schemathesis knows it. Tokens are ours to send, not its to vary."""
    config = SchemathesisConfig(projects=ProjectsConfig())
    config.projects.default.generation = GenerationConfig(with_security_parameters=False)
    schema = schemathesis.openapi.from_dict(document, config=config)
    return schema[operation.path][operation.method]


def good_data_is_not_called_bad(case: Case[Any], answer: Response) -> None:
    """Whatever the document allows is neither malformed nor misshapen."""
    if answer.status_code not in {400, 422}:
        return
    told = answer.json()
    misshapen = told["code"] in {"malformed_json", "invalid_request"}
    wrong = [error for error in told["errors"] if error["detail"] not in ACROSS_FIELDS]
    assert not (misshapen and wrong), (case.as_curl_command(), told)


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("name", DOCUMENTED)
def test_every_answer_is_one_that_the_document_declares(name: str, home: LivedIn) -> None:
    operation = DOCUMENTED[name]
    load_all_checks()
    left_out: list[Any] = [CHECKS.get_one(each) for each in HELD_OTHERWISE]
    answers: dict[str, Counter[int]] = {"allowed": Counter(), "not allowed": Counter(), "nameless": Counter()}
    there = home.named()
    with answering(home) as url, requests.Session() as session:
        session.trust_env = False
        document = session.get(f"{url}/openapi.json").json()
        told = described(document, operation)

        def call(sort: str, case: Case[Any], headers: dict[str, str]) -> Response:
            answer = case.call(base_url=url, session=session, headers=headers)
            answers[sort][answer.status_code] += 1
            case.validate_response(answer, excluded_checks=left_out)
            assert answer.headers.get("x-request-id")
            return answer

        def of(mode: GenerationMode) -> Any:
            return told.as_strategy(generation_mode=mode)

        def at_most(count: int) -> Any:
            return settings(
                max_examples=count,
                derandomize=True,
                deadline=None,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )

        @at_most(ALLOWED)  # type: ignore[untyped-decorator]  # what schemathesis draws has no type
        @given(case=of(GenerationMode.POSITIVE), known=st.booleans())
        def allowed(case: Case[Any], known: bool) -> None:  # noqa: FBT001 -- drawn by name
            if known:
                parts = case.path_parameters or {}
                case.path_parameters = parts | {part: there[part] for part in parts}
            good_data_is_not_called_bad(case, call("allowed", case, bearer(OWNER, EVERYTHING)))

        @at_most(NOT_ALLOWED)  # type: ignore[untyped-decorator]  # as above
        @given(case=of(GenerationMode.NEGATIVE))
        def not_allowed(case: Case[Any]) -> None:
            call("not allowed", case, bearer(OWNER, EVERYTHING))

        @at_most(NAMELESS)  # type: ignore[untyped-decorator]  # as above
        @given(case=of(GenerationMode.POSITIVE))
        def nameless(case: Case[Any]) -> None:
            assert (call("nameless", case, {}).status_code == 401) is bool(operation.scopes)

        allowed()
        if varies(told):
            not_allowed()
            assert sum(map(sum, (sort.values() for sort in answers.values()))) >= 500, answers
        nameless()
    assert not [status for sort in answers.values() for status in sort if status >= 500], answers
    assert asyncio.run(home.kit.payments.check()) == ()


def varies(told: Any) -> bool:
    """Whether a request can be other than the document allows: a part of a path that is any text cannot."""
    shapes = [parameter.definition["schema"] for parameter in told.path_parameters]
    return bool(told.body or told.query or any(set(shape) & {"pattern", "format"} for shape in shapes))

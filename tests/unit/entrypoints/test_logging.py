"""Logs tell what happened and to which request, and no secret."""

import base64
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.contextvars import bound_contextvars

from payments.entrypoints.logging import MASK, configure_logging, redacted
from payments.settings import LoggingSettings

CANARIES = (
    "CHASECK_TEST-0123456789abcdef0123456789abcdef",
    "CHASECK-live-0123456789abcdef",
    "sk_live_0123456789abcdef",
    "whsec_" + base64.b64encode(b"a" * 32).decode(),
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJkZW1vIn0.c2lnbmF0dXJl",
    "Bearer opaque-token-of-somebody",
    "smtp://us:p4ssw0rd@mail.example.com",
    "postgresql://us:p4ssw0rd@db.example.com/payments",
    "4111 1111 1111 1111",
    "5500-0000-0000-0004",
)


SECRETS = st.one_of(
    st.from_regex(r"CHASECK(_TEST)?-[A-Za-z0-9-]+", fullmatch=True),
    st.from_regex(r"[sp]k_(test|live)_[A-Za-z0-9]+", fullmatch=True),
    st.from_regex(r"whsec_[A-Za-z0-9+/=]+", fullmatch=True),
    st.from_regex(r"eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*", fullmatch=True),
)
"""Whatever stands before them, as long as no word runs into them."""
AFTER_A_MARK = st.tuples(
    st.sampled_from(["/pay/", "/stk/", "/mpesa/", "Bearer ", "bearer ", "Basic ", "basic "]),
    st.from_regex(r"[0-9a-f]{32}", fullmatch=True),
)
PIECES = (
    *CANARIES,
    *("Bearer ", "basic ", "/pay/", "https://", "us:p4ssw0rd", "@host", "whsec_", "sk_live_", "eyJ"),
    *("0123456789abcdef0123456789abcdef", "4111 1111", "1111 1111", "4111111111111111", "1", "x", "-"),
    *("\\n", "\\u00e9", "\\", "\n", " ", MASK),
)
"""Secrets, and pieces that some of the others make one."""


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where logs go in this test; afterwards they go where they went before."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield io.StringIO()
    structlog.reset_defaults()
    root.handlers[:] = before
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def as_json(stream: io.StringIO, level: str = "info") -> structlog.typing.FilteringBoundLogger:
    configure_logging(LoggingSettings(level=level, format="json"), stream)
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger("test")
    return logger


def test_a_line_carries_the_request_it_belongs_to(stream: io.StringIO) -> None:
    log = as_json(stream)
    with bound_contextvars(request_id="r-1", payment_id="p-1"):
        log.info("settled", amount_minor=100)
    log.info("elsewhere")
    first, second = lines(stream)
    assert first["event"] == "settled"
    assert (first["request_id"], first["payment_id"], first["amount_minor"]) == ("r-1", "p-1", 100)
    assert first["timestamp"].endswith("Z")
    assert "request_id" not in second


@pytest.mark.parametrize("canary", CANARIES)
@pytest.mark.parametrize("style", ["json", "console"])
def test_a_secret_is_not_written_wherever_it_stands(stream: io.StringIO, canary: str, style: str) -> None:
    configure_logging(LoggingSettings(level="debug", format=style), stream)
    log = structlog.get_logger("test")
    secret = canary.removeprefix("Bearer ").rpartition("@")[0].partition("us:")[2] or canary.removeprefix(
        "Bearer "
    )
    sentence = f"call with {canary}"
    log.info(sentence, url=f"x {canary} y", nested={"list": [canary]}, thing=Exception(canary))
    logging.getLogger("some.library").warning("it said %s", canary)
    try:
        int(canary)
    except ValueError:
        log.exception("failed")
        logging.getLogger("some.library").exception("failed")
    assert secret not in stream.getvalue()
    assert stream.getvalue().count(MASK) >= 6


@settings(max_examples=30)
@given(before=st.text(max_size=20), secret=SECRETS, after=st.text(max_size=20))
def test_a_secret_is_found_in_whatever_text(before: str, secret: str, after: str) -> None:
    (said,) = redacted(None, "info", {"said": f"{before} {secret} {after}"}).values()
    assert secret not in said
    assert MASK in said


@settings(max_examples=30)
@given(before=st.text(max_size=20), marked=AFTER_A_MARK, after=st.text(max_size=20))
def test_what_stands_where_secrets_stand_is_found_in_whatever_text(
    before: str, marked: tuple[str, str], after: str
) -> None:
    mark, secret = marked
    (said,) = redacted(None, "info", {"said": f"{before}{mark}{secret} {after}"}).values()
    assert secret not in said
    assert f"{mark}{MASK}" in said


@settings(max_examples=200)
@given(st.lists(st.lists(st.sampled_from(PIECES), max_size=4).map("".join), max_size=5))
def test_what_one_field_says_changes_nothing_of_another(texts: list[str]) -> None:
    told = {f"field_{number}": text for number, text in enumerate(texts)}
    alone = {name: redacted(None, "info", {name: text})[name] for name, text in told.items()}
    assert redacted(None, "info", told) == alone


@pytest.mark.parametrize(
    "name",
    [
        "token",
        "access_token",
        "api_key",
        "secret_key",
        "Authorization",
        "password",
        "webhook_secret",
        "email",
        "phone",
        "customer_phone_number",
        "passkey",
        "otp",
        "signature",
        "set_cookie",
    ],
)
def test_a_field_named_like_a_secret_is_masked(stream: io.StringIO, name: str) -> None:
    as_json(stream).info("said", **{name: "harmless looking"}, headers={name: "harmless looking"})
    (line,) = lines(stream)
    assert line[name] == MASK
    assert line["headers"] == {name: MASK}


def test_identifiers_and_amounts_stay_readable(stream: io.StringIO) -> None:
    told = {
        "reference": "p-abcdefghijklmnopqrstuvwxyz",
        "payment_id": "01890a5d-ac96-774b-bcce-b302099a8057",
        "order_id": "order_1001",
        "key": "charge",
        "took_ms": 1.5,
        "at_us": 1614265330000000,
        "none": None,
    }
    as_json(stream).info("said", **told)
    (line,) = lines(stream)
    assert {name: line[name] for name in told} == told


def test_nobody_can_write_a_line_of_their_own(stream: io.StringIO) -> None:
    as_json(stream).info("said", name='x\n{"event": "forged"}')
    assert len(stream.getvalue().splitlines()) == 1


def test_nobody_commands_the_terminal_that_shows_the_log(stream: io.StringIO) -> None:
    configure_logging(LoggingSettings(format="console"), stream)

    def fails() -> None:
        raise ValueError(told)

    told = "order\x1b[2J\x1b]0;paid\x07\x9b2J\u202e"
    structlog.get_logger("test").info("request", order_id=told, nested=[told])
    logging.getLogger("some.library").warning("it said %s\nforged", told)
    try:
        fails()
    except ValueError:
        structlog.get_logger("test").exception("failed")
    assert "ValueError: order\\x1b[2J" in stream.getvalue()
    assert all(line.isprintable() for line in stream.getvalue().split("\n"))
    assert "\nforged" not in stream.getvalue()


@pytest.mark.parametrize("style", ["json", "console"])
def test_a_traceback_shows_no_local_variables(stream: io.StringIO, style: str) -> None:
    configure_logging(LoggingSettings(level="info", format=style), stream)

    def fails() -> None:
        hidden = "local-" + "canary"
        raise ValueError(len(hidden))

    try:
        fails()
    except ValueError:
        structlog.get_logger("test").exception("failed")
    assert "ValueError" in stream.getvalue()
    assert "local-canary" not in stream.getvalue()


def test_the_level_holds_for_us_and_for_libraries(stream: io.StringIO) -> None:
    log = as_json(stream, level="warning")
    log.info("quiet")
    logging.getLogger("some.library").info("quiet")
    log.warning("loud")
    logging.getLogger("some.library").warning("loud")
    assert [line["event"] for line in lines(stream)] == ["loud", "loud"]


class FullDisk(io.StringIO):
    """Takes nothing more, as a full disk, or a pipe that nobody reads any more."""

    def write(self, _text: str, /) -> int:
        raise OSError(28, "No space left on device")


@pytest.mark.usefixtures("stream")
@pytest.mark.parametrize("style", ["json", "console"])
def test_what_cannot_be_logged_breaks_nothing_off(style: str) -> None:
    configure_logging(LoggingSettings(format=style), FullDisk())
    structlog.get_logger().error("worker_trouble", exc_info=RuntimeError("a defect"))

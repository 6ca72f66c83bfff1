"""Logs: one line an event, for people or as JSON, with the request's identifiers and without secrets."""

import functools
import json
import logging
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final, TextIO, cast

import attrs
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from payments.application.card_numbers import without_card_numbers
from payments.settings import LoggingSettings

MASK: Final = "[redacted]"

_SECRET_NAMES: Final = re.compile(
    r"(?:^|_)(?:authorization|cookie|passkey|password|secret|secrets|signature|token|otp|email|phone|phone_number)(?:$|_)"
    r"|api_?key|secret_?key|private_?key|signing_?key",
    re.IGNORECASE,
)
# What is secret wherever it stands: keys of providers and webhooks, bearer tokens, passwords in addresses.
_SECRETS: Final = re.compile(
    r"CHASECK(?:_TEST)?-[A-Za-z0-9-]+"
    r"|\b[sp]k_(?:test|live)_[A-Za-z0-9]+"
    r"|(?<=/pay/)[0-9a-f]{32}|(?<=/stk/)[0-9a-f]{32}|(?<=/mpesa/)[0-9a-f]{32}"
    r"|\bwhsec_[A-Za-z0-9+/=]+"
    r"|\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"
    r"|(?<=[Bb]earer )[^\s\"',]+"
    r"|(?<=[Bb]asic )[^\s\"',]+"
    r"|(?<=://)[^\s/@:]+:[^\s/@]+(?=@)"
)
# Part of everything that _SECRETS finds, and cheap to look for: hardly any value has one of them.
_TELLTALES: Final = re.compile(r"CHASECK|k_test_|k_live_|/pay/|/stk/|/mpesa/|whsec_|eyJ|earer |asic |://")
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_COMMANDS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""The same but for the blanks of a traceback."""
_NUMBERS: Final = (int, float)
_PLAIN: Final = frozenset({int, float, bool, type(None)})
_PLAIN_OR_TEXT: Final = _PLAIN | {str}
_OF_LINES: Final = frozenset({"exception", "stack"})
_QUIET: Final = ("aiosmtplib", "alembic", "asyncio", "httpx", "uvicorn.access", "uvicorn.error", "mail.log")


@attrs.frozen(eq=False)
class _Patient:
    """A stream that loses what it cannot write, as logging's own handlers do.

    A full disk, or a pipe that nobody reads any more, must break off no work that wants to tell of itself.
    """

    _stream: TextIO

    def write(self, text: str) -> None:
        with suppress(OSError):
            self._stream.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()


def configure_logging(settings: LoggingSettings, stream: TextIO) -> None:
    """Send all logs of this process, ours and the libraries', to ``stream``."""
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    ours: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        with_process,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    closing: list[Processor] = [structlog.processors.format_exc_info, redacted]
    structlog.configure(
        processors=[*ours, *closing, *_renderers(settings.format, stream)],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, _Patient(stream))),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=ours,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *closing,
                *_renderers(settings.format, stream),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for name in _QUIET:
        # Their news is ours to tell; their warnings are welcome.
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


def with_process(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """``event`` with the number of this process: several may write to one stream."""
    event["process"] = os.getpid()
    return event


def redacted(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """``event`` without secrets: by the names of its fields, and by what values look like."""
    # Hardly any has one, so its texts are looked at together: what is found goes on in no other line.
    texts = "\n".join([value for value in event.values() if type(value) is str])
    harmless = _PLAIN_OR_TEXT if _cleaned(texts) == texts else _PLAIN
    for name, value in event.items():
        if _names_a_secret(name):
            event[name] = MASK
        elif type(value) not in harmless:
            event[name] = _cleaned(value)
    return event


@functools.lru_cache(maxsize=1024)
def _names_a_secret(name: str) -> bool:
    """Looked up, as every line has the same few names; bounded, as those within a value may be anybody's."""
    return _SECRET_NAMES.search(name) is not None


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        without_secrets = _SECRETS.sub(MASK, value) if _TELLTALES.search(value) else value
        return without_card_numbers(without_secrets, MASK)
    # Before what asks an abstract class, which is slow, and most values are of these.
    if value is None or isinstance(value, _NUMBERS):
        return value
    if isinstance(value, Mapping):
        return {
            name: MASK if _names_a_secret(str(name)) else _cleaned(inner) for name, inner in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [_cleaned(inner) for inner in value]
    return _cleaned(str(value))


def _renderers(style: str, stream: TextIO) -> tuple[Processor, ...]:
    if style == "json":
        return (as_json,)
    # The default traceback of a console with rich shows local variables, and secrets are among them.
    console = structlog.dev.ConsoleRenderer(
        colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback
    )
    return (legible, console)


def as_json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    """``event``, of which ``redacted`` left nothing that JSON has not, as one line.

    structlog's own renderer says what to make of other values, and so has a new encoder made for each line.
    """
    return json.dumps(event)


def legible(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """``event`` without what commands a terminal or begins a line: callers choose some of it (CWE-150)."""
    return {
        name: _escaped(value, _COMMANDS if name in _OF_LINES else _CONTROLS) for name, value in event.items()
    }


def _escaped(value: Any, characters: re.Pattern[str]) -> Any:
    if not isinstance(value, str):
        return value
    return characters.sub(lambda found: found[0].encode("unicode_escape").decode(), value)

"""While histories run, nobody reads a real clock, draws by chance or opens a socket past the ports."""

import os
import random
import secrets
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

_FORBIDDEN: Final[tuple[tuple[Any, tuple[str, ...]], ...]] = (
    (time, ("time", "time_ns", "sleep")),
    (random, ("random", "randint", "randrange", "choice", "uniform", "shuffle", "getrandbits")),
    (secrets, ("token_bytes", "token_hex", "token_urlsafe", "randbelow", "choice")),
    (uuid, ("uuid1", "uuid4")),
    (os, ("urandom", "getrandom")),
    (socket, ("socket", "create_connection", "getaddrinfo")),
)


class NotThroughAPort(AssertionError):
    """The simulated code reached past its ports, so no two runs of it are sure to be alike."""


@contextmanager
def only_through_ports() -> Iterator[None]:
    """Raise in whoever reads the clock, draws, or opens a socket by himself, as long as the block runs.

    ``datetime.now`` cannot be replaced; the import contracts keep it out of the core.
    """
    kept = [
        (module, name, getattr(module, name))
        for module, names in _FORBIDDEN
        for name in names
        if hasattr(module, name)  # os.getrandom is not there on every system
    ]
    for module, name, _ in kept:
        setattr(module, name, _refusing(f"{module.__name__}.{name}"))
    try:
        yield
    finally:
        for module, name, real in kept:
            setattr(module, name, real)


def _refusing(name: str) -> Any:
    def refuse(*_arguments: object, **_named: object) -> None:
        raise NotThroughAPort(f"{name} was called while a history runs.")

    return refuse

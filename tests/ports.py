"""Ports for what a test starts in a process of its own, which cannot hand us the socket it listens on."""

import itertools
import os
import random
import socket
from collections.abc import Iterator
from contextlib import suppress
from functools import cache

_FROM, _TO = 12_000, 32_000
"""Below what systems give to whoever asks for any port: nobody is given one of these between our look and
the start of whoever listens on it, or while a service is down for a moment."""

_PARTS = 4
"""So many processes that run tests at the same time never look at each other's ports."""


def free_port() -> int:
    """A port nobody listens on, and which no other test is given while there are others left."""
    for port in itertools.islice(_in_turn(), _TO - _FROM):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise LookupError(f"Somebody listens on every port from {_FROM} to {_TO}.")


@cache
def _in_turn() -> Iterator[int]:
    """The ports of this process, over and over, and not in the order of another run beside it."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
    ports = list(range(_FROM + int(worker.removeprefix("gw")) % _PARTS, _TO, _PARTS))
    random.SystemRandom().shuffle(ports)
    return itertools.cycle(ports)

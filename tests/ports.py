"""Ports for what a test starts in a process of its own, which cannot hand us the socket it listens on."""

import random
import socket
from contextlib import suppress

_FROM, _TO = 12_000, 32_000
"""Below what systems give to whoever asks for any port: nobody is given one of these between our look and
the start of whoever listens on it, or while a service is down for a moment."""

_ANY = random.SystemRandom()


def free_port() -> int:
    """A port nobody listens on, and which nobody is given by chance."""
    while True:
        port = _ANY.randrange(_FROM, _TO)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port

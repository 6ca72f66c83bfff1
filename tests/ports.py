"""Ports for what a test starts in a process of its own, which cannot hand us the socket it listens on."""

import random
import socket
from contextlib import closing, suppress

_FROM, _TO = 12_000, 32_000
"""Below what systems give to whoever asks for any port: nobody is given one of these between our look and
the start of whoever listens on it, or while a service is down for a moment."""

_ANY = random.SystemRandom()


def free_port() -> int:
    """A port nobody listens on, and which nobody else is given while this process lives."""
    while True:
        port = _ANY.randrange(_FROM, _TO)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            _mark(port)
            return port


def _mark(port: int) -> None:
    """Keep the port from whoever else looks for one, in whatever process, for as long as this one lives.

    A datagram socket of the same number does, which nobody here uses; it goes with its process.

    Raises:
        OSError: somebody else marked it before.
    """
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as mark:
        mark.bind(("127.0.0.1", port))
        mark.detach()

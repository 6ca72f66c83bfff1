"""How a process is asked to stop: by a signal, or by the end of the process that looks after it."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

DRAIN_S: Final = 25
"""How long requests under way may take after the signal to stop."""

WORKER_DRAIN_S: Final = 3.0
"""What the worker gets beyond that: together less than the 30 s after which supervisors kill."""

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def asked_to_stop(
    stop: Callable[[], None], at_once: Callable[[], None], parent: int | None = None
) -> Iterator[None]:
    """Have ``stop`` called when this process is asked to stop, and ``at_once`` when it is asked again.

    ``parent`` is a file that becomes readable when the process that looks after this one has ended, however
    that ends. Whoever has one is never asked twice: a terminal or a container may signal a whole family, and
    the parent then signals its children, too.
    """
    loop = asyncio.get_running_loop()
    asked = False

    def on_request() -> None:
        nonlocal asked
        if asked and parent is None:
            at_once()
        elif not asked:
            asked = True
            stop()

    def on_orphaned() -> None:
        if parent is not None:
            loop.remove_reader(parent)
        on_request()

    for each in _SIGNALS:
        loop.add_signal_handler(each, on_request)
    if parent is not None:
        loop.add_reader(parent, on_orphaned)
    try:
        yield
    finally:
        if parent is not None:
            loop.remove_reader(parent)
        for each in _SIGNALS:
            loop.remove_signal_handler(each)

"""A plugin of pytest: bounds each test by its own time, so that a mutant which never ends is noticed soon.

mutmut bounds a mutant by what all its tests took together, on the clock of a machine with other work. That is
too long for a loop that never ends, and may be too short for a mutant that harms nothing.
"""

import os
import signal
from collections.abc import Generator
from types import FrameType

import pytest

ENDED = 24
"""What mutmut takes for work that never ended."""
CPU_S = 20
"""The longest test takes 3 seconds of CPU time."""
WAIT_S = 120
"""For a test that waits for ever and does nothing."""


def pytest_configure() -> None:
    """Take the signals of both clocks, and leave aside what mutmut's sends."""
    signal.signal(signal.SIGXCPU, signal.SIG_IGN)
    signal.signal(signal.SIGPROF, _end)
    signal.signal(signal.SIGALRM, _end)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    """Start both clocks anew for each test."""
    signal.setitimer(signal.ITIMER_PROF, CPU_S)
    signal.setitimer(signal.ITIMER_REAL, WAIT_S)
    result = yield
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.setitimer(signal.ITIMER_REAL, 0)
    return result


def _end(_signum: int, _frame: FrameType | None) -> None:
    os._exit(ENDED)

"""When the garbage collector works: not while a process imports, never on what it has imported, and seldom.

A start makes some hundred thousand objects that stay. To look for garbage among them again and again takes an
eighth of it; to look at them once more later stops the process for longer than most requests take.
"""

import gc
from typing import Final

YOUNG: Final = 10_000
"""So many objects more than went by themselves are worth a look. Python's own 700 are those of the requests
that are just under way, and no garbage: looking at them again and again took 45 us of each webhook."""


def collect_nothing_yet() -> None:
    """Make no search for garbage until :func:`collect_from_now_on`: this process begins to import."""
    gc.disable()


def collect_from_now_on() -> None:
    """Search, for :data:`YOUNG` new objects at a time, and never among what is here now.

    Nothing if it was not put off: then somebody else decides about this process.
    """
    if not gc.isenabled():
        gc.freeze()
        _, older, oldest = gc.get_threshold()
        gc.set_threshold(YOUNG, older, oldest)
        gc.enable()

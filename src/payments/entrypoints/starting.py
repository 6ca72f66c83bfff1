"""When the garbage collector works: not while a process imports, and never on what it has imported.

A start makes some hundred thousand objects that stay. To look for garbage among them again and again takes an
eighth of it; to look at them once more later stops the process for longer than most requests take.
"""

import gc


def collect_nothing_yet() -> None:
    """Make no search for garbage until :func:`collect_from_now_on`: this process begins to import."""
    gc.disable()


def collect_from_now_on() -> None:
    """Search as usual, and never among what is here now; nothing if it was not put off."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()

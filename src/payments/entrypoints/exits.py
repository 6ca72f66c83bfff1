"""How a command ends: its exit code, and one clear sentence where something is wrong."""

import errno
import os
import sys
from collections.abc import Callable
from typing import Final

from payments.domain.errors import ConfigurationInvalid, InvalidRequest, PaymentsError

FOUND: Final = 1
USAGE: Final = 2
UNAVAILABLE: Final = 69
CONFIGURATION: Final = 78
INTERRUPTED: Final = 130

_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""What keeps a file or a device from taking more of our output."""


def code_of(work: Callable[[], object]) -> int:
    """What ``work`` came to. Trouble is one clear sentence on standard error, never a traceback."""
    try:
        code = work()
    except ConfigurationInvalid as error:
        # The detail may repeat the list below it; its first line is the sentence.
        lines = [error.detail.partition("\n")[0], *(f"  {e.pointer}: {e.detail}" for e in error.errors)]
        return said("\n".join(lines), CONFIGURATION)
    except (PaymentsError, ExceptionGroup) as error:
        return said(_told(error), UNAVAILABLE)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has had enough.
        _write_no_more()
        return 0
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        _write_no_more()
        return said(f"The output cannot be written: {error.strerror}.", UNAVAILABLE)
    return code if isinstance(code, int) else 0


def _told(error: PaymentsError | ExceptionGroup) -> str:
    """What went wrong; with work that was done side by side it is mostly one thing, met many times.

    Raises:
        ExceptionGroup: a defect is among it, whose traceback is needed.
    """
    if isinstance(error, PaymentsError):
        return error.detail
    known, defects = error.split(PaymentsError)
    if known is None or defects is not None:
        raise error
    return "\n".join(dict.fromkeys(map(_told, known.exceptions)))


def _write_no_more() -> None:
    """Python must not complain about its output once more while it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def said(text: str, code: int) -> int:
    """``code``, once ``text`` stands on standard error."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
    return code


def refused(refusal: InvalidRequest) -> int:
    """Say which arguments are wrong. At a terminal the field ``/paid_under`` is named ``--paid-under``."""
    fields = (f"  {_argument(e.pointer)}: {e.detail}" for e in refusal.errors)
    return said("\n".join([refusal.detail, *fields]), USAGE)


def _argument(pointer: str) -> str:
    return f"--{pointer[1:].replace('_', '-')}" if pointer.startswith("/") else pointer

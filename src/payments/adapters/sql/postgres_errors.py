"""What PostgreSQL's errors, its driver's and the network's mean to us."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import asyncpg

from payments.adapters.sql.runner import NotUnique, TryAgain
from payments.domain.errors import StorageUnavailable

RETRY_AFTER_S: Final = 1.0

ON_A_STANDBY: Final = frozenset({"25006", "0A000"})
"""What says that this server takes no writes: those themselves, and reads of what may be lost (UNLOGGED)."""

_UNIQUE: Final = "23505"
_AGAIN: Final = frozenset(
    {
        "40001",  # serialisation failure
        "40P01",  # deadlock: the server chose us to give way
        "55P03",  # a lock was not had within lock_timeout
        "57014",  # statement_timeout, or a cancel of ours that came late
        "25P03",  # idle in transaction for too long: the server hung up
        "57P01",  # the server is shutting down
        "57P02",  # a server process crashed, and took all others with it
        "57P03",  # the server is starting up
        "57P05",  # idle for too long: the server hung up
        *ON_A_STANDBY,  # this server became one
    }
)
_FORBIDDEN: Final = "42501"
# Connections, then resources, the operator, the system, and the server itself; 28 and 3D: who may open what.
_AGAIN_CLASSES: Final = ("08",)
_NO_ANSWER_CLASSES: Final = ("28", "3D", "53", "57", "58", "XX")


def meaning(error: Exception) -> Exception:
    """What ``error`` is to us: NotUnique, TryAgain, StorageUnavailable, or itself: a defect."""
    state = sqlstate(error)
    if state == _UNIQUE:
        return NotUnique(str(error))
    if state in _AGAIN or state[:2] in _AGAIN_CLASSES or is_lost(error):
        return TryAgain(told(error))
    if state[:2] in _NO_ANSWER_CLASSES:
        return StorageUnavailable(f"The database gave no answer: {told(error)}.", retry_after_s=RETRY_AFTER_S)
    if state == _FORBIDDEN:
        # As with a wrong password, somebody mends it there, and nothing was done until then.
        return StorageUnavailable(
            f"The database's role may do too little: {told(error)}.", retry_after_s=RETRY_AFTER_S
        )
    return error


def is_lost(error: Exception) -> bool:
    """Whether the connection is gone, or nothing was heard on it in time."""
    # asyncpg's InterfaceError is also its word for a value it cannot send, which is a ValueError besides.
    gone = isinstance(error, asyncpg.InterfaceError) and not isinstance(error, ValueError)
    return gone or isinstance(error, (OSError, asyncpg.InternalClientError))


@contextmanager
def closed_means_lost() -> Iterator[None]:
    """Have a connection that uvloop closed, and did not tell the driver of yet, be lost like any other.

    Raises:
        ConnectionResetError: for its RuntimeError.
    """
    try:
        yield
    except RuntimeError as error:
        if "the handler is closed" not in str(error):
            raise
        raise ConnectionResetError("the connection was closed") from error


def sqlstate(error: BaseException | None) -> str:
    """Five characters (PostgreSQL, appendix A), or nothing."""
    return getattr(error, "sqlstate", None) or ""


def told(error: BaseException) -> str:
    """``error`` in words: those of time-outs are empty."""
    return str(error).rstrip(".") or type(error).__name__

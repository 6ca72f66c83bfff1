"""One process writes a SQLite database: whoever holds the lock on a file beside it."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs

from payments.domain.errors import StorageBusy, StorageUnavailable

if sys.platform == "win32":
    import msvcrt

    def _locked(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _shared(descriptor: int) -> bool:
        if not _locked(descriptor):
            return False
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
        return True

else:
    import fcntl

    def _locked(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _shared(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@attrs.frozen
class Writer:
    """A process that writes a database."""

    process: int | None
    """Its number; None where the operating system does not tell."""


def writer_of(database: Path) -> Writer | None:
    """Who writes ``database`` at this moment; None when nobody does.

    The question holds a shared lock for some microseconds, so a service that starts just then is refused.

    Raises:
        StorageUnavailable: the lock cannot be looked at.
    """
    beside = _beside(database)
    try:
        descriptor = os.open(beside, os.O_RDWR)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageUnavailable(f"{beside} cannot be opened: {error.strerror}.") from error
    try:
        return None if _shared(descriptor) else Writer(_holder(os.fstat(descriptor).st_ino))
    except OSError as error:
        raise _cannot_lock(beside, error) from error
    finally:
        os.close(descriptor)


def _holder(inode: int) -> int | None:
    """The process that holds a lock on the file with this number, as Linux lists it."""
    try:
        listed = Path("/proc/locks").read_text(encoding="ascii")
    except OSError:
        return None
    # 1: FLOCK  ADVISORY  WRITE 4242 00:2f:1234567 0 EOF; a process of another container has no number here.
    pattern = rf"FLOCK +ADVISORY +WRITE +([1-9][0-9]*) [0-9a-f]+:[0-9a-f]+:{inode} "
    match = re.search(pattern, listed)
    return int(match[1]) if match else None


@contextmanager
def only_writer(database: Path) -> Iterator[None]:
    """Be the one that writes ``database`` for as long as the block runs.

    The operating system holds the lock with the open file, so it ends with the process, however that ends;
    the file itself stays, and means nothing.

    Raises:
        StorageBusy: another process, or another place in this one, writes it.
        StorageUnavailable: the file cannot be made, or its file system knows no locks.
    """
    beside = _beside(database)
    try:
        descriptor = os.open(beside, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StorageUnavailable(f"{beside} cannot be opened: {error.strerror}.") from error
    try:
        try:
            ours = _locked(descriptor)
        except OSError as error:
            raise _cannot_lock(beside, error) from error
        if not ours:
            raise StorageBusy(
                f"Another process is writing to {database}; SQLite takes exactly one. Stop that process, "
                "give this one a database of its own, or move to PostgreSQL, which takes many "
                "(PAYMENTS_DATABASE_URL)."
            )
        yield
    finally:
        os.close(descriptor)


def _cannot_lock(beside: Path, error: OSError) -> StorageUnavailable:
    return StorageUnavailable(
        f"{beside} cannot be locked: {error.strerror}. Is the database on a network file system?"
    )


def _beside(database: Path) -> Path:
    # Beside the file itself: a link is another name of the same database, and must not have another lock.
    file = database.resolve()
    return file.with_name(f"{file.name}.lock")

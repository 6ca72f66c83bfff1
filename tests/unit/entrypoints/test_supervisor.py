"""What a supervisor does about processes that end again and again, or cannot be started."""

import errno
import multiprocessing
import signal
import socket
import sys
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from payments.entrypoints.supervisor import LONGEST_PAUSE_S, Supervisor, _Seat


class Process:
    """One that ends at once, or that the system has no room for."""

    pid = 42
    exitcode = 69

    def __init__(self, room: bool) -> None:  # noqa: FBT001 -- the one argument there is
        self._room = room

    def start(self) -> None:
        if not self._room:
            raise BlockingIOError("Resource temporarily unavailable")

    def is_alive(self) -> bool:
        return False

    def join(self) -> None:
        pass


class Context:
    """Processes that never run."""

    def __init__(self) -> None:
        self.room = True

    def Pipe(self, *, duplex: bool) -> tuple[Connection, Connection]:  # noqa: N802 -- multiprocessing's name
        return multiprocessing.Pipe(duplex=duplex)

    def Process(self, **_: Any) -> Process:  # noqa: N802 -- as above
        return Process(self.room)


@pytest.fixture
def context() -> Context:
    return Context()


@pytest.fixture
def supervisor(context: Context) -> Iterator[Supervisor]:
    with socket.socket() as listening:
        made: Any = Supervisor
        yield made(
            context=context,
            main=lambda _socket, _parent: None,
            listening=listening,
            on_ready=lambda: None,
            count=2,
        )


def test_one_that_ended_all_night_is_started_again_as_before(supervisor: Supervisor) -> None:
    process: Any = Process(room=True)
    seat = _Seat(process=process, began_at=time.monotonic(), failures=2000, was_ready=True)
    supervisor._seats = [seat]
    assert supervisor._see_who_ended() is None
    assert seat.due_at is not None
    assert seat.due_at - time.monotonic() == pytest.approx(LONGEST_PAUSE_S, abs=1.0)


def test_one_that_the_system_has_no_room_for_is_tried_again_beside_the_others(
    supervisor: Supervisor, context: Context
) -> None:
    supervisor._seats = [_Seat(was_ready=True), _Seat(due_at=time.monotonic())]
    seat = supervisor._seats[1]
    seen, kept = context.Pipe(duplex=False)
    with seen, kept:
        context.room = False
        for _ in range(3):
            seat.due_at = time.monotonic()
            supervisor._start_those_due(seen, kept)
            assert (seat.process, seat.word) == (None, None)
        assert seat.due_at is not None
        assert 1.0 < seat.due_at - time.monotonic() <= LONGEST_PAUSE_S
        context.room = True
        seat.due_at = time.monotonic()
        supervisor._start_those_due(seen, kept)
    assert seat.process is not None
    assert seat.word is not None
    seat.word.close()


def open_files() -> set[str]:
    return {each.name for each in Path("/proc/self/fd").iterdir()}


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere processes are no copies")
def test_what_cannot_be_started_all_night_uses_up_no_files(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room() -> int:
        raise BlockingIOError("Resource temporarily unavailable")

    supervisor._context = multiprocessing.get_context("fork")
    supervisor._seats = [_Seat(was_ready=True), _Seat()]
    seen, kept = multiprocessing.Pipe(duplex=False)
    monkeypatch.setattr("os.fork", no_room)
    with seen, kept:
        open_before = open_files()
        for _ in range(3):
            supervisor._start(supervisor._seats[1], seen, kept)
        assert open_files() - open_before == set()


def test_no_room_for_another_file_is_no_end_either(
    supervisor: Supervisor, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*, duplex: bool) -> tuple[Connection, Connection]:
        raise OSError(errno.EMFILE, "Too many open files", duplex)

    supervisor._seats = [_Seat(was_ready=True), _Seat()]
    seen, kept = context.Pipe(duplex=False)
    monkeypatch.setattr(context, "Pipe", no_room)
    with seen, kept:
        supervisor._start(supervisor._seats[1], seen, kept)
    assert supervisor._seats[1].due_at is not None


def test_no_room_for_the_first_is_the_end_of_all(supervisor: Supervisor, context: Context) -> None:
    context.room = False
    with pytest.raises(BlockingIOError):
        supervisor.run()


def test_a_signal_to_the_whole_family_before_the_first_is_ready_is_no_failure(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended, alive = multiprocessing.Pipe(duplex=False)
    alive.close()

    def ended_by_it(_process: Process) -> None:
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(Process, "start", ended_by_it)
    monkeypatch.setattr(Process, "sentinel", ended, raising=False)
    with ended:
        assert supervisor.run() == 0

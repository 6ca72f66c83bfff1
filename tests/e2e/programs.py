"""Starting ``payments`` as its users do: a process of its own, with an environment of its own."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import attrs

START_S = 120.0
STOP_S = 30.0


@attrs.define
class Program:
    """A running ``payments``. What it prints is read as it comes."""

    process: subprocess.Popen[str]
    said: list[str] = attrs.field(factory=list)
    complained: list[str] = attrs.field(factory=list)

    @property
    def output(self) -> str:
        return "".join(self.said)

    @property
    def complaints(self) -> str:
        return "".join(self.complained)

    def wait_for(self, sentence: str) -> str:
        """All that was said, once it holds ``sentence``."""
        deadline = time.monotonic() + START_S
        while sentence not in self.output:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"never said {sentence!r}:\n{self.output}\n{self.complaints}")
            time.sleep(0.02)
        return self.output

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """The exit code after ``how``; the promise is to end within 30 s."""
        self.process.send_signal(how)
        return self.process.wait(STOP_S)


@contextmanager
def payments(
    *arguments: str | Path, cwd: Path, variables: Mapping[str, str] | None = None
) -> Iterator[Program]:
    """Run a command until the block ends, with no ``PAYMENTS_*`` variables but these."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PAYMENTS_")}
    process = subprocess.Popen(
        [Path(sys.executable).with_name("payments"), *arguments],
        cwd=cwd,
        env={**inherited, **(variables or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    program = Program(process)
    readers = [
        threading.Thread(target=lines.extend, args=(pipe,), daemon=True)
        for pipe, lines in ((process.stdout, program.said), (process.stderr, program.complained))
        if pipe is not None
    ]
    for reader in readers:
        reader.start()
    try:
        yield program
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        for reader in readers:
            reader.join()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


def finished(
    *arguments: str | Path, cwd: Path, variables: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PAYMENTS_")}
    command: Sequence[str | Path] = [Path(sys.executable).with_name("payments"), *arguments]
    return subprocess.run(
        command,
        cwd=cwd,
        env={**inherited, **(variables or {})},
        capture_output=True,
        text=True,
        timeout=START_S,
        check=False,
    )


def alive(number: int) -> bool:
    """Whether there is a process with this number that still runs."""
    try:
        os.kill(number, 0)
        # Whoever is dead and not yet buried is listed, too; Linux says so.
        return not Path("/proc/self").exists() or " Z " not in Path(f"/proc/{number}/stat").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return False

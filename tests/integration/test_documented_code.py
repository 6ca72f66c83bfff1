"""The code in the documents runs, as it is written, against a running demonstration."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import anyio
import attrs
import httpx
import pytest

from payments import open_payments
from payments.testing import in_memory_payments
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
WRITTEN = "http://127.0.0.1:8000"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BASH = ("README.md", "docs/http.md", "docs/operations.md")
PYTHON = ("README.md", "docs/embedding.md", "docs/testing.md")
STARTS_WITHIN_S = 90.0
ORDERS = ("order_1002", "order_1003", "order_no_email")
"""What the bash blocks initiate, each of them once; the first one is left to the reader's browser."""


def blocks(document: str, language: str) -> list[str]:
    text = (ROOT / document).read_text(encoding="utf-8")
    return [fence[2] for fence in FENCE.finditer(text) if fence[1] == language]


@attrs.frozen
class Demo:
    """A demonstration that runs: its address, and the directory it was started in."""

    url: str
    directory: Path

    def say(self, environment: pytest.MonkeyPatch, **other: str) -> None:
        """Point whoever reads the environment at its simulators; ``other`` variables are said otherwise."""
        for line in (self.directory / ".payments-demo" / "env").read_text(encoding="utf-8").splitlines():
            name, _, value = shlex.split(line)[0].partition("=")
            environment.setenv(name, other.get(name, value))


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    directory, port = tmp_path_factory.mktemp("demo"), free_port()
    # The documents say .venv/bin/payments, as it is called after `make run`.
    (directory / ".venv").symlink_to(sys.prefix)
    url = f"http://127.0.0.1:{port}"
    log = directory / "log"
    with log.open("w") as told:
        process = subprocess.Popen(
            [Path(sys.prefix) / "bin" / "payments", "demo", "--port", str(port)],
            cwd=directory,
            stdout=told,
            stderr=told,
            env={name: value for name, value in os.environ.items() if not name.startswith("PAYMENTS_")},
        )
        try:
            anyio.run(_until_ready, url, process)
            yield Demo(url, directory)
        finally:
            process.terminate()
            process.wait(30)


async def _until_ready(url: str, process: "subprocess.Popen[bytes]") -> None:
    with anyio.fail_after(STARTS_WITHIN_S):
        async with httpx.AsyncClient(trust_env=False) as client:
            while process.poll() is None:
                try:
                    if (await client.get(f"{url}/readyz")).is_success:
                        return
                except httpx.TransportError:
                    pass
                await anyio.sleep(0.05)
    raise AssertionError("the demonstration ended")


@pytest.fixture(scope="module")
def curl() -> None:
    """The documents speak curl. Where it is absent they are skipped by name, and fail in CI."""
    if shutil.which("curl") is None and os.environ.get("CI") == "true":
        pytest.fail("curl is missing, and CI skips nothing (.ci/run installs it)")
    if shutil.which("curl") is None:
        pytest.skip("curl is missing (apt-get install curl)")


@pytest.mark.parametrize(
    ("document", "code"),
    [(document, code) for document in PYTHON for code in blocks(document, "python")],
    ids=lambda value: value if value in PYTHON else "",
)
def test_the_python_in_a_document_runs(
    document: str, code: str, demo: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One process writes a SQLite file, and that is the demonstration; its simulators serve us, too.
    demo.say(monkeypatch, PAYMENTS_DATABASE_URL="memory://")
    names: dict[str, object] = {"__name__": "documented"}
    exec(compile(code, document, "exec"), names)  # noqa: S102 - our own documents, run as they are
    for name, found in names.items():
        if name.startswith("test_") and hasattr(found, "hypothesis"):
            found()  # type: ignore[operator]  # a function of the document
        elif name.startswith("test_"):
            anyio.run(found, in_memory_payments())  # type: ignore[arg-type]  # a function of the document


@pytest.mark.parametrize("document", ["README.md", "docs/testing.md"])
def test_a_test_in_a_document_runs_pasted_into_an_empty_project(document: str, tmp_path: Path) -> None:
    pasted = [code for code in blocks(document, "python") if "async def test_" in code]
    assert pasted
    for number, code in enumerate(pasted):
        (tmp_path / f"test_pasted_{number}.py").write_text(code, encoding="utf-8")
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(pasted)} passed" in done.stdout


@pytest.mark.usefixtures("curl")
@pytest.mark.parametrize("document", BASH)
def test_what_a_document_tells_to_paste_works(document: str, demo: Demo) -> None:
    script = "\n".join(blocks(document, "bash")).replace(WRITTEN, demo.url)
    answer = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],  # noqa: S607 - whichever bash the reader has
        cwd=demo.directory,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "application/problem" not in answer.stdout


@pytest.mark.anyio
@pytest.mark.usefixtures("curl")
async def test_the_copy_that_operations_makes_is_whole(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    """The block of operations.md made it, in the test above."""
    # Payers' names and phones are in it.
    assert (demo.directory / "backup.db").stat().st_mode & 0o777 == 0o600
    demo.say(monkeypatch, PAYMENTS_DATABASE_URL=f"sqlite:///{demo.directory}/backup.db")
    async with open_payments(read_only=True) as payments:
        assert len((await payments.list("demo-user")).items) == len(ORDERS)
        assert await payments.check() == ()

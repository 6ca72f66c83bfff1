"""``payments serve --workers 2`` and ``payments worker`` themselves, on PostgreSQL."""

import json
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.outside_world import Outside, daraja
from tests.e2e.programs import Program, alive, finished, payments
from tests.e2e.story import environment, token
from tests.ports import free_port
from tests.postgres import Databases
from tests.serving import plain_client

pytestmark = pytest.mark.stories


def configured(database_url: str) -> dict[str, str]:
    """Variables of a service around which nobody is."""
    nobody = Outside("http://127.0.0.1:9", 9, plain_client(), daraja())
    return environment(nobody, database_url, free_port())


def until(happened: Callable[[], Any], within_s: float = 90.0) -> Any:
    """What ``happened`` answers, once that is something."""
    deadline = time.monotonic() + within_s
    while not (answer := happened()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
    return answer


def told(program: Program, event: str) -> list[dict[str, Any]]:
    lines = (line for line in program.complaints.splitlines() if f'"event": "{event}"' in line)
    return [json.loads(line) for line in lines]


def unmatched(program: Program) -> list[dict[str, Any]]:
    """The requests to nowhere that the processes said they answered."""
    return [line for line in told(program, "request") if line["route"] == "unmatched"]


def children(program: Program) -> set[int]:
    """The serving processes that said they are there, and still are."""
    return {line["process"] for line in told(program, "started") if alive(line["process"])}


def get(url: str) -> httpx.Response | None:
    """An answer over a connection of its own; None if the process at its end died."""
    try:
        return httpx.get(url, trust_env=False, timeout=30.0)
    except httpx.TransportError:
        return None


def with_cookie(method: str, url: str, cookie: str, **fields: str) -> httpx.Response:
    """What one of the processes answers to whoever sends this cookie."""
    headers = {"cookie": cookie}
    return httpx.request(method, url, headers=headers, data=fields, trust_env=False, timeout=30.0)


def until_all_answer(program: Program, url: str, cookie: str, status: int) -> None:
    """Look at the console with this cookie until each process said that it answered so, none otherwise."""

    def all_answered() -> bool:
        assert with_cookie("GET", url, cookie).status_code == status
        lines = (line for line in told(program, "request") if line["route"] == "/console/")
        return {line["process"] for line in lines if line["status"] == status} == children(program)

    until(all_answered)


@contextmanager
def two_serve(variables: dict[str, str], cwd: Path) -> Iterator[Program]:
    with payments("serve", "--workers", "2", "--no-work", cwd=cwd, variables=variables) as program:
        program.wait_for("2 processes")
        try:
            yield program
        finally:
            for number in children(program):
                with suppress(ProcessLookupError):
                    os.kill(number, signal.SIGKILL)


def test_whoever_signs_out_at_one_process_is_out_at_all(postgres_url: str, tmp_path: Path) -> None:
    variables = configured(postgres_url)
    console = f"{variables['PAYMENTS_PUBLIC_URL']}/console/"
    with two_serve(variables, tmp_path) as program:
        until(lambda: len(children(program)) == 2)
        operator = token("ops_1", scope="payments:operate")
        begun = with_cookie("POST", f"{console}sign-in/", "", token=operator)
        copied = begun.headers["set-cookie"].partition(";")[0]
        until_all_answer(program, console, copied, 200)

        form_token = re.search('name="form_token" value="([^"]+)"', with_cookie("GET", console, copied).text)
        assert form_token is not None
        ended = with_cookie("POST", f"{console}sign-out/", copied, form_token=form_token[1])

        assert ended.status_code == 303
        until_all_answer(program, console, copied, 401)


def test_they_count_together_outlive_a_death_and_end_together(postgres_url: str, tmp_path: Path) -> None:
    variables = configured(postgres_url)
    url = variables["PAYMENTS_PUBLIC_URL"]
    with ExitStack() as running:
        program = running.enter_context(two_serve(variables, tmp_path))
        worker = running.enter_context(payments("worker", cwd=tmp_path, variables=variables))
        assert program.output.count("Payments answers on") == 1
        first, second = until(lambda: len(children(program)) == 2 and children(program))

        def both_answered() -> bool:
            get(f"{url}/nowhere/")
            return {line["process"] for line in told(program, "request")} == {first, second}

        until(both_answered)
        measured = get(f"{url}/metrics")
        assert measured is not None
        counted = re.search(
            r'duration_seconds_count\{method="GET",route="unmatched",status="404"\} ([0-9.]+)', measured.text
        )
        assert counted is not None, measured.text
        answered = int(float(counted[1]))
        # What was answered may take a moment to be said.
        until(lambda: len(unmatched(program)) >= answered)
        assert len(unmatched(program)) == answered, "the sum over both, whoever is asked"
        assert "payments_storage_up 1.0" in measured.text

        os.kill(first, signal.SIGKILL)
        (ended, *_) = until(lambda: told(program, "process_ended"))
        assert ended["code"] == -signal.SIGKILL
        until(lambda: len(children(program)) == 2)
        assert until(lambda: get(f"{url}/readyz")).status_code == 200

        worker.wait_for("Payments works on what is due")
        worker.process.send_signal(signal.SIGTERM)
        assert program.stop() == 0
        assert worker.process.wait(30) == 0
        assert children(program) == set()
        assert get(f"{url}/livez") is None
        assert "Traceback" not in program.complaints + worker.complaints


def test_when_the_parent_is_killed_its_children_end_by_themselves_and_leave_the_port(
    postgres_url: str, tmp_path: Path
) -> None:
    variables = configured(postgres_url)
    with two_serve(variables, tmp_path) as program:
        until(lambda: len(children(program)) == 2)
        program.process.kill()
        program.process.wait()
        until(lambda: children(program) == set())
        assert "Traceback" not in program.complaints
    with two_serve(variables, tmp_path) as program:
        assert program.stop(signal.SIGINT) == 0


@pytest.mark.parametrize("stuck", [0, 1])
def test_a_child_that_outlives_the_parent_keeps_no_other_from_hearing_of_its_end(
    postgres_url: str, tmp_path: Path, stuck: int
) -> None:
    with two_serve(configured(postgres_url), tmp_path) as program:
        both = [line["child"] for line in told(program, "process_started")]
        until(lambda: children(program) == set(both))
        os.kill(both[stuck], signal.SIGSTOP)
        program.process.kill()
        until(lambda: children(program) == {both[stuck]})


def test_what_no_process_could_start_with_is_said_once(postgres: Databases, tmp_path: Path) -> None:
    with postgres.empty() as url:
        variables = configured(url)
        served = finished("serve", "--workers", "2", cwd=tmp_path, variables=variables)
        worked = finished("worker", cwd=tmp_path, variables=variables)
    for ended in (served, worked):
        assert ended.returncode == 78
        assert ended.stderr.count("Run `payments migrate` first.") == 1
        assert ended.stdout == ""
        assert "Traceback" not in ended.stderr

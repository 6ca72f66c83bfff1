"""The command line itself, as a process of its own: ``payments serve``, ``check``, ``why`` and ``sweep``."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process

import pytest

from tests.e2e.story import Story, until

pytestmark = [pytest.mark.anyio, pytest.mark.stories]


async def command(story: Story, *arguments: str) -> Process:
    environ = {**os.environ, **story.service.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from payments.entrypoints.cli import main; main()",
        *arguments,
        env=environ,
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
    )


async def output(story: Story, *arguments: str) -> tuple[int | None, str, str]:
    """Exit code, standard output and standard error of a command that ends by itself."""
    process = await command(story, *arguments)
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_a_service_that_was_killed_is_started_again_by_its_command_and_stops_when_asked(
    story: Story,
) -> None:
    """``kill -9`` between claim and record, then ``payments serve``, then SIGTERM."""
    await story.outside.switch_chapa(fault="slow", answer_delay_s=60, fault_on="initialize", fault_times=1)
    click = asyncio.create_task(story.initiate())
    (lost,) = await until(story.outside.transactions, len)
    await story.service.kill()
    await asyncio.wait({click})
    assert click.exception() is not None

    serving = await command(story, "serve")
    await story.until_ready()
    await story.outside.act(lost["tx_ref"], "pay")
    await story.until_told("paid")
    await story.until_at_rest()
    serving.send_signal(signal.SIGTERM)
    async with asyncio.timeout(30):
        out, err = await serving.communicate()

    assert serving.returncode == 0, err.decode()
    assert "Payments answers on http://127.0.0.1:" in out.decode()
    await story.told_once("paid")
    await story.tells(lost["tx_ref"], "The payment is paid.")


async def test_check_and_why_read_beside_the_running_service(story: Story) -> None:
    opened = await story.initiated()
    await story.browser.pay(opened["checkout_url"])
    await story.until_told("paid")
    await story.until_at_rest()

    checked, told = await asyncio.gather(
        output(story, "check", "--json"), output(story, "why", opened["reference"])
    )

    assert checked[0] == 0, checked
    assert json.loads(checked[1]) == {"ok": True, "violations": []}
    assert told[0] == 0, told
    assert "1000.00 ETB for order order_1 is paid through chapa." in told[1]
    assert "asked because of" in told[1]
    for _, out, err in (checked, told):
        assert all(secret not in out + err for secret in story.secrets())


async def test_a_sweep_by_hand_finds_the_money_while_no_service_runs(story: Story) -> None:
    await story.outside.switch_chapa(webhook_lost=True, redirect_lost=True)
    opened = await story.initiated()
    await story.browser.pay(opened["checkout_url"])
    await story.service.terminate()
    story.overdue(opened["reference"])

    code, out, err = await output(story, "sweep", "--json")

    assert (code, json.loads(out)) == (0, {"asked": 1}), err
    await story.start()
    await story.until_told("paid")
    await story.tells(opened["reference"], "asked because of the schedule", "The payment is paid.")


async def test_nothing_secret_is_written_to_the_log(story: Story) -> None:
    opened = await story.initiated()
    await story.browser.pay(opened["checkout_url"])
    await story.until_told("paid")
    await story.until_at_rest()
    await story.service.terminate()

    log = story.service.log()

    assert opened["reference"] in log
    assert opened["payment_id"] in log
    for secret in (*story.secrets(), "eyJ", "sara@shop.et", "0911234567"):
        assert secret not in log, secret
    for line in log.splitlines():
        assert line.startswith("Payments ") or isinstance(json.loads(line), dict)
    await story.tells(opened["reference"], "The payment is paid.")

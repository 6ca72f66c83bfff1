"""Two processes serve and two work, over one PostgreSQL: they share everything and double nothing."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import httpx
import pytest

from tests.e2e.databases import Database
from tests.e2e.outside_world import Outside
from tests.e2e.story import MAIL, ORDER, Story, open_story, until

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.stories,
    pytest.mark.parametrize("database", ["postgresql"], indirect=True),
]

T = TypeVar("T")

A_LEASE = timedelta(seconds=61)


@pytest.fixture
async def story(outside: Outside, database: Database, tmp_path: Path) -> AsyncIterator[Story]:
    """As every story, with each step of the workers in the log."""
    async with open_story(outside, database, tmp_path, {"PAYMENTS_LOG_LEVEL": "debug"}) as told:
        yield told


async def the_only_worker(story: Story) -> int:
    """The number of a worker whose colleague is dead: whatever is due, it takes."""
    first, second = story.service.workers()
    await story.service.kill_worker(second)
    return first


@contextmanager
def paused(worker: int) -> Iterator[None]:
    """SIGSTOP, and SIGCONT at the end."""
    os.kill(worker, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(worker, signal.SIGCONT)


async def woken_and_done(story: Story, worker: int, loop: str) -> None:
    """Wait until the woken worker has ended the step it was paused in."""
    await until(
        lambda: _now(story.service.events("worked")),
        lambda lines: any(line["process"] == worker and line["loop"] == loop for line in lines),
    )


async def _now(answer: T) -> T:
    return answer


@pytest.mark.on_both
async def test_a_hundred_initiates_over_two_processes_make_one_attempt_and_one_call(story: Story) -> None:
    both = await story.two_serving()

    answers = await asyncio.gather(*(story.click() for _ in range(100)))

    assert [answer.text for answer in answers if answer.status_code != 200] == []
    (reference,) = {answer.json()["reference"] for answer in answers}
    assert len(await story.outside.chapa_calls("initialize")) == 1
    assert (story.count("payments"), story.count("attempts")) == (1, 1)
    assert story.who_answered("initiate") == set(both)
    await story.tells(reference, "is being paid through chapa; the attempt is open.")


async def test_a_hundred_identical_webhooks_over_two_processes_make_one_message_and_one_mail(
    story: Story,
) -> None:
    both = await story.two_serving()
    opened = await story.initiated()
    await story.outside.switch_chapa(opened["reference"], webhook_copies=100)

    await story.outside.act(opened["reference"], "pay")

    await until(
        lambda: story.outside.webhooks(opened["reference"]),
        lambda hooks: len(hooks) == 100 and all(hook["state"] == "delivered" for hook in hooks),
    )
    await story.until_told("paid")
    await story.until_at_rest()
    assert story.count("notices") == 1
    assert story.count("evidence WHERE rule = 'settled'") == 1
    await story.told_once("paid")
    assert len(await story.outside.mails(MAIL)) == 1
    assert story.who_answered("verify") == set(both)
    await story.tells(opened["reference"], "chapa sent a notice", "The payment is paid.")


async def test_redirects_beside_webhooks_beside_sweeps_settle_once(story: Story) -> None:
    opened = await story.initiated()
    back = f"/payments/verify/chapa/?trx_ref={opened['reference']}"
    await story.outside.switch_chapa(opened["reference"], webhook_copies=50, redirect_lost=True)
    story.clock.move(timedelta(seconds=31))

    await asyncio.gather(
        story.outside.act(opened["reference"], "pay"),
        *(story.client.get(back) for _ in range(50)),
    )

    await story.until_told("paid")
    await story.until_at_rest()
    payment = await story.payment(opened["payment_id"])
    assert (payment["status"], payment["amount_received"]) == ("success", "1000.00")
    assert story.count("captures") == 1
    await story.told_once("paid")
    assert len(await story.outside.mails(MAIL)) == 1
    await story.tells(opened["reference"], "The payment is paid.")


@pytest.mark.on_both
async def test_a_worker_killed_while_it_tells_is_taken_over_by_another(story: Story) -> None:
    worker = await the_only_worker(story)
    opened = await story.initiated()
    await story.outside.switch_orders(ORDER, fault="never_answer", fault_on="patch", fault_times=1)
    await story.browser.pay(opened["checkout_url"])
    await until(lambda: story.outside.order_calls(ORDER, "patch"), len)

    await story.service.kill_worker(worker)
    story.service.start_worker()
    story.clock.move(A_LEASE)

    await until(lambda: story.outside.order_calls(ORDER, "patch"), lambda calls: len(calls) == 2)
    await story.until_at_rest()
    order = await story.outside.order(ORDER)
    assert [message["outcome"] for message in order["messages"]] == ["applied", "duplicate"]
    assert len({message["webhook_id"] for message in order["messages"]}) == 1
    mails = await story.until_mailed()
    assert len({mail["message_id"] for mail in mails}) == 1
    await story.tells(opened["reference"], "The orders service: message 1, 'paid', was delivered")


async def test_a_worker_killed_while_it_settles_is_taken_over_by_another(story: Story) -> None:
    worker = await the_only_worker(story)
    opened = await story.initiated()
    await story.outside.switch_chapa(fault="never_answer", fault_on="verify", fault_times=1)
    await story.outside.act(opened["reference"], "pay")
    await until(lambda: story.outside.chapa_calls("verify"), len)

    await story.service.kill_worker(worker)
    assert story.count("notices WHERE handled_at IS NULL") == 1
    story.service.start_worker()
    story.clock.move(A_LEASE)

    await story.until_told("paid")
    await story.until_at_rest()
    await story.told_once("paid")
    assert len(await story.outside.mails(MAIL)) == 1
    await story.tells(opened["reference"], "chapa sent a notice, 'charge.success'", "The payment is paid.")


async def test_a_worker_that_sleeps_past_its_lease_while_it_tells_marks_nothing(story: Story) -> None:
    """It wakes to an answer about a message that is another's now: what it would write is refused."""
    worker = await the_only_worker(story)
    opened = await story.initiated()
    await story.outside.switch_orders(ORDER, fault="slow", answer_delay_s=7, fault_on="patch", fault_times=1)
    await story.browser.pay(opened["checkout_url"])
    await until(lambda: story.outside.order_calls(ORDER, "patch"), len)
    # Stopped while it still looks at the notice it would keep the payment locked, and its colleague waiting.
    # Until then the payer's mail is sent, too; the answer comes after that, and before it is given up.
    await story.until_at_rest(but_for=1)
    with paused(worker):
        story.service.start_worker()
        story.clock.move(A_LEASE)
        await story.until_at_rest()
        kept = story.rows("SELECT message_id, state, tries, delivered_at, lease FROM messages")

    await woken_and_done(story, worker, "outbox")

    assert story.rows("SELECT message_id, state, tries, delivered_at, lease FROM messages") == kept
    order = await story.outside.order(ORDER)
    assert [message["outcome"] for message in order["messages"]] == ["applied", "duplicate"]
    assert len({message["webhook_id"] for message in order["messages"]}) == 1
    mails = await story.until_mailed()
    assert len({mail["message_id"] for mail in mails}) == 1
    await story.tells(opened["reference"], "The orders service: message 1, 'paid', was delivered")


async def test_a_worker_that_sleeps_past_its_lease_while_it_settles_doubles_nothing(story: Story) -> None:
    worker = await the_only_worker(story)
    opened = await story.initiated()
    await story.outside.switch_chapa(fault="slow", answer_delay_s=2, fault_on="verify", fault_times=1)
    await story.outside.act(opened["reference"], "pay")
    await until(lambda: story.outside.chapa_calls("verify"), len)
    with paused(worker):
        story.service.start_worker()
        story.clock.move(A_LEASE)
        await story.until_told("paid")
        await story.until_at_rest()
        kept = story.rows("SELECT notice_id, handled_at, tries, outcome, lease FROM notices")

    await woken_and_done(story, worker, "inbox")

    assert story.rows("SELECT notice_id, handled_at, tries, outcome, lease FROM notices") == kept
    assert (story.count("captures"), story.count("messages")) == (1, 2)
    await story.until_at_rest()
    await story.told_once("paid")
    assert len(await story.outside.mails(MAIL)) == 1
    await story.tells(opened["reference"], "The payment is paid.")


async def test_asked_to_stop_everybody_finishes_what_is_under_way(story: Story) -> None:
    """A payer waits for a page, the orders service for its news: both get them, and then all are gone."""
    await story.outside.put_order("order_2", user_id="sara", amount="5.00", currency="ETB")
    opened = await story.initiated()
    await story.outside.switch_orders(ORDER, fault="slow", answer_delay_s=1, fault_on="patch", fault_times=1)
    await story.browser.pay(opened["checkout_url"])
    await until(lambda: story.outside.order_calls(ORDER, "patch"), len)
    await story.outside.switch_chapa(fault="slow", answer_delay_s=1, fault_on="initialize", fault_times=1)
    click = asyncio.create_task(story.initiate("order_2"))
    await until(story.outside.transactions, lambda them: len(them) == 2)

    assert await story.service.terminate(within_s=29.0) == 0

    assert (await click).status_code == 200
    assert story.service.serving() == []
    assert story.rows("SELECT state FROM messages WHERE destination = 'orders'") == [("delivered",)]
    await story.told_once("paid")
    assert not story.service.events("worker_cut_off")
    await story.start()
    await story.tells(opened["reference"], "message 1, 'paid', was delivered")


async def test_a_serving_process_that_is_killed_is_started_again_while_the_other_answers(
    story: Story,
) -> None:
    first, second = await story.two_serving()

    os.kill(first, signal.SIGKILL)
    await story.until_ready()

    opened = await story.initiated()
    again = await until(story.two_serving, lambda them: first not in them)
    assert second in again
    await story.browser.pay(opened["checkout_url"])
    await story.until_told("paid")
    await story.told_once("paid")
    await story.tells(opened["reference"], "The payment is paid.")


async def test_serving_processes_killed_in_the_middle_of_a_click_are_back_and_charge_once(
    story: Story,
) -> None:
    before = await story.two_serving()
    await story.outside.switch_chapa(fault="slow", answer_delay_s=60, fault_on="initialize", fault_times=1)
    click = asyncio.create_task(story.initiate())
    await until(story.outside.transactions, len)

    for number in before:
        os.kill(number, signal.SIGKILL)
    await asyncio.wait({click})
    assert isinstance(click.exception(), httpx.TransportError)
    await until(story.two_serving, lambda them: not set(before) & set(them))
    await story.until_ready()
    story.clock.move(A_LEASE)
    opened = await story.initiated()

    old, new = await story.outside.transactions()
    assert (old["link"], new["link"], new["tx_ref"]) == ("cancelled", "open", opened["reference"])
    await story.browser.pay(opened["checkout_url"])
    await story.until_told("paid")
    await story.told_once("paid")
    await story.tells(opened["reference"], "Its claim grew too old.", "The payment is paid.")

"""``payments check`` finds each kind of planted inconsistency, in a copy of a real story's database."""

import sqlite3
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from tests.e2e.databases import APPEND_ONLY, KINDS, fresh_database
from tests.e2e.outside_world import Outside
from tests.e2e.story import Story, check_database, open_story, token, until

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module", params=KINDS)
async def told(
    request: pytest.FixtureRequest,
    outside: Outside,
    empty_database: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Story]:
    """A story: attempts declined, superseded and paid, a surplus, refunds, and a payment under way."""
    directory = tmp_path_factory.mktemp("told")
    with fresh_database(request, empty_database, directory) as database:
        async with open_story(outside, database, directory) as story:
            await _tell(story)
            yield story


async def _tell(story: Story) -> None:
    first = await story.initiated()
    await story.browser.pay_from_an_empty_wallet(first["checkout_url"])
    await story.until_status(first["payment_id"], "failed")
    await story.outside.put_order("order_1", title="Another title")
    second = await story.initiated()
    await story.browser.pay(second["checkout_url"])
    await story.until_status(first["payment_id"], "success")
    await story.outside.act(first["reference"], "pay")
    await until(story.reviews, len)
    await story.outside.switch_chapa(refunds="allowed", refund_settles_after_s=0.0)
    for refund in ("1.00", "2.00"):
        await _refund(story, first["payment_id"], refund)
    story.clock.move(timedelta(seconds=31))
    await until(lambda: story.payment(first["payment_id"]), lambda paid: paid["amount_refunded"] == "3.00")
    await story.outside.put_order("order_2", user_id="sara", amount="5.00", currency="ETB")
    await story.initiated("order_2")
    brought = await story.collect(order_id="order_9", amount="7.00", currency="ETB")
    assert brought.status_code == 200, brought.text
    await story.decide("orphan", "dismiss")
    await story.until_at_rest()
    await story.service.terminate()


async def _refund(story: Story, payment_id: str, amount: str) -> None:
    refunder = {
        "Authorization": f"Bearer {token('clerk', scope='payments:refund')}",
        "Idempotency-Key": amount,
    }
    body = {"amount": amount, "reason": "one of two came back"}
    answer = await story.post(f"/payments/{payment_id}/refunds/", json=body, headers=refunder)
    assert answer.status_code == 201, answer.text


# What is planted, and the invariant (docs/invariants.md) that must name it. Rows are changed behind the
# service's back, so the trail (I14) may notice, too.
PLANTED = {
    "a paid payment called failed": ("I1", "UPDATE payments SET status = 'failed' WHERE status = 'success'"),
    "a payment called paid without money": (
        "I1",
        "UPDATE payments SET status = 'success' WHERE order_id = 'order_2'",
    ),
    "settling money of another amount": (
        "I1",
        "UPDATE captures SET amount_minor = 1 WHERE disposition = 'settles'",
    ),
    "settling money without its attempt": (
        "I1",
        """UPDATE attempts SET status = 'expired'
           WHERE reference = (SELECT reference FROM captures WHERE disposition = 'settles')""",
    ),
    "two live attempts": (
        "I2",
        """DROP INDEX attempts_live;
           UPDATE attempts SET status = 'open'
           WHERE payment_id = (SELECT payment_id FROM payments WHERE status = 'success')""",
    ),
    "a status that no edge leads to": (
        "I3",
        "UPDATE attempts SET status = 'unknown' WHERE status = 'open'",
    ),
    "a missing message": ("I4", "DELETE FROM messages WHERE kind = 'paid'"),
    "a message told twice": (
        "I4",
        "UPDATE messages SET kind = 'paid', destination = 'orders' WHERE kind = 'failed'",
    ),
    "missing evidence": ("I8", "DELETE FROM evidence WHERE rule = 'settled'"),
    "a decline without evidence": (
        "I8",
        "UPDATE attempts SET status = 'failed', reason = 'declined' WHERE status = 'open'",
    ),
    "one transaction counted twice": (
        "I9",
        """DROP INDEX captures_key;
           UPDATE captures SET key = (SELECT key FROM captures WHERE disposition = 'settles')""",
    ),
    "surplus that was put before nobody": ("I10", "DELETE FROM reviews WHERE kind = 'surplus'"),
    "money that disappeared": ("I10", "DELETE FROM captures WHERE disposition = 'surplus'"),
    "a refund of more than arrived": ("I10", "UPDATE refunds SET amount_minor = amount_minor + 99900"),
    "a refund that no edge leads to": (
        "I3",
        "UPDATE refunds SET status = 'failed' WHERE amount_minor = 100",
    ),
    "money that no edge made held": (
        "I3",
        "UPDATE captures SET disposition = 'held' WHERE disposition = 'surplus'",
    ),
    "a refund nobody was told of": (
        "I4",
        "DELETE FROM messages WHERE kind = 'partially_refunded'",
    ),
    "a refund under way that lies about": (
        "I13",
        "UPDATE refunds SET status = 'requested', next_check_at = NULL WHERE amount_minor = 100",
    ),
    "a question that waits for a refund which has ended": (
        "I13",
        """UPDATE reviews SET decision = 'refund', refund_id = (SELECT min(refund_id) FROM refunds)
           WHERE kind = 'surplus'""",
    ),
    "a failure for no clear no": (
        "I12",
        "UPDATE attempts SET status = 'failed', reason = 'timed_out' WHERE status = 'open'",
    ),
    "a forgotten check": ("I13", "UPDATE attempts SET next_check_at = NULL WHERE status = 'open'"),
    "a changed audit link": ("I14", "UPDATE audit SET actor = 'nobody' WHERE sequence = 2"),
    "a message whose id is none": ("I14", "UPDATE messages SET message_id = 'mine' WHERE kind = 'paid'"),
    "a question of nobody whose id is none": (
        "I21",
        "UPDATE reviews SET review_id = 'mine' WHERE kind = 'orphan'",
    ),
    "a removed audit link": ("I14", "DELETE FROM audit WHERE sequence = 2"),
    "a trail cut off at its end": (
        "I14",
        "DELETE FROM audit WHERE sequence = (SELECT max(sequence) FROM audit)",
    ),
    "another amount for everything": (
        "I16",
        "UPDATE attempts SET amount_minor = 100 WHERE status = 'open'",
    ),
    "a question that is gone": ("I19", "DELETE FROM reviews"),
    "a decision that nobody made": (
        "I19",
        """UPDATE reviews SET state = 'resolved', decision = 'dismiss', actor = 'operator:thief',
           reason = 'mine', resolved_at = opened_at WHERE kind = 'surplus'""",
    ),
    "a question of nobody, dismissed by another": (
        "I21",
        "UPDATE reviews SET actor = 'operator:thief' WHERE kind = 'orphan'",
    ),
    "a link of its trail that is gone": ("I21", "DELETE FROM review_audit WHERE sequence = 2"),
    "a refund that nobody decided": (
        "I19",
        """UPDATE reviews SET decision = 'refund', actor = 'operator:thief', reason = 'mine',
           refund_id = review_id WHERE kind = 'surplus'""",
    ),
}


async def test_in_the_story_itself_it_finds_nothing(told: Story) -> None:
    assert await told.check() == ()
    ((reference,),) = told.rows("SELECT reference FROM captures WHERE disposition = 'settles'")
    await told.tells(reference, "The attempt failed: the provider declined it.", "The payment is paid.")


@pytest.mark.parametrize("table", APPEND_ONLY)
async def test_the_database_itself_keeps_what_is_written_once(
    told: Story, tmp_path: Path, table: str
) -> None:
    with told.database.copied(tmp_path) as guarded:
        for sql in (f"DELETE FROM {table}", f"UPDATE {table} SET evidence_id = evidence_id"):  # noqa: S608 -- our own tables
            with pytest.raises((sqlite3.IntegrityError, asyncpg.RaiseError), match="append-only"):
                guarded.change(sql)


@pytest.mark.parametrize("what", PLANTED)
async def test_it_names_the_broken_promise(told: Story, tmp_path: Path, what: str) -> None:
    invariant, sql = PLANTED[what]
    with told.database.copied(tmp_path) as broken:
        broken.unguard()
        broken.change(sql)

        found = await check_database(told.settings, broken, told.clock)

    assert invariant in {violation.invariant for violation in found}, found
    assert all(violation.subject and violation.detail for violation in found)


async def test_it_finds_a_check_that_is_long_overdue_and_a_claim_left_behind(
    told: Story, tmp_path: Path
) -> None:
    told.clock.move(timedelta(hours=1))
    try:
        with told.database.copied(tmp_path) as later:
            found = await check_database(told.settings, later, told.clock)
    finally:
        told.clock.move(timedelta(hours=-1))

    assert {violation.invariant for violation in found} == {"I13"}
    assert "should have been asked about" in found[0].detail

"""When all is quiet again: our tables, the orders service, the providers and the mailbox must agree."""

import asyncio
import sqlite3
import time
from collections import Counter
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from typing import Any

from payments.adapters.sql.conversion import instant
from tests.crash.acknowledged import Acknowledged
from tests.e2e.databases import Database, SqliteDatabase
from tests.e2e.story import Story

A_LEASE = timedelta(seconds=61)
HALF_AN_HOUR = timedelta(minutes=29)
"""Less than what ``payments check`` calls forgotten (I13): whoever is due is asked about in each of them."""
QUIET_WITHIN_S = 900.0
CAUGHT_UP_WITHIN_S = 60.0

SOON = 15
"""So many leases: by then every answer that can be had without a person has been had."""

_NOTICES = "notices that nobody has handled"
_REFUNDS = "refunds without an end"
_UNDER_WAY = {
    _NOTICES: "notices WHERE handled_at IS NULL",
    "messages that nobody has delivered": "messages WHERE state = 'pending'",
    _REFUNDS: "refunds WHERE status IN ('reserved', 'requested', 'unknown')",
    "claims": "attempts WHERE status = 'claimed'",
}

_DUE = (
    *(f"{table} WHERE next_try_at" for table in ("notices", "messages")),
    *(f"{table} WHERE next_check_at" for table in ("attempts", "refunds")),
)


async def until_quiet(story: Story) -> list[str]:
    """Let minutes pass until nothing is under way and all money is on record; what is not, in the end.

    A refund whose answer died with the process that asked for it is asked about for a day, and so is a notice
    about it. Chapa answers nobody who does not know its own name for it, so then a person looks it up.
    """
    deadline = time.monotonic() + QUIET_WITHIN_S
    leases = 0
    while left := await _under_way(story):
        if time.monotonic() > deadline:
            return [f"it never came to rest: {left}", *map(str, _without_an_end(story))]
        leases += 1
        story.clock.move(A_LEASE if leases <= SOON else HALF_AN_HOUR)
        await asyncio.sleep(0.5)
        await _caught_up(story)
        await _look_refunds_up(story)
    return []


async def _caught_up(story: Story) -> None:
    """Wait until the workers have taken up what is due by now.

    Many blows leave so much of it that time would run on while it waits: a day would be over before anybody
    had asked, and whatever has its day would have had none.
    """
    now, deadline = instant(story.clock.now()), time.monotonic() + CAUGHT_UP_WITHIN_S
    while any(story.count(f"{rows} <= {now}") for rows in _DUE) and time.monotonic() < deadline:  # noqa: ASYNC110 -- as in tests/e2e
        await asyncio.sleep(0.1)


async def _under_way(story: Story) -> dict[str, int]:
    waiting = {what: number for what, rows in _UNDER_WAY.items() if (number := story.count(rows))}
    if waiting.keys() <= {_REFUNDS, _NOTICES}:
        # Asked last: it takes the providers long to tell all that they know.
        missing = ((await _taken(story)) - _captured(story)).total()
        waiting |= {"payments taken that are not on record": missing} if missing else {}
    return waiting


async def _look_refunds_up(story: Story) -> None:
    """An operator answers each question about a refund with what Chapa's dashboard shows."""
    shown = {
        back["reference"]: back["ref"] for back in (await _told(story, "/chapa/_sim/refunds"))["refunds"]
    }
    asked = story.rows(
        "SELECT review_id, reference FROM reviews JOIN refunds ON refunds.refund_id = reviews.subject"
        " WHERE kind = 'refund_unknown' AND state = 'open'"
    )
    for review_id, reference in asked:
        name = shown.get(reference)
        outcome = (
            {"outcome": "failed"} if name is None else {"outcome": "succeeded", "provider_reference": name}
        )
        wish = {"decision": "record", "reason": "so the dashboard shows"} | outcome
        await story.operate("POST", f"/payments/reviews/{review_id}/resolve/", json=wish)


async def findings(story: Story, acknowledged: Acknowledged) -> list[str]:
    """Everything that is not as it must be once it is quiet, a sentence each."""
    await acknowledged.ask_the_providers(story.outside)
    return [
        *(f"lost: {what}" for what in acknowledged.lost(story.database)),
        *(f"{told.invariant}: {told.subject}: {told.detail}" for told in await story.check()),
        *await _money_that_differs(story),
        *await _refunds_that_differ(story),
        *await _orders_that_differ(story),
        *await _mails_that_differ(story),
    ]


def file_findings(database: Database) -> list[str]:
    """What SQLite itself finds in its file, once nobody uses it."""
    if not isinstance(database, SqliteDatabase):
        return []
    with closing(sqlite3.connect(database.path)) as connection:
        told = [word for (word,) in connection.execute("PRAGMA integrity_check")]
        told += [f"{row}" for row in connection.execute("PRAGMA foreign_key_check")]
    return [f"SQLite: {word}" for word in told if word != "ok"]


async def _money_that_differs(story: Story) -> list[str]:
    """Every payment that a provider took is one capture of ours, and no capture is anything else."""
    taken, captured = await _taken(story), _captured(story)
    twice = [key for key, number in captured.items() if number > 1]
    many = Counter(payment_id for (payment_id,) in story.rows("SELECT payment_id FROM captures"))
    return [
        *(
            f"taken, and not on record: {money}; ours: {_attempts_like(story, money[1])}"
            for money in (taken - captured).elements()
        ),
        *(f"on record, and never taken: {money}" for money in (captured - taken).elements()),
        *(f"on record twice: {money}" for money in twice),
        *(f"{payment_id} was paid {number} times" for payment_id, number in many.items() if number > 1),
    ]


def _without_an_end(story: Story) -> list[tuple[Any, ...]]:
    """The refunds that have none, for a finding that outlives the tables."""
    columns = "refunds.reference, captures.provider, refunds.status, requested_at, next_check_at, detail"
    return story.rows(
        f"SELECT {columns} FROM refunds JOIN captures USING (capture_id)"  # noqa: S608 -- our own words
        " WHERE refunds.status IN ('reserved', 'requested', 'unknown')"
    )


def _attempts_like(story: Story, name: str) -> list[tuple[Any, ...]]:
    """What we know of whatever has this name, for a finding that outlives the tables."""
    columns = "reference, provider, status, reason, checks, last_word, next_check_at, claimed_at"
    return story.rows(
        f"SELECT {columns}, watch_until, said_paid_at FROM attempts"  # noqa: S608 -- a simulator's name
        f" WHERE reference = '{name}' OR provider_reference = '{name}'"
    )


async def _taken(story: Story) -> Counter[tuple[str, str, int]]:
    """Provider, our reference (M-Pesa's: its own) and minor units of each payment at the providers."""
    prompts = (await _told(story, "/mpesa/_sim/prompts"))["prompts"]
    return Counter(
        [
            *(
                ("chapa", money["tx_ref"], _minor(money["amount"]))
                for money in await story.outside.transactions()
                if money["status"] in {"success", "refunded", "reversed"}
            ),
            *(
                ("paystack", money["reference"], money["amount"])
                for money in (await _told(story, "/paystack/_sim/transactions"))["transactions"]
                if money["paid_at"] is not None
            ),
            *(
                ("mpesa", prompt["checkout_request_id"], 100 * prompt["amount"])
                for prompt in prompts
                if prompt["code"] == "0"
            ),
        ]
    )


def _captured(story: Story) -> Counter[tuple[str, str, int]]:
    rows = story.rows("SELECT provider, reference, key, amount_minor FROM captures WHERE provider <> 'cash'")
    return Counter(
        (provider, key if provider == "mpesa" else reference, minor)
        for provider, reference, key, minor in rows
    )


async def _refunds_that_differ(story: Story) -> list[str]:
    """What went back at a provider is one refund of ours that succeeded, and the other way round."""
    references = {
        money["id"]: money["reference"]
        for money in (await _told(story, "/paystack/_sim/transactions"))["transactions"]
    }
    sent = Counter(
        [
            *(
                (money["tx_ref"], _minor(back["amount"]))
                for money in await story.outside.transactions()
                for back in money["refunds"]
                if back["status"] == "refunded"
            ),
            *(
                (references[back["transaction_id"]], back["amount"])
                for back in (await _told(story, "/paystack/_sim/refunds"))["refunds"]
                if back["status"] == "processed"
            ),
        ]
    )
    ours = Counter(
        story.rows(
            "SELECT captures.reference, refunds.amount_minor FROM refunds JOIN captures USING (capture_id)"
            " WHERE refunds.status = 'succeeded'"
        )
    )
    return [
        *(f"sent back, and not on record: {money}" for money in (sent - ours).elements()),
        *(f"on record as sent back, and not sent: {money}" for money in (ours - sent).elements()),
    ]


async def _orders_that_differ(story: Story) -> list[str]:
    """The orders service believes what our payments say, and took each message once, in order."""
    ours = {
        order_id: _told_of(status, minor, received, given_back)
        for order_id, status, minor, received, given_back in story.rows(
            "SELECT order_id, status, amount_minor, received_minor, given_back_minor FROM payments"
        )
    }
    found = []
    for order in (await _told(story, "/orders/_sim/orders"))["orders"]:
        believed, wanted = order["payment_status"], ours.get(order["id"], {None})
        if believed not in wanted:
            found.append(f"{order['id']} is {believed!r} to the orders service, and {wanted} to us")
        taken = [told["sequence"] for told in order["messages"] if told["outcome"] == "applied"]
        names = [told["webhook_id"] for told in order["messages"] if told["outcome"] == "applied"]
        if taken != sorted(set(taken)) or len(set(names)) != len(names):
            found.append(f"{order['id']} took {taken} under {names}")
    return found


def _told_of(status: str, minor: int, received: int, given_back: int) -> set[str | None]:
    if status == "success":
        return {"paid" if not given_back else "refunded" if given_back >= received else "partially_refunded"}
    # Told when it failed, and when cash was to be collected.
    return {None, "failed", "pay_on_delivery"}


async def _mails_that_differ(story: Story) -> list[str]:
    """A mail may come twice after a crash, under its own name; none is missing, and none is about nothing."""
    arrived = {mail["message_id"] for mail in (await _told(story, "/mailbox/messages.json"))["messages"]}
    sent = story.count("messages WHERE destination = 'payer' AND state = 'delivered'")
    return [] if len(arrived) == sent else [f"{sent} mails were sent, and {len(arrived)} arrived"]


async def _told(story: Story, path: str) -> dict[str, Any]:
    told: dict[str, Any] = (await story.outside.client.get(path)).json()
    return told


def _minor(amount: Any) -> int:
    return int(Decimal(str(amount)) * 100)

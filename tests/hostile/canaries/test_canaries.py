"""No secret and nobody's data gets out: whole stories at DEBUG, and a search of all that was written."""

import re
from pathlib import Path

import pytest

from tests.e2e.databases import SqliteDatabase
from tests.e2e.outside_world import Outside
from tests.e2e.story import Story, token, until
from tests.hostile.canaries.canaries import Allowed, Canary, search
from tests.hostile.canaries.whole_story import (
    CARD,
    bytes_at_rest,
    canaries_of,
    console_pages,
    everything_written,
    owes,
    said_by,
    secret_settings,
    told_at_debug,
)

pytestmark = pytest.mark.anyio

ALLOWED = (
    Allowed(canary="first name", where="mail to the payer", why="it greets its own reader"),
    Allowed(canary="e-mail", where="mail to the payer", why="it is where the mail goes"),
    Allowed(canary="* name", where="database", why="kept for the provider's page and mails; erased in time"),
    Allowed(canary="e-mail", where="database", why="kept for mails; erased in time"),
    Allowed(canary="*phone", where="database", why="kept for the prompt; erased in time"),
    Allowed(canary="page token", where="answer 200 POST /payments/initiate/*", why="the payer's own page"),
    Allowed(canary="page token", where="answer 200 GET /payments/{id}/", why="the way back to it"),
    Allowed(canary="delivery code", where="answer 200 GET /pay/{token}/*", why="its payer has to say it"),
)


async def initiated(story: Story, order_id: str, provider: str) -> dict[str, str]:
    answer = await story.initiate(order_id, provider=provider)
    assert answer.status_code == 200, answer.text
    told: dict[str, str] = answer.json()
    return told


async def paid_through_all_four(story: Story) -> tuple[list[dict[str, str]], list[Canary]]:
    """Four orders, each paid through another provider; what was opened, and canaries known only then."""
    for number, currency in enumerate(("ETB", "NGN", "KES", "ETB"), start=1):
        await owes(story, f"order_{number}", "1000.00", currency)
    chapa = await initiated(story, "order_1", "chapa")
    await story.browser.pay(chapa["checkout_url"])
    paystack = await initiated(story, "order_2", "paystack")
    await story.outside.act_at_paystack(paystack["reference"], "pay")
    mpesa = await initiated(story, "order_3", "mpesa")
    assert (await story.payment(mpesa["payment_id"]))["checkout_url"] == mpesa["checkout_url"]
    await story.browser.open(mpesa["checkout_url"])
    await story.outside.on_the_phone("approve")
    cash = await initiated(story, "order_4", "cash")
    code = await story.delivery_code(cash["checkout_url"])
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    owed = {"reference": cash["reference"], "amount": "1000.00", "currency": "ETB"}
    assert (await story.collect(**owed, delivery_code=wrong)).status_code == 422
    assert (await story.collect(**owed, delivery_code=code)).status_code == 200
    opened = [chapa, paystack, mpesa, cash]
    for one in opened:
        assert (await story.until_status(one["payment_id"], "success"))["checkout_url"] is None
    await story.until_at_rest()
    return opened, [
        Canary("delivery code", code),
        *(Canary("page token", one["checkout_url"].rstrip("/").rpartition("/")[2]) for one in (mpesa, cash)),
        *await of_the_providers(story, paystack["reference"]),
    ]


async def of_the_providers(story: Story, reference: str) -> list[Canary]:
    """What the providers know of the payer or agreed with us alone."""
    (webhook,) = await story.outside.paystack_webhooks(reference)
    told = str(webhook)
    found = {
        name: re.search(rf"[\"']{name}[\"']: *[\"']([^\"']+)[\"']", told)
        for name in ("authorization_code", "signature", "bin", "last4", "customer_code")
    }
    assert found["authorization_code"] is not None, told
    prompts = await story.outside.mpesa_calls("push")
    callback = re.search(r"/stk/([0-9a-f]{32})/", str(prompts))
    assert callback is not None, prompts
    known = [Canary(name, match[1]) for name, match in found.items() if match and name != "last4"]
    return [*known, Canary("callback token", callback[1])]


async def refused_in_every_way(story: Story, opened: list[dict[str, str]]) -> None:
    """Wrong tokens, a forged webhook, a card number where it does not belong, a provider that is silent."""
    paid = opened[0]
    strangers: tuple[dict[str, str], ...] = (
        {},
        {"Authorization": "Bearer canary.of.a.forged.token"},
        {"Authorization": "Basic Y2FuYXJ5"},
    )
    for headers in strangers:
        answer = await story.browser._client.get(
            f"{story.service.environ['PAYMENTS_PUBLIC_URL']}/payments/", headers=headers
        )
        assert answer.status_code == 401
    other = {"Authorization": f"Bearer {token('somebody_else')}"}
    assert (await story.client.get(f"/payments/{paid['payment_id']}/", headers=other)).status_code == 404
    forged = {"x-chapa-signature": "0" * 64}
    notice = {"tx_ref": paid["reference"], "status": "success", "card": CARD}
    assert (await story.post("/payments/verify/chapa/", json=notice, headers=forged)).status_code == 401
    assert (await story.post(f"/payments/verify/stk/{'0' * 32}/", json=notice)).status_code == 404
    assert (await story.post(f"/payments/initiate/{CARD.replace(' ', '')}/", json={})).status_code == 422
    await story.outside.switch_chapa(fault="reset_after", fault_on="initialize", fault_times=1)
    await owes(story, "order_5", "1000.00", "ETB")
    await story.refused(504, "outcome_unknown", "order_5")


async def typed_where_it_does_not_belong(story: Story, opened: list[dict[str, str]]) -> None:
    """A card number in every text that people may type."""
    clerk = {"Authorization": f"Bearer {token('clerk', scope='payments:refund')}", "Idempotency-Key": "k-1"}
    wish = {"amount": "10.00", "reason": f"she read me her card {CARD}, please hurry"}
    await story.outside.switch_chapa(refunds="allowed")
    refund = await story.post(f"/payments/{opened[0]['payment_id']}/refunds/", json=wish, headers=clerk)
    assert refund.status_code == 201, refund.text
    orphan = {"order_id": "order_of_nobody", "amount": "5.00", "currency": "ETB", "collection_id": "c-9"}
    collected = await story.collect(**orphan, reason=f"paid with {CARD}", delivery_code="000000")
    assert collected.status_code == 200, collected.text
    waiting = await until(story.reviews, bool)
    assert "orphan" in waiting
    reviews = (await story.operate("GET", "/payments/reviews/")).json()["data"]
    for review in reviews:
        decision = {"decision": "dismiss", "reason": f"card {CARD}"}
        await story.client.post(
            f"/payments/reviews/{review['review_id']}/resolve/",
            json=decision,
            headers={"Authorization": f"Bearer {token('ops_1', scope='payments:operate')}"},
        )


async def test_no_secret_and_nobodys_data_is_written_where_it_may_not_be(
    outside: Outside, database: SqliteDatabase, tmp_path: Path
) -> None:
    passwords = {"PAYMENTS_PAYSTACK_CURRENCIES": "NGN GHS"}
    async with told_at_debug(outside, database, tmp_path, passwords) as (story, witness):
        opened, later = await paid_through_all_four(story)
        await refused_in_every_way(story, opened)
        await typed_where_it_does_not_belong(story, opened)
        await story.until_at_rest()
        for one in opened:
            await story.client.get(f"/payments/{one['payment_id']}/explain/")
            await story.client.get(f"/payments/verify/{one['provider']}/?trx_ref={one['reference']}")
        await story.client.get("/payments/")
        await console_pages(story, [one["payment_id"] for one in opened])
        commands = (
            ("why", opened[2]["reference"], "--json"),
            ("settings",),
            ("doctor", "--json"),
            ("check",),
        )
        written = [
            *await everything_written(story, witness),
            *(said_by(*words, story=story, directory=tmp_path) for words in commands),
            bytes_at_rest(database),
        ]
        found = search([*canaries_of(story), *later], written, ALLOWED)
        assert found.hits == ()
        assert {entry.why for entry in set(ALLOWED) - found.used} == set(), "nobody needs these any more"


def test_every_secret_setting_carries_a_canary() -> None:
    assert {"AUTH_KEY", "DATA_KEYS", "ORDERS_TOKEN", "DATABASE_URL", "SMTP_URL"} <= set(secret_settings())

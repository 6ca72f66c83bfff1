"""What an operator reads at the console, whatever others wrote into it."""

import re
from datetime import datetime, timedelta
from html import escape, unescape
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote

import attrs
import httpx
import pytest

from payments.adapters.memory.repository import MemoryReads, Tables
from payments.adapters.memory.unit_of_work import MemoryUnitOfWork
from payments.application.ports.orders import Order
from payments.application.ports.repository import Reads
from payments.application.records import Backlog
from payments.domain.errors import ProviderRejected, StorageUnavailable
from payments.domain.events import ReviewKind
from payments.domain.evidence import Answer, Outcome
from payments.domain.money import Money
from payments.domain.payment import Customer
from payments.domain.review import Review
from payments.testing import InMemoryPayments, in_memory_payments
from payments.testing.contracts.stored import a_review_alone, numbered
from tests.integration.console.operator import Operator, actions, open_browser, text_of
from tests.integration.http.door import problem

pytestmark = pytest.mark.anyio

CANARIES = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'-alert(1)-'",
    "{{ 7 * 7 }}{% raw %}",
    '=HYPERLINK("https://evil.example")',
    'x\n{"level":"info"}',
]


@attrs.define
class Obeyed(HTMLParser):
    """What a browser would run, or load from elsewhere."""

    found: list[str] = attrs.field(factory=list, init=False)

    def __attrs_pre_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag in {"script", "style", "iframe", "object", "embed", "base"}:
            self.found.append(tag)
        for name, value in attributes:
            if name.startswith("on") or name in {"style", "srcdoc"}:
                self.found.append(f"{tag} {name}")
            if name in {"href", "src", "action"} and not re.match(
                r"/(console|payments/assets)/", value or ""
            ):
                self.found.append(f"{tag} {name}={value}")


def obeyed(page: httpx.Response) -> list[str]:
    reader = Obeyed()
    reader.feed(page.text)
    return reader.found


def orders_on(page: httpx.Response) -> list[str]:
    return re.findall(r"<strong>(order_\d+)</strong>", page.text)


async def review(kit: InMemoryPayments, number: int, **changes: Any) -> Review:
    opened = a_review_alone(number, **changes)
    await kit.unit_of_work.write(lambda transaction: transaction.add_review(opened))
    return opened.review


async def test_the_payments_of_all_payers_are_listed_newest_first_page_by_page(operator: Operator) -> None:
    for number in range(1, 31):
        operator.kit.orders.put(
            Order(
                order_id=f"order_{number}",
                user_id=f"user_{number}",
                amount=Money.of("12500.50", "ETB"),
                payable=True,
                version="1",
                customer=Customer(),
            )
        )
        await operator.kit.payments.initiate(
            order_id=f"order_{number}", user_id=f"user_{number}", provider="scripted"
        )
    first = await operator.gets("/payments/")
    assert orders_on(first) == [f"order_{number}" for number in range(30, 5, -1)]
    assert "12,500.50 ETB Processing" in text_of(first)
    assert "Scripted · user_30" in text_of(first)
    older = re.search(r'rel="next" href="/console([^"]+)"', first.text)
    assert older is not None
    second = await operator.gets(older[1])
    assert orders_on(second) == [f"order_{number}" for number in range(5, 0, -1)]
    assert 'rel="next"' not in second.text
    assert "« Newest" in second.text


async def test_payments_are_found_by_status(operator: Operator) -> None:
    paid, declined = await operator.checkout("order_1"), await operator.checkout("order_2")
    operator.kit.provider.pays(paid.reference)
    operator.kit.provider.declines(declined.reference)
    for checkout in (paid, declined):
        await operator.kit.payments.settle(checkout.reference)
    await operator.checkout("order_3")
    wanted = {"success": ["order_1"], "failed": ["order_2"], "processing": ["order_3"], "pending": []}
    for status, orders in wanted.items():
        assert orders_on(await operator.gets(f"/payments/?q=&status={status}")) == orders
    assert "There is no such payment." in await operator.sees("/payments/?status=pending")


async def test_a_payment_is_found_by_each_of_its_names(operator: Operator) -> None:
    checkout = await operator.checkout("order_1")
    await operator.checkout("order_2")
    for name in ("order_1", f" {checkout.payment_id} ", str(checkout.payment_id).upper(), checkout.reference):
        found = await operator.client.get("/console/payments/", params={"q": name, "status": ""})
        assert orders_on(found) == ["order_1"]
    assert "Nothing is called order_ . Names are searched whole" in await operator.sees("/payments/?q=order_")
    assert "Nothing is called order_1 and stands so" in await operator.sees(
        "/payments/?q=order_1&status=failed"
    )


@pytest.mark.parametrize(
    "query", ["?status=paid", "?before=nothing", "?q=a&q=b", "?sort=amount", "?q=%00", f"?q={'a' * 201}"]
)
async def test_a_question_nobody_can_ask_is_answered_as_a_page(operator: Operator, query: str) -> None:
    assert "The request has invalid fields" in await operator.sees(f"/payments/{query}", 422)


async def test_a_status_that_is_none_is_told_which_there_are(operator: Operator) -> None:
    told = await operator.sees("/payments/?status=paid", 422)
    assert "Use one of: failed, pending, processing, success." in told


async def test_an_empty_console_says_that_there_is_nothing(operator: Operator) -> None:
    overview = await operator.sees("/")
    assert "0 open reviews Nothing to decide" in overview
    assert "There is no payment yet." in overview
    assert "There is no payment yet." in await operator.sees("/payments/")
    assert "Nothing waits for a decision." in await operator.sees("/reviews/")


async def test_the_overview_counts_what_waits(operator: Operator) -> None:
    await operator.checkout()
    for number in (1, 2):
        await review(operator.kit, number)
    checkout = await operator.checkout("order_2")
    operator.kit.provider.pays(checkout.reference)
    await operator.kit.payments.settle(checkout.reference)
    operator.kit.clock.advance(timedelta(minutes=5))
    told = await operator.sees("/")
    assert "2 open reviews People have to decide" in told
    assert "2 messages to deliver The oldest waits for 5 min" in told
    assert "0 notices to handle The inbox is empty" in told
    assert "Mode sandbox Providers on Scripted You are operator:boss" in told
    assert told.index("order_2") < told.index("order_1")


async def test_one_payment_tells_its_whole_story(operator: Operator) -> None:
    checkout = await operator.checkout()
    where = f"/payments/{checkout.payment_id}/"
    waiting = await operator.sees(where)
    assert "1,000.00 ETB" in waiting
    assert f"scripted's answer about {checkout.reference}" in waiting
    assert "Pay on the open checkout." in waiting
    assert "Ask Scripted now Cancel the live attempt" in waiting
    operator.kit.provider.pays(checkout.reference)
    await operator.kit.payments.settle(checkout.reference, "redirect")
    await operator.kit.work()
    told = await operator.sees(where)
    for sentence in (
        "1000.00 ETB for order order_1 is paid through scripted.",
        f"Transaction Scripted T-{checkout.reference}",
        "settles",
        "The provider, asked because of the payer's return, answered 'success'.",
        "The payment is paid.",
        "The orders service: message 1, 'paid', was delivered.",
    ):
        assert sentence in told
    assert "Cancel the live attempt" not in told


async def test_a_payment_shows_its_refunds_who_asked_for_them_and_what_the_provider_said(
    operator: Operator,
) -> None:
    kit, opened = operator.kit, await operator.checkout()
    kit.provider.pays(opened.reference)
    await kit.payments.settle(opened.reference)
    assert kit.provider.refunds is not None
    kit.provider.refunds.trouble = [ProviderRejected("no balance left")]
    await kit.payments.refund(opened.payment_id, amount="12.50", reason="Broken", actor="operator:clerk")

    page = await operator.sees(f"/payments/{opened.payment_id}/")

    for shown in (
        "Refunds",
        "12.50",
        "operator:clerk",
        "no balance left",
        "was set aside to go back: Broken",
    ):
        assert shown in page


async def test_a_provider_that_is_off_cannot_be_asked() -> None:
    kit = in_memory_payments()
    async with open_browser(kit) as operator:
        checkout = await operator.checkout()
    later = in_memory_payments(unit_of_work=kit.unit_of_work)
    without = attrs.evolve(later.payments, providers=attrs.evolve(later.payments.providers, by_name={}))
    async with open_browser(attrs.evolve(later, payments=without)) as operator:
        await operator.sign_in()
        assert "Ask Scripted now" not in await operator.sees(f"/payments/{checkout.payment_id}/")
        assert "Providers on none" in await operator.sees("/")


async def test_open_reviews_are_read_newest_first_page_by_page(operator: Operator) -> None:
    for number in range(1, 28):
        await review(operator.kit, number, detail=f"question {number}.", kind=ReviewKind.STUCK_UNKNOWN)
    first = await operator.gets("/reviews/")
    assert re.findall(r"question (\d+)\.", first.text) == [str(number) for number in range(27, 2, -1)]
    assert "Stuck unknown" in text_of(first)
    older = re.search(r'rel="next" href="/console([^"]+)"', first.text)
    assert older is not None
    assert re.findall(r"question (\d+)\.", (await operator.gets(older[1])).text) == ["2", "1"]
    assert "<form" not in re.sub(r"(?s)<header.*?</header>", "", first.text)
    await operator.gets("/reviews/?cursor=nothing", 422)


async def test_a_review_leads_to_its_payment(operator: Operator) -> None:
    checkout = await operator.checkout()
    operator.kit.provider.pays(checkout.reference, amount=Money.of("1.00", "ETB"))
    await operator.kit.payments.settle(checkout.reference)
    page = await operator.gets("/reviews/")
    assert "Amount mismatch" in text_of(page)
    assert f'href="/console/payments/{checkout.payment_id}/"' in page.text


@pytest.mark.parametrize("canary", CANARIES)
async def test_what_others_wrote_is_shown_and_never_obeyed(operator: Operator, canary: str) -> None:
    kit = operator.kit
    kit.orders.put(
        Order(
            order_id=canary,
            user_id=canary,
            amount=Money.of("10.00", "ETB"),
            payable=True,
            version="1",
            customer=Customer(email="a@shop.et", first_name=canary, last_name=canary),
        )
    )
    checkout = await kit.payments.initiate(order_id=canary, user_id=canary, provider="scripted")
    kit.provider.answers(
        checkout.reference,
        Answer(
            outcome=Outcome.DECLINED,
            word=canary,
            reference=checkout.reference,
            fingerprint=canary,
            detail=canary,
            provider_reference=canary,
        ),
    )
    ask, cancel = actions(checkout.payment_id, checkout.reference)
    await review(kit, 1, subject=canary, detail=canary)
    pages = [
        await operator.gets(cancel),
        await operator.posts(ask),
        await operator.gets("/"),
        await operator.gets("/payments/"),
        await operator.client.get("/console/payments/", params={"q": canary.replace("\n", "")}),
        await operator.gets(f"/payments/{checkout.payment_id}/"),
        await operator.gets("/reviews/"),
        await operator.client.get(f"/console/payments/{quote(canary)}/"),
        await operator.client.get("/console/payments/", params={canary: canary}),
        await operator.client.get("/console/sign-in/", params={"told": canary, "next": canary}),
        await operator.sign_in(canary, next=canary),
    ]
    for page in pages:
        assert not obeyed(page)
        assert canary not in page.text or escape(canary) == canary
        assert "evil.example" not in page.headers.get("location", "")
    for page in pages[1:4]:
        assert canary in unescape(page.text)


async def test_no_page_loads_anything_from_elsewhere_or_holds_a_script_or_style(operator: Operator) -> None:
    checkout = await operator.checkout()
    await review(operator.kit, 1)
    ask, cancel = actions(checkout.payment_id, checkout.reference)
    pages = [
        await operator.gets(path)
        for path in (
            "/",
            "/payments/",
            f"/payments/{checkout.payment_id}/",
            "/reviews/",
            ask,
            cancel,
            "/sign-in/",
        )
    ]
    pages += [await operator.posts(ask), await operator.posts(cancel), await operator.gets("/nowhere", 404)]
    for page in pages:
        policy = page.headers["content-security-policy"].split("; ")
        assert {"default-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} <= {
            *policy
        }
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["referrer-policy"] == "same-origin"
        assert page.headers["x-frame-options"] == "DENY"
        assert page.headers["x-content-type-options"] == "nosniff"
        assert obeyed(page) == []
        assert 'name="viewport"' in page.text
        assert '<html lang="en">' in page.text


async def test_an_address_of_the_console_that_leads_nowhere_is_a_page(operator: Operator) -> None:
    for path in ("/nowhere", "/payments/nothing/", f"/payments/{numbered(9, 9)}/", "/assets/secret.py"):
        told = await operator.sees(path, 404)
        assert "To the overview" in told
    answer = await operator.client.delete("/console/payments/")
    assert answer.status_code == 405
    assert {*answer.headers["allow"].split(", ")} == {"GET", "HEAD"}
    assert "This address does not take this method" in text_of(answer)


async def test_the_api_beside_it_keeps_its_problem_documents(operator: Operator) -> None:
    problem(await operator.client.get("/consoles"), 404, "not_found")
    problem(await operator.client.get("/payments/"), 401, "unauthenticated")
    problem(await operator.client.put("/livez"), 405, "method_not_allowed")


@attrs.frozen
class TroubledReads(MemoryReads):
    trouble: Exception

    async def backlog(self, now: datetime) -> Backlog:
        raise self.trouble


@attrs.define
class Troubled(MemoryUnitOfWork):
    """Cannot say what waits."""

    trouble: Exception = attrs.field(kw_only=True)

    @property
    def reads(self) -> Reads:
        return TroubledReads(Tables, self.trouble)


@pytest.mark.parametrize(
    ("trouble", "status", "told"),
    [
        (StorageUnavailable("no route to 10.0.0.7"), 503, "503 storage_unavailable"),
        (RuntimeError("a secret"), 500, "500 internal_error · request"),
    ],
)
async def test_trouble_behind_the_page_is_said_without_its_inside(
    trouble: Exception, status: int, told: str
) -> None:
    kit = in_memory_payments(unit_of_work=Troubled(trouble=trouble))
    async with open_browser(kit) as operator:
        await operator.sign_in()
        answer = await operator.gets("/", status)
        assert told in text_of(answer)
        assert "10.0.0.7" not in answer.text
        assert "secret" not in answer.text
        assert answer.headers["x-request-id"]

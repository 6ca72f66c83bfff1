"""One story: an order, a payer, a service on a fresh database, and short questions about them."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import attrs
import httpx
import jwt

from payments import open_payments
from payments.application.answers import Explanation, Violation
from payments.application.ports.notifier import Notifier
from payments.application.records import Message
from payments.application.use_cases import sweep_payments
from payments.bootstrap import Parts
from payments.settings import Settings
from payments.simulators.mpesa import certificate_of
from tests.e2e.browser import Browser
from tests.e2e.databases import Database
from tests.e2e.moved_clock import MovedClock, clock_at
from tests.e2e.outside_world import (
    ORDERS_SIGNING_SECRET,
    ORDERS_TOKEN,
    PAYSTACK_KEY,
    PHONE,
    WEBHOOK_SECRET,
    Outside,
)
from tests.e2e.service import Service, by_many, by_one
from tests.ports import free_port
from tests.serving import plain_client

AUTH_KEY = "the-key-that-signs-the-tokens-of-the-stories"
ORDER = "order_1"
PAYER = "sara"
MAIL = "sara@shop.et"
CUSTOMER = {"email": MAIL, "first_name": "Sara", "last_name": "Tesfaye", "phone_number": "0911234567"}
LAST_LINES = 60
"""How much of a service's log is told when it does not become ready, or its story fails."""
DEADLINE_S = 120.0
"""Long, and no promise: a session that is stopped inside a transaction keeps its locks for ten seconds, what
was looked at in vain is looked at again after fifteen, and a busy machine takes its time for everything."""

T = TypeVar("T")


def environment(outside: Outside, database_url: str, port: int) -> dict[str, str]:
    """The variables of a service in the midst of the simulators, with all four providers switched on."""
    return {
        **_of_mpesa(outside),
        "PAYMENTS_DATABASE_URL": database_url,
        "PAYMENTS_PORT": str(port),
        "PAYMENTS_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "PAYMENTS_AUTH_KEY": AUTH_KEY,
        "PAYMENTS_CHAPA_SECRET_KEY": "CHASECK_TEST-0123456789abcdefghijABCDEFGHIJKL",
        "PAYMENTS_CHAPA_WEBHOOK_SECRETS": WEBHOOK_SECRET,
        "PAYMENTS_CHAPA_BASE_URL": f"{outside.url}/chapa/v1",
        "PAYMENTS_PAYSTACK_SECRET_KEY": PAYSTACK_KEY,
        "PAYMENTS_PAYSTACK_BASE_URL": f"{outside.url}/paystack",
        "PAYMENTS_CASH_CURRENCIES": "all",
        "PAYMENTS_ORDERS_URL": f"{outside.url}/orders",
        "PAYMENTS_ORDERS_TOKEN": ORDERS_TOKEN,
        "PAYMENTS_ORDERS_SIGNING_SECRETS": ORDERS_SIGNING_SECRET,
        "PAYMENTS_SMTP_URL": f"smtp://127.0.0.1:{outside.smtp_port}",
        "PAYMENTS_MAIL_FROM": "Shop <pay@shop.et>",
        "PAYMENTS_DATA_KEYS": "the-key-that-seals-the-notices-of-the-stories",
        "PAYMENTS_LOG_FORMAT": "json",
    }


def _of_mpesa(outside: Outside) -> dict[str, str]:
    app = outside.daraja
    return {
        "PAYMENTS_MPESA_CONSUMER_KEY": app.consumer_key,
        "PAYMENTS_MPESA_CONSUMER_SECRET": app.consumer_secret,
        "PAYMENTS_MPESA_SHORTCODE": app.shortcode,
        "PAYMENTS_MPESA_PASSKEY": app.passkey,
        "PAYMENTS_MPESA_BASE_URL": f"{outside.url}/mpesa",
        # The budget has tests of its own; here nobody waits for a turn.
        "PAYMENTS_MPESA_QUERIES_PER_MINUTE": "600",
        "PAYMENTS_MPESA_INITIATOR": app.initiator_name,
        "PAYMENTS_MPESA_INITIATOR_PASSWORD": app.initiator_password,
        "PAYMENTS_MPESA_CERTIFICATE": certificate_of(app.private_key_pem or b"").decode(),
    }


def token(user: str = PAYER, *, scope: str = "payments:read payments:write", **claims: Any) -> str:
    """A bearer token; ``claims`` replace or add to what a good one says."""
    now = datetime.now(UTC)
    good = {"sub": user, "scope": scope, "iat": now, "exp": now + timedelta(days=30)}
    return jwt.encode(good | claims, AUTH_KEY, algorithm="HS256")


async def until(
    ask: Callable[[], Awaitable[T]], wanted: Callable[[T], object], *, within_s: float = DEADLINE_S
) -> T:
    """The first answer that is as wanted; fails with the last one when the deadline passes."""
    deadline = time.monotonic() + within_s
    while not wanted(answer := await ask()):
        assert time.monotonic() < deadline, f"It did not happen in time; the last answer was {answer}"
        await asyncio.sleep(0.02)
    return answer


async def coming_back(send: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
    """The answer to somebody who, told to come back later, does."""
    give_up_at = time.monotonic() + DEADLINE_S
    while True:
        answer = await send()
        # 503, or 409 where an answer was lost and its request holds the key for a minute (docs/errors.md).
        if "retry-after" not in answer.headers or time.monotonic() > give_up_at:
            return answer
        await asyncio.sleep(int(answer.headers["retry-after"]))


@attrs.frozen(kw_only=True)
class Story:
    """Everything a story is made of."""

    outside: Outside
    service: Service
    clock: MovedClock
    client: httpx.AsyncClient
    """Sends the payer's token unless told otherwise."""
    browser: Browser
    database: Database
    settings: Settings

    async def start(self) -> None:
        """Start the service and wait until it is ready."""
        self.service.start()
        await self.until_ready()

    async def until_ready(self) -> None:
        """Wait until whoever serves this story's address is ready."""
        try:
            await until(self._ready, bool)
        except AssertionError as error:
            last = "\n".join(self.service.log().splitlines()[-LAST_LINES:])
            raise AssertionError(f"It was not ready in time. Its log ended with:\n{last}") from error

    async def two_serving(self) -> list[int]:
        """The numbers of the two processes that serve, once both answer."""

        async def answering() -> list[int]:
            ready = {line["process"] for line in self.service.events("started")}
            return [number for number in self.service.serving() if number in ready]

        return await until(answering, lambda them: len(them) == 2)

    def who_answered(self, route: str) -> set[int]:
        """The processes that answered requests of this route."""
        return {line["process"] for line in self.service.events("request") if route in line["route"]}

    async def start_again(self, *, after: timedelta = timedelta(0)) -> None:
        """Start it on the same database, after this much time."""
        self.clock.move(after)
        await self.start()

    async def _ready(self) -> bool:
        try:
            return (await self.client.get("/readyz", timeout=10.0)).status_code == 200
        except httpx.TransportError:
            return False

    async def post(self, path: str, **more: Any) -> httpx.Response:
        return await self.client.post(path, **more)

    async def initiate(
        self, order_id: str = ORDER, *, provider: str = "chapa", **more: Any
    ) -> httpx.Response:
        """Initiate; ``more`` goes to the client. M-Pesa is given the payer's phone."""
        body = {"provider": provider} | ({"phone_number": PHONE} if provider == "mpesa" else {})
        return await self.post(f"/payments/initiate/{order_id}/", json=body, **more)

    async def click(self, order_id: str = ORDER) -> httpx.Response:
        """Initiate as a payer in a crowd does: whoever is told to come back comes back."""
        # Whoever waited twelve seconds for another's page is told that it is still being opened.
        come_back = {"attempt_in_flight", "storage_unavailable", "orders_unavailable"}

        async def once() -> httpx.Response:
            answer = await self.initiate(order_id)
            assert "retry-after" not in answer.headers or answer.json()["code"] in come_back, answer.text
            return answer

        return await coming_back(once)

    async def initiated(self, order_id: str = ORDER, *, provider: str = "chapa") -> dict[str, Any]:
        """What initiate answers, which must be a checkout."""
        answer = await self.initiate(order_id, provider=provider)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def refused(
        self, status: int, code: str, order_id: str = ORDER, *, provider: str = "chapa"
    ) -> dict[str, Any]:
        """The problem that initiate answers, which must be this one."""
        answer = await self.initiate(order_id, provider=provider)
        return problem(answer, status, code)

    async def owes(self, amount: str, currency: str, order_id: str = ORDER) -> None:
        """The payer's order is about this much from now on."""
        await self.outside.put_order(
            order_id, user_id=PAYER, amount=amount, currency=currency, customer=CUSTOMER
        )

    async def delivery_code(self, checkout_url: str) -> str:
        """The six digits that the payer's page of a cash attempt shows."""
        page = await self.browser.open(checkout_url)
        shown = re.search(r'aria-label="Delivery code">([0-9]{6})<', page.text)
        assert shown is not None, page.text
        return shown.group(1)

    async def collect(self, **said: Any) -> httpx.Response:
        """A collector records what happened at the door; ``reference`` or ``order_id``, code and money."""
        body = {"collection_id": "collection-1", "outcome": "collected"} | said
        collector = {"Authorization": f"Bearer {token('rider_7', scope='payments:collect')}"}
        return await self.post("/payments/verify/cash/", json=body, headers=collector)

    async def operate(self, method: str, path: str, **more: Any) -> httpx.Response:
        """What an operator asks or decides; the answer must be good."""
        operator = {"Authorization": f"Bearer {token('ops_1', scope='payments:operate')}"}
        answer = await self.client.request(method, path, headers=operator, **more)
        assert answer.is_success, answer.text
        return answer

    async def decide(self, kind: str, decision: str, **more: Any) -> dict[str, Any]:
        """An operator answers the one open question of this kind; the review as it then stands."""
        waiting = (await self.operate("GET", "/payments/reviews/", params={"kind": kind})).json()["data"]
        (review_id,) = (review["review_id"] for review in waiting)
        wish = {"decision": decision, "reason": "so the shop decided"} | more
        told: dict[str, Any] = (
            await self.operate("POST", f"/payments/reviews/{review_id}/resolve/", json=wish)
        ).json()
        return told

    async def payment(self, payment_id: str) -> dict[str, Any]:
        answer = await self.client.get(f"/payments/{payment_id}/")
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def until_status(self, payment_id: str, status: str) -> dict[str, Any]:
        return await until(lambda: self.payment(payment_id), lambda told: told["status"] == status)

    async def until_told(self, status: str, order_id: str = ORDER) -> dict[str, Any]:
        """The order, once its service knows that its payment is so."""
        try:
            return await until(
                lambda: self.outside.order(order_id), lambda order: order["payment_status"] == status
            )
        except AssertionError as error:
            error.add_note(f"The outbox, of {datetime.now(UTC)}: {self.outbox()}")
            raise

    def outbox(self) -> list[tuple[Any, ...]]:
        """What became of each message so far, to be told where one is missed."""
        return self.rows(
            "SELECT order_id, destination, kind, state, tries, created_at, next_try_at, lease, last_error"
            " FROM messages ORDER BY created_at"
        )

    async def until_mailed(self, count: int = 1) -> list[dict[str, Any]]:
        return await until(lambda: self.outside.mails(MAIL), lambda mails: len(mails) >= count)

    async def until_at_rest(self, *, but_for: int = 0) -> None:
        """Wait until inbox and outbox are empty, so that nothing more will be told, but for so many."""
        await until(self._waiting, lambda waiting: waiting == but_for)

    async def _waiting(self) -> int:
        return self.count("notices WHERE handled_at IS NULL") + self.count("messages WHERE state = 'pending'")

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What the database holds, read beside the running service."""
        return self.database.rows(sql)

    def count(self, what: str) -> int:
        """How many rows of a table there are, ``WHERE`` included if wanted."""
        return int(self.rows(f"SELECT count(*) FROM {what}")[0][0])  # noqa: S608 -- our own tables

    async def tries(self) -> int:
        """How often the notices that are here were looked at, all together."""
        return int(self.rows("SELECT coalesce(sum(tries), 0) FROM notices")[0][0])

    async def reviews(self) -> list[str]:
        """The kinds of the questions that wait for a person."""
        return [str(kind) for (kind,) in self.rows("SELECT kind FROM reviews WHERE state = 'open'")]

    async def until_nobody_asks(self, reference: str) -> None:
        """Wait until no process is in the middle of asking about an attempt that is minutes old.

        An answer given before the clock moves and written down after it would plan the next check from the
        later time. Whoever asks has the check leased; only an answer plans it for later than a lease.
        """
        await until(
            lambda: self._planned(reference),
            lambda planned: planned > self.clock.now() + sweep_payments.LEASE,
        )

    async def _planned(self, reference: str) -> datetime:
        told = f"SELECT next_check_at FROM attempts WHERE reference = '{reference}'"  # noqa: S608 -- our own reference
        ((planned,),) = self.rows(told)
        return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=planned)

    async def until_nobody_tells(self) -> None:
        """Wait until no process is in the middle of delivering: what it was answered is written down."""
        await until(self._being_told, lambda leased: leased == 0)

    async def _being_told(self) -> int:
        return self.count("messages WHERE lease IS NOT NULL")

    def overdue(self, reference: str) -> None:
        """Have an attempt's next check fall due now; nobody may be writing the database."""
        self.database.change(
            f"UPDATE attempts SET next_check_at = claimed_at WHERE reference = '{reference}'"  # noqa: S608 -- our own reference
        )

    def secrets(self) -> tuple[str, ...]:
        """What must appear nowhere but where it is used."""
        names = (
            "AUTH_KEY",
            "CHAPA_SECRET_KEY",
            "CHAPA_WEBHOOK_SECRETS",
            "PAYSTACK_SECRET_KEY",
            "MPESA_CONSUMER_SECRET",
            "MPESA_PASSKEY",
            "MPESA_INITIATOR_PASSWORD",
            "ORDERS_TOKEN",
            "DATA_KEYS",
        )
        return (ORDERS_SIGNING_SECRET, *(self.service.environ[f"PAYMENTS_{name}"] for name in names))

    async def told_once(self, *kinds: str, order_id: str = ORDER) -> None:
        """The orders service took exactly these messages, in this order, and was sent none twice."""
        order = await self.outside.order(order_id)
        taken = [(message["payment_status"], message["outcome"]) for message in order["messages"]]
        assert taken == [(kind, "applied") for kind in kinds]

    async def check(self) -> tuple[Violation, ...]:
        return await check_database(self.settings, self.database, self.clock)

    async def why(self, reference: str) -> Explanation:
        """What ``payments why`` tells, read beside the running service."""
        async with open_payments(self.settings, Parts(notifier=Nobody()), read_only=True) as payments:
            return await payments.explain.by_reference(reference)

    async def tells(self, reference: str, *sentences: str) -> None:
        """``payments why`` says each of these, in this order."""
        story = await self.why(reference)
        told = [story.summary, *(step.what for step in story.steps), *story.waiting_for, *story.may_do]
        place = 0
        for sentence in sentences:
            found = next((i for i, said in enumerate(told[place:], place) if sentence in said), None)
            assert found is not None, f"{sentence!r} is not told (after {told[:place]}): {told[place:]}"
            place = found


class Nobody(Notifier):
    """Reading commands write to nobody."""

    async def notify(self, message: Message) -> None:
        raise AssertionError(message)


async def check_database(settings: Settings, database: Database, clock: MovedClock) -> tuple[Violation, ...]:
    """What ``payments check`` finds in a database, beside whoever writes it."""
    chosen = attrs.evolve(settings, database_url=database.url)
    async with open_payments(chosen, Parts(clock=clock), read_only=True) as payments:
        return await payments.check()


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem document of ``answer``, which must be clear and of this kind."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    told: dict[str, Any] = answer.json()
    assert (answer.status_code, told["status"], told["code"]) == (status, status, code), told
    assert told["title"]
    assert told["detail"]
    assert told["error"]
    assert told["request_id"] == answer.headers["x-request-id"]
    return told


@asynccontextmanager
async def open_story(
    outside: Outside,
    database: Database,
    directory: Path,
    more: Mapping[str, str] | None = None,
    *,
    fresh: bool = False,
) -> AsyncIterator[Story]:
    """A story about ``order_1`` of 1000.00 ETB, with everything outside forgotten and the service running."""
    environ = environment(outside, database.url, free_port()) | dict(more or {})
    service = (by_many if database.by_many else by_one)(environ, directory, fresh=fresh)
    clock = clock_at(service.clock_path)
    await outside.reset()
    verify_url = f"{environ['PAYMENTS_PUBLIC_URL']}/payments/verify"
    await outside.switch_chapa(webhook_url=f"{verify_url}/chapa/")
    await outside.switch_paystack(webhook_url=f"{verify_url}/paystack/")
    await outside.put_order(ORDER, user_id=PAYER, amount="1000.00", currency="ETB", customer=CUSTOMER)
    async with plain_client(environ["PAYMENTS_PUBLIC_URL"]) as client, plain_client() as payer:
        client.headers["authorization"] = f"Bearer {token()}"
        story = Story(
            outside=outside,
            service=service,
            clock=clock,
            client=client,
            browser=Browser(payer),
            database=database,
            settings=Settings.from_env(environ),
        )
        try:
            await story.start()
            yield story
            assert await story.check() == ()
        finally:
            service.stop_at_once()

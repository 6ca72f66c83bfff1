"""Whatever happens in whatever order, the promises hold against the providers' own books (docs/model.md)."""

import asyncio
import random
from collections.abc import Awaitable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from payments.application.records import Claim, Destination
from payments.domain.errors import (
    Conflict,
    GatewayError,
    NotFound,
    OrdersUnavailable,
    OutcomeUnknown,
    PaymentAlreadyProcessed,
    PaymentInReview,
    PaymentsError,
    ProviderRejected,
    ProviderUnavailable,
)
from payments.domain.money import Money
from payments.domain.payment import Payment
from payments.domain.transitions import AttemptStatus, Disposition, PaymentStatus
from payments.testing import InMemoryPayments, in_memory_payments
from tests.unit.use_cases.honest_provider import Book, DoubtfulStorage, HonestProvider
from tests.unit.use_cases.shop import birr

ORDERS = ("order_1", "order_2")
AMOUNTS = ("1000.00", "1000.00", "1200.00")
PAID = (None, None, None, None, birr("1000.00"), birr("1.00"))
"""None: what the page asks for."""
CLAIMS = (Claim.PAID, Claim.PAID, Claim.FAILED, Claim.RETURNED, Claim.OTHER)
TROUBLES: dict[str, GatewayError] = {
    "rejected": ProviderRejected(),
    "unavailable": ProviderUnavailable(),
    "unknown": OutcomeUnknown(),
}
ANSWERS_TO_CALLERS = (Conflict, GatewayError, NotFound, OrdersUnavailable)
"""All that initiate and cancel may refuse with here."""

Action = tuple[Any, ...]


@attrs.define
class World:
    """The service, two providers with their books, and whoever calls, pays and breaks things."""

    kit: InMemoryPayments
    providers: dict[str, HonestProvider]
    unwatched: timedelta = timedelta(0)
    """For how long nobody has worked."""

    async def act(self, action: Action) -> None:
        """Have ``action`` happen: the name of a method below, and what it takes."""
        name, *parts = action
        await getattr(self, name.replace(" ", "_"))(*parts)

    async def initiate(self, order_id: str, provider: str) -> None:
        await self.refusing(self.kit.payments.initiate(order_id, "user_1", provider))

    async def cancel(self, order_id: str) -> None:
        payment = await self.kit.unit_of_work.reads.payment_of_order(order_id)
        if payment is not None:
            await self.refusing(self.kit.payments.cancel(payment.payment_id, "user_1", "payer"))

    async def pays(self, which: int | None, amount: Money | None, late: bool) -> None:  # noqa: FBT001 -- as drawn
        for provider, reference in self.page(which):
            provider.payer_pays(reference, amount or provider.books[reference].asked, late=late)

    async def is_declined(self, which: int | None) -> None:
        for provider, reference in self.page(which):
            provider.payer_is_declined(reference)

    async def gives_back(self, which: int | None) -> None:
        for provider, reference in self.page(which):
            provider.gives_back(reference)

    async def notice(self, which: int | None, claim: Claim) -> None:
        for provider, reference in self.page(which):
            raw = provider.notice(reference, claim, at=self.kit.clock.monotonic())
            await self.kit.payments.receive_notice(provider.name, raw.headers, raw.body)

    async def redirect(self, which: int | None) -> None:
        for _, reference in self.page(which):
            await self.kit.payments.settle(reference, "redirect", coalesce_s=10.0, budget_s=3.0)

    async def work(self) -> None:
        await self.kit.work()

    async def order(self, order_id: str, amount: str, payable: bool) -> None:  # noqa: FBT001 -- as drawn
        self.kit.order(order_id, amount, payable=payable)

    async def orders_down(self, down: bool) -> None:  # noqa: FBT001 -- as drawn
        self.kit.orders.down = down

    async def mail_down(self, down: bool) -> None:  # noqa: FBT001 -- as drawn
        self.kit.notifier.down = down

    async def provider(self, name: str, silent: bool, breaks: bool) -> None:  # noqa: FBT001 -- as drawn
        self.providers[name].silent, self.providers[name].breaks = silent, breaks

    async def trouble(self, name: str, trouble: str, accepts: bool) -> None:  # noqa: FBT001 -- as drawn
        self.providers[name].trouble = [TROUBLES[trouble]]
        self.providers[name].accepts_in_trouble = accepts

    async def time_passes(self, minutes: int) -> None:
        self.unwatched = timedelta(0)
        step = timedelta(minutes=1 if minutes < 10 else 10)
        await self.kit.pass_time(timedelta(minutes=minutes), step=step)

    async def time_skips(self, seconds: int) -> None:
        await self.skip(timedelta(seconds=seconds))

    async def clock_jumps_back(self, minutes: int) -> None:
        self.kit.clock.step_back(timedelta(minutes=minutes))

    async def at_once(self, one: Action, other: Action) -> None:
        await asyncio.gather(self.act(one), self.act(other))

    async def skip(self, span: timedelta) -> None:
        """Let ``span`` pass with nobody at work, though never so long that being unwatched is a finding."""
        self.unwatched += span
        self.kit.clock.advance(span)
        if self.unwatched > timedelta(minutes=20):
            self.unwatched = timedelta(0)
            await self.kit.work()

    async def refusing(self, call: Awaitable[object]) -> None:
        with suppress(*ANSWERS_TO_CALLERS):
            await call

    async def cut_off(self, turns: int, what: Action) -> None:
        """Do ``what`` in a process that dies after so many turns."""
        doing = asyncio.create_task(self.act(what))
        for _ in range(turns):
            await asyncio.sleep(0)
        doing.cancel()
        await asyncio.wait({doing})
        assert doing.cancelled() or doing.exception() is None, doing.exception()

    def page(self, which: int | None) -> list[tuple[HonestProvider, str]]:
        """The ``which``-th page from the newest, if there are so many; None: every page."""
        pages = [
            (book.opened_at_s, reference, provider)
            for provider in self.providers.values()
            for reference, book in provider.books.items()
        ]
        pages.sort(key=lambda page: page[1], reverse=True)
        chosen = pages if which is None else pages[which : which + 1]
        return [(provider, reference) for _, reference, provider in chosen]

    async def payments(self) -> tuple[Payment, ...]:
        return await self.kit.unit_of_work.reads.payments_after(None, 10)

    def book(self, provider: str, reference: str) -> Book:
        return self.providers[provider].books[reference]

    async def assert_promises(self) -> None:
        """Paid if and only if the money is there, and told once: as far as it must hold at every moment."""
        assert await self.kit.payments.check() == ()
        for payment in await self.payments():
            for capture in payment.captures:
                assert self.book(capture.provider, capture.reference).taken == capture.amount
            messages = await self.kit.unit_of_work.reads.messages_of(payment.payment_id)
            paid = [m for m in messages if m.destination is Destination.ORDERS and m.kind == "paid"]
            assert len(paid) == (payment.status is PaymentStatus.SUCCESS), "told once, and only when paid"
            settling = payment.settling_capture
            assert settling is None or settling.amount == payment.amount
            await self.kit.payments.explain(payment.payment_id, None)

    async def come_to_rest(self) -> None:
        """All trouble ends, and the time of every watch passes, and two days more: all looks come late."""
        self.kit.orders.down = self.kit.notifier.down = False
        for provider in self.providers.values():
            provider.silent = provider.breaks = False
            provider.trouble = []
        await self.kit.pass_time(timedelta(minutes=10), step=timedelta(minutes=2))
        await self.kit.pass_time(timedelta(hours=160), step=timedelta(hours=4))

    async def assert_rest(self) -> None:
        """What must be true once everybody has answered: nothing is lost, and nobody is stuck."""
        captured = {c.reference: (p, c) for p in await self.payments() for c in p.captures}
        taken = {
            reference: book
            for provider in self.providers.values()
            for reference, book in provider.books.items()
            if book.taken is not None
        }
        assert set(captured) == set(taken), "all money that was taken is known, and no other"
        for reference, (payment, capture) in captured.items():
            as_asked = capture.amount == payment.amount == payment.attempt(reference).amount
            if as_asked and not taken[reference].returned:
                assert payment.status is PaymentStatus.SUCCESS, "what was owed was taken"
        for payment in await self.payments():
            waits_for_person = {c.reference for c in payment.held_captures}
            live = {a.reference for a in payment.attempts if a.live}
            assert live <= waits_for_person, "nobody waits for ever"
            assert all(a.status is not AttemptStatus.CLAIMED for a in payment.attempts)
            assert not payment.attempts or all(
                a.next_check_at is None for a in payment.attempts if a.reference not in live
            )
            told = self.kit.orders.told(payment.order_id)
            kind = told.kind if told else None
            if payment.status is PaymentStatus.SUCCESS:
                assert kind in {"paid", "refunded"}
            elif payment.status is PaymentStatus.FAILED:
                assert kind == "failed"
            else:
                assert kind in {None, "failed"}
            surplus = [c for c in payment.captures if c.disposition is Disposition.SURPLUS]
            reviews = await self.kit.unit_of_work.reads.reviews_of(payment.payment_id)
            assert {str(c.capture_id) for c in surplus} <= {r.subject for r in reviews}
        backlog = await self.kit.payments.backlog()
        assert (backlog.notices, backlog.messages, backlog.parked) == (0, 0, 0)

    async def assert_nobody_is_stuck(self) -> None:
        """Whoever has not paid, and has no money held, gets a page at once."""
        for order_id in ORDERS:
            self.kit.order(order_id)
            payment = await self.kit.unit_of_work.reads.payment_of_order(order_id)
            refused: type[PaymentsError] | None = None
            try:
                await self.kit.payments.initiate(order_id, "user_1", "scripted")
            except PaymentsError as refusal:
                refused = type(refusal)
            if payment is not None and payment.status is PaymentStatus.SUCCESS:
                assert refused is PaymentAlreadyProcessed
            elif payment is not None and payment.held_captures:
                assert refused is PaymentInReview
            else:
                assert refused is None, refused


CALLS = ("initiate",) * 5 + ("redirect",) * 4 + ("notice",) * 4 + ("work",) * 2 + ("cancel",)
EVENTS = (
    *("pays", "is declined", "time passes", "time skips") * 4,
    *(
        "gives back",
        "order",
        "gives back",
        "order",
        "provider",
        "trouble",
        "orders down",
        "mail down",
        "clock jumps back",
    ),
)
HOW = ("plainly",) * 5 + ("at once", "cut off")


@st.composite
def actions(draw: st.DrawFn) -> Action:
    """One thing that happens; calls twice as likely as what happens around them."""
    call = draw(a_call())
    match draw(st.sampled_from(HOW)):
        case "at once":
            return ("at once", call, draw(a_call() | an_event()))
        case "cut off":
            return ("cut off", draw(st.integers(0, 25)), call)
        case _:
            return call if draw(st.integers(0, 2)) else draw(an_event())


@st.composite
def a_call(draw: st.DrawFn) -> Action:
    match draw(st.sampled_from(CALLS)):
        case "initiate":
            return ("initiate", draw(an_order()), draw(a_provider()))
        case "cancel":
            return ("cancel", draw(an_order()))
        case "notice":
            return ("notice", draw(a_page()), draw(st.sampled_from(CLAIMS)))
        case "redirect":
            return ("redirect", draw(a_page()))
        case name:
            return (name,)


def an_event() -> st.SearchStrategy[Action]:
    return st.sampled_from(EVENTS).flatmap(lambda name: st.tuples(st.just(name), *parts_of(name)))


def parts_of(event: str) -> tuple[st.SearchStrategy[Any], ...]:
    on = st.booleans()
    return {
        "pays": (a_page(), st.sampled_from(PAID), on),
        "is declined": (a_page(),),
        "gives back": (a_page(),),
        "order": (an_order(), st.sampled_from(AMOUNTS), st.sampled_from((True, True, False))),
        "provider": (a_provider(), on, on),
        "trouble": (a_provider(), st.sampled_from(sorted(TROUBLES)), on),
        "orders down": (on,),
        "mail down": (on,),
        "time passes": (st.sampled_from((1, 2, 6, 65, 120)),),
        "time skips": (st.sampled_from((1, 31, 61, 301)),),
        "clock jumps back": (st.sampled_from((1, 30, 120)),),
    }[event]


def an_order() -> st.SearchStrategy[str]:
    return st.sampled_from((ORDERS[0], ORDERS[0], ORDERS[0], ORDERS[1]))


def a_provider() -> st.SearchStrategy[str]:
    return st.sampled_from(("scripted", "scripted", "other"))


def a_page() -> st.SearchStrategy[int | None]:
    """How many newer pages there are; None: every page."""
    return st.sampled_from((0, 0, 1, 2, None, None))


async def tell(story: list[Action], doubt: int | None, *, names_declines: bool) -> None:
    providers = {
        name: HonestProvider(name=name, names_declines=names_declines) for name in ("scripted", "other")
    }
    storage = DoubtfulStorage(chance=None if doubt is None else random.Random(doubt))  # noqa: S311 -- repeatable on purpose
    kit = in_memory_payments(*providers.values(), unit_of_work=storage)
    world = World(kit=kit, providers=providers)
    for provider in providers.values():
        provider.clock = kit.clock
    for order_id in ORDERS:
        kit.order(order_id)
    for action in story:
        await world.act(action)
        await world.assert_promises()
    await world.come_to_rest()
    await world.assert_promises()
    await world.assert_rest()
    await world.assert_nobody_is_stuck()


PAID_TWICE: list[Action] = [
    ("initiate", "order_1", "scripted"),
    ("initiate", "order_1", "other"),
    ("pays", None, None, True),
    ("at once", ("redirect", 0), ("redirect", 1)),
    ("gives back", 1),
    ("notice", 1, Claim.RETURNED),
    ("work",),
]
HELD_AND_GIVEN_BACK: list[Action] = [
    ("initiate", "order_1", "scripted"),
    ("pays", 0, birr("1.00"), False),
    ("redirect", 0),
    ("time passes", 1),
    ("gives back", 0),
    ("notice", 0, Claim.RETURNED),
    ("work",),
    ("initiate", "order_1", "scripted"),
    ("pays", 0, None, False),
]
GIVEN_BACK_AFTER_ALL: list[Action] = [
    ("initiate", "order_1", "scripted"),
    ("pays", 0, None, False),
    ("redirect", 0),
    ("gives back", 0),
    ("notice", 0, Claim.RETURNED),
]
PAID_ON_THE_OLDER_PAGE: list[Action] = [
    ("initiate", "order_1", "scripted"),
    ("initiate", "order_1", "other"),
    ("pays", 1, None, True),
    ("redirect", 1),
    ("pays", 0, None, False),
]
PAID_AFTER_AN_EDIT: list[Action] = [
    ("initiate", "order_1", "scripted"),
    ("order", "order_1", "1200.00", True),
    ("initiate", "order_1", "scripted"),
    ("pays", 1, None, True),
    ("redirect", 1),
]
DECLINED_AND_AGAIN: list[Action] = [
    ("initiate", "order_1", "scripted"),
    ("is declined", 0),
    ("redirect", 0),
    ("initiate", "order_1", "scripted"),
    ("is declined", 0),
    ("notice", 0, Claim.FAILED),
    ("work",),
    ("initiate", "order_1", "scripted"),
    ("time passes", 65),
    ("pays", 0, None, True),
]


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@pytest.mark.races
@given(
    story=st.lists(actions(), min_size=10, max_size=25),
    doubt=st.none() | st.integers(0, 9),
    names_declines=st.booleans(),
)
@example(story=PAID_TWICE, doubt=1, names_declines=True)
@example(story=HELD_AND_GIVEN_BACK, doubt=2, names_declines=True)
@example(story=GIVEN_BACK_AFTER_ALL, doubt=3, names_declines=True)
@example(story=PAID_ON_THE_OLDER_PAGE, doubt=None, names_declines=True)
@example(story=PAID_AFTER_AN_EDIT, doubt=5, names_declines=True)
@example(story=DECLINED_AND_AGAIN, doubt=4, names_declines=True)
@example(story=DECLINED_AND_AGAIN, doubt=None, names_declines=False)
def test_no_sequence_of_calls_breaks_a_promise(
    story: list[Action], doubt: int | None, *, names_declines: bool
) -> None:
    asyncio.run(tell(story, doubt, names_declines=names_declines))

"""What people do: payers, operators, collectors and the shop. They see only what they are answered."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

import attrs

from payments.application.answers import Answered, Initiated
from payments.application.ports.providers import Flow, RawNotice, Span
from payments.application.reconciling import Came
from payments.domain.capture import Capture
from payments.domain.collection import AtTheDoor, CashRecord
from payments.domain.money import Money
from payments.domain.payment import Payment
from payments.testing.simulation.behaviours import Behaviour
from payments.testing.simulation.ledger import PAGES, PROMPTS, Taken
from payments.testing.simulation.operators import Operators
from payments.testing.simulation.orders import SLOW_TAB
from payments.testing.simulation.plan import Action, Deed
from payments.testing.simulation.processes import BEGINNING, calling
from payments.testing.simulation.refunds import Fate
from payments.testing.simulation.requests import Requests
from payments.testing.simulation.world import World

T = TypeVar("T")
PAYER = "user_1"
_BY_A_LIST = {Came.SETTLED: Behaviour.SETTLED_BY_A_LIST, Came.ASKED_A_PERSON: Behaviour.ASKED_BY_A_LIST}


@attrs.define(eq=False)
class People:
    """Everybody outside, in one history."""

    _world: World
    request: Requests = attrs.field(init=False)
    _operators: Operators = attrs.field(init=False)
    _counted: int = attrs.field(default=0, init=False)
    _doors: list[tuple[str, str, str]] = attrs.field(factory=list, init=False)
    """Reference, order and page token of every checkout to be paid in cash."""
    _in_hand: list[str] = attrs.field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        self.request = Requests(self._world)
        self._operators = Operators(self._world, self.request)

    async def does(self, action: Action) -> None:
        """Somebody does what the plan says."""
        world = self._world
        world.trace.add(
            world.loop.time(), "somebody", f"{action.deed.value}: {action.order_id} {action.provider}"
        )
        deeds: dict[Deed, Callable[[Action], Awaitable[None]]] = {
            Deed.INITIATE: self._initiate,
            Deed.INITIATE_TWICE: self._twice,
            Deed.RETURN: self._return,
            Deed.LOOK: self._look,
            Deed.CANCEL: self._cancel,
            Deed.EDIT_ORDER: self._edit,
            Deed.CLOSE_ORDER: self._close,
            Deed.REFUND: self._refund,
            Deed.DECIDE: self._decide,
            Deed.ASK: self._ask,
            Deed.COLLECT: self._collect,
            Deed.HAND_OVER: self._hand_over,
            Deed.MONEY_RETURNS: self._money_returns,
            Deed.TWO_TABS: self._two_tabs,
            Deed.FALL_SILENT: self._fall_silent,
            Deed.REFUND_BESIDE: self._refund_beside,
            Deed.SLOW_TAB: self._slow_tab,
            Deed.RECONCILE: self._reconcile,
            Deed.KILL: self._kill,
            Deed.RESTART: self._restart,
        }
        await deeds[action.deed](action)

    async def delivered(
        self, provider: str, notice: RawNotice | None, token: str | None, body: bytes
    ) -> bool:
        """Hand a notice or a callback to the service: whether it was acknowledged."""
        payments = self._world.payments
        if notice is not None:
            received = await self.request(
                "notice", lambda: payments.receive_notice(provider, notice.headers, notice.body)
            )
            if received is not None:
                self._world.acknowledged_body(provider, notice.body)
            return received is not None
        answered = await self.request("callback", lambda: payments.receive_callback(token or "", body))
        if answered is not None:
            self._world.acknowledged_callback(provider, token or "", body)
        return answered is not None

    # Payers.

    async def _initiate(self, action: Action, *, flow: str = "initiate") -> None:
        payments = self._world.payments
        initiated = await self.request(
            flow, lambda: payments.initiate(action.order_id, PAYER, action.provider)
        )
        if initiated is not None:
            self._world.judge.acknowledge("attempt", initiated.reference)
            self._handed_out(initiated, action.order_id)

    async def _twice(self, action: Action) -> None:
        world = self._world
        self._counted += 1
        key = f"key-{self._counted}"
        world.soon(world.minds.spread(0.001, 100), self._with_key, action, key)
        await self._with_key(action, key)

    async def _with_key(self, action: Action, key: str) -> None:
        """Ask for a checkout under an Idempotency-Key: whoever asks again under it is answered alike."""
        payments = self._world.payments
        clocks: list[timedelta] = []

        async def produce() -> Answered:
            initiated = await payments.initiate(action.order_id, PAYER, action.provider)
            self._handed_out(initiated, action.order_id)
            return Answered(status=200, body=initiated.reference.encode(), final=True)

        async def answer() -> Answered:
            clocks.append(calling().ahead)
            answered = await payments.answer_once(
                user=PAYER, operation="initiate", key=key, fingerprint=action.order_id, produce=produce
            )
            clocks.append(calling().ahead)
            return answered

        answered = await self.request("initiate", answer)
        if answered is not None:
            self._world.judge.acknowledge("attempt", answered.body.decode())
            self._world.judge.answered(key, answered.body, *clocks)

    def _handed_out(self, initiated: Initiated, order_id: str) -> None:
        world, reference = self._world, initiated.reference
        if initiated.flow is Flow.CASH:
            token = initiated.checkout_url.rstrip("/").rpartition("/")[2]
            self._doors.append((reference, order_id, token))
            world.soon(world.minds.spread(60, 7200), self._at_the_door, reference, order_id, token)
        elif initiated.flow is Flow.HOSTED_PAGE:
            world.soon(self._thinks(), self._on_page, reference)

    def _thinks(self) -> float:
        return self._world.minds.spread(3, 36_000 if self._world.minds.happens(0.1) else 1200)

    async def _on_page(self, reference: str) -> None:
        world, pages = self._world, self._world.pages
        if not pages.payable(reference):
            return
        if world.minds.happens(0.2):
            pages.acts(reference)
            await asyncio.sleep(world.minds.spread(1, 200))
            if not pages.payable(reference):
                return
            pages.stays_open(reference)
        if world.minds.happens(0.3):
            pages.declines(reference)
            if world.minds.happens(0.5):
                world.soon(self._thinks(), self._on_page, reference)
        elif world.minds.happens(0.8):
            pages.pays(reference)
            if world.minds.happens(0.7):
                world.soon(world.minds.between(0.01, 5), self._redirected, reference)

    async def prompted(self, reference: str) -> None:
        """A phone shows a prompt."""
        world, prompts = self._world, self._world.prompts
        if not prompts.waiting(reference):
            return
        if world.minds.happens(0.7):
            prompts.confirmed(reference)
        elif world.minds.happens(0.7):
            prompts.refused(reference)
        else:
            return
        if world.habits.happens(world.plan.second_prompts):
            world.soon(world.habits.spread(2, 280), self._prompted_again, reference)

    async def _prompted_again(self, reference: str) -> None:
        self._world.prompts.confirmed_again(reference)

    async def _redirected(self, reference: str) -> None:
        payments = self._world.payments
        await self.request("redirect", lambda: payments.settle(reference, "redirect", coalesce_s=10.0))

    async def _two_tabs(self, action: Action) -> None:
        """Pay on a page that stayed open though it was cancelled, and through another provider as well.

        What is paid on the page is now and then wrong, and of what happens on the phone nobody is told.
        """
        world, payments, pages = self._world, self._world.payments, self._world.pages
        first = await self.request("initiate", lambda: payments.initiate(action.order_id, PAYER, PAGES))
        if first is None or not pages.payable(first.reference):
            return
        pages.outlive.add(first.reference)
        second = await self.request(
            "initiate", lambda: payments.initiate(action.order_id, PAYER, action.provider)
        )
        if second is None or second.reference == first.reference:
            return
        self._handed_out(second, action.order_id)
        world.prompts.silent.add(second.reference)
        if pages.payable(first.reference):
            asked = pages.opened[first.reference].amount
            wrong = Money(asked.minor + 100, asked.currency)
            pages.pays(first.reference, world.minds.one_of((asked, wrong)))

    async def _fall_silent(self, action: Action) -> None:
        """Have the provider answer no question from now on; its payer pays all the same."""
        world, payments = self._world, self._world.payments
        (world.prompts if action.provider == PROMPTS else world.pages).mute = True
        begun = await self.request(
            "initiate", lambda: payments.initiate(action.order_id, PAYER, action.provider)
        )
        if begun is None:
            return
        world.judge.acknowledge("attempt", begun.reference)
        if begun.flow is Flow.HOSTED_PAGE:
            await asyncio.sleep(world.habits.spread(5, 300))
            if world.pages.payable(begun.reference):
                world.pages.pays(begun.reference)

    async def _slow_tab(self, action: Action) -> None:
        """Be held once the order is read; meanwhile it changes, and another tab asks."""
        world, payments, habits = self._world, self._world.payments, self._world.habits
        if habits.happens(0.5):
            await self._initiate(action)
            await asyncio.sleep(habits.spread(1, 200))
        hold_s = habits.spread(0.5, 40)
        world.orders.holds_s.append(hold_s)
        slow = attrs.evolve(action, provider=habits.one_of(("pages", "prompts", "cash")))
        begun = world.loop.create_task(self._initiate(slow, flow=SLOW_TAB))
        await asyncio.sleep(hold_s * habits.between(0.1, 0.5))
        first = next(amount for order_id, amount in world.plan.orders if order_id == action.order_id)
        times = habits.one_of((1, 2, 3))
        world.orders.put(action.order_id, PAYER, Money(times * first.minor, first.currency))
        other = await self.request(
            "initiate", lambda: payments.initiate(action.order_id, PAYER, action.provider)
        )
        if other is None:
            return
        if not begun.done():
            world.steps.note(Behaviour.OVERTAKEN, action.order_id)
        self._handed_out(other, action.order_id)
        if habits.happens(0.3) and world.pages.payable(other.reference):
            world.pages.pays(other.reference)

    async def _return(self, action: Action) -> None:
        reference = self._newest(action.order_id)
        if reference is not None:
            await self._redirected(reference)

    async def _look(self, action: Action) -> None:
        payment = self._payment(action.order_id)
        if payment is None:
            return
        payments = self._world.payments
        await self.request("get", lambda: payments.get(payment.payment_id, PAYER))
        await self.request("explain", lambda: payments.explain(payment.payment_id, PAYER))

    async def _cancel(self, action: Action) -> None:
        payment, payments = self._payment(action.order_id), self._world.payments
        if payment is not None:
            await self.request("cancel", lambda: payments.cancel(payment.payment_id, PAYER, f"payer:{PAYER}"))

    # The shop.

    async def _edit(self, action: Action) -> None:
        world = self._world
        amount = next(amount for order_id, amount in world.plan.orders if order_id == action.order_id)
        world.orders.put(action.order_id, PAYER, amount + amount)

    async def _close(self, action: Action) -> None:
        world = self._world
        amount = next(amount for order_id, amount in world.plan.orders if order_id == action.order_id)
        world.orders.put(action.order_id, PAYER, amount, payable=False)

    # Operators.

    async def _refund(self, action: Action) -> None:
        world, payment = self._world, self._payment(action.order_id)
        if payment is None or not payment.captures:
            return
        capture = world.minds.one_of(payment.captures)
        part = world.minds.one_of((1, 1, 2, 3))
        amount = Money(max(1, capture.amount.minor // part), capture.amount.currency)
        await self._sends_back(payment, capture, amount)

    async def _sends_back(self, payment: Payment, capture: Capture, amount: Money) -> None:
        world = self._world
        refund_id = world.identifiers.unique()
        twice = world.minds.happens(0.2)
        for _ in range(2 if twice else 1):
            refund = await self.request(
                "refund",
                lambda: world.payments.refund(
                    payment.payment_id,
                    amount=amount,
                    reason="asked for",
                    actor="operator:ann",
                    capture_id=capture.capture_id,
                    refund_id=refund_id,
                ),
            )
            if refund is not None:
                world.judge.acknowledge("refund", refund_id)

    async def _refund_beside(self, action: Action) -> None:
        """Send money back through us, where it may fail or come back, and in the dashboard beside it."""
        world, habits = self._world, self._world.habits
        paid = await self._paid(action)
        if paid is None:
            return
        payment, capture = paid
        money = world.ledger.meant(capture.provider, capture.key)
        if money is None:
            return
        double = world.pages if money.provider == PAGES else world.prompts
        fate = habits.one_of((Fate.FAILS, Fate.FAILS, Fate.COMES_BACK, None))
        if fate is not None:
            double.refunds.fates[money.key] = fate
        if habits.happens(0.2):
            self._in_the_dashboard(money)
        whole = money.provider == PROMPTS or habits.happens(0.5)
        amount = Money(max(1, capture.amount.minor // (1 if whole else 2)), capture.amount.currency)
        await self._sends_back(payment, capture, amount)
        for _ in range(1 + habits.below(3)):
            await asyncio.sleep(habits.spread(1, 7200))
            if habits.happens(0.7):
                self._in_the_dashboard(money)
            else:
                await self._refund(action)

    def _in_the_dashboard(self, money: Taken) -> None:
        world = self._world
        if money.provider == PAGES:
            world.pages.returns(money.reference, part=world.habits.one_of((1, 2, 3)))
        else:
            world.prompts.returns(money.key)

    async def _paid(self, action: Action) -> tuple[Payment, Capture] | None:
        """Money of the order that is here; if there is none, somebody pays."""
        found = self._money(action.order_id)
        if found is not None:
            return found
        payments, world = self._world.payments, self._world
        begun = await self.request(
            "initiate", lambda: payments.initiate(action.order_id, PAYER, action.provider)
        )
        if begun is None:
            return None
        if world.pages.payable(begun.reference):
            world.pages.pays(begun.reference)
        for _ in range(10):
            await asyncio.sleep(60)
            found = self._money(action.order_id)
            if found is not None:
                return found
        return None

    def _money(self, order_id: str) -> tuple[Payment, Capture] | None:
        payment = self._payment(order_id)
        here = [c for c in payment.captures if c.provider != "cash"] if payment is not None else []
        return (payment, self._world.habits.one_of(here)) if payment is not None and here else None

    async def _decide(self, action: Action) -> None:
        del action
        await self._operators.decide_all()

    async def decide_all(self) -> None:
        """Have the operators go through all that waits for a person."""
        await self._operators.decide_all()

    async def _ask(self, action: Action) -> None:
        reference = self._newest(action.order_id)
        if reference is not None:
            await self.request("ask", lambda: self._world.payments.settle(reference))

    async def _reconcile(self, action: Action) -> None:
        """Walk over all that the pages' provider lists, as ``payments reconcile --apply`` does."""
        del action
        world = self._world
        now_s, since_s = world.loop.time(), world.habits.one_of((0.0, 0.0, 0.5)) * world.loop.time()
        span = Span(since=BEGINNING + timedelta(seconds=since_s), until=BEGINNING + timedelta(seconds=now_s))

        async def compared() -> None:
            async for each in world.payments.reconcile(PAGES, span, apply=True):
                if each.came in _BY_A_LIST:
                    world.steps.note(_BY_A_LIST[each.came], each.reference)

        await self.request("reconcile", compared)

    # Collectors.

    async def _at_the_door(self, reference: str, order_id: str, token: str) -> None:
        world = self._world
        page = await self.request("page", lambda: world.payments.page(token))
        if page is None:
            return
        self._counted += 1
        refused = world.minds.happens(0.15)
        wrong = world.minds.happens(0.1)
        amount = page.amount if not wrong else Money(page.amount.minor + 100, page.amount.currency)
        record = CashRecord(
            collection_id=f"c{self._counted}",
            collector="carl",
            outcome=AtTheDoor.REFUSED if refused else AtTheDoor.COLLECTED,
            amount=None if refused else amount,
            reference=reference if world.minds.happens(0.8) else None,
            delivery_code=None if refused else page.delivery_code,
            reason="not at home" if refused else "",
        )
        if record.reference is None:
            record = attrs.evolve(record, order_id=order_id)
        if not refused and world.minds.happens(0.15):
            record = attrs.evolve(record, delivery_code="000000")
        for _ in range(1 + world.minds.below(2)):
            kept = await self.request("collect", lambda: world.payments.collect_cash(record))
            if kept is not None:
                world.judge.acknowledge("collection", record.collection_id)
                if not refused:
                    self._in_hand.append(record.collection_id)

    async def _collect(self, action: Action) -> None:
        mine = [door for door in self._doors if door[1] == action.order_id]
        if mine:
            await self._at_the_door(*mine[-1])

    async def _hand_over(self, action: Action) -> None:
        del action
        world, names = self._world, tuple(sorted(set(self._in_hand)))
        if not names:
            return
        self._counted += 1
        handover_id = f"h{self._counted}"
        done = await self.request(
            "hand_over",
            lambda: world.payments.hand_over_cash(handover_id, "carl", names, "operator:ann"),
        )
        if done is not None:
            world.judge.acknowledge("handover", handover_id)
            self._in_hand.clear()

    # The world itself.

    async def _money_returns(self, action: Action) -> None:
        del action
        world = self._world
        paid = [taken.reference for (name, _), taken in world.ledger.taken.items() if name == PAGES]
        if paid:
            world.pages.returns(world.minds.one_of(paid), part=world.habits.one_of((1, 1, 2)))

    async def _kill(self, action: Action) -> None:
        del action
        machine = self._world.serving()
        if machine is not None:
            self._world.steps.kill(machine.process, "is killed")

    async def _restart(self, action: Action) -> None:
        del action
        machine = self._world.serving()
        if machine is not None:
            self._world.steps.stop(machine.process)

    def _payment(self, order_id: str) -> Payment | None:
        tables = self._world.database.committed
        payment_id = tables.orders.get(order_id)
        return tables.payments[payment_id] if payment_id else None

    def _newest(self, order_id: str) -> str | None:
        payment = self._payment(order_id)
        return payment.attempts[-1].reference if payment and payment.attempts else None

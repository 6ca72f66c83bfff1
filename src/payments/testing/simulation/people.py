"""What people do: payers, operators, collectors and the shop. They see only what they are answered."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import attrs

from payments.application.answers import Answered, Initiated
from payments.application.ports.providers import Flow, RawNotice, RefundOutcome
from payments.application.review_details import Details
from payments.domain.capture import Capture
from payments.domain.collection import AtTheDoor, CashRecord
from payments.domain.errors import PaymentsError, StorageError
from payments.domain.events import ReviewKind
from payments.domain.money import Money
from payments.domain.payment import Payment
from payments.domain.review import Review
from payments.domain.reviewing import WayOut, ways_out
from payments.domain.transitions import RefundStatus
from payments.testing.simulation.behaviours import Behaviour
from payments.testing.simulation.ledger import PAGES, PROMPTS, Taken
from payments.testing.simulation.orders import SLOW_TAB
from payments.testing.simulation.plan import Action, Deed
from payments.testing.simulation.processes import Fenced, Machine, calling
from payments.testing.simulation.refunds import Fate
from payments.testing.simulation.world import World

T = TypeVar("T")
PAYER = "user_1"

_NAMES = (
    Behaviour.RECORDED_BY_NAME,
    Behaviour.RECORDED_BY_RECEIPT,
    Behaviour.RECORDED_BY_OTHER_NAME,
    Behaviour.RECORDED_BY_OTHER_NAME,
)
"""By what operators call money that they see at its provider; not all of it has a receipt."""


@attrs.define(eq=False)
class People:
    """Everybody outside, in one history."""

    _world: World
    _counted: int = attrs.field(default=0, init=False)
    _doors: list[tuple[str, str, str]] = attrs.field(factory=list, init=False)
    """Reference, order and page token of every checkout to be paid in cash."""
    _refunds_tried: set[tuple[Any, WayOut]] = attrs.field(factory=set, init=False)
    """Reviews that were answered with a refund once."""
    _in_hand: list[str] = attrs.field(factory=list, init=False)

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
            Deed.KILL: self._kill,
            Deed.RESTART: self._restart,
        }
        await deeds[action.deed](action)

    async def request(
        self, flow: str, call: Callable[[], Awaitable[T]], machine: Machine | None = None
    ) -> T | None:
        """What the service answers to one request; None where it refuses, fails or dies meanwhile."""
        world = self._world
        machine = machine or world.serving()
        if machine is None:
            return None

        async def served() -> T | None:
            try:
                answer = await call()
            except PaymentsError as refusal:
                world.coverage.answers[f"{flow}: {refusal.code}"] += 1
                if isinstance(refusal, StorageError) or refusal.code != "illegal_transition":
                    return None
                world.judge.trouble(flow, refusal)
                return None
            except Exception as trouble:  # noqa: BLE001 -- the edge of the process
                world.judge.trouble(flow, trouble)
                return None
            calling()
            world.coverage.answers[f"{flow}: ok"] += 1
            return answer

        task: asyncio.Task[T | None] = machine.run(flow, served())
        try:
            return await task
        except Fenced:
            return None
        except BaseException:
            if task.cancelled():
                return None
            raise

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

        async def produce() -> Answered:
            initiated = await payments.initiate(action.order_id, PAYER, action.provider)
            self._handed_out(initiated, action.order_id)
            return Answered(status=200, body=initiated.reference.encode(), final=True)

        answered = await self.request(
            "initiate",
            lambda: payments.answer_once(
                user=PAYER, operation="initiate", key=key, fingerprint=action.order_id, produce=produce
            ),
        )
        if answered is not None:
            self._world.judge.acknowledge("attempt", answered.body.decode())
            self._world.judge.answered(key, answered.body)

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
        await self.decide_all()

    async def decide_all(self) -> None:
        """Go through all open reviews, and all refunds that wait for approval."""
        world = self._world
        found = await self.request("reviews", lambda: world.payments.reviews(limit=100))
        for review in found.items if found is not None else ():
            if review.decision is None:
                await self._answer(review)
        for payment in tuple(world.database.committed.payments.values()):
            for refund in payment.refunds:
                if refund.status is RefundStatus.AWAITING_APPROVAL:
                    await self._approve(payment, refund.refund_id)

    async def _approve(self, payment: Payment, refund_id: Any) -> None:
        payments, approver = self._world.payments, "operator:bob"
        if self._world.minds.happens(0.8):
            await self.request(
                "approve", lambda: payments.approve_refund(payment.payment_id, refund_id, approver=approver)
            )
        else:
            await self.request(
                "refuse",
                lambda: payments.refuse_refund(payment.payment_id, refund_id, actor=approver, reason="no"),
            )

    async def _answer(self, review: Review) -> None:
        world = self._world
        payment = world.database.committed.payments.get(review.payment_id) if review.payment_id else None
        ways = ways_out(review, payment)
        if not ways:
            return
        # Nobody sends back for ever what comes back each time.
        untried = tuple(way for way in ways if (review.review_id, way) not in self._refunds_tried)
        if not untried:
            return
        way = world.minds.one_of(untried)
        if way is WayOut.REFUND:
            self._refunds_tried.add((review.review_id, way))
        details = self._details(review, way, payment)
        if details is None:
            return
        resolved = await self.request(
            "resolve",
            lambda: world.payments.resolve(
                review.review_id, way.value, "looked at it", "operator:ann", details
            ),
        )
        if resolved is not None and way is not WayOut.ASK_AGAIN:
            world.judge.acknowledge("review", review.review_id)
        if resolved is not None and details.outcome == "paid":
            self._speaks_afterwards(review.subject)

    def _speaks_afterwards(self, reference: str) -> None:
        """Have the provider say by its own name what a person recorded: it is asked, or it reports late."""
        world, habits = self._world, self._world.habits
        if habits.happens(0.6):
            world.soon(habits.spread(1, 600), self._asked_about, reference)
        if habits.happens(0.4):
            double = world.pages if reference in world.pages.opened else world.prompts
            world.loop.call_later(habits.spread(1, 250), double.says_again, reference)

    async def _asked_about(self, reference: str) -> None:
        for _ in range(2):
            await self.request("ask", lambda: self._world.payments.settle(reference))
            await asyncio.sleep(20)

    def _details(self, review: Review, way: WayOut, payment: Payment | None) -> Details | None:
        """What the person saw at the provider, which is the truth; None where nothing can be told yet."""
        world = self._world
        if way is WayOut.ATTACH:
            reference, _, key = review.subject.partition(":")
            known = reference in world.database.committed.references and not self._was_recorded(key)
            return Details(reference=reference) if known else None
        if way is not WayOut.RECORD or payment is None:
            return Details()
        if review.kind is ReviewKind.REFUND_UNKNOWN:
            return self._seen_refund(payment, review.subject)
        return self._seen_money(payment, review.subject)

    def _seen_money(self, payment: Payment, reference: str) -> Details | None:
        """What a person says of an attempt: the truth, as far as it can be said here."""
        world = self._world
        seen = [t for t in world.ledger.taken.values() if t.reference == reference]
        if not seen:
            return Details(outcome="not_paid")
        if self._counted_elsewhere(seen, reference):
            # It was put to another attempt, and whoever looks it up is shown that one.
            return None
        here = {world.ledger.meant(c.provider, c.key) for c in payment.captures}
        taken = next((money for money in seen if money not in here), seen[0])
        attempt = next(a for a in payment.attempts if a.reference == reference)
        if taken.amount.currency != attempt.amount.currency:
            # It cannot be said here: what is recorded is in the currency that was due.
            return None
        all_of_it = taken.amount == attempt.amount and world.habits.happens(0.3)
        return Details(
            outcome="paid",
            provider_reference=self._named(taken),
            amount=None if all_of_it else taken.amount.decimal,
        )

    def _counted_elsewhere(self, seen: list[Taken], reference: str) -> bool:
        ledger = self._world.ledger
        return any(
            ledger.meant(capture.provider, capture.key) in seen
            for payment in self._world.database.committed.payments.values()
            for capture in payment.captures
            if capture.reference != reference
        )

    def _was_recorded(self, key: str) -> bool:
        """Whether money that its provider calls ``key`` was recorded by another name: it is here already."""
        return any(money.key == key for money in self._world.ledger.recorded.values())

    def _named(self, money: Taken) -> str:
        """What an operator calls the money that they see: as its provider does, or otherwise."""
        world = self._world
        drawn = world.habits.one_of(_NAMES)
        if drawn is Behaviour.RECORDED_BY_RECEIPT and money.receipt is not None:
            name = money.receipt
        elif drawn is Behaviour.RECORDED_BY_OTHER_NAME:
            self._counted += 1
            name = world.habits.one_of((money.reference, f"slip {self._counted}"))
            world.ledger.recorded[money.provider, name] = money
        else:
            name, drawn = money.key, Behaviour.RECORDED_BY_NAME
        world.steps.note(drawn, name)
        return name

    def _seen_refund(self, payment: Payment, refund_id: str) -> Details | None:
        refund = next((r for r in payment.refunds if str(r.refund_id) == refund_id), None)
        if refund is None:
            return None
        outcomes = [
            double.refunds.outcome(refund.reference) for double in (self._world.pages, self._world.prompts)
        ]
        if RefundOutcome.PENDING in outcomes:
            return None
        if RefundOutcome.SUCCEEDED in outcomes:
            return Details(outcome="succeeded", provider_reference=f"R-{refund.reference}")
        return Details(outcome="failed")

    async def _ask(self, action: Action) -> None:
        reference = self._newest(action.order_id)
        if reference is not None:
            await self.request("ask", lambda: self._world.payments.settle(reference))

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

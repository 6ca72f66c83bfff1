"""Cash at the same instant as something else: it settles once, and many who guess a code guess five times."""

from collections import Counter
from itertools import cycle
from typing import Any

from payments.application.answers import Initiated
from payments.domain.collection import AtTheDoor, CashRecord, CashResult, Collection
from payments.domain.errors import CashCodeLocked, HandoverConflict, WrongDeliveryCode
from payments.domain.money import Money
from payments.domain.transitions import Disposition, PaymentStatus
from tests.integration.races.sides import Side, World, payment_of

BIRR = Money.of("1000.00", "ETB")


def initiated(side: Side, order_id: str, provider: str) -> Initiated:
    answer = side.wait_for(side.payments.initiate, order_id, "user_1", provider)
    assert isinstance(answer, Initiated)
    return answer


def code_of(side: Side, checkout: Initiated) -> str:
    page = side.wait_for(side.payments.page, checkout.checkout_url.split("/")[-2])
    code: str = page.delivery_code
    return code


def record(name: str, reference: str | None, **said: Any) -> CashRecord:
    fields: dict[str, Any] = {
        "collection_id": name,
        "collector": "rider_7",
        "outcome": AtTheDoor.COLLECTED,
        "amount": BIRR,
        "reference": reference,
    }
    return CashRecord(**{**fields, **said})


def outcomes(futures: list[Any]) -> list[Any]:
    return [future.exception(120) or future.result() for future in futures]


def test_cash_and_online_success_at_the_same_instant_settle_once(
    racing: tuple[Side, ...],
    world: World,
    rounds: range,
) -> None:
    first, last = racing[0], racing[-1]
    for number in rounds:
        order_id = world.order(f"order_{number}")
        cash = initiated(first, order_id, "cash")
        code = code_of(first, cash)
        online = initiated(first, order_id, "scripted")
        world.provider.pays(online.reference)
        said = record(f"c-{number}", cash.reference, delivery_code=code)
        running = []
        for _ in range(5):
            running += [
                first.start(first.payments.collect_cash, said),
                last.start(last.payments.settle, online.reference),
                last.start(last.payments.collect_cash, said),
                first.start(first.payments.settle, online.reference),
            ]
        answers = outcomes(running)
        assert not [answer for answer in answers if isinstance(answer, BaseException)]
        kept = {answer for answer in answers if isinstance(answer, Collection)}
        assert len(kept) == 1
        first.wait_for(first.work)
        payment = payment_of(first, order_id)
        assert payment.status is PaymentStatus.SUCCESS
        assert Counter(capture.disposition for capture in payment.captures) == {
            Disposition.SETTLES: 1,
            Disposition.SURPLUS: 1,
        }
        assert kept.pop().result in {CashResult.SETTLED, CashResult.SURPLUS}
        assert world.told(order_id).count("paid") == 1


def test_of_many_wrong_codes_at_once_five_are_tries(racing: tuple[Side, ...], world: World) -> None:
    cash = initiated(racing[0], world.order("order_1"), "cash")
    right = int(code_of(racing[0], cash))
    running = [
        side.start(
            side.payments.collect_cash,
            record(f"c-{turn}", cash.reference, delivery_code=f"{(right + turn) % 1_000_000:06d}"),
        )
        for turn, side in zip(range(1, 21), cycle(racing), strict=False)
    ]
    kinds = Counter(type(answer) for answer in outcomes(running))
    assert kinds == {WrongDeliveryCode: 4, CashCodeLocked: 16}
    assert payment_of(racing[0], "order_1").attempts[0].wrong_codes == 5


def test_one_record_under_one_id_counts_for_one_order(racing: tuple[Side, ...], world: World) -> None:
    orders = [world.order(f"order_{number}") for number in range(6)]
    checkouts = [initiated(racing[0], order_id, "cash") for order_id in orders]
    running = [
        side.start(
            side.payments.collect_cash,
            record("c-1", checkout.reference, delivery_code=code_of(racing[0], checkout)),
        )
        for checkout, side in zip(checkouts, cycle(racing), strict=False)
    ]
    answers = outcomes(running)
    assert sum(isinstance(answer, Collection) for answer in answers) == 1
    captured = [capture for order_id in orders for capture in payment_of(racing[0], order_id).captures]
    assert [capture.key for capture in captured] == ["c-1"]


def test_cash_is_handed_in_once(racing: tuple[Side, ...]) -> None:
    names = tuple(f"c-{number}" for number in range(8))
    for name in names:
        side = racing[0]
        side.wait_for(side.payments.collect_cash, record(name, None, order_id=f"stray_{name}"))
    running = [
        # Each in another order: nobody waits for anybody in a circle.
        side.start(
            side.payments.hand_over_cash,
            f"h-{turn}",
            "rider_7",
            names[turn % 8 :] + names[: turn % 8],
            "operator:ops",
        )
        for turn, side in zip(range(12), cycle(racing), strict=False)
    ]
    kinds = Counter(type(answer).__name__ for answer in outcomes(running))
    assert kinds == {"Handover": 1, HandoverConflict.__name__: 11}
    assert racing[0].wait_for(racing[0].payments.cash) == ()


def test_the_same_record_at_the_same_instant_is_answered_the_same_where_nobody_began_to_pay(
    racing: tuple[Side, ...], rounds: range
) -> None:
    for number in rounds:
        said = record(f"c-{number}", None, order_id="order_of_nobody")
        running = [
            side.start(side.payments.collect_cash, said)
            for _, side in zip(range(20), cycle(racing), strict=False)
        ]
        answers = outcomes(running)
        assert not [answer for answer in answers if isinstance(answer, BaseException)]
        assert len(set(answers)) == 1

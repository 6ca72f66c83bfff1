"""Races (T7): many who want the same thing at once, from two event loops on PostgreSQL, from one on SQLite.

Three rounds each; ``make races`` runs thirty.
"""

from collections import Counter
from datetime import timedelta
from functools import partial
from itertools import cycle
from typing import Any

from payments.application.answers import Initiated
from payments.domain.errors import AttemptInFlight
from payments.domain.transitions import PaymentStatus
from tests.integration.races.sides import Side, World, payment_of


def initiate_by_many(racing: tuple[Side, ...], order_id: str, count: int) -> list[Any]:
    """What ``count`` who initiate at once, spread over the sides, are answered: an answer or an error."""
    asked = [
        side.start(side.payments.initiate, order_id, "user_1", "scripted")
        for side, _ in zip(cycle(racing), range(count), strict=False)
    ]
    return [future.exception(120) or future.result() for future in asked]


def initiated(racing: tuple[Side, ...], world: World, order_id: str) -> str:
    """The reference of the open attempt of a new order."""
    (answer,) = initiate_by_many(racing[:1], world.order(order_id), 1)
    assert isinstance(answer, Initiated)
    return payment_of(racing[0], order_id).attempts[0].reference


def test_of_100_who_initiate_at_once_one_opens_a_checkout_and_all_get_it(
    racing: tuple[Side, ...], world: World, rounds: range
) -> None:
    for number in rounds:
        answers = initiate_by_many(racing, world.order(f"order_{number}"), 100)
        kinds = Counter(type(answer) for answer in answers)
        assert set(kinds) <= {Initiated, AttemptInFlight}, kinds
        assert len({answer.checkout_url for answer in answers if isinstance(answer, Initiated)}) == 1
        assert len(payment_of(racing[0], f"order_{number}").attempts) == 1
        assert (len(world.provider.opened), world.provider.calls["open"]) == (number + 1, number + 1)


def test_of_100_equal_webhooks_one_is_stored_and_the_order_is_told_once(
    racing: tuple[Side, ...], world: World, rounds: range
) -> None:
    for number in rounds:
        order_id = f"order_{number}"
        reference = initiated(racing, world, order_id)
        world.provider.pays(reference)
        notice = world.provider.notice(reference)
        taken = [
            side.start(side.payments.receive_notice, "scripted", notice.headers, notice.body)
            for side, _ in zip(cycle(racing), range(100), strict=False)
        ]
        workers = [side.start(side.work) for side in racing * 3]
        assert sum(future.result(120).stored for future in taken) == 1
        for future in workers:
            future.result(120)
        racing[0].wait_for(racing[0].work)
        assert payment_of(racing[0], order_id).status is PaymentStatus.SUCCESS
        assert world.told(order_id) == ["paid"]
        assert len(world.notifier.sent) == number + 1


def test_redirects_beside_webhooks_beside_the_sweep_settle_once(
    racing: tuple[Side, ...], world: World, rounds: range
) -> None:
    for number in rounds:
        order_id = f"order_{number}"
        reference = initiated(racing, world, order_id)
        world.provider.pays(reference)
        # By now the sweep is due, too.
        world.clock.ahead += timedelta(minutes=2)
        running = []
        for turn, side in zip(range(50), cycle(racing), strict=False):
            notice = world.provider.notice(reference, at=turn)
            running += [
                side.start(partial(side.payments.settle, reference, "redirect", coalesce_s=10.0)),
                side.start(side.payments.receive_notice, "scripted", notice.headers, notice.body),
            ]
            if turn % 5 == 0:
                running += [side.start(side.payments.sweep), side.start(side.work)]
        for future in running:
            future.result(120)
        racing[0].wait_for(racing[0].work)
        payment = payment_of(racing[0], order_id)
        assert payment.status is PaymentStatus.SUCCESS
        assert len(payment.captures) == 1
        assert world.told(order_id) == ["paid"]
        assert len(world.notifier.sent) == number + 1

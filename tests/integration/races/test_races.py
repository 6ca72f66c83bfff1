"""Races (T7): many who want the same thing at once, from two event loops on PostgreSQL, from one on SQLite.

``make races`` runs thirty rounds of each; three where nobody gives it time.
"""

from collections import Counter
from datetime import timedelta
from functools import partial
from itertools import cycle
from typing import Any
from uuid import UUID, uuid4, uuid5

from payments.application.answers import Initiated
from payments.application.ports.providers import RefundOutcome
from payments.application.ports.repository import Transaction
from payments.application.review_details import Details
from payments.application.review_recording import opened_alone
from payments.domain.errors import AttemptInFlight, RefundTooLarge, ReviewAlreadyDecided, StorageUnavailable
from payments.domain.events import ReviewKind
from payments.domain.evidence import Answer, Outcome
from payments.domain.money import Money
from payments.domain.refund import Refund
from payments.domain.review import Review, ReviewState
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


def decide_by_many(racing: tuple[Side, ...], *wishes: tuple[UUID, str, Details | None]) -> list[Any]:
    """What people who decide at once, each under a name of their own, are answered."""
    asked = [
        side.start(side.payments.resolve, review_id, way_out, "seen", f"operator:{number}", details)
        for number, ((review_id, way_out, details), side) in enumerate(
            zip(wishes, cycle(racing), strict=False)
        )
    ]
    return [future.exception(120) or future.result() for future in asked]


def open_reviews(side: Side, kind: ReviewKind) -> dict[str, Review]:
    """The open reviews of one kind, by what they are about."""
    page = side.wait_for(partial(side.payments.reviews, 100, kind=kind))
    return {review.subject: review for review in page.items}


def test_of_20_who_decide_about_one_review_at_once_one_does_and_all_others_are_told(
    racing: tuple[Side, ...], world: World, rounds: range
) -> None:
    for number in rounds:
        order_id = f"order_{number}"
        reference = initiated(racing, world, order_id)
        world.provider.pays(reference, amount=Money.of("900.00", "ETB"))
        racing[0].wait_for(racing[0].payments.settle, reference)
        waiting = open_reviews(racing[0], ReviewKind.AMOUNT_MISMATCH).values()
        (review,) = [each for each in waiting if each.decision is None]
        wishes = [(review.review_id, way_out, None) for way_out in ("accept", "refund") * 10]
        answers = decide_by_many(racing, *wishes)
        assert Counter(type(answer) for answer in answers) == {Review: 1, ReviewAlreadyDecided: 19}
        payment = payment_of(racing[0], order_id)
        accepted = payment.status is PaymentStatus.SUCCESS
        assert (accepted, len(payment.refunds)) in ((True, 0), (False, 1))


def money_of(world: World, reference: str, *, key: str) -> Answer:
    """What the provider says of money for ``reference``, under a name of its own."""
    return Answer(
        outcome=Outcome.PAID,
        word="success",
        reference=reference,
        amount=Money.of("1000.00", "ETB"),
        mode=world.provider.mode,
        provider_reference=key,
        capture_key=key,
    )


def test_two_who_attach_money_crosswise_at_once_wait_for_each_other_and_both_succeed(
    racing: tuple[Side, ...], world: World, rounds: range
) -> None:
    for number in rounds:
        one, two = (initiated(racing, world, f"order_{number}_{name}") for name in ("a", "b"))
        for asked, owner in ((one, two), (two, one)):
            world.provider.answers(asked, money_of(world, owner, key=f"X-{asked}"))
            racing[0].wait_for(racing[0].payments.settle, asked)
        orphans = open_reviews(racing[0], ReviewKind.ORPHAN)
        answers = decide_by_many(
            racing,
            (orphans[f"{one}:X-{one}"].review_id, "attach", Details(reference=two)),
            (orphans[f"{two}:X-{two}"].review_id, "attach", Details(reference=one)),
        )
        assert [answer.state for answer in answers] == [ReviewState.RESOLVED] * 2, answers
        for name in ("a", "b"):
            assert payment_of(racing[0], f"order_{number}_{name}").status is PaymentStatus.SUCCESS


def test_a_question_about_no_payment_is_answered_by_one_of_many(
    racing: tuple[Side, ...], world: World, rounds: range
) -> None:
    for _ in rounds:
        orphan = Review(
            review_id=uuid4(),
            kind=ReviewKind.ORPHAN,
            subject=uuid4().hex,
            payment_id=None,
            detail="nobody's",
            opened_at=world.clock.now(),
        )
        racing[0].wait_for(racing[0].unit_of_work.write, partial(_put, orphan))
        answers = decide_by_many(racing, *[(orphan.review_id, "dismiss", None)] * 20)
        assert Counter(type(answer) for answer in answers) == {Review: 1, ReviewAlreadyDecided: 19}
        (decided,) = [answer for answer in answers if isinstance(answer, Review)]
        told = racing[0].wait_for(racing[0].payments.review, orphan.review_id)
        assert told.review == decided


async def _put(review: Review, transaction: Transaction) -> None:
    await transaction.add_review(opened_alone(review, actor="system", cause="race"))


def test_of_100_partial_refunds_at_once_no_more_than_what_was_captured_goes_back(
    racing: tuple[Side, ...], world: World, rounds: range
) -> None:
    # All of them wait for one payment's lock, which takes its time: a third of the rounds.
    for number in rounds[::3]:
        order_id = f"order_{number}"
        reference = initiated(racing, world, order_id)
        world.provider.pays(reference)
        racing[0].wait_for(racing[0].payments.settle, reference)
        payment_id = payment_of(racing[0], order_id).payment_id
        # Some of them stay under way, and the workers bring those on beside the requests.
        world.refunds.answer = RefundOutcome.PENDING if number % 2 else RefundOutcome.SUCCEEDED

        asked = [
            side.start(
                partial(
                    side.payments.refund,
                    payment_id,
                    amount="30.00",
                    reason="race",
                    actor="operator:1",
                    # Whoever is told to come back asks for the same refund again.
                    refund_id=uuid5(payment_id, str(turn)),
                )
            )
            for side, turn in zip(cycle(racing), range(100), strict=False)
        ]
        workers = [side.start(side.work) for side in racing]
        answers = [future.exception(120) or future.result() for future in asked]
        for future in workers:
            future.result(120)

        racing[0].wait_for(racing[0].work)

        kinds = Counter(type(answer) for answer in answers)
        # Whoever waited too long for the lock heard that; what they had set aside is brought on all the same.
        assert set(kinds) <= {Refund, RefundTooLarge, StorageUnavailable}, kinds
        payment = payment_of(racing[0], order_id)
        assert (len(payment.refunds), kinds[RefundTooLarge] <= 67) == (33, True)
        sent = world.refunds.sent_back(payment.captures[0].key)
        assert sent == 990_00 or (kinds[StorageUnavailable] and sent < 990_00)
        assert len(world.refunds.requests) == world.refunds.calls["request"]


def test_of_many_who_bring_the_same_refunds_on_each_is_sent_once(
    racing: tuple[Side, ...], world: World, rounds: range
) -> None:
    for number in rounds:
        order_id = f"order_{number}"
        reference = initiated(racing, world, order_id)
        world.provider.pays(reference)
        racing[0].wait_for(racing[0].payments.settle, reference)
        payment = payment_of(racing[0], order_id)
        refund_id = payment.payment_id
        ask = partial(
            racing[0].payments.refund,
            amount="10.00",
            reason="race",
            actor="operator:1",
            refund_id=refund_id,
        )
        running = [racing[0].start(partial(ask, payment.payment_id)) for _ in range(20)]
        for side, _ in zip(cycle(racing), range(20), strict=False):
            running.append(side.start(side.payments.sweep))
        for future in running:
            future.result(120)
        racing[0].wait_for(racing[0].work)

        assert world.refunds.calls["request"] == number + 1
        assert [r.status.value for r in payment_of(racing[0], order_id).refunds] == ["succeeded"]

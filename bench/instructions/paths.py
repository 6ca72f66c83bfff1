"""The hot paths: for each, what is made ready before, and what is counted."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID, uuid5

import attrs
from starlette.requests import Request

from bench.instructions.service import AUTH_KEY, Asked, Service, initiation, look, notice
from payments.application.recording import record
from payments.domain.evidence import Answer, Mode, Outcome
from payments.domain.finding import Finding
from payments.domain.payment import Payment
from payments.domain.settlement import settle
from payments.entrypoints.http.auth import Callers, Scope

PAGE: Final = 20
"""How many payments a page of history shows."""

Once = Callable[[], Awaitable[object]]
"""One repetition of a path."""


async def _initiate(service: Service, times: int) -> Sequence[Once]:
    return [_answering(service, initiation("initiates", number)) for number in range(times)]


async def _notice(service: Service, times: int) -> Sequence[Once]:
    return [_answering(service, notice(name)) for name in await service.initiated("noticed", times)]


async def _settle(service: Service, times: int) -> Sequence[Once]:
    for reference in await service.initiated("settled", times):
        await service.answer(notice(reference))
    return [_doing(service.payments.process_notices)] * times


async def _deliver(service: Service, times: int) -> Sequence[Once]:
    for reference in await service.initiated("told", times):
        await service.payments.settle(reference)
        # Messages of one instant are due in any order, and those of two payments would mix.
        service.clock.advance(timedelta(seconds=1))
    step = _doing(service.payments.deliver)

    async def once() -> None:
        # The orders service's, and the payer's.
        await step()
        await step()

    return [once] * times


async def _history(service: Service, times: int) -> Sequence[Once]:
    await service.initiated("looks-back", 2 * PAGE)
    return [_answering(service, look("looks-back", "/payments/", b"limit=%d" % PAGE))] * times


async def _payment(service: Service, times: int) -> Sequence[Once]:
    payment = await _paid(service, "looks")
    return [_answering(service, look("looks", f"/payments/{payment.payment_id}/"))] * times


async def _decide(service: Service, times: int) -> Sequence[Once]:
    payment = await _open(service, "decided")
    finding = _paid_for(payment, service.clock.now())

    async def once() -> None:
        settle(payment, finding)

    return [once] * times


async def _record(service: Service, times: int) -> Sequence[Once]:
    payment = await _open(service, "recorded")
    finding = _paid_for(payment, service.clock.now())
    change = settle(payment, finding).change

    async def once() -> None:
        record(payment, change, actor="provider:chapa", cause="webhook", now=finding.now)

    return [once] * times


async def _admit(_service: Service, times: int) -> Sequence[Once]:
    callers = Callers.by(AUTH_KEY, algorithm="HS256", default_scopes=(Scope.READ.value,))
    asked = look("admitted", "/payments/")
    return [lambda: callers.admit(Request(asked.scope()), (Scope.READ,))] * times


@attrs.frozen(kw_only=True)
class HotPath:
    """``prepare`` makes as many repetitions as it is asked for; each is run once."""

    prepare: Callable[[Service, int], Awaitable[Sequence[Once]]]
    at_once: int = 2
    """How many repetitions are counted together: more of those that are short beside the counting itself."""


PATHS: Final[Mapping[str, HotPath]] = {
    "initiate through Chapa": HotPath(prepare=_initiate),
    "webhook received": HotPath(prepare=_notice),
    "notice settled": HotPath(prepare=_settle),
    "two messages delivered": HotPath(prepare=_deliver),
    "page of history": HotPath(prepare=_history),
    "one payment": HotPath(prepare=_payment),
    "verdict": HotPath(prepare=_decide, at_once=20),
    "audit entry": HotPath(prepare=_record, at_once=20),
    "token admitted": HotPath(prepare=_admit, at_once=20),
}


def _answering(service: Service, asked: Asked) -> Once:
    return partial(service.answer, asked)


def _doing(step: Callable[[int], Awaitable[int]]) -> Once:
    """One step of a worker's loop, which has to find something to do."""

    async def once() -> None:
        if await step(1) != 1:
            raise RuntimeError("There was nothing to do.")

    return once


async def _open(service: Service, user: str) -> Payment:
    """A payment of ``user`` whose checkout is open."""
    answer = json.loads(await service.answer(initiation(user, 0)))
    return await service.payments.get(UUID(answer["payment_id"]), user)


async def _paid(service: Service, user: str) -> Payment:
    (reference,) = await service.initiated(user, 1)
    return await service.payments.settle(reference)


def _paid_for(payment: Payment, now: datetime) -> Finding:
    """What Chapa answers when ``payment`` was paid as it was due."""
    (attempt,) = payment.attempts
    answer = Answer(
        outcome=Outcome.PAID,
        word="success",
        reference=attempt.reference,
        mode=Mode.TEST,
        amount=attempt.amount,
        provider_reference=f"AP{attempt.reference[-20:]}",
        capture_key=f"AP{attempt.reference[-20:]}",
    )
    return Finding(
        evidence_id=uuid5(payment.payment_id, "evidence"),
        reference=attempt.reference,
        answer=answer,
        now=now,
    )

"""What a shop must have kept, and can show, at the end of every story, whatever happened in it."""

import typing
from collections.abc import Hashable
from datetime import datetime
from functools import cache
from types import NoneType, UnionType
from typing import Any
from uuid import UUID

import attrs

from payments.adapters.memory.repository import Tables
from payments.adapters.memory.unit_of_work import MemoryUnitOfWork
from payments.testing import InMemoryPayments

CAUSES = {
    "collector": {"collector"},
    "operator": {"cancel", "refund", "review"},
    "orders": {"delivery"},
    "payer": {"cancel", "initiate"},
    "provider": {
        "cancel",
        "initiate",
        "operator",
        "page",
        "reconcile",
        "redirect",
        "refund",
        "review",
        "sweep",
        "the nightly job",  # of a story about a program that names its own
        "webhook",
    },
    "system": {"initiate", "review", "sweep"},
}
"""Who changes anything, and why."""


async def everything_holds(kit: InMemoryPayments) -> None:
    """Every invariant; records in the shape they promise; every change with its cause; all can be shown."""
    assert await kit.payments.check() == ()
    store = kit.unit_of_work
    assert isinstance(store, MemoryUnitOfWork)
    tables = store._committed
    for table in attrs.fields(Tables):
        kept = getattr(tables, table.name)
        assert misshapen(kept if isinstance(kept, tuple) else tuple(kept.values()), table.name) == []
    changes = [(link.actor.partition(":")[0], link.cause) for link in tables.audit]
    changes += [(link.actor.partition(":")[0], link.cause) for link in tables.review_audit]
    assert [(actor, cause) for actor, cause in changes if cause not in CAUSES.get(actor, ())] == []
    shown = [await kit.payments.review(review_id) for review_id in tables.reviews]
    assert misshapen((await kit.payments.find(), *await kit.payments.cash(), *shown)) == []
    for payment in tables.payments.values():
        story = await kit.payments.explain(payment.payment_id, payment.payer)
        assert [step.what for step in story.steps if "None" in step.what] == []
        assert misshapen((story, await kit.payments.list(payment.payer))) == []


def misshapen(value: object, where: str = "") -> list[str]:
    """What a database would refuse, or read back as something else: fields that hold what they may not."""
    if isinstance(value, tuple):
        return [each for held in value for each in misshapen(held, where)]
    if isinstance(value, datetime) and value.utcoffset() is None:
        return [f"{where} is {value!r}"]
    found = []
    for name, types in _fields(type(value)):  # type: ignore[arg-type]  # a class can be hashed
        held = getattr(value, name)
        if type(held) not in types:
            found.append(f"{where or type(value).__name__}.{name} is {held!r}")
        elif type(held) not in PLAIN:
            found += misshapen(held, f"{where or type(value).__name__}.{name}")
    return found


PLAIN = frozenset({bool, bytes, int, str, NoneType, UUID})


@cache
def _fields(record: Hashable) -> tuple[tuple[str, frozenset[type]], ...]:
    """The fields of a record, and the types that each may hold; none of anything else."""
    if not (isinstance(record, type) and attrs.has(record)):
        return ()
    return tuple((name, _types(hint)) for name, hint in typing.get_type_hints(record).items())


def _types(hint: Any) -> frozenset[type]:
    either = typing.get_args(hint) if isinstance(hint, UnionType) else (hint,)
    return frozenset(typing.get_origin(each) or each for each in either)

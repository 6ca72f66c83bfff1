"""A row that was edited until it can no longer be read is named by the check, which goes on behind it."""

import asyncio
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from payments.adapters.sql import migrate
from payments.adapters.sql.sqlite import open_sqlite
from payments.application.answers import Violation
from payments.application.ports.repository import Transaction
from payments.application.records import StoredChange
from payments.application.use_cases.check_invariants import CheckInvariants
from payments.testing.clock import MovableClock
from payments.testing.contracts.stored import a_message, a_payment, a_review_alone, numbered

pytestmark = pytest.mark.anyio

FIRST, SECOND, THIRD = (str(numbered(1, number)) for number in (1, 2, 3))
QUESTIONS = tuple(str(numbered(6, number)) for number in (1, 2, 3))

PAYMENTS = {
    "its id, to nothing": ("", "UPDATE payments SET payment_id = '' WHERE order_id = 'order_2'"),
    "its id, before all others": ("0", "UPDATE payments SET payment_id = '0' WHERE order_id = 'order_2'"),
    "its id, among the others": (
        f"{FIRST}x",
        f"UPDATE payments SET payment_id = '{FIRST}x' WHERE order_id = 'order_2'",  # noqa: S608 -- our own id
    ),
    "its id, behind all others": ("zz", "UPDATE payments SET payment_id = 'zz' WHERE order_id = 'order_2'"),
    "its status": (SECOND, "UPDATE payments SET status = 'mine' WHERE order_id = 'order_2'"),
    "its currency": (SECOND, "UPDATE payments SET currency = '???' WHERE order_id = 'order_2'"),
    "the id of a message": (SECOND, "UPDATE messages SET message_id = 'zz'"),
}
ALONE = {
    "its id": ("zz", f"UPDATE reviews SET review_id = 'zz' WHERE review_id = '{QUESTIONS[1]}'"),  # noqa: S608 -- our own id
    "its id, to nothing": (
        "",
        f"UPDATE reviews SET review_id = '' WHERE review_id = '{QUESTIONS[1]}'",  # noqa: S608 -- our own id
    ),
    "its kind": (
        QUESTIONS[1],
        f"UPDATE reviews SET kind = 'mine' WHERE review_id = '{QUESTIONS[1]}'",  # noqa: S608 -- our own id
    ),
    "whose trail it is, to nothing": (
        "",
        f"UPDATE review_audit SET review_id = '' WHERE review_id = '{QUESTIONS[1]}'",  # noqa: S608 -- our own id
    ),
    "whose trail it is": (
        "zz",
        f"UPDATE review_audit SET review_id = 'zz' WHERE review_id = '{QUESTIONS[1]}'",  # noqa: S608 -- our own id
    ),
}


async def _fill(transaction: Transaction) -> None:
    for number in (1, 2, 3):
        payment = await transaction.open_payment(a_payment(number))
        message = a_message(number, payment_id=payment.payment_id, order_id=payment.order_id)
        if number == 2:
            await transaction.save(StoredChange(before=payment, after=payment, messages=(message,)))
        await transaction.add_review(a_review_alone(number))


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite database with three payments and three questions of nobody, whose guards are down."""
    path = tmp_path_factory.mktemp("filled") / "payments.db"
    migrate.upgrade(f"sqlite:///{path}")

    async def fill() -> None:
        async with open_sqlite(str(path)) as units:
            await units.write(_fill)

    asyncio.run(fill())
    _run(path, "DROP TRIGGER review_audit_no_update")
    return path


def _run(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(f"PRAGMA ignore_check_constraints = ON; {statement}")


async def found_in(path: Path) -> tuple[Violation, ...]:
    async with open_sqlite(str(path)) as units:
        return await CheckInvariants(MovableClock(), units)()


@pytest.mark.parametrize(
    ("invariant", "subject", "edit"),
    [
        *(("I14", *edited) for edited in PAYMENTS.values()),
        *(("I21", *edited) for edited in ALONE.values()),
    ],
    ids=[*(f"a payment: {what}" for what in PAYMENTS), *(f"a question: {what}" for what in ALONE)],
)
async def test_an_edited_row_is_named_and_the_check_goes_on(
    filled: Path, tmp_path: Path, invariant: str, subject: str, edit: str
) -> None:
    path = Path(shutil.copy(filled, tmp_path / "payments.db"))
    _run(path, "UPDATE payments SET status = 'success' WHERE order_id = 'order_3'")
    before = await found_in(path)
    assert {violation.subject for violation in before} >= {THIRD}
    _run(path, edit)

    found = await found_in(path)

    (named,) = [violation for violation in found if "cannot be read back" in violation.detail]
    assert (named.invariant, named.subject) == (invariant, subject)
    assert {each for each in before if each.subject in {FIRST, THIRD}} <= set(found)

"""``payments review``: what it prints, its exit codes, and who is said to have decided."""

import asyncio
import getpass
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from payments.adapters.sql.sqlite import open_sqlite
from payments.application.recording import record
from payments.application.review_recording import opened_alone
from payments.domain.events import ReviewKind, ReviewOpened
from payments.domain.payment import Change
from payments.domain.review import Review
from payments.entrypoints.cli import exit_code
from payments.testing.contracts.stored import a_payment

pytestmark = pytest.mark.usefixtures("logs_go_back")

ORPHAN = Review(
    review_id=UUID("01890a5d-ac96-774b-bcce-b302099a8057"),
    kind=ReviewKind.ORPHAN,
    subject="p-aaaaaaaaaaaaaaaaaaaaaaaaaa",
    payment_id=None,
    detail="chapa said 'charge.success', and never confirmed it when asked.",
    opened_at=datetime(2026, 1, 5, 9, 30, tzinfo=UTC),
)
OPENED = opened_alone(ORPHAN, actor="provider:chapa", cause="webhook")
ID = str(ORPHAN.review_id)
DISMISS = ("review", "resolve", ID, "dismiss", "--reason", "a test of ours")


@pytest.fixture(autouse=True)
def orphan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sandbox whose database holds one open review of no payment."""
    database = tmp_path / "payments.db"
    variables = {
        "DATABASE_URL": f"sqlite:///{database}",
        "ORDERS_URL": "http://127.0.0.1:9",
        "ORDERS_TOKEN": "t" * 30,
        "ORDERS_SIGNING_SECRETS": "whsec_" + "A" * 40,
        "AUTH_KEY": "k" * 40,
    }
    for name, value in variables.items():
        monkeypatch.setenv(f"PAYMENTS_{name}", value)

    async def put() -> None:
        async with open_sqlite(str(database)) as units:
            await units.write(lambda transaction: transaction.add_review(OPENED))

    assert exit_code(["migrate"]) == 0
    asyncio.run(put())


def as_json(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_what_waits_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert exit_code(["review", "list"]) == 0
    said = capsys.readouterr().out
    assert f"{ID}  2026-01-05 09:30:00  orphan  open" in said
    assert ORPHAN.detail in said
    assert exit_code(["review", "list", "--json"]) == 0
    listed = as_json(capsys)
    assert [each["review_id"] for each in listed["data"]] == [ID]
    assert not listed["has_more"]


def test_other_states_and_kinds_are_listed_by_themselves(capsys: pytest.CaptureFixture[str]) -> None:
    for narrowed in (["--state", "resolved"], ["--kind", "surplus"]):
        capsys.readouterr()
        assert exit_code(["review", "list", *narrowed]) == 0
        assert capsys.readouterr().out == "There are none.\n"


def test_one_is_shown_with_what_may_be_decided(capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert exit_code(["review", "show", ID]) == 0
    said = capsys.readouterr().out
    assert f"About:    {ORPHAN.subject}" in said
    assert "You may decide: attach, dismiss" in said
    assert exit_code(["review", "show", ID, "--json"]) == 0
    assert as_json(capsys)["may_decide"] == ["attach", "dismiss"]


def test_beside_a_running_service_it_names_the_console(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def beside() -> int:
        async with open_sqlite(str(tmp_path / "payments.db")):
            return await asyncio.to_thread(exit_code, DISMISS)

    assert asyncio.run(beside()) == 69
    assert "Or decide at the console" in capsys.readouterr().err


def test_whoever_runs_it_is_who_decided(capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert exit_code([*DISMISS, "--json"]) == 0
    told = as_json(capsys)
    assert (told["state"], told["decision"], told["reason"]) == ("resolved", "dismiss", "a test of ours")
    assert told["actor"] == f"operator:{getpass.getuser()}"
    assert exit_code(["review", "list", "--state", "resolved"]) == 0
    assert "resolved (dismiss)" in capsys.readouterr().out


@pytest.mark.parametrize("trouble", [KeyError("getpwuid(): uid not found: 4711"), OSError("No username set")])
def test_whoever_the_system_has_no_name_for_says_who_decides(
    trouble: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nameless() -> str:
        raise trouble

    monkeypatch.setattr(getpass, "getuser", nameless)
    assert exit_code(DISMISS) == 2
    assert "--actor: This system has no name for you; say who decides." in capsys.readouterr().err
    assert exit_code([*DISMISS, "--actor", "almaz", "--json"]) == 0
    assert as_json(capsys)["actor"] == "operator:almaz"
    assert exit_code(["check"]) == 0


def test_another_name_can_be_given_and_the_second_person_is_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert exit_code([*DISMISS, "--actor", "sara"]) == 0
    assert "operator:sara decided 'dismiss'" in capsys.readouterr().out
    assert exit_code([*DISMISS, "--actor", "abel"]) == 1
    assert capsys.readouterr().err == "operator:sara decided 'dismiss'.\n"


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("show", "nonsense"), 1, "There is no such review"),
        (("show", "019b76da-a800-7a3e-8a2c-5d3f6b1c9e40"), 1, "There is no such review"),
        (("resolve", ID, "accept", "--reason", "x"), 2, "  --decision: Use attach or dismiss."),
        (("resolve", ID, "dismiss", "--reason", " "), 2, "  --reason: Say why, in 1 to 500 characters."),
        (("resolve", ID, "dismiss", "--reason", "\x1b[2Jx"), 2, "  --reason: It holds a control character."),
        (("resolve", ID, "dismiss", "--reason", "x", "--actor", "a\nb"), 2, "  --actor: It holds a control"),
        (("resolve", ID, "attach", "--reason", "x"), 2, "  --reference: Name the attempt"),
        (("resolve", ID, "dismiss"), 2, "See: payments review resolve --help"),
        (("list", "--state", "closed"), 2, "See: payments review list --help"),
        (("list", "--cursor", "x"), 2, "It is not a cursor."),
    ],
)
def test_a_refusal_is_a_sentence(
    arguments: tuple[str, ...], code: int, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert exit_code(["review", *arguments]) == code
    said = capsys.readouterr()
    assert said.out == ""
    assert sentence in said.err
    assert "Traceback" not in said.err


def test_whoever_owes_the_payment_decides_nothing_about_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    about = a_payment()
    asked = ReviewOpened(kind=ReviewKind.DISPUTE, subject="p-b", detail="")
    change = record(
        about, Change(about, (asked,)), actor="provider:chapa", cause="webhook", now=ORPHAN.opened_at
    )
    (theirs,) = change.reviews

    async def put() -> None:
        async with open_sqlite(str(tmp_path / "payments.db")) as units:
            await units.write(lambda transaction: transaction.open_payment(about))
            await units.write(lambda transaction: transaction.save(change))

    asyncio.run(put())
    decide = ["review", "resolve", str(theirs.review_id), "dismiss", "--reason", "mine", "--actor"]
    capsys.readouterr()

    assert exit_code([*decide, about.payer]) == 1
    said = capsys.readouterr()
    assert (said.out, said.err) == (
        "",
        "Another person has to decide this: it is about a payment of yours\n",
    )
    assert exit_code([*decide, "sara"]) == 0

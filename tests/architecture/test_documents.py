"""The documents say what the code does: their tables, their links, and the commands they name."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.tables import CATALOGUE, TABLES, Table, invariants
from payments.adapters.providers.listing import BUILT_IN
from payments.application.invariants import INVARIANTS, OF_REVIEWS
from payments.entrypoints.cli import command_line
from payments.entrypoints.http.routes import OPERATIONS
from payments.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\[[^]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")
VARIABLE = re.compile(r"\bPAYMENTS_[A-Z_]+[A-Z]\b")
# `payments` and what follows it, at the start of a line or of a piece of code.
COMMAND = re.compile(
    r"(?:^|[;&(] *)(?:\$ )?(?:PAYMENTS_\S+ )?(?:\.venv/bin/)?payments +([a-z]+)", re.MULTILINE
)
TARGET = re.compile(r"(?:^|[;&(] *)(?:\$ )?make +([a-z]+)", re.MULTILINE)


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def pieces_of_code(document: Path) -> Iterator[str]:
    """What stands in backticks and in fences."""
    text = document.read_text(encoding="utf-8")
    yield from (fence[2] for fence in FENCE.finditer(text) if fence[1] in {"bash", "console"})
    yield from (code[1] for code in CODE.finditer(FENCE.sub("", text)))


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.file)
def test_a_table_has_a_row_for_each_thing_there_is(table: Table) -> None:
    assert sorted(table.keys()) == sorted(table.facts())
    assert table.empty() == [], "somebody still has to write these rows"


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.file)
def test_a_table_says_what_the_code_says(table: Table) -> None:
    assert (ROOT / "docs" / table.file).read_text(encoding="utf-8") == table.text(), "run `make docs`"


def test_the_catalogue_of_invariants_is_the_one_that_is_checked() -> None:
    checked = {number for number, (told,) in invariants().items() if told == "yes"}
    assert {*INVARIANTS, "I9", OF_REVIEWS} == checked <= set(CATALOGUE)
    source = (ROOT / "src/payments/application/use_cases/check_invariants.py").read_text(encoding="utf-8")
    assert re.findall(r'invariant="(I\d+)"', source) == ["I9"]


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_every_link_leads_somewhere(document: Path) -> None:
    links = LINK.findall(FENCE.sub("", document.read_text(encoding="utf-8")))
    lost = [link for link in links if "://" not in link and not (document.parent / link).exists()]
    assert lost == []


@pytest.fixture
def commands() -> set[str]:
    """What ``payments --help`` lists."""
    return {name for name in command_line() if not name.startswith("-")}


@pytest.fixture
def targets() -> set[str]:
    """What the Makefile makes."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z]+):.*## ", text, re.MULTILINE))


def test_every_command_a_document_names_exists(commands: set[str], targets: set[str]) -> None:
    assert len(commands) > 5
    unknown = {
        f"{named(document)}: {program} {word}"
        for document in DOCUMENTS
        for piece in pieces_of_code(document)
        for program, pattern, known in (("payments", COMMAND, commands), ("make", TARGET, targets))
        for word in pattern.findall(piece)
        if word not in known
    }
    assert unknown == set()


def test_every_variable_a_document_names_exists() -> None:
    read = {f"PAYMENTS_{row.name}" for row in Settings.from_env({}).rows()}
    files = {f"{name}_FILE" for name in read}
    planned = {"PAYMENTS_PAYSTACK_CURRENCIES"}  # ADR 0003, for the gateway that is to come
    unknown = {
        f"{named(document)}: {name}"
        for document in DOCUMENTS
        for name in VARIABLE.findall(document.read_text(encoding="utf-8"))
        if name not in read | files | planned
    }
    assert unknown == set()


def test_whoever_mounts_the_interface_learns_of_every_path() -> None:
    told = (ROOT / "docs" / "embedding.md").read_text(encoding="utf-8").partition("Its paths begin with")[2]
    begin = {f"/{operation.path.split('/')[1]}" for operation in OPERATIONS}
    assert {path.rstrip("/") for path in CODE.findall(told.partition("\n\n")[0])} == begin | {"/console"}


def test_the_readme_promises_the_providers_there_are() -> None:
    rows = re.findall(
        r"^\| (.+?) \| (.+?) \| .+ \|$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    now = {
        name.lower().replace("-", "")
        for names, told in rows
        if told.startswith("pay,")
        for name in names.split(", ")
    }
    assert now == {folder.NAME for folder in BUILT_IN}

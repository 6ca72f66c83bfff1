"""The tables of the documents: the code fills their first columns, people write the others.

``make docs`` runs it, and ``tests/architecture/test_documents.py`` compares. A row begins with its key in
backticks and may stand in any table of its document.
"""

import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

import attrs

from payments.adapters.environment import PREFIX
from payments.application.invariants import INVARIANTS, OF_REVIEWS
from payments.domain.errors import ConfigurationInvalid, Retry
from payments.entrypoints.http.problems import EDGE, INTERNAL_ERROR, STATUS, Kind
from payments.entrypoints.states import as_markdown
from payments.settings import Settings

FOLDER: Final = Path(__file__).parent
CATALOGUE: Final = tuple(f"I{number}" for number in range(1, 22))
_BY_THE_USE_CASE: Final = "I9"
"""The one promise that spans payments, so ``check_invariants`` itself holds it."""

_ROW: Final = re.compile(r"^\| `(?P<key>[^`]+)` \|(?P<cells>.*)\|$", re.MULTILINE)
_CELL: Final = re.compile(r"(?<!\\)\|")
_NGINX: Final = FOLDER.parent / "deploy" / "nginx.conf"
_BY_NGINX: Final = re.compile(r'"status":(\d+),"code":"(\w+)"')
_REPEAT: Final = {Retry.NEVER: "no", Retry.SAFE: "yes", Retry.ASK_FIRST: "ask first"}

Facts = Mapping[str, tuple[str, ...]]


@attrs.frozen
class Table:
    """The rows of one document: by key, the cells that the code knows."""

    file: str
    facts: Callable[[], Facts]

    def keys(self) -> list[str]:
        """The keys of the document's rows, in their order."""
        return [row["key"] for row in _ROW.finditer(self._text())]

    def empty(self) -> list[str]:
        """The keys of rows that somebody still has to write."""
        return [row["key"] for row in _ROW.finditer(self._text()) if not all(_cells(row))]

    def text(self) -> str:
        """The document with every known cell as the code has it."""
        facts = self.facts()

        def refreshed(row: re.Match[str]) -> str:
            known = facts.get(row["key"], ())
            return "| " + " | ".join([f"`{row['key']}`", *known, *_cells(row)[len(known) :]]) + " |"

        return _ROW.sub(refreshed, self._text())

    def _text(self) -> str:
        return (FOLDER / self.file).read_text(encoding="utf-8")


def errors() -> Facts:
    """By code: HTTP status, whether repeating is safe, and what it means; of nginx's own the status alone."""
    told = {
        error.code: (_status(status), _REPEAT[error.retry], _sentence(error))
        for error, status in STATUS.items()
    }
    edge = {kind.code: (str(kind.status), _repeat_of(kind), f"{kind.title}.") for kind in EDGE}
    by_nginx = {code: (status,) for status, code in _BY_NGINX.findall(_NGINX.read_text(encoding="utf-8"))}
    return by_nginx | told | edge


def settings() -> Facts:
    """By variable: its default, whether a file may hold it, and whether live mode wants it."""
    defaults = {row.name: row.shown for row in Settings.from_env({}).rows()}
    needed, files = _missing_in_live_mode(), _may_be_files(defaults)
    return {
        f"{PREFIX}{name}": (
            f"`{shown}`" if shown else "–",
            "yes" if f"{PREFIX}{name}_FILE" in files else "no",
            "required" if f"{PREFIX}{name}" in needed else "–",
        )
        for name, shown in defaults.items()
    }


def invariants() -> Facts:
    """By number: whether ``payments check`` looks for it."""
    return {
        number: ("yes" if number in {*INVARIANTS, _BY_THE_USE_CASE, OF_REVIEWS} else "no",)
        for number in CATALOGUE
    }


TABLES: Final = (
    Table("errors.md", errors),
    Table("settings.md", settings),
    Table("invariants.md", invariants),
)


def _cells(row: re.Match[str]) -> list[str]:
    return [cell.strip() for cell in _CELL.split(row["cells"])]


def _status(status: int) -> str:
    return "–" if status == INTERNAL_ERROR.status else str(status)


def _sentence(error: type) -> str:
    paragraph = (error.__doc__ or "").strip().split("\n\n")[0]
    return " ".join(paragraph.split()).replace("``", "`").replace("|", "\\|")


def _repeat_of(kind: Kind) -> str:
    if kind is INTERNAL_ERROR:
        return _REPEAT[Retry.ASK_FIRST]
    return _REPEAT[Retry.SAFE if kind.status in {408, 503} else Retry.NEVER]


def _may_be_files(names: Iterable[str]) -> set[str]:
    # Whoever reads an empty file complains about it, and whoever reads none says nothing.
    return _mistakes({f"{PREFIX}{name}_FILE": os.devnull for name in names})


def _missing_in_live_mode() -> set[str]:
    with_chapa = {f"{PREFIX}MODE": "live", f"{PREFIX}CHAPA_SECRET_KEY": "CHASECK-"}
    with_mail = with_chapa | {f"{PREFIX}SMTP_URL": "smtp://mail.example"}
    # Without its key a provider is off, so nothing complains.
    keys = {f"{PREFIX}{provider}_SECRET_KEY" for provider in ("CHAPA", "PAYSTACK")}
    return _mistakes(with_chapa) | _mistakes(with_mail) | keys


def _mistakes(environ: Mapping[str, str]) -> set[str]:
    try:
        Settings.from_env(environ)
    except ConfigurationInvalid as error:
        return {mistake.pointer for mistake in error.errors}
    return set()


def main() -> None:
    """Write every table anew, and the diagrams; complain about rows that are missing or too many."""
    (FOLDER / "states.md").write_text(as_markdown(), encoding="utf-8")
    for table in TABLES:
        (FOLDER / table.file).write_text(table.text(), encoding="utf-8")
        odd = set(table.facts()) ^ set(table.keys())
        if odd:
            sys.exit(f"docs/{table.file}: add or take out a row for {', '.join(sorted(odd))}.")


if __name__ == "__main__":
    main()

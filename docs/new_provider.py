"""``make provider NAME=...``: a folder for another provider, its contract tests, and a line in the list.

What is written is Acme of ``examples/acme`` under another name: whole, and wrong about the provider in every
line that its fact sheet words otherwise.
"""

import re
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
_NAME: Final = re.compile(r"[a-z][a-z0-9]{1,30}")
_FOLDERS: Final = Path("src", "payments", "adapters", "providers")
_TESTS: Final = Path("tests", "contract")
_LISTING: Final = _FOLDERS / "listing.py"
_IMPORT: Final = re.compile(r"^from payments\.adapters\.providers import (?P<names>.+)$", re.MULTILINE)
_LIST: Final = re.compile(r"(?P<names>BUILT_IN: [^\n]+ = \(\n(?:    \w+,\n)*)")


class NotPossible(Exception):
    """The folder cannot be made; the sentence says why."""


def begin(root: Path, name: str) -> tuple[Path, ...]:
    """Write the files of the provider called ``name`` into the project at ``root``; what was written.

    Raises:
        NotPossible: it is no name for a folder, or there is such a provider.
    """
    if not _NAME.fullmatch(name):
        raise NotPossible("Say NAME=..., a small letter and then small letters or digits.")
    folder, test = root / _FOLDERS / name, root / _TESTS / f"test_{name}_gateway.py"
    taken = next((path for path in (folder, test) if path.exists()), None)
    if taken is not None:
        raise NotPossible(f"{taken.relative_to(root)} is there already.")
    folder.mkdir()
    sources = sorted((root / "examples" / "acme").glob("*.py"))
    written = [_write(folder / source.name, _renamed(source, name)) for source in sources]
    written.append(_write(test, _renamed(root / "examples" / "test_acme_gateway.py", name)))
    listing = root / _LISTING
    written.append(_write(listing, _listed(listing.read_text(encoding="utf-8"), name)))
    return tuple(written)


def _renamed(source: Path, name: str) -> str:
    text = source.read_text(encoding="utf-8")
    text = text.replace("from examples import acme", f"from payments.adapters.providers import {name}")
    text = text.replace("examples.acme", f"payments.adapters.providers.{name}")
    for spelling in (str.lower, str.title, str.upper):
        text = text.replace(spelling("acme"), spelling(name))
    return text


def _listed(listing: str, name: str) -> str:
    """The list of providers with one line more, and the import it needs."""
    imported = _IMPORT.sub(
        lambda match: _sorted_import([*match["names"].split(", "), name]), listing, count=1
    )
    return _LIST.sub(lambda match: f"{match['names']}    {name},\n", imported, count=1)


def _sorted_import(names: list[str]) -> str:
    return f"from payments.adapters.providers import {', '.join(sorted(names))}"


def _write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def main() -> None:
    """Begin a provider, and say what comes next."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    try:
        written = begin(ROOT, name)
    except NotPossible as refusal:
        sys.exit(str(refusal))
    for path in written:
        print(path.relative_to(ROOT))  # noqa: T201 -- a command
    print(f"Next: make format test ARGS=tests/contract/test_{name}_gateway.py, then docs/providers.md.")  # noqa: T201 -- as above


if __name__ == "__main__":
    main()

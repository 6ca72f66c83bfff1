"""What no tracked file may say: where a package came from, or whose machine it was written on."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Put together from pieces, so that this file does not say them either.
REGISTRY_HOSTS = (
    ("py" + "pi.", "org"),
    ("python" + "hosted.", "org"),
    ("npm" + "js.", "(?:org|com)"),
    ("yarn" + "pkg.", "com"),
    ("ana" + "conda.", "(?:org|com)"),
    ("crates" + ".", "io"),
    ("proxy" + ".golang.", "org"),
    ("deb" + "ian.", "org/debian"),
)
MACHINE_PATHS = (
    ("/wo" + "rk/", ""),
    ("/ro" + "ot", r"\b"),
    ("/ho" + "me/", r"\w"),
    ("/Us" + "ers/", r"\w"),
    ("/opt/" + "py", ""),
)
FORBIDDEN = re.compile(
    "|".join(
        [
            *(re.escape(plain) + rest for plain, rest in REGISTRY_HOSTS),
            *(r"(?<![\w.])" + re.escape(plain) + rest for plain, rest in MACHINE_PATHS),
        ]
    )
)
# What every finding begins with: where none of it stands the slower search finds nothing either.
PLAIN = tuple(plain for plain, _ in REGISTRY_HOSTS + MACHINE_PATHS)


def found_in(text: str) -> str | None:
    found = FORBIDDEN.search(text) if any(plain in text for plain in PLAIN) else None
    return found.group() if found else None


def tracked_files() -> list[Path]:
    answer = subprocess.run(
        ["git", "ls-files", "-z"],  # noqa: S607 - whichever git made the checkout
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / name for name in answer.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_no_tracked_file_names_a_registry_or_a_machine() -> None:
    said = [
        f"{path.relative_to(ROOT)}: {found}"
        for path in tracked_files()
        if (found := found_in(path.read_text(encoding="utf-8", errors="replace")))
    ]
    assert said == []


@pytest.mark.parametrize(
    "sentence",
    [
        "--index-url https://py" + "pi.org/simple",
        "https://files.python" + "hosted.org/packages/x.whl",
        '"resolved": "https://registry.npm' + 'js.org/x.tgz"',
        "see /wo" + "rk/notes.md",
        "cd /ro" + "ot",
        "/ho" + "me/somebody/payments",
    ],
)
def test_the_search_finds_what_it_looks_for(sentence: str) -> None:
    assert found_in(sentence)


@pytest.mark.parametrize(
    "sentence",
    ["/home", "GET /worker/", "src/ro" + "ot/x", "https://example.test/wo" + "rk/"],
)
def test_the_search_leaves_ordinary_words_alone(sentence: str) -> None:
    assert not found_in(sentence)

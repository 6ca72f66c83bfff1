"""What no tracked file may say: where a package came from, or whose machine it was written on."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Put together from pieces, so that this file does not say them either.
REGISTRY_HOSTS = (
    "py" + r"pi\.org",
    "python" + r"hosted\.org",
    "npm" + r"js\.(?:org|com)",
    "yarn" + r"pkg\.com",
    "ana" + r"conda\.(?:org|com)",
    "crates" + r"\.io",
    "proxy" + r"\.golang\.org",
    "deb" + r"ian\.org/debian",
)
MACHINE_PATHS = (
    r"(?<![\w.])/wo" + "rk/",
    r"(?<![\w.])/ro" + r"ot\b",
    r"(?<![\w.])/ho" + r"me/\w",
    r"(?<![\w.])/Us" + r"ers/\w",
    r"(?<![\w.])/opt/" + "py",
)
FORBIDDEN = re.compile("|".join(REGISTRY_HOSTS + MACHINE_PATHS))


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
        f"{path.relative_to(ROOT)}: {found.group()}"
        for path in tracked_files()
        if (found := FORBIDDEN.search(path.read_text(encoding="utf-8", errors="replace")))
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
    assert FORBIDDEN.search(sentence)


@pytest.mark.parametrize(
    "sentence",
    ["/home", "GET /worker/", "src/ro" + "ot/x", "https://example.test/wo" + "rk/"],
)
def test_the_search_leaves_ordinary_words_alone(sentence: str) -> None:
    assert not FORBIDDEN.search(sentence)

"""Habits of the source that a linter does not hold: names, reasons, and a core without clock or chance."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "payments"
SOURCES = sorted(PACKAGE.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
CORE = [path for path in SOURCES if path.is_relative_to(PACKAGE / "domain")] + [
    path for path in SOURCES if path.is_relative_to(PACKAGE / "application")
]

NOISE = {"util", "utils", "helper", "helpers", "common", "manager", "managers", "base", "impl"}
DIRECTIVE = re.compile(
    r"#\s*(?:ruff:\s*)?noqa\b(?::\s*[A-Z]+\d+(?:\s*,\s*[A-Z]+\d+)*)?"
    r"|#\s*type:\s*ignore(?:\[[\w, -]+\])?"
    r"|#\s*mypy:\s*[\w=-]+"
    r"|#\s*fmt:\s*(?:off|on|skip)"
    r"|#\s*pragma:\s*no \w+"
)


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def unexplained(source: str) -> list[int]:
    """The lines that silence a tool without two words of reason on the same line or in the comment above."""
    comments = {
        token.start[0]: token
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    lines = []
    for number, token in comments.items():
        reason, silenced = DIRECTIVE.subn("", token.string)
        above = comments.get(number - 1)
        if above is not None and above.line.strip().startswith("#"):
            reason += DIRECTIVE.sub("", above.string)
        if silenced and len(re.findall(r"[A-Za-z]{2,}", reason)) < 2:
            lines.append(number)
    return lines


def surroundings(source: str) -> Iterator[str]:
    """The places where a module reads the clock, draws a random identifier or touches the world."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(attr="now" | "utcnow" | "today", value=ast.Name(id=owner)) if owner in {
                "datetime",
                "date",
            }:
                yield f"{owner}.{node.attr}, line {node.lineno}"
            case ast.Attribute(
                attr="now" | "utcnow" | "today", value=ast.Attribute(attr="datetime" | "date")
            ):
                yield f"datetime.{node.attr}, line {node.lineno}"
            case ast.Attribute(attr="uuid1" | "uuid4" | "uuid6" | "uuid7"):
                yield f"{node.attr}, line {node.lineno}"
            case ast.ImportFrom(module="uuid", names=names):
                drawn = {name.name for name in names} - {"UUID", "uuid3", "uuid5"}
                yield from (f"{name}, line {node.lineno}" for name in sorted(drawn))
            case ast.Call(func=ast.Name(id="open" | "print" | "input")):
                yield f"{ast.unparse(node.func)}(), line {node.lineno}"


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_a_module_is_named_after_what_it_is_about(path: Path) -> None:
    words = {word for part in path.relative_to(PACKAGE).with_suffix("").parts for word in part.split("_")}
    assert not words & NOISE


@pytest.mark.parametrize("path", SOURCES + TESTS, ids=named)
def test_whoever_silences_a_tool_says_why(path: Path) -> None:
    assert unexplained(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", CORE, ids=named)
def test_the_core_is_told_the_time_and_given_its_identifiers(path: Path) -> None:
    assert list(surroundings(path.read_text(encoding="utf-8"))) == []


def test_the_padding_of_pkcs1_only_seals_and_only_for_daraja() -> None:
    """Whoever opens it may tell others, by how that fails, what is inside (ASVS 5.0, 11.3.1)."""
    plays_daraja = PACKAGE / "simulators", PACKAGE / "entrypoints" / "demo"
    ours = [path for path in SOURCES if not any(map(path.is_relative_to, plays_daraja))]
    texts = {named(path): path.read_text(encoding="utf-8") for path in ours}
    using = {name: text for name, text in texts.items() if "PKCS1v15" in text}
    assert list(using) == ["src/payments/adapters/providers/mpesa/credentials.py"]
    (text,) = using.values()
    seals = [
        [ast.unparse(argument) for argument in node.args]
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "encrypt"
    ]
    assert ["PKCS1v15()" in arguments for arguments in seals] == [True]
    assert text.count("PKCS1v15(") == 1
    assert [name for name, held in texts.items() if "private_key" in held] == []


def test_every_rule_switched_off_for_all_has_its_reason_beside_it() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    switched_off = re.findall(r'^ +"[A-Z]+\d*", .*$|^ +"[A-Z]+\d*",?$', text, re.MULTILINE)
    assert len(switched_off) > 10
    assert [line for line in switched_off if not re.search(r"# \w+", line)] == []


@pytest.mark.parametrize(
    ("line", "said_why"),
    [
        ("x = 1  # noqa: E501", False),
        ("x = 1  # noqa", False),
        ("x = 1  # type: ignore[misc]", False),
        ("# ruff: noqa: T201", False),
        ("x = 1  # noqa: BLE001 - the edge of the process", True),
        ("x = 1  # type: ignore[misc]  # the library has no types", True),
        ("# the wheel is loaded by path\nx = 1  # noqa: INP001", True),
        ("y = 2  # some other remark\nx = 1  # noqa: INP001", False),
        ('x = "# noqa"', True),
    ],
)
def test_a_reason_is_recognised(line: str, said_why: bool) -> None:  # noqa: FBT001 - a column of the table above
    assert (unexplained(line + "\n") == []) is said_why


@pytest.mark.parametrize(
    "line",
    [
        "at = datetime.now(UTC)",
        "at = datetime.datetime.utcnow()",
        "day = date.today()",
        "from uuid import uuid4",
        "name = uuid.uuid4()",
        "print('here')",
        "text = open('x').read()",
    ],
)
def test_a_glance_at_the_world_is_recognised(line: str) -> None:
    assert list(surroundings(line))


def test_the_clock_port_and_identifiers_worked_out_from_others_are_no_glance_at_the_world() -> None:
    assert not list(surroundings("from uuid import UUID, uuid5\nat = self._clock.now()\n"))

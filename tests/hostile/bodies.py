"""Bodies that no provider would send, by the thousand, from one seed: damaged, misshapen, spelled anew."""

import copy
import gzip
import json
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

Damage = Callable[[random.Random, bytes], bytes]
Place = tuple[str | int, ...]

WRONG: Final[tuple[Any, ...]] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    10**17,
    1.5,
    -0.0,
    "",
    " ",
    "null",
    "success",
    "0",
    "1e3",
    "1_000",
    "٠٩١١",
    "NaN",
    "-1.00",
    "' OR 1=1 --",
    "<script>alert(1)</script>",
    "../../../../etc/passwd",
    "\r\nX-Injected: yes",
    "{{7*7}}",
    "p-" + "a" * 26,
    "x" * 5_000,
    [],
    {},
    [[]],
    {"$ne": None},
    ["success"],
)
"""What stands where something else should."""

RAW: Final[tuple[str, ...]] = (
    "NaN",
    "Infinity",
    "-Infinity",
    "9" * 5_000,
    "-" + "9" * 5_000,
    "1e999999",
    "1E-999999",
    "0." + "0" * 400 + "1",
    "01",
    "+1",
    ".5",
    "0x10",
    "1_000",
    '"\\ud800"',
    '"\\udfff\\ud800"',
    '"\\u0000"',
    '"a\\u0000b"',
    '"\\x41"',
    "'single'",
    "undefined",
    "True",
    "None",
    "[" * 5_000 + "]" * 5_000,
    '{"a":' * 2_000 + "1" + "}" * 2_000,
    "[" * 21 + "]" * 21,
    '{"a":1,"a":2}',
    "/* comment */ 1",
    '"' + "\u202e" * 50 + '"',
    '"' + "x" * 60_000 + '"',
    "",
)
"""What no writer of JSON would put there, as text."""

WHOLE: Final[tuple[bytes, ...]] = (
    b"",
    b" ",
    b"\x00",
    b"null",
    b"true",
    b"0",
    b'""',
    b"[]",
    b"{}",
    b"{",
    b"}",
    b"[" * 60_000,
    b'{"a":' * 10_000,
    b"<html><body>502 Bad Gateway</body></html>",
    b"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY y SYSTEM 'file:///etc/passwd'>]><x>&y;</x>",
    b"tx_ref=p-aaaaaaaaaaaaaaaaaaaaaaaaaa&status=success&amount=1000",
    b"--x\r\nContent-Disposition: form-data; name=tx_ref\r\n\r\np\r\n--x--",
    b"\x80\x04\x95\x00\x00\x00",
    b"\xff" * 64,
    b"\xed\xa0\x80",
    b"\xc0\x80",
    b"\xf4\x90\x80\x80",
    b"%00%0a",
    bytes(range(256)),
    b"x" * 65_536,
    b"x" * 65_537,
    b'{"a":"' + b"x" * 70_000 + b'"}',
)
"""Bodies of their own."""


def places(value: Any, at: Place = ()) -> Iterator[Place]:
    """Where something stands in ``value``, the whole included."""
    yield at
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, below in inner:
        yield from places(below, (*at, name))


def put(value: Any, at: Place, instead: Any) -> Any:
    """A copy of ``value`` with something else at one place."""
    if not at:
        return instead
    changed = copy.deepcopy(value)
    inside = changed
    for name in at[:-1]:
        inside = inside[name]
    inside[at[-1]] = instead
    return changed


def _any_place(chance: random.Random, body: bytes) -> tuple[Any, Place]:
    value = json.loads(body)
    return value, chance.choice(list(places(value)))


def _wrong_value(chance: random.Random, body: bytes) -> bytes:
    value, at = _any_place(chance, body)
    return json.dumps(put(value, at, chance.choice(WRONG))).encode()


def _raw_value(chance: random.Random, body: bytes) -> bytes:
    value, at = _any_place(chance, body)
    mark = "here-it-stands"
    text = json.dumps(put(value, at, mark)).replace(json.dumps(mark), chance.choice(RAW))
    return text.encode("utf-8", "surrogatepass")


def _missing(chance: random.Random, body: bytes) -> bytes:
    value, at = _any_place(chance, body)
    if not at:
        return b""
    without = copy.deepcopy(value)
    inside = without
    for name in at[:-1]:
        inside = inside[name]
    del inside[at[-1]]
    return json.dumps(without).encode()


def _said_twice(chance: random.Random, body: bytes) -> bytes:
    name = chance.choice(list(json.loads(body)))
    return body.replace(b"{", f'{{"{name}": {json.dumps(chance.choice(WRONG))}, '.encode(), 1)


def _renamed(chance: random.Random, body: bytes) -> bytes:
    name: str = chance.choice(list(json.loads(body)))
    other = chance.choice([name.upper(), f" {name}", f"{name}\u200b", f"{name}[]", "__proto__", ""])
    return body.replace(f'"{name}"'.encode(), json.dumps(other).encode(), 1)


def _spelled_anew(chance: random.Random, body: bytes) -> bytes:
    value = json.loads(body)
    match chance.randrange(5):
        case 0:
            return json.dumps(value, indent=chance.randrange(1, 9)).encode()
        case 1:
            return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()
        case 2:
            return b" " * chance.randrange(1, 99) + body + b"\n" * chance.randrange(99)
        case 3:
            return "".join(f"\\u{ord(c):04x}" if c.isalpha() else c for c in json.dumps(value)).encode()
        case _:
            return json.dumps(dict(reversed(value.items()))).encode()


def _in_other_letters(chance: random.Random, body: bytes) -> bytes:
    codec = chance.choice(["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "utf-7", "cp500"])
    return body.decode().encode(codec)


def _flipped(chance: random.Random, body: bytes) -> bytes:
    damaged = bytearray(body)
    for _ in range(chance.randrange(1, 6)):
        damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
    return bytes(damaged)


def _cut(chance: random.Random, body: bytes) -> bytes:
    return body[: chance.randrange(len(body))]


def _holding(chance: random.Random, body: bytes) -> bytes:
    at = chance.randrange(len(body) + 1)
    return body[:at] + chance.randbytes(chance.randrange(1, 12)) + body[at:]


def _doubled(chance: random.Random, body: bytes) -> bytes:
    return body + chance.choice([b"", b"\n", b",", b"\x00"]) + body


def _wrapped(chance: random.Random, body: bytes) -> bytes:
    depth = chance.choice([1, 2, 19, 20, 21, 500])
    return b"[" * depth + body + b"]" * depth


def _as_text(_: random.Random, body: bytes) -> bytes:
    return json.dumps(body.decode()).encode()


def _packed(_: random.Random, body: bytes) -> bytes:
    return gzip.compress(body, mtime=0)


def _whole(chance: random.Random, _: bytes) -> bytes:
    return chance.choice(WHOLE)


def _noise(chance: random.Random, _: bytes) -> bytes:
    return chance.randbytes(chance.randrange(300))


DAMAGES: Final[tuple[tuple[Damage, int], ...]] = (
    (_wrong_value, 30),
    (_raw_value, 20),
    (_flipped, 15),
    (_cut, 8),
    (_holding, 8),
    (_missing, 6),
    (_said_twice, 5),
    (_renamed, 4),
    (_spelled_anew, 6),
    (_in_other_letters, 3),
    (_doubled, 2),
    (_wrapped, 2),
    (_as_text, 1),
    (_packed, 1),
    (_whole, 4),
    (_noise, 3),
)
"""Ways to spoil a genuine body, and how often each is taken."""


def corpus(seed: int, genuine: Sequence[dict[str, Any]], count: int) -> list[bytes]:
    """``count`` different bodies made of ``genuine`` ones; the same for the same seed."""
    chance = random.Random(seed)  # noqa: S311 -- the same bodies every time
    damages, weights = [damage for damage, _ in DAMAGES], [weight for _, weight in DAMAGES]
    made: dict[bytes, None] = {}
    while len(made) < count:
        body = json.dumps(chance.choice(genuine)).encode()
        for damage in chance.choices(damages, weights, k=chance.choice([1, 1, 1, 2])):
            try:
                body = damage(chance, body)
            # Two damages do not always go together: the first may have left no JSON for the second.
            except (ValueError, IndexError, RecursionError, AttributeError, TypeError, KeyError):
                break
        made[body] = None
    return list(made)

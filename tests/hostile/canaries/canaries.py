"""Canaries: texts that stand for a secret or a person, and the search for them in all that is written."""

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Final
from urllib.parse import quote

import attrs

_SHORTEST_ANYWHERE: Final = 9
"""What is shorter counts only where no letter, digit or dot is on either side: numbers are full of it."""


@attrs.frozen
class Canary:
    """One text that must not get out, by the name of what it stands for."""

    name: str
    text: str

    def forms(self) -> Iterator[bytes]:
        """As it is, and as programs write such a text down."""
        plain = self.text.encode()
        yield plain
        if len(plain) < _SHORTEST_ANYWHERE:
            return
        yield quote(self.text, safe="").encode()
        yield plain.hex().encode()
        yield json.dumps(self.text)[1:-1].encode()
        # In the middle of something longer a text has three spellings in base64; their inner parts tell.
        for shift in range(3):
            inner = base64.b64encode(b"\x00" * shift + plain).rstrip(b"=")
            yield inner[4 if shift else 0 : -2]

    def stands_in(self, content: bytes) -> bool:
        if len(self.text) >= _SHORTEST_ANYWHERE:
            return any(form in content for form in self.forms())
        apart = rb"(?<![\w.])" + re.escape(self.text.encode()) + rb"(?![\w.])"
        return re.search(apart, content) is not None


@attrs.frozen
class Written:
    """Something that was written, and where: ``log``, ``answer GET /payments/``, ``mail to the payer`` ..."""

    where: str
    content: bytes


@attrs.frozen(kw_only=True)
class Allowed:
    """Where a canary may stand, and why. Both are patterns as file names have them."""

    canary: str
    where: str
    why: str

    def covers(self, canary: Canary, written: Written) -> bool:
        return fnmatchcase(canary.name, self.canary) and fnmatchcase(written.where, self.where)


@attrs.frozen(kw_only=True)
class Search:
    """What was found."""

    hits: tuple[str, ...]
    """What stands where it may not."""
    used: frozenset[Allowed]
    """What was needed of the list of what is allowed."""


def search(
    canaries: Iterable[Canary], everything: Iterable[Written], allowed: Iterable[Allowed] = ()
) -> Search:
    """Look for every canary in everything that was written."""
    hits: dict[str, None] = {}
    used: set[Allowed] = set()
    written, listed = list(everything), list(allowed)
    for canary in canaries:
        for one in written:
            if not canary.stands_in(one.content):
                continue
            covering = [entry for entry in listed if entry.covers(canary, one)]
            used.update(covering)
            if not covering:
                hits[f"{canary.name} in {one.where}"] = None
    return Search(hits=tuple(hits), used=frozenset(used))


def of_settings(environ: Mapping[str, str], names: Iterable[str]) -> list[Canary]:
    """The canaries that secret settings carry; a setting that is missing fails, so none is forgotten."""
    return [Canary(name, environ[f"PAYMENTS_{name}"]) for name in names]

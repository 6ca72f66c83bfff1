"""The reader of ``PAYMENTS_*`` variables: it collects every mistake instead of stopping at the first."""

import difflib
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlsplit

import attrs
import httpx

from payments.adapters.secret import Secret
from payments.adapters.web_addresses import split_address, without_password, without_query
from payments.application import strict_json
from payments.domain.errors import FieldError, InvalidMoney
from payments.domain.money import Money

PREFIX: Final = "PAYMENTS_"
_SPANS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_LONGEST_SPAN: Final = timedelta(days=36500)
"""A century: calendars end, and what is counted from now must not reach beyond them."""
_LARGEST_FILE_BYTES: Final = 64 * 1024
# An address may hold commas. What looks like another pair is one, so that its scheme is looked at, too.
_PAIRS: Final = re.compile(r"[,\s]+(?=[^,\s=]+=[A-Za-z][A-Za-z0-9+.-]*://)")

LEAST_SECRET_BYTES: Final = 24
_EVERYBODY_KNOWS: Final = re.compile(
    r"change.?me|replace.?(?:me|this)|example|insecure|default|password|webhook.?secret"
    r"|^(?:demo|test|dev|your)[-_ ]",
    re.IGNORECASE,
)
_LEAST_DIFFERENT_CHARACTERS: Final = 8
_ADVICE: Final = "in live mode use one of your own, such as `openssl rand -hex 32` prints."

T = TypeVar("T")


@attrs.frozen(kw_only=True)
class Row:
    """One line of the table of settings; ``shown`` never holds a secret."""

    name: str
    shown: str
    source: str
    """``default``, ``environment``, ``file``, or ``unknown`` for a variable that nothing reads."""


@attrs.frozen
class Environment:
    """Variables by name. Names are given without the prefix, and mistakes come back with it.

    A reading method that finds a mistake records it and goes on with the default, so that one look reports
    everything. :attr:`mistakes` must be empty before anything read here is used.
    """

    _variables: Mapping[str, str] = attrs.field(repr=False)
    live: bool = False
    """Whether real money moves: weak secrets and plain http are mistakes then."""
    mistakes: list[FieldError] = attrs.field(factory=list, init=False)
    rows: list[Row] = attrs.field(factory=list, init=False)
    _secret: set[str] = attrs.field(factory=set, init=False, repr=False)
    """What may stand in a file."""

    def refuse(self, name: str, problem: str) -> None:
        """Record a mistake: ``problem`` says what is wrong and what would be right, without the value."""
        self.mistakes.append(FieldError(f"{PREFIX}{name}", problem))

    def refused(self, name: str) -> bool:
        """Whether a mistake of this variable is recorded already."""
        return any(m.pointer.removesuffix("_FILE") == f"{PREFIX}{name}" for m in self.mistakes)

    def text(self, name: str, default: str = "") -> str:
        """The text, without blanks at its ends; ``default`` when it is unset or empty."""
        value = self._variables.get(f"{PREFIX}{name}", "").strip()
        self._show(name, value or default, "environment" if value else "default")
        return value or default

    def glance(self, name: str) -> str:
        """The text of a variable that somebody else reads, shows and answers for."""
        return self._variables.get(f"{PREFIX}{name}", "").strip()

    def surroundings(self) -> Mapping[str, str]:
        """The variables without our prefix, which belong to the libraries that read them."""
        return {name: text for name, text in self._variables.items() if not name.startswith(PREFIX)}

    def choice(self, name: str, choices: Mapping[str, T], default: str) -> T:
        """What the word stands for; case does not matter."""
        word = self.text(name, default).lower()
        if word not in choices:
            self.refuse(name, f"{word!r} is none of {', '.join(choices)}.")
            word = default
        return choices[word]

    def switch(self, name: str, *, default: bool) -> bool:
        """Whether it is on."""
        words = {"on": True, "off": False, "true": True, "false": False, "1": True, "0": False}
        return self.choice(name, words, "on" if default else "off")

    def whole_number(self, name: str, default: int, *, least: int, most: int) -> int:
        """A whole number from ``least`` to ``most``."""
        text = self.text(name, str(default))
        if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= most:
            self.refuse(name, f"Use a whole number from {least} to {most}.{_service_link(text)}")
            return default
        return int(text)

    def duration(self, name: str, default: timedelta) -> timedelta:
        """A span of time: a whole number and s, m, h or d."""
        text = self.text(name, _span(default)).lower()
        match = re.fullmatch(r"([0-9]{1,7})([smhd])", text)
        span = timedelta(**{_SPANS[match[2]]: int(match[1])}) if match else timedelta()
        if not timedelta() < span <= _LONGEST_SPAN:
            self.refuse(
                name,
                "Use a whole number and s, m, h or d, such as 90s or 72h, and no more than "
                f"{_LONGEST_SPAN.days}d.",
            )
            return default
        return span

    def names(self, name: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Words separated by commas or blanks, each once, in their order."""
        return tuple(dict.fromkeys(re.findall(r"[^,\s]+", self.text(name, " ".join(default)))))

    def url(self, name: str, default: str = "", *, base: bool = True) -> str:
        """An http or https address without credentials; as a ``base``, without query or slash at its end.

        Of one that may have a query nobody is shown it.
        """
        if not base and (given := self.glance(name)):
            self._show(name, without_query(given), "environment")
        address = self.text(name, default)
        if not address:
            return ""
        problem = self._web_problem(address, base=base)
        if problem:
            self.refuse(name, f"{problem} Use an address such as https://pay.example.com.")
            return default
        address = _as_browsers_write_it(address)
        return address.rstrip("/") if base else address

    def urls(self, name: str) -> Mapping[str, str]:
        """``key=url`` pairs, separated by commas or blanks, in their order."""
        text = self.text(name)
        found: dict[str, str] = {}
        for pair in _PAIRS.split(text) if text else ():
            key, _, address = pair.partition("=")
            problem = self._web_problem(address, base=False)
            if not re.fullmatch(r"[A-Za-z0-9_-]{1,32}", key) or problem or key in found:
                problem = problem or "Each key is written once, in letters, digits, - and _."
                self.refuse(name, f"{problem} Use key=url pairs, such as shop=https://shop.example.com/paid.")
            else:
                found[key] = _as_browsers_write_it(address)
        return found

    def amounts(self, name: str) -> Mapping[str, Money]:
        """``CODE=amount`` pairs, separated by commas or blanks, by currency code."""
        return self.amounts_in(name, self.text(name))

    def amounts_in(self, name: str, text: str) -> Mapping[str, Money]:
        """The same from a ``text`` that was read as part of the variable."""
        found: dict[str, Money] = {}
        for pair in re.findall(r"[^,\s]+", text):
            code, _, amount = pair.partition("=")
            try:
                money = Money.of(amount, code)
            except InvalidMoney as error:
                self.refuse(name, f"{error.detail} Use pairs such as ETB=5000.00,KES=2000.")
                continue
            if money.minor < 0 or code in found:
                self.refuse(name, "Each currency is written once, with an amount that is not below zero.")
            else:
                found[code] = money
        return found

    def private_url(self, name: str, default: str, schemes: tuple[str, ...]) -> str:
        """An address that may hold a password, or stand in a file; only its scheme is looked at."""
        value, source = self._secret_text(name)
        self._show(name, without_password(value or default), source)
        if value and not value.startswith(tuple(f"{scheme}://" for scheme in schemes)):
            self.refuse(name, f"It does not begin with {' or '.join(f'{scheme}://' for scheme in schemes)}.")
            return default
        return value or default

    def secret(self, name: str, *, least_bytes: int = LEAST_SECRET_BYTES) -> Secret | None:
        """A secret from the variable itself or from the file that ``<name>_FILE`` names; None when unset.

        In live mode one that is shorter than ``least_bytes``, or everybody's, is a mistake.
        """
        value, source = self._secret_text(name)
        self._show(name, f"set, {len(value.encode())} bytes" if value else "", source)
        self._refuse_weak(name, (value,) if value else (), least_bytes)
        return Secret(value) if value else None

    def secrets(self, name: str, *, least_bytes: int = LEAST_SECRET_BYTES) -> tuple[Secret, ...]:
        """Secrets separated by commas, or a JSON list of texts where one of them holds a comma."""
        value, source = self._secret_text(name)
        found = self._listed(name, value) if value else ()
        if len(set(found)) != len(found) or not all(found):
            self.refuse(name, "One of the secrets is empty or there twice; write each once.")
        self._show(name, f"{len(found)} set" if found else "", source)
        self._refuse_weak(name, found, least_bytes)
        return tuple(Secret(text) for text in dict.fromkeys(found) if text)

    def unknown(self) -> tuple[Row, ...]:
        """The variables with our prefix that nothing has read, with what they may have meant."""
        known = {f"{PREFIX}{row.name}" for row in self.rows}
        known |= {f"{PREFIX}{name}_FILE" for name in self._secret}
        rows = []
        for name in sorted(set(self._variables) - known):
            if name.startswith(PREFIX):
                near = difflib.get_close_matches(name, known, n=1, cutoff=0.85)
                meant = f"no such setting; did you mean {near[0]}?" if near else "no such setting"
                rows.append(Row(name=name.removeprefix(PREFIX), shown=meant, source="unknown"))
        return tuple(rows)

    def refuse_guessable(self, name: str, text: str, what: str = "It") -> None:
        """Record it, in live mode, if ``text`` is known to everybody: the secret of ``name`` in another form.

        ``what`` names it where it is only a part.
        """
        if self.live and _is_guessable(text) and not self.refused(name):
            self.refuse(name, f"{what} is a default or example that everybody knows; {_ADVICE}")

    def refuse_guessable_password(self, name: str, password: str) -> None:
        """The same of the password in an address; one that has none lets us in by other means."""
        if password:
            self.refuse_guessable(name, password, "Its password")

    def _refuse_weak(self, name: str, found: tuple[str, ...], least_bytes: int) -> None:
        if not self.live:
            return
        if any(len(text.encode()) < least_bytes for text in found):
            self.refuse(name, f"It is shorter than {least_bytes} bytes; {_ADVICE}")
        for text in found:
            self.refuse_guessable(name, text)

    def _listed(self, name: str, value: str) -> tuple[str, ...]:
        if not value.startswith("["):
            return tuple(text.strip() for text in value.split(","))
        try:
            listed = strict_json.read(value.encode())
        except ValueError:
            listed = None
        if not isinstance(listed, list) or not all(isinstance(text, str) for text in listed):
            self.refuse(name, "It begins like a JSON list but is no list of texts; quote each secret.")
            return ()
        return tuple(listed)

    def _secret_text(self, name: str) -> tuple[str, str]:
        """The secret without blanks at its ends, and where it came from."""
        self._secret.add(name)
        direct, path = (self._variables.get(f"{PREFIX}{key}") for key in (name, f"{name}_FILE"))
        if direct is not None and path is not None:
            self.refuse(name, f"It is set both directly and by {PREFIX}{name}_FILE; keep one.")
            return "", "environment"
        if path is not None:
            return self._file(f"{name}_FILE", path), "file"
        if direct is not None and not direct.strip():
            self.refuse(name, "It is empty; give it a value or take it out.")
        return (direct or "").strip(), "environment" if direct else "default"

    def _file(self, name: str, path: str) -> str:
        try:
            with Path(path).open("rb") as file:
                content = file.read(_LARGEST_FILE_BYTES + 1)
            text = content.decode().strip()
        except OSError as error:
            self.refuse(name, f"The file cannot be read: {error.strerror}.")
            return ""
        except ValueError:
            self.refuse(name, "The file is not UTF-8 text.")
            return ""
        if not text or len(content) > _LARGEST_FILE_BYTES:
            self.refuse(name, "The file is empty, or too large to be a secret.")
            return ""
        return text

    def _web_problem(self, address: str, *, base: bool) -> str:
        """What is wrong with an address of the web, as a sentence; empty when nothing is."""
        try:
            parts = split_address(address, ("https",) if self.live else ("https", "http"))
        except ValueError as error:
            return str(error)
        if parts.username is not None or parts.password is not None:
            return "It holds a user name or password."
        if base and parts.query:
            return "It has a query (?...), which a base address cannot have."
        try:
            httpx.URL(address)
        except (httpx.InvalidURL, UnicodeError):
            # Nor could the client that is to call it read it, once it is called.
            return "Its host is no name and no address; marks that nobody sees may have been copied along."
        return ""

    def _show(self, name: str, shown: str, source: str) -> None:
        # Two groups may look at the same variable; it is one line of the table.
        if all(row.name != name for row in self.rows):
            self.rows.append(Row(name=name, shown=shown, source=source))


def _as_browsers_write_it(address: str) -> str:
    """``address`` as it is compared with an ``Origin`` or with https.

    Scheme and host are in lower case, and the port that the scheme means anyway is left out.
    """
    parts = urlsplit(address)
    usual = {"http": "80", "https": "443"}[parts.scheme]
    host = re.sub(f":(?:{usual})?$", "", parts.netloc.lower())
    return parts._replace(netloc=host).geturl()


def _span(span: timedelta) -> str:
    """The span as :meth:`Environment.duration` reads it."""
    seconds = int(span.total_seconds())
    return f"{seconds // 3600}h" if seconds % 3600 == 0 else f"{seconds}s"


def _is_guessable(text: str) -> bool:
    return bool(_EVERYBODY_KNOWS.search(text)) or len(set(text)) < _LEAST_DIFFERENT_CHARACTERS


def _service_link(text: str) -> str:
    """Kubernetes sets PAYMENTS_PORT=tcp://... in every pod beside a Service that is called payments."""
    if not text.startswith("tcp://"):
        return ""
    return " Kubernetes sets this for a Service named payments: set enableServiceLinks to false."

"""The search bites: a planted leak of any canary, in any usual spelling, is found."""

import base64
import json
from urllib.parse import quote

import pytest

from tests.hostile.canaries.canaries import Allowed, Canary, Written, search

SECRET = Canary("AUTH_KEY", "k/ey+with=odd-signs ü 0123456789")
CODE = Canary("delivery code", "482913")


@pytest.mark.parametrize(
    "leak",
    [
        SECRET.text,
        json.dumps({"key": SECRET.text}),
        quote(SECRET.text, safe=""),
        SECRET.text.encode().hex(),
        base64.b64encode(SECRET.text.encode()).decode(),
        base64.b64encode(b"user:" + SECRET.text.encode()).decode(),
        base64.b64encode(b"174379" + SECRET.text.encode() + b"20261128").decode(),
        f"Traceback ...\n    key={SECRET.text!r}",
    ],
)
def test_a_planted_secret_is_found_however_it_is_spelt(leak: str) -> None:
    found = search([SECRET, CODE], [Written("log", b"before " + leak.encode() + b" after")])
    assert found.hits == ("AUTH_KEY in log",)


def test_a_short_code_is_found_alone_and_not_inside_of_a_number() -> None:
    written = [Written("page", b"<b>482913</b>"), Written("log", b'"at": "10:00:00.482913Z", "n": 14829130')]
    assert search([CODE], written).hits == ("delivery code in page",)


def test_what_is_allowed_is_allowed_there_alone_and_said_to_be_used() -> None:
    mine = Allowed(canary="delivery*", where="page /pay/*", why="its payer has to read it")
    unused = Allowed(canary="AUTH_KEY", where="log", why="never")
    written = [Written("page /pay/{token}/", b" 482913 "), Written("mail", b" 482913 ")]
    found = search([CODE], written, [mine, unused])
    assert found.hits == ("delivery code in mail",)
    assert found.used == {mine}

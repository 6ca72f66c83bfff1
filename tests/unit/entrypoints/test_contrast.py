"""The pages can be read, and what has the focus seen, in both colour schemes (WCAG 2.2, 1.4.3 and 1.4.11)."""

import re
from pathlib import Path

import pytest

import payments.entrypoints

PAGES = Path(payments.entrypoints.__path__[0])
COLOUR = re.compile(r"--([\w-]+): (#[0-9a-f]{3,6})")
TEXT, SHAPE = 4.5, 3.0
CONSOLE, SHOP = "console/static/console.css", "demo/static/shop.css"


def schemes(sheet: str) -> tuple[dict[str, str], dict[str, str]]:
    """The colours of a style sheet by name: the light ones, and the dark ones."""
    light, _, rest = (
        (PAGES / sheet).read_text(encoding="utf-8").partition("@media (prefers-color-scheme: dark)")
    )
    first = dict(COLOUR.findall(light))
    return first, first | dict(COLOUR.findall(rest))


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (
        each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize(
    ("sheet", "front", "ground", "least"),
    [
        *(
            (CONSOLE, front, ground, TEXT)
            for front in ("ink", "quiet", "brand")
            for ground in ("paper", "card")
        ),
        *((CONSOLE, word, f"{word}-ground", TEXT) for word in ("good", "wait", "bad")),
        (CONSOLE, "quiet", "mute", TEXT),
        (CONSOLE, "on-brand", "brand", TEXT),
        *(
            (SHOP, front, ground, TEXT)
            for front in ("ink", "soft", "brand")
            for ground in ("ground", "paper")
        ),
        *((SHOP, word, f"{word}-ground", TEXT) for word in ("good", "wait", "bad")),
        (SHOP, "soft", "mute-ground", TEXT),
        (SHOP, "on-brand", "brand", TEXT),
        *(("http/static/page.css", word, "card", TEXT) for word in ("ink", "quiet", "good", "wait", "bad")),
        *(("http/static/docs.css", word, "paper", TEXT) for word in ("ink", "quiet", "link", "get", "post")),
        *((CONSOLE, shape, ground, SHAPE) for shape in ("edge", "ring") for ground in ("paper", "card")),
        *((SHOP, shape, ground, SHAPE) for shape in ("edge", "ring") for ground in ("ground", "paper")),
    ],
)
def test_it_stands_out_from_its_ground(sheet: str, front: str, ground: str, least: float) -> None:
    for colours in schemes(sheet):
        assert contrast(colours[front], colours[ground]) >= least


@pytest.mark.parametrize("sheet", [CONSOLE, SHOP])
def test_fields_have_an_edge_and_the_focus_a_ring(sheet: str) -> None:
    text = (PAGES / sheet).read_text(encoding="utf-8")
    assert ":focus-visible { outline: 3px solid var(--ring);" in text
    assert "border: 1.5px solid var(--edge)" in text

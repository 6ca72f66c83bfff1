"""What one part of the scaling tests found, and the table of all of them."""

import math
from collections.abc import Iterable

import attrs


@attrs.frozen(kw_only=True)
class Fact:
    """One number, with the bound it has to keep if it has one."""

    part: str
    what: str
    measured: float
    unit: str = ""
    at_most: float | None = None
    at_least: float | None = None

    @property
    def kept(self) -> bool | None:
        """Whether it keeps its bound; None without one."""
        if self.at_most is None and self.at_least is None:
            return None
        least = -math.inf if self.at_least is None else self.at_least
        return least <= self.measured <= (math.inf if self.at_most is None else self.at_most)


def facts_table(facts: Iterable[Fact]) -> str:
    """A line for each, in Markdown."""
    lines = ["| part | what | measured | bound | |", "|---|---|---|---|---|"]
    for fact in facts:
        bounds = (("at least", fact.at_least), ("at most", fact.at_most))
        bound = ", ".join(
            f"{word} {_number(bound)}{fact.unit}" for word, bound in bounds if bound is not None
        )
        verdict = {None: "", True: "kept", False: "**not kept**"}[fact.kept]
        measured = f"{_number(fact.measured)}{fact.unit}"
        lines.append(f"| {fact.part} | {fact.what} | {measured} | {bound} | {verdict} |")
    return "\n".join(lines) + "\n"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) or abs(value) >= 100 else f"{value:,.2f}"

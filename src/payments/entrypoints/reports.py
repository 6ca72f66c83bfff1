"""What commands print: the same answer as text for people and as JSON for scripts."""

import io
import sys
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, Protocol
from uuid import UUID

import attrs
import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from payments.application.answers import Explanation, Violation
from payments.application.payments import Payments
from payments.domain.errors import PaymentNotFound, ReferenceNotFound
from payments.entrypoints.doctor import Diagnosis
from payments.entrypoints.states import Machine

_WIDTH: Final = 110


class Shown(Protocol):
    """One line of the table of settings, secrets masked."""

    @property
    def name(self) -> str: ...

    @property
    def shown(self) -> str: ...

    @property
    def source(self) -> str: ...


def as_json(value: Any) -> str:
    """``value`` on several lines, its members in the order they are written in."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def violations_as_json(violations: Iterable[Violation]) -> str:
    """``{"ok": bool, "violations": [{"invariant", "subject", "detail"}]}``."""
    found = [attrs.asdict(violation) for violation in violations]
    return as_json({"ok": not found, "violations": found})


def violations_as_text(violations: tuple[Violation, ...]) -> str:
    """One line a broken promise, or that there is none."""
    if not violations:
        return "Every promise is kept."
    lines = [f"{each.invariant}  {each.subject}  {each.detail}" for each in violations]
    return "\n".join([*lines, f"Broken promises: {len(lines)}"])


async def story_of(payments: Payments, name: str) -> Explanation | None:
    """The story of the payment with this id, or with an attempt of this reference; None if there is none."""
    try:
        payment_id = UUID(name)
    except ValueError:
        payment_id = None
    try:
        if payment_id is not None:
            return await payments.explain(payment_id, None)
        return await payments.explain.by_reference(name)
    except (PaymentNotFound, ReferenceNotFound):
        return None


def story_as_json(story: Explanation) -> str:
    """The explanation as ``GET /payments/{payment_id}/explain/`` has it."""
    return as_json(attrs.asdict(story))


def story_as_text(story: Explanation) -> str:
    """The explanation in plain sentences, oldest first."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for fixed in ("at", "source"):
        table.add_column(fixed, no_wrap=True, style="dim")
    table.add_column("what", overflow="fold")
    for step in story.steps:
        what = step.what if step.rule is None else f"{step.what}\n→ {step.verdict}: {step.rule}"
        table.add_row(f"{step.at:%Y-%m-%d %H:%M:%S}", step.source, Text(what))
    head = f"Order {story.order_id}, payment {story.payment_id}: {story.status.value}\n{story.summary}\n"
    waiting = [f"Waiting for: {what}" for what in story.waiting_for]
    may = [f"May be done: {what}" for what in story.may_do]
    return "\n".join([head, _drawn(table), "", *waiting, *may]).rstrip()


def rows_as_json(rows: Iterable[Shown]) -> str:
    """``[{"name", "value", "source"}]``; the names are those of the variables."""
    return as_json([{"name": f"PAYMENTS_{r.name}", "value": r.shown, "source": r.source} for r in rows])


def rows_as_text(rows: Iterable[Shown]) -> str:
    """A table of variables."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("Variable", no_wrap=True)
    table.add_column("Value", overflow="fold")
    table.add_column("From", no_wrap=True)
    for row in rows:
        table.add_row(Text(f"PAYMENTS_{row.name}"), Text(row.shown or "–"), Text(row.source))
    return _drawn(table)


def machines_as_json(machines: Iterable[Machine]) -> str:
    """``[{"name", "about", "births", "edges": [{"before", "event", "after"}], "ends"}]``."""
    return as_json([{**attrs.asdict(machine), "ends": machine.ends} for machine in machines])


def diagnosis_as_json(diagnosis: Diagnosis) -> str:
    """``{"ok": bool, "findings": [{"part", "state", "what", "remedy"}], "register": [...]}``."""
    findings = [
        {"part": each.part, "state": each.state.value, "what": each.what, "remedy": each.remedy}
        for each in diagnosis.findings
    ]
    register = [attrs.asdict(each) for each in diagnosis.registrations]
    return as_json({"ok": diagnosis.ok, "findings": findings, "register": register})


def diagnosis_as_text(diagnosis: Diagnosis) -> str:
    """Every finding with its remedy, what to register where, and how many things are wrong."""
    table = _columns()
    for each in diagnosis.findings:
        what = f"{each.what}\n→ {each.remedy}" if each.remedy else each.what
        table.add_row(each.state.value, each.part, Text(what))
    lines = [_drawn(table), ""]
    if diagnosis.registrations:
        places = _columns()
        for place in diagnosis.registrations:
            places.add_row("enter at", place.provider, Text(f"{place.url}\n→ {place.where}"))
        lines += [_drawn(places), ""]
    states = [each.state.value for each in diagnosis.findings]
    lines.append(f"Wrong: {states.count('wrong')}. Warnings: {states.count('warning')}.")
    return "\n".join(lines)


def _columns() -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for fixed in ("state", "part"):
        table.add_column(fixed, no_wrap=True)
    table.add_column("what", overflow="fold")
    return table


async def with_progress(label: str, step: Callable[[], Awaitable[int]]) -> int:
    """Repeat ``step`` until it did nothing, showing a bar to people who watch; how much it did in all."""
    done = 0
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(pulse_style="green"))
    console = Console(stderr=True)
    with Progress(
        *columns, TimeElapsedColumn(), console=console, disable=not sys.stderr.isatty()
    ) as progress:
        bar = progress.add_task(f"{label} 0", total=None)
        while more := await step():
            done += more
            progress.update(bar, description=f"{label} {done}")
    return done


def _drawn(table: Table) -> str:
    page = io.StringIO()
    width = Console().width if sys.stdout.isatty() else _WIDTH
    Console(file=page, width=width, color_system=None).print(table)
    return "\n".join(line.rstrip() for line in page.getvalue().splitlines())

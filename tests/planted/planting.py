"""A pytest plugin that plants one fault: Python reads the changed text, and no file is written.

``PLANTED_FAULT`` names the fault; ``PLANTED_REPORT`` is where the outcome of each test goes.
"""

import json
import os
import sys
from collections.abc import Generator, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType
from typing import Any, Final

import attrs
import pytest
from pluggy import Result

from tests.planted.fault import Fault
from tests.planted.faults import FAULTS

FAULT: Final = "PLANTED_FAULT"
REPORT: Final = "PLANTED_REPORT"
ASSERTED: Final = "assertion"


def plant(fault: Fault) -> None:
    """From here on the file of ``fault`` is read with the fault in it, by imports and by Alembic alike."""
    text, path = fault.planted(), str(fault.path)
    as_it_is = SourceFileLoader.get_code

    def get_code(loader: SourceFileLoader, fullname: str) -> CodeType | None:
        if loader.get_filename(fullname) != path:
            return as_it_is(loader, fullname)
        return compile(text, path, "exec", dont_inherit=True)

    SourceFileLoader.get_code = get_code  # type: ignore[assignment, method-assign]  # in this process
    sys.meta_path.insert(0, _Plainly(path))


@attrs.frozen
class _Plainly(MetaPathFinder):
    """Has one file loaded as Python loads it: pytest would read it itself, to rewrite its assertions."""

    _path: str

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(fullname, path, target)
        return spec if spec is not None and spec.origin == self._path else None


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[Any]
) -> Generator[None, Result[pytest.TestReport], None]:
    """Keep how each test ended: ``passed``, ``assertion``, or the class of the error that came out."""
    report = (yield).get_result()
    if call.when != "call" and report.outcome != "failed":
        return
    ended = report.outcome if call.excinfo is None else _kind(call.excinfo.value)
    with open(os.environ[REPORT], "a", encoding="utf-8") as file:  # noqa: PTH123 -- appended, line by line
        file.write(json.dumps([item.nodeid, call.when, ended]) + "\n")


def _kind(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        kinds = {_kind(inner) for inner in error.exceptions}
        # What the event loop tells beside it of a connection whose user was cut off is no end of its own.
        kinds = kinds - {ConnectionError.__name__} or kinds
        return kinds.pop() if len(kinds) == 1 else "several"
    asserted = isinstance(error, AssertionError | pytest.fail.Exception)
    return ASSERTED if asserted else type(error).__name__


if os.environ.get(FAULT):
    plant(next(fault for fault in FAULTS if fault.slug == os.environ[FAULT]))

"""The garbage collector of a process that serves."""

import gc
from collections.abc import Iterator

import pytest

from payments.entrypoints.starting import YOUNG, collect_from_now_on, collect_nothing_yet


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    threshold = gc.get_threshold()
    yield
    gc.set_threshold(*threshold)
    gc.unfreeze()
    gc.enable()


def test_what_is_imported_is_never_looked_at_and_what_is_new_seldom() -> None:
    collect_nothing_yet()
    assert not gc.isenabled()
    collect_from_now_on()
    assert gc.isenabled()
    assert gc.get_freeze_count() > 0
    assert gc.get_threshold()[0] == YOUNG


def test_a_process_that_is_somebody_elses_keeps_its_own_ways() -> None:
    before = gc.get_threshold(), gc.get_freeze_count()
    collect_from_now_on()
    assert (gc.get_threshold(), gc.get_freeze_count()) == before

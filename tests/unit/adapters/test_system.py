"""The machine's clock and identifiers."""

import multiprocessing
import re
from datetime import UTC
from multiprocessing.queues import SimpleQueue
from uuid import UUID

import pytest

from payments.adapters.system import RandomIdentifiers, SystemClock


@pytest.mark.anyio
async def test_the_clock_is_aware_and_never_goes_back() -> None:
    clock = SystemClock()
    before = clock.monotonic()
    await clock.sleep(0)
    assert clock.monotonic() >= before
    assert clock.now().tzinfo is UTC


def test_identifiers_sort_by_their_age() -> None:
    made = [RandomIdentifiers().unique() for _ in range(1000)]
    assert {(type(each), each.version) for each in made} == {(UUID, 7)}
    assert made == sorted(made)


def test_a_reference_fits_every_provider_and_is_never_made_twice() -> None:
    made = {RandomIdentifiers().reference() for _ in range(1000)}
    assert len(made) == 1000
    assert all(re.fullmatch(r"p-[a-z2-7]{26}", each) for each in made)
    # Each of the 32 characters turns up; 26 000 draws miss one with a chance below 10**-350.
    assert len(set("".join(each[2:] for each in made))) == 32


def test_a_token_is_128_bits_in_hexadecimal() -> None:
    made = {RandomIdentifiers().token() for _ in range(1000)}
    assert len(made) == 1000
    assert all(re.fullmatch(r"[0-9a-f]{32}", each) for each in made)


def _draw(drawn: "SimpleQueue[list[str]]", identifiers: RandomIdentifiers) -> None:
    drawn.put([str(identifiers.unique()), identifiers.reference(), identifiers.token()])


def test_copies_of_a_process_draw_different_identifiers() -> None:
    identifiers = RandomIdentifiers()
    context = multiprocessing.get_context("fork")
    drawn: SimpleQueue[list[str]] = context.SimpleQueue()
    _draw(drawn, identifiers)
    copies = [context.Process(target=_draw, args=(drawn, identifiers)) for _ in range(2)]
    for copy in copies:
        copy.start()
    for copy in copies:
        copy.join()
    them = [each for _ in range(3) for each in drawn.get()]
    assert len(set(them)) == len(them)

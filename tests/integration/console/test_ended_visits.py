"""Ended is ended: whoever kept a copy of the cookie is a stranger once the visit was ended, by whatever."""

from datetime import timedelta

import attrs
import pytest

from payments.adapters.memory.shared_state import MemorySharedState
from payments.application.ports.shared_state import SharedState
from payments.domain.errors import StorageUnavailable
from payments.entrypoints.console.desk import COOKIE
from tests.integration.console.operator import Operator, open_browser, text_of

pytestmark = pytest.mark.anyio

NEXT_CLICK = timedelta(minutes=14)


class Away(SharedState):
    """What several processes share, while nobody reaches it."""

    async def first_within(self, key: str, window_s: float) -> bool:
        raise StorageUnavailable

    async def spend(self, key: str, *, most: int, window_s: float) -> float:
        raise StorageUnavailable

    async def remember(self, key: str, value: bytes, *, lifetime_s: float) -> None:
        raise StorageUnavailable

    async def recall(self, key: str) -> bytes | None:
        raise StorageUnavailable


def over(operator: Operator, shared_state: SharedState) -> Operator:
    """The same payments, and another shared state."""
    payments = attrs.evolve(operator.kit.payments, shared_state=shared_state)
    return attrs.evolve(operator, kit=attrs.evolve(operator.kit, payments=payments))


def copied(operator: Operator) -> str:
    """The cookie, as whoever copied it has it."""
    assert operator.cookie is not None
    return operator.cookie


def put(operator: Operator, cookie: str) -> None:
    """Let the browser send this cookie and no other."""
    operator.client.cookies.clear()
    operator.client.cookies.set(COOKIE, cookie)


async def test_a_copy_of_the_cookie_is_refused_once_its_visit_was_signed_out(operator: Operator) -> None:
    earlier, form_token = copied(operator), await operator.form_token()
    latest = copied(operator)
    assert (await operator.posts("/sign-out/")).status_code == 303
    for cookie in (earlier, latest):
        put(operator, cookie)
        answer = await operator.gets("/payments/?status=failed", 401)
        assert "You were signed out." in text_of(answer)
        assert "Overview" not in text_of(answer)
        assert "max-age=0" in answer.headers["set-cookie"].lower()
        put(operator, cookie)
        sent = await operator.client.post("/console/sign-out/", data={"form_token": form_token})
        assert sent.status_code == 401


async def test_a_copy_is_refused_for_as_long_as_it_could_have_lasted(operator: Operator) -> None:
    cookie = copied(operator)
    await operator.posts("/sign-out/")
    for _ in range(3):
        operator.kit.clock.advance(timedelta(minutes=4, seconds=59))
        put(operator, cookie)
        await operator.sees("/", 401)


@pytest.mark.parametrize("fields", [{"form_token": "made up"}, {"form_token": ""}, {"other": "x"}])
async def test_a_form_that_is_not_of_the_visit_ends_nothing(
    operator: Operator, fields: dict[str, str]
) -> None:
    assert (await operator.client.post("/console/sign-out/", data=fields)).status_code == 403
    await operator.sees("/")


async def test_the_token_lasts_until_its_issuer_ends_it(operator: Operator) -> None:
    await operator.posts("/sign-out/")
    assert (await operator.sign_in()).status_code == 303
    await operator.sees("/")


async def test_signing_in_again_ends_the_visit_that_the_browser_was_in(operator: Operator) -> None:
    earlier = copied(operator)
    assert (await operator.sign_in()).status_code == 303
    later = copied(operator)
    await operator.sees("/")
    put(operator, earlier)
    await operator.sees("/", 401)
    put(operator, later)
    await operator.sees("/")


async def test_signing_in_again_ends_a_visit_that_is_idle_here_and_not_in_a_copy(
    operator: Operator,
) -> None:
    idle = copied(operator)
    operator.kit.clock.advance(NEXT_CLICK)
    await operator.sees("/")
    copy = copied(operator)
    put(operator, idle)
    operator.kit.clock.advance(timedelta(minutes=2))
    assert (await operator.sign_in()).status_code == 303
    put(operator, copy)
    await operator.sees("/", 401)


async def test_a_sign_in_that_fails_ends_nothing(operator: Operator) -> None:
    assert (await operator.sign_in("nonsense")).status_code == 401
    await operator.sees("/")


async def test_other_visits_of_the_same_operator_go_on(operator: Operator) -> None:
    async with open_browser(operator.kit) as elsewhere:
        await elsewhere.sign_in()
        await operator.posts("/sign-out/")
        await elsewhere.sees("/")


async def test_a_visit_ends_twelve_hours_after_it_began(operator: Operator) -> None:
    for _ in range(51):
        operator.kit.clock.advance(NEXT_CLICK)
        await operator.sees("/")
    operator.kit.clock.advance(NEXT_CLICK)
    assert "You were signed out." in await operator.sees("/", 401)


async def test_a_visit_that_nobody_remembers_is_over(operator: Operator) -> None:
    """As after a process on SQLite began anew, or PostgreSQL lost what it need not keep."""
    forgetful = over(operator, MemorySharedState(operator.kit.clock))
    async with open_browser(forgetful.kit) as later:
        put(later, copied(operator))
        assert "You were signed out." in await later.sees("/", 401)


async def test_while_nobody_can_tell_whether_a_visit_goes_on_it_does_not(operator: Operator) -> None:
    form_token, cookie = await operator.form_token(), copied(operator)
    async with open_browser(over(operator, Away()).kit) as cut_off:
        put(cut_off, cookie)
        assert "503 storage_unavailable" in await cut_off.sees("/payments/", 503)
        refused = await cut_off.client.post("/console/sign-out/", data={"form_token": form_token})
        assert refused.status_code == 503
        # It was not signed out, so the browser keeps it and may ask again.
        assert "set-cookie" not in refused.headers
        put(cut_off, "")
        begun = await cut_off.sign_in()
        assert begun.status_code == 503
        assert "set-cookie" not in begun.headers
    await operator.sees("/")

"""What each answer to a query means (sections 4.1 and 5, vectors V4), and who may ask when."""

from datetime import timedelta

import attrs
import httpx
import pytest
from structlog.testing import capture_logs

from payments.adapters.memory.shared_state import MemorySharedState
from payments.adapters.providers.mpesa.queries import Queries
from payments.adapters.providers.mpesa.results import RESULTS
from payments.application.ports.providers import Urgency
from payments.domain.errors import ProviderUnavailable, StorageUnavailable
from payments.domain.evidence import Outcome
from payments.domain.watching import SAID_LATELY
from payments.testing.clock import MovableClock
from tests.unit.adapters.providers.mpesa_account import (
    HTML,
    NAME,
    REQUEST,
    SETTINGS,
    SPIKE,
    Account,
    Canned,
    Daraja,
    account,
    error,
    question,
    result,
    said,
)

pytestmark = pytest.mark.anyio

QUOTA = error(500, "500.003.03", "Error Occurred: Quota Violation")

NO_ANSWER = [
    error(200, "500.001.1001", ""),
    error(500, "500.001.1001", ""),
    error(500, "500.001.1001", "The transaction does not Exist"),
    error(400, "400.002.02", "Bad Request - Invalid CheckoutRequestID"),
    error(500, "500.003.02", "System is busy"),
    error(500, "500.001.1001", "Wrong credentials"),
    QUOTA,
    SPIKE,
    HTML,
    Canned(500, b""),
    Canned(200, b""),
    Canned(200, b"[]"),
    said(200, {"ResponseCode": "0"}),
    said(200, {"ResponseCode": "0", "ResultCode": True}),
    said(200, {"ResultCode": "0", "CheckoutRequestID": "ws_CO_somebody_else"}),
    said(500, {"ResultCode": "0", "CheckoutRequestID": NAME}),
    said(200, {"ResponseCode": "1", "ResultCode": "0", "CheckoutRequestID": NAME}),
    said(200, {"ResponseCode": 1, "ResultCode": "1032", "CheckoutRequestID": NAME}),
    result("8888"),
    result("26"),
    result("9999"),
    result(""),
]

DECLINED = ["1", "2", "3", "4", "8", "17", "1001", "1019", "1025", "1032", "1037", "2001", "2002", "2006"]
DECLINED += ["2028", "2029", "8006", "SFC_IC0003"]


async def test_it_is_asked_by_the_prompts_own_name() -> None:
    asked = account(result("4999"))
    await asked.provider.checks.check(question())
    (request,) = asked.requests
    assert request.url.path == "/mpesa/stkpushquery/v1/query"
    (sent,) = asked.sent
    assert sent.keys() == {"BusinessShortCode", "Password", "Timestamp", "CheckoutRequestID"}
    assert sent["CheckoutRequestID"] == NAME


async def test_without_that_name_nobody_is_asked() -> None:
    asked = account()
    answer = await asked.provider.checks.check(question(name=None))
    assert answer.outcome is Outcome.NOTHING
    assert asked.requests == []


@pytest.mark.parametrize("code", ["0", 0])
async def test_paid_names_the_money_and_attests_nothing_else(code: str | int) -> None:
    answer = await account(result(code)).provider.checks.check(question())
    assert answer.outcome is Outcome.PAID
    assert (answer.capture_key, answer.provider_reference) == (NAME, NAME)
    assert (answer.amount, answer.mode, answer.reference) == (None, None, None)


@pytest.mark.parametrize("code", DECLINED)
async def test_every_known_failure_declines_and_advises_the_payer(code: str) -> None:
    answer = await account(result(code, "whatever it says")).provider.checks.check(question())
    assert answer.outcome is Outcome.DECLINED
    assert answer.detail.endswith(".")
    assert answer.final is (code != "1037")
    assert (answer.fingerprint, answer.provider_reference) == (f"{NAME}:{code}", None)


def test_the_table_knows_every_code_of_the_sheet() -> None:
    assert set(RESULTS) == {*DECLINED, "0", "26", "4999", "9999"}


async def test_numbers_and_texts_are_the_same_code() -> None:
    assert (await account(result(1037)).provider.checks.check(question())).outcome is Outcome.DECLINED


@pytest.mark.parametrize(
    "answer",
    [
        result("4999", "The transaction is still under processing"),
        error(500, "500.001.1001", "The transaction is being processed"),
    ],
)
async def test_a_prompt_under_way_is_in_flight(answer: Canned) -> None:
    assert (await account(answer).provider.checks.check(question())).outcome is Outcome.IN_FLIGHT


@pytest.mark.parametrize("answer", NO_ANSWER)
async def test_everything_else_is_no_information(answer: Canned) -> None:
    found = await account(answer).provider.checks.check(question())
    assert found.outcome is Outcome.NOTHING
    assert found.capture_key is None


async def test_trouble_on_the_wire_is_no_information() -> None:
    def cut(request: httpx.Request) -> Canned:
        raise httpx.ReadTimeout("cut off", request=request)

    assert (await account(cut).provider.checks.check(question())).outcome is Outcome.NOTHING
    assert (await account(tokens=(Canned(400, b""),)).provider.checks.check(question())).word


class TestTheBudget:
    async def test_queries_are_a_slot_apart(self) -> None:
        asked = account(*[result("4999")] * 9)
        for _ in range(60):
            await asked.provider.checks.check(question(Urgency.SWEEP))
            asked.clock.advance(timedelta(seconds=1))
        assert len(asked.requests) == 5

    async def test_the_budget_can_be_larger(self) -> None:
        asked = account(*[result("4999")] * 60, settings=attrs.evolve(SETTINGS, queries_per_minute=60))
        for _ in range(30):
            await asked.provider.checks.check(question())
            asked.clock.advance(timedelta(seconds=1))
        assert len(asked.requests) == 30

    async def test_all_processes_share_it(self) -> None:
        one, other = processes(2)
        for _ in range(24):
            await one.provider.checks.check(question(Urgency.SWEEP))
            await other.provider.checks.check(question(Urgency.SWEEP))
            one.clock.advance(timedelta(seconds=1))
        assert len(one.requests) == 2

    async def test_who_waits_for_a_turn_learns_nothing(self) -> None:
        asked = account(result("0"))
        await asked.provider.checks.check(question())
        answer = await asked.provider.checks.check(question())
        assert (answer.outcome, answer.word) == (Outcome.NOTHING, "waits for its turn to ask")
        assert not answer.asked, "it is our own word, and no evidence"

    @pytest.mark.parametrize(
        ("first", "then"),
        [
            (Urgency.SUCCESS_NOTICED, Urgency.PAYER),
            (Urgency.SUCCESS_NOTICED, Urgency.SWEEP),
            (Urgency.PAYER, Urgency.SWEEP),
        ],
    )
    async def test_whoever_is_less_urgent_lets_the_more_urgent_go_first(
        self, first: Urgency, then: Urgency
    ) -> None:
        one, other = processes(2)
        await one.provider.checks.check(question(Urgency.SWEEP))
        assert not await turn(one, first)
        one.clock.advance(timedelta(seconds=12))
        assert not await turn(other, then)
        assert await turn(one, first)

    async def test_who_waits_and_never_comes_back_is_not_waited_for_long(self) -> None:
        asked = processes(1)[0]
        await turn(asked, Urgency.SWEEP)
        await turn(asked, Urgency.PAYER)
        asked.clock.advance(timedelta(seconds=21))
        assert await turn(asked, Urgency.SWEEP)

    async def test_who_had_its_turn_is_waited_for_no_more(self) -> None:
        asked = processes(1)[0]
        assert await turn(asked, Urgency.SWEEP)
        assert not await turn(asked, Urgency.SUCCESS_NOTICED), "the slot is taken"
        asked.clock.advance(timedelta(seconds=12))
        assert await turn(asked, Urgency.SUCCESS_NOTICED)
        asked.clock.advance(timedelta(seconds=12))
        assert await turn(asked, Urgency.SWEEP)

    async def test_the_sweep_is_waited_for_by_no_payer_who_had_no_turn_yet(self) -> None:
        asked = processes(1)[0]
        await turn(asked, Urgency.PAYER)
        assert not await turn(asked, Urgency.SWEEP)
        asked.clock.advance(timedelta(seconds=12))
        assert await turn(asked, Urgency.PAYER, "ws_CO_another")

    @pytest.mark.parametrize("other", [Urgency.SWEEP, Urgency.PAYER])
    async def test_a_payer_who_had_a_turn_lets_all_others_go_first(self, other: Urgency) -> None:
        one, another = processes(2)
        assert await turn(one, Urgency.PAYER)
        assert not await turn(another, other, "ws_CO_another")
        one.clock.advance(timedelta(seconds=12))
        assert not await turn(another, Urgency.PAYER), "about the same prompt, wherever it is asked"
        assert await turn(one, other, "ws_CO_another")

    async def test_a_payer_who_had_a_turn_has_the_next_where_nobody_else_waits(self) -> None:
        asked = processes(1)[0]
        assert await turn(asked, Urgency.PAYER)
        assert not await turn(asked, Urgency.PAYER)
        asked.clock.advance(timedelta(seconds=12))
        assert await turn(asked, Urgency.PAYER)

    async def test_a_payer_who_had_a_turn_long_ago_waits_for_no_sweep(self) -> None:
        asked = processes(1)[0]
        assert await turn(asked, Urgency.PAYER)
        asked.clock.advance(timedelta(seconds=29))
        assert await turn(asked, Urgency.SWEEP)
        assert not await turn(asked, Urgency.SWEEP)
        asked.clock.advance(timedelta(seconds=12))
        assert await turn(asked, Urgency.PAYER)

    async def test_after_a_rate_limit_nobody_asks_for_a_while(self) -> None:
        limited = attrs.evolve(SPIKE, headers=(("retry-after", "40"),))
        asked = account(limited, result("0"))
        await asked.provider.checks.check(question())
        asked.clock.advance(timedelta(seconds=39))
        assert not await turn(asked, Urgency.SUCCESS_NOTICED)
        asked.clock.advance(timedelta(seconds=2))
        assert await turn(asked, Urgency.SUCCESS_NOTICED)

    async def test_a_used_up_quota_is_left_alone_for_minutes_and_somebody_is_told(self) -> None:
        asked = account(QUOTA, result("0"))
        with capture_logs() as lines:
            await asked.provider.checks.check(question())
        assert [(line["event"], line["call"]) for line in lines if line["log_level"] == "error"] == [
            ("mpesa_quota_used_up", "query")
        ]
        asked.clock.advance(timedelta(seconds=239))
        assert not await turn(asked, Urgency.SUCCESS_NOTICED)
        asked.clock.advance(timedelta(seconds=2))
        assert await turn(asked, Urgency.SUCCESS_NOTICED)

    async def test_a_used_up_quota_does_not_outlive_the_protection_of_what_was_just_said_to_be_paid(
        self,
    ) -> None:
        """Else another prompt is let through before anybody could ask again."""
        asked = account(QUOTA, result("0"))
        await asked.provider.checks.check(question())
        asked.clock.advance(SAID_LATELY - timedelta(seconds=45))
        assert await turn(asked, Urgency.SUCCESS_NOTICED)

    async def test_a_used_up_quota_is_left_alone_for_longer_where_daraja_says_so(self) -> None:
        limited = attrs.evolve(QUOTA, status=429, headers=(("retry-after", "600"),))
        asked = account(limited, result("0"))
        await asked.provider.checks.check(question())
        asked.clock.advance(timedelta(seconds=599))
        assert not await turn(asked, Urgency.SUCCESS_NOTICED)
        asked.clock.advance(timedelta(seconds=2))
        assert await turn(asked, Urgency.SUCCESS_NOTICED)

    async def test_no_question_is_asked_either_after_a_push_beyond_the_quota(self) -> None:
        asked, other = processes(2, QUOTA, result("0"))
        with pytest.raises(ProviderUnavailable):
            await asked.provider.checkouts.open(REQUEST)
        asked.clock.advance(timedelta(seconds=239))
        assert not await turn(other, Urgency.SUCCESS_NOTICED)
        asked.clock.advance(timedelta(seconds=2))
        assert await turn(other, Urgency.SUCCESS_NOTICED)

    async def test_a_push_of_which_daraja_is_only_busy_keeps_no_question_back(self) -> None:
        asked = account(SPIKE, result("0"))
        with pytest.raises(ProviderUnavailable):
            await asked.provider.checkouts.open(REQUEST)
        assert await turn(asked, Urgency.SUCCESS_NOTICED)

    @pytest.mark.parametrize("seconds", [(300.0, None), (None, 300.0), (300.0, 40.0), (40.0, 300.0)])
    async def test_the_longest_of_several_rests_is_kept(
        self, seconds: tuple[float | None, float | None]
    ) -> None:
        """Questions of several processes may be on their way at once, and each is told how long to wait."""
        clock = MovableClock()
        shared = MemorySharedState(clock)
        asked = account(result("0"), clock=clock, shared_state=shared)
        for wait_s in seconds:
            await Queries(settings=SETTINGS, shared_state=shared, clock=clock).rest(wait_s)
        clock.advance(timedelta(seconds=299))
        assert not await turn(asked, Urgency.SUCCESS_NOTICED)
        clock.advance(timedelta(seconds=2))
        assert await turn(asked, Urgency.SUCCESS_NOTICED)

    async def test_a_rest_that_ends_later_follows_one_that_ends_sooner(self) -> None:
        clock = MovableClock()
        shared = MemorySharedState(clock)
        asked = account(result("0"), clock=clock, shared_state=shared)
        queries = Queries(settings=SETTINGS, shared_state=shared, clock=clock)
        await queries.rest(60.0)
        clock.advance(timedelta(seconds=59))
        await queries.rest(40.0)
        clock.advance(timedelta(seconds=39))
        assert not await turn(asked, Urgency.SUCCESS_NOTICED)
        clock.advance(timedelta(seconds=2))
        assert await turn(asked, Urgency.SUCCESS_NOTICED)

    @pytest.mark.parametrize("busy", [SPIKE, error(500, "500.003.02", "System is busy")])
    async def test_daraja_that_is_only_busy_is_left_alone_for_a_turn_and_nobody_is_told(
        self, busy: Canned
    ) -> None:
        asked = account(busy, result("0"))
        with capture_logs() as lines:
            await asked.provider.checks.check(question())
        assert {line["log_level"] for line in lines} == {"info"}
        asked.clock.advance(timedelta(seconds=13))
        assert await turn(asked, Urgency.SUCCESS_NOTICED)


def processes(count: int, *answers: Canned) -> list[Account]:
    """Processes of one service."""
    daraja, clock = Daraja(list(answers) or [result("4999")] * 9, []), MovableClock()
    shared = MemorySharedState(clock)
    return [account(daraja=daraja, shared_state=shared, clock=clock) for _ in range(count)]


async def turn(asking: Account, urgency: Urgency, name: str = NAME) -> bool:
    """Whether somebody with this urgency was let through."""
    before = len(asking.requests)
    await asking.provider.checks.check(question(urgency, name))
    return len(asking.requests) > before


@pytest.mark.parametrize("gone", ["recall", "spend", "remember"])
async def test_shared_state_that_is_gone_is_no_turn_to_ask(gone: str) -> None:
    class Gone(MemorySharedState):
        async def recall(self, key: str) -> bytes | None:
            if gone == "recall":
                raise StorageUnavailable
            return await super().recall(key)

        async def spend(self, key: str, *, most: int, window_s: float) -> float:
            if gone == "spend":
                raise StorageUnavailable
            return await super().spend(key, most=most, window_s=window_s)

        async def remember(self, key: str, value: bytes, *, lifetime_s: float) -> None:
            raise StorageUnavailable

    clock = MovableClock()
    opened = account(shared_state=Gone(clock), clock=clock)
    answer = await opened.provider.checks.check(question())
    assert (answer.outcome, answer.asked, opened.requests) == (Outcome.NOTHING, False, [])


async def test_daraja_that_wants_rest_is_an_answer_though_nobody_can_be_told() -> None:
    class Forgetful(MemorySharedState):
        async def remember(self, key: str, value: bytes, *, lifetime_s: float) -> None:
            if key.endswith(":rest"):
                raise StorageUnavailable
            await super().remember(key, value, lifetime_s=lifetime_s)

    clock = MovableClock()
    opened = account(SPIKE, shared_state=Forgetful(clock), clock=clock)
    assert (await opened.provider.checks.check(question())).outcome is Outcome.NOTHING

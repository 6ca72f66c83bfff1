"""Edge cases 12 to 15 (docs/edge-cases.md): a provider says nothing, nonsense, "pending" or "not found"."""

from datetime import timedelta
from typing import Any

import pytest

from tests.e2e.story import Story, problem, until

pytestmark = pytest.mark.anyio


async def test_case_12_a_provider_that_accepted_and_timed_out_is_not_asked_a_second_time(
    story: Story,
) -> None:
    await story.owes("1500.00", "KES")
    await story.outside.switch_mpesa(fault="reset_after", fault_on="push", fault_times=1)

    first = await story.refused(504, "outcome_unknown", provider="mpesa")
    second = await story.refused(504, "outcome_unknown", provider="mpesa")

    assert first["payment_id"] == second["payment_id"]
    (attempt,) = (await story.payment(first["payment_id"]))["attempts"]
    assert attempt["status"] == "unknown"
    assert len(await story.outside.mpesa_calls("push")) == 1, "two prompts are two payments"
    # The prompt is on the phone all the same, and its callback knows which attempt it is about.
    await story.outside.on_the_phone("approve")
    payment = await story.until_status(first["payment_id"], "success")
    assert [each["reference"] for each in payment["attempts"]] == [attempt["reference"]]
    await story.until_told("paid")
    await story.told_once("paid")


FAULTS = ("html_500", "unavailable", "rate_limited", "truncated", "cut_off", "reset_after")


async def test_case_13_no_answer_an_error_page_or_a_new_word_is_no_information(story: Story) -> None:
    await story.outside.switch_chapa(webhook_lost=True, callback_lost=True)
    opened = await story.initiated()
    await story.outside.act(opened["reference"], "pay")
    vague: list[dict[str, Any]] = [
        *({"fault": fault, "fault_on": "verify", "fault_times": 1000} for fault in FAULTS),
        {"fault": "none", "verify_status": "marinating"},
    ]

    for switches in vague:
        await story.outside.switch_chapa(opened["reference"], **switches)
        # Whoever wants to cancel has the provider asked; while we cannot know, nothing is closed.
        answer = await story.post(f"/payments/{opened['payment_id']}/cancel/")
        problem(answer, 409, "payment_in_flight")
        payment = await story.payment(opened["payment_id"])
        told = (payment["status"], payment["failure"], payment["in_review"])
        assert told == ("processing", None, False), switches

    await story.outside.switch_chapa(opened["reference"], verify_status=None)
    story.clock.move(timedelta(minutes=1))
    await story.until_status(opened["payment_id"], "success")
    await story.until_told("paid")
    await story.told_once("paid")
    await story.tells(opened["reference"], "unknown status 'marinating'", "The payment is paid.")


async def test_case_14_pending_for_ever_ends_in_a_review_and_is_still_open_to_evidence(story: Story) -> None:
    await story.owes("1500.00", "KES")
    opened = await story.initiated(provider="mpesa")
    story.clock.move(timedelta(hours=23))
    await story.until_nobody_asks(opened["reference"])
    assert (await story.payment(opened["payment_id"]))["status"] == "processing", "no attempt fails by time"

    story.clock.move(timedelta(hours=2))

    await until(story.reviews, lambda kinds: kinds == ["stuck_unknown"])
    payment = await story.until_status(opened["payment_id"], "failed")
    assert payment["failure"]["code"] == "timed_out"
    await story.until_told("failed")
    await story.outside.on_the_phone("approve")
    await until(story.tries, lambda tries: tries > 0)
    # Its own schedule may have used up the turn to ask.
    story.clock.move(timedelta(seconds=6))
    await story.until_status(opened["payment_id"], "success")
    await story.until_told("paid")
    await story.told_once("failed", "paid")


@pytest.mark.stories
async def test_case_15_not_found_proves_nothing_at_first_and_then_that_it_never_was(story: Story) -> None:
    # Chapa does nothing, and says so in a way that leaves us in doubt.
    await story.outside.switch_chapa(fault="html_500", fault_on="initialize", fault_times=1)
    told = await story.refused(504, "outcome_unknown")
    (attempt,) = (await story.payment(told["payment_id"]))["attempts"]
    reference = attempt["reference"]

    async def asked() -> int:
        return len(await story.outside.chapa_calls("verify", reference))

    async def stands() -> tuple[str, str | None]:
        (now,) = (await story.payment(told["payment_id"]))["attempts"]
        return now["status"], now["reason"]

    story.clock.move(timedelta(minutes=3))
    await until(lambda: story.why(reference), lambda why: "not_found_yet" in {s.verdict for s in why.steps})
    assert await stands() == ("unknown", None)

    before = await asked()
    story.clock.move(timedelta(minutes=3))
    await until(asked, lambda count: count > before)
    await story.until_nobody_asks(reference)
    assert await stands() == ("unknown", None), "once is not enough"

    story.clock.move(timedelta(minutes=3))
    await until(stands, lambda now: now == ("expired", "never_created"))
    payment = await story.payment(told["payment_id"])
    assert payment["status"] == "pending", "nobody was given anything to pay with"
    assert (await story.initiated())["reference"] != reference

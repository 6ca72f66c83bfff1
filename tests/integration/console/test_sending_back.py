"""Sending money back at the console: with the scope for it, on purpose, and above a limit by two people."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from payments.domain.money import Money
from payments.domain.refund import Refund
from payments.domain.refund_rules import RefundRules
from payments.testing import in_memory_payments
from tests.integration.console.operator import OPERATE, Operator, open_browser, text_of
from tests.integration.http.door import token

pytestmark = pytest.mark.anyio

BOTH = f"{OPERATE} payments:refund"
LIMITS = RefundRules(approval_above={"ETB": Money.of("500.00", "ETB")})


@pytest.fixture
async def till() -> AsyncIterator[Operator]:
    """A browser signed in as ``boss``, who may refund, too; more than 500 ETB needs a second person."""
    async with open_browser(in_memory_payments(refund_rules=LIMITS)) as operator:
        assert (await operator.sign_in(token("boss", BOTH))).status_code == 303
        yield operator
        assert await operator.kit.payments.check() == ()


async def paid(operator: Operator) -> tuple[str, str]:
    """The page of a paid payment, and that of sending its money back."""
    checkout = await operator.checkout()
    operator.kit.provider.pays(checkout.reference)
    payment = await operator.kit.payments.settle(checkout.reference)
    page = f"/payments/{payment.payment_id}/"
    return page, f"{page}captures/{payment.captures[0].capture_id}/refund/"


async def form_of(operator: Operator, where: str) -> dict[str, str]:
    """The hidden fields of the form on this page."""
    page = await operator.gets(where)
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]+)">', page.text))


async def sent(operator: Operator, where: str, **fields: str) -> Any:
    """What the form on this page is answered."""
    body = {**await form_of(operator, where), "reason": "broken", **fields}
    return await operator.client.post(f"/console{where}", data=body)


async def refunds(operator: Operator) -> tuple[Refund, ...]:
    payment = await operator.kit.unit_of_work.reads.payment_of_order("order_1")
    assert payment is not None
    return payment.refunds


async def waiting(operator: Operator) -> tuple[str, str]:
    """The page of a payment with a refund of all of it that waits for approval, and the refund's address."""
    page, send = await paid(operator)
    told = text_of(await sent(operator, send, amount="1000.00"))
    assert "It waits for approval" in told
    (refund,) = await refunds(operator)
    return page, f"{page}refunds/{refund.refund_id}/"


@pytest.mark.parametrize("reason", ["bro\0ken", "bro\x1b[2Jken", "bro\x9bken", "bro\rken"])
async def test_a_reason_that_no_database_or_terminal_may_get_sends_nothing(
    till: Operator, reason: str
) -> None:
    _, send = await paid(till)
    answer = await sent(till, send, amount="200.00", reason=reason)
    assert answer.status_code == 422
    assert "/reason : It holds a control character." in text_of(answer)
    assert await refunds(till) == ()


async def test_a_reason_of_several_lines_is_as_long_as_its_form_counted_it(till: Operator) -> None:
    _, send = await paid(till)
    written = "\n".join(["broken"] * 70 + ["at last..."])
    assert len(written) == 500
    # Browsers send both characters for each line that they counted as one (HTML, form submission).
    assert (await sent(till, send, amount="200.00", reason=written.replace("\n", "\r\n"))).status_code == 200
    assert [refund.reason for refund in await refunds(till)] == [written]


async def test_money_is_sent_back_from_a_form_that_says_what_it_does(till: Operator) -> None:
    page, send = await paid(till)
    assert f'href="/console{send}"' in (await till.gets(page)).text
    assert "1,000.00 ETB of it is left" in await till.sees(send)
    assert await refunds(till) == ()

    told = text_of(await sent(till, send, amount="200.00"))

    assert "200.00 ETB went back." in told
    (refund,) = await refunds(till)
    assert (refund.actor, refund.reason) == ("operator:boss", "broken")
    assert "800.00 ETB of it is left" in await till.sees(send)


async def test_one_form_sent_twice_is_one_refund(till: Operator) -> None:
    _, send = await paid(till)
    form = {**await form_of(till, send), "amount": "200.00", "reason": "broken"}

    answers = [await till.client.post(f"/console{send}", data=form) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert len(await refunds(till)) == 1
    await sent(till, send, amount="200.00")
    assert len(await refunds(till)) == 2, "another form is another refund"


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"amount": "1000.01"}, 409),
        ({"amount": "0"}, 422),
        ({"amount": "much"}, 422),
        ({"amount": "1.00", "reason": "  "}, 422),
        ({"amount": "1.00", "reason": "x" * 501}, 422),
        ({"amount": "1.00", "form_token": "x"}, 403),
    ],
)
async def test_what_cannot_be_sent_back_so_is_refused(
    till: Operator, fields: dict[str, str], status: int
) -> None:
    _, send = await paid(till)

    assert (await sent(till, send, **fields)).status_code == status
    assert await refunds(till) == ()


async def test_above_the_limit_another_person_approves(till: Operator) -> None:
    page, refund = await waiting(till)
    own = await till.gets(page)
    assert f"{refund}refuse/" in own.text
    assert f"{refund}approve/" not in own.text, "whoever asked is not offered to approve"
    refused = await till.posts(f"{refund}approve/")
    assert (refused.status_code, "approval_by_requester" in refused.text) == (403, True)

    await till.sign_in(token("second", BOTH))
    assert f"{refund}approve/" in (await till.gets(page)).text
    assert "operator:boss wants to send 1,000.00 ETB" in await till.sees(f"{refund}approve/")
    told = text_of(await till.posts(f"{refund}approve/"))

    assert "1,000.00 ETB went back." in told
    assert (await refunds(till))[0].approver == "operator:second"
    assert text_of(await till.posts(f"{refund}approve/")) == told, "sent twice, it is one approval"
    await till.gets(f"{refund}approve/", 409)


async def test_a_refund_that_waits_is_refused_with_a_reason(till: Operator) -> None:
    _, refund = await waiting(till)

    told = text_of(await sent(till, f"{refund}refuse/", reason="Not agreed."))

    assert "The money did not go back" in told
    assert "Refused by operator:boss: Not agreed." in told
    assert till.kit.provider.refunds is not None
    assert till.kit.provider.refunds.calls["request"] == 0


async def test_without_the_scope_nothing_is_offered_or_done(till: Operator) -> None:
    page, refund = await waiting(till)
    await till.sign_in(token("second", OPERATE))
    seen = (await till.gets(page)).text
    assert "Send money back" not in seen
    assert f"{refund}refuse/" not in seen

    payment = await till.kit.unit_of_work.reads.payment_of_order("order_1")
    assert payment is not None
    send = f"{page}captures/{payment.captures[0].capture_id}/refund/"
    for where in (f"{refund}approve/", f"{refund}refuse/", send):
        await till.gets(where, 403)
        answer = await till.posts(where, reason="x", amount="1.00")
        assert answer.status_code == 403
        assert "payments:refund" in answer.text
    assert [each.status.value for each in await refunds(till)] == ["awaiting_approval"]


async def test_what_is_not_there_is_not_sent_back(till: Operator) -> None:
    page, _ = await paid(till)
    unknown = "019b76da-a800-7a3e-8a2c-5d3f6b1c9e40"
    for where in (
        f"{page}captures/{unknown}/refund/",
        f"{page}captures/nothing/refund/",
        f"{page}refunds/{unknown}/approve/",
        f"{page}refunds/nothing/refuse/",
    ):
        await till.gets(where, 404)
        assert (await till.posts(where, reason="x", amount="1.00")).status_code == 404


async def test_whoever_owes_the_payment_says_nothing_to_its_refund(till: Operator) -> None:
    page, refund = await waiting(till)
    await till.sign_in(token("user_1", BOTH))

    seen = (await till.gets(page)).text
    for word in ("approve", "refuse"):
        assert f"{refund}{word}/" not in seen
        assert "Another person has to decide this" in await till.sees(f"{refund}{word}/", 403)
        assert (await till.posts(f"{refund}{word}/", reason="x")).status_code == 403
    assert [each.status.value for each in await refunds(till)] == ["awaiting_approval"]


async def test_whoever_owes_the_payment_sends_none_of_it_back(till: Operator) -> None:
    page, send = await paid(till)
    form = await form_of(till, send)
    await till.sign_in(token("user_1", BOTH))

    assert send not in (await till.gets(page)).text
    assert "Another person has to decide this" in await till.sees(send, 403)
    assert (await till.posts(send, mark=form["mark"], amount="1.00", reason="x")).status_code == 403
    assert await refunds(till) == ()

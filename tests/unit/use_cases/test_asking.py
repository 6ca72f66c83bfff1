"""Asking a provider: what it is asked, who asked, and what is written down where nobody can be asked."""

import attrs
import pytest

from payments.application.ports.providers import Providers, Question
from payments.domain.evidence import Answer, Channel, Mode, Outcome
from payments.domain.transitions import PaymentStatus
from tests.unit.use_cases.shop import InDoubt, Shop, birr

pytestmark = pytest.mark.anyio


async def test_the_question_names_the_attempt_and_what_it_is_for(shop: Shop) -> None:
    asked: list[Question] = []

    async def listen(question: Question) -> None:
        asked.append(question)

    opened = await shop.initiate()
    shop.provider.before_answering = listen
    await shop.ask(opened.reference)
    assert [(question.reference, question.amount) for question in asked] == [
        (opened.reference, birr("1000.00"))
    ]


@pytest.mark.parametrize(("words", "cause"), [((), "operator"), (("redirect",), "redirect")])
async def test_the_trail_and_the_evidence_name_what_caused_the_question(
    shop: Shop, words: tuple[str, ...], cause: str
) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    payment = await shop.kit.payments.settle(opened.reference, *words)
    reads = shop.kit.unit_of_work.reads
    entry, evidence = (
        (await reads.audit_of(payment.payment_id))[-1],
        await reads.evidence_of(payment.payment_id),
    )
    assert (entry.actor, entry.cause) == ("provider:scripted", cause)
    assert [(known.cause, known.channel) for known in evidence] == [(cause, Channel.STATUS_CHECK)]


async def test_nobody_is_asked_where_the_provider_is_switched_off_or_in_the_other_mode(shop: Shop) -> None:
    opened = await shop.initiate()
    shop.provider.pays(opened.reference)
    here = shop.kit.payments.providers.by_name["scripted"]
    settle = shop.kit.payments.settle
    for providers, word in (
        ({}, "provider is switched off"),
        ({"scripted": attrs.evolve(here, mode=Mode.LIVE)}, "provider is in live mode"),
    ):
        elsewhere = attrs.evolve(settle, providers=Providers(providers))
        settled = await elsewhere.ask(await shop.payment(), opened.reference, "operator")
        assert settled.answer == Answer(outcome=Outcome.NOTHING, word=word, asked=settled.answer.asked)
        assert settled.payment.status is PaymentStatus.PROCESSING
    assert shop.provider.calls["check"] == 0


async def test_an_answer_whose_commit_was_in_doubt_counts_once(shop: Shop) -> None:
    opened = await shop.initiate()
    settle = attrs.evolve(shop.kit.payments.settle, unit_of_work=InDoubt(shop.kit.unit_of_work))
    payment = await settle(opened.reference)
    assert payment.attempt(opened.reference).checks == 1
    assert len(await shop.verdicts()) == 1

"""Asking a provider: whatever goes wrong on the way is no information (docs/model.md section 3)."""

import asyncio
from contextlib import nullcontext

import attrs

from payments.application.card_numbers import without_card_numbers
from payments.application.ports.providers import Provider, Question
from payments.domain.errors import GatewayError
from payments.domain.evidence import Answer, nothing


async def answer_of(provider: Provider, question: Question, budget_s: float | None) -> Answer:
    """What ``provider`` answers; ``nothing`` if it gives no usable answer, or none within ``budget_s``."""
    # Most ask without a budget, and a timeout that never comes costs as much as any other.
    bounded = nullcontext() if budget_s is None else asyncio.timeout(budget_s)
    try:
        async with bounded:
            answer = await provider.checks.check(question)
    except TimeoutError:
        return nothing("no answer in time")
    except GatewayError as trouble:
        return nothing(trouble.code)
    except Exception as trouble:  # noqa: BLE001 -- docs/model.md section 3: any exception is no information
        return nothing(f"{type(trouble).__name__} while asking")
    word, detail = without_card_numbers(answer.word), without_card_numbers(answer.detail)
    said = (answer.word, answer.detail)
    return answer if (word, detail) == said else attrs.evolve(answer, word=word, detail=detail)

"""Webhooks that a test writes itself, signed as their providers sign (fact sheets, sections 6 and 10.2)."""

import hashlib
import hmac
import json
from typing import Any

import httpx

from tests.e2e.outside_world import PAYSTACK_KEY, WEBHOOK_SECRET
from tests.e2e.story import Story

UNHEARD_OF = "p-aaaaaaaaaaaaaaaaaaaaaaaaaa"
"""A reference of our form that we never gave out."""


async def by_chapa(story: Story, *, secret: str = WEBHOOK_SECRET, **told: Any) -> httpx.Response:
    """What the service answers to a webhook of Chapa's that tells this."""
    body = json.dumps(told).encode()
    headers = {"x-chapa-signature": hmac.digest(secret.encode(), body, "sha256").hex()}
    return await story.post("/payments/verify/chapa/", content=body, headers=headers)


async def by_paystack(story: Story, *, key: str = PAYSTACK_KEY, event: str, **data: Any) -> httpx.Response:
    """What the service answers to a webhook of Paystack's with this event and data."""
    body = json.dumps({"event": event, "data": data}).encode()
    headers = {"x-paystack-signature": hmac.digest(key.encode(), body, hashlib.sha512).hex()}
    return await story.post("/payments/verify/paystack/", content=body, headers=headers)

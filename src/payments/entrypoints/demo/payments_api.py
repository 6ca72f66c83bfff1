"""How the pages of the demonstration talk to the payments API: over HTTP, each with a token of its own."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import attrs
import httpx

# Longer than the service needs to say "unknown" to a provider that does not answer.
_PATIENCE_S: Final = 30.0


@attrs.frozen(kw_only=True)
class Answer:
    """What the payments API said: a body, and whether it is a problem."""

    status: int
    body: dict[str, Any]

    @property
    def problem(self) -> dict[str, Any] | None:
        """The problem document, if it is one."""
        return None if httpx.codes.is_success(self.status) else self.body


class ShopTrouble(Exception):
    """The shop cannot show its page; the sentence is for who looks at it."""


@attrs.frozen(kw_only=True)
class PaymentsApi:
    """The API as the holder of one token meets it."""

    client: httpx.AsyncClient
    url: str
    token: str = attrs.field(repr=False)

    async def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Answer:
        """What it answers.

        Raises:
            ShopTrouble: nothing, or nothing that can be read.
        """
        headers = {"authorization": f"Bearer {self.token}"}
        try:
            answer = await self.client.request(method, f"{self.url}{path}", json=body, headers=headers)
            return Answer(status=answer.status_code, body=answer.json())
        except (httpx.HTTPError, ValueError) as error:
            raise ShopTrouble("The payments service gave no answer.") from error


@asynccontextmanager
async def local_client() -> AsyncIterator[httpx.AsyncClient]:
    """A client for as long as the block runs; it speaks plain HTTP to this machine, past any proxy."""
    # Without certificates to load it is made in no time, and could not trust anybody over TLS.
    nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    async with httpx.AsyncClient(trust_env=False, verify=nobody, timeout=_PATIENCE_S) as client:
        yield client

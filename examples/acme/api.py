"""Calling Acme's API."""

import json
from collections.abc import Mapping
from typing import Any

import attrs

from examples.acme.settings import AcmeSettings
from payments.adapters.http_client import exchange
from payments.adapters.providers.surroundings import Surroundings
from payments.application import strict_json


@attrs.frozen(kw_only=True)
class AcmeAnswer:
    """One answer; ``body`` is None when it is no JSON object."""

    status: int
    body: Mapping[str, Any] | None

    def text(self, name: str) -> str:
        """A field that is a text; empty if it is none."""
        value = self.body.get(name) if self.body else None
        return value if isinstance(value, str) else ""


@attrs.frozen(kw_only=True)
class AcmeApi:
    """Calls of one account: the key goes in, and the answer is read."""

    settings: AcmeSettings
    _surroundings: Surroundings

    async def call(self, method: str, path: str, fields: Mapping[str, Any] | None = None) -> AcmeAnswer:
        """Call ``path`` under the base address, with ``fields`` as JSON.

        Raises:
            ProviderUnavailable: nothing was sent.
            OutcomeUnknown: there was no whole answer.
        """
        client = self._surroundings.client
        request = client.build_request(
            method,
            f"{self.settings.base_url}{path}",
            headers={
                "authorization": f"Bearer {self.settings.secret_key.reveal()}",
                "content-type": "application/json",
            },
            content=json.dumps(fields).encode() if fields is not None else None,
        )
        reply = await exchange(client, request)
        try:
            body = strict_json.read_object(reply.body)
        except ValueError:
            body = None
        return AcmeAnswer(status=reply.status, body=body)

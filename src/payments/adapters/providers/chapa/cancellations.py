"""Closing a checkout: ``PUT /transaction/cancel/{tx_ref}`` (fact sheet, section 5)."""

from http import HTTPStatus
from urllib.parse import quote

import attrs

from payments.adapters.providers.chapa.api import ChapaApi
from payments.application.ports.providers import Cancellations, Cancelled
from payments.domain.errors import GatewayError


@attrs.frozen
class ChapaCancellations(Cancellations):
    """Expires links. It says nothing about money: one already in flight may still arrive."""

    _api: ChapaApi

    async def cancel(self, reference: str) -> Cancelled:
        try:
            answer = await self._api.call("cancel", "PUT", f"/transaction/cancel/{quote(reference, safe='')}")
        except GatewayError:
            return Cancelled.UNKNOWN
        if answer.status == HTTPStatus.OK and answer.word == "success":
            return Cancelled.CLOSED
        if answer.status == HTTPStatus.BAD_REQUEST and answer.says("already expired"):
            return Cancelled.CLOSED
        if answer.status == HTTPStatus.NOT_FOUND and answer.says("payment link not found"):
            return Cancelled.NOT_FOUND
        return Cancelled.UNKNOWN

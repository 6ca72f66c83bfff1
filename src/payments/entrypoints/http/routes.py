"""The route table: every operation of the service, one row each."""

from typing import Final

from payments.entrypoints.http import (
    cancel,
    cash,
    docs,
    explain,
    health,
    history,
    initiate,
    pay,
    payment,
    providers,
    refunds,
    reviews,
    status_page,
    verify,
)
from payments.entrypoints.http.operation import Operation
from payments.settings import HttpSettings

OPERATIONS: Final = (
    initiate.INITIATE,
    verify.RETURN,
    verify.NOTICE,
    verify.CALLBACK,
    cash.COLLECT,
    cash.LIST,
    cash.HAND_OVER,
    pay.PAGE,
    pay.STATUS,
    history.LIST,
    providers.OFFERS,
    reviews.LIST,
    reviews.GET,
    reviews.RESOLVE,
    status_page.STATUS,
    payment.GET,
    explain.EXPLAIN,
    cancel.CANCEL,
    refunds.REFUND,
    refunds.LIST,
    refunds.APPROVE,
    refunds.REFUSE,
    health.LIVE,
    health.READY,
    health.METRICS,
    docs.DOCUMENT,
    docs.REFERENCE,
    docs.ASSET,
)
"""What the router serves and the document declares. A new resource is a file and its rows here."""


def open_operations(http: HttpSettings) -> tuple[Operation, ...]:
    """The operations that are not switched off."""
    return tuple(operation for operation in OPERATIONS if http.metrics or operation is not health.METRICS)

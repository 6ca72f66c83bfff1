"""M-Pesa in Kenya: prompts on a phone (STK push), unsigned callbacks, queries and reversals over Daraja."""

from typing import Final

from payments.adapters.providers.mpesa.access import AccessTokens
from payments.adapters.providers.mpesa.api import MpesaApi
from payments.adapters.providers.mpesa.callbacks import MpesaCallbacks, as_written
from payments.adapters.providers.mpesa.checkouts import MpesaCheckouts
from payments.adapters.providers.mpesa.checks import MpesaChecks
from payments.adapters.providers.mpesa.phones import MpesaPhones
from payments.adapters.providers.mpesa.queries import Queries
from payments.adapters.providers.mpesa.refunds import MpesaRefunds
from payments.adapters.providers.mpesa.self_check import MpesaSelfCheck
from payments.adapters.providers.mpesa.settings import MpesaSettings, ReversalSettings, read_settings
from payments.adapters.providers.mpesa.whole_shillings import WholeShillings
from payments.adapters.providers.surroundings import Surroundings
from payments.application.ports.providers import Flow, Provider

__all__ = ["NAME", "MpesaSettings", "ReversalSettings", "build", "read_settings"]

NAME: Final = "mpesa"

NO_LEDGER: Final = (
    "The fact sheet knows no list of M-Pesa payments that we could read: compare with the statement of the"
    " organisation's portal by hand."
)


def build(settings: MpesaSettings, surroundings: Surroundings) -> Provider:
    """M-Pesa as this service uses it."""
    access = AccessTokens(settings=settings, surroundings=surroundings)
    queries = Queries(settings=settings, shared_state=surroundings.shared_state, clock=surroundings.clock)
    api = MpesaApi(settings=settings, surroundings=surroundings, access=access, queries=queries)
    reversals = settings.reversals
    return WholeShillings(
        name=NAME,
        mode=settings.mode,
        flow=Flow.PROMPT,
        ranges=settings.ranges,
        payable_for=settings.payable_for,
        watched_for=settings.watched_for,
        checkouts=MpesaCheckouts(api),
        checks=MpesaChecks(api, queries),
        callbacks=MpesaCallbacks(),
        confirmed_after=settings.confirmed_after,
        phones=MpesaPhones(),
        refunds=MpesaRefunds(api, reversals) if reversals else None,
        refunds_whole=True,
        refunds_by_receipt=True,
        bound=frozenset({"reference", "amount", "mode"}),
        no_ledger=NO_LEDGER,
        self_check=MpesaSelfCheck(settings, access),
        as_written=as_written,
    )

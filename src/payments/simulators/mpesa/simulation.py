"""The simulated Daraja as one value: what its endpoints, pages and controls share."""

import attrs

from payments.simulators.calls import Calls
from payments.simulators.deliveries import Deliveries
from payments.simulators.documents import Documents
from payments.simulators.mpesa.config import MpesaSimulatorConfig
from payments.simulators.mpesa.credentials import Initiator, Tokens
from payments.simulators.mpesa.prompts import Ledger
from payments.simulators.mpesa.spike_arrest import SpikeArrest
from payments.simulators.mpesa.switches import MpesaSwitches
from payments.simulators.switchboard import Switchboard
from payments.simulators.timers import Timers

ONCE = "once"
FOUR_TIMES = "four_times"


@attrs.frozen(kw_only=True)
class Simulation:
    """One app's Daraja, and the phones of its payers."""

    config: MpesaSimulatorConfig
    documents: Documents
    switchboard: Switchboard[MpesaSwitches]
    ledger: Ledger
    calls: Calls
    deliveries: Deliveries
    timers: Timers
    tokens: Tokens
    initiator: Initiator
    query_limit: SpikeArrest

    @property
    def subject_field(self) -> str:
        return "phone"

    def switches(self, phone: str | None) -> MpesaSwitches:
        return self.switchboard.current(phone)

    def phone_url(self, phone: str) -> str:
        return f"{self.config.public_url}/phone/{phone}/"


def simulation_of(config: MpesaSimulatorConfig) -> Simulation:
    documents = Documents(config.state_path)
    waits_s = {ONCE: (), FOUR_TIMES: (config.retry_unit_s,) * 3}
    return Simulation(
        config=config,
        documents=documents,
        switchboard=Switchboard(documents, config.switches),
        ledger=Ledger(documents),
        calls=Calls(documents),
        deliveries=Deliveries(documents, config.callback_timeout_s, waits_s),
        timers=Timers(documents),
        tokens=Tokens(documents),
        initiator=Initiator(documents, config.private_key_pem),
        query_limit=SpikeArrest(),
    )

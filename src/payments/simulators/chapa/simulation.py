"""The simulated Chapa as one value: what its endpoints, pages and controls share."""

import attrs

from payments.simulators.calls import Calls
from payments.simulators.chapa.config import ChapaSimulatorConfig
from payments.simulators.chapa.switches import ChapaSwitches
from payments.simulators.chapa.transactions import Ledger, Transaction
from payments.simulators.deliveries import Deliveries
from payments.simulators.documents import Documents
from payments.simulators.switchboard import Switchboard
from payments.simulators.timers import Timers

# "Every 10 minutes, up to 10 attempts"; a callback is documented once [6.2, 3].
_FURTHER_TRIES = 9


@attrs.frozen(kw_only=True)
class Simulation:
    """One merchant's Chapa."""

    config: ChapaSimulatorConfig
    documents: Documents
    switchboard: Switchboard[ChapaSwitches]
    ledger: Ledger
    calls: Calls
    deliveries: Deliveries
    timers: Timers
    subject_field: str = "tx_ref"

    def checkout_url(self, transaction: Transaction) -> str:
        return f"{self.config.public_url}/checkout/payment/{transaction.token}"


def simulation_of(config: ChapaSimulatorConfig) -> Simulation:
    documents = Documents(config.state_path)
    return Simulation(
        config=config,
        documents=documents,
        switchboard=Switchboard(documents, config.switches),
        ledger=Ledger(documents),
        calls=Calls(documents),
        deliveries=Deliveries(
            documents,
            config.webhook_timeout_s,
            {"webhook": (config.retry_unit_s,) * _FURTHER_TRIES, "callback": ()},
        ),
        timers=Timers(documents),
    )

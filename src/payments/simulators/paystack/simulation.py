"""The simulated Paystack as one value: what its endpoints, pages and controls share."""

import attrs

from payments.simulators.calls import Calls
from payments.simulators.deliveries import Deliveries
from payments.simulators.documents import Documents
from payments.simulators.paystack.config import PaystackSimulatorConfig
from payments.simulators.paystack.ledger import Ledger
from payments.simulators.paystack.switches import PaystackSwitches
from payments.simulators.paystack.transactions import Transaction
from payments.simulators.switchboard import Switchboard
from payments.simulators.timers import Timers

# Test: hourly for ten hours. Live: three minutes apart for four tries, then hourly up to 72 hours [10.1].
_TEST_RETRIES = 10
_LIVE_QUICK_RETRIES = 3
_LIVE_RETRIES = 72
_QUICK_PART = 20


@attrs.frozen(kw_only=True)
class Simulation:
    """One merchant's Paystack."""

    config: PaystackSimulatorConfig
    documents: Documents
    switchboard: Switchboard[PaystackSwitches]
    ledger: Ledger
    calls: Calls
    deliveries: Deliveries
    timers: Timers
    subject_field: str = "reference"

    def authorization_url(self, transaction: Transaction) -> str:
        """Return the checkout page, whose last step is the access code [3]."""
        return f"{self.config.public_url}/checkout/{transaction.access_code}"


def simulation_of(config: PaystackSimulatorConfig) -> Simulation:
    documents = Documents(config.state_path)
    unit_s = config.retry_unit_s
    waits_s = {
        "test": (unit_s,) * _TEST_RETRIES,
        "live": (unit_s / _QUICK_PART,) * _LIVE_QUICK_RETRIES + (unit_s,) * _LIVE_RETRIES,
    }
    return Simulation(
        config=config,
        documents=documents,
        switchboard=Switchboard(documents, config.switches),
        ledger=Ledger(documents),
        calls=Calls(documents),
        deliveries=Deliveries(documents, config.webhook_timeout_s, waits_s),
        timers=Timers(documents),
    )

"""A faithful double of Chapa's API v1, with a checkout page a person can use.

Point a client's base address at where this is served: `{public_url}/v1/transaction/initialize` and so on. Any well-formed
key is accepted unless the configuration names some: `CHASECK_TEST-...` is test mode, `CHASECK-...` is live. There is one
merchant. Where Chapa's documentation and what was observed of it differ, observed is the default and the other a switch.

Control surface (simulator only, JSON, no key):

| call | does |
|---|---|
| `GET /_sim/switches` | every switch in force, and what is set for single references |
| `PUT /_sim/switches` `[?tx_ref=...]` | lay the body's switches over what is set, for everything or for one `tx_ref` (known or not yet); null sets one back. See `ChapaSwitches` for each |
| `GET /_sim/calls` `[?tx_ref=&endpoint=&status=]` | every API call: endpoint, tx_ref, status answered (null: none), fault, body, with counts |
| `GET /_sim/transactions`, `GET /_sim/transactions/{tx_ref}` | what Chapa knows, with `checkout_url`, `link` (open, expired, paid), refunds and events |
| `POST /_sim/transactions/{tx_ref}/pay` `{"method"?, "phone_number"?}` | the payer pays, whatever the state of the link; 409 when already paid |
| `POST .../fail` `{"reason"?}` | a try that fails; the link stays open for ten more, and a webhook says so |
| `POST .../abandon` | the payer leaves; nothing is sent |
| `POST .../refund` `{"amount"?}` | the merchant refunds in the dashboard (default: what is left) |
| `POST .../reverse` | the payment is reversed |
| `GET /_sim/refunds`, `POST /_sim/refunds/{ref}/settle` and `/reverse` | refunds, and their end |
| `GET /_sim/webhooks` `[?tx_ref=&kind=&state=]` | every delivery (kind `webhook` or `callback`): body, headers, state, each try and its answer; `pending` counts those not at rest |
| `POST /_sim/webhooks/{id}/redeliver` | send these bytes again now, and return the delivery with the answer |
| `POST /_sim/reset` | forget everything, switches too |

Public: `create_chapa_simulator(config)`, `ChapaSimulatorConfig`, `ChapaSwitches`.
"""

from payments.simulators.chapa.app import create_chapa_simulator
from payments.simulators.chapa.config import ChapaSimulatorConfig
from payments.simulators.chapa.switches import ChapaSwitches

__all__ = ["ChapaSimulatorConfig", "ChapaSwitches", "create_chapa_simulator"]

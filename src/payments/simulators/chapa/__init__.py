"""A faithful double of Chapa's API v1, with a checkout page a person can use.

Point a client's base address at where this is served: `{public_url}/v1/transaction/initialize` and so on.
Any well-formed key is accepted unless the configuration names some: `CHASECK_TEST-...` is test mode,
`CHASECK-...` is live. There is one merchant. Where Chapa's documentation and what was observed of it
differ, observed is the default and the other a switch.

Control surface (simulator only, JSON, no key):

`GET /_sim/switches`
    Every switch in force, and what is set for single references.
`PUT /_sim/switches [?tx_ref=]`
    Lay the body's switches over what is set, for everything or for one `tx_ref` (known or not yet). Null
    sets one back to its default. `ChapaSwitches` explains each; unknown names and values are answered 422.
`GET /_sim/calls [?tx_ref=&endpoint=&status=]`
    Every API call: endpoint, tx_ref, status answered (null: none), fault, body; with counts.
`GET /_sim/transactions`, `GET /_sim/transactions/{tx_ref}`
    What Chapa knows, with `checkout_url`, `link` (open, paid, cancelled, expired), refunds and events.
`POST /_sim/transactions/{tx_ref}/pay {"method"?, "phone_number"?}`
    The payer pays, whatever the state of the link. 409 when it is paid already.
`POST /_sim/transactions/{tx_ref}/fail {"reason"?, "method"?}`
    A try fails: the link stays open for ten more, and a webhook says so.
`POST /_sim/transactions/{tx_ref}/abandon`
    The payer leaves; nothing is sent.
`POST /_sim/transactions/{tx_ref}/refund {"amount"?}`
    The merchant refunds in the dashboard, wholly unless an amount is given.
`POST /_sim/transactions/{tx_ref}/reverse`
    The payment is reversed.
`GET /_sim/refunds`, `POST /_sim/refunds/{ref}/settle`, `POST /_sim/refunds/{ref}/reverse`
    Refunds, and their two ends.
`GET /_sim/webhooks [?tx_ref=&kind=&state=]`
    Every delivery of kind `webhook` or `callback`: body, headers, state (pending, delivered, gave_up, lost),
    each try with its answer. `pending` counts those still on their way.
`POST /_sim/webhooks/{id}/redeliver`
    Send these bytes again now, and answer with the delivery and what it was answered.
`POST /_sim/reset`
    Forget everything, switches too.

Public: `create_chapa_simulator(config)`, `ChapaSimulatorConfig`, `ChapaSwitches`.
"""

from payments.simulators.chapa.app import create_chapa_simulator
from payments.simulators.chapa.config import ChapaSimulatorConfig
from payments.simulators.chapa.switches import ChapaSwitches

__all__ = ["ChapaSimulatorConfig", "ChapaSwitches", "create_chapa_simulator"]

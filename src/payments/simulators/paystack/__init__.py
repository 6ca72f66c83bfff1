"""A faithful double of Paystack's API, with a checkout page a person can use.

Point a client's base address at where this is served: `{public_url}/transaction/initialize` and so on, as on
Paystack's own host. Only the configured keys are known: one opens test mode, the other live mode, and each
signs the webhooks of its mode. There is one merchant. Where Paystack's documentation and what was observed of
it differ, observed is the default and the other a switch.

Control surface (simulator only, JSON, no key):

`GET /_sim/switches`
    Every switch in force, and what is set for single references.
`PUT /_sim/switches [?reference=]`
    Lay the body's switches over what is set, for everything or for one reference (known or not yet). Null
    sets one back to its default. `PaystackSwitches` explains each; unknown names and values are answered 422.
`GET /_sim/calls [?reference=&endpoint=&status=]`
    Every API call: endpoint, reference, status answered (null: none), fault, body; with counts.
`GET /_sim/transactions`, `GET /_sim/transactions/{reference}`
    What Paystack knows, with `authorization_url`, refunds and disputes. This and what follows takes
    `?domain=live`; without, a reference is looked up in test mode first.
`POST /_sim/transactions/{reference}/pay {"channel"?, "card"?, "phone"?, "amount"?, "currency"?}`
    The customer pays, another amount or currency if it says so. 409 when it is paid already.
`POST /_sim/transactions/{reference}/decline {"reason"?, "channel"?}`
    A try is declined at its first step: the status stays `abandoned`. Nothing is sent.
`POST /_sim/transactions/{reference}/fail {"reason"?, "channel"?}`
    A try fails at a later step: the status is `failed`, the page can still be paid. Nothing is sent.
`POST /_sim/transactions/{reference}/abandon`
    The customer leaves; nothing is sent.
`POST /_sim/transactions/{reference}/refund {"amount"?}`
    The merchant refunds in the dashboard, all that is left unless an amount is given.
`POST /_sim/transactions/{reference}/dispute {"amount"?, "category"?, "message"?}`
    The customer's bank disputes the payment.
`GET /_sim/refunds`, `POST /_sim/refunds/{id}/{status}`
    Refunds; give one a status: pending, processing, processed, failed or needs-attention. A webhook says so.
`GET /_sim/disputes`, `POST /_sim/disputes/{id}/{action}`
    Disputes; `remind`, or resolve one: merchant-accepted, auto-accepted or declined. A webhook says so.
`GET /_sim/webhooks [?reference=&event=&state=]`
    Every delivery: body, headers, state (pending, delivered, gave_up, lost), each try with its answer.
    `pending` counts those still on their way.
`POST /_sim/webhooks/{id}/redeliver`
    Send these bytes again now, and answer with the delivery and what it was answered.
`POST /_sim/reset`
    Forget everything, switches too.

Public: `create_paystack_simulator(config)`, `PaystackSimulatorConfig`, `PaystackSwitches`.
"""

from payments.simulators.paystack.app import create_paystack_simulator
from payments.simulators.paystack.config import PaystackSimulatorConfig
from payments.simulators.paystack.switches import PaystackSwitches

__all__ = ["PaystackSimulatorConfig", "PaystackSwitches", "create_paystack_simulator"]

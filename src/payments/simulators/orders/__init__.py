"""A double of the orders service the payments service talks to, with seeded orders of `demo-user`.

It answers `GET /orders/{id}/` and takes `PATCH /orders/{id}/` (with and without the slash), both with the
bearer token, the second signed as Standard Webhooks. It keeps what a good receiver keeps: a message whose
`webhook-id` it has seen, or whose `sequence` is not above the last one, is answered 200 and changes
nothing. `failed` neither cancels nor restocks. An order that was cancelled answers 409 to `paid`.

Control surface (simulator only, JSON, no key):

`GET /_sim/switches`, `PUT /_sim/switches [?order_id=]`
    As in the simulated Chapa; see `OrdersSwitches`.
`GET /_sim/calls [?order_id=&endpoint=&status=]`
    Every call (endpoint `get` or `patch`) with its answer, and counts.
`GET /_sim/orders`, `GET /_sim/orders/{id}`
    Orders with `payment_status`, and what they were told.
`PUT /_sim/orders/{id} {"amount"?, "currency"?, "user_id"?, "title"?, "payable"?, "customer"?}`
    Create the order, or edit it and raise its `version`.
`POST /_sim/orders/{id}/cancel`
    No longer payable; `paid` is answered 409 from now on.
`GET /_sim/messages [?order_id=]`
    Every PATCH in the order of arrival, duplicates and refused ones too, each with its `outcome` (applied,
    duplicate, stale, refused) and the status answered.
`POST /_sim/reset`
    Back to the seeded orders, switches off.

Public: `create_orders_simulator(config)`, `OrdersSimulatorConfig`, `OrdersSwitches`, `SEEDED_ORDERS`.
"""

from payments.simulators.orders.app import create_orders_simulator
from payments.simulators.orders.config import OrdersSimulatorConfig, OrdersSwitches
from payments.simulators.orders.seeds import SEEDED_ORDERS

__all__ = ["SEEDED_ORDERS", "OrdersSimulatorConfig", "OrdersSwitches", "create_orders_simulator"]

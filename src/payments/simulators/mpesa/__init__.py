"""A faithful double of Safaricom's Daraja (M-PESA, Kenya), with the payers' phones a person can use.

Point a client's base address at where this is served: `{public_url}/oauth/v1/generate`,
`{public_url}/mpesa/stkpush/v1/processrequest` and so on. There is one app with one shortcode; the defaults
are the public sandbox pair. Where Daraja's documentation and what was observed of it differ, observed is the
default and the other a switch. Pages: `/phone/` lists the numbers with a live prompt, `/phone/{msisdn}/` is
the phone itself.

Control surface (simulator only, JSON, no key):

`GET /_sim/switches`
    Every switch in force, and what is set for single numbers.
`PUT /_sim/switches [?phone=]`
    Lay the body's switches over what is set, for everything or for one payer's number (12 digits, known or
    not yet). Null sets one back to its default. `MpesaSwitches` explains each; unknown names and values are
    answered 422.
`GET /_sim/calls [?phone=&endpoint=&status=]`
    Every API call: endpoint (oauth, push, query, reversal, status, c2b_register, c2b_simulate), phone, status
    answered (null: none), fault, body without its secrets; with counts.
`GET /_sim/prompts [?phone=&state=&account_reference=&code=]`, `GET /_sim/prompts/{checkout_request_id}`
    Prompts: state (live, answered, ended), code, receipt, what the phone shows, `phone_url`.
`POST /_sim/prompts/{checkout_request_id}/{action}`
    What the payer does with a live prompt: `approve`, `wrong_pin`, `cancel`, `low_balance`, `unreachable`
    (the result follows after `processing_s`), `ignore` (it closes at the end of its life) and `late_success`
    (it ends unanswered, or has ended unpaid, and is paid after that). 409 when it is too late.
`POST /_sim/prompts/{checkout_request_id}/result {"code"}`
    The prompt ends with this result code now.
`GET /_sim/payments [?phone=&account_reference=]`, `POST /_sim/payments/{receipt}/reverse`
    Money that arrived, by prompt or by hand; a reversal in the portal, which tells the shop nothing.
`GET /_sim/reversals`, `GET /_sim/statuses` `[?transaction_id=&state=]`
    Requests that were acknowledged: state (pending, completed, failed, timed_out), code, receipt.
`POST /_sim/reversals/{conversation_id}/{settle | fail {"code"?} | time_out}`, and so for `statuses`
    End a pending one now.
`GET /_sim/callbacks [?phone=&kind=&state=&event=]`
    Every delivery of kind `callback`, `result`, `queue_timeout`, `confirmation` or `validation`: body,
    headers, state (pending, delivered, gave_up, lost), each try with its answer. `event` is the
    CheckoutRequestID, ConversationID or receipt. `pending` counts those still on their way.
`POST /_sim/callbacks/{id}/redeliver`
    Send these bytes again now, and answer with the delivery and what it was answered.
`GET /_sim/phones/{phone}/messages`
    The SMS this payer got.
`POST /_sim/tokens/revoke`, `POST /_sim/initiator/unlock`
    End every access token; forgive the initiator's wrong passwords.
`GET /_sim/certificate`
    The certificate to encrypt the initiator's password with, as PEM.
`POST /_sim/reset`
    Forget everything, switches and tokens too; the initiator's key stays.

Public: `create_mpesa_simulator(config)`, `MpesaSimulatorConfig`, `MpesaSwitches`, the public sandbox pair
`SANDBOX_SHORTCODE` and `SANDBOX_PASSKEY`, and `new_private_key`, `certificate_of` for who wants the
certificate before the simulator runs.
"""

from payments.simulators.mpesa.app import create_mpesa_simulator
from payments.simulators.mpesa.config import SANDBOX_PASSKEY, SANDBOX_SHORTCODE, MpesaSimulatorConfig
from payments.simulators.mpesa.credentials import certificate_of, new_private_key
from payments.simulators.mpesa.switches import MpesaSwitches

__all__ = [
    "SANDBOX_PASSKEY",
    "SANDBOX_SHORTCODE",
    "MpesaSimulatorConfig",
    "MpesaSwitches",
    "certificate_of",
    "create_mpesa_simulator",
    "new_private_key",
]

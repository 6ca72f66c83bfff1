"""The service with the real gateways of all three providers, whose companies answer from a script."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import attrs
import httpx
from starlette.applications import Starlette
from starlette.types import Message

from payments.adapters.cipher import AesGcmCipher
from payments.adapters.memory.repository import Tables
from payments.adapters.memory.shared_state import MemorySharedState
from payments.adapters.memory.unit_of_work import MemoryUnitOfWork
from payments.adapters.notifiers.memory import MemoryNotifier
from payments.adapters.orders.memory import MemoryOrders
from payments.adapters.providers import chapa, mpesa, paystack
from payments.adapters.providers.surroundings import Surroundings
from payments.adapters.secret import Secret
from payments.adapters.system import RandomIdentifiers
from payments.application.addresses import Addresses
from payments.application.payments import Payments
from payments.application.ports.orders import Order
from payments.application.ports.providers import Providers
from payments.bootstrap import assemble
from payments.domain.money import Money
from payments.domain.payment import Customer
from payments.entrypoints.http import create_app
from payments.testing import MovableClock
from tests.integration.http.door import PUBLIC_URL, SETTINGS
from tests.unit.adapters.providers import chapa_account, mpesa_account, paystack_account

CHAPA_SECRET: Final = b"a-hash-known-to-chapa-and-us-alone"
PAYSTACK_SECRET: Final = paystack_account.KEY.encode()

ORDERS: Final = {"chapa": ("ETB", "250.00"), "paystack": ("KES", "5000.00"), "mpesa": ("KES", "250.00")}


@attrs.define
class Companies:
    """Chapa, Paystack and Safaricom: each opens what it is asked to, and says that nobody has paid yet."""

    calls: Counter[str] = attrs.field(factory=Counter)
    callback_url: str = ""
    """Where M-Pesa was told to report to."""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.calls[request.url.host] += 1
        sent = json.loads(request.content) if request.content.startswith(b"{") else {}
        said = self._said(request.url.path, sent)
        return httpx.Response(said.status, content=said.body)

    def _said(self, path: str, sent: dict[str, Any]) -> Any:
        if path.startswith("/oauth/"):
            return mpesa_account.said(200, {"access_token": "token", "expires_in": "3599"})
        if "CallBackURL" in sent:
            self.callback_url = sent["CallBackURL"]
            return mpesa_account.accepted()
        if "tx_ref" in sent:
            return chapa_account.hosted()
        if path == "/transaction/initialize":
            data = {"authorization_url": paystack_account.PAGE, "reference": sent["reference"]}
            return paystack_account.told(200, "Authorization URL created", data)
        return self._not_paid(path)

    def _not_paid(self, path: str) -> Any:
        if path.startswith("/mpesa/"):
            return mpesa_account.error(500, "500.001.1001", "The transaction is being processed")
        if path.startswith("/v1/"):
            return chapa_account.said(404, "Invalid transaction or Transaction not found")
        return paystack_account.refused(400, "Transaction reference not found.")


@attrs.frozen(kw_only=True)
class Shop:
    """A running service in this process, three orders of which are about to be paid."""

    app: Starlette
    payments: Payments
    storage: MemoryUnitOfWork
    companies: Companies
    orders: MemoryOrders
    notifier: MemoryNotifier
    references: dict[str, str]
    clock: MovableClock

    @property
    def tables(self) -> Tables:
        return self.storage._committed

    def without_notices(self) -> Tables:
        """All that is kept but the inbox."""
        return attrs.evolve(self.tables, notices={}, notice_leases={})

    async def post(self, path: str, headers: list[tuple[bytes, bytes]], body: bytes) -> tuple[int, bytes]:
        """Post as a server would hand it over; the status and body of the answer."""
        status, answered = 0, b""

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            nonlocal status, answered
            status = message.get("status", status)
            answered += message.get("body", b"")

        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(b"host", b"pay.example"), *headers],
            "client": ("192.0.2.1", 1),
            "server": ("pay.example", 80),
        }
        await self.app(scope, receive, send)
        return status, answered


async def open_shop() -> Shop:
    """A shop whose three orders were initiated, one with each provider."""
    companies, clock, storage = Companies(), MovableClock(), MemoryUnitOfWork()
    shared_state, orders, notifier = MemorySharedState(clock), MemoryOrders(), MemoryNotifier()
    cipher = AesGcmCipher.of([b"the-key-of-all-processes"])
    surroundings = Surroundings(
        client=httpx.AsyncClient(transport=httpx.MockTransport(companies), trust_env=False),
        clock=clock,
        shared_state=shared_state,
        cipher=cipher,
    )
    with_secret = attrs.evolve(chapa_account.SETTINGS, webhook_secrets=(Secret(CHAPA_SECRET.decode()),))
    built = (
        chapa.build(with_secret, surroundings),
        paystack.build(paystack_account.SETTINGS, surroundings),
        mpesa.build(mpesa_account.SETTINGS, surroundings),
    )
    payments = assemble(
        Addresses(PUBLIC_URL),
        cipher=cipher,
        clock=clock,
        identifiers=RandomIdentifiers(),
        notifier=notifier,
        orders=orders,
        providers=Providers({provider.name: provider for provider in built}),
        shared_state=shared_state,
        unit_of_work=storage,
    )
    references = {}
    for provider, (currency, amount) in ORDERS.items():
        orders.put(_order(f"order_{provider}", Money.of(amount, currency)))
        initiated = await payments.initiate(
            f"order_{provider}", "user_1", provider, phone_number="254712345678"
        )
        references[provider] = initiated.reference
    return Shop(
        app=create_app(payments, SETTINGS),
        payments=payments,
        storage=storage,
        companies=companies,
        orders=orders,
        notifier=notifier,
        references=references,
        clock=clock,
    )


def _order(order_id: str, amount: Money) -> Order:
    customer = Customer(email="sara@shop.example", first_name="Sara", phone_number="254712345678")
    return Order(
        order_id=order_id, user_id="user_1", amount=amount, payable=True, version="1", customer=customer
    )


def genuine_of_chapa(reference: str) -> list[dict[str, Any]]:
    """What Chapa sends (fact sheet, section 6), about one of ours."""
    charge = {
        "event": "charge.success",
        "type": "API",
        "tx_ref": reference,
        "reference": "AP6vhG7tGbCQ",
        "status": "success",
        "amount": "250.00",
        "charge": "8.75",
        "currency": "ETB",
        "mode": "test",
        "email": "sara@shop.example",
        "first_name": "Sara",
        "mobile": "251900123456",
        "payment_method": "telebirr",
        "customization": {"title": None, "description": None, "logo": None},
        "meta": [{"a": 1}],
        "created_at": "2026-11-28T10:00:00.000000Z",
    }
    return [
        charge,
        {**charge, "event": "charge.failed/cancelled", "status": "failed/cancelled"},
        {**charge, "event": "charge.refunded", "status": "refunded"},
        {"event": "refund.success", "tx_ref": reference, "refund_reference": "R-1", "amount": 250},
        {"tx_ref": reference, "status": "success", "amount": 250.00},
    ]


def genuine_of_paystack(reference: str) -> list[dict[str, Any]]:
    """What Paystack sends (fact sheet, section 10), about one of ours."""
    transaction = {
        "id": 4099260516,
        "domain": "test",
        "status": "success",
        "reference": reference,
        "amount": 500000,
        "requested_amount": 500000,
        "currency": "KES",
        "channel": "card",
        "gateway_response": "Successful",
        "paid_at": "2026-11-28T10:00:00.000Z",
        "metadata": {"order": "order_paystack"},
        "authorization": {"authorization_code": "AUTH_x", "bin": "408408", "last4": "4081", "reusable": True},
        "customer": {"id": 1, "email": "sara@shop.example", "phone": None},
        "log": {"history": [{"type": "action", "message": "Attempted", "time": 3}]},
    }
    refund = {
        "status": "processed",
        "transaction_reference": reference,
        "refund_reference": "R-1",
        "amount": "500000",
        "currency": "KES",
    }
    return [
        {"event": "charge.success", "data": transaction},
        {"event": "refund.processed", "data": refund},
        {"event": "charge.dispute.create", "data": {"id": 1, "transaction": transaction}},
        {"tx_ref": reference, "status": "success", "amount": "5000.00"},
    ]


def genuine_of_mpesa(_reference: str) -> list[dict[str, Any]]:
    """What M-Pesa reports (fact sheet, sections 4 and 7)."""
    items = [
        {"Name": "Amount", "Value": 250.00},
        {"Name": "MpesaReceiptNumber", "Value": "NLJ7RT61SV"},
        {"Name": "Balance"},
        {"Name": "TransactionDate", "Value": 20191219102115},
        {"Name": "PhoneNumber", "Value": 254708374149},
    ]
    push = {
        "MerchantRequestID": "29115-34620561-1",
        "CheckoutRequestID": mpesa_account.NAME,
        "ResultCode": 0,
        "ResultDesc": "The service request is processed successfully.",
        "CallbackMetadata": {"Item": items},
    }
    result = {
        "ResultType": 0,
        "ResultCode": 0,
        "ResultDesc": "The service request is processed successfully.",
        "OriginatorConversationID": "8521-4298025-1",
        "ConversationID": "AG_20211114_201018edbbf9f1582eaa",
        "TransactionID": "SK7771RT61",
        "ResultParameters": {"ResultParameter": [{"Key": "Amount", "Value": "250.00"}]},
    }
    return [
        {"Body": {"stkCallback": push}},
        {"Body": {"stkCallback": {**push, "ResultCode": 1032, "ResultDesc": "Request cancelled by user"}}},
        {"Result": result},
    ]


GENUINE: Final[dict[str, Callable[[str], list[dict[str, Any]]]]] = {
    "chapa": genuine_of_chapa,
    "paystack": genuine_of_paystack,
    "mpesa": genuine_of_mpesa,
}

"""The same work as the other peers' in the plain style of small services: functions in threads over SQLite.

Starlette runs each handler in its pool of threads; SQLAlchemy Core writes the statements and runs them, one
connection a thread; httpx2's client is shared. WAL, ``synchronous=FULL`` and BEGIN IMMEDIATE, as money needs.
"""

import hashlib
import hmac
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx2
import jwt
import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    ForeignKey,
    Index,
    MetaData,
    Row,
    String,
    Table,
    Text,
    bindparam,
    create_engine,
    event,
    insert,
    select,
    tuple_,
    update,
)
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

AUTH_KEY, SECRET = os.environ["PEER_JWT_KEY"], os.environ["PEER_WEBHOOK_SECRET"].encode()
ORDERS, PROVIDER = os.environ["PEER_ORDERS"], os.environ["PEER_PROVIDER"]
PAGE = 20

tables = MetaData()
PAYMENT = Table(
    "payment",
    tables,
    Column("id", String(36), primary_key=True),
    Column("reference", String(64), nullable=False, unique=True),
    Column("user_id", String(64), nullable=False),
    Column("order_id", String(36), nullable=False),
    Column("provider", String(16), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("status", String(16), nullable=False),
    Column("checkout_url", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Index("payment_user", "user_id", "created_at", "id"),
)
ATTEMPT = Table(
    "attempt",
    tables,
    Column("id", String(36), primary_key=True),
    Column("payment_id", ForeignKey("payment.id"), nullable=False, index=True),
    Column("provider", String(16), nullable=False),
    Column("status", String(16), nullable=False),
    Column("created_at", BigInteger, nullable=False),
)
EVENT = Table(
    "event",
    tables,
    Column("id", String(36), primary_key=True),
    Column("payment_id", ForeignKey("payment.id"), nullable=False, index=True),
    Column("kind", String(32), nullable=False),
    Column("payload", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)
OUTBOX = Table(
    "outbox",
    tables,
    Column("id", String(36), primary_key=True),
    Column("topic", String(64), nullable=False),
    Column("payload", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("sent_at", BigInteger),
)

ADD_PAYMENT, ADD_ATTEMPT, ADD_EVENT, ADD_OUTBOX = map(insert, (PAYMENT, ATTEMPT, EVENT, OUTBOX))
OPENED = (
    update(PAYMENT)
    .where(PAYMENT.c.id == bindparam("this"))
    .values(status="processing", checkout_url=bindparam("url"), updated_at=bindparam("now"))
)
ACCEPTED = update(ATTEMPT).where(ATTEMPT.c.id == bindparam("this")).values(status="accepted")
BY_REFERENCE = select(PAYMENT).where(
    PAYMENT.c.reference == bindparam("reference"), PAYMENT.c.provider == bindparam("provider")
)
BY_ID = select(PAYMENT).where(PAYMENT.c.id == bindparam("this"))
ENDED = (
    update(PAYMENT)
    .where(PAYMENT.c.id == bindparam("this"))
    .values(status=bindparam("new"), updated_at=bindparam("now"))
)
NEWEST = (
    select(PAYMENT)
    .where(PAYMENT.c.user_id == bindparam("user"))
    .order_by(PAYMENT.c.created_at.desc(), PAYMENT.c.id.desc())
    .limit(PAGE + 1)
)
OLDER = NEWEST.where(tuple_(PAYMENT.c.created_at, PAYMENT.c.id) < tuple_(bindparam("at"), bindparam("last")))

engine = create_engine(f"sqlite:///{os.environ['PEER_DB']}", pool_size=40, connect_args={"timeout": 30})


@event.listens_for(engine, "connect")
def _connected(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


@event.listens_for(engine, "begin")
def _begun(connection: Connection) -> None:
    connection.exec_driver_sql(
        "BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN"
    )


writing = engine.execution_options(writes=True)


class Refused(Exception):
    """An answer that is not 200."""

    def __init__(self, status: int) -> None:
        self.status = status


class InitiateBody(msgspec.Struct):
    provider: str


class Notice(msgspec.Struct):
    tx_ref: str
    status: str
    amount: Decimal


_initiate_body, _notice = msgspec.json.Decoder(InitiateBody), msgspec.json.Decoder(Notice)


def _now() -> int:
    return int(datetime.now(UTC).timestamp() * 1_000_000)


def _minor(amount: str) -> int:
    return int(Decimal(amount) * 100)


def _user(request: Request) -> str:
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    try:
        claims = jwt.decode(given, AUTH_KEY, algorithms=["HS256"], options={"require": ["exp", "sub"]})
    except jwt.InvalidTokenError as error:
        raise Refused(401) from error
    return str(claims["sub"])


def _ask(request: Request, method: str, url: str, body: dict[str, Any] | None = None) -> Any:
    headers = {"Authorization": "Bearer CHASECK_TEST-0000"}
    try:
        response = request.app.state.client.request(method, url, json=body, headers=headers)
    except httpx2.HTTPError as error:
        raise Refused(502) from error
    if response.status_code != 200:
        raise Refused(502)
    return response.json()


def _answer(body: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")


async def initiate(request: Request) -> Response:
    return await run_in_threadpool(_initiate, request, await request.body())


def _initiate(request: Request, raw: bytes) -> Response:
    user, body, order_id = _user(request), _initiate_body.decode(raw), str(request.path_params["order_id"])
    order = _ask(request, "GET", f"{ORDERS}{order_id}")
    if order["user_id"] != user:
        raise Refused(403)
    if order["status"] != "open":
        raise Refused(409)
    now, payment_id, attempt_id, reference = (
        _now(),
        str(uuid.uuid4()),
        str(uuid.uuid4()),
        f"pay-{uuid.uuid4().hex}",
    )
    payment = {
        "id": payment_id,
        "reference": reference,
        "user_id": user,
        "order_id": order_id,
        "provider": body.provider,
        "amount_minor": _minor(order["amount"]),
        "currency": order["currency"],
        "status": "pending",
        "created_at": now,
        "updated_at": now,
    }
    attempt = {"id": attempt_id, "payment_id": payment_id, "provider": body.provider, "created_at": now}
    with writing.begin() as connection:
        connection.execute(ADD_PAYMENT, payment)
        connection.execute(ADD_ATTEMPT, {**attempt, "status": "created"})
        connection.execute(ADD_EVENT, _event(payment_id, "created", {"to": "pending"}))
    asked = {"amount": order["amount"], "currency": order["currency"], "tx_ref": reference}
    url = _ask(request, "POST", f"{PROVIDER}initialize", asked)["data"]["checkout_url"]
    with writing.begin() as connection:
        connection.execute(OPENED, {"this": payment_id, "url": url, "now": _now()})
        connection.execute(ACCEPTED, {"this": attempt_id})
    return _answer({"checkout_url": url, "payment_id": payment_id})


def _event(payment_id: str, kind: str, payload: dict[str, str]) -> dict[str, Any]:
    written = msgspec.json.encode(payload).decode()
    return {
        "id": str(uuid.uuid4()),
        "payment_id": payment_id,
        "kind": kind,
        "payload": written,
        "created_at": _now(),
    }


async def verify(request: Request) -> Response:
    return await run_in_threadpool(_verify, request, await request.body())


def _verify(request: Request, raw: bytes) -> Response:
    given = request.headers.get("x-chapa-signature", "")
    if not hmac.compare_digest(hmac.digest(SECRET, raw, hashlib.sha256).hex().encode(), given.encode()):
        raise Refused(401)
    notice = _notice.decode(raw)
    with engine.begin() as connection:
        named = {"reference": notice.tx_ref, "provider": request.path_params["provider"]}
        payment = connection.execute(BY_REFERENCE, named).first()
    if payment is None:
        raise Refused(404)
    if payment.status == "success":
        return _answer({"status": "success", "repeated": True})
    data = _ask(request, "GET", f"{PROVIDER}verify/{payment.reference}")["data"]
    told = (data["tx_ref"], _minor(data["amount"]), data["currency"])
    if told != (payment.reference, payment.amount_minor, payment.currency):
        raise Refused(409)
    new = "success" if data["status"] == "success" else "failed"
    with writing.begin() as connection:
        locked = connection.execute(BY_ID, {"this": payment.id}).one()
        if locked.status == "success":
            return _answer({"status": "success", "repeated": True})
        connection.execute(ENDED, {"this": payment.id, "new": new, "now": _now()})
        connection.execute(ADD_EVENT, _event(payment.id, "status", {"from": locked.status, "to": new}))
        message = msgspec.json.encode({"payment_id": payment.id, "status": new}).decode()
        topic = {"topic": "order.payment_status", "payload": message}
        connection.execute(ADD_OUTBOX, {"id": str(uuid.uuid4()), "created_at": _now(), **topic})
    return _answer({"status": new})


def history(request: Request) -> Response:
    user, cursor = _user(request), request.query_params.get("cursor")
    with engine.begin() as connection:
        if cursor is None:
            found = connection.execute(NEWEST, {"user": user}).all()
        else:
            at, _, last = cursor.partition("_")
            found = connection.execute(OLDER, {"user": user, "at": int(at), "last": last}).all()
    shown = found[:PAGE]
    more = f"{shown[-1].created_at}_{shown[-1].id}" if len(found) > PAGE else None
    return _answer({"results": [_shown(row) for row in shown], "next": more})


def one(request: Request) -> Response:
    user = _user(request)
    with engine.begin() as connection:
        found = connection.execute(BY_ID, {"this": str(request.path_params["payment_id"])}).first()
    if found is None or found.user_id != user:
        raise Refused(404)
    return _answer(_shown(found))


def _shown(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "reference": row.reference,
        "order_id": row.order_id,
        "provider": row.provider,
        "amount": f"{row.amount_minor // 100}.{row.amount_minor % 100:02}",
        "currency": row.currency,
        "status": row.status,
        "created_at": datetime.fromtimestamp(row.created_at / 1e6, UTC).isoformat(),
        "updated_at": datetime.fromtimestamp(row.updated_at / 1e6, UTC).isoformat(),
    }


async def refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return _answer({"error": error.status}, error.status)


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    limits = httpx2.Limits(max_connections=64, max_keepalive_connections=64)
    with httpx2.Client(timeout=httpx2.Timeout(10, connect=2), limits=limits, trust_env=False) as client:
        app.state.client = client
        yield
    engine.dispose()


app = Starlette(
    routes=[
        Route("/payments/", history),
        Route("/payments/initiate/{order_id:uuid}/", initiate, methods=["POST"]),
        Route("/payments/verify/{provider}/", verify, methods=["POST"]),
        Route("/payments/{payment_id:uuid}/", one),
    ],
    exception_handlers={Refused: refused},
    lifespan=lifespan,
)


if __name__ == "__main__":
    tables.create_all(engine)

"""The same work as the Django peer's in FastAPI: pydantic, SQLAlchemy's ORM over asyncpg, httpx.

What a careful team writes from the documentation: async all the way, one engine and one client a process, a
session a request, a row lock where it settles, no connection held over a call.
"""

import hashlib
import hmac
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import httpx
import jwt
from fastapi import Depends, FastAPI, Header, HTTPException, Request
from pydantic import BaseModel, ConfigDict
from sqlalchemy import DateTime, ForeignKey, Index, Numeric, String, Text, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

AUTH_KEY, SECRET = os.environ["PEER_JWT_KEY"], os.environ["PEER_WEBHOOK_SECRET"].encode()
ORDERS, PROVIDER = os.environ["PEER_ORDERS"], os.environ["PEER_PROVIDER"]
DATABASE = os.environ["PEER_DB"].replace("postgresql://", "postgresql+asyncpg://")
PAGE = 20

engine = create_async_engine(DATABASE, pool_size=10, max_overflow=0)
sessions = async_sessionmaker(engine, expire_on_commit=False)


def _now() -> datetime:
    return datetime.now(UTC)


class Base(DeclarativeBase):
    pass


class Payment(Base):
    __tablename__ = "payment"
    __table_args__ = (Index("payment_user", "user_id", "created_at", "id"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    reference: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[str] = mapped_column(String(64))
    order_id: Mapped[uuid.UUID]
    provider: Mapped[str] = mapped_column(String(16))
    amount: Mapped[Decimal] = mapped_column(Numeric(18, 2))
    currency: Mapped[str] = mapped_column(String(3))
    status: Mapped[str] = mapped_column(String(16), default="pending")
    checkout_url: Mapped[str | None] = mapped_column(String(500))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=_now)
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=_now, onupdate=_now)


class Attempt(Base):
    __tablename__ = "attempt"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    payment_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("payment.id"), index=True)
    provider: Mapped[str] = mapped_column(String(16))
    status: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=_now)


class Event(Base):
    __tablename__ = "event"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    payment_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("payment.id"), index=True)
    kind: Mapped[str] = mapped_column(String(32))
    payload: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=_now)


class Outbox(Base):
    __tablename__ = "outbox"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    topic: Mapped[str] = mapped_column(String(64))
    payload: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=_now)
    sent_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class InitiateBody(BaseModel):
    provider: Literal["chapa", "paystack", "mpesa", "cash"]


class Notice(BaseModel):
    tx_ref: str
    status: Literal["success", "failed", "pending"]
    amount: Decimal


class Shown(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    reference: str
    order_id: uuid.UUID
    provider: str
    amount: Decimal
    currency: str
    status: str
    created_at: datetime
    updated_at: datetime


class Page(BaseModel):
    results: list[Shown]
    next: str | None


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
    async with httpx.AsyncClient(
        timeout=httpx.Timeout(10, connect=2), limits=limits, trust_env=False
    ) as client:
        app.state.client = client
        yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)


async def session() -> AsyncIterator[AsyncSession]:
    async with sessions() as opened:
        yield opened


def user(authorization: Annotated[str, Header()]) -> str:
    try:
        claims = jwt.decode(
            authorization.removeprefix("Bearer "),
            AUTH_KEY,
            algorithms=["HS256"],
            options={"require": ["exp", "sub"]},
        )
    except jwt.InvalidTokenError as error:
        raise HTTPException(401) from error
    return str(claims["sub"])


Session = Annotated[AsyncSession, Depends(session)]
User = Annotated[str, Depends(user)]


async def _json(
    client: httpx.AsyncClient, method: str, url: str, body: dict[str, Any] | None = None
) -> dict[str, Any]:
    try:
        response = await client.request(
            method, url, json=body, headers={"Authorization": "Bearer CHASECK_TEST-0000"}
        )
    except httpx.HTTPError as error:
        raise HTTPException(502) from error
    if response.status_code != httpx.codes.OK:
        raise HTTPException(502)
    answer: dict[str, Any] = response.json()
    return answer


@app.post("/payments/initiate/{order_id}/")
async def initiate(
    order_id: uuid.UUID, body: InitiateBody, request: Request, user: User, session: Session
) -> dict[str, str]:
    client = request.app.state.client
    order = await _json(client, "GET", f"{ORDERS}{order_id}")
    if order["user_id"] != user:
        raise HTTPException(403)
    if order["status"] != "open":
        raise HTTPException(409)
    async with session.begin():
        payment = Payment(
            reference=f"pay-{uuid.uuid4().hex}",
            user_id=user,
            order_id=order_id,
            provider=body.provider,
            amount=Decimal(order["amount"]),
            currency=order["currency"],
        )
        session.add(payment)
        await session.flush()
        attempt = Attempt(payment_id=payment.id, provider=body.provider, status="created")
        session.add_all([attempt, Event(payment_id=payment.id, kind="created", payload='{"to":"pending"}')])
    asked = {"amount": str(payment.amount), "currency": payment.currency, "tx_ref": payment.reference}
    answer = await _json(client, "POST", f"{PROVIDER}initialize", asked)
    async with session.begin():
        payment.status, payment.checkout_url = "processing", answer["data"]["checkout_url"]
        attempt.status = "accepted"
    return {"checkout_url": str(payment.checkout_url), "payment_id": str(payment.id)}


@app.post("/payments/verify/{provider}/")
async def verify(provider: str, request: Request, session: Session) -> dict[str, Any]:
    raw = await request.body()
    given = request.headers.get("x-chapa-signature", "")
    if not hmac.compare_digest(hmac.new(SECRET, raw, hashlib.sha256).hexdigest().encode(), given.encode()):
        raise HTTPException(401)
    notice = Notice.model_validate_json(raw)
    async with session.begin():
        query = select(Payment).where(Payment.reference == notice.tx_ref, Payment.provider == provider)
        payment = (await session.scalars(query)).first()
    if payment is None:
        raise HTTPException(404)
    if payment.status == "success":
        return {"status": payment.status, "repeated": True}
    answer = (await _json(request.app.state.client, "GET", f"{PROVIDER}verify/{payment.reference}"))["data"]
    if (answer["tx_ref"], Decimal(answer["amount"]), answer["currency"]) != (
        payment.reference,
        payment.amount,
        payment.currency,
    ):
        raise HTTPException(409)
    status = "success" if answer["status"] == "success" else "failed"
    async with session.begin():
        locked = (
            await session.scalars(select(Payment).where(Payment.id == payment.id).with_for_update())
        ).one()
        if locked.status == "success":
            return {"status": locked.status, "repeated": True}
        session.add_all(
            [
                Event(
                    payment_id=locked.id,
                    kind="status",
                    payload=f'{{"from":"{locked.status}","to":"{status}"}}',
                ),
                Outbox(
                    topic="order.payment_status",
                    payload=f'{{"payment_id":"{locked.id}","status":"{status}"}}',
                ),
            ]
        )
        locked.status = status
    return {"status": status}


@app.get("/payments/")
async def history(user: User, session: Session, cursor: str | None = None) -> Page:
    query = select(Payment).where(Payment.user_id == user)
    if cursor is not None:
        at, _, last = cursor.partition("_")
        query = query.where(
            tuple_(Payment.created_at, Payment.id) < (datetime.fromisoformat(at), uuid.UUID(last))
        )
    query = query.order_by(Payment.created_at.desc(), Payment.id.desc()).limit(PAGE + 1)
    found = list(await session.scalars(query))
    shown = found[:PAGE]
    more = f"{shown[-1].created_at.isoformat()}_{shown[-1].id}" if len(found) > PAGE else None
    return Page(results=[Shown.model_validate(payment) for payment in shown], next=more)


@app.get("/payments/{payment_id}/")
async def one(payment_id: uuid.UUID, user: User, session: Session) -> Shown:
    query = select(Payment).where(Payment.id == payment_id, Payment.user_id == user)
    found = (await session.scalars(query)).first()
    if found is None:
        raise HTTPException(404)
    return Shown.model_validate(found)


async def make_tables() -> None:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    await engine.dispose()


if __name__ == "__main__":
    import asyncio

    asyncio.run(make_tables())

"""The fields of requests and answers: what each may look like, and what it means."""

from datetime import datetime
from typing import Annotated, Final, TypeAlias
from uuid import UUID

from msgspec import Meta

ORDER_ID_PATTERN: Final = "^[A-Za-z0-9_-]{1,64}$"
REFERENCE_PATTERN: Final = "^[A-Za-z0-9_-]{1,64}$"

NO_CONTROLS: Final = {"pattern": r"^[^\x00-\x1f\x7f-\x9f]*$"}
"""What the document says of free text; reading refuses control characters everywhere."""
SAYS_SOMETHING: Final = r"^(?!\s*$)[^\x00-\x1f\x7f-\x9f]*$"

OrderId: TypeAlias = Annotated[
    str,
    Meta(
        pattern=ORDER_ID_PATTERN,
        description="The shop's own name for the order: 1 to 64 letters, digits, _ or -.",
        examples=["order_123"],
    ),
]
ProviderName: TypeAlias = Annotated[
    str,
    Meta(
        pattern="^[a-z][a-z0-9_-]{0,31}$", description="A provider that is switched on.", examples=["chapa"]
    ),
]
PhoneNumber: TypeAlias = Annotated[
    str,
    Meta(
        # Blanks, hyphens, dots and parentheses as people write them, and 00 in place of a plus.
        pattern=r"^[ (]*\+?([ ().-]*[0-9]){7,17}[ ().-]*$",
        max_length=40,
        description="The payer's phone, where the provider prompts on it. Default: the order's customer's.",
        examples=["+254700000000"],
    ),
]
CallbackToken: TypeAlias = Annotated[
    str,
    Meta(description="The secret of one attempt or refund.", examples=["3f9c2a7be1d04c5f8a6b9e0d1c2f3a4b"]),
]
PageKey: TypeAlias = Annotated[
    str,
    Meta(
        pattern="^[A-Za-z0-9_-]{1,32}$",
        description="The key of the configured page the payer comes back to. Default: our own status page.",
    ),
]
Amount: TypeAlias = Annotated[
    str,
    Meta(
        pattern=r"^-?[0-9]{1,18}(\.[0-9]{1,4})?$",
        description="Decimal text with exactly the currency's own digits.",
        examples=["1000.00"],
    ),
]
CurrencyCode: TypeAlias = Annotated[
    str, Meta(pattern="^[A-Z]{3}$", description="ISO 4217.", examples=["ETB"])
]
Instant: TypeAlias = Annotated[
    datetime, Meta(tz=True, description="RFC 3339, UTC.", examples=["2026-01-31T12:00:00Z"])
]
PaymentId: TypeAlias = Annotated[
    UUID, Meta(description="UUID version 7.", examples=["019b76da-a800-7a3e-8a2c-5d3f6b1c9e40"])
]
ReviewId: TypeAlias = Annotated[
    UUID, Meta(description="Names one review.", examples=["6f1c2a7e-9d0b-5c0e-9a55-0c7f1b1f7a10"])
]
RefundId: TypeAlias = Annotated[UUID, Meta(examples=["019b76da-a800-7a3e-8a2c-5d3f6b1c9e41"])]
RefundAmount: TypeAlias = Annotated[
    str,
    Meta(
        pattern=r"^[0-9]{1,18}(\.[0-9]{1,4})?$",
        description="Decimal text in the currency of the money that arrived.",
        examples=["1000.00"],
    ),
]
Why: TypeAlias = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=500,
        pattern=SAYS_SOMETHING,
        description="Why, for the audit trail and the provider.",
        examples=["The parcel came back."],
    ),
]
Reference: TypeAlias = Annotated[
    str,
    Meta(description="Our own name for the attempt, unguessable.", examples=["p-q3m7zk5v2h4t6x7w2y4r6n2b4d"]),
]
CheckoutUrl: TypeAlias = Annotated[
    str,
    Meta(description="Where the payer pays.", examples=["https://checkout.chapa.co/checkout/payment/x"]),
]
GivenReference: TypeAlias = Annotated[
    str, Meta(pattern=REFERENCE_PATTERN, description="Our reference; all names given must agree.")
]
CollectionId: TypeAlias = Annotated[
    str,
    Meta(
        pattern="^[A-Za-z0-9_-]{1,64}$",
        description="The collector's own name for the record; the same one is the same cash.",
        examples=["door-2026-01-31-0042"],
    ),
]
HandoverId: TypeAlias = Annotated[
    str,
    Meta(
        pattern="^[A-Za-z0-9_-]{1,64}$",
        description="The shop's own name for the hand-over; the same one is the same hand-over.",
        examples=["evening-2026-01-31-rider_7"],
    ),
]
Collector: TypeAlias = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=255,
        extra_json_schema=NO_CONTROLS,
        description="The `sub` of whoever collected it.",
        examples=["rider_7"],
    ),
]
DeliveryCode: TypeAlias = Annotated[
    str,
    Meta(
        pattern="^[0-9]{1,12}$",
        description="What the payer's page shows. Needed for `collected`, unless the shop does without.",
        examples=["482913"],
    ),
]

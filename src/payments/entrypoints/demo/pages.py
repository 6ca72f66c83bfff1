"""What the pages of the shop share: templates, headers, forms, and whose forms they are."""

from collections.abc import Awaitable, Callable
from functools import partial
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qs

import attrs
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from payments.entrypoints.demo.collecting import Collecting
from payments.entrypoints.demo.payments_api import ShopTrouble
from payments.entrypoints.demo.shop_client import ShopClient
from payments.entrypoints.demo.shop_view import grouped, name_of
from payments.entrypoints.demo.surroundings import DemoAddresses

HEADERS: Final = {
    "Cache-Control": "no-store",
    # No form-action: browsers hold it against the redirect to the checkout, too.
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; frame-ancestors 'none'",
    # Not no-referrer: that also takes the origin from a form, which is how we know the form is ours.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_LARGEST_FORM_BYTES: Final = 32_768


@attrs.frozen(kw_only=True)
class Shop:
    """What the pages need."""

    client: ShopClient
    collecting: Collecting
    addresses: DemoAddresses
    templates: Environment

    def page(self, name: str, *, status: int = HTTPStatus.OK, **values: Any) -> HTMLResponse:
        """The template ``name`` with these values, everything in them escaped."""
        text = self.templates.get_template(name).render(addresses=self.addresses, **values)
        return HTMLResponse(text, status_code=status, headers=HEADERS)


Answerer = Callable[[Shop, Request], Awaitable[Response]]


def open_shop(client: ShopClient, collecting: Collecting, addresses: DemoAddresses) -> Shop:
    """The shop with its templates."""
    templates = Environment(
        loader=PackageLoader("payments.entrypoints.demo"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {"provider_name": name_of, "grouped": grouped}
    return Shop(client=client, collecting=collecting, addresses=addresses, templates=templates)


def routes_of(shop: Shop, table: tuple[tuple[str, str, Answerer], ...]) -> list[BaseRoute]:
    """A route for each path, method and answerer. A form of another site never reaches one."""
    return [Route(path, partial(_answered, shop, answer), methods=[method]) for path, method, answer in table]


async def form_of(request: Request) -> dict[str, list[str]]:
    """The fields of a form, each with all its values.

    Raises:
        ShopTrouble: it is larger than any of ours.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST_FORM_BYTES:
            raise ShopTrouble("That was more than a form of this shop can hold.")
    fields = parse_qs(body.decode("utf-8", "replace"))
    return {name: [value.strip() for value in values] for name, values in fields.items()}


def first_of(form: dict[str, list[str]], name: str) -> str:
    """The one value of a field; empty when it is missing."""
    return form.get(name, [""])[0]


async def _answered(shop: Shop, answer: Answerer, request: Request) -> Response:
    if request.method == "POST" and not _is_ours(shop, request):
        return shop.page("trouble.html", status=HTTPStatus.FORBIDDEN, told="That form was not on this page.")
    try:
        return await answer(shop, request)
    except ShopTrouble as trouble:
        return shop.page("trouble.html", status=HTTPStatus.BAD_GATEWAY, told=str(trouble))


def _is_ours(shop: Shop, request: Request) -> bool:
    """Whether a form came from our own origin, by the name in the settings or the one this request used."""
    ours = {shop.addresses.public, f"http://{request.headers.get('host', '')}"}
    return request.headers.get("origin", shop.addresses.public) in ours

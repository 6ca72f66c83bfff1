"""A newcomer's browser without a screen: it opens pages of the demonstration and sends their forms."""

from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin
from uuid import uuid4

import anyio
import attrs
import httpx

# Daraja answers one question in twelve seconds, and each payment by M-Pesa waits for its turn.
WITHIN_S = 60.0


@attrs.define
class Form:
    """A form as it stands on a page, filled in as it is."""

    action: str
    fields: list[tuple[str, str]] = attrs.field(factory=list)


@attrs.define
class _Page(HTMLParser):
    """The forms and the links of a page."""

    forms: list[Form] = attrs.field(factory=list, init=False)
    links: dict[str, str] = attrs.field(factory=dict, init=False)
    text: list[str] = attrs.field(factory=list, init=False)
    _link: str | None = attrs.field(default=None, init=False)

    def __attrs_pre_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attributes}
        if tag == "form":
            self.forms.append(Form(said["action"]))
        elif tag == "input" and self.forms and said.get("type") != "radio" and "name" in said:
            self.forms[-1].fields.append((said["name"], said.get("value", "")))
        elif tag == "a":
            self._link = said["href"]

    def handle_data(self, data: str) -> None:
        self.text.append(data)
        if self._link is not None:
            self.links[data.strip()] = self._link
            self._link = None


@attrs.define
class Newcomer:
    """Somebody who sees a page, follows its links and sends its forms."""

    client: httpx.AsyncClient
    url: str
    at: str = ""
    status: int = 0
    page: _Page = attrs.field(factory=_Page)

    @property
    def sees(self) -> str:
        """All that is written on the page."""
        return " ".join(" ".join(self.page.text).split())

    async def open(self, address: str) -> None:
        """Open an address, as it is or below the demonstration's."""
        self._shown(await self.client.get(urljoin(self.url, address), follow_redirects=True))

    async def follow(self, link: str) -> None:
        """Follow the link with these words."""
        await self.open(urljoin(self.at, self.page.links[link]))

    async def send(self, ending: str, **said: str) -> None:
        """Fill in and send the form whose action ends so."""
        form = next(form for form in self.page.forms if form.action.endswith(ending))
        fields: dict[str, list[str]] = {}
        for name, value in form.fields:
            fields.setdefault(name, []).append(value)
        fields |= {name: [value] for name, value in said.items()}
        address = urljoin(self.at, form.action)
        self._shown(await self.client.post(address, data=fields, follow_redirects=True))

    async def waits_to_see(self, words: str) -> None:
        """Look at this page until it says so."""
        with anyio.fail_after(WITHIN_S):
            while words not in self.sees:
                await anyio.sleep(0.05)
                await self.open(self.at)

    async def has_ordered(self, amount: str, currency: str, phone_number: str = "+254712000111") -> str:
        """A new order for this amount: its id."""
        told = await self.told()
        order_id = f"order_{uuid4().hex[:12]}"
        customer = {
            "email": f"{order_id}@shop.et",
            "first_name": "Sara",
            "last_name": "Tesfaye",
            "phone_number": phone_number,
        }
        order = {"amount": amount, "currency": currency, "customer": customer}
        address = f"{told['simulators']['orders']}/_sim/orders/{order_id}"
        (await self.client.put(address, json=order)).raise_for_status()
        return order_id

    async def told(self) -> Any:
        """What ``/demo.json`` tells."""
        return (await self.client.get(f"{self.url}/demo.json")).raise_for_status().json()

    def _shown(self, answer: httpx.Response) -> None:
        self.at, self.status, self.page = str(answer.url), answer.status_code, _Page()
        self.page.feed(answer.text)

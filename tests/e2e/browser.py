"""A payer's browser: it follows redirects, reads forms and submits them, and knows nothing of our API."""

from html.parser import HTMLParser
from urllib.parse import urljoin

import attrs
import httpx


@attrs.define
class _Forms(HTMLParser):
    """Where the forms of a page are sent."""

    actions: list[str] = attrs.field(factory=list, init=False)

    def __attrs_pre_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag == "form":
            self.actions.append(dict(attributes).get("action") or "")


@attrs.frozen
class Browser:
    """One payer's."""

    _client: httpx.AsyncClient

    async def open(self, url: str) -> httpx.Response:
        """The page at ``url``, wherever it leads."""
        return await self._client.get(url, follow_redirects=True)

    async def pay(self, checkout_url: str, wallet: str = "telebirr:0900123456") -> httpx.Response:
        """Open the checkout, choose a wallet, pay: the page the payer ends up on."""
        return await self._submit(checkout_url, "pay", {"wallet": wallet})

    async def pay_from_an_empty_wallet(self, checkout_url: str) -> httpx.Response:
        """A try that is declined; the checkout stays open."""
        return await self._submit(checkout_url, "pay", {"method": "telebirr", "phone_number": "0911000000"})

    async def leave(self, checkout_url: str) -> httpx.Response:
        """Close the checkout without paying."""
        return await self._submit(checkout_url, "leave", {})

    async def _submit(self, page_url: str, form: str, fields: dict[str, str]) -> httpx.Response:
        page = await self.open(page_url)
        assert page.status_code == 200, page.text
        forms = _Forms()
        forms.feed(page.text)
        action = next(action for action in forms.actions if action.endswith(f"/{form}"))
        return await self._client.post(urljoin(str(page.url), action), data=fields, follow_redirects=True)

"""The addresses of this service that others are given."""

import attrs


@attrs.frozen
class Addresses:
    """``public_url`` is where the service answers from outside, without a slash at its end."""

    public_url: str

    def webhooks(self, provider: str) -> str:
        """Where a provider posts its webhooks."""
        return f"{self.public_url}/payments/verify/{provider}/"

    def callback(self, token: str) -> str:
        """Where a provider without signatures reports to; Daraja refuses addresses that hold its own name."""
        return f"{self.public_url}/payments/verify/stk/{token}/"

    def page(self, token: str) -> str:
        """Our own page for a payer whose provider has none."""
        return f"{self.public_url}/pay/{token}/"

    def verify(self, provider: str, reference: str) -> str:
        """Where a provider sends the payer's browser back to, and the reference it is about."""
        return f"{self.public_url}/payments/verify/{provider}/?trx_ref={reference}"

"""Reading Acme's notices."""

import hmac
import re
from typing import Final

import attrs

from payments.adapters.secret import Secret
from payments.application import strict_json
from payments.application.ports.providers import Hint, RawNotice, Webhooks
from payments.application.records import Claim
from payments.domain.errors import NoticeForged, NoticeMalformed

_OUR_REFERENCE: Final = re.compile(r"p-[a-z2-7]{26}")
_CLAIMS: Final = {
    "checkout.paid": Claim.PAID,
    "checkout.failed": Claim.FAILED,
    "checkout.returned": Claim.RETURNED,
}


@attrs.frozen
class AcmeWebhooks(Webhooks):
    """Believes only what one of the active secrets signed; without a secret, nothing."""

    _secrets: tuple[Secret, ...]

    def read(self, notice: RawNotice) -> Hint:
        if not self._is_authentic(notice):
            raise NoticeForged
        try:
            body = strict_json.read_object(notice.body)
        except ValueError as error:
            raise NoticeMalformed(f"The notice cannot be read. {error}") from error
        reference, word = body.get("reference"), str(body.get("type"))[:80]
        if not isinstance(reference, str) or not _OUR_REFERENCE.fullmatch(reference):
            return Hint(reference=None, claim=Claim.IGNORED, word=word)
        return Hint(reference=reference, claim=_CLAIMS.get(word, Claim.OTHER), word=word)

    def _is_authentic(self, notice: RawNotice) -> bool:
        given = [value.encode() for name, value in notice.headers if name == "acme-signature"]
        authentic = False
        # Every secret is compared, so that the time taken tells nothing.
        for secret in self._secrets:
            expected = hmac.digest(secret.reveal().encode(), notice.body, "sha256").hex().encode()
            authentic |= len(given) == 1 and hmac.compare_digest(given[0], expected)
        return authentic

"""What a question about a notice is about: the reference, and what was claimed of it (ADR 0039)."""

from typing import Final

from payments.application.records import Claim

WENT: Final = frozenset({Claim.RETURNED, Claim.CHARGED_BACK})
"""Claims that money went back. More may go each time."""


def subject_of(about: str, claim: Claim, *, known: bool) -> str:
    """The subject of a question whether ``claim`` is so of ``about``, which a payment here has if ``known``.

    An open question about something else that was said of it must not answer this one.
    """
    of_its_own = claim is Claim.CHARGED_BACK or (not known and claim is not Claim.PAID)
    return f"{about}:{claim.value}" if of_its_own else about


def about_in(subject: str) -> str:
    """What a question about a notice of nobody here is about; a provider's own name may have a colon, too."""
    about, _, claim = subject.rpartition(":")
    return about if about and claim in {each.value for each in Claim} else subject

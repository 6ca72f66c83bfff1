"""Reserve: what every refund needs before it is set aside, whoever asks for it."""

from uuid import UUID, uuid5

import attrs

from payments.application.card_numbers import without_card_numbers
from payments.application.ports.identifiers import Identifiers
from payments.application.ports.providers import Provider, Providers
from payments.application.tokens import Tokens, hash_of
from payments.domain.attempt import Attempt
from payments.domain.capture import Capture
from payments.domain.errors import FieldError, ReceiptPending, UnsupportedAmount, UnsupportedProvider
from payments.domain.evidence import Answer, Outcome
from payments.domain.money import Money
from payments.domain.refund_rules import POLICY_ACTOR, RefundRules, SurplusPolicy
from payments.domain.refunding import Wanted


@attrs.frozen
class ReserveRefund:
    """Names a refund, and refuses what its provider could not do."""

    _identifiers: Identifiers
    _providers: Providers
    _rules: RefundRules
    _tokens: Tokens

    def provider_of(self, capture: Capture) -> Provider | None:
        """Who can send the money of ``capture`` back; None while it is switched off, or in the other mode."""
        provider = self._providers.by_name.get(capture.provider)
        return provider if provider is not None and provider.mode is capture.mode else None

    def wanted(
        self,
        provider_name: str,
        *,
        refund_id: UUID,
        amount: Money,
        reason: str,
        actor: str,
        capture_id: UUID | None,
        awaiting_approval: bool,
    ) -> Wanted:
        """A refund under a reference of its own, and with the secret address its provider reports to."""
        reference = "r-" + self._identifiers.reference().removeprefix("p-")
        provider = self._providers.by_name.get(provider_name)
        reports = provider is not None and provider.callbacks is not None
        return Wanted(
            refund_id=refund_id,
            reference=reference,
            amount=amount,
            reason=without_card_numbers(reason),
            actor=actor,
            capture_id=capture_id,
            awaiting_approval=awaiting_approval,
            callback_token_hash=hash_of(self._tokens.callback(reference)) if reports else None,
        )

    def of_surplus(self, attempt: Attempt, answer: Answer, evidence_id: UUID) -> Wanted | None:
        """The refund that the policy wants if the money of this evidence turns out to be surplus."""
        if answer.outcome is not Outcome.PAID or self._rules.surplus is SurplusPolicy.OFF:
            return None
        amount = answer.arrived or attempt.amount
        provider = self._providers.by_name.get(attempt.provider)
        # Without refunds at the provider somebody has to hand the money out, and says so by approving.
        alone = provider is not None and provider.refunds is not None
        return self.wanted(
            attempt.provider,
            refund_id=uuid5(evidence_id, "surplus refund"),
            amount=amount,
            reason="surplus: the order was paid already",
            actor=POLICY_ACTOR,
            capture_id=evidence_id,
            awaiting_approval=not (alone and self._rules.goes_back_by_itself(amount)),
        )

    def refuse_impossible(self, capture: Capture, amount: Money) -> Provider:
        """The provider of ``capture``, if it can send ``amount`` of it back.

        Raises:
            UnsupportedProvider: it is switched off here, or runs in the other mode.
            UnsupportedAmount: it sends back all of it or nothing; names ``/amount``.
            ReceiptPending: it finds the money by a receipt that we do not have yet.
        """
        provider = self.provider_of(capture)
        if provider is None:
            raise UnsupportedProvider(
                f"The money came through {capture.provider} ({capture.mode.value} mode), "
                "which is not switched on here."
            )
        if provider.refunds_whole and amount != capture.amount:
            remedy = f"Use {capture.amount.decimal}: {provider.name} sends back all of it or nothing."
            raise UnsupportedAmount(
                f"{provider.name} cannot send back a part.", errors=(FieldError("/amount", remedy),)
            )
        if provider.refunds_by_receipt and capture.known_receipt is None:
            raise ReceiptPending(f"{provider.name} has not named the receipt of this money yet.")
        return provider

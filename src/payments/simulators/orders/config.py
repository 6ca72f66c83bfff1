"""How a simulated orders service is set up, and what can be made to go wrong with it."""

from pathlib import Path

import attrs
from attrs import validators

from payments.simulators.faults import FAULTS


@attrs.frozen(kw_only=True)
class OrdersSimulatorConfig:
    """`signing_secrets` are `whsec_` and base64; a message signed with any of them is genuine."""

    token: str
    signing_secrets: tuple[str, ...]
    seeded: bool = True
    state_path: Path | None = None


@attrs.frozen(kw_only=True)
class OrdersSwitches:
    """`down` answers everything with 503.

    `patch_answer` refuses PATCH with that status, without applying it.
    """

    down: bool = attrs.field(default=False, validator=validators.instance_of(bool))
    patch_answer: int | None = attrs.field(
        default=None,
        validator=validators.optional(validators.in_((400, 401, 404, 409, 410, 422, 429, 500, 503))),
    )
    fault: str = attrs.field(default="none", validator=validators.in_(FAULTS))
    fault_on: str = attrs.field(default="any", validator=validators.in_(("any", "get", "patch")))
    fault_times: int | None = attrs.field(
        default=None, validator=validators.optional([validators.instance_of(int), validators.ge(1)])
    )
    answer_delay_s: float = attrs.field(
        default=5.0, validator=[validators.instance_of((int, float)), validators.ge(0)]
    )

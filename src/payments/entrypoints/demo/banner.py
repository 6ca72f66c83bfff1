"""What a newcomer reads when the demonstration has started."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from payments.entrypoints.demo.app import Demo
from payments.entrypoints.demo.surroundings import OPERATOR, USER


def banner(demo: Demo, environment_file: Path, ignored: Sequence[str]) -> str:
    """Addresses, tokens, a request to paste, and what to do next."""
    addresses, token = demo.addresses, demo.token
    program = shlex.quote(_shortened(Path(sys.argv[0])))
    request = (
        f"curl -sS -X POST {addresses.public}/payments/initiate/order_1001/"
        f" -H 'Authorization: Bearer {token}' -H 'Content-Type: application/json'"
        ' -d \'{"provider": "chapa"}\''
    )
    lines = [
        "",
        "The demonstration runs. No real money moves, and no request leaves this machine.",
        "",
        f"  Shop      {addresses.public}/",
        f"  Console   {addresses.console}",
        f"  Cash      {addresses.collector}   (where you play the collector)",
        f"  Phones    {addresses.phones}   (where you confirm M-Pesa)",
        f"  Mailbox   {addresses.mailbox}/",
        f"  API       {addresses.public}/payments/",
        f"  Docs      {addresses.public}/docs",
        f"  Others    {addresses.simulators}/   (simulated Chapa, Paystack, M-Pesa, orders service)",
        f"  Scripts   {addresses.public}/demo.json",
        "",
        "Open the shop, choose an order and pay it in any way that is offered.",
        "Or, as long as order_1001 is to be paid, paste this:",
        "",
        request,
        "",
        f"Bearer token of {USER}, good for 30 days:\n{token}",
        "",
        f"Bearer token of {OPERATOR}, to sign in at the console:\n{demo.operator_token}",
        "",
        "Next, in another terminal, check that every promise is kept:",
        "",
        f"( set -a; . {shlex.quote(_shortened(environment_file))}; {program} check )",
        "",
        "Ctrl-C stops it; what happened is kept, and --fresh starts over.",
    ]
    if ignored:
        lines += ["", f"Ignored here: {', '.join(ignored)}."]
    return "\n".join(lines)


def _shortened(path: Path) -> str:
    """As seen from where we are, if it lies below."""
    absolute, here = path.absolute(), Path.cwd()
    return f"./{absolute.relative_to(here)}" if absolute.is_relative_to(here) else str(absolute)

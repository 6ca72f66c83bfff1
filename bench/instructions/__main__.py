"""``make instructions``: count the hot paths' instructions and hold them against bench/instructions.json.

Exit codes: 0 nothing got slower, or the counts cannot be compared, which is said; 1 a path got slower, or has
nothing to be held against; 69 counting failed.
"""

import argparse
import asyncio
import platform
import sys
from pathlib import Path
from typing import Final

from bench.instructions.comparing import FAILING, TOLERANCE, Counts, Ruling, compare
from bench.instructions.counting import CannotCount, can_count_here, count_all

KEPT: Final = Path(__file__).parents[1] / "instructions.json"
HOW_TO_ACCEPT: Final = "make instructions ACCEPT=1"
NOT_COMPARED: Final = "NOT COMPARED"
"""How the line begins that says so; .ci/run looks for it."""


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--accept", action="store_true", help="keep what is counted now as what is right")
    accept = words.parse_args().accept
    if not can_count_here():
        print(f"{NOT_COMPARED}: instructions cannot be counted on {platform.machine()} yet.")
        return 0
    try:
        now = asyncio.run(count_all())
    except CannotCount as trouble:
        print(trouble, file=sys.stderr)
        return 69
    if accept or not KEPT.exists():
        now.write(KEPT)
        print(f"{KEPT.name} now says:", *_lines(now), sep="\n")
        return 0
    return told(Counts.read(KEPT), now)


def told(before: Counts, now: Counts) -> int:
    """Print how ``now`` differs from ``before``; the exit code."""
    unlike = before.unlike(now)
    if unlike:
        print(f"{NOT_COMPARED}: nobody looked whether a hot path got slower. The counts that are kept were")
        print("made with something else.", *unlike, sep="\n  ")
        print("What was counted here:", *_lines(now), sep="\n")
        print(f"Count where they were made, or, if this is where they are to be held: {HOW_TO_ACCEPT}")
        return 0
    differences = compare(before, now)
    print(f"{'instructions of one':24}{'before':>14}{'now':>14}{'change':>9}", *differences, sep="\n")
    rulings = {difference.ruling for difference in differences}
    if rulings & FAILING:
        print(f"\nMore than {TOLERANCE:.0%} slower, or not kept. If that is wanted: {HOW_TO_ACCEPT}")
        return 1
    if Ruling.FASTER in rulings:
        print(f"\nFaster by more than {TOLERANCE:.0%}. So that it stays so: {HOW_TO_ACCEPT}")
    return 0


def _lines(counts: Counts) -> list[str]:
    return [f"  {path:24}{count:>14,}" for path, count in counts.instructions.items()]


if __name__ == "__main__":
    sys.exit(main())

"""``python -m tests.crash CYCLES [--seed N] [--fresh]``: kill the service, count what was lost."""

import sys

from tests.crash.cycles import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

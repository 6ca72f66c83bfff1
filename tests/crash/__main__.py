"""``python -m tests.crash CYCLES [--seed N] [--fresh]``: kill the service, count what was lost."""

import sys

# Processes that start from nothing import this file anew, so nothing else is imported here.
if __name__ == "__main__":
    from tests.crash.cycles import main

    sys.exit(main(sys.argv[1:]))

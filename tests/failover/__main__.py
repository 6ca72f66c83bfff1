"""``python -m tests.failover CYCLES``: kill the primary under load, promote the other."""

import sys

from tests.failover.cycles import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

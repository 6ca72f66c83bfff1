"""``python -m tests.faults ROUNDS``: have the network fail between the service and everybody it speaks to."""

import sys

from tests.faults.rounds import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

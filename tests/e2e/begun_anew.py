"""A process that begins as a command does: with hardly anything imported, and nothing collected meanwhile."""

import pickle

from payments.entrypoints.starting import collect_nothing_yet


def begun_anew(pickled: bytes) -> None:
    """Run what is pickled. It is unpickled only here, because that imports all that it needs."""
    collect_nothing_yet()
    main = pickle.loads(pickled)  # noqa: S301 -- it was pickled by who started this process
    main()

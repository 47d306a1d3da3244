"""A relay as a process, for tests that kill it: `python -m tests.support.relay_entry FOLDER [forgetful]`.

`forgetful` is the sabotaged one: it answers before anything is on the disk.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from node.relay.mailbox import Mailbox, Trouble
from node.relay.running import RelayParts, run_relay
from node.wire.parcels import SealedParcel


def forgetful(_self: Mailbox, parcels: Sequence[SealedParcel]) -> tuple[int, int, Trouble | None]:
    return len(parcels), 0, None


def main() -> None:
    folder, *how = sys.argv[1:]
    if how == ["forgetful"]:
        Mailbox.put = forgetful  # type: ignore[method-assign]

    def ready(_parts: RelayParts) -> None:
        sys.stdout.write("ready\n")
        sys.stdout.flush()

    run_relay(Path(folder), ready=ready)


if __name__ == "__main__":
    main()

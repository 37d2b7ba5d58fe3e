"""Points at which tests end the process as a crash would: `EMBASSY_FAILPOINT=name` or `name:COUNT` (the COUNTth pass).

Without the variable a pass costs one comparison. At home, in the order of a snapshot: after-begin, after-slot,
after-point, after-base, after-pre-data, kept, chunk, after-tables, before-end, after-end; of the forwarder:
before_produce, after_produce, before_ack (the broker has it, nobody here knows), after_ack. At the embassy, in the
order of a change's way: before_open, after_open, before_apply, before_copy, after_copy, before_merge, after_merge,
after_apply, before_commit, after_commit, before_receipt, after_receipt; before_load_commit, before_switch,
after_switch.
"""

from __future__ import annotations

import os
import signal

_name, _, _count = os.environ.get("EMBASSY_FAILPOINT", "").partition(":")
_left = int(_count or 1)


def hit(name: str) -> None:
    """End this process without a word if this is the chosen point."""
    if name == _name:
        global _left  # noqa: PLW0603 (the process dies of it)
        _left -= 1
        if _left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

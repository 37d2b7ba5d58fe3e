"""Places where a test lets the process die as by kill -9: `EMBASSY_FAILPOINT=name` or `name:3` for the third time."""

from __future__ import annotations

import os
import signal
from collections import Counter
from typing import Final

_reached: Final[Counter[str]] = Counter()


def reach(name: str) -> None:
    """Die here if the environment says so."""
    wanted, _, count = os.environ.get("EMBASSY_FAILPOINT", "").partition(":")
    if wanted == name:
        _reached[name] += 1
        if _reached[name] >= int(count or 1):
            os.kill(os.getpid(), signal.SIGKILL)

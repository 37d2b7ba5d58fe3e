"""One of our processes under a clock that is wrong: `python -m tests.support.shifted SECONDS ARGUMENT...`.

Started in place of `embassy ARGUMENT...`. Python's wall clock is shifted before anything of ours is imported; monotonic
time is as it is, as on a machine whose clock was set. What other programs of the site stamp is not shifted.
"""

from __future__ import annotations

import datetime as dt
import sys
import time
from typing import Any


class _Meta(type):
    """Whatever is a datetime is one of ours, also what C code makes."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _REAL)


_REAL = dt.datetime


def shift(seconds: float) -> None:
    """Shift the wall clock of this process."""
    clock, clock_ns, delta = time.time, time.time_ns, dt.timedelta(seconds=seconds)

    class Shifted(_REAL, metaclass=_Meta):
        """A datetime whose now is another."""

        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Any:
            return _REAL.now(tz) + delta

    time.time = lambda: clock() + seconds
    time.time_ns = lambda: clock_ns() + round(seconds * 1e9)
    dt.datetime = Shifted  # type: ignore[misc]


def main() -> None:
    """Run the command."""
    shift(float(sys.argv[1]))
    sys.argv = ["embassy", *sys.argv[2:]]
    from operations.cli import main as embassy  # Its modules take their clock when they are imported.

    embassy()


if __name__ == "__main__":
    main()

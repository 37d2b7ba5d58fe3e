"""The command line in this process: a command costs a hundredth of what a process of its own does."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from operations.cli import app, mount

_one = threading.Lock()


def command(site: Path, *arguments: str) -> int:
    """Run `embassy --site SITE ARGUMENTS`; returns its exit code, and raises what it ends with."""
    with _one:
        if not app.registered_groups:
            mount()
        former = os.environ.pop("EMBASSY_SITE", None)
        try:
            return app(["--site", str(site), *arguments], standalone_mode=False) or 0
        finally:
            os.environ.pop("EMBASSY_SITE", None)
            if former is not None:
                os.environ["EMBASSY_SITE"] = former

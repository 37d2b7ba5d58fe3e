"""Disks of a local system that can be full: each service's folder is a small file system in memory (root only)."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from deploy.local.apart import can_be_apart
from deploy.local.layout import Layout, make_layout
from deploy.local.machine import is_root

SIZES_MB = {"home-postgres": 700, "embassy-postgres": 700, "home-kafka": 300, "embassy-kafka": 300}
_BALLOON = "balloon"
_BLOCKS = (1 << 20, 4096)


def can_be_mounted() -> bool:
    """True where this process may mount a file system."""
    return is_root() and shutil.which("mount") is not None and can_be_apart()


@contextmanager
def small_disks(folder: Path) -> Iterator[None]:
    """Before the first start of a local system: a small disk for each service that keeps data."""
    layout = make_layout(folder, is_apart=can_be_apart())
    with ExitStack() as mounted:
        for name, size_mb in SIZES_MB.items():
            place = _place(layout, name)
            place.mkdir(parents=True, exist_ok=True)
            options = f"size={size_mb}m,mode={place.stat().st_mode & 0o777:o}"
            subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(place)], check=True)
            mounted.callback(subprocess.run, ["umount", "--lazy", str(place)], check=True)
        yield


@contextmanager
def full(layout: Layout, name: str) -> Iterator[None]:
    """Not a byte is free on a service's disk while the body runs; see `blow_up`."""
    balloon = _place(layout, name) / _BALLOON
    blow_up(layout, name)
    try:
        yield
    finally:
        balloon.unlink()


def blow_up(layout: Layout, name: str) -> None:
    """Take what is free now."""
    with (_place(layout, name) / _BALLOON).open("ab", buffering=0) as file:
        for size in _BLOCKS:
            block = bytes(size)
            with suppress(OSError):  # Full, for blocks of this size.
                while file.write(block) == size:
                    pass


def _place(layout: Layout, name: str) -> Path:
    site, service = name.split("-")
    return layout.service(site, service)

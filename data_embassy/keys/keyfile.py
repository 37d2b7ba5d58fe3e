"""The edge of the keyring: the only module that touches key files and the operating system's randomness.

Folders are 0700, files 0600, owned by the user of the process; anything else is refused before it is read.
Writing is atomic: a new file is complete and flushed before it gets its name, a new folder likewise.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from data_embassy.keys.errors import KeyDamaged, KeyExposed, KeyMissing, KeyNotOwned, KeysPresent

random_bytes: Final = os.urandom
"""The default source of randomness of every key, nonce-free data key and epoch id in this program."""

FILE_BYTES_MAX: Final = 1 << 20
_FOLDER_MODE: Final = 0o700
_FILE_MODE: Final = 0o600
_OTHERS: Final = 0o077


def read_folder(folder: Path, suffix: str) -> dict[str, bytes]:
    """Content of all files of the folder with this suffix, by name.

    Raises KeyMissing, KeyExposed, KeyNotOwned, KeyDamaged.
    """
    try:
        status = folder.stat()
    except OSError as error:
        raise KeyMissing(f"{folder}: {error.strerror}") from error
    if not stat.S_ISDIR(status.st_mode):
        raise KeyDamaged(f"{folder} is not a folder")
    _check_private(folder, status)
    return {path.name: read_private(path) for path in sorted(folder.iterdir()) if path.name.endswith(suffix)}


def read_private(path: Path) -> bytes:
    """Content of a file that only this user may read."""
    return _read(path, is_private=True)


def read_public(path: Path) -> bytes:
    """Content of a file that anybody may read, bounded."""
    return _read(path, is_private=False)


def create_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Make a folder with all its files at once; raises KeysPresent when it holds something."""
    if folder.exists() and any(folder.iterdir()):
        raise KeysPresent(str(folder))
    folder.parent.mkdir(parents=True, exist_ok=True)
    new = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(new, ignore_errors=True)  # left by a run that was killed before the rename
    new.mkdir(mode=_FOLDER_MODE)
    for name, data in files.items():
        write_private(new / name, data)
    new.rename(folder)
    _flush_folder(folder.parent)


def write_private(path: Path, data: bytes) -> None:
    """Write or replace a file that only this user may read."""
    path.parent.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    new.rename(path)
    _flush_folder(path.parent)


def write_public(path: Path, data: bytes) -> None:
    """Write or replace a file for others."""
    path.write_bytes(data)


def _read(path: Path, *, is_private: bool) -> bytes:
    try:
        # O_NONBLOCK: a pipe in a file's place must not hold the process up.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        raise KeyMissing(f"{path} cannot be read: {error.strerror}") from error
    try:
        # What was opened is checked, not the name: that could be another file by now.
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise KeyDamaged(f"{path} is not a file")
        if is_private:
            _check_private(path, status)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(FILE_BYTES_MAX + 1)
    finally:
        os.close(descriptor)
    if len(data) > FILE_BYTES_MAX:
        raise KeyDamaged(f"{path} is larger than any key file")
    return data


def _check_private(path: Path, status: os.stat_result) -> None:
    if status.st_uid != os.geteuid():
        raise KeyNotOwned(f"{path} belongs to user id {status.st_uid}")
    if stat.S_IMODE(status.st_mode) & _OTHERS:
        raise KeyExposed(f"{path} has mode {stat.S_IMODE(status.st_mode):04o}")


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

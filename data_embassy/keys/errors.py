"""Refusals of the keyring: one class for each thing that can be wrong with a key (envelope-v1 section 8).

The docstring of a class is the beginning of its message; messages name files and key ids, never key material.
"""

from __future__ import annotations

from typing import ClassVar

from data_embassy.errors import KeyringError


class KeyRefused(KeyringError):
    """A key was refused."""

    remedy_default: ClassVar[str] = "see docs/spec/envelope-v1.md, section 8"

    def __init__(self, detail: str, *, remedy: str | None = None) -> None:
        summary = (type(self).__doc__ or "").splitlines()[0].rstrip(".")
        super().__init__(f"{summary}: {detail}", remedy=remedy or self.remedy_default)


class KeyMissing(KeyRefused):
    """A key is missing."""

    remedy_default = "restore the key folder from its backup, or for a new site: embassy keys init"


class KeyForeign(KeyRefused):
    """A key belongs to another site or role."""

    remedy_default = "put this site's own key folder back; public keys of others enter by: embassy keys import"


class KeyExposed(KeyRefused):
    """A key is accessible to other users of this machine."""

    remedy_default = "chmod 700 the folder and 600 its files; if others use the machine, then also: embassy keys rotate"


class KeyNotOwned(KeyRefused):
    """A key belongs to another user of this machine."""

    remedy_default = "run as the user who owns the key folder, or chown it to the user of this process"


class KeyDamaged(KeyRefused):
    """A key file is damaged."""

    remedy_default = "restore the file from its backup"


class KeysPresent(KeyRefused):
    """Keys stand here already."""

    remedy_default = "keep them; a new signing key beside the old: embassy keys rotate"


class FingerprintMismatch(KeyRefused):
    """The bundle is not the one whose fingerprint was given."""

    remedy_default = (
        "read the fingerprint again where the bundle was exported (embassy keys list); import only what matches"
    )


class RecoveryMissing(KeyRefused):
    """No recovery recipient is known, and sealing without one could lose the lane for good."""

    remedy_default = "embassy keys init --recovery FOLDER, then move FOLDER off-line"


class PeerMissing(KeyRefused):
    """No public keys of the other site are known."""

    remedy_default = "at the other site: embassy keys export; here: embassy keys import FILE --fingerprint F"

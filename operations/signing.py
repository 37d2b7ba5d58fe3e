"""The key by which a site signs the records that it keeps."""

from __future__ import annotations

from data_embassy.config import Site
from data_embassy.keys import load_embassy_keys, load_home_keys
from data_embassy.shelf import Signer


def signer_of(site: Site) -> Signer:
    """Read from the site's key folder; raises KeyringError."""
    return load_home_keys(site.keys).signer if site.role == "home" else load_embassy_keys(site.keys).receipt_signer

"""A site's configuration: one folder with `site.toml` and one contract per register, read into frozen objects.

Every error of all files is reported together. Passwords stand in files of mode 0600 and never in the configuration.
Relative paths are relative to the site's folder. Contracts and pauses may change while the site's processes run
(`LiveSite`); whatever stands in `site.toml` counts at the next start of a process.
"""

from data_embassy.config.contract import contract_files, contract_path, read_contract
from data_embassy.config.files import sync_folder, write_atomically, write_hint
from data_embassy.config.live import LOOK_SECONDS, LiveSite
from data_embassy.config.model import (
    Broker,
    Connect,
    Excluded,
    Link,
    Metrics,
    Page,
    Place,
    Postgres,
    Register,
    Role,
    Site,
    Source,
    Terms,
    changes_topic,
)
from data_embassy.config.pauses import Pause, pause, pause_path, paused, unpause
from data_embassy.config.secret import REMEDY, PasswordFile, Secret
from data_embassy.config.site import load_site, open_site, site_folder

__all__ = [
    "LOOK_SECONDS",
    "REMEDY",
    "Broker",
    "Connect",
    "Excluded",
    "Link",
    "LiveSite",
    "Metrics",
    "Page",
    "PasswordFile",
    "Pause",
    "Place",
    "Postgres",
    "Register",
    "Role",
    "Secret",
    "Site",
    "Source",
    "Terms",
    "changes_topic",
    "contract_files",
    "contract_path",
    "load_site",
    "open_site",
    "pause",
    "pause_path",
    "paused",
    "read_contract",
    "site_folder",
    "sync_folder",
    "unpause",
    "write_atomically",
    "write_hint",
]

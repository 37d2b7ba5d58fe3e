"""Both sites' configuration folders: `site.toml`, contracts, passwords, certificates.

Neither holds the other's secrets. What exists is kept, so that `up` on kept data changes nothing
that a process or a person relies on.
"""

import datetime as dt
import json
import secrets
from pathlib import Path

from data_embassy.config import load_site
from data_embassy.errors import ConfigError
from deploy.local.certificates import ensure_certificates
from deploy.local.layout import Layout, password
from deploy.local.machine import LOOPBACK, LocalError, write_private

HOME_USER = "home"
EMBASSY_USER = "embassy"
STANDBY_ROLE = "data_embassy"
CONTROL_DATABASE = "data_embassy"
CAPTURE_ROLE = "data_embassy_capture"
PULSE_ROLE = "data_embassy_pulse"

_HOME = """\
# Site of the register's country. Written by `embassy local up`.
[site]
role = "home"
name = "home"
keys = "keys"
state = "state"

[kafka]
bootstrap = "{host}:{ports.home_kafka}"
username = "{user}"
password_file = "secrets/kafka"

[connect]
url = "http://{host}:{ports.connect}"

[link]
bootstrap = "{host}:{ports.link}"
ca_file = "tls/ca.pem"
cert_file = "tls/home.pem"
key_file = "tls/home.key"

[metrics]
forward = {ports.forward}
pulse = {ports.pulse}
"""

_EMBASSY = """\
# Site of the embassy. Written by `embassy local up`.
[site]
role = "embassy"
name = "embassy"
keys = "keys"
state = "state"

[kafka]
bootstrap = "{host}:{ports.embassy_kafka}"
username = "{user}"
password_file = "secrets/kafka"

[postgres]
host = "{host}"
port = {ports.embassy_postgres}
user = "{role}"
password_file = "secrets/postgres"
database = "{database}"

[metrics]
receive = {ports.receive}
"""

_HOME_CONTRACT = """\
# Contract of the register {name} at home.
lane = "{lane}"
tier = {tier}

[source]
host = "{host}"
port = {port}
database = {source}
capture_user = "{capture}"
capture_password_file = "secrets/postgres-capture"
pulse_user = "{pulse}"
pulse_password_file = "secrets/postgres-pulse"
slot = "data_embassy_{name}"
publication = "data_embassy"
"""

_EMBASSY_CONTRACT = """\
# Contract of the register {name} at the embassy.
lane = "{lane}"
tier = {tier}
"""


def write_sites(layout: Layout, *, now: dt.datetime) -> None:
    """Write what is missing of both sites."""
    home, embassy = layout.site("home"), layout.site("embassy")
    write_private(home / "site.toml", _HOME.format(host=LOOPBACK, ports=layout.ports, user=HOME_USER))
    text = _EMBASSY.format(
        host=LOOPBACK, ports=layout.ports, user=EMBASSY_USER, role=STANDBY_ROLE, database=CONTROL_DATABASE
    )
    write_private(embassy / "site.toml", text)
    home_secrets = [home / "secrets" / name for name in ("kafka", "postgres-capture", "postgres-pulse")]
    for path in (*home_secrets, embassy / "secrets" / "kafka", embassy / "secrets" / "postgres"):
        password(path)
    ensure_certificates(embassy / "tls", home / "tls", now=now)


def write_contracts(layout: Layout, *, name: str, database: str, tier: int) -> None:
    """Write a register's contract at both sites, with one lane id that says nothing about the register.

    A contract that exists is kept. Raises LocalError when it stands for another database, ConfigError when the name
    cannot be a register's.
    """
    home, embassy = layout.site("home"), layout.site("embassy")
    if Path(name).name != name:
        raise LocalError(f"{name!r} is no register's name", remedy="use lower-case letters, digits and _")
    known = load_site(home).registers.get(name)
    if known is not None and (known.source is None or known.source.capture.database != database):
        raise LocalError(f"the register {name} stands for another database", remedy="choose another name")
    lane, tier = (known.lane, known.tier) if known else (secrets.token_hex(8), tier)
    home_text = _HOME_CONTRACT.format(
        name=name, lane=lane, tier=tier, host=LOOPBACK, port=layout.ports.home_postgres, source=json.dumps(database),
        capture=CAPTURE_ROLE, pulse=PULSE_ROLE,
    )  # fmt: skip
    texts = {home: home_text, embassy: _EMBASSY_CONTRACT.format(name=name, lane=lane, tier=tier)}
    for site, text in texts.items():
        path = site / "registers" / f"{name}.toml"
        if path.exists():
            continue
        write_private(path, text)
        try:
            load_site(site)
        except ConfigError:
            path.unlink()
            raise

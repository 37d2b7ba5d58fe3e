"""Both sites' configuration folders: `site.toml`, contracts, passwords, certificates.

Neither holds the other's secrets. What exists is kept, so that `up` on kept data changes nothing
that a process or a person relies on.
"""

import datetime as dt

from data_embassy.config import PasswordFile, open_site
from deploy.local.certificates import ensure_certificates
from deploy.local.layout import Layout, password
from deploy.local.machine import LOOPBACK, write_private
from operations.onboarding.contract import Asked, take
from operations.onboarding.dsn import Address

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
replicas = 1

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

[page]
port = {ports.home_page}
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
replicas = 1

[postgres]
host = "{host}"
port = {ports.embassy_postgres}
user = "{role}"
password_file = "secrets/postgres"
database = "{database}"

[metrics]
receive = {ports.receive}

[page]
port = {ports.embassy_page}
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


def write_contracts(layout: Layout, *, name: str, database: str, tier: int, terms: str = "") -> None:
    """Take a register under contract at both sites, as `embassy register add` does, under one lane by chance.

    `terms`: a contract's text, which may lack lane, tier and source. A contract that exists is kept. Raises
    ContractError when it stands for another database, or the name cannot be a register's.
    """
    home, embassy = (open_site(layout.site(site)) for site in ("home", "embassy"))
    files = {role: home.folder / "secrets" / f"postgres-{role}" for role in ("capture", "pulse")}
    known = home.registers.get(name)
    register, _ = take(
        home,
        Asked(
            name=name,
            tier=tier if known is None else None,
            address=Address(
                host=LOOPBACK, port=layout.ports.home_postgres, database=database, user=CAPTURE_ROLE, password=None
            ),
            passwords={role: PasswordFile(path=file).read() for role, file in files.items()},
            password_files=files,
            text=terms or None,
        ),
    )
    take(embassy, Asked(name=name, lane=register.lane, tier=register.tier, text=terms or None))

"""Where everything of one local system lies: its folder, its ports (chosen once, stored), its passwords in files.

```
<folder>/system.json                 ports
         operator/                   superuser passwords of both servers: the DBA's, no process of ours reads them
         home/    site.toml registers/ keys/ state/ secrets/ tls/    services/{kafka,postgres,connect}/
         embassy/ site.toml registers/ keys/ state/ secrets/ tls/    services/{kafka,postgres}/
         logs/    run/
```
Deleting `home/` deletes everything that home has.
"""

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from deploy.local.machine import LocalError, checkout, free_ports, write_private

SOCKET_PATH_BYTES_MAX = 100  # The kernel's limit for a socket's path is 107.


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Loopback ports of one local system. `link` is where home reaches the embassy's broker: the proxy."""

    home_postgres: int
    home_kafka: int
    home_controller: int
    connect: int
    forward: int
    pulse: int
    embassy_postgres: int
    embassy_kafka: int
    embassy_controller: int
    embassy_link: int
    receive: int
    link: int
    home_prometheus: int = 0
    home_alertmanager: int = 0
    embassy_prometheus: int = 0
    embassy_alertmanager: int = 0
    home_kafka_figures: int = 0
    home_connect_figures: int = 0
    embassy_kafka_figures: int = 0
    home_page: int = 0
    embassy_page: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A local system's folder and ports."""

    folder: Path
    ports: Ports
    is_apart: bool = False
    """True when each site has a network namespace of its own (`apart`)."""
    has_monitoring: bool = False
    """True when each site has a Prometheus and an Alertmanager (`monitoring`)."""
    has_pages: bool = False
    """True when each site serves its status page."""

    def site(self, name: str) -> Path:
        """A site's configuration folder."""
        return self.folder / name

    def service(self, site: str, name: str) -> Path:
        """Folder of a service that belongs to a site."""
        return self.folder / site / "services" / name

    @property
    def operator(self) -> Path:
        """Superuser passwords."""
        return self.folder / "operator"

    @property
    def logs(self) -> Path:
        """Logs of all processes."""
        return self.folder / "logs"

    @property
    def run(self) -> Path:
        """Pid file, supervisor's configuration, state of the link."""
        return self.folder / "run"

    def socket(self, name: str) -> Path:
        """Path of a control socket; under the temporary folder when the kernel's limit is too short for ours."""
        path = self.run / f"{name}.sock"
        if len(os.fsencode(path)) <= SOCKET_PATH_BYTES_MAX:
            return path
        mark = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"embassy-{os.geteuid()}-{mark}" / f"{name}.sock"


def default_folder() -> Path:
    """The folder of this checkout's local system, unless `EMBASSY_LOCAL` names another."""
    return Path(os.environ.get("EMBASSY_LOCAL") or checkout() / ".embassy" / "local").absolute()


def load_layout(folder: Path) -> Layout | None:
    """The layout stored in a folder; None when there is none. Raises LocalError when it cannot be read."""
    try:
        stored = json.loads((folder / "system.json").read_text())
        return Layout(
            folder=folder,
            ports=Ports(**stored["ports"]),
            is_apart=stored.get("is_apart", False),
            has_monitoring=stored.get("has_monitoring", False),
            has_pages=stored.get("has_pages", False),
        )
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise LocalError(f"{folder}/system.json cannot be used", remedy="embassy local down") from error


def make_layout(
    folder: Path, *, is_apart: bool = False, has_monitoring: bool = False, has_pages: bool = False
) -> Layout:
    """The folder's layout, made and stored on first use; `is_apart` counts only then, the others from then on."""
    former = load_layout(folder)
    if former is None:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise LocalError(f"{folder} holds something else", remedy="choose an empty folder")
        layout = Layout(folder=folder, ports=_chosen({}), is_apart=is_apart)
    else:
        layout = replace(former, ports=_chosen(asdict(former.ports)))
    layout = replace(
        layout,
        has_monitoring=layout.has_monitoring or has_monitoring,
        has_pages=layout.has_pages or has_pages,
    )
    if layout != former:
        stored = {
            "ports": asdict(layout.ports), "is_apart": layout.is_apart, "has_monitoring": layout.has_monitoring,
            "has_pages": layout.has_pages,
        }  # fmt: skip
        write_private(folder / "system.json", json.dumps(stored, indent=1) + "\n")
    _make_folders(layout)
    return layout


def _chosen(known: Mapping[str, int]) -> Ports:
    """Ports that are known, and free ones for the others: an earlier version had fewer."""
    missing = [field.name for field in fields(Ports) if not known.get(field.name)]
    return Ports(**{**known, **dict(zip(missing, free_ports(len(missing)), strict=True))})


def remove(folder: Path) -> None:
    """Remove a local system's folder, but nothing in it that is not ours."""
    layout = load_layout(folder)
    if layout is None:
        return
    shutil.rmtree(layout.socket("any").parent, ignore_errors=True)
    for name in ("home", "embassy", "recovery", "operator", "logs", "run"):
        shutil.rmtree(folder / name, ignore_errors=True)
    (folder / "system.json").unlink()
    with contextlib.suppress(OSError):  # Somebody else's file keeps the folder.
        folder.rmdir()


def password(path: Path) -> str:
    """The password in a file, made on first use."""
    if not path.exists():
        write_private(path, secrets.token_hex(24))
    return path.read_text()


def _make_folders(layout: Layout) -> None:
    """Private folders, except those that PostgreSQL's own user passes through as root: they can only be passed."""
    passed = [layout.folder]
    for site in ("home", "embassy"):
        passed += [layout.site(site), layout.site(site) / "services", layout.service(site, "postgres")]
    private = [layout.operator, layout.logs, layout.run, layout.socket("any").parent, layout.service("home", "connect")]
    for site in ("home", "embassy"):
        private += [layout.site(site) / name for name in ("registers", "keys", "state", "secrets", "tls")]
        private.append(layout.service(site, "kafka"))
    for folder, mode in [(each, 0o711) for each in passed] + [(each, 0o700) for each in private]:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(mode)

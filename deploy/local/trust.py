"""Keys of both sites and of the recovery recipient, and their exchange: what operators do by file and fingerprint."""

from pathlib import Path

from data_embassy.keys import Bundle, Role, encode_bundle, import_bundle, init_keys, init_recovery, load_keyring
from deploy.local.layout import Layout


def ensure_keys(layout: Layout) -> None:
    """Make the keys that are missing, and let each site trust the other.

    The recovery recipient's keys lie beside the sites; in earnest they leave the machine.
    """
    home, embassy, recovery = (layout.site(name) / "keys" for name in ("home", "embassy", "recovery"))
    bundles = {folder: _ensure(folder, role) for folder, role in ((home, Role.HOME), (embassy, Role.EMBASSY))}
    for folder, other in ((home, embassy), (embassy, home)):
        bundle = bundles[other]
        import_bundle(folder, encode_bundle(bundle), fingerprint=bundle.fingerprint)
    if not _has_keys(recovery):
        recovery.parent.mkdir(mode=0o700, exist_ok=True)
        init_recovery(recovery, home=home)


def _ensure(folder: Path, role: Role) -> Bundle:
    if _has_keys(folder):
        return load_keyring(folder, role=role).bundle()
    return init_keys(folder, role=role, site=role.value).bundle()


def _has_keys(folder: Path) -> bool:
    return any(folder.glob("*.key"))

"""What a removal takes away on real servers: the slot at home, the standbys at the embassy."""

from contextlib import closing
from pathlib import Path

import pytest

from connectors.slot import drop_slot, slot_state
from consumers.beginnings import GenerationBegan
from consumers.control import Control
from data_embassy.config import load_site, open_site, write_atomically
from data_embassy.errors import CheckFailed
from operations.onboarding import remove
from operations.onboarding.remove import find, remove_at_embassy
from tests.support.prepared_register import prepared_register
from tests.support.receiving import ROLE, new_embassy
from tests.support.system import PlainPostgres


def test_a_slot_is_dropped_once_nobody_holds_it(postgres: PlainPostgres, tmp_path: Path):
    with prepared_register(postgres, tmp_path) as register:
        source = register.register.source
        assert source is not None
        assert slot_state(source) == "absent"
        assert not drop_slot(source, seconds=1)
        register.run(f"SELECT pg_create_logical_replication_slot('{source.slot}', 'pgoutput')")
        assert slot_state(source) == "idle"
        assert drop_slot(source, seconds=1)
        assert slot_state(source) == "absent"


@pytest.fixture
def site(postgres: PlainPostgres, tmp_path: Path) -> Path:
    embassy = new_embassy("127.0.0.1:1", postgres, tmp_path)
    assert embassy.postgres.password is not None
    write_atomically(
        tmp_path / "site.toml",
        f'[site]\nrole = "embassy"\n[kafka]\nbootstrap = "127.0.0.1:1"\n[postgres]\nhost = "{embassy.postgres.host}"\n'
        f'port = {embassy.postgres.port}\nuser = "{ROLE}"\ndatabase = "{embassy.control}"\n'
        f'password_file = "{embassy.postgres.password.path}"\n',
    )
    write_atomically(tmp_path / "registers" / "land.toml", f'lane = "{"a" * 16}"\n')
    return tmp_path


def standby(control: Control) -> None:
    began = GenerationBegan(run=1 << 32 | 1, incarnation=1, home_offset=0, lane_offset=0, value=b"")
    control.add("land", "land_g1", began)
    control.connection.execute("CREATE DATABASE land_g1")


def test_the_embassy_forgets_a_register_and_keeps_its_lane(site: Path):
    now = open_site(site)
    assert now.postgres is not None
    with closing(Control.open(now.postgres, role="test")) as control:
        standby(control)
        write_atomically(now.state / "receive" / "land.json", "{}")
        course = remove_at_embassy(now, find(now, "land"), with_lane=False)
        assert course.is_complete
        assert not control.exists("land_g1")
        assert control.latest_run("land") == 0
    assert load_site(site).registers == {}
    assert list(now.state.rglob("land*")) == []


def test_what_is_still_received_is_not_dropped_and_the_removal_goes_on_later(
    site: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(remove, "RECEIVER_SECONDS_MAX", 0.2)
    now = open_site(site)
    assert now.postgres is not None
    with closing(Control.open(now.postgres, role="test")) as control:
        standby(control)
        assert control.lock("receive", "land")
        with pytest.raises(CheckFailed, match="still being received"):
            remove_at_embassy(now, find(now, "land"), with_lane=False)
        assert control.exists("land_g1")
    later = open_site(site)
    assert later.registers == {}
    assert remove_at_embassy(later, find(later, "land"), with_lane=False).is_complete

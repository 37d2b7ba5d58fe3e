"""`embassy local status` after a site was destroyed: every process is listed, none runs, no traceback."""

import datetime as dt
import shutil

import pytest

from deploy.local import sites
from deploy.local.layout import make_layout
from deploy.local.system import LocalSystem


@pytest.mark.parametrize("gone", [["home"], ["embassy"], ["home", "embassy"]])
def test_processes_of_a_destroyed_site_are_listed(tmp_path, gone):
    layout = make_layout(tmp_path / "local", is_apart=False)
    sites.write_sites(layout, now=dt.datetime.now(dt.UTC))
    for name in gone:
        shutil.rmtree(layout.site(name))
    assert {line.state for line in LocalSystem(tmp_path / "local").status()} == {"stopped"}

"""The pages of docs/reference follow from the code, and the README names only what is there."""

import re
from pathlib import Path

import pytest

from operations.reference import PAGES

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", PAGES)
def test_reference_page_is_what_the_code_says(name):
    assert (ROOT / "docs" / "reference" / name).read_text() == PAGES[name](), "run: make docs"


def test_readme_names_targets_that_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"^make ([a-z-]+)", (ROOT / "README.md").read_text(), re.MULTILINE)) <= targets


def test_readme_links_lead_somewhere():
    for path in ROOT.glob("*.md"):
        for link in re.findall(r"\]\(([^)#:]+)\)", path.read_text()):
            assert (ROOT / link).exists(), f"{path.name}: {link}"

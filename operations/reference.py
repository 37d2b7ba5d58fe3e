"""Reference pages that follow from the code: `python -m operations.reference docs/reference` writes them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import typer

from data_embassy import metrics
from operations.cli import app, mount
from operations.settings import configuration_page

_HEAD = "<!-- Generated from the code by `make docs`; a test compares it. -->\n"


def metrics_page() -> str:
    """Every metric of `data_embassy/metrics.py`: name, type, labels, help."""
    lines = [_HEAD, "# Metrics\n", "Each process serves `/metrics` on the loopback port of its site's `[metrics]`.\n"]
    lines += ["| name | type | unit | labels | meaning |", "|---|---|---|---|---|"]
    for one in metrics.definitions():
        lines.append(f"| `{one.name}` | {one.kind} | {one.unit} | {', '.join(one.labels)} | {one.meaning} |")
    lines += ["", "Values of labels:", ""]
    for label, values in metrics.LABELS.items():
        if values is not None:
            lines.append(f"- `{label}`: {', '.join(values)}")
    return "\n".join(lines) + "\n"


def cli_page() -> str:
    """Every command with its help text."""
    mount()
    root = typer.main.get_command(app)
    lines = [
        _HEAD,
        "# Command line\n",
        "Exit codes: 0 ok, 1 a check failed, 2 usage or configuration, 3 unreachable.\n",
    ]
    _describe(root, ("embassy",), lines)
    return "\n".join(lines) + "\n"


def _describe(command: Any, path: tuple[str, ...], lines: list[str]) -> None:
    """Typer brings its own copy of click, so commands are told apart by what they have."""
    if hasattr(command, "commands"):
        for name in sorted(command.commands):
            _describe(command.commands[name], (*path, name), lines)
        return
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and p.name != "help"]
    usage = " ".join([*path, *(a.name.upper() for a in arguments)])
    lines += [f"## `{usage}`\n", (command.help or "").strip() + "\n"]
    lines += [f"- `{', '.join(o.opts)}`: {o.help or ''}" for o in options]
    lines += [""] if options else []


PAGES = {"metrics.md": metrics_page, "cli.md": cli_page, "configuration.md": configuration_page}


def main(folder: Path) -> None:
    """Write every page into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""A lost slot is healed: a new generation that sends only what the embassy's standby does not hold already."""

from __future__ import annotations

from contextlib import closing

from data_embassy.config import Register, Site
from data_embassy.errors import ContractError
from data_embassy.kafka import client_settings
from data_embassy.keys import load_home_keys
from operations.verify.answerlog import new_answers
from pipelines.logs import LogReader
from pipelines.snapshot import Options, take_snapshot
from pipelines.snapshot.words import Report, Taken


def heal(site: Site, register: Register, *, report: Report, options: Options | None = None) -> Taken:
    """Take a generation beside what the embassy has; raises what `take_snapshot` raises."""
    if site.role != "home" or site.link is None:
        raise ContractError(f"{register.name} has no source at this site", remedy="run this at home")
    with closing(LogReader(client_settings(site.link), register.receipts_topic)) as topic:
        answers = new_answers(register, load_home_keys(site.keys), topic)
        return take_snapshot(site, register, report=report, options=options, answers=answers)

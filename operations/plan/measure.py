"""Ask each register twice what it wrote meanwhile, and the home broker how its topics are kept."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from data_embassy.config import Register, Site
from data_embassy.errors import ConfigError, TransportError
from data_embassy.kafka import replicas
from data_embassy.postgres import connect
from operations.plan.forecast import Measured
from pipelines.telling import Told, read_told

_THREADS_MAX: Final = 8
_LOOK: Final = """
SELECT (SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::bigint FROM pg_stat_user_tables
         WHERE schemaname <> 'data_embassy'),
       pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint, pg_database_size(current_database()),
       (SELECT CASE WHEN setting::bigint < 0 THEN NULL ELSE setting::bigint * 1048576 END
          FROM pg_settings WHERE name = 'max_slot_wal_keep_size'),
       extract(epoch FROM clock_timestamp())::float8
"""
"""The WAL is the server's: registers that share one are each charged with all of it, as their slots are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was measured, and which registers could not be asked."""

    registers: Mapping[str, Measured]
    unreachable: Mapping[str, str]
    link_bytes: float | None
    """What the link carried lately at its best."""
    replicas: Mapping[str, int]
    """Of each register's home topic, as far as the broker answered."""


def measure(site: Site, *, seconds: float) -> Found:
    """Watch every register for so long. What cannot be reached is said."""
    told = read_told(site.state) or Told(at=0.0)
    found: dict[str, Measured] = {}
    unreachable: dict[str, str] = {}
    with ThreadPoolExecutor(_THREADS_MAX) as threads:
        asked = {
            name: threads.submit(_watch, one, seconds, told.bytes_per_record.get(name))
            for name, one in site.registers.items()
        }
        for name, answer in asked.items():
            try:
                found[name] = answer.result()
            except TransportError as error:
                unreachable[name] = error.message
    try:
        counts = replicas(site.kafka)
    except TransportError:
        counts = {}
    return Found(
        registers=found,
        unreachable=unreachable,
        link_bytes=told.link_bytes_per_second,
        replicas={
            name: counts[one.changes_topic] for name, one in site.registers.items() if one.changes_topic in counts
        },
    )


def _watch(register: Register, seconds: float, sealed_bytes: float | None) -> Measured:
    assert register.source is not None
    with connect(register.source.pulse, application_name="data-embassy plan", autocommit=True) as connection:
        before = connection.execute(_LOOK).fetchone()
        time.sleep(seconds)  # What is measured is what happens in this time.
        after = connection.execute(_LOOK).fetchone()
    assert before is not None
    assert after is not None
    elapsed = after[4] - before[4]
    return Measured(
        tier=register.tier,
        seconds=elapsed,
        changes=max(0, after[0] - before[0]) / elapsed,
        wal_bytes=max(0, after[1] - before[1]) / elapsed,
        database_bytes=after[2],
        slot_bytes_max=after[3],
        sealed_bytes=sealed_bytes,
    )


def save(found: Found, path: Path) -> None:
    """Keep a measurement, so that a busy hour can be planned with on a quiet day."""
    content = {
        "link_bytes": found.link_bytes,
        "registers": {name: asdict(one) for name, one in found.registers.items()},
    }
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def restore(path: Path) -> Found:
    """A kept measurement; raises ConfigError when the file holds none."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        registers = {name: Measured(**one) for name, one in content["registers"].items()}
        return Found(registers=registers, unreachable={}, link_bytes=content["link_bytes"], replicas={})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ConfigError(f"{path} holds no measurement", remedy=f"embassy plan --save {path}") from error

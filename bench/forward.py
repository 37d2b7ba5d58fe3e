"""Rate and idle latency of the forward worker on real brokers: `python -m bench.forward [RECORDS]`.

Records of 265 bytes wait on the home topic; the rate is from the first to the last sealed envelope on the lane, all
acknowledged. Then one change at a time: from the capture's write to the envelope at the embassy.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from pathlib import Path

from data_embassy.envelope import Kind, peek
from tests.support.forwarding import Bench, bench, end_of, following, resident_mb, two_brokers, until

RECORDS = 400_000
CHANGES = 200


def measure_rate(site: Bench, register: str, records: int, pid: int) -> dict[str, float]:
    end = end_of(site.brokers.home, site.site.registers[register].changes_topic)
    lane = following(site.brokers.embassy, site.site.registers[register].lane_topic)
    first_at, first_last, envelopes, size, cpu = 0.0, 0, 0, 0, 0.0
    while True:
        message = lane.poll(60)
        assert message is not None, "nothing came for a minute"
        value = message.value()
        assert isinstance(value, bytes)
        header = peek(value)
        if header.kind is Kind.EPOCH:
            continue
        now = time.monotonic()
        envelopes, size = envelopes + 1, size + len(value)
        if not first_at:
            first_at, first_last, cpu = now, header.last_offset, cpu_seconds(pid)
        if header.last_offset + 1 >= end:
            break
    lane.close()
    seconds = now - first_at
    return {
        "records": records,
        "records_per_second": round((end - 1 - first_last) / seconds),
        "records_per_envelope": round(end / envelopes),
        "sealed_bytes_per_record": round(size / end, 1),
        "worker_cpu_microseconds_per_record": round((cpu_seconds(pid) - cpu) / (end - first_last) * 1e6, 2),
        "resident_mb": round(resident_mb(pid)),
    }


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure_latency(site: Bench, register: str) -> dict[str, float]:
    lane = following(site.brokers.embassy, site.site.registers[register].lane_topic)
    lane.poll(0.5)
    writer = site.writer(register)
    taken = []
    for _ in range(CHANGES):
        time.sleep(0.02)  # Idle in between, and not in step with any poll.
        at = time.monotonic()
        writer.write_changes(1)
        writer.flush()
        message = lane.poll(30)
        assert message is not None
        taken.append((time.monotonic() - at) * 1000)
    lane.close()
    return {"latency_p50_ms": round(statistics.median(taken), 1), "latency_p99_ms": round(sorted(taken)[-3], 1)}


def main() -> None:
    records = int(sys.argv[1]) if len(sys.argv) > 1 else RECORDS
    with two_brokers() as brokers, bench(brokers) as site:
        register = site.registers[0]
        writer = site.writer(register)
        writer.write_changes(records)
        writer.flush()
        with site.worker() as process:
            result = measure_rate(site, register, records, process.pid)
            until(lambda: site.has_forwarded(register), 60)
            result |= measure_latency(site, register)
        print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()

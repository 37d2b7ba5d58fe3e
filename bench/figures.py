"""The first figures: runs the benches one after the other and writes docs/reports/first-figures.md.

python -m bench.figures [--forward-runs 5] [--rounds 5] [--changes 200000]
"""

import argparse
import json
import platform
import re
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

REPORT = Path("docs/reports/first-figures.md")


def run(module: str, *arguments: str) -> str:
    print(f"bench: {module} {' '.join(arguments)}", flush=True)
    done = subprocess.run([sys.executable, "-m", module, *arguments], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def spread(values: Sequence[float], digits: int = 0) -> str:
    """Median and, in brackets, smallest to largest."""

    def show(value: float) -> str:
        return f"{value:,.{digits}f}"

    return f"{show(statistics.median(values))} ({show(min(values))} to {show(max(values))})"


def capture_rates() -> tuple[float, list[float]]:
    """The cold round and the warm ones."""
    rates = [float(rate.replace(",", "")) for rate in re.findall(r"= ([\d,]+) messages/s", run("bench.capture"))]
    return rates[0], rates[1:]


def machine() -> str:
    memory = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal"))
    cores = len(re.findall(r"^processor", Path("/proc/cpuinfo").read_text(), re.MULTILINE))
    gigabytes = int(memory.split()[1]) >> 20
    return f"{cores} cores, {gigabytes} GiB, {platform.system()}, Python {platform.python_version()}"


def report(cold: float, warm: list[float], forward: list[dict[str, Any]], whole: dict[str, Any]) -> str:
    rounds: list[dict[str, float]] = whole["catch_up"]

    def of(name: str, digits: int = 0) -> str:
        return spread([each[name] for each in rounds], digits)

    rows = [
        ("capture, messages/s into the home topic, warm JVM", spread(warm), f"{len(warm)} rounds; cold {cold:,.0f}"),
        (
            "forward, records/s sealed and acknowledged",
            spread([each["records_per_second"] for each in forward]),
            f"{len(forward)} runs of {forward[0]['records']:,} records of 265 bytes",
        ),
        ("forward, one change idle, p50 ms", spread([each["latency_p50_ms"] for each in forward], 1), "write to lane"),
        ("forward, one change idle, p99 ms", spread([each["latency_p99_ms"] for each in forward], 1), ""),
        ("forward, resident MB", spread([each["resident_mb"] for each in forward]), ""),
        ("catch-up, changes/s, ours", of("ours_changes_per_second"), f"{len(rounds)} rounds"),
        ("catch-up, changes/s, native logical replication", of("native_changes_per_second"), "same rounds"),
        ("ratio, ours to native", of("ratio", 2), "round by round"),
        ("bytes on the link per change", of("link_bytes_per_change", 1), "transactions of five, envelopes included"),
        ("bytes on the link per record", of("link_bytes_per_record", 1), "Begin and End are records"),
    ]
    for delay, figures in whole["visible"].items():
        text = f"{figures['p50_ms']} / {figures['p99_ms']} / {figures['max_ms']}"
        rows.append((f"commit to visible, {delay} ms round trip, ms", text, "p50 / p99 / largest, idle, one at a time"))
    lines = ["| what | median (smallest to largest) | remark |", "|---|---|---|"]
    lines += [f"| {what} | {figure} | {remark} |" for what, figure, remark in rows]
    return "\n".join(lines)


TEXT = """# First figures

Command: `{command}` (`make bench` without options takes more runs). Machine: {machine}; both sites,
both brokers, Kafka Connect, both PostgreSQL servers and the load share it, so every figure is that of two cores for
the whole system.

{table}

How they came about:
- capture: a backlog of 60,000 transactions is made while no connector runs; the rate is from the first to the last
  record of the home topic by the producer's clock. A message is a change, a Begin or an End.
- forward: records wait on the home topic; the rate is from the first to the last envelope that another process reads
  from the lane. Both brokers are real, without TLS here; the whole system below uses TLS on the link.
- catch-up: the same changes are drained by native logical replication (one subscription, from a slot of its own) and
  by our receiver (from the lane: verify, open, decode, net effect, apply), one after the other on the same server.
  Native decodes the write-ahead log on the way; our receiver finds that done, but opens sealed envelopes. Ours counts
  from its first commit on. At the end every row of the standby was compared with the source: {equal}.
- bytes on the link: size of the envelopes on the lane, epochs included, for those changes.
- commit to visible: a client inserts one row, its commit returns, and a reader polls the standby each millisecond.

Fair warning: one machine, two cores; read them as ±30 %.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--forward-runs", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--changes", type=int, default=200_000)
    arguments = parser.parse_args()
    whole = json.loads(run("bench.whole", "--rounds", str(arguments.rounds), "--changes", str(arguments.changes)))
    print(json.dumps(whole), flush=True)
    forward = [json.loads(run("bench.forward")) for _ in range(arguments.forward_runs)]
    print(json.dumps(forward), flush=True)
    cold, warm = capture_rates()
    print(json.dumps([cold, warm]), flush=True)
    table = report(cold, warm, forward, whole)
    equal = f"equal, {whole['rows']:,} rows" if whole["is_equal"] else "NOT EQUAL"
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(
        TEXT.format(
            command=" ".join(["python -m bench.figures", *sys.argv[1:]]), machine=machine(), table=table, equal=equal
        ),
        encoding="utf-8",
    )
    print(f"written: {REPORT}")


if __name__ == "__main__":
    main()

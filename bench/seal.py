"""Rates of sealing and opening on one core: `python bench/seal.py [records per envelope] [bytes per record]`."""

from __future__ import annotations

import random
import struct
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from data_embassy.envelope import HomeSealer, LaneOpener
from data_embassy.keys import (
    EmbassyKeys,
    HomeKeys,
    Role,
    encode_bundle,
    import_bundle,
    init_keys,
    init_recovery,
    load_embassy_keys,
    load_home_keys,
)

LANE = "3f9c0a77b1d24e60"
ROUNDS = 30


def make_keys(folder: Path) -> tuple[HomeKeys, EmbassyKeys]:
    home = init_keys(folder / "home", role=Role.HOME, site="home").bundle()
    embassy = init_keys(folder / "embassy", role=Role.EMBASSY, site="embassy").bundle()
    init_recovery(folder / "recovery", home=folder / "home")
    import_bundle(folder / "home", encode_bundle(embassy), fingerprint=embassy.fingerprint)
    import_bundle(folder / "embassy", encode_bundle(home), fingerprint=home.fingerprint)
    return load_home_keys(folder / "home"), load_embassy_keys(folder / "embassy")


def make_records(count: int, size: int) -> list[tuple[int, bytes, bytes]]:
    """Values that compress to about two fifths, as rows of text do; sizes vary by a tenth."""
    source = random.Random(1)
    words = [bytes(source.choices(b"abcdefghijklmnopqrstuvwxyz", k=7)) for _ in range(500)]
    records = []
    for i in range(count):
        text = b" ".join(source.choices(words, k=size // 8 + 1))
        value = (b"\xc3\x01fingerpr" + struct.pack(">Q", i) + text)[: size + source.randint(-size // 10, size // 10)]
        records.append((1000 + i, struct.pack(">BQQ", 1, 7 << 32, i + 1), value))
    return records


def best_seconds(step: Callable[[], object]) -> float:
    """Processor time of the best round: others may use the machine meanwhile."""
    times = []
    for _ in range(ROUNDS):
        start = time.process_time()
        step()
        times.append(time.process_time() - start)
    return min(times)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    size = int(sys.argv[2]) if len(sys.argv) > 2 else 265
    records = make_records(count, size)
    with tempfile.TemporaryDirectory() as folder:
        home, embassy = make_keys(Path(folder))
    sealer = HomeSealer(lane=LANE, keys=home, incarnation=1)
    epoch = sealer.begin_epoch(next_offset=1000, schemas=[], generation=None)
    sealer.epoch_acknowledged(0)
    envelope = sealer.seal(records)
    opener = LaneOpener(lane=LANE, keys=embassy)
    opener.open_epoch(epoch, 0)
    raw = sum(len(value) for _, _, value in records)
    sealing = best_seconds(lambda: sealer.seal(records))
    opening = best_seconds(lambda: opener.open(bytes(memoryview(envelope))))
    print(f"{count} records of {raw / count:.0f} bytes, sealed in {len(envelope)} bytes")
    print(f"seal {sealing * 1e3:8.3f} ms  {count / sealing:12,.0f} records/s")
    print(f"open {opening * 1e3:8.3f} ms  {count / opening:12,.0f} records/s")


if __name__ == "__main__":
    main()

"""Bodies of envelopes before compression: runs of record keys, lengths, values (envelope-v1 section 5).

    records:  runs u32 | (origin u8 | run u64 | first n u64 | count u32)... | length u32 x count | values
    schemas:                                                                  length u32 x count | values

Lengths stand together, not one before each value: they are packed and unpacked in one call, and compress better.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from itertools import accumulate, chain, pairwise, repeat
from typing import Final, NamedTuple

from data_embassy.envelope.errors import BodyMalformed, Unsealable

KEY: Final = struct.Struct(">BQQ")
"""origin, run, n: the Kafka key of a record (stream-v1 section 2)."""
_RUN: Final = struct.Struct(">BQQI")
_COUNT: Final = struct.Struct(">I")
_N_MAX: Final = (1 << 64) - 1


class Run(NamedTuple):
    """Records of one origin and run whose numbers are contiguous."""

    origin: int
    run: int
    first_n: int
    length: int


def pack_records(keys: Sequence[bytes], values: Sequence[bytes]) -> bytes:
    """Body of a records envelope; raises Unsealable, as `runs_of`."""
    runs = runs_of(keys)
    return b"".join((_COUNT.pack(len(runs)), *(_RUN.pack(*run) for run in runs), _pack_lengths(values), *values))


def split_records(body: bytes, count: int) -> tuple[list[Run], list[bytes]]:
    """Runs and values of a records envelope's body; raises BodyMalformed unless it is in its one valid form."""
    if len(body) < _COUNT.size:
        raise BodyMalformed("no runs")
    runs_end = _COUNT.size + _COUNT.unpack_from(body)[0] * _RUN.size
    if runs_end > len(body):
        raise BodyMalformed("runs are incomplete")
    runs = list(map(Run._make, _RUN.iter_unpack(memoryview(body)[_COUNT.size : runs_end])))
    if any(run.length < 1 or run.first_n + run.length - 1 > _N_MAX for run in runs):
        raise BodyMalformed("a run is empty or too long")
    if any(_continues(earlier, later) for earlier, later in pairwise(runs)):
        raise BodyMalformed("two runs should be one")
    if sum(run.length for run in runs) != count:
        raise BodyMalformed("runs and count disagree")
    return runs, _split(body, runs_end, count)


def pack_schemas(values: Sequence[bytes]) -> bytes:
    """Body of an epoch envelope."""
    return b"".join((_pack_lengths(values), *values))


def split_schemas(body: bytes, count: int) -> list[bytes]:
    """Values of an epoch envelope's body; raises BodyMalformed unless it is in its one valid form."""
    return _split(body, 0, count)


def runs_of(keys: Sequence[bytes]) -> list[Run]:
    """The keys as runs, in their order; raises Unsealable for a key that is none of stream-v1."""
    if set(map(len, keys)) != {KEY.size}:
        raise Unsealable("a record's key is not of 17 bytes")
    runs: list[Run] = []
    origin = run = first = following = -1
    for next_origin, next_run, n in KEY.iter_unpack(b"".join(keys)):
        if n == following and next_run == run and next_origin == origin:
            following += 1
            continue
        if following >= 0:
            runs.append(Run(origin, run, first, following - first))
        origin, run, first, following = next_origin, next_run, n, n + 1
    runs.append(Run(origin, run, first, following - first))
    return runs


def _continues(earlier: Run, later: Run) -> bool:
    return (earlier.origin, earlier.run, earlier.first_n + earlier.length) == later[:3]


def keys_of(runs: Iterable[Run]) -> list[bytes]:
    """One key for each record of the runs."""
    pieces = (
        map(KEY.pack, repeat(run.origin), repeat(run.run), range(run.first_n, run.first_n + run.length)) for run in runs
    )
    return list(chain.from_iterable(pieces))


def _pack_lengths(values: Sequence[bytes]) -> bytes:
    return struct.pack(f">{len(values)}I", *map(len, values))


def _split(body: bytes, lengths_at: int, count: int) -> list[bytes]:
    values_at = lengths_at + count * _COUNT.size
    if values_at > len(body):
        raise BodyMalformed("lengths are incomplete")
    lengths = struct.unpack_from(f">{count}I", body, lengths_at)
    if values_at + sum(lengths) != len(body):
        raise BodyMalformed("lengths and values disagree")
    ends = list(accumulate(lengths, initial=values_at))
    return [body[start:end] for start, end in pairwise(ends)]

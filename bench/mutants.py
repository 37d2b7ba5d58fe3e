"""The defects that `bench.mutations` plants: where, what, and which tests guard the rule."""

# ruff: noqa: E501 (the list reads as one table)

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_ASSEMBLE: Final = ("tests/unit/test_assemble_rules.py", "tests/property/test_receive_property.py")
_PARTS: Final = ("tests/unit/test_receive_parts.py", *_ASSEMBLE)
_NUMBERS: Final = ("tests/unit/test_forward_numbering.py", "tests/unit/test_forward_session.py")
_FOLD: Final = ("tests/unit/test_apply_fold.py", "tests/property/test_apply_fold.py")
_IMAGES: Final = ("tests/unit/test_apply_images.py",)
_KEYS: Final = ("tests/unit/test_apply_keys.py",)
_SEGMENTS: Final = ("tests/unit/test_apply_segments.py",)
_DDL: Final = ("tests/unit/test_ddl_plan.py", "tests/unit/test_ddl_tokens.py")
_DECODE: Final = ("tests/unit/test_apply_decode.py",)
_APPLY: Final = ("tests/property/test_apply_random.py", "tests/integration/test_apply_histories.py")
_SEAL: Final = ("tests/vectors", "tests/unit/test_envelope_seal.py", "tests/property/test_envelope_property.py")
_PULSE: Final = ("tests/unit/test_receive_parts.py", "tests/unit/test_source_watched.py")
_OPENING: Final = ("tests/unit/test_forward_opening.py", "tests/property/test_simulation.py")
_RANGES: Final = ("tests/unit/test_verify_bisect.py", "tests/integration/test_verify_content.py")
_RECEIPT: Final = ("tests/unit/test_envelope_receipt.py", "tests/vectors")
_LAG: Final = (
    "tests/property/test_hops_sum.py", "tests/unit/test_status_clock.py", "tests/unit/test_measure_embassy.py",
    "tests/unit/test_measure_home.py",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One defect: `old`, which stands once in the file, becomes `new`."""

    name: str
    rule: str
    path: str
    old: str
    new: str
    tests: tuple[str, ...]


_ASSEMBLER: Final = "consumers/assemble.py"
_TRANSACTIONS: Final = "consumers/transactions.py"
_MARKER: Final = "consumers/marker.py"
_FOLDING: Final = "consumers/apply/fold.py"
_OPEN: Final = "data_embassy/envelope/open.py"

MUTANTS: Final = tuple(
    Mutant(name=name, rule=rule, path=path, old=old, new=new, tests=tests)
    for rule, path, tests, defects in (
        ("whole transactions", _TRANSACTIONS, _ASSEMBLE, (
            ("an END's count is not compared", "if count != event_count:", "if False:"),
            ("an END at the last one is taken for news", "if commit_lsn <= self.last_end:",
             "if commit_lsn < self.last_end:"),
            ("the last END is forgotten", "        self.last_end = commit_lsn\n", ""),
            ("a BEGIN may stand inside a transaction", "        if self._open is not None:\n            raise broken",
             "        if False:\n            raise broken"),
            ("a change may stand outside a transaction", '        raise broken("a change stands outside',
             '        return False\n        raise broken("a change stands outside'),
            ("an END may name another transaction", "if not value.startswith(tail, PREFIX_SIZE):", "if False:"),
        )),
        ("pieces", _TRANSACTIONS, _ASSEMBLE, (
            ("a key change is cut in two", "        while cut and self._values[cut - 1]",
             "        while False and self._values[cut - 1]"),
            ("a repeat is handed over in pieces", "if not self._is_certain():", "if False:"),
            ("what was only counted is taken for a repeat", "            raise RereadNeeded(self._open_offset)\n",
             "            self.discard()\n            return\n"),
            ("pieces of a transaction that never was stay", "            self._has_to_discard = True\n", ""),
        )),
        ("sessions and numbers", _ASSEMBLER, _ASSEMBLE, (
            ("a skipped number is ignored", "            self._is_suspended = True\n        if", "            pass\n        if"),
            ("an older session still counts", "        elif run < self._run:\n", "        elif run < self._run - 1:\n"),
            ("a session may begin without its marker", "if is_first and prefixes[0] != _SESSION:", "if False:"),
            ("an overlap is trimmed by one too few", "            values = values[seen:]\n",
             "            values = values[seen - 1 :]\n"),
            ("a new session keeps the open transaction", "if transactions.discard():", "if False:"),
            ("an unknown schema passes", "if unsure is not None and not", "if False and not"),
        )),
        ("home offsets", "consumers/sequence.py", _PARTS, (
            ("a gap of one is no gap", "if header.first_offset > self.next_offset:",
             "if header.first_offset > self.next_offset + 1:"),
            ("a lower incarnation counts", "if header.incarnation < self.incarnation:", "if False:"),
            ("the next offset is the last one", "self.next_offset = header.last_offset + 1",
             "self.next_offset = header.last_offset"),
        )),
        ("joining a session", _TRANSACTIONS, _ASSEMBLE, (
            ("a transaction whose BEGIN was lost is taken for an older one",
             "            if commit_lsn > self.last_end:\n                raise BeginLost\n", ""),
            ("an older transaction suspends the session", "            if commit_lsn > self.last_end:\n                raise",
             "            if True:\n                raise"),
        )),
        ("numbers at home", "pipelines/numbering.py", _NUMBERS, (
            ("the first of a run is trusted",
             "return RecordKey.unpack(key).n != 1 and self.continues(key)", "return self.continues(key)"),
            ("a skipped number is not missed", "lacking if follows(before, first) else run", "lacking"),
            ("a stale task's number is missed", "            if is_new and origin", "            if origin"),
        )),
        ("session markers", _MARKER, _ASSEMBLE, (
            ("an advanced slot is no gap", 'if marker["confirmed_flush_lsn"] > end:', "if False:"),
            ("another system is taken for the same", 'if marker["system_identifier"] != system_identifier:', "if False:"),
            ("a log that went back is accepted", 'if marker["insert_lsn"] < end and', "if False and"),
            ("a fork before the last END is accepted", "if fork is None or fork < end:", "if fork is None:"),
        )),
        ("net effect", _FOLDING, _FOLD, (
            ("a deleted row's key stays taken", "            rows[key] = None\n            released = last",
             "            released = last"),
            ("a key change leaves the old row", "            rows[key] = None\n            key = new[event]",
             "            key = new[event]"),
            ("a second insert replaces the first", '                raise InconsistentStream("a row is inserted while',
             '                pass\n                InconsistentStream("a row is inserted while'),
            ("unchanged values come from the last image", "inherited = {column: cells.get(column, image) for",
             "inherited = {column: image for"),
            ("a row that came and went is deleted", "            if key in existed:\n                net.deleted",
             "            if True:\n                net.deleted"),
        )),
        ("frames", "consumers/apply/decode.py", _DECODE, (
            ("order is not checked", "        _check_frames(frames, orders, transactions, first_order)  # (4)\n", ""),
            ("images are not checked", "            _check_images(shape)  # (3)\n", ""),
            ("bytes behind a record pass", "if source.tell() != len(body):", "if False:"),
        )),
        ("applying", "consumers/apply/images.py", _IMAGES, (
            ("a key change reaches across transactions", "            and self.places[event] not in frame_starts\n", ""),
            ("a key change need not be adjacent", "            and self.places[event - 1] + 1 == self.places[event]\n", ""),
        )),
        ("applying", "consumers/apply/rows.py", _APPLY, (
            ("an unchanged value is written as a marker", 'if p not in unchanged]\n        yield _Call(table, "u"',
             'if True]\n        yield _Call(table, "u"'),
        )),
        ("applying", "consumers/apply/keys.py", _KEYS, (
            ("keys are compared by their text alone", "if first and not all(column.is_canonical for column in table.key):",
             "if False:"),
        )),
        ("applying", "consumers/apply/segments.py", _SEGMENTS, (
            ("what a truncate took is written again", "        begins |= dict.fromkeys(tables, last)\n", ""),
            ("a cut takes the change behind it", "low, high = bisect_left(shape.places, first), bisect_left(shape.places, last)",
             "low, high = bisect_left(shape.places, first), bisect_left(shape.places, last + 1)"),
        )),
        ("schema changes", "consumers/apply/ddl/match.py", _DDL, (
            ("one of two statements is taken", "if ways[-1][-1] != 1:", "if not ways[-1][-1]:"),
        )),
        ("schema changes", "consumers/apply/ddl/text.py", _DDL, (
            ("rows written from the clock are replayed", "if words & _CLOCKS:", "if False:"),
        )),
        ("schema changes", "consumers/apply/ddl/plan.py", _DDL, (
            ("rows of CREATE TABLE AS come before their table", "place = place if found is None else min(place, found)",
             "pass"),
        )),
        ("session markers", _ASSEMBLER, _ASSEMBLE, (
            ("a marker of before the point passes without a rewriting",
             "return self._joins_run and self._transactions.incarnation > self._begin_incarnation", "return True"),
        )),
        ("pulse", "consumers/checks.py", _PULSE, (
            ("a skipped beat passes", "if pulse.beat is not None and beat != pulse.beat + 1:", "if False:"),
            ("a beat that goes back passes", "if pulse.beat is not None and beat <= pulse.beat:", "if False:"),
            ("a changed publication passes", "    if found is not None:\n        raise _BY_KIND", "    if False:\n        raise _BY_KIND"),
        )),
        ("going on", "pipelines/opening.py", _OPENING, (
            ("the tail is not compared with home", "return records if self.recognition.digest(records) == envelope.digest else None",
             "return records"),
            ("envelopes without home's signature count", "                self.unreadable += 1\n", ""),
        )),
        ("going on", "pipelines/tail.py", _OPENING, (
            ("the tail is sealed again", "        next_offset=tail.last_offset + 1,\n        incarnation=tail.incarnation,",
             "        next_offset=tail.last_offset,\n        incarnation=tail.incarnation,"),
            ("an incarnation counts less than an offset", "key=lambda envelope: (envelope.incarnation, envelope.last_offset)",
             "key=lambda envelope: (envelope.last_offset, envelope.incarnation)"),
            ("records that were trimmed are passed over", "if tail.last_offset < home.end and tail.first_offset < home.low:",
             "if False:"),
        )),
        ("reading", "pipelines/chunks.py", ("tests/unit/test_forward_polls.py", "tests/unit/test_forward_driver.py"), (
            ("what was read before a seek is handed on", "if self.takers.is_current(partition, readings[partition]):", "if True:"),
            ("what was let go is not sought again", "                self.takers.missed(partition)\n", "                pass\n"),
        )),
        ("tiers", "pipelines/precedence.py", ("tests/unit/test_forward_precedence.py",), (
            ("the highest tier is held", "        if all(turn.tier <= other.tier for other in self._turns):\n            return None\n", ""),
            ("a lower tier passes a held one", "if any(other.is_held and other.tier < turn.tier for other in self._turns):", "if False:"),
            ("what is in flight holds nobody", "return bound if in_flight == 0 else max(0, bound - in_flight)", "return bound"),
            ("a slow link is never believed", "return max(IN_FLIGHT_BYTES_MIN, int(rate * (QUEUE_SECONDS + (self._round_trip.at(now) or 0.0))))",
             "return 1 << 30"),
        )),
        ("healing", "schemas/ranges.py", _RANGES, (
            ("a range holds its end", 'parts.append(f"{_row(key)} < {_value(key, within.end)}")',
             'parts.append(f"{_row(key)} <= {_value(key, within.end)}")'),
            ("a range lacks its start", 'parts.append(f"{_row(key)} >= {_value(key, within.start)}")',
             'parts.append(f"{_row(key)} > {_value(key, within.start)}")'),
            ("a row of a bound counts to the part before", "CASE WHEN {_row(key)} < {_value(key, bounds[middle])}",
             "CASE WHEN {_row(key)} <= {_value(key, bounds[middle])}"),
            ("rows behind the last bound are no part", "edges: list[Bound] = [self.start, *bounds, self.end]",
             "edges: list[Bound] = [self.start, *bounds]"),
        )),
        ("opening", _OPEN, _SEAL, (
            ("the commitment of records is not checked", "        epoch.key.check_commitment(header.commitment)\n", ""),
            ("the commitment of an epoch is not checked", "        key.check_commitment(header.commitment)\n        # (11)",
             "        # (11)"),
            ("any signer may continue an epoch",
             "if (header.incarnation, header.signer) != (epoch.incarnation, epoch.signer):", "if False:"),
        )),
        ("verifying", "data_embassy/envelope/signing.py", _SEAL, (
            ("another lane's envelope passes", "if header.lane != lane:", "if False:"),
            ("the post-quantum signature is not checked", "if header.kind is Kind.EPOCH:", "if False:"),
            ("the body is not signed", "associated, hashlib.sha512(body).digest())", "associated)"),
        )),
        ("sealing", "data_embassy/envelope/seal.py", _SEAL, (
            ("a counter is used twice", "        epoch.counter += 1\n", ""),
            ("the digest forgets its place", "first_offset=first_offset, body=plain)", "first_offset=0, body=plain)"),
        )),
        ("receipts", "data_embassy/envelope/receipt.py", _RECEIPT, (
            ("a receipt's signature is not checked",
             "    verify_ed25519(public, data[payload_end:], tagged(_LABEL, data[: _PREFIX.size], payload))\n", ""),
            ("a receipt of another lane passes", 'if fields.get("lane") != lane:', "if False:"),
            ("bytes behind a receipt pass", "if len(data) > payload_end + _SIGNATURE_BYTES:", "if False:"),
        )),
        ("lag", "data_embassy/clock.py", _LAG, (
            ("a pulse from the future is a lag of nought", "return None if seconds < -_AHEAD_SECONDS else max(0.0, seconds)",
             "return max(0.0, seconds)"),
            ("clocks are corrected the wrong way round", "    return min(max(0.0, least), most)",
             "    return -min(max(0.0, least), most)"),
        )),
        ("lag", "data_embassy/hops.py", _LAG, (
            ("hops end before home let the envelope go", "    end = max(committed_at - less, passed.sealed, start)",
             "    end = max(committed_at - less, start)"),
        )),
        ("lag", "consumers/figures.py", _LAG, (
            ("a standing worker's view hides what comes", "    ends = [] if look is None else [look.end]",
             "    ends: list[int] = []"),
        )),
        ("lag", "consumers/course.py", _LAG, (
            ("a standby that gains nothing will be level", "return lag / gained if gained > _PACE_LEAST else None",
             "return lag / max(gained, _PACE_LEAST)"),
        )),
        ("lag", "data_embassy/gauges.py", _LAG, (
            ("what is outdated is still known",
             "return None if said is None or self._monotonic() - said[0] > self._seconds else said[1]",
             "return None if said is None else said[1]"),
        )),
    )
    for name, old, new in defects
)  # fmt: skip

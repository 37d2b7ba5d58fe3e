"""Which test or campaign covers which kind of fault, and what is left out: a table of the report, checked by a test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

CAMPAIGN: Final = "`bench.campaign`"
PLAIN: Final = "`bench.plain_debezium`"


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of fault."""

    fault: str
    covered: tuple[str, ...]
    """Tests by `file::function`, or programs in backquotes."""
    left_out: str = ""


ROWS: Final = (
    Row(
        "kill -9 of each process and server; death at each point: produce, acknowledgement, open, COPY, merge, commit,"
        " receipt, load, switch, snapshot",
        (
            CAMPAIGN,
            "fault/test_kill_everything.py::test_everything_killed_in_turn_under_load_comes_back_and_both_are_equal",
            "fault/test_capture_killed.py::test_kafka_connect_killed_ten_times_loses_and_doubles_nothing",
            "fault/test_forward_killed.py::test_killed_forwarder_goes_on_and_the_lane_is_whole",
            "fault/test_receive_killed.py::test_killed_receiver_goes_on_and_is_equal",
            "fault/test_snapshot_killed.py::test_snapshot_killed_while_reading",
            "fault/test_snapshot_killed.py::test_load_killed_between_any_two_commits",
        ),
        "Inside the capture task (Java) there are no named points: it is killed at moments by chance. Kafka's own"
        " offsets are hints, so their commit is no point of its own.",
    ),
    Row(
        "clean stop and restart; SIGSTOP, then SIGCONT, also beside a successor",
        (
            CAMPAIGN,
            "fault/test_kill_everything.py::test_all_stopped_under_load_and_started_later_both_are_equal",
            "fault/test_forward_faults.py::test_frozen_worker_goes_on_beside_its_successor",
            "fault/test_forward_faults.py::test_home_broker_frozen_for_a_while",
            "fault/test_receive_takeover.py::test_a_second_receiver_takes_over_within_seconds",
        ),
        "Servers of PostgreSQL are not frozen: their processes are many.",
    ),
    Row(
        "two forwarders, two receivers, two capture tasks, two pulses at once",
        (
            CAMPAIGN,
            "fault/test_forward_faults.py::test_two_forwarders_at_once",
            "fault/test_forward_faults.py::test_standby_worker_takes_over_in_seconds",
            "integration/test_receive_refusals.py::test_two_forwarders_that_overlap_are_harmless",
            "integration/test_receive_generations.py::test_second_receiver_waits_for_the_first",
            "integration/test_capture_session.py::test_of_two_connectors_one_captures_and_the_other_follows",
            "fault/test_source_watched.py::test_of_two_pulse_processes_one_beats_and_the_other_takes_over",
        ),
    ),
    Row(
        "link cut, silent, flapping, reset, slow, narrow, reset within an envelope; a backlog behind a cut",
        (
            CAMPAIGN,
            "fault/test_forward_faults.py::test_link_cut_with_a_large_backlog_keeps_memory_bounded",
            "scenarios/test_any_database.py::test_an_embassy_that_was_away_for_long_catches_up",
            "integration/test_local_link.py::test_a_silent_cut_keeps_connections_and_delivers_after_mending",
        ),
        "Loss of one direction alone: the proxy on the link has both or none. Loss and reordering of packets: TCP"
        " hides them from every process here, and the machine's kernel has no netem.",
    ),
    Row(
        "disk full on the register's server, either broker, the standby's server",
        ("fault/test_disk_full.py::test_a_full_disk_is_waited_for_and_nothing_is_lost",),
        "Slow disks, EIO and failing fsync were not tried: the machine has no device mapper. There is no spool: the"
        " home topic is it.",
    ),
    Row(
        "torn or changed state: of our processes, of the position",
        (
            "integration/test_snapshot_exact.py::test_a_lost_state_file_is_read_from_the_topic",
            "unit/test_receive_parts.py::test_stops_are_stored_whole_and_cleared",
            "integration/test_receive_refusals.py::test_refused_envelope_stops_its_register_alone",
        ),
        "There is no spool. The position is a row of the standby's own transaction: as safe as the rows.",
    ),
    Row(
        "clocks: another time at one site, steps back and forth",
        (
            "unit/test_status_clock.py::test_both_sites_measure_the_difference_within_its_bounds",
            "unit/test_status_clock.py::test_a_clock_that_is_set_while_it_runs_is_seen_with_the_next_messages",
            "unit/test_envelope_seal.py::test_an_epoch_ends_with_age",
            "scenarios/test_told.py::test_each_fault_is_told_by_its_name_and_no_other",
            "property/test_simulation.py::test_every_standby_is_a_prefix_at_every_commit_and_comes_level_in_the_end",
        ),
        "Servers, brokers and Kafka Connect under a shifted clock: only our own processes of a site were run under one;"
        " a time namespace does not shift the wall clock. Order rests on no clock: positions are places in logs.",
    ),
    Row(
        "envelopes and records twice, overlapping, out of order, missing; the lane's tail lost",
        (
            "property/test_simulation.py::test_every_standby_is_a_prefix_at_every_commit_and_comes_level_in_the_end",
            "integration/test_receive_refusals.py::test_refused_envelope_stops_its_register_alone",
            "integration/test_receive_refusals.py::test_replayed_envelopes_are_dropped_and_the_register_goes_on",
            "unit/test_forward_session.py::test_a_lane_that_lost_acknowledged_envelopes_is_gone_on_behind_what_is_left",
            "unit/test_forward_opening.py::test_a_lane_that_was_rewound_counts_below_the_rewinding",
        ),
    ),
    Row(
        "capture restarts within transactions; many changes at one place in the log",
        (
            CAMPAIGN,
            PLAIN,
            "fault/test_capture_killed.py::test_kafka_connect_killed_ten_times_loses_and_doubles_nothing",
            "unit/test_assemble_rules.py::test_session_marker_discards_the_open_transaction",
        ),
    ),
    Row(
        "slot dropped, recreated, advanced, lost; publication, triggers or clock of the register meddled with",
        (
            "fault/test_source_watched.py::test_each_meddling_is_named_and_a_new_generation_heals_it",
            "fault/test_source_system.py::test_each_is_named_at_both_sites_and_healed_by_its_remedy",
            "integration/test_snapshot_exact.py::test_a_slot_that_lost_its_log_is_replaced",
            "integration/test_capture_session.py::test_a_missing_slot_stops_capture_with_a_remedy",
        ),
    ),
    Row(
        "the register's server crashes, fails over with and without lost commits, is restored from a backup",
        (
            "fault/test_capture_server.py::test_a_crash_and_a_promotion_leave_no_gap",
            "fault/test_source_switchover.py::test_streaming_goes_on_behind_a_planned_switchover",
            "fault/test_source_switchover.py::test_a_failover_that_lost_commits_is_refused",
            "fault/test_source_switchover.py::test_a_restored_backup_is_known_by_its_clock",
        ),
    ),
    Row(
        "topic deleted, made anew, grown past its old end, trimmed before it was sealed",
        (
            "fault/test_forward_faults.py::test_a_deleted_home_topic_stops_its_register_until_it_is_there_again",
            "fault/test_forward_faults.py::test_home_topic_made_anew_begins_a_new_incarnation",
            "fault/test_forward_faults.py::test_home_topic_that_grew_past_the_old_end_is_noticed",
            "fault/test_forward_faults.py::test_records_trimmed_before_they_were_sealed_stop_that_register_alone",
        ),
        "Unclean leader election: each topic has one replica on one machine. What it would do, a lost tail, is above.",
    ),
    Row(
        "rebalances in a row; a worker that reads no more",
        (
            CAMPAIGN,
            "fault/test_forward_faults.py::test_rebalances_in_a_row",
            "fault/test_forward_faults.py::test_a_worker_that_stops_reading_without_an_error_is_ended",
        ),
        "Added partitions: a home topic has one, and nothing of ours reads another.",
    ),
    Row(
        "schema registry down, slow, wrong",
        (
            "unit/test_assemble_rules.py::test_unknown_schema_stops",
            "unit/test_assemble_rules.py::test_schema_with_a_false_fingerprint_stops",
        ),
        "There is none: schemas travel in the stream.",
    ),
    Row(
        "poison: truncated, oversized, bombs, unknown signers, records that break a rule",
        (
            "integration/test_receive_refusals.py::test_refused_envelope_stops_its_register_alone",
            "scenarios/test_refusals.py::test_each_hostile_envelope_has_its_refusal_and_the_other_register_goes_on",
            "unit/test_assemble_rules.py::test_broken_frame_stops_behind_what_was_whole",
            "integration/test_capture_session.py::test_a_record_of_60_mib_passes_and_a_larger_one_stops",
        ),
    ),
    Row(
        "the standby's server restarted or its sessions ended, locks held, rows edited by hand, rows that cannot be",
        (
            CAMPAIGN,
            "integration/test_receive_generations.py::test_lost_connections_are_made_again",
            "integration/test_apply_divergence.py::test_difference_stops",
            "scenarios/test_two_registers.py::test_standbys_equal_their_registers_and_a_planted_difference_is_seen",
            "scenarios/test_verify_system.py::test_an_edited_row_is_found_by_its_key_and_repaired_under_load",
        ),
    ),
    Row(
        "snapshot beside writers, disturbed, killed while it is read or loaded, a new one beside the stream",
        (
            "integration/test_snapshot_exact.py::test_beside_writers_it_is_exact",
            "integration/test_snapshot_exact.py::test_what_disturbs_it_begins_a_new_attempt",
            "fault/test_snapshot_killed.py::test_snapshot_killed_while_reading",
            "fault/test_snapshot_killed.py::test_load_killed_between_any_two_commits",
            "integration/test_receive_generations.py::test_new_generation_takes_over_beside_the_live_stream",
        ),
    ),
    Row(
        "an idle register beside busy ones; nobody writes",
        (
            "scenarios/test_size_full.py::test_an_idle_register_is_never_far_behind",
            "integration/test_capture_stream.py::test_the_slot_follows_what_the_broker_acknowledged",
            "scenarios/test_status_sites.py::test_both_sites_agree_on_an_idle_register",
        ),
        "For minutes, not for hours.",
    ),
)


def matrix() -> list[str]:
    """The table."""
    lines = [
        "## What covers which fault",
        "",
        "Tests stand below `tests/`; what is marked for campaigns runs in the first half of `make campaign`.",
        "",
        "| fault | covered by | left out, and why |",
        "|---|---|---|",
    ]
    for row in ROWS:
        covered = ", ".join(one if one.startswith("`") else f"`{one}`" for one in row.covered)
        lines.append(f"| {row.fault} | {covered} | {row.left_out} |")
    return lines

//! The truth says how long each log file was after each step: cut there, a log is whole, and its
//! epoch is the one that the live database was at.

use std::collections::BTreeMap;

use apograph_format::v2::WAL_SEGMENT_HEADER_BYTES;
use apograph_format::{LogPosition, log_file_name};
use apograph_testing::fixtures::{Golden, V2};
use apograph_testing::truth::{Truth, TruthState};
use apograph_wal::{LogEndCause, LogPart};

use super::{body, source};
use crate::log;

/// How often the segments of each fixture can be cut.
const SEGMENTS: [(&str, usize); 15] = [
    ("02_chain40", 33),
    ("03_two_fulls", 10),
    ("04_rotation", 9),
    ("05_schema", 13),
    ("06_transactions", 9),
    ("07_named_graphs", 10),
    ("09_values", 8),
    ("11_checkpoints_cursor", 7),
    ("12_crash_in_chain", 7),
    ("13_close_in_chain", 5),
    ("14_torn_in_chain", 5),
    ("15_concurrent_incr", 1),
    ("16_direct_api", 7),
    ("17_big_group", 3),
    ("18_sync_markers", 4),
];

/// Steps of `06_transactions` whose transactions changed nothing: they took an epoch, and no place
/// in the log.
const SILENT: &[u64] = &[4, 5];

/// The parts as far as they reached after a step; none where nothing was in them yet, or where one
/// of them had become longer by then.
fn then<'a>(parts: &[LogPart<'a>], state: &TruthState) -> Vec<LogPart<'a>> {
    let mut cut = Vec::new();
    for part in parts {
        let Some(&size) = state.wal.get(&name(part)) else {
            continue;
        };
        let size = usize::try_from(size).expect("a small log");
        let frames = size.saturating_sub(WAL_SEGMENT_HEADER_BYTES);
        if frames > part.bytes.len() {
            return Vec::new();
        }
        let bytes = part.bytes.slice(0..frames);
        cut.push(LogPart { bytes, ..*part });
    }
    if cut.iter().all(|part| part.bytes.is_empty()) {
        cut.clear();
    }
    cut
}

fn name(part: &LogPart<'_>) -> String {
    match part.start() {
        start @ LogPosition::Lsn(_) => log_file_name(start),
        LogPosition::File(_) => panic!("a part of generation 1"),
    }
}

/// Checks one cut: the log is whole, and its epoch is that of the state.
fn check(golden: &str, parts: &[LogPart<'_>], state: &TruthState) {
    let (_, timeline, end) = log::summary(parts, 0);
    let what = format!("{golden} after step {}", state.seq);
    assert_eq!(end.cause, LogEndCause::Clean, "{what}");
    assert_eq!(timeline.timeline.get(), 1, "{what}");
    let found = timeline.highest().get();
    if golden.starts_with("06_transactions") && SILENT.contains(&state.seq) {
        assert!(found < state.epoch, "{what}");
    } else {
        assert_eq!(found, state.epoch, "{what}");
    }
}

#[test]
fn golden_segments_may_be_cut_after_every_step() {
    let mut cuts = BTreeMap::new();
    let of_fixture = |fixture: &str| {
        let mut segments = V2.segments();
        segments.retain(|segment| segment.fixture() == fixture);
        segments
    };
    for fixture in V2.names() {
        let truth = Truth::of(V2, &fixture);
        for segment in of_fixture(&fixture) {
            let parts = body(&segment);
            for state in &truth.states {
                let cut = then(&parts, state);
                if cut.is_empty() || has_later_file(state, &parts) {
                    continue;
                }
                check(&segment.path, &cut, state);
                *cuts.entry(fixture.clone()).or_insert(0) += 1;
            }
        }
    }
    let found: Vec<_> = cuts
        .iter()
        .map(|(name, &count)| (name.as_str(), count))
        .collect();
    assert_eq!(found, SEGMENTS);
}

/// Whether the log went on after these parts: what was committed then is not in them.
fn has_later_file(state: &TruthState, parts: &[LogPart<'_>]) -> bool {
    let last = parts.last().map(name);
    let mut later = state.wal.iter();
    later.any(|(name, &size)| Some(name) > last.as_ref() && size > WAL_SEGMENT_HEADER_BYTES as u64)
}

#[test]
fn golden_logs_may_be_cut_after_every_step() {
    let rows = [
        ("04_rotation/source", 10),
        ("05_schema/source", 14),
        ("07_named_graphs/source", 13),
        ("08_torn_tail/source", 5),
        ("10_live/source", 5),
        ("10_live/source_precheckpoint", 4),
        ("11_checkpoints_cursor/source_before_incr", 6),
        ("12_crash_in_chain/source", 10),
    ];
    for (path, expected) in rows {
        let fixture = path.split('/').next().unwrap_or_default();
        let truth = Truth::of(V2, fixture);
        let files: Vec<Golden> = V2.logs_of(path);
        let parts = source(&files);
        let mut cuts = 0;
        for state in &truth.states {
            let cut = then(&parts, state);
            if cut.is_empty() || has_later_file(state, &parts) {
                continue;
            }
            check(path, &cut, state);
            cuts += 1;
        }
        assert_eq!(cuts, expected, "{path}");
    }
}

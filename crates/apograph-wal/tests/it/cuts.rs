//! The truth says how long each log was after each step: cut there, a log is whole, and its point
//! is the one that the live database was at.

use std::collections::BTreeMap;

use apograph_format::SegmentKind;
use apograph_testing::fixtures::V1;
use apograph_testing::truth::{Truth, TruthBackup, TruthState};
use apograph_wal::{LogEndCause, LogPart};

use crate::log;

/// Fixtures whose truth leaves out the backups that were taken while sessions committed.
const BACKUPS_UNKNOWN: &[&str] = &["15_concurrent_incr"];

/// How often the segments of each fixture can be cut.
const CUTS: [(&str, usize); 15] = [
    ("02_chain40", 33),
    ("03_two_fulls", 10),
    ("04_rotation", 9),
    ("05_schema", 13),
    ("06_transactions", 9),
    ("07_named_graphs", 10),
    ("09_values", 8),
    ("11_checkpoints_cursor", 7),
    ("12_crash_in_chain", 7),
    ("13_close_in_chain", 2),
    ("14_torn_in_chain", 4),
    ("15_concurrent", 1),
    ("16_direct_api", 7),
    ("19_mixed_lives", 2),
    ("20_temporal_schema", 13),
];

/// Checks one cut: the log is whole, and where it has a commit of the state's process, its point
/// is that of the state.
fn check(what: &str, parts: &[LogPart<'_>], base: u64, first_life: u64, state: &TruthState) {
    let (_, timeline, end) = log::summary(parts, base);
    let what = format!("{what} after step {}", state.seq);
    assert_eq!(end.cause, LogEndCause::Clean, "{what}");
    let behind = (end.place.part..parts.len()).map(|part| parts[part].bytes.len());
    assert_eq!(end.place.offset, behind.sum::<usize>(), "{what}");
    let reopened_only = state.epoch == 0 && state.life > first_life;
    if !reopened_only {
        let point = timeline.point();
        let found = (point.timeline.get() - 1, point.epoch.get());
        assert_eq!(found, (state.life - first_life, state.epoch), "{what}");
    }
}

/// The sizes of the log files that a segment is made of.
fn files_of<'a>(backup: &'a TruthBackup, before: &TruthBackup) -> BTreeMap<&'a str, usize> {
    let newest = |backup: &TruthBackup| {
        backup
            .wal
            .iter()
            .flatten()
            .next_back()
            .map(|it| it.0.clone())
    };
    let (first, end) = (newest(before), newest(backup));
    let of_it = |name: &String| Some(name) >= first.as_ref() && Some(name) < end.as_ref();
    let files = backup.wal.iter().flatten();
    files
        .filter(|(name, _)| of_it(name))
        .map(|(name, bytes)| (name.as_str(), in_memory(*bytes)))
        .collect()
}

fn size(sizes: &BTreeMap<String, u64>, name: &str) -> usize {
    in_memory(sizes.get(name).copied().unwrap_or_default())
}

fn in_memory(bytes: u64) -> usize {
    usize::try_from(bytes).expect("a small log")
}

#[test]
fn golden_segments_may_be_cut_after_every_step() {
    let mut cuts = BTreeMap::new();
    let mut names = V1.names();
    names.retain(|name| !BACKUPS_UNKNOWN.contains(&name.as_str()));
    for fixture in names {
        let truth = Truth::of(V1, &fixture);
        let taken: Vec<_> = truth.taken().collect();
        for pair in taken.windows(2) {
            let [before, backup] = [pair[0], pair[1]];
            let (Some(file), SegmentKind::Incremental) = (backup.file.as_deref(), backup.kind)
            else {
                continue;
            };
            let golden = V1.read(&format!("{fixture}/backup/{file}"));
            let [body] = log::body(&golden);
            let files = files_of(backup, before);
            assert_eq!(
                files.values().sum::<usize>(),
                body.bytes.len(),
                "{}",
                golden.path
            );

            let life = |seq: u64| {
                truth
                    .states
                    .iter()
                    .find(|it| it.seq == seq)
                    .map(|it| it.life)
            };
            let first_life = life(before.after_seq).expect("the state of a backup");
            let within = |state: &&TruthState| {
                (before.after_seq + 1..=backup.after_seq).contains(&state.seq)
            };
            for state in truth.states.iter().filter(within) {
                let mut length = 0;
                let mut was_longer = false;
                for (name, &whole) in &files {
                    let then = size(&state.wal, name);
                    was_longer |= then > whole;
                    length += then.min(whole);
                }
                if was_longer || length == 0 {
                    continue;
                }
                check(
                    &golden.path,
                    &[LogPart {
                        bytes: body.bytes.slice(0..length),
                        ..body
                    }],
                    before.end_epoch.unwrap_or_default(),
                    first_life,
                    state,
                );
                *cuts.entry(fixture.clone()).or_insert(0) += 1;
            }
        }
    }
    let found: Vec<_> = cuts
        .iter()
        .map(|(name, count)| (name.as_str(), *count))
        .collect();
    assert_eq!(found, CUTS);
}

#[test]
fn golden_logs_may_be_cut_after_every_step() {
    // Source, the epoch of the image before the log, cuts.
    let rows = [
        ("04_rotation/source", 1, 9),
        ("05_schema/source", 1, 13),
        ("07_named_graphs/source", 2, 10),
        ("08_torn_tail/source", 0, 5),
        ("10_live/source", 4, 5),
        ("10_live/source_precheckpoint", 0, 4),
        ("11_checkpoints_cursor/source_before_incr", 1, 6),
        ("12_crash_in_chain/source", 3, 7),
        ("20_temporal_schema/source", 1, 13),
    ];
    for (source, base, expected) in rows {
        let fixture = source.split('/').next().unwrap_or_default();
        let truth = Truth::of(V1, fixture);
        let files = V1.logs_of(source);
        let cut = |state: &TruthState| -> Option<Vec<&[u8]>> {
            let names = state.wal.iter().filter(|(_, size)| **size > 0);
            let parts = names.map(|(name, _)| {
                let file = files.iter().find(|file| file.file_name() == name)?;
                file.bytes.get(..size(&state.wal, name))
            });
            parts.collect()
        };
        let mut cuts = 0;
        for state in &truth.states {
            let Some(parts) = cut(state).filter(|parts| !parts.is_empty()) else {
                continue;
            };
            check(source, &log::parts(parts), base, 0, state);
            cuts += 1;
        }
        assert_eq!(cuts, expected, "{source}");
    }
}

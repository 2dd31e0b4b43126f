//! File names are read as they are written, and nothing else is.

use std::cmp::Ordering;
use std::ffi::OsStr;

use apograph_format::{
    Generation, LogFolderEntry, LogPosition, LogSequence, Lsn, SegmentName, log_file_name,
};
use apograph_testing::strategies::{cases, generation, number, segment_name};
use proptest::prelude::*;

/// The first position of a log file.
fn start(generation: Generation, number: u64) -> LogPosition {
    match generation {
        Generation::One => LogPosition::in_file(LogSequence::new(number), 0),
        Generation::Two => LogPosition::Lsn(Lsn::new(number)),
    }
}

/// What could be taken for the name of a log file.
fn near_log_name() -> impl Strategy<Value = String> {
    prop_oneof![
        "wal_[0-9]{0,21}\\.log",
        "wal_[-+ 0-9a-fx]{1,9}\\.log",
        "(wal_|WAL_|)\\PC{0,4}(\\.log|\\.LOG|\\.log\\.log|)",
    ]
}

/// What could be taken for the name of a segment.
fn near_segment_name() -> impl Strategy<Value = String> {
    prop_oneof![
        "backup_(full|incr)_[0-9]{0,21}\\.(grafeo|wal)",
        "(\\.\\./|/|)backup_(full|incr)_[-+ 0-9]{3,5}\\.(grafeo|wal)\\PC{0,1}",
    ]
}

proptest! {
    #![proptest_config(cases(1000))]

    #[test]
    fn log_files_are_named_by_where_they_begin(
        generation in generation(),
        number in number(),
        other in number(),
        near in near_log_name(),
    ) {
        let position = start(generation, number);
        let name = log_file_name(position);
        let entry = LogFolderEntry::of(OsStr::new(&name), generation);
        prop_assert_eq!(entry, LogFolderEntry::Log(position));
        // LSNs are in the order of their names.
        if generation == Generation::Two {
            let other_name = log_file_name(start(generation, other));
            prop_assert_eq!(name.cmp(&other_name), number.cmp(&other));
        }
        // The engine of generation 1 takes any number of digits.
        let digits = near.strip_prefix("wal_").and_then(|it| it.strip_suffix(".log"));
        let is_number = |it: &&str| !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_digit());
        let named = digits.filter(is_number).and_then(|it| it.parse::<u64>().ok());
        let named = named.map(|number| start(generation, number));
        let named = named.filter(|it| generation == Generation::One || log_file_name(*it) == near);
        let found = match LogFolderEntry::of(OsStr::new(&near), generation) {
            LogFolderEntry::Log(found) => Some(found),
            LogFolderEntry::StrayLog | LogFolderEntry::Other => None,
        };
        prop_assert_eq!(found, named);
    }

    #[test]
    fn segments_are_named_by_kind_and_number(
        segment in segment_name(),
        near in near_segment_name(),
    ) {
        prop_assert_eq!(SegmentName::parse(&segment.to_string()), Some(segment));
        if let Some(read) = SegmentName::parse(&near) {
            prop_assert_eq!(read.to_string(), near);
        }
    }

    /// Up to 10,000 segments lie in a folder in the order of their numbers.
    #[test]
    fn names_of_one_kind_are_in_order(one in 0..10_000_u64, other in 0..10_000_u64) {
        for kind in [apograph_format::SegmentKind::Full, apograph_format::SegmentKind::Incremental] {
            let name = |index| SegmentName { kind, index }.to_string();
            let order: Ordering = name(one).cmp(&name(other));
            prop_assert_eq!(order, one.cmp(&other));
        }
    }
}

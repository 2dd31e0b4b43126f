//! The log files that were captured, before the one in which the chain ends.

use std::fs;
use std::path::Path;
use std::thread::sleep;

use apograph_capture::Kind;
use apograph_format::v2::WAL_SEGMENT_HEADER_BYTES;
use apograph_format::{Crc32, Generation};
use apograph_manifest::FileStamp;
use apograph_testing::encoding::v2::seal_frame;
use apograph_testing::fixtures::{Fixtures, V1, V2};

use crate::changed_files::{append, flip};
use crate::continuity::{ONE_FILE, OTHER_BYTES, check_broken};
use crate::live::Live;

/// The chain ends in the second log file, and all of the first was captured.
fn two_files(fixtures: Fixtures) -> Live {
    let live = Live::of(fixtures, ONE_FILE);
    let rest = live.hold_back(2);
    live.begin_log_file();
    append(&live.log_file(1), &rest);
    sleep(2 * FileStamp::GRAIN);
    live.added(Kind::Auto);
    assert!(live.evidence().older_files.is_some());
    live
}

/// The same file again, with its first commit as another one of the same length.
fn exchange(live: &Live) {
    let path = live.log_file(0);
    let mut bytes = fs::read(&path).expect("a log file");
    match live.log().generation() {
        Generation::One => {
            let length = usize::try_from(u32::from_le_bytes(bytes[..4].try_into().expect("four")));
            let end = 4 + length.expect("a length");
            bytes[end - 1] ^= 1;
            let checksum = Crc32::of(&bytes[4..end]).get();
            bytes[end..end + 4].copy_from_slice(&checksum.to_le_bytes());
        }
        Generation::Two => {
            let group = WAL_SEGMENT_HEADER_BYTES..live.commits()[0];
            let frame = &mut bytes[group];
            *frame.last_mut().expect("a value") ^= 1;
            seal_frame(frame);
        }
    }
    fs::write(&path, bytes).expect("a log file");
}

#[test]
fn a_captured_file_is_as_it_was() {
    type Row = (fn(&Live), Option<&'static str>);
    let rows: [Row; 4] = [
        (|_| {}, None),
        (copy_in_place, None),
        (exchange, Some(OTHER_BYTES)),
        (
            |live| flip(&live.log_file(0), live.commits()[0] - 1),
            Some("is damaged at byte"),
        ),
    ];
    for fixtures in [V1, V2] {
        for (change, broken) in rows {
            let live = two_files(fixtures);
            change(&live);
            match broken {
                Some(words) => check_refused(&live, words),
                None => {
                    live.capture(Kind::Incremental).expect("nothing new");
                }
            }
        }
    }
}

fn check_refused(live: &Live, words: &str) {
    if words == OTHER_BYTES {
        return check_broken(live, words);
    }
    let (code, said) = live.refused(Kind::Auto);
    assert_eq!(code, "wal-damaged");
    assert!(said.contains(words), "{said}");
}

/// Another file with the same bytes.
fn copy_in_place(live: &Live) {
    let path = live.log_file(0);
    let bytes = fs::read(&path).expect("a log file");
    fs::remove_file(&path).expect("a log file");
    fs::write(&path, bytes).expect("a log file");
}

/// Where the segment holds the last byte of the first log file.
fn place_of_first_file(live: &Live, segment: &Path) -> usize {
    let log = fs::read(live.log_file(0)).expect("a log file");
    let held = fs::read(segment).expect("a segment");
    let end = &log[log.len() - 16..];
    let place = held.windows(end.len()).position(|it| it == end);
    place.expect("a captured file") + end.len() - 1
}

/// A backup that is taken every minute does not read all of the log, and of the repository, each
/// time.
#[test]
fn what_nobody_touched_is_not_read_again() {
    for (fixtures, words) in [(V1, "cannot be used"), (V2, OTHER_BYTES)] {
        let live = two_files(fixtures);
        let first = live.manifest().segments[1].file.clone();
        let segment = live.repository().join(first.as_str());
        flip(&segment, place_of_first_file(&live, &segment));
        live.capture(Kind::Incremental).expect("nothing new");
        copy_in_place(&live);
        check_broken(&live, words);
    }
}

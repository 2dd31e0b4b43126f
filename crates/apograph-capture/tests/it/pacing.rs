//! How many bytes a slow backup is counted for.

use std::num::NonZero;

use apograph_capture::{Options, capture};
use apograph_format::{SEGMENT_HEADER_BYTES, SegmentKind};
use apograph_io::{Clock, Context, Pace};
use apograph_manifest::SegmentRecord;
use apograph_testing::clock::ManualClock;
use apograph_testing::context::every_core;
use apograph_testing::fixtures::{V1, V2};

use crate::captured::{added, increment};
use crate::live::Live;

/// At this rate a millisecond is a byte.
const RATE: NonZero<u64> = NonZero::new(1000).expect("not zero");

/// What an increment has of the log, without its headers.
fn log_bytes(record: &SegmentRecord) -> u64 {
    match increment(record).lsns() {
        Some(log) => log.range.end.distance_from(log.range.start),
        None => record.segment.size_bytes - SEGMENT_HEADER_BYTES as u64,
    }
}

#[test]
fn the_log_is_counted_once_to_check_it_and_once_to_copy_it() {
    for fixtures in [V1, V2] {
        let live = Live::of(fixtures, "04_rotation/source");
        let clock = ManualClock::default();
        let context = Context {
            pace: &Pace::by(RATE, Box::new(clock.clone())),
            ..every_core()
        };
        let (database, repository) = (live.database(), live.repository());
        let captured = capture(&database, &repository, &Options::default(), context);
        let (mut image, mut log) = (0, 0);
        for record in added(captured) {
            match record.segment.kind {
                SegmentKind::Full => image += record.segment.size_bytes,
                SegmentKind::Incremental => log += log_bytes(&record),
            }
        }
        assert!(log > 500, "{log}");
        let counted = u64::try_from(clock.running().as_millis()).expect("a number");
        // A tenth of a second is for free at first.
        let (least, most) = (image + 2 * log - 110, image + 2 * log);
        assert!(
            (least..=most).contains(&counted),
            "{counted}: {least} to {most}"
        );
    }
}

//! How long a capture waits for a writer, and how often it looks again.

use std::fs;
use std::time::Duration;

use apograph_capture::{Captured, Kind, Result};
use apograph_format::Generation;
use apograph_io::{Clock, Context};
use apograph_testing::clock::ManualClock;
use apograph_testing::context::every_core;
use apograph_testing::fixtures::{V1, V2};

use crate::changed_files::flip;
use crate::frames::slot;
use crate::live::Live;

const LIVE: &str = "10_live/source";
const WHOLE: &str = "08_torn_tail/source";

/// How long a capture waits, and what it ends with.
pub(crate) fn waited(live: &Live, kind: Kind) -> (Duration, Result<Captured>) {
    let clock = ManualClock::default();
    let context = Context {
        clock: &clock,
        ..every_core()
    };
    let captured = live.capture_by(kind, context);
    (clock.running(), captured)
}

/// That a capture works, and waits for so many milliseconds.
#[track_caller]
fn check(live: &Live, kind: Kind, milliseconds: u64) {
    let (time, captured) = waited(live, kind);
    captured.expect("a backup");
    assert_eq!(time, Duration::from_millis(milliseconds));
}

/// That a chain does not go on, and a capture waits for so many milliseconds before it says so.
#[track_caller]
fn check_refused(live: &Live, milliseconds: u64) {
    let (time, refused) = waited(live, Kind::Incremental);
    let error = refused.expect_err("a refusal");
    assert_eq!(error.code().as_str(), "chain-broken", "{error}");
    assert_eq!(time, Duration::from_millis(milliseconds));
}

#[test]
fn a_log_that_stands_still_is_looked_at_once() {
    for fixtures in [V1, V2] {
        let live = Live::of(fixtures, WHOLE);
        check(&live, Kind::Auto, 0);
        check(&live, Kind::Auto, 0);
        check(&live, Kind::Full, 0);
    }
}

#[test]
fn a_torn_log_is_looked_at_six_times() {
    for fixtures in [V1, V2] {
        for kind in [Kind::Auto, Kind::Full] {
            let live = Live::of(fixtures, WHOLE);
            live.added(Kind::Auto);
            live.append(b"torn");
            check(&live, kind, 100);
        }
    }
}

/// Generation 1: a commit that is still to be logged, or never was.
#[test]
fn a_log_that_lacks_an_epoch_is_looked_at_once_more() {
    let live = Live::of(V1, WHOLE);
    let (path, ends) = (live.log_file(0), live.commits());
    let log = fs::read(&path).expect("a log file");
    fs::write(&path, [&log[..ends[0]], &log[ends[1]..]].concat()).expect("a log file");
    check(&live, Kind::Auto, 20);
}

/// One that is being written looks damaged for a moment. (In generation 1 the image is written
/// beside the database first.)
#[test]
fn a_damaged_slot_of_generation_2_is_read_again_for_a_while() {
    let live = Live::of(V2, LIVE);
    flip(
        &live.database(),
        slot(live.headers().checkpoint.iteration) + 20,
    );
    let (time, refused) = waited(&live, Kind::Auto);
    refused.expect_err("a refusal");
    assert_eq!(time, Duration::from_millis(100));
}

/// Generation 1: a session makes its commit visible before it logs it, and a close removes its log a
/// while after its image.
#[test]
fn an_image_and_its_record_are_given_an_age() {
    let now = ManualClock::default().now();
    for fixtures in [V1, V2] {
        let is_first = fixtures.generation() == Generation::One;
        let live = Live::of(fixtures, WHOLE);
        let start = live.begin_log_file();
        if is_first {
            live.name_log_file(start);
        }
        live.checkpoint(|it| {
            it.written_at = now;
            it.log_start = start.lsn();
        });
        check(&live, Kind::Full, if is_first { 250 } else { 0 });
        let live = Live::of(fixtures, WHOLE);
        live.checkpoint_whole(|it| it.written_at = now);
        check(&live, Kind::Full, if is_first { 2000 } else { 0 });
    }
}

/// A checkpoint that is under way looks like another history for a moment.
#[test]
fn a_chain_that_breaks_is_looked_at_again_where_that_may_pass() {
    for fixtures in [V1, V2] {
        let live = Live::of(fixtures, WHOLE);
        let older = fs::read(live.database()).expect("a database");
        live.checkpoint_whole(|_| {});
        live.added(Kind::Auto);
        fs::write(live.database(), older).expect("a database");
        check_refused(&live, 100);
        // A log that is not there does not come back.
        let live = Live::of(fixtures, WHOLE);
        live.added(Kind::Auto);
        check_refused(&live.closed(), 0);
    }
}

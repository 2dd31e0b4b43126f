//! Databases in the middle of a close or of a checkpoint, which are waited for.

use std::fs::{self, File};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use apograph_capture::{CaptureError, Kind};
use apograph_format::UnixMillis;
use apograph_format::v1::CHECKPOINT_FILE_NAME;
use apograph_format::{LogPosition, LogSequence, log_file_name};
use apograph_io::{Clock, Context, Monitor};
use apograph_testing::clock::ManualClock;
use apograph_testing::context::every_core;
use apograph_testing::fixtures::{V1, V2};

use crate::live::Live;
use crate::remains::{CLOSED_AT, set_times};
use crate::waits::waited;

/// A close or a checkpoint is given this long.
const HELD: Duration = Duration::from_secs(2);

fn live() -> Live {
    Live::of(V1, "10_live/source")
}

/// The same without `checkpoint.meta`, with its log in the file of a number.
fn unrecorded(number: u64) -> Live {
    let live = live();
    let file = log_file_name(LogPosition::in_file(LogSequence::new(number), 0));
    fs::rename(live.log_file(0), live.log_folder().join(file)).expect("a rename");
    fs::remove_file(live.log_folder().join(CHECKPOINT_FILE_NAME)).expect("a record");
    live
}

/// A checkpoint that has installed its image, and not said so.
fn unnamed() -> Live {
    let live = live();
    live.checkpoint(|it| it.epoch = it.epoch.next().expect("an epoch"));
    live
}

/// A close that has removed the log file after the image first.
fn without_file() -> Live {
    let live = live();
    live.name_log_file(LogPosition::in_file(LogSequence::new(7), 0));
    live
}

/// A close that has removed `checkpoint.meta`, and not the log that is older than the image.
fn older() -> Live {
    let live = unrecorded(0);
    live.checkpoint(|it| it.written_at = CLOSED_AT);
    set_times(&live, -100, 10);
    live
}

#[test]
fn an_engine_in_the_middle_of_a_close_or_of_a_checkpoint_is_waited_for() {
    let in_between: [fn() -> Live; 4] = [unnamed, without_file, older, || unrecorded(1)];
    let settled: [fn() -> Live; 2] = [live, || unrecorded(0)];
    let in_between = in_between.into_iter().map(|made| (made, true));
    let settled = settled.into_iter().map(|made| (made, false));
    for (made, is_between) in in_between.chain(settled) {
        let live = made();
        let file = File::open(live.database()).expect("a database");
        file.lock().expect("a lock");
        let (time, _) = waited(&live, Kind::Auto);
        assert_eq!(time >= HELD, is_between, "{time:?}");
        // Nobody is at work.
        let (time, captured) = waited(&made(), Kind::Auto);
        assert!(time < HELD, "{time:?}");
        captured.expect("a backup");
    }
}

/// Nothing tells it from an engine that has opened what a killed close left.
#[test]
fn a_log_that_may_still_be_removed_is_not_taken_for_what_a_killed_close_left() {
    let live = older();
    let file = File::open(live.database()).expect("a database");
    file.lock().expect("a lock");
    let (_, refused) = waited(&live, Kind::Auto);
    let error = refused.expect_err("a refusal");
    assert!(matches!(error, CaptureError::Closing { .. }), "{error}");
    // One that was begun after the image is no such log.
    set_times(&live, 1, 10);
    waited(&live, Kind::Auto).1.expect("a backup");
    // Nobody has the database open any more.
    set_times(&live, -100, 10);
    file.unlock().expect("no lock");
    waited(&live, Kind::Auto).1.expect("a backup");
}

/// An engine that closes the database whenever it was copied, and opens it when a capture waits.
struct Restless<'a> {
    live: &'a Live,
    clock: ManualClock,
    opened: AtomicU32,
}

impl Restless<'_> {
    fn rename(&self, from: &str, to: &str) -> bool {
        fs::rename(self.live.path(from), self.live.path(to)).is_ok()
    }
}

impl Monitor for Restless<'_> {
    fn phase(&self, name: &'static str, _total_bytes: u64) {
        if name == "checking the copy" {
            assert!(self.rename("src.grafeo.wal", "away"));
        }
    }
}

impl Clock for Restless<'_> {
    fn now(&self) -> UnixMillis {
        self.clock.now()
    }

    fn running(&self) -> Duration {
        self.clock.running()
    }

    fn wait(&self, time: Duration) {
        self.clock.wait(time);
        if self.rename("away", "src.grafeo.wal") {
            let opened = self.opened.fetch_add(1, Ordering::Relaxed);
            assert!(opened < 10_000, "no end");
        }
    }
}

#[test]
fn a_database_that_is_opened_and_closed_all_the_time_is_given_up_after_a_while() {
    let live = Live::of(V2, "10_live/source");
    let restless = Restless {
        live: &live,
        clock: ManualClock::default(),
        opened: AtomicU32::default(),
    };
    let context = Context {
        clock: &restless,
        monitor: &restless,
        ..every_core()
    };
    let error = live.capture_by(Kind::Auto, context);
    let error = error.expect_err("a refusal");
    assert!(matches!(error, CaptureError::Changing { .. }), "{error}");
    assert_eq!(restless.running(), Duration::from_secs(10));
    assert!(restless.opened.into_inner() > 10);
}

/// A checkpoint removes them one by one, and the log is looked at in the middle of it.
#[test]
fn log_files_that_are_missing_are_looked_for_again_a_few_times() {
    let live = Live::of(V1, "04_rotation/source");
    fs::remove_file(live.log_file(2)).expect("a log file");
    let (time, refused) = waited(&live, Kind::Auto);
    assert_eq!(refused.expect_err("a refusal").code(), "wal-damaged");
    // Five times, with four pauses between them.
    assert_eq!(time, Duration::from_millis(80));
}

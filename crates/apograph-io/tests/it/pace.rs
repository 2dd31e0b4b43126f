//! A limit on how fast is read, by a clock that nobody waits for.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use apograph_io::{
    Clock, Context, Disk, Folder, IoError, Mode, Monitor, NoProgress, Pace, RealDisk, StagedFile,
    Sums, Threads, sums,
};
use apograph_testing::clock::ManualClock;

const MIB: u64 = 1 << 20;

/// Nobody waited for longer than one piece takes.
fn check_waits(clock: &ManualClock) {
    let longest = clock.longest_wait();
    assert!(longest <= Duration::from_millis(125), "{longest:?}");
}

fn limited(bytes_per_second: u64) -> (ManualClock, Pace) {
    let clock = ManualClock::default();
    let rate = NonZero::new(bytes_per_second).expect("a rate");
    let pace = Pace::by(rate, Box::new(clock.clone()));
    (clock, pace)
}

fn milliseconds(clock: &ManualClock) -> u128 {
    clock.running().as_millis()
}

#[test]
fn so_many_bytes_take_so_long() {
    for (rate, piece, count, expected) in [
        (MIB, MIB / 8, 80, 10_000),
        (100 * MIB, MIB, 1_000, 10_000),
        (10, 1, 100, 10_000),
        (1000 * MIB, 100, 10, 0),
    ] {
        let (clock, pace) = limited(rate);
        for _ in 0..count {
            pace.take(piece, &NoProgress).expect("no end");
        }
        // A debt of less than 10 ms is carried on.
        let (found, least) = (milliseconds(&clock), expected - expected.min(10));
        assert!((least..=expected).contains(&found), "{rate}: {found} ms");
    }
}

#[test]
fn idle_time_is_not_caught_up_with() {
    let (clock, pace) = limited(MIB);
    pace.take(MIB, &NoProgress).expect("no end");
    assert_eq!(milliseconds(&clock), 1000);
    clock.pass(Duration::from_mins(1));
    // A tenth of a second was saved.
    pace.take(MIB, &NoProgress).expect("no end");
    assert_eq!(milliseconds(&clock), 61_900);
}

#[test]
fn clones_share_the_limit() {
    let (clock, pace) = limited(MIB);
    let other = pace.clone();
    for _ in 0..4 {
        pace.take(MIB / 2, &NoProgress).expect("no end");
        other.take(MIB / 2, &NoProgress).expect("no end");
    }
    assert_eq!(milliseconds(&clock), 4000);
}

/// Ends what asks it so many times.
struct Patient(AtomicUsize);

impl Monitor for Patient {
    fn is_interrupted(&self) -> bool {
        self.0.fetch_sub(1, Ordering::Relaxed) == 0
    }
}

#[test]
fn what_is_asked_for_never_runs_over() {
    let (clock, pace) = limited(1);
    for asked in [10, 5] {
        let end = pace.take(u64::MAX, &Patient(AtomicUsize::new(asked)));
        assert!(matches!(end, Err(IoError::Interrupted)));
    }
    assert_eq!(milliseconds(&clock), 1500);
    let (clock, pace) = limited(u64::MAX);
    pace.take(u64::MAX, &NoProgress).expect("no end");
    assert_eq!(milliseconds(&clock), 1000);
}

/// Whoever waits for a slow reading is heard within a tenth of a second.
#[test]
fn a_reading_ends_when_it_is_interrupted() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = Folder::open(folder.path()).expect("a folder");
    let bytes: Vec<u8> = (0..=250).cycle().take(1 << 20).collect();
    std::fs::write(folder.at("source").path(), &bytes).expect("a file");
    let source = folder.at("source").open().expect("a file");
    for (rate, asked, expected) in [(1000, 0, 0), (1000, 1, 100), (1000, 5, 500)] {
        let (clock, pace) = limited(rate);
        let monitor = Patient(AtomicUsize::new(asked));
        let context = Context {
            threads: &Threads::ONE,
            pace: &pace,
            monitor: &monitor,
            ..Context::default()
        };
        let end = sums(&bytes, context);
        assert!(matches!(end, Err(IoError::Interrupted)), "{end:?}");
        assert_eq!(milliseconds(&clock), expected);
        let monitor = Patient(AtomicUsize::new(asked));
        let context = Context {
            monitor: &monitor,
            ..context
        };
        let target = folder.at("target");
        let mut staged = StagedFile::create(&RealDisk, target, Mode::PRIVATE).expect("a file");
        let end = staged.copy(&source, 0, bytes.len() as u64, context);
        assert!(matches!(end, Err(IoError::Interrupted)), "{end:?}");
        drop(staged);
        let names = folder.names().expect("a folder").count();
        assert_eq!(names, 1, "the copy is gone");
    }
}

#[test]
fn a_slow_checksum_is_the_same() {
    let bytes: Vec<u8> = (0..=250).cycle().take(3 << 20).collect();
    let expected = Sums::of(&bytes);
    let (clock, pace) = limited(MIB);
    let threads = Threads::default();
    let unlimited = Context {
        threads: &threads,
        ..Context::default()
    };
    let context = Context {
        pace: &pace,
        ..unlimited
    };
    assert_eq!(sums(&bytes, context).expect("no end"), expected);
    assert_eq!(milliseconds(&clock), 3000);
    check_waits(&clock);
    let found = sums(&bytes, unlimited);
    assert_eq!(found.expect("no end"), expected);
}

#[test]
fn a_slow_copy_is_the_same() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = Folder::open(folder.path()).expect("a folder");
    let bytes: Vec<u8> = (0..=250).cycle().take(1 << 20).collect();
    std::fs::write(folder.at("source").path(), &bytes).expect("a file");
    let source = folder.at("source").open().expect("a file");
    for (range, expected) in [
        (0..0, 0..=0),
        (0..bytes.len(), 4000..=4000),
        (5..bytes.len() - 5, 3980..=4000),
        (1..3, 0..=0),
        (32_768..2 * 32_768, 125..=125),
        (32_768..2 * 32_768 + 8192, 156..=157),
    ] {
        let (clock, pace) = limited(MIB / 4);
        let target = folder.at("target");
        let mut staged = StagedFile::create(&RealDisk, target, Mode::PRIVATE).expect("a file");
        let (offset, length) = (range.start as u64, range.len() as u64);
        let context = Context {
            pace: &pace,
            ..Context::default()
        };
        staged
            .copy(&source, offset, length, context)
            .expect("a copy");
        staged.publish().expect("a file");
        assert!(target.source().and_then(|it| it.read()).expect("a file") == bytes[range.clone()]);
        let found = milliseconds(&clock);
        assert!(expected.contains(&found), "{range:?}: {found} ms");
        check_waits(&clock);
        RealDisk.remove_file(target).expect("a removal");
    }
}

#[test]
fn a_piece_takes_an_eighth_of_a_second_within_bounds() {
    for (rate, expected) in [
        (1, 4 << 10),
        (8 * 5000, 5000),
        (8 * 5000 + 7, 5000),
        (MIB, MIB / 8),
        (8 * MIB - 8, MIB - 1),
        (u64::MAX, MIB),
    ] {
        let (_, pace) = limited(rate);
        assert!(!pace.is_unlimited());
        assert_eq!(pace.piece_bytes(), Some(expected), "{rate}");
    }
    let none = Pace::default();
    assert!(none.is_unlimited());
    assert_eq!(none.piece_bytes(), None);
}

#[test]
fn a_pace_is_told_as_its_rate() {
    let (_, pace) = limited(MIB);
    assert_eq!(format!("{pace:?}"), "Pace(Some(1048576))");
    assert_eq!(format!("{:?}", Pace::default()), "Pace(None)");
}

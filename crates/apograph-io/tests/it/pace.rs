//! A limit on how fast is read, by a clock that nobody waits for.

use std::num::NonZero;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use apograph_io::{
    Clock, Disk, Folder, Mode, Pace, RealDisk, StagedFile, Threads, crc32, crc32_at_pace,
};

const MIB: u64 = 1 << 20;

/// Time passes where somebody waits, and where a test says so.
#[derive(Clone, Default)]
struct Told {
    now: Arc<Mutex<Duration>>,
    longest_wait: Arc<Mutex<Duration>>,
}

impl Told {
    fn pass(&self, time: Duration) {
        *self.now.lock().expect("a clock") += time;
    }

    /// Nobody waited for longer than one piece takes.
    fn check_waits(&self) {
        let longest = *self.longest_wait.lock().expect("a clock");
        assert!(longest <= Duration::from_millis(125), "{longest:?}");
    }
}

impl Clock for Told {
    fn now(&self) -> Duration {
        *self.now.lock().expect("a clock")
    }

    fn wait(&self, time: Duration) {
        self.pass(time);
        let mut longest = self.longest_wait.lock().expect("a clock");
        *longest = time.max(*longest);
    }
}

fn limited(bytes_per_second: u64) -> (Told, Pace) {
    let clock = Told::default();
    let rate = NonZero::new(bytes_per_second).expect("a rate");
    let pace = Pace::by(rate, Box::new(clock.clone()));
    (clock, pace)
}

fn milliseconds(clock: &Told) -> u128 {
    clock.now().as_millis()
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
            pace.take(piece);
        }
        // A debt of less than 10 ms is carried on.
        let (found, least) = (milliseconds(&clock), expected - expected.min(10));
        assert!((least..=expected).contains(&found), "{rate}: {found} ms");
    }
}

#[test]
fn idle_time_is_not_caught_up_with() {
    let (clock, pace) = limited(MIB);
    pace.take(MIB);
    assert_eq!(milliseconds(&clock), 1000);
    clock.pass(Duration::from_mins(1));
    // A tenth of a second was saved.
    pace.take(MIB);
    assert_eq!(milliseconds(&clock), 61_900);
}

#[test]
fn clones_share_the_limit() {
    let (clock, pace) = limited(MIB);
    let other = pace.clone();
    for _ in 0..4 {
        pace.take(MIB / 2);
        other.take(MIB / 2);
    }
    assert_eq!(milliseconds(&clock), 4000);
}

#[test]
fn what_is_asked_for_never_runs_over() {
    let (_, pace) = limited(1);
    pace.take(u64::MAX);
    pace.take(u64::MAX);
    let (clock, pace) = limited(u64::MAX);
    pace.take(u64::MAX);
    assert_eq!(milliseconds(&clock), 1000);
}

#[test]
fn a_slow_checksum_is_the_same() {
    let bytes: Vec<u8> = (0..=250).cycle().take(3 << 20).collect();
    let threads = Threads::default();
    let (clock, pace) = limited(MIB);
    assert_eq!(
        crc32_at_pace(&bytes, threads, &pace),
        crc32(&bytes, threads)
    );
    assert_eq!(milliseconds(&clock), 3000);
    clock.check_waits();
    let none = Pace::default();
    assert_eq!(
        crc32_at_pace(&bytes, threads, &none),
        crc32(&bytes, threads)
    );
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
        staged
            .copy_at_pace(&source, offset, length, &pace)
            .expect("a copy");
        staged.publish().expect("a file");
        assert!(*target.map().expect("a file") == bytes[range.clone()]);
        let found = milliseconds(&clock);
        assert!(expected.contains(&found), "{range:?}: {found} ms");
        clock.check_waits();
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

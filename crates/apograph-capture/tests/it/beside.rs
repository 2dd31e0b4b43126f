//! What a backup writes into the log folder, and when it does not.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use apograph_capture::Kind;
use apograph_format::{LogPosition, LogSequence, UnixMillis};
use apograph_io::{Clock, RealDisk, SystemClock};
use apograph_manifest::{CURSOR_FILE_NAME, Keep, Slot, marker_name};
use apograph_testing::disk::{Operation, SimDisk};
use apograph_testing::fixtures::{Fixtures, V1, V2};

use crate::captured::added;
use crate::live::Live;
use crate::monitors::Heard;

const SOURCE: &str = "10_live/source";
const DAY_SECONDS: u64 = 24 * 60 * 60;

/// The names in the log folder that an engine does not know.
fn ours(live: &Live) -> Vec<String> {
    let entries = fs::read_dir(live.log_folder()).expect("a log folder");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let names = names.map(|name| name.to_string_lossy().into_owned());
    let mut ours: Vec<_> = names
        .filter(|name| name.contains("apograph") || name == CURSOR_FILE_NAME)
        .collect();
    ours.sort();
    ours
}

/// Whether an operation gives something of ours its name in the log folder.
fn is_named(operation: &Operation, suffix: &str) -> bool {
    ["create", "publish"].contains(&operation.name)
        && operation.path.to_string_lossy().ends_with(suffix)
        && !operation.path.to_string_lossy().contains("repository")
}

/// What is left in the log folder where the newest log file loses its name right before an
/// operation of a first backup.
fn left(fixtures: Fixtures, find: impl Fn(&[Operation]) -> usize) -> Vec<String> {
    let probe = Live::of(fixtures, SOURCE);
    let disk = SimDisk::new(&probe.path(""));
    probe.capture_on(&disk, Kind::Auto).expect("a backup");
    let at = find(&disk.operations());

    let live = Live::of(fixtures, SOURCE);
    let path = live.log_file(0);
    let disk = SimDisk::new(&live.path("")).meanwhile(move |index| {
        if index == at {
            fs::remove_file(&path).expect("a log file");
        }
    });
    let heard = Heard::default();
    let captured = live.capture_heard(&disk, Kind::Auto, &heard);
    assert_eq!(added(captured).len(), 2);
    assert_eq!(heard.words(), [""; 0]);
    let operations = disk.operations();
    let is_marked = operations.iter().skip(at).any(|it| is_named(it, ".mark"));
    // What was named in that moment alone is taken back.
    assert_eq!(
        is_marked,
        operations.len() > at && is_named(&operations[at], ".mark")
    );
    ours(&live)
}

/// An engine that closes the database removes the files first and then the folder.
#[test]
fn nothing_is_named_in_a_folder_that_is_being_removed() {
    for fixtures in [V1, V2] {
        let marker = |it: &Operation| is_named(it, ".mark");
        let before = left(fixtures, |operations| {
            operations.iter().position(marker).expect("a marker") - 1
        });
        assert_eq!(before, [CURSOR_FILE_NAME]);
        let meanwhile = left(fixtures, |operations| {
            operations.iter().position(marker).expect("a marker")
        });
        assert_eq!(meanwhile, [CURSOR_FILE_NAME]);
    }
}

/// Nor in one that another has taken the place of.
#[test]
fn nothing_is_named_in_a_folder_that_was_moved_away() {
    for fixtures in [V1, V2] {
        let probe = Live::of(fixtures, SOURCE);
        let disk = SimDisk::new(&probe.path(""));
        probe.capture_on(&disk, Kind::Auto).expect("a backup");
        let marker = |it: &Operation| is_named(it, ".mark");
        let at = disk.operations().iter().position(marker);
        let before = at.expect("a marker") - 1;

        let live = Live::of(fixtures, SOURCE);
        let (log, away) = (live.log_folder(), live.path("away"));
        let to = away.clone();
        let disk = SimDisk::new(&live.path("")).meanwhile(move |index| {
            if index == before {
                fs::rename(&log, &to).expect("a rename");
            }
        });
        live.capture_on(&disk, Kind::Auto).expect("a backup");
        let names = fs::read_dir(away).expect("a folder");
        let mut names = names.map(|entry| entry.expect("an entry").file_name());
        assert!(!names.any(|name| name.to_string_lossy().ends_with(".mark")));
    }
}

/// Whoever removes it ends the history.
#[test]
fn what_is_removed_meanwhile_is_not_named_anew() {
    for (fixtures, suffix) in [(V1, ".mark"), (V2, ".mark"), (V1, CURSOR_FILE_NAME)] {
        let backed_up = || {
            let live = Live::of(fixtures, SOURCE);
            let rest = live.hold_back(2);
            live.added(Kind::Auto);
            live.append(&rest);
            live
        };
        let probe = backed_up();
        let disk = SimDisk::new(&probe.path(""));
        probe.capture_on(&disk, Kind::Auto).expect("a backup");
        let is_rewritten =
            |it: &Operation| it.name == "rewrite" && it.path.to_string_lossy().ends_with(suffix);
        let at = disk.operations().iter().position(is_rewritten);
        let at = at.expect("a file that is rewritten");

        let live = backed_up();
        let path = live.path(&disk.operations()[at].path.to_string_lossy());
        let path = path.with_file_name(if suffix == CURSOR_FILE_NAME {
            CURSOR_FILE_NAME.to_owned()
        } else {
            marker_name(live.repository_id())
        });
        let disk = SimDisk::new(&live.path("")).meanwhile(move |index| {
            if index == at {
                fs::remove_file(&path).expect("a file");
            }
        });
        let heard = Heard::default();
        added(live.capture_heard(&disk, Kind::Auto, &heard));
        assert_eq!(heard.words(), [""; 0]);
        let ours = ours(&live);
        assert!(!ours.iter().any(|name| name.ends_with(suffix)), "{ours:?}");
    }
}

/// The repository of a database that is backed up to two: each has its turn.
struct Two {
    live: Live,
}

impl Two {
    fn other(&self) -> PathBuf {
        self.live.path("other")
    }

    /// Gives the other repository its turn.
    fn swap(&self) {
        let (repository, other, away) =
            (self.live.repository(), self.other(), self.live.path("away"));
        let exchange = [(&repository, &away), (&other, &repository), (&away, &other)];
        for (from, to) in exchange.into_iter().filter(|(from, _)| from.exists()) {
            fs::rename(from, to).expect("a rename");
        }
    }
}

/// Where the log begins that a cursor keeps.
fn kept(live: &Live) -> LogPosition {
    match live.cursor().expect("a cursor").keep {
        Keep::AllFiles => LogPosition::in_file(LogSequence::new(0), 0),
        Keep::FilesAfter(sequence) => LogPosition::in_file(sequence.next().expect("a number"), 0),
        Keep::FromLsn(lsn) => lsn.expect("a position").into(),
    }
}

/// Two repositories, the first of which is one log file after.
fn two(fixtures: Fixtures) -> (Two, [LogPosition; 2]) {
    let live = Live::of(fixtures, SOURCE);
    let rest = live.hold_back(2);
    let two = Two { live };
    two.live.added(Kind::Auto);
    let first = kept(&two.live);
    two.live.append(&rest);
    two.live.checkpoint_whole(|_| {});
    let starts = [first, two.live.log().files()[1].start()];
    assert_ne!(starts[0], starts[1]);
    two.swap();
    (two, starts)
}

#[test]
fn the_cursor_keeps_the_log_that_the_neediest_repository_wants() {
    for fixtures in [V1, V2] {
        let (two, [first, second]) = two(fixtures);
        assert_eq!(kept(&two.live), first);
        two.live.added(Kind::Auto);
        assert_eq!(kept(&two.live), first);
        two.live.added(Kind::Full);
        assert_eq!(kept(&two.live), first);
        // Once it was its turn, nobody needs that file.
        two.swap();
        two.live.added(Kind::Full);
        assert_eq!(kept(&two.live), second);
        // Both go on.
        for _ in 0..2 {
            two.live.capture(Kind::Incremental).expect("an answer");
            two.swap();
        }
        assert_eq!(kept(&two.live), second);
    }
}

/// Its marker appears while the cursor is written.
#[test]
fn a_repository_that_is_backed_up_to_meanwhile_keeps_its_log() {
    for fixtures in [V1, V2] {
        let probe = two(fixtures).0;
        let disk = SimDisk::new(&probe.live.path(""));
        fs::remove_file(marker_of_other(&probe)).expect("a marker");
        probe.live.capture_on(&disk, Kind::Auto).expect("a backup");
        let is_cursor = |it: &Operation| it.path.to_string_lossy().contains(CURSOR_FILE_NAME);
        let at = disk.operations().iter().position(is_cursor);

        let (two, [first, second]) = two(fixtures);
        let (marker, away) = (marker_of_other(&two), two.live.path("marker"));
        fs::rename(&marker, &away).expect("a rename");
        let disk = SimDisk::new(&two.live.path("")).meanwhile(move |index| {
            if Some(index) == at {
                fs::rename(&away, &marker).expect("a rename");
            }
        });
        two.live.capture_on(&disk, Kind::Auto).expect("a backup");
        assert_eq!(kept(&two.live), first);
        assert_ne!(first, second);
    }
}

/// The file in which the other repository marks the log folder.
fn marker_of_other(two: &Two) -> PathBuf {
    two.swap();
    let path = two.live.marker_path();
    two.swap();
    path
}

/// The slots of a marker, as if they had been written so long ago.
fn age(live: &Live, age: Duration) {
    let mut bytes = fs::read(live.marker_path()).expect("a marker");
    for (index, slot) in live.marker().slots.into_iter().enumerate() {
        let Some(slot) = slot else {
            continue;
        };
        let millis = u64::try_from(age.as_millis()).expect("an age");
        let written_at = UnixMillis::new(SystemClock.now().get() - millis);
        let slot = Slot { written_at, ..slot };
        let offset = index * 4096;
        bytes[offset..offset + Slot::BYTES].copy_from_slice(&slot.encode());
    }
    fs::write(live.marker_path(), bytes).expect("a marker");
}

#[test]
fn a_repository_that_was_not_backed_up_to_for_long_holds_no_log_back() {
    for fixtures in [V1, V2] {
        for (seconds, is_given_up) in [(8 * DAY_SECONDS - 60, false), (8 * DAY_SECONDS + 60, true)]
        {
            let (two, [first, second]) = two(fixtures);
            two.swap();
            age(&two.live, Duration::from_secs(seconds));
            let id = two.live.repository_id();
            two.swap();
            let heard = Heard::default();
            added(two.live.capture_heard(&RealDisk, Kind::Auto, &heard));
            let heard = heard.words();
            if is_given_up {
                assert_eq!(kept(&two.live), second);
                let words = format!(
                    "another repository of this database, {id}, was last backed up to 8 days ago"
                );
                assert!(heard.iter().all(|it| it.starts_with(&words)), "{heard:?}");
                assert!(!heard.is_empty());
                // Its chain goes on while the log is there.
                two.swap();
                two.live.capture(Kind::Incremental).expect("an answer");
                two.live.added(Kind::Full);
                assert_eq!(kept(&two.live), second);
            } else {
                assert_eq!(kept(&two.live), first);
                assert_eq!(heard, [""; 0]);
            }
        }
    }
}

#[test]
fn a_repository_that_needs_more_log_than_a_full_backup_copies_holds_none_back() {
    const LIMIT: u64 = 1 << 30;
    for (size, is_given_up) in [(LIMIT, false), (LIMIT + 1, true)] {
        let (two, [first, second]) = two(V1);
        // A gap: nobody reads it, the image is after it.
        let file = fs::OpenOptions::new()
            .write(true)
            .open(two.live.log_file(0));
        file.and_then(|file| file.set_len(size))
            .expect("a log file");
        let heard = Heard::default();
        added(two.live.capture_heard(&RealDisk, Kind::Auto, &heard));
        let heard = heard.words();
        if is_given_up {
            assert_eq!(kept(&two.live), second);
            let words = format!("needs {size} bytes of log");
            assert!(heard.iter().any(|it| it.contains(&words)), "{heard:?}");
        } else {
            assert_eq!(kept(&two.live), first);
            assert_eq!(heard, [""; 0]);
        }
    }
}

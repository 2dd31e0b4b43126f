//! A file that becomes shorter while a command reads it is an error, and the process lives.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use apograph::capture::{Options as Backup, capture};
use apograph::format::Generation;
use apograph::format::v2::{WAL_SEGMENT_HEADER_BYTES, WalSegmentHeader};
use apograph::io::{Context, Folder, Monitor, NoProgress};
use apograph::manifest::Target;
use apograph::repository::{Repository, plan_rebuild};
use apograph::restore::{Options, RestoreError, VerifyOptions, commits, restore, verify};
use apograph_faults::stage::copy;
use apograph_testing::context::{every_core, every_core_heard_by};
use apograph_testing::encoding::v1::{COMMIT, EPOCH, control, data};
use apograph_testing::encoding::v2::{FIRST, LAST, SET_NODE_PROPERTY, frame, group_begin, record};
use apograph_testing::fixtures::{Fixtures, V1, V2};
use tempfile::TempDir;

/// Many times what is read at a time.
const GROUPS: u8 = 100;
const PAYLOAD_BYTES: usize = 100 << 10;
/// A cut file has so many bytes.
const LEFT_BYTES: u64 = 1 << 20;

/// A database with a log of ten megabytes, and a repository with all of it.
struct Place {
    folder: TempDir,
    log: PathBuf,
}

impl Place {
    fn new(fixtures: Fixtures) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let source = fixtures.root().join("08_torn_tail/source");
        copy(&source, folder.path()).expect("a database");
        let logs = folder.path().join("src.grafeo.wal");
        let mut logs = fs::read_dir(logs).expect("a log folder");
        let log = logs.find_map(|entry| {
            let path = entry.expect("an entry").path();
            path.extension()
                .is_some_and(|it| it == "log")
                .then_some(path)
        });
        let log = log.expect("a log file");
        let bytes = match fixtures.generation() {
            Generation::One => (1..=GROUPS).flat_map(group_v1).collect(),
            Generation::Two => log_v2(&fs::read(&log).expect("a log file")),
        };
        fs::write(&log, bytes).expect("a log");
        Self { folder, log }
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join("src.grafeo")
    }

    fn repository(&self) -> PathBuf {
        self.folder.path().join("repository")
    }

    fn backup(&self, monitor: &dyn Monitor) -> Result<(), &'static str> {
        let (database, repository) = (self.database(), self.repository());
        let taken = capture(
            &database,
            &repository,
            &Backup::default(),
            every_core_heard_by(monitor),
        );
        taken.map(drop).map_err(|error| error.code().as_str())
    }

    /// The increment, which holds the log.
    fn increment(&self) -> PathBuf {
        self.repository().join("backup_incr_0001.wal")
    }
}

fn group_v1(number: u8) -> Vec<u8> {
    let number = number.into();
    let value = vec![7; PAYLOAD_BYTES];
    let ends = [(COMMIT, number + 1), (EPOCH, number)];
    let ends = ends.map(|(tag, number)| control(tag, number));
    [data(&value), ends.concat()].concat()
}

/// Groups after the header of a log file.
fn log_v2(golden: &[u8]) -> Vec<u8> {
    let header = WalSegmentHeader::decode(golden).expect("a header");
    let mut log = header.bytes().to_vec();
    for number in 1..=GROUPS {
        let lsn = header.first_lsn.get() + (log.len() - WAL_SEGMENT_HEADER_BYTES) as u64;
        let number = u64::from(number);
        let value = vec![7; PAYLOAD_BYTES];
        let payload = [
            vec![0; 8],
            group_begin(number, 6, 0),
            record(SET_NODE_PROPERTY, 0, &value),
        ];
        log.extend(frame(lsn, number + 1, FIRST | LAST, &payload.concat()));
    }
    log
}

type Read = fn(&Place, &dyn Monitor) -> Result<(), &'static str>;

/// Which of the questions whether to go on is answered with a cut: some come before the file is
/// opened, and some when all of it was read.
const QUESTIONS: [usize; 9] = [0, 1, 2, 4, 7, 12, 20, 40, 80];

/// Cuts a file when it is asked so often whether to go on.
struct Cutter<'a> {
    path: &'a Path,
    questions: AtomicUsize,
}

impl<'a> Cutter<'a> {
    fn of(path: &'a Path, questions: usize) -> Self {
        let questions = AtomicUsize::new(questions);
        Self { path, questions }
    }
}

impl Monitor for Cutter<'_> {
    fn is_interrupted(&self) -> bool {
        if self.questions.fetch_sub(1, Ordering::Relaxed) == 0 {
            let file = File::options().write(true).open(self.path);
            file.and_then(|file| file.set_len(LEFT_BYTES))
                .expect("a cut");
        }
        false
    }
}

/// What is cut before it is opened is another file, or a log that ends sooner.
fn is_right(found: Result<(), &str>) -> bool {
    matches!(
        found,
        Ok(()) | Err("io" | "corrupt-segment" | "chain-broken")
    )
}

#[test]
fn a_log_that_becomes_shorter_while_it_is_captured() {
    let found = QUESTIONS.map(|questions| {
        let place = Place::new(V1);
        let found = place.backup(&Cutter::of(&place.log, questions));
        assert!(is_right(found), "{questions}: {found:?}");
        found
    });
    assert!(found.contains(&Err("io")), "{found:?}");
}

#[test]
fn a_segment_that_becomes_shorter_while_it_is_read() {
    for fixtures in [V1, V2] {
        let place = Place::new(fixtures);
        assert_eq!(place.backup(&NoProgress), Ok(()));
        let (repository, increment) = (place.repository(), place.increment());
        let whole = fs::read(&increment).expect("an increment");
        assert!(whole.len() > usize::from(GROUPS) * PAYLOAD_BYTES);
        let history = repository.join("apograph.json");
        let recorded = fs::read(&history).expect("records");
        let reads: [(&str, Read); 5] = [
            ("verify", |place, monitor| {
                let options = VerifyOptions::default();
                let verified = verify(place.repository(), &options, every_core_heard_by(monitor));
                verified.map(drop).map_err(|error| error.code().as_str())
            }),
            ("restore", |place, monitor| {
                let output = place.folder.path().join("out.grafeo");
                let options = Options::to(Target::Latest);
                let restored = restore(
                    place.repository(),
                    &output,
                    &options,
                    every_core_heard_by(monitor),
                );
                restored.map(drop).map_err(|error| error.code().as_str())
            }),
            ("log", |place, monitor| {
                let opened =
                    Repository::open(place.repository(), every_core()).expect("a repository");
                let read = commits(&opened, false, every_core_heard_by(monitor), |_| {
                    Ok::<_, RestoreError>(())
                });
                read.map(drop).map_err(|error| error.code().as_str())
            }),
            ("open without records", |place, monitor| {
                fs::remove_file(place.repository().join("apograph.json")).expect("a removal");
                let context = Context::heard_by(monitor);
                let opened = Repository::open(place.repository(), context);
                opened.map(drop).map_err(|error| error.code().as_str())
            }),
            ("rebuild", |place, monitor| {
                let folder = Folder::open(&place.repository()).expect("a repository");
                let planned = plan_rebuild(&folder, Context::heard_by(monitor));
                planned.map(drop).map_err(|error| error.code().as_str())
            }),
        ];
        for (what, read) in reads {
            let found = QUESTIONS.map(|questions| {
                let found = read(&place, &Cutter::of(&increment, questions));
                assert!(is_right(found), "{what}, {questions}: {found:?}");
                fs::write(&increment, &whole).expect("an increment");
                fs::write(&history, &recorded).expect("records");
                let output = ["out.grafeo", "out.grafeo.wal"];
                for left in output.map(|name| place.folder.path().join(name)) {
                    let removed = fs::remove_file(&left).or_else(|_| fs::remove_dir_all(&left));
                    drop(removed);
                }
                found
            });
            assert!(found.contains(&Err("io")), "{what}: {found:?}");
        }
    }
}

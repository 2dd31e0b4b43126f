//! What an increment reads of a log that is long by then.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};

use apograph_capture::{CaptureError, Captured, Options, capture};
use apograph_format::{Generation, log_folder};
use apograph_io::Context;
use apograph_model::{BackupMode, Effort, Library, Op, RandomScenario, Shape, check};

const COMMIT: Op = Op::Commit(Shape {
    records: 3,
    frames: 1,
    is_forged: false,
    value_bytes: 255,
});
const AUTO: Op = Op::Backup(BackupMode::Auto);
/// More than is compared of what was captured.
const LONG_BYTES: usize = 80 << 10;

/// Takes backups of a long log while a byte of its captured part is wrong.
#[derive(Default)]
struct Rotten {
    /// How long the log was at the last backup.
    captured_bytes: Cell<usize>,
    backups: Cell<usize>,
}

impl Library for Rotten {
    fn capture(
        &self,
        database: &Path,
        repository: &Path,
        options: &Options,
    ) -> Result<Captured, CaptureError> {
        let captured = || capture(database, repository, options, Context::default());
        let log = log_file(database);
        let sound = fs::read(&log).expect("a log file");
        let captured_bytes = self.captured_bytes.replace(sound.len());
        if captured_bytes < LONG_BYTES {
            return captured();
        }
        self.backups.set(self.backups.get() + 1);
        let with_flipped = |offset: usize| {
            let mut flipped = sound.clone();
            flipped[offset] ^= 1;
            fs::write(&log, flipped).expect("a log file");
            let outcome = captured();
            fs::write(&log, &sound).expect("a log file");
            outcome
        };
        // Near the end it is the proof that the chain goes on there.
        let error = with_flipped(captured_bytes - (10 << 10)).expect_err("damage");
        assert_eq!(error.code(), "wal-damaged");
        // Far from it nobody needs it in generation 2: the repository has it. In generation 1 the
        // whole front of the file is what tells the log from another one.
        let far = with_flipped(4 << 10);
        if log_is_of_generation_1(&log) {
            assert_eq!(far.expect_err("damage").code(), "wal-damaged");
            return captured();
        }
        far
    }
}

fn log_is_of_generation_1(log: &Path) -> bool {
    log.file_name()
        .is_some_and(|name| name.len() == "wal_00000000.log".len())
}

fn log_file(database: &Path) -> PathBuf {
    let files = fs::read_dir(log_folder(database)).expect("a log folder");
    let files = files.map(|entry| entry.expect("a file").path());
    let mut logs: Vec<PathBuf> = files
        .filter(|path| path.extension().is_some_and(|it| it == "log"))
        .collect();
    assert_eq!(logs.len(), 1, "{logs:?}");
    logs.remove(0)
}

#[test]
fn an_increment_reads_no_more_than_the_end_of_what_was_captured() {
    let many = [COMMIT; 120];
    let ops = [
        &many[..],
        &[AUTO],
        &many,
        &[AUTO],
        &many,
        &[AUTO],
        &[COMMIT, AUTO],
    ]
    .concat();
    for generation in [Generation::One, Generation::Two] {
        let scenario = RandomScenario {
            generation,
            is_slow: false,
            ops: ops.clone(),
        };
        let rotten = Rotten::default();
        check(&scenario, &rotten, Effort::SOME).expect("the scenario holds");
        assert!(rotten.backups.get() > 0, "{generation:?}");
    }
}

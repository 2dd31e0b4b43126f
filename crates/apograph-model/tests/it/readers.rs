//! Whoever reads a repository while backups go on sees one moment of it.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use apograph_capture::{CaptureError, Captured, Options};
use apograph_format::Generation;
use apograph_io::Context;
use apograph_manifest::Target;
use apograph_model::{BackupMode, Effort, Library, Op, RandomScenario, Real, Shape, check};
use apograph_repository::Repository;
use apograph_restore::{Options as RestoreOptions, VerifyOptions, restore, verify};

/// Takes backups while others read.
#[derive(Default)]
struct Read {
    looks: AtomicUsize,
}

/// Lists, verifies and restores a repository, as long as a backup is taken, and once at least.
fn read(repository: &Path, is_done: &AtomicBool) -> usize {
    let mut looks = 0;
    let options = VerifyOptions::default();
    let latest = RestoreOptions {
        dry_run: true,
        ..RestoreOptions::to(Target::Latest)
    };
    loop {
        let opened = Repository::open(repository, Context::default()).expect("a repository");
        assert_eq!(opened.chain().gaps().collect::<Vec<_>>(), []);
        let verified = verify(repository, &options, Context::default()).expect("a repository");
        assert_eq!(verified.problems, []);
        let output = repository.with_file_name("none.grafeo");
        restore(repository, &output, &latest, Context::default()).expect("a state");
        looks += 1;
        if is_done.load(Ordering::Relaxed) {
            return looks;
        }
    }
}

impl Library for Read {
    fn capture(
        &self,
        database: &Path,
        repository: &Path,
        options: &Options,
    ) -> Result<Captured, CaptureError> {
        if !repository.exists() {
            return Real.capture(database, repository, options);
        }
        let is_done = AtomicBool::new(false);
        thread::scope(|scope| {
            let readers = [(); 2].map(|()| scope.spawn(|| read(repository, &is_done)));
            let captured = Real.capture(database, repository, options);
            is_done.store(true, Ordering::Relaxed);
            for reader in readers {
                let looks = reader.join().expect("one moment of the repository");
                self.looks.fetch_add(looks, Ordering::Relaxed);
            }
            captured
        })
    }
}

#[test]
fn a_reader_beside_a_writer_finds_nothing_wrong() {
    let commit = Op::Commit(Shape::of(2, 2, 9));
    for generation in [Generation::One, Generation::Two] {
        let mut ops = Vec::new();
        for round in 0..24 {
            let kind = if round % 6 == 5 {
                BackupMode::Full
            } else {
                BackupMode::Auto
            };
            ops.extend([commit, Op::Backup(kind)]);
        }
        let scenario = RandomScenario {
            generation,
            is_slow: false,
            ops,
        };
        let library = Read::default();
        if let Err(failure) = check(&scenario, &library, Effort::SOME) {
            panic!("{failure}");
        }
        assert!(library.looks.into_inner() > 24);
    }
}

//! Scenarios that once went wrong, and a library in which they still do.

use std::cell::{Cell, RefCell};
use std::fs::OpenOptions;
use std::path::Path;

use apograph_capture::{CaptureError, Captured, Options, capture};
use apograph_format::{Generation, log_folder};
use apograph_io::Context;
use apograph_manifest::Target;
use apograph_model::{
    BackupMode, Damage, DamageKind, Effort, Library, Op, RandomScenario, Real, Shape, check, run,
};
use apograph_repository::Repository;
use apograph_restore::{Options as RestoreOptions, RestoreError, restore};
use apograph_testing::disk::{Fault, SimDisk};

const BARE: Op = Op::Commit(Shape::of(0, 1, 0));
const COMMIT: Op = Op::Commit(Shape::of(1, 1, 3));
const AUTO: Op = Op::Backup(BackupMode::Auto);
const FULL: Op = Op::Backup(BackupMode::Full);
const CHECKPOINT: Op = Op::Checkpoint;
const DIES: Op = Op::Crash { lost_bytes: 0 };
const DIES_TORN: Op = Op::Crash { lost_bytes: 3 };
const LOSES_MUCH: Op = Op::Crash { lost_bytes: 176 };
const LOSES_ALL: Op = Op::Crash { lost_bytes: 255 };
const OUT_OF_ORDER: Op = Op::OutOfOrder(Shape::of(3, 1, 187));
const REBUILT: Op = Op::Rebuild { is_lost: true };

fn scenario(generation: Generation, ops: &[Op]) -> RandomScenario {
    RandomScenario {
        generation,
        is_slow: false,
        ops: ops.to_vec(),
    }
}

#[test]
fn what_once_went_wrong_in_generation_1() {
    let copied = Op::Damage(Damage {
        kind: DamageKind::Duplicate,
        file: 3,
        place: 0,
    });
    let rows: [&[Op]; 11] = [
        // The image of a process that has not counted yet is no point of the process before it.
        &[COMMIT, AUTO, DIES, CHECKPOINT, FULL, COMMIT, AUTO],
        &[
            COMMIT, COMMIT, AUTO, DIES, CHECKPOINT, COMMIT, DIES_TORN, FULL,
        ],
        // Our cursor does not say that a log file was captured whole.
        &[CHECKPOINT, COMMIT, FULL, LOSES_ALL, REBUILT, AUTO],
        // A group that ends as the captured one does is another one.
        &[BARE, AUTO, LOSES_ALL, COMMIT, REBUILT, AUTO, COMMIT, FULL],
        // Two groups that are the same: which of them was captured cannot be told.
        &[BARE, AUTO, COMMIT, REBUILT, DIES_TORN, BARE, FULL],
        // The cursor keeps the log file at which the next increment begins.
        &[CHECKPOINT, COMMIT, LOSES_ALL, AUTO, CHECKPOINT, AUTO],
        // A process that has logged nothing is not the one before it, after a rebuild either.
        &[
            COMMIT,
            COMMIT,
            Op::Close,
            Op::Open,
            AUTO,
            CHECKPOINT,
            FULL,
            COMMIT,
        ],
        // A copied increment is no backup that was killed before its manifest.
        &[
            OUT_OF_ORDER,
            AUTO,
            LOSES_MUCH,
            CHECKPOINT,
            AUTO,
            copied,
            FULL,
        ],
        // No increment tells of a process that has logged nothing, nor of what lies after an epoch
        // that was never logged.
        &[FULL, BARE, REBUILT, OUT_OF_ORDER, BARE, LOSES_MUCH, AUTO],
        &[FULL, BARE, REBUILT, OUT_OF_ORDER, DIES, AUTO],
        // The image of a process that has logged nothing has a timeline, which is nobody else's.
        &[
            Op::Commit(Shape::of(2, 2, 1)),
            Op::Crash { lost_bytes: 20 },
            FULL,
            Op::CrashInCheckpoint,
            FULL,
            COMMIT,
            Op::Close,
            Op::CrashInCheckpoint,
            FULL,
        ],
    ];
    for ops in rows {
        run(&scenario(Generation::One, ops), Effort::ALL);
    }
}

/// What an increment after a second full backup repeats counts where the first one is lost.
#[test]
fn what_is_there_counts_wherever_it_stands() {
    let remove = |file| {
        Op::Damage(Damage {
            kind: DamageKind::Remove,
            file,
            place: 0,
        })
    };
    // The first full backup and its increment are the second file, and then the third.
    let rows: [&[Op]; 3] = [
        &[
            COMMIT,
            COMMIT,
            AUTO,
            FULL,
            COMMIT,
            AUTO,
            remove(1),
            remove(2),
            REBUILT,
        ],
        &[
            COMMIT,
            COMMIT,
            AUTO,
            FULL,
            DIES,
            COMMIT,
            AUTO,
            remove(1),
            remove(2),
            REBUILT,
        ],
        &[
            COMMIT,
            COMMIT,
            AUTO,
            FULL,
            COMMIT,
            AUTO,
            remove(3),
            REBUILT,
            AUTO,
            FULL,
            COMMIT,
            AUTO,
        ],
    ];
    for generation in [Generation::One, Generation::Two] {
        for ops in rows {
            run(&scenario(generation, ops), Effort::ALL);
        }
    }
}

#[test]
fn what_once_went_wrong_in_generation_2() {
    // An image ahead of its log, after which its epochs are given out again.
    let ahead = [
        COMMIT, AUTO, BARE, BARE, CHECKPOINT, DIES, COMMIT, FULL, COMMIT, COMMIT, AUTO,
    ];
    run(&scenario(Generation::Two, &ahead), Effort::ALL);
}

/// Kills the second backup before one of its operations, and takes it again.
struct Killing {
    at: usize,
    backups: Cell<usize>,
    is_struck: Cell<bool>,
}

impl Library for Killing {
    fn capture(
        &self,
        database: &Path,
        repository: &Path,
        options: &Options,
    ) -> Result<Captured, CaptureError> {
        self.backups.set(self.backups.get() + 1);
        if self.backups.get() == 2 {
            let root = database.parent().expect("a folder");
            let disk = SimDisk::new(root).with_fault(self.at, Fault::PowerCut);
            let context = Context {
                disk: &disk,
                ..Context::default()
            };
            let killed = capture(database, repository, options, context);
            self.is_struck.set(disk.is_struck());
            if !disk.is_struck() {
                return killed;
            }
        }
        Real.capture(database, repository, options)
    }
}

/// A database that was closed and reopened gets a full backup, whose increment is published before
/// its image: nothing of one that was killed is in the way of the next.
#[test]
fn a_backup_that_is_killed_anywhere_does_not_stop_the_next() {
    let reopened = [
        COMMIT,
        AUTO,
        Op::Close,
        Op::Open,
        COMMIT,
        AUTO,
        COMMIT,
        AUTO,
        FULL,
    ];
    let full = [COMMIT, AUTO, COMMIT, CHECKPOINT, COMMIT, FULL, COMMIT, AUTO];
    for generation in [Generation::One, Generation::Two] {
        for ops in [&reopened[..], &full] {
            for at in 0.. {
                let library = Killing {
                    at,
                    backups: Cell::new(0),
                    is_struck: Cell::new(false),
                };
                let scenario = scenario(generation, ops);
                if let Err(failure) = check(&scenario, &library, Effort::SOME) {
                    panic!("killed at {at}: {failure}\n\n{scenario}");
                }
                if !library.is_struck.get() {
                    assert!(at > 10, "only {at} operations");
                    break;
                }
            }
        }
    }
}

/// Notes what the repository offers after each backup.
#[derive(Default)]
struct Noting(RefCell<Vec<String>>);

impl Library for Noting {
    fn capture(
        &self,
        database: &Path,
        repository: &Path,
        options: &Options,
    ) -> Result<Captured, CaptureError> {
        let captured = Real.capture(database, repository, options)?;
        let repository = Repository::open(repository, Context::default()).expect("a repository");
        let ranges = repository.chain().restorable();
        let ranges = ranges
            .iter()
            .map(|it| format!("{}:{}-{}", it.timeline, it.from, it.to));
        let ranges: Vec<_> = ranges.collect();
        self.0.borrow_mut().push(ranges.join(" "));
        Ok(captured)
    }
}

#[test]
fn an_epoch_of_an_image_that_is_given_out_again_is_another_point() {
    let rows: [(&[Op], &[&str]); 4] = [
        (
            &[COMMIT, BARE, CHECKPOINT, AUTO, DIES, COMMIT, AUTO],
            &["1:2-2", "1:2-2 2:2-2"],
        ),
        // Also where the log goes on across it.
        (
            &[COMMIT, AUTO, BARE, CHECKPOINT, FULL, DIES, COMMIT, AUTO],
            &["1:0-1", "1:0-2", "1:0-2 2:2-2"],
        ),
        // And where another image had the epoch before.
        (
            &[
                COMMIT, AUTO, BARE, CHECKPOINT, FULL, DIES, CHECKPOINT, FULL, COMMIT, AUTO,
            ],
            &["1:0-1", "1:0-2", "1:0-2", "1:0-2 2:2-2"],
        ),
        (
            &[
                AUTO,
                BARE,
                BARE,
                Op::LoseCursor,
                CHECKPOINT,
                FULL,
                DIES,
                COMMIT,
                AUTO,
            ],
            &["1:0-0", "1:0-0 1:2-2", "1:0-0 1:2-2 2:1-1"],
        ),
    ];
    for (ops, expected) in rows {
        let noting = Noting::default();
        let scenario = scenario(Generation::Two, ops);
        check(&scenario, &noting, Effort::ALL).expect("the scenario holds");
        assert_eq!(*noting.0.borrow(), expected, "{scenario}");
    }
}

#[test]
fn an_increment_after_a_full_backup_may_be_lost() {
    let before = [COMMIT, AUTO, CHECKPOINT, COMMIT, FULL, COMMIT, AUTO];
    for generation in [Generation::One, Generation::Two] {
        for kind in [DamageKind::Remove, DamageKind::Flip, DamageKind::Truncate] {
            for file in 0..12 {
                let damage = Op::Damage(Damage {
                    kind,
                    file,
                    place: 40,
                });
                let ops = [&before[..], &[damage, COMMIT, AUTO]].concat();
                run(&scenario(generation, &ops), Effort::ALL);
            }
        }
    }
}

/// Restores something else than was asked for, or does something to what it restored.
struct Faulty {
    target: fn(Target) -> Target,
    spoil: fn(&Path),
}

impl Library for Faulty {
    fn restore(
        &self,
        repository: &Path,
        output: &Path,
        options: &RestoreOptions,
    ) -> Result<(), RestoreError> {
        let options = RestoreOptions {
            target: (self.target)(options.target),
            ..options.clone()
        };
        restore(repository, output, &options, Context::default())?;
        (self.spoil)(output);
        Ok(())
    }
}

/// Gives the latest state, whatever was asked for.
const LATEST: Faulty = Faulty {
    target: |_| Target::Latest,
    spoil: |_| {},
};

/// Loses the log.
const FORGETFUL: Faulty = Faulty {
    target: |target| target,
    // There may be none.
    spoil: |output| drop(std::fs::remove_dir_all(log_folder(output))),
};

/// Cuts the last byte off the log.
const HASTY: Faulty = Faulty {
    target: |target| target,
    spoil: |output| {
        for entry in std::fs::read_dir(log_folder(output)).into_iter().flatten() {
            let path = entry.expect("a log file").path();
            let file = OpenOptions::new().write(true).open(path);
            let file = file.expect("a log file");
            let bytes = file.metadata().expect("its length").len();
            file.set_len(bytes - 1).expect("a shorter log file");
        }
    },
};

#[test]
fn a_faulty_library_is_caught() {
    let ops = [COMMIT, AUTO, COMMIT, COMMIT, AUTO];
    let libraries = [
        (LATEST, "which no history was"),
        (FORGETFUL, "the latest state is"),
        (HASTY, "is not whole"),
    ];
    for generation in [Generation::One, Generation::Two] {
        let scenario = scenario(generation, &ops);
        for (library, expected) in &libraries {
            let failure = check(&scenario, library, Effort::ALL).expect_err("it is faulty");
            assert!(failure.to_string().contains(expected), "{failure}");
        }
    }
}

#[test]
fn a_scenario_is_what_its_bytes_tell() {
    for seed in (apograph_model::fuzz::REPOSITORY.seeds)() {
        assert_eq!(RandomScenario::decode(&seed).encode(), seed);
    }
}

//! What happens in the life of a seed, and how often.

use std::time::Duration;

use fastrand::Rng;

use super::op::{Backup, Db, Name, Op, Second, Small, Work};
use crate::traced::SystemCall;

/// How many things happen.
const OPS: usize = 40;

/// How many repositories a database has at most.
pub(crate) const REPOSITORIES: u8 = 3;

/// Things that happen, each with how often; what a life leaves out altogether is chosen by its
/// seed, so that some lives are pure.
type Kind = (u32, fn(&mut Rng, Db) -> Op);

const ALWAYS: &[Kind] = &[
    (30, |random, db| Op::Work(db, work(random))),
    (24, |random, db| backup(db, 0, mode(random))),
];

const SOMETIMES: &[&[Kind]] = &[
    // What the engine does.
    &[
        (10, |_, db| Op::Checkpoint(db)),
        (2, |_, db| Op::Rotate(db)),
    ],
    &[(4, |_, db| Op::Kill(db))],
    &[(4, |_, db| Op::Close(db))],
    &[
        (3, |_, db| Op::Hold(db)),
        (3, |_, db| Op::Checkpoint(db)),
        (4, |_, db| Op::Release(db)),
    ],
    &[(1, |_, db| Op::Compact(db))],
    &[
        (8, |random, db| Op::Embed(db, random.u8(1..4))),
        (3, |_, db| Op::Checkpoint(db)),
        (3, |_, db| Op::Close(db)),
        (2, |_, db| Op::Kill(db)),
    ],
    &[(2, |_, db| Op::EngineBackup(db))],
    // What a crash leaves.
    &[(4, |random, db| Op::Tear(db, random.u16(1..60)))],
    &[(2, |random, db| Op::Tear(db, random.u16(1..2000)))],
    &[(2, |random, db| Op::Garbage(db, random.u8(1..)))],
    &[(2, |random, db| {
        Op::Zero(db, random.u8(..), random.u8(..), random.u8(1..40))
    })],
    &[(3, |random, db| Op::CloseKilled(db, random.u8(..)))],
    // What people do to the files.
    &[(4, |_, db| Op::Snapshot(db)), (3, |_, db| Op::RollBack(db))],
    &[(3, |_, db| Op::Snapshot(db)), (2, |_, db| Op::SwapFile(db))],
    &[(3, |_, db| Op::Snapshot(db)), (2, |_, db| Op::OldMarks(db))],
    &[(1, |_, db| Op::LoseMarks(db))],
    &[(2, |random, db| Op::LoseFile(db, random.u8(..)))],
    &[(1, |_, db| Op::LoseFolder(db))],
    &[
        (2, |_, _| Op::ExchangeLogs),
        (1, |random, _| Op::ExchangeLogFile(random.u8(..))),
        (10, |random, _| Op::Work(Db::B, work(random))),
    ],
    &[
        (2, |_, _| Op::ExchangePlaces),
        (2, |_, _| Op::CopyOver),
        (10, |random, _| Op::Work(Db::B, work(random))),
    ],
    &[
        (2, |_, _| Op::ExchangePlaces),
        (2, |random, _| {
            Op::RestoreOver(Db::B, random.u8(..REPOSITORIES), random.u8(..))
        }),
        (10, |random, _| Op::Work(Db::B, work(random))),
    ],
    &[(3, |random, _| {
        Op::RestoreOver(Db::A, random.u8(..REPOSITORIES), random.u8(..))
    })],
    &[(2, |random, db| Op::Move(db, random.bool()))],
    &[(1, |_, db| Op::Link(db))],
    // What is around backups.
    &[(12, |random, db| backup(db, 1, mode(random)))],
    &[(12, |random, db| backup(db, 2, mode(random)))],
    &[(6, |random, db| {
        backup_by(Name::SymbolicLink, db, random.u8(..REPOSITORIES))
    })],
    &[(6, |random, db| {
        backup_by(Name::HardLink, db, random.u8(..REPOSITORIES))
    })],
    &[(4, |_, db| backup_beside_readers(db))],
    &[(2, |random, db| {
        Op::BackupInCheckpoint(db, Duration::from_micros(random.u64(..4000)))
    })],
    &[(4, |random, _| Op::ByOwner(random.bool()))],
    &[(2, |random, _| Op::Clock(random.i8(-30..30)))],
    &[(8, |random, db| {
        Op::BackupKilled(db, first(random), mode(random), system_call(random))
    })],
    &[(6, |random, db| {
        Op::BackupBeside(db, first(random), second(random))
    })],
    &[
        (5, |random, db| {
            Op::Sleep(db, first(random), system_call(random))
        }),
        (5, |random, _| Op::Wake(random.bool())),
    ],
    // What happens to repositories.
    &[(4, |random, db| {
        let killed_at = random.bool().then(|| system_call(random));
        Op::CompactVault(db, first(random), killed_at)
    })],
    &[
        (6, |random, db| Op::Prune(db, first(random))),
        (6, |random, db| backup(db, first(random), Some("--full"))),
    ],
    &[(2, |random, _| {
        Op::LoseSmall(random.u8(..REPOSITORIES), Small::Record)
    })],
    &[(2, |random, _| {
        Op::OldSmall(random.u8(..REPOSITORIES), Small::Record)
    })],
    &[(2, |random, _| {
        Op::OldSmall(random.u8(..REPOSITORIES), Small::Manifest)
    })],
    &[(2, |random, _| {
        Op::Rebuild(random.u8(..REPOSITORIES), random.bool())
    })],
];

/// So much of its log is written that the engine begins a new file.
const GROWTH: Kind = (4, |_, db| Op::Grow(db));
/// One life of so many has that: it takes a minute.
const GROWN: u64 = 10;

/// The life of a seed. Where databases are folders, whose logs stay, some grow.
pub(crate) fn life(seed: u64, in_folders: bool) -> Vec<Op> {
    let mut random = Rng::with_seed(seed);
    let mut kinds = ALWAYS.to_vec();
    if in_folders && seed.is_multiple_of(GROWN) {
        kinds.push(GROWTH);
    }
    for group in SOMETIMES {
        if random.u8(..3) == 0 {
            kinds.extend(*group);
        }
    }
    let whole: u32 = kinds.iter().map(|(weight, _)| weight).sum();
    let mut next = || {
        let mut left = random.u32(..whole);
        let kind = kinds.iter().find(|(weight, _)| {
            let is_it = left < *weight;
            left = left.saturating_sub(*weight);
            is_it
        });
        let (_, make) = kind.expect("the weights add up");
        let db = if random.u8(..8) == 0 { Db::B } else { Db::A };
        make(&mut random, db)
    };
    (0..OPS).map(|_| next()).collect()
}

fn backup(db: Db, repository: u8, mode: Option<&'static str>) -> Op {
    Op::Backup(Backup {
        db,
        repository,
        mode,
        by: Name::Own,
        is_read: false,
    })
}

fn backup_by(by: Name, db: Db, repository: u8) -> Op {
    Op::Backup(Backup {
        db,
        repository,
        mode: None,
        by,
        is_read: false,
    })
}

fn backup_beside_readers(db: Db) -> Op {
    Op::Backup(Backup {
        db,
        repository: 0,
        mode: None,
        by: Name::Own,
        is_read: true,
    })
}

/// The first repository of a database mostly.
fn first(random: &mut Rng) -> u8 {
    u8::from(random.u8(..4) == 0)
}

/// The calls by which a command changes something, and about how many a backup makes of them.
const CALLS: &[(&str, u32)] = &[
    ("renameat2", 6),
    ("fsync", 14),
    ("write", 14),
    ("unlinkat", 8),
    ("openat", 120),
    ("pwrite64", 6),
    ("mkdirat", 3),
    ("flock", 5),
];

fn system_call(random: &mut Rng) -> SystemCall {
    let (name, count) = CALLS[random.usize(..CALLS.len())];
    SystemCall {
        name,
        number: random.u32(1..=count),
    }
}

fn second(random: &mut Rng) -> Second {
    match random.u8(..3) {
        0 => Second::Backup,
        1 => Second::BackupOfCopy,
        _ => Second::Compact,
    }
}

fn mode(random: &mut Rng) -> Option<&'static str> {
    match random.u8(..12) {
        0 => Some("--full"),
        1 => Some("--incremental"),
        _ => None,
    }
}

fn work(random: &mut Rng) -> Work {
    match random.u8(..20) {
        0..8 => Work::Insert(random.u8(..2)),
        8..11 => Work::Set(random.u8(..2)),
        11 => Work::Delete(random.u8(..2)),
        12 => Work::Pair,
        13 | 14 => Work::RolledBack,
        15 => Work::Nothing,
        16 => Work::Empty,
        17 => Work::CreateType,
        18 => Work::DropType,
        _ => Work::CreateGraph,
    }
}

//! What can happen in a random life.

use std::fmt;

use fastrand::Rng;

/// A database of a life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Db {
    /// The one that nearly everything happens to.
    A,
    /// One that does the same things.
    B,
}

/// What a session does: from so small an alphabet that the same bytes come again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    Insert(u8),
    Set(u8),
    Delete(u8),
    Pair,
    RolledBack,
    Nothing,
    Empty,
    CreateType,
    DropType,
    CreateGraph,
}

/// Something that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Work(Db, Work),
    /// A transaction begins that stays open.
    Hold(Db),
    /// It ends.
    Release(Db),
    Checkpoint(Db),
    /// A checkpoint, and a new log file. Without the checkpoint it would look like one.
    Rotate(Db),
    Compact(Db),
    Close(Db),
    Kill(Db),
    /// A close that is killed while it removes the log folder: of its files, these are left.
    CloseKilled(Db, u8),
    /// So many bytes of the newest log file are lost in a crash.
    Tear(Db, u16),
    /// Bytes that are no record follow the newest log file.
    Garbage(Db, u8),
    /// A few bytes of a log file are zeroed in a crash.
    Zero(Db, u8, u8),
    /// Database and log are copied.
    Snapshot(Db),
    /// The copy takes their place.
    RollBack(Db),
    /// The database file of the copy takes the place of the one there is.
    SwapFile(Db),
    /// A file of the log folder is lost.
    LoseFile(Db, u8),
    LoseFolder(Db),
    /// The two databases get each other's log files.
    ExchangeLogs,
    /// Database and log are moved, by `cp -a` or by a rename.
    Move(Db, bool),
    /// The database is removed and restored, to one of the points that are offered.
    RestoreOver(u8, u8),
    /// The engine takes a backup of its own, into a folder of its own.
    EngineBackup(Db),
    Backup(Backup),
    /// `apograph.json` is lost.
    LoseRecord(u8),
    /// `apograph.json` is the one of an earlier moment.
    OldRecord(u8),
    /// The small files are lost or not, and the manifest is made anew.
    Rebuild(u8, bool),
    /// The clock of the machine is set: so many hours off the true time.
    Clock(i8),
    /// The next backups are taken by the owner of the database, or by another user: root.
    ByOwner(bool),
}

/// How a backup is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Backup {
    pub(crate) db: Db,
    /// Which of the repositories of the database.
    pub(crate) repository: u8,
    pub(crate) mode: Option<&'static str>,
    /// Whether the database is named by a symbolic link.
    pub(crate) by_link: bool,
    /// Whether others read the repository meanwhile.
    pub(crate) is_read: bool,
}

/// How many things happen.
const OPS: usize = 40;

/// Things that happen, each with how often; what a life leaves out altogether is chosen by its
/// seed, so that some lives are pure.
type Kind = (u32, fn(&mut Rng, Db) -> Op);

const ALWAYS: &[Kind] = &[
    (30, |random, db| Op::Work(db, work(random))),
    (24, |random, db| {
        Op::Backup(Backup {
            db,
            repository: 0,
            mode: mode(random),
            by_link: false,
            is_read: false,
        })
    }),
];

const SOMETIMES: &[&[Kind]] = &[
    &[
        (10, |_, db| Op::Checkpoint(db)),
        (2, |_, db| Op::Rotate(db)),
    ],
    &[(4, |_, db| Op::Kill(db))],
    &[(4, |_, db| Op::Close(db))],
    &[(4, |random, db| Op::Tear(db, random.u16(1..60)))],
    &[(2, |random, db| Op::Tear(db, random.u16(1..2000)))],
    &[(2, |random, db| Op::Garbage(db, random.u8(1..)))],
    &[(2, |random, db| {
        Op::Zero(db, random.u8(..), random.u8(1..40))
    })],
    &[(4, |_, db| Op::Snapshot(db)), (3, |_, db| Op::RollBack(db))],
    &[(3, |_, db| Op::Snapshot(db)), (2, |_, db| Op::SwapFile(db))],
    &[(3, |random, db| Op::CloseKilled(db, random.u8(..)))],
    &[(2, |random, db| Op::LoseFile(db, random.u8(..)))],
    &[(1, |_, db| Op::LoseFolder(db))],
    &[
        (2, |_, _| Op::ExchangeLogs),
        (10, |random, _| Op::Work(Db::B, work(random))),
    ],
    &[(2, |random, db| Op::Move(db, random.bool()))],
    &[(3, |random, _| {
        Op::RestoreOver(random.u8(..2), random.u8(..))
    })],
    &[(2, |_, db| Op::EngineBackup(db))],
    &[(3, |_, db| Op::Hold(db)), (4, |_, db| Op::Release(db))],
    &[(1, |_, db| Op::Compact(db))],
    &[(12, |random, db| {
        Op::Backup(Backup {
            db,
            repository: 1,
            mode: mode(random),
            by_link: false,
            is_read: false,
        })
    })],
    &[(6, |random, db| {
        Op::Backup(Backup {
            db,
            repository: random.u8(..2),
            mode: None,
            by_link: true,
            is_read: false,
        })
    })],
    &[(4, |_, db| {
        Op::Backup(Backup {
            db,
            repository: 0,
            mode: None,
            by_link: false,
            is_read: true,
        })
    })],
    &[(2, |random, _| Op::LoseRecord(random.u8(..2)))],
    &[(2, |random, _| Op::OldRecord(random.u8(..2)))],
    &[(2, |random, _| Op::Clock(random.i8(-30..30)))],
    &[(4, |random, _| Op::ByOwner(random.bool()))],
    &[(2, |random, _| Op::Rebuild(random.u8(..2), random.bool()))],
];

/// The life of a seed.
pub(crate) fn life(seed: u64) -> Vec<Op> {
    let mut random = Rng::with_seed(seed);
    let mut kinds = ALWAYS.to_vec();
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

impl Db {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }
}

impl Work {
    /// The statements.
    pub(crate) fn op(self) -> String {
        match self {
            Self::Insert(number) => format!("INSERT (:R {{i:{number}}})"),
            Self::Set(number) => format!("MATCH (r:R) SET r.v = {number}"),
            Self::Delete(number) => format!("MATCH (r:R {{i:{number}}}) DELETE r"),
            Self::Pair => "START TRANSACTION; INSERT (:Q {i:0}); INSERT (:Q {i:1}); COMMIT".into(),
            Self::RolledBack => "START TRANSACTION; INSERT (:R {i:9}); ROLLBACK".into(),
            Self::Nothing => "MATCH (n:Nothing) SET n.v = 1".into(),
            Self::Empty => "START TRANSACTION; COMMIT".into(),
            Self::CreateType => "CREATE NODE TYPE T (x INT64)".into(),
            Self::DropType => "DROP NODE TYPE T".into(),
            Self::CreateGraph => "CREATE GRAPH g".into(),
        }
    }
}

/// A list of what happens, for people.
pub(crate) struct Listed<'a>(pub(crate) &'a [Op]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, op) in self.0.iter().enumerate() {
            writeln!(f, "{index:>4}  {op:?}")?;
        }
        Ok(())
    }
}

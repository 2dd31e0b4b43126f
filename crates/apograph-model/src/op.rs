//! What can happen to a database and to its backups, and a scenario of such things.
//!
//! A scenario is decoded from bytes, and every byte string is one: a fuzzer cannot miss. Each thing
//! that happens takes three bytes, so a byte that is put in or left out moves all after it, and
//! one that is changed changes one thing.

use std::fmt;

use apograph_capture::Kind;
use apograph_format::Generation;

/// No scenario is longer.
pub const MAX_OPS: usize = 40;
const OP_BYTES: usize = 3;
/// The front of the first byte of a slow scenario.
const SLOW: u8 = 63;

/// Something that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// A session commits. In generation 2 a transaction without a record takes an epoch and logs
    /// nothing.
    Commit(Shape),
    /// A change that takes no epoch: of the schema, or of a graph.
    Change(Shape),
    /// Generation 1: two sessions commit, and the second logs first; the other does when something
    /// else happens. In generation 2 they just commit.
    OutOfOrder(Shape),
    /// A commit of which only a part is in the log when the next thing happens.
    Begin(Shape),
    /// Generation 2: a sync marker.
    Mark,
    /// A checkpoint.
    Checkpoint,
    /// A new log file.
    Rotate,
    /// The database is closed.
    Close,
    /// The database is opened, where it is not open.
    Open,
    /// The process dies, and this many bytes of the newest log file are lost.
    Crash {
        /// How many, at most.
        lost_bytes: u8,
    },
    /// The process dies in a checkpoint, whose image is complete and not in its place.
    CrashInCheckpoint,
    /// A backup is taken.
    Backup(BackupMode),
    /// A backup is taken into another repository of the same database.
    BackupElsewhere,
    /// The cursor in the log folder is lost.
    LoseCursor,
    /// The markers in the log folder are lost.
    LoseMarkers,
    /// A file of the repository is damaged.
    Damage(Damage),
    /// The small files of the repository are lost, or not, and its manifest is made anew.
    Rebuild {
        /// Whether they are lost.
        is_lost: bool,
    },
}

/// What a commit is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shape {
    /// How many records it has, at most 3.
    pub records: u8,
    /// Generation 2: over how many frames they are spread, at most 3.
    pub frames: u8,
    /// Whether its values hold what looks like parts of a log.
    pub is_forged: bool,
    /// How many bytes each value has.
    pub value_bytes: u8,
}

impl Shape {
    /// So many records over so many frames, with values of so many bytes.
    pub const fn of(records: u8, frames: u8, value_bytes: u8) -> Self {
        Self {
            records,
            frames,
            is_forged: false,
            value_bytes,
        }
    }
}

/// Which kind of backup is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackupMode {
    /// Whatever is possible.
    Auto,
    /// An increment or an error.
    Incremental,
    /// A full backup.
    Full,
}

impl From<BackupMode> for Kind {
    fn from(backup: BackupMode) -> Self {
        match backup {
            BackupMode::Auto => Self::Auto,
            BackupMode::Incremental => Self::Incremental,
            BackupMode::Full => Self::Full,
        }
    }
}

/// What is done to a file of the repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damage {
    /// What.
    pub kind: DamageKind,
    /// To which file: a number, modulo that of the files.
    pub file: u8,
    /// Where in it, or with which other file.
    pub place: u8,
}

/// What can be done to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DamageKind {
    /// A bit is flipped.
    Flip,
    /// The end is cut off.
    Truncate,
    /// It is removed.
    Remove,
    /// It changes places with another file.
    Swap,
    /// A copy of it gets the name of the segment that comes next.
    Duplicate,
    /// The small files are those that the last backup found.
    OldManifest,
}

/// A database and what happens to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RandomScenario {
    /// The generation of its files.
    pub generation: Generation,
    /// Whether backups see writes that are going on. A capture waits for those, so such a scenario
    /// takes a tenth of a second for each backup; in others the write is finished first.
    pub is_slow: bool,
    /// What happens, in order.
    pub ops: Vec<Op>,
}

/// The first code of each kind of thing, by how often it comes.
const CODES: [u8; 17] = [
    0, 74, 84, 92, 98, 106, 122, 130, 138, 146, 166, 170, 214, 224, 227, 230, 250,
];

impl RandomScenario {
    /// The scenario that any bytes tell.
    pub fn decode(bytes: &[u8]) -> Self {
        let (head, rest) = bytes
            .split_first()
            .map_or((0, bytes), |(it, rest)| (*it, rest));
        let spares = head & 2 == 0;
        let ops = rest.chunks(OP_BYTES).take(MAX_OPS).map(|chunk| {
            let at = |index: usize| chunk.get(index).copied().unwrap_or_default();
            match op(at(0), at(1), at(2)) {
                Op::Damage(_) if spares => Op::Commit(shape(at(1), at(2))),
                op => op,
            }
        });
        Self {
            generation: if head & 1 == 0 {
                Generation::One
            } else {
                Generation::Two
            },
            is_slow: head >> 2 == SLOW,
            ops: ops.collect(),
        }
    }

    /// Bytes that tell this scenario.
    pub fn encode(&self) -> Vec<u8> {
        let is_damaged = self.ops.iter().any(|op| matches!(op, Op::Damage(_)));
        let head = u8::from(self.generation == Generation::Two)
            | u8::from(is_damaged) << 1
            | if self.is_slow { SLOW << 2 } else { 0 };
        let ops = self.ops.iter().flat_map(|op| code(*op));
        std::iter::once(head).chain(ops).collect()
    }
}

fn op(code: u8, a: u8, b: u8) -> Op {
    match CODES.partition_point(|first| *first <= code) - 1 {
        0 => Op::Commit(shape(a, b)),
        1 => Op::Change(shape(a, b)),
        2 => Op::OutOfOrder(shape(a, b)),
        3 => Op::Begin(shape(a, b)),
        4 => Op::Mark,
        5 => Op::Checkpoint,
        6 => Op::Rotate,
        7 => Op::Close,
        8 => Op::Open,
        9 => Op::Crash { lost_bytes: a },
        10 => Op::CrashInCheckpoint,
        11 => Op::Backup(match a % 4 {
            2 => BackupMode::Incremental,
            3 => BackupMode::Full,
            _ => BackupMode::Auto,
        }),
        12 => Op::BackupElsewhere,
        13 => Op::LoseCursor,
        14 => Op::LoseMarkers,
        15 => Op::Damage(Damage {
            kind: match a % 8 {
                2 => DamageKind::Truncate,
                3 => DamageKind::Remove,
                4 => DamageKind::Swap,
                5 => DamageKind::Duplicate,
                6 => DamageKind::OldManifest,
                _ => DamageKind::Flip,
            },
            file: a / 8,
            place: b,
        }),
        _ => Op::Rebuild {
            is_lost: a % 2 == 1,
        },
    }
}

fn code(op: Op) -> [u8; OP_BYTES] {
    let shaped = |index: usize, shape: Shape| {
        let a = shape.records | shape.frames << 2 | u8::from(shape.is_forged) << 4;
        [CODES[index], a, shape.value_bytes]
    };
    match op {
        Op::Commit(shape) => shaped(0, shape),
        Op::Change(shape) => shaped(1, shape),
        Op::OutOfOrder(shape) => shaped(2, shape),
        Op::Begin(shape) => shaped(3, shape),
        Op::Mark => [CODES[4], 0, 0],
        Op::Checkpoint => [CODES[5], 0, 0],
        Op::Rotate => [CODES[6], 0, 0],
        Op::Close => [CODES[7], 0, 0],
        Op::Open => [CODES[8], 0, 0],
        Op::Crash { lost_bytes } => [CODES[9], lost_bytes, 0],
        Op::CrashInCheckpoint => [CODES[10], 0, 0],
        Op::Backup(kind) => {
            let kind = match kind {
                BackupMode::Auto => 0,
                BackupMode::Incremental => 2,
                BackupMode::Full => 3,
            };
            [CODES[11], kind, 0]
        }
        Op::BackupElsewhere => [CODES[12], 0, 0],
        Op::LoseCursor => [CODES[13], 0, 0],
        Op::LoseMarkers => [CODES[14], 0, 0],
        Op::Damage(damage) => {
            let kind = match damage.kind {
                DamageKind::Flip => 0,
                DamageKind::Truncate => 2,
                DamageKind::Remove => 3,
                DamageKind::Swap => 4,
                DamageKind::Duplicate => 5,
                DamageKind::OldManifest => 6,
            };
            [CODES[15], kind | damage.file << 3, damage.place]
        }
        Op::Rebuild { is_lost } => [CODES[16], u8::from(is_lost), 0],
    }
}

fn shape(a: u8, b: u8) -> Shape {
    Shape {
        records: a & 3,
        frames: a >> 2 & 3,
        is_forged: a >> 4 & 7 == 1,
        value_bytes: b,
    }
}

impl fmt::Display for RandomScenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pace = if self.is_slow { ", slow" } else { "" };
        writeln!(f, "generation {}{pace}", self.generation.number())?;
        for (index, op) in self.ops.iter().enumerate() {
            writeln!(f, "{index:>4}  {op:?}")?;
        }
        let bytes = self.encode();
        let hex: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        write!(f, "bytes {}", hex.concat())
    }
}

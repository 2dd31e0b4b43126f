//! What a restore did.

use std::path::PathBuf;

use apograph_format::{ExactPoint, Generation, Lsn, Point, Timeline, UnixMillis};
use apograph_io::Owner;
use apograph_manifest::Segment;

/// What a restore did, or would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The database.
    pub output: PathBuf,
    /// The point it is at; unknown where the commits are encrypted, or the timeline is not counted.
    pub point: Option<Point>,
    /// The same with its further commits: the name of this state that always finds it.
    pub exact: Option<ExactPoint>,
    /// The timeline it is in; unknown where it is not counted.
    pub timeline: Option<Timeline>,
    /// Generation 2: the position in the log after its last commit.
    pub lsn: Option<Lsn>,
    /// The full backup it was made from.
    pub full: Segment,
    /// The increments that were replayed, in order.
    pub increments: Vec<Segment>,
    /// How many commits stand in its log.
    pub commits: u64,
    /// Bytes of segments that were read and checked.
    pub bytes_read: u64,
    /// Bytes of the database file and its log.
    pub bytes_written: u64,
    /// Whom the files belong to, where that is not the user who restored them: root gives them to
    /// the owner of their folder.
    pub owner: Option<Owner>,
    /// What the engine does not replay from the log: statements to run after opening.
    pub statements_to_run: Vec<String>,
    /// For a target in time: from when to when the state was the current one, as far as that is
    /// known. Generation 2: when its last commit was written (or the image, where no commit stands
    /// in the log), and when the next one was. Generation 1: when the state was captured, and when
    /// the next segment was.
    pub interval: Option<(UnixMillis, Option<UnixMillis>)>,
    /// Of a dry run: how many bytes are free where the database would be.
    pub bytes_free: Option<u64>,
}

impl Restored {
    /// The generation of the engine that opens it.
    pub const fn generation(&self) -> Generation {
        match self.lsn {
            Some(_) => Generation::Two,
            None => Generation::One,
        }
    }
}

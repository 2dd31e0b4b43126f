//! What the files of both generations have in common, for who writes them.

use super::log::Log;
use crate::op::Shape;

/// The transaction of what the engine writes outside of one.
pub(super) const SYSTEM: u64 = 1;

/// A group that is ready to be written.
pub(super) struct Encoded {
    pub(super) bytes: Vec<u8>,
    /// How many of them make it a commit. In generation 1 the epoch stands after that.
    pub(super) committed: usize,
}

/// The heads of a group.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heads {
    pub(super) transaction: u64,
    pub(super) epoch: u64,
    pub(super) owns_epoch: bool,
}

/// What an image says of itself.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Head {
    pub(super) iteration: u64,
    pub(super) epoch: u64,
    pub(super) transaction: u64,
    pub(super) written_at: u64,
}

/// The files of one generation.
pub(super) trait Layout {
    fn encode(
        &self,
        log: &Log,
        heads: Heads,
        shape: Shape,
        records: &[Vec<u8>],
        time: u64,
    ) -> Encoded;
    /// What says that all before it is synced.
    fn marker(&self, log: &Log) -> Option<Vec<u8>>;
    /// A new log file after the others.
    fn begin_file(&self, log: &mut Log, time: u64);
    /// The database file with another image.
    fn image(&self, database: &[u8], head: Head, log_start: u64, state: &[u32]) -> Vec<u8>;
    fn log_file_name(&self, start: u64) -> String;
}

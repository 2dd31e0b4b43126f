//! What a repository is copied to.

use std::path::PathBuf;

use apograph_format::UnixMillis;
use apograph_io::{Bytes, Mode};
use apograph_manifest::{ChainEntry, Evidence, Hole, SegmentRecord};

use crate::error::Result;

/// A segment that was checked.
pub(crate) struct CheckedSegment<'a> {
    pub(crate) bytes: Bytes<'a>,
    /// What is known of it. Where it goes it gets another name.
    pub(crate) record: SegmentRecord,
    /// What is missing right before it, which has to be missing there too.
    pub(crate) hole: Option<Hole>,
    /// The permissions of its file.
    pub(crate) mode: Mode,
}

/// What a repository is copied to.
pub(crate) trait CopyTarget {
    /// Its path, or its address.
    fn path(&self) -> PathBuf;

    /// The segments that are there, in the order of the chain.
    fn entries(&self) -> &[ChainEntry];

    /// Writes a segment that comes after those so far, and reads it back. Nothing names it yet.
    /// Returns how many bytes it has there.
    fn put(&mut self, segment: CheckedSegment<'_>) -> Result<u64>;

    /// Makes what was put since the last time part of the repository, as one backup.
    fn publish(&mut self, evidence: Option<&Evidence>) -> Result<()>;

    /// Notes until when every commit is there, where that is later than what is noted; and up to
    /// which segment, by its number in the chain, the times of captures are those of files.
    fn note(
        &mut self,
        looked_until: Option<UnixMillis>,
        file_times_through: Option<usize>,
    ) -> Result<()>;
}

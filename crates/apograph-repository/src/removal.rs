//! What is removed from a chain.

use apograph_format::UnixMillis;
use apograph_manifest::FileName;

use crate::repository::Repository;

/// Chooses entries of a chain that are to be removed, by their index.
pub type Choose<'a, E> = dyn FnMut(&Repository) -> Result<Vec<usize>, E> + 'a;

/// What was removed from a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Removal {
    /// The segments, in the order of the chain.
    pub segments: Vec<FileName>,
    /// Until when they can be brought back, at least.
    pub until: UnixMillis,
    /// How many files or objects were deleted that were removed long enough before.
    pub deleted: u64,
    /// How many bytes they had.
    pub deleted_bytes: u64,
}

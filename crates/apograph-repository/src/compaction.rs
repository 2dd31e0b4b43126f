//! What became of a vault that was made smaller.

/// What became of a vault that was made smaller.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Compaction {
    /// How many increments were merged.
    pub merged: u64,
    /// Into how many.
    pub into: u64,
    /// How many bytes those are as objects.
    pub stored_bytes: u64,
    /// How many objects were deleted, and temporary files that killed writers left.
    pub deleted: u64,
    /// How many bytes they had.
    pub deleted_bytes: u64,
    /// How many versions of the catalog were removed.
    pub versions: u64,
}

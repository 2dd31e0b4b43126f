//! What went to an object store and came from it.

/// What went to an object store and came from it, counted at the line: repeated requests too.
/// Stores charge for each by its kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Objects, and parts of one.
    pub puts: u64,
    /// Uploads that were begun and finished.
    pub posts: u64,
    /// Objects, and ranges of one.
    pub gets: u64,
    /// Sizes and times of objects.
    pub heads: u64,
    /// Pages of names.
    pub lists: u64,
    /// Objects that were deleted, and uploads that were given up.
    pub deletes: u64,
    /// The bytes of the bodies that were sent.
    pub sent_bytes: u64,
    /// The bytes of the bodies that were announced in answers.
    pub received_bytes: u64,
}

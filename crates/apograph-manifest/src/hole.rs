//! What became of segments that are not there.

/// What became of segments that were captured and are not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hole {
    /// They are lost.
    Lost,
    /// They were pruned.
    Pruned,
}

//! What the last drill found.

use apograph_format::{Point, UnixMillis};
use serde::{Deserialize, Serialize};

/// What the last drill found: a restore whose result was opened, and removed again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrillNote {
    /// When it ended.
    pub at: UnixMillis,
    /// How long the restore took, in milliseconds.
    pub restored_in: u64,
    /// The point of the restored database, where it has a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub point: Option<Point>,
    /// Why it proved nothing; `None` where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

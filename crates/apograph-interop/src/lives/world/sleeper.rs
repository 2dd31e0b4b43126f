//! A backup that sleeps while others go on.

use std::path::PathBuf;

use serde_json::Value;

use crate::traced::StoppedCommand;

/// A backup of a copy of a database that was stopped in the middle.
#[derive(Debug)]
pub(super) struct Sleeper {
    pub(super) command: StoppedCommand,
    pub(super) repository: String,
    /// The copy.
    pub(super) database: PathBuf,
    /// What the engine makes of the copy; `None` where it does not open it.
    pub(super) truth: Option<Value>,
    pub(super) is_mixed: bool,
    /// How many old chains had been removed by then.
    pub(super) pruned: u64,
}

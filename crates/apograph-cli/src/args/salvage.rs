//! The words of `apograph salvage`.

use clap::Args;

use super::{Limits, RestoreArgs};

/// Make what is left of a damaged repository, and say what is not
///
/// The newest full backup that can be used, and every whole commit after it up to the first damage or
/// gap. Beside OUTPUT it writes OUTPUT.salvage.json, which says what was recovered and what is missing.
/// Exits with 12 where something is. `restore` gives back an exact state, or nothing.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  apograph salvage backups rescued.grafeo
  apograph salvage backups rescued.grafeo --past-gaps --json-lines > left-out.jsonl")]
pub(crate) struct SalvageOf {
    #[command(flatten)]
    pub(crate) way: RestoreArgs,
    /// List the whole commits after the first gap too; none of them is in OUTPUT
    #[arg(long)]
    pub(crate) past_gaps: bool,
    /// Print one JSON object for each of these commits, and the summary last
    #[arg(long, conflicts_with = "json", requires = "past_gaps")]
    pub(crate) json_lines: bool,
    #[command(flatten)]
    pub(crate) limits: Limits,
}

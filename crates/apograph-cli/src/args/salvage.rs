//! The words of `apograph salvage`.

use std::path::PathBuf;

use apograph_repository::Location;
use clap::Args;

use super::values::repository;
use super::{IdentityArgs, Limits};

/// Make what is left of a damaged repository or database, and say what is not
///
/// Of a repository the newest full backup that can be used, and every whole commit after it up to the
/// first damage or gap. Of a database the newest image that is whole, and every whole commit in its log
/// up to the first damage; no engine may have it open, and it is only read. Beside OUTPUT it writes
/// OUTPUT.salvage.json, which says what was recovered and what is missing. Exits with 12 where something
/// is. `restore` gives back an exact state, or nothing.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  apograph salvage backups rescued.grafeo
  apograph salvage people.grafeo rescued.grafeo
  apograph salvage backups rescued.grafeo --past-gaps --json-lines > left-out.jsonl")]
pub(crate) struct SalvageOf {
    /// The backup repository, or the database
    #[arg(value_name = "REPO|DB", value_parser = repository())]
    pub(crate) from: Location,
    #[command(flatten)]
    pub(crate) identity: IdentityArgs,
    /// The database to create; nothing may stand there
    #[arg(value_name = "OUTPUT")]
    pub(crate) output: PathBuf,
    /// List the whole commits after the first gap too; none of them is in OUTPUT
    #[arg(long)]
    pub(crate) past_gaps: bool,
    /// Print one JSON object for each of these commits, and the summary last
    #[arg(long, conflicts_with = "json", requires = "past_gaps")]
    pub(crate) json_lines: bool,
    #[command(flatten)]
    pub(crate) limits: Limits,
}

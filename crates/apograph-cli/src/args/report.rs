//! The words of `apograph report`.

use std::path::PathBuf;

use apograph_repository::Location;
use clap::Args;

use super::IdentityArgs;
use super::values::repository;

/// Write a page that shows the repository: its history, what is verified, how to restore each state
///
/// One file, for any browser: it needs no network and loads nothing. Reads no segment that there is a
/// record of.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  apograph report backups -o report.html
  apograph report s3://bucket/people -o /srv/www/people.html --force")]
pub(crate) struct ReportOf {
    /// The backup repository
    #[arg(value_name = "REPO", value_parser = repository())]
    pub(crate) repo: Location,
    /// The page to write; nothing may stand there
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Replace an earlier report
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) identity: IdentityArgs,
}

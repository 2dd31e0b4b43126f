//! The words of `apograph diff`.

use apograph_format::PointName;
use apograph_repository::Location;
use clap::Args;

use super::values::repository;
use super::{IdentityArgs, Limits};

/// Show what changed between two states
///
/// It is told by the log between them; nothing is restored.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  apograph diff backups 2:1500
  apograph diff backups 2:1500 2:1600 --json")]
pub(crate) struct DiffOf {
    /// The backup repository
    #[arg(value_name = "REPO", value_parser = repository())]
    pub(crate) repo: Location,
    /// The earlier state
    #[arg(value_name = "A")]
    pub(crate) from: PointName,
    /// The later state; the latest one where it is not given
    #[arg(value_name = "B")]
    pub(crate) to: Option<PointName>,
    /// Show every change in its order, and not what comes of all of them
    #[arg(long)]
    pub(crate) all: bool,
    /// Exit with 13 where something is different
    #[arg(long)]
    pub(crate) exit_code: bool,
    #[command(flatten)]
    pub(crate) identity: IdentityArgs,
    #[command(flatten)]
    pub(crate) limits: Limits,
}

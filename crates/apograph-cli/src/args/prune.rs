//! The words of `prune` and `pin`.

use std::time::Duration;

use apograph_manifest::PinName;
use apograph_operate::Policy;
use apograph_repository::Location;
use clap::Args;

use super::TargetArgs;
use super::values::{duration, repository};

/// Remove what no rule keeps, and delete it after a grace; without `--apply`, show what that is
///
/// The newest states always stay, from the last full backup on that was verified, and what is pinned.
/// Days are those of UTC, weeks begin on Monday; they are counted back from the newest backup, and one
/// without a full backup does not count.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  apograph prune /mnt/disk/vault --keep-within 30d --keep-weekly 8 --keep-monthly 12
  apograph prune /mnt/disk/vault --keep-within 30d --keep-weekly 8 --keep-monthly 12 --apply
  apograph prune /mnt/disk/vault --undo")]
pub(crate) struct PruneOf {
    /// The backup repository
    #[arg(value_name = "REPO", value_parser = repository())]
    pub(crate) repo: Location,
    #[command(flatten)]
    pub(crate) keep: KeepArgs,
    /// For how long what goes can be brought back
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = duration)]
    pub(crate) grace: Duration,
    #[command(flatten)]
    pub(crate) act: PruneAct,
    /// Do it too where the newest backup is more than a week old, or made in the future
    #[arg(long)]
    pub(crate) allow_stale: bool,
}

/// What is done.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct PruneAct {
    /// Do it
    #[arg(long)]
    pub(crate) apply: bool,
    /// Show what would go, and do nothing (the default)
    #[arg(long)]
    dry_run: bool,
    /// Bring back what was pruned and is not deleted
    #[arg(long, conflicts_with_all = ["KeepArgs", "grace", "allow_stale"])]
    pub(crate) undo: bool,
}

/// What is to stay.
#[derive(Debug, Args)]
#[expect(
    clippy::struct_field_names,
    reason = "they are the words of the command line"
)]
pub(crate) struct KeepArgs {
    /// Keep every state of so long: 36h, 30d
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    keep_within: Option<Duration>,
    /// Keep so many of the last full backups
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    keep_last: usize,
    /// Keep the last full backup of so many days
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    keep_daily: usize,
    /// Keep the last full backup of so many weeks
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    keep_weekly: usize,
    /// Keep the last full backup of so many months
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    keep_monthly: usize,
}

impl KeepArgs {
    pub(crate) const fn policy(&self) -> Policy {
        Policy {
            within: self.keep_within,
            last: self.keep_last,
            daily: self.keep_daily,
            weekly: self.keep_weekly,
            monthly: self.keep_monthly,
        }
    }
}

/// Pin a state: it stays whatever is pruned, and `restore --name` finds it
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  apograph pin /mnt/disk/vault 'before the migration'
  apograph pin /mnt/disk/vault v2 --epoch 57
  apograph pin /mnt/disk/vault v2 --remove")]
pub(crate) struct PinOf {
    /// The backup repository
    #[arg(value_name = "REPO", value_parser = repository())]
    pub(crate) repo: Location,
    /// Its name
    #[arg(id = "pin", value_name = "NAME")]
    pub(crate) name: PinName,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// Pin it no longer
    #[arg(long, conflicts_with = "TargetArgs")]
    pub(crate) remove: bool,
}

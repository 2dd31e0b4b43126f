//! The words of `apograph follow`.

use std::path::PathBuf;
use std::time::Duration;

use apograph_repository::Location;
use clap::Args;

use super::values::{period, repository};
use super::{IdentityArgs, Limits, RecipientArgs};
use crate::heartbeat::Heartbeat;

/// Check a configuration: what `follow` would do by it, and whether it can
///
/// Opens each database and its repository, and writes nothing. Exits with 2 for a mistake in the file.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  apograph check-config apograph.toml")]
pub(crate) struct CheckConfig {
    /// The configuration
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// Capture a database continuously, by another process than the engine's
///
/// Runs until it is ended by SIGINT or SIGTERM: then it captures what is left, within ten seconds.
/// Whatever goes wrong meanwhile it says once, and tries again.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  apograph follow people.grafeo --repo vault
  apograph follow people.grafeo --repo s3://bucket/people --metrics-file /var/lib/node_exporter/people.prom
  apograph follow people.grafeo --repo backups --every 15m --full-every 7d
  apograph follow --config apograph.toml")]
pub(crate) struct FollowOf {
    /// The database file; its log is the folder DB.wal
    #[arg(value_name = "DB", required_unless_present = "config")]
    pub(crate) database: Option<PathBuf>,
    /// The backup repository, which has to be there: a vault, or a folder
    #[arg(short, long, value_name = "REPO", value_parser = repository(), required_unless_present = "config")]
    pub(crate) repo: Option<Location>,
    /// Follow what a file names, which SIGHUP reads again
    #[arg(long, value_name = "FILE", conflicts_with_all = ["database", "repo", "every", "full_every", "metrics_file", "heartbeat", "identity", "recipient", "recipients_file"])]
    pub(crate) config: Option<PathBuf>,
    /// The time between two captures [default: 1s into a vault, 5m into a folder, which is the
    /// shortest there]
    #[arg(long, value_name = "DURATION", value_parser = period)]
    pub(crate) every: Option<Duration>,
    /// How old the last full backup may become before another one is taken
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = period)]
    pub(crate) full_every: Duration,
    /// Write the figures for Prometheus to a file, which is replaced each time
    #[arg(long, value_name = "FILE")]
    pub(crate) metrics_file: Option<PathBuf>,
    /// Fetch an address after a capture, or the proof that nothing is new; once a minute at most
    #[arg(long, value_name = "URL", value_parser = Heartbeat::parse)]
    pub(crate) heartbeat: Option<Heartbeat>,
    #[command(flatten)]
    pub(crate) identity: IdentityArgs,
    #[command(flatten)]
    pub(crate) recipients: RecipientArgs,
    #[command(flatten)]
    pub(crate) limits: Limits,
}

//! The words of the command line.

mod diff;
mod follow;
mod place;
mod prune;
mod records;
mod report;
mod salvage;
mod shared;
mod target;
mod values;
mod verify;

use std::path::PathBuf;
use std::time::Duration;

use apograph_format::{PointName, UnixMillis};
use apograph_io::{Pace, Threads};
use apograph_repository::Location;
use clap::{Args, Parser, Subcommand};

pub(crate) use self::diff::DiffOf;
pub(crate) use self::follow::{CheckConfig, FollowOf};
pub(crate) use self::place::{Compact, Copy, Init, RecipientAction, RecipientsOf};
pub(crate) use self::prune::{PinOf, PruneOf};
pub(crate) use self::records::RecordArgs;
pub(crate) use self::report::ReportOf;
pub(crate) use self::salvage::SalvageOf;
pub(crate) use self::shared::{IdentityArgs, Limits, RecipientArgs};
pub(crate) use self::target::{TargetArgs, no_pin};
pub(crate) use self::values::{Inspected, StoredAt, duration, location, period};
use self::values::{Words, inspected, instant, repository, words};
pub(crate) use self::verify::Verify;

/// Backup and point-in-time recovery for Grafeo databases
///
/// Captures a database while it is open, and gives back exactly the state at any captured commit.
#[derive(Debug, Parser)]
#[command(name = "apograph", version, max_term_width = 100, after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// Print nothing but errors, warnings and what was asked for
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,

    /// Print one JSON object
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Where another command is writing, try again for so long: 90s, 15m, 26h, 8d
    #[arg(long, global = true, value_name = "DURATION", value_parser = duration)]
    pub(crate) wait: Option<Duration>,
}

const AFTER_HELP: &str = "\
Example:
  apograph backup people.grafeo --repo backups
  apograph list backups
  apograph restore backups copy.grafeo --epoch 57";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Init(Init),
    Backup(Backup),
    Follow(FollowOf),
    CheckConfig(CheckConfig),
    Restore(Restore),
    List(List),
    Verify(Verify),
    Status(StatusOf),
    Drill(DrillOf),
    Log(Log),
    Diff(DiffOf),
    Report(ReportOf),
    Salvage(SalvageOf),
    Copy(Copy),
    Compact(Compact),
    Prune(PruneOf),
    Pin(PinOf),
    Recipients(RecipientsOf),
    Inspect(Inspect),
    Rebuild(Rebuild),
    /// Print a completion script for a shell
    #[command(
        after_help = "Example:\n  apograph completions bash > ~/.local/share/bash-completion/completions/apograph"
    )]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

impl Command {
    /// Whether it has something to take back when it is interrupted.
    pub(crate) const fn changes_files(&self) -> bool {
        match self {
            Self::Init(_)
            | Self::Copy(_)
            | Self::Recipients(_)
            | Self::Compact(_)
            | Self::Prune(_)
            | Self::Pin(_)
            | Self::Backup(_)
            | Self::Follow(_)
            | Self::Restore(_)
            | Self::Verify(_)
            | Self::Drill(_)
            | Self::Report(_)
            | Self::Salvage(_)
            | Self::Rebuild(_) => true,
            Self::List(_)
            | Self::Log(_)
            | Self::Diff(_)
            | Self::Inspect(_)
            | Self::Status(_)
            | Self::CheckConfig(_)
            | Self::Completions { .. } => false,
        }
    }

    /// Whether SIGHUP does not end it, but lets it read its configuration again.
    pub(crate) const fn reads_again(&self) -> bool {
        matches!(
            self,
            Self::Follow(FollowOf {
                config: Some(_),
                ..
            })
        )
    }

    /// The repositories that it is about.
    pub(crate) fn locations(&self) -> Vec<Location> {
        let locations: &[&Location] = match self {
            Self::Inspect(words) => return words.locations(),
            Self::Init(words) => &[&words.repo],
            Self::Copy(words) => &[&words.from, &words.to],
            Self::Compact(words) => &[&words.repo],
            Self::Prune(words) => &[&words.repo],
            Self::Pin(words) => &[&words.repo],
            Self::Recipients(words) => &[&words.repo],
            Self::Backup(words) => &[&words.repo],
            Self::Follow(words) => return words.repo.iter().cloned().collect(),
            Self::Restore(words) => &[&words.way.repo],
            Self::List(words) => &[&words.repo],
            Self::Verify(words) => &[&words.repo],
            Self::Log(words) => &[&words.repo],
            Self::Diff(words) => &[&words.repo],
            Self::Rebuild(words) => &[&words.repo],
            Self::Status(words) => return words.repo.iter().cloned().collect(),
            Self::Drill(words) => &[&words.repo],
            Self::Report(words) => &[&words.repo],
            Self::Salvage(words) => &[&words.from],
            Self::CheckConfig(_) | Self::Completions { .. } => &[],
        };
        locations.iter().copied().cloned().collect()
    }

    /// The threads that it may use.
    pub(crate) fn threads(&self) -> Threads {
        let asked = self.limits().and_then(|limits| limits.threads.clone());
        asked.unwrap_or_default()
    }

    /// How fast it may read.
    pub(crate) fn pace(&self) -> Pace {
        let asked = self.limits().and_then(|limits| limits.limit_rate);
        asked.map(Pace::new).unwrap_or_default()
    }

    const fn limits(&self) -> Option<&Limits> {
        match self {
            Self::Backup(words) => Some(&words.limits),
            Self::Follow(words) => Some(&words.limits),
            Self::Copy(words) => Some(&words.limits),
            Self::Compact(words) => Some(&words.limits),
            Self::Restore(words) => Some(&words.limits),
            Self::Verify(words) => Some(&words.limits),
            Self::Rebuild(words) => Some(&words.limits),
            Self::Drill(words) => Some(&words.limits),
            Self::Diff(words) => Some(&words.limits),
            Self::Salvage(words) => Some(&words.limits),
            _ => None,
        }
    }
}

/// Capture a database, open or closed, without stopping its writer
///
/// Takes an increment where the chain can go on, else a full backup, and says which and why.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  apograph backup people.grafeo --repo backups")]
pub(crate) struct Backup {
    /// The database file; its log is the folder DB.wal
    #[arg(value_name = "DB")]
    pub(crate) database: PathBuf,
    /// The backup repository: a folder, made where nothing is, or a vault
    #[arg(short, long, value_name = "REPO", value_parser = repository())]
    pub(crate) repo: Location,
    /// Fail where REPO is not a repository already
    #[arg(long)]
    pub(crate) existing: bool,
    /// Take a full backup
    #[arg(long, conflicts_with = "incremental")]
    pub(crate) full: bool,
    /// Take an increment, or fail
    #[arg(long)]
    pub(crate) incremental: bool,
    #[command(flatten)]
    pub(crate) identity: IdentityArgs,
    #[command(flatten)]
    pub(crate) recipients: RecipientArgs,
    #[command(flatten)]
    pub(crate) limits: Limits,
}

/// Write the database at exactly the state asked for, or write nothing
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  apograph restore backups copy.grafeo
  apograph restore backups copy.grafeo --epoch 57
  apograph restore backups copy.grafeo --before-epoch 2:12 --dry-run
  apograph restore backups copy.grafeo --time 2026-11-21T03:00:00Z")]
pub(crate) struct Restore {
    #[command(flatten)]
    pub(crate) way: RestoreArgs,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// Verify everything and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) limits: Limits,
}

/// From where, and to where.
#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// The backup repository
    #[arg(value_name = "REPO", value_parser = repository())]
    pub(crate) repo: Location,
    #[command(flatten)]
    pub(crate) identity: IdentityArgs,
    /// The database to create; nothing may stand there
    #[arg(value_name = "OUTPUT")]
    pub(crate) output: PathBuf,
}

/// Show the chain: backups, epochs, sizes, times, what can be restored, and gaps
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  apograph list backups")]
pub(crate) struct List {
    /// The backup repository
    #[arg(value_name = "REPO", value_parser = repository())]
    pub(crate) repo: Location,
    #[command(flatten)]
    pub(crate) identity: IdentityArgs,
}

/// Show the commits in a repository, in log order
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  apograph log backups --from 42 --to 60\n  apograph log backups --kind delete_node --reverse --limit 5"
)]
pub(crate) struct Log {
    /// The backup repository
    #[arg(value_name = "REPO", value_parser = repository())]
    pub(crate) repo: Location,
    #[command(flatten)]
    pub(crate) identity: IdentityArgs,
    /// Leave out commits before this epoch
    #[arg(long, value_name = "[T:]E[+K]")]
    pub(crate) from: Option<PointName>,
    /// Leave out commits after this epoch
    #[arg(long, value_name = "[T:]E[+K]")]
    pub(crate) to: Option<PointName>,
    /// Leave out commits that were made before an instant
    ///
    /// A commit of Grafeo 0.5 does not say when it was made: it is left out where it was captured
    /// before the instant.
    #[arg(long, value_name = "RFC3339", value_parser = instant)]
    pub(crate) since: Option<UnixMillis>,
    /// Leave out commits that were made after an instant
    ///
    /// One of Grafeo 0.5 is left out where a capture after the instant did not find it yet.
    #[arg(long, value_name = "RFC3339", value_parser = instant)]
    pub(crate) until: Option<UnixMillis>,
    #[command(flatten)]
    pub(crate) sought: RecordArgs,
    /// Show what each commit changes, a line for each record that is asked for
    #[arg(long)]
    pub(crate) records: bool,
    /// Print an object on a line of its own for each commit, and one for all at the end
    #[arg(long, conflicts_with = "json")]
    pub(crate) json_lines: bool,
    /// Show no more than so many commits
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    /// Show the last commit first
    #[arg(long)]
    pub(crate) reverse: bool,
}

/// Tell what one file or object is and holds
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  apograph inspect backups/backup_incr_0001.wal")]
pub(crate) struct Inspect {
    /// A segment, manifest, cursor, database file or log file; or a vault, or an object of one
    #[arg(value_name = "FILE", value_parser = inspected())]
    pub(crate) file: Inspected,
}

impl Inspect {
    fn locations(&self) -> Vec<Location> {
        let Inspected::Stored(at) = &self.file else {
            return Vec::new();
        };
        let object = at.object.iter().map(|(store, _)| store);
        object
            .chain([&at.vault])
            .cloned()
            .map(Location::store)
            .collect()
    }
}

/// Make the manifest, or the catalog of a vault, anew of what is left
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  apograph rebuild backups --dry-run")]
pub(crate) struct Rebuild {
    /// The backup repository
    #[arg(value_name = "REPO", value_parser = repository())]
    pub(crate) repo: Location,
    /// Show what it would be and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) identity: IdentityArgs,
    #[command(flatten)]
    pub(crate) recipients: RecipientArgs,
    #[command(flatten)]
    pub(crate) limits: Limits,
}

/// Show how far behind its database a repository is, and whether a limit is passed
///
/// Exits with 10 where one is: for a timer, or a watchdog. Opens no segment, and writes nothing.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  apograph status backups --db people.grafeo --max-lag 15m --max-age 26h --max-unverified 8d
  apograph status --config apograph.toml
  apograph status s3://bucket/people --prometheus > /var/lib/node_exporter/people.prom")]
pub(crate) struct StatusOf {
    /// The backup repository
    #[arg(value_name = "REPO", value_parser = repository(), required_unless_present = "config")]
    pub(crate) repo: Option<Location>,
    /// Look at what a file names, with the limits that it has
    #[arg(long, value_name = "FILE", conflicts_with_all = ["repo", "db", "max_lag", "max_age", "max_unverified"])]
    pub(crate) config: Option<PathBuf>,
    /// Look into this database too, for what is in no backup yet
    #[arg(long, value_name = "DB")]
    pub(crate) db: Option<PathBuf>,
    /// For how long there may be commits that are in no backup: 90s, 15m, 26h, 8d
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) max_lag: Option<Duration>,
    /// How old the last full backup may be
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) max_age: Option<Duration>,
    /// For how long a segment may be unverified
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) max_unverified: Option<Duration>,
    /// Print the figures for Prometheus
    #[arg(long, conflicts_with = "json")]
    pub(crate) prometheus: bool,
}

/// Prove that a restore works: restore into a fresh folder, open what came, and remove it again
///
/// Without `--exec` the files are read whole: headers, sections, every commit of the log. Exits with 11
/// where they are not what was restored, or the command fails on them. What was found is noted, and
/// `status` tells it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  apograph drill backups
  apograph drill backups --exec 'grafeo info {}'
  apograph drill s3://bucket/people --exec 'grafeo query {} \"MATCH (n) RETURN count(n)\"' --expect 4711")]
pub(crate) struct DrillOf {
    /// The backup repository
    #[arg(value_name = "REPO", value_parser = repository())]
    pub(crate) repo: Location,
    #[command(flatten)]
    pub(crate) identity: IdentityArgs,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// Run this on the restored database, whose path `{}` stands for; no shell reads it
    #[arg(long, value_name = "COMMAND", value_parser = words)]
    pub(crate) exec: Option<Words>,
    /// What has to be in its output, not as a part of a longer word or number
    #[arg(long, value_name = "TEXT", requires = "exec")]
    pub(crate) expect: Option<String>,
    /// How long it may run
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = period)]
    pub(crate) timeout: Duration,
    /// Where the folder is made for it [default: that of `TMPDIR`]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) dir: Option<PathBuf>,
    /// Leave the restored database there
    #[arg(long)]
    pub(crate) keep: bool,
    #[command(flatten)]
    pub(crate) limits: Limits,
}

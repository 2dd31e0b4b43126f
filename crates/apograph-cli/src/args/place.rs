//! The words of the commands that make a repository, copy one, and keep a vault: `apograph init`,
//! `copy`, `recipients` and `compact`.

use apograph_repository::Location;
use apograph_repository::vault::Packing;
use clap::{Args, Subcommand};

use super::values::{compress, repository};
use super::{IdentityArgs, Limits, RecipientArgs};

/// Make a backup repository of an empty folder, or in a new one
///
/// `backup` makes a repository by itself where nothing is. In a folder that is there it does not:
/// an empty one may be where a disk is not mounted.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  apograph init /mnt/disk/backups
  apograph init /mnt/disk/vault --vault
  apograph init s3://bucket/people --recipients-file keys.pub")]
pub(crate) struct Init {
    /// The folder; the one that holds it has to be there
    #[arg(value_name = "REPO", value_parser = repository())]
    pub(crate) repo: Location,
    /// Make a vault: for object stores, long histories, encryption
    #[arg(long)]
    pub(crate) vault: bool,
    #[command(flatten)]
    pub(crate) recipients: RecipientArgs,
}

/// Copy what one repository lacks of another; either can be a vault
///
/// Every segment is checked, written and read back before it is named. What is copied to has to be
/// empty, or to hold the same history. Where nothing is a folder is made.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  apograph copy backups /mnt/disk/vault
  apograph copy /mnt/disk/vault /srv/backups")]
pub(crate) struct Copy {
    /// The repository, or the vault
    #[arg(value_name = "FROM", value_parser = repository())]
    pub(crate) from: Location,
    /// A repository in a folder, or a path where nothing is; or a vault, made by
    /// `apograph init TO --vault`
    #[arg(value_name = "TO", value_parser = repository())]
    pub(crate) to: Location,
    /// How hard to pack what goes into a vault: `none`, or 1 (fast) to 19 (small); by default 1 for
    /// the log and 3 for full backups
    #[arg(long, value_name = "LEVEL", value_parser = compress)]
    pub(crate) compress: Option<Packing>,
    #[command(flatten)]
    pub(crate) identity: IdentityArgs,
    #[command(flatten)]
    pub(crate) recipients: RecipientArgs,
    #[command(flatten)]
    pub(crate) limits: Limits,
}

/// Show or change for whom a vault encrypts what is added to it
///
/// A change holds from then on: what is there stays as it is.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  apograph recipients s3://bucket/people
  apograph recipients s3://bucket/people add age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj")]
pub(crate) struct RecipientsOf {
    /// The vault
    #[arg(value_name = "REPO", value_parser = repository())]
    pub(crate) repo: Location,
    #[command(subcommand)]
    pub(crate) action: Option<RecipientAction>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RecipientAction {
    /// Encrypt for these too
    Add {
        /// Public keys
        #[arg(value_name = "KEY", required = true)]
        keys: Vec<String>,
    },
    /// Encrypt no longer for these
    Remove {
        /// Public keys
        #[arg(value_name = "KEY", required = true)]
        keys: Vec<String>,
    },
}

/// Merge the small increments of a vault, and delete what nothing needs any more
///
/// Increments of the same 30 seconds, 5 minutes, hour or day become one, once that time is over. Every
/// commit stays restorable. What they were merged from is deleted a day later.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  apograph compact /mnt/disk/vault")]
pub(crate) struct Compact {
    /// The vault
    #[arg(value_name = "REPO", value_parser = repository())]
    pub(crate) repo: Location,
    #[command(flatten)]
    pub(crate) identity: IdentityArgs,
    #[command(flatten)]
    pub(crate) recipients: RecipientArgs,
    #[command(flatten)]
    pub(crate) limits: Limits,
}

//! The words of `apograph verify`.

use apograph_repository::Location;
use apograph_restore::Level;
use clap::{Args, ValueEnum};

use super::values::repository;
use super::{IdentityArgs, Limits};

/// Check every file, frame, commit group and link of a repository
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  apograph verify backups
  apograph verify backups --level files
  apograph verify vault --level objects
  apograph verify backups --new")]
pub(crate) struct Verify {
    /// The backup repository
    #[arg(value_name = "REPO", value_parser = repository())]
    pub(crate) repo: Location,
    #[command(flatten)]
    pub(crate) identity: IdentityArgs,
    /// How deep to look
    #[arg(long, value_enum, default_value_t = LevelArg::Frames)]
    pub(crate) level: LevelArg,
    /// Pass over what was verified as deep before, and has not changed since
    ///
    /// This relies on the files' sizes and times, which rot does not change: verify without it from
    /// time to time.
    #[arg(long)]
    pub(crate) new: bool,
    #[command(flatten)]
    pub(crate) limits: Limits,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LevelArg {
    /// Every object of a vault against its size and hash, without unpacking it; of a folder as files
    Objects,
    /// Every file against its size and checksum
    Files,
    /// Every frame, commit group, epoch and link too
    Frames,
}

impl LevelArg {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Objects => "objects",
            Self::Files => "files",
            Self::Frames => "frames",
        }
    }
}

impl From<LevelArg> for Level {
    fn from(level: LevelArg) -> Self {
        match level {
            LevelArg::Objects => Self::Objects,
            LevelArg::Files => Self::Files,
            LevelArg::Frames => Self::Frames,
        }
    }
}
